/*
 * account.h: what an account goes through: made, changed, given another password, removed. The API and latchctl both
 * call it. Each function: ERR_DB, ERR_BUSY and ERR_INTERNAL besides what is named; `why` gets what the caller may tell.
 */
#ifndef LATCH_SERVICE_ACCOUNT_H
#define LATCH_SERVICE_ACCOUNT_H

#include "core/address.h"
#include "db/users.h"
#include "service/app.h"

/* Valid values (core/text.h); absent: none. The password exactly as received. */
struct registration {
	struct str email, password, username, name, phone_number;
};

/* The rules for a password of this user (of whom email and username are read): OK, or ERR_FIELDS with a complaint about
 * `field`, which may be ignored where why is looked at. Costs microseconds. */
enum err account_check_password(const struct app *app, const struct user *user, struct str password, const char *field,
                                struct reason *why);
/* The same for a registration, of which members may be absent still. */
void account_check_registration(const struct app *app, const struct registration *in, struct reason *why);

/* Where somebody who has to prove himself comes from: what service/throttle.h counts by. */
struct proof_from {
	const struct address *address; /* NULL: not known */
	struct str device;             /* the cookie of service/device.h, as it was sent; may be absent */
};

/* ERR_FIELDS: the password is too short, too long, common, or the e-mail address, user name or service name.
 * ERR_CONFLICT: why names each of email and username that is taken. ERR_SLOW_DOWN: too many come from `from` (NULL: not
 * known, or an administrator). When it is OK *out comes without the password hash. */
enum err account_register(struct app *app, const struct registration *in, const struct address *from, struct user *out,
                          struct reason *why) MUST_USE;

/* Changes the row, and reads *user anew. ERR_CONFLICT: the user name is taken. ERR_NO_ROW: the user is gone. */
enum err account_change_profile(struct app *app, struct user *user, const struct profile_change *change,
                                struct reason *why) MUST_USE;

/* Tries a password: OK, ERR_CREDENTIALS, or ERR_DISABLED: it is right, and the account is not active. ERR_SLOW_DOWN: it was
 * not looked at, as there were too many wrong ones; why tells how long to wait. */
enum err account_prove(struct app *app, const struct user *user, struct str password, const struct proof_from *from,
                       struct reason *why) MUST_USE;
/* The same of a name that nobody has, of at most 254 code points: it costs the same, and is answered the same. */
enum err account_prove_nobody(struct app *app, struct str name, struct str password, const struct proof_from *from,
                              struct reason *why) MUST_USE;

/* Checks the current password of somebody who has a session. What is wrong counts for that session: a stolen token is no way
 * to try many, and strangers who guess do not keep its owner from a new password.
 * ERR_FIELDS: `current_password` is not it. ERR_SLOW_DOWN. */
enum err account_confirm(struct app *app, const struct user *user, struct str current, const struct uuid *session,
                         struct reason *why) MUST_USE;

/* ERR_FIELDS: the same, of a password that was the current one until a moment ago. */
enum err account_not_current(struct reason *why) MUST_USE;

/* Sets a password (and forgets failed log-ins) under the rules of account_register, and ends every session but the one that acts (NULL: an
 * administrator does, and all end). `field` is what why calls it. ERR_NO_ROW: the user is gone, or since he was read the
 * password was changed, or the acting session ended. */
enum err account_set_password(struct app *app, const struct user *user, struct str password, const char *field,
                              const struct uuid *session, struct reason *why) MUST_USE;

/* Disables an account and ends its sessions, or makes it active and forgets failed log-ins. ERR_NO_ROW; ERR_LAST_ADMIN. */
enum err account_set_enabled(struct app *app, const struct uuid *id, bool enabled) MUST_USE;

/* Finds a user by e-mail address or user name. ERR_NO_ROW. */
enum err account_find_by_name(struct app *app, struct str who, struct user *out) MUST_USE;
/* The same, or by id. */
enum err account_find(struct app *app, struct str who, struct user *out) MUST_USE;

/* Removes an account and all that is its user's. `session` and ERR_NO_ROW as with account_set_password; ERR_LAST_ADMIN. */
enum err account_delete(struct app *app, const struct user *user, const struct uuid *session) MUST_USE;

/* ---- For other services ------------------------------------------------------------------------------------------- */

/* A registration as a row with an id of its own, without password. False when a member does not fit, which its field table
 * has seen to. */
bool account_copy(const struct registration *in, struct user *out) MUST_USE;
/* ERR_CONFLICT: somebody else has this user's e-mail address or user name ("": not asked), and why names which; else
 * `otherwise`. */
enum err account_name_taken(struct app *app, const struct user *user, enum err otherwise, struct reason *why) MUST_USE;

/* Parts of account_set_enabled and account_delete, within a transaction; where the user has roles, it began with
 * roles_lock. ERR_LAST_ADMIN; ERR_NO_ROW. */
enum err account_disable(struct db *db, const struct uuid *id, const char *roles) MUST_USE;
enum err account_erase(struct db *db, const struct user *user, const struct uuid *session,
                       const struct throttle_subject *throttle) MUST_USE;

/* ---- For latchctl ------------------------------------------------------------------------------------------------- */

/* Up to max users with an id above `after` (absent: from the start), in the order of their ids. */
enum err account_list(struct app *app, struct str after, struct user *out, size_t max, size_t *n_out) MUST_USE;

#endif
