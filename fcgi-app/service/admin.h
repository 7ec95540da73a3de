/*
 * admin.h: people as administrators make, change and remove them; nobody sees or sets a password hash here.
 *
 * `by` is who acts. In the transaction that makes a change it is looked at once more whether he may: ERR_TOKEN and
 * ERR_FORBIDDEN. The latter also where the user whom it concerns holds permissions that he does not hold, or is an administrator
 * and he is none: else a helpdesk could take over an administrator's account by changing its address. ERR_NOT_FOUND: there is no such user. Besides these
 * and what is named: ERR_DB, ERR_INTERNAL.
 */
#ifndef LATCH_SERVICE_ADMIN_H
#define LATCH_SERVICE_ADMIN_H

#include "db/user_admin.h"
#include "service/account.h"

/* Makes an account, as account_register does; without a password it is "pending", and nothing signs in to it. ERR_FIELDS and
 * ERR_CONFLICT as there; ERR_BUSY. *out comes without the hash. */
enum err admin_create(struct app *app, const struct uuid *by, const struct registration *in, struct user *out,
                      struct reason *why) MUST_USE;

enum err admin_find(struct app *app, const struct uuid *id, struct user *out, struct reason *why) MUST_USE;
/* Only whether there is one. */
enum err admin_is_user(struct app *app, const struct uuid *id, struct reason *why) MUST_USE;

/* Changes an account, all of it or nothing; *out is what it then is. To disable it ends its sessions; to make it active
 * forgets failed log-ins. ERR_CONFLICT: why names each of email and username that is taken. ERR_LAST_ADMIN. */
enum err admin_change(struct app *app, const struct uuid *by, const struct uuid *id,
                      const struct account_change *change, struct user *out, struct reason *why) MUST_USE;

/* ERR_LAST_ADMIN. */
enum err admin_delete(struct app *app, const struct uuid *by, const struct uuid *id, struct reason *why) MUST_USE;

/* Ends all of a user's sessions. */
enum err admin_end_sessions(struct app *app, const struct uuid *by, const struct uuid *id, struct reason *why) MUST_USE;

#endif
