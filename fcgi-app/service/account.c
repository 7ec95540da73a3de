#include "service/account.h"

#include <stdio.h>
#include <string.h>

#include "auth/password.h"
#include "core/text.h"
#include "db/sessions.h"
#include "service/role.h"

/* ---- The rules for passwords ----------------------------------------------------------------------------------- */

static bool
same(struct str password, const char *other)
{
	return other[0] != '\0' && str_eq_nocase(password, str_of(other));
}

/* NIST SP 800-63B, 5.1.1.2: length and a list of common values, no rules of composition. */
enum err
account_check_password(const struct app *app, const struct user *user, struct str password, const char *field,
                       struct reason *why)
{
	const long points = utf8_length(password);

	if (points < 0)
		return reason_field(why, field, "invalid", "must be UTF-8 text without NUL");
	if ((uint64_t)points < app->config.password_min)
		return reason_field(why, field, "too_short", "is too short");
	if (points > PASSWORD_POINTS_MAX || password.n > PASSWORD_BYTES_MAX)
		return reason_field(why, field, "too_long", "may have at most 256 characters");
	if (same(password, user->email) || same(password, user->username) || same(password, app->config.service_name))
		return reason_field(why, field, "forbidden",
		                    "must not be the e-mail address, the user name or this service's name");
	if (common_passwords_has(&app->common, password))
		return reason_field(why, field, "common", "is one that everybody tries first");
	return OK;
}

/* ---- Registering ----------------------------------------------------------------------------------------------- */

/* All of them at once: a client should not have to try again to learn of the second. */
enum err
account_name_taken(struct app *app, const struct user *user, enum err otherwise, struct reason *why)
{
	struct users_taken taken = { false, false };
	const struct str email = user->email[0] != '\0' ? str_of(user->email) : (struct str){ 0 };
	const struct str username = user->username[0] != '\0' ? str_of(user->username) : (struct str){ 0 };
	const enum err err = users_taken(app->db, email, username, &user->id, &taken);

	if (err != OK)
		return err;
	if (taken.email)
		(void)reason_field(why, "email", "taken", "is registered already");
	if (taken.username)
		(void)reason_field(why, "username", "taken", "is somebody else's");
	return taken.email || taken.username ? ERR_CONFLICT : otherwise;
}

bool
account_copy(const struct registration *in, struct user *out)
{
	*out = (struct user){ .id = uuid_new() };
	return str_copy(out->email, sizeof(out->email), in->email)
	    && str_copy(out->username, sizeof(out->username), in->username)
	    && str_copy(out->name, sizeof(out->name), in->name)
	    && str_copy(out->phone_number, sizeof(out->phone_number), in->phone_number);
}

void
account_check_registration(const struct app *app, const struct registration *in, struct reason *why)
{
	struct user user;

	if (in->password.p != NULL && account_copy(in, &user))
		(void)account_check_password(app, &user, in->password, "password", why);
}

/* Who has just proved himself, or made his account, is who acts; at the command line it is nobody. */
static const struct uuid *
himself(const struct app *app, const struct uuid *user)
{
	return app->acting.request && app->acting.user == NULL ? user : NULL;
}

struct new_user {
	struct app *app;
	const struct user *user;
};

static enum err
write_user(struct db *db, void *argument)
{
	const struct new_user *new = argument;
	const struct uuid *id = &new->user->id;
	const struct audit_entry entry = { .event = AUDIT_REGISTER, .actor = himself(new->app, id), .subject = id };
	const enum err err = users_insert(db, new->user);

	return err == OK ? audit_write(new->app, &entry) : err;
}

enum err
account_register(struct app *app, const struct registration *in, const struct address *from, struct user *out,
                 struct reason *why)
{
	if (!account_copy(in, out))
		return ERR_INTERNAL;
	enum err err = account_check_password(app, out, in->password, "password", why);
	/* Whatever comes of it: that a name is taken is worth asking about, too. */
	if (err == OK)
		err = throttle_register(app, from, why);
	/* Asked before the hash, so that a taken name costs no lane; the unique keys decide. */
	if (err == OK)
		err = account_name_taken(app, out, OK, why);
	if (err == OK)
		err = password_hash(&app->hasher, in->password, out->password_hash);
	if (err == OK)
		err = db_transaction(app->db, write_user, &(struct new_user){ app, out });
	if (err == ERR_DUPLICATE)
		return account_name_taken(app, out, ERR_DB, why); /* gone again already: try again */
	if (err != OK)
		return err;
	const struct uuid id = out->id;
	err = users_by_id(app->db, &id, out);
	explicit_bzero(out->password_hash, sizeof(out->password_hash)); /* nobody asks for it */
	return err;
}

/* ---- Changing -------------------------------------------------------------------------------------------------- */

struct profile_work {
	struct app *app;
	const struct uuid *id;
	const struct profile_change *change;
};

/* The names of what is changed, with commas. */
static struct str
changed_names(const struct profile_change *change, char out[AUDIT_TARGET_SIZE])
{
	const int n = snprintf(out, AUDIT_TARGET_SIZE, "%s%s%s", change->username.state != MAYBE_ABSENT ? ",username" : "",
	                       change->name.state != MAYBE_ABSENT ? ",name" : "",
	                       change->phone_number.state != MAYBE_ABSENT ? ",phone_number" : "");

	return n > 0 ? str_of(out + 1) : (struct str){ 0 };
}

static enum err
write_profile(struct db *db, void *argument)
{
	const struct profile_work *work = argument;
	char names[AUDIT_TARGET_SIZE];
	const struct audit_entry entry = { .event = AUDIT_PROFILE,
		                               .subject = work->id,
		                               .target = changed_names(work->change, names) };
	const enum err err = users_change_profile(db, work->id, work->change);

	return err == OK && entry.target.p != NULL ? audit_write(work->app, &entry) : err;
}

enum err
account_change_profile(struct app *app, struct user *user, const struct profile_change *change, struct reason *why)
{
	const struct uuid id = user->id;
	const enum err err = db_transaction(app->db, write_profile, &(struct profile_work){ app, &id, change });

	if (err == OK)
		return users_by_id(app->db, &id, user);
	if (err != ERR_DUPLICATE)
		return err;
	struct user wanted = { .id = id };
	if (!str_copy(wanted.username, sizeof(wanted.username), change->username.value))
		return ERR_INTERNAL;
	return account_name_taken(app, &wanted, ERR_DB, why);
}

/* ---- Passwords, and who may be in -------------------------------------------------------------------------------- */

struct password_change {
	struct app *app;
	const struct user *user;
	const char *hash;
	const struct uuid *session;
	struct throttle_subject throttle;
};

static enum err
write_password(struct db *db, void *argument)
{
	const struct password_change *change = argument;
	enum err err = users_set_password(db, change->user, change->session, change->hash);

	if (err == OK)
		err = throttles_delete(db, &change->throttle);
	if (err == OK)
		err = sessions_end_all(db, &change->user->id, change->session, SESSION_PASSWORD_CHANGED);
	if (err != OK)
		return err;
	return audit_write(change->app, &(struct audit_entry){ .event = AUDIT_PASSWORD, .subject = &change->user->id });
}

enum err
account_set_password(struct app *app, const struct user *user, struct str password, const char *field,
                     const struct uuid *session, struct reason *why)
{
	char hash[PHC_SIZE];
	enum err err = account_check_password(app, user, password, field, why);

	if (err == OK)
		err = password_hash(&app->hasher, password, hash);
	if (err != OK)
		return err;
	struct password_change change = { .app = app, .user = user, .hash = hash, .session = session };
	err = throttle_account_subject(app, &user->id, &change.throttle);
	if (err == OK)
		err = db_transaction(app->db, write_password, &change);
	explicit_bzero(hash, sizeof(hash));
	return err;
}

enum err
account_disable(struct db *db, const struct uuid *id, const char *roles)
{
	enum err err = role_spare_admin(db, id, roles);

	if (err == OK)
		err = users_set_status(db, id, "disabled");
	return err == OK ? sessions_end_all(db, id, NULL, SESSION_DISABLED) : err;
}
struct status_change {
	struct app *app;
	const struct uuid *id;
	struct throttle_subject throttle;
};

static enum err
disable(struct db *db, void *argument)
{
	const struct status_change *change = argument;
	const struct uuid *id = change->id;
	const struct audit_entry entry = { .event = AUDIT_DISABLE, .subject = id };
	struct holder user;
	enum err err = roles_lock(db);

	if (err == OK)
		err = roles_holder(db, id, &user);
	if (err == OK)
		err = account_disable(db, id, user.roles);
	return err == OK ? audit_write(change->app, &entry) : err;
}

static enum err
enable(struct db *db, void *argument)
{
	const struct status_change *change = argument;
	const struct audit_entry entry = { .event = AUDIT_ENABLE, .subject = change->id };
	enum err err = users_set_status(db, change->id, "active");

	if (err == OK)
		err = throttles_delete(db, &change->throttle);
	return err == OK ? audit_write(change->app, &entry) : err;
}

enum err
account_set_enabled(struct app *app, const struct uuid *id, bool enabled)
{
	struct status_change change = { .app = app, .id = id };
	const enum err err = throttle_account_subject(app, id, &change.throttle);

	return err == OK ? db_transaction(app->db, enabled ? enable : disable, &change) : err;
}

enum err
account_find_by_name(struct app *app, struct str who, struct user *out)
{
	if (is_email(who))
		return users_by_email(app->db, who, out);
	/* What can be nobody's name is not asked for: the columns are ASCII, and would compare without trailing blanks. */
	return is_username(who) ? users_by_username(app->db, who, out) : ERR_NO_ROW;
}

enum err
account_find(struct app *app, struct str who, struct user *out)
{
	struct uuid id;

	if (uuid_parse(who, &id))
		return users_by_id(app->db, &id, out);
	return account_find_by_name(app, who, out);
}

struct deletion {
	struct app *app;
	const struct user *user;
	const struct uuid *session;
	struct throttle_subject throttle;
};

enum err
account_erase(struct db *db, const struct user *user, const struct uuid *session,
              const struct throttle_subject *throttle)
{
	enum err err = role_spare_admin(db, &user->id, user->roles);

	if (err == OK)
		err = users_delete(db, user, session);
	if (err == OK)
		err = throttles_delete(db, throttle);
	/* Afterwards: a log-in waits for the user's row, and then finds none. */
	return err == OK ? sessions_disown(db, &user->id) : err;
}

static enum err
delete_row(struct db *db, void *argument)
{
	const struct deletion *deletion = argument;
	const struct user *user = deletion->user;
	enum err err = user->roles[0] != '\0' ? roles_lock(db) : OK;

	if (err == OK)
		err = account_erase(db, user, deletion->session, &deletion->throttle);
	if (err != OK)
		return err;
	return audit_write(deletion->app, &(struct audit_entry){ .event = AUDIT_DELETE, .subject = &user->id });
}

enum err
account_delete(struct app *app, const struct user *user, const struct uuid *session)
{
	struct deletion deletion = { .app = app, .user = user, .session = session };
	const enum err err = throttle_account_subject(app, &user->id, &deletion.throttle);

	return err != OK ? err : db_transaction(app->db, delete_row, &deletion);
}

enum err
account_list(struct app *app, struct str after, struct user *out, size_t max, size_t *n_out)
{
	return users_list(app->db, after, out, max, n_out);
}
