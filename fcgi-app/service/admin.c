#include "service/admin.h"

#include <stdio.h>
#include <string.h>

#include "auth/password.h"
#include "db/sessions.h"
#include "service/role.h"

struct admin_work {
	struct app *app;
	const struct uuid *by, *id;
	const struct account_change *change;
	struct user *user; /* as it was, and after a change as it is */
	struct throttle_subject throttle;
	struct reason *why;
};

/* The end of each change. */
static enum err
note(const struct admin_work *work, enum audit_event event, struct str target)
{
	return audit_write(work->app,
	                   &(struct audit_entry){ .event = event, .subject = &work->user->id, .target = target });
}

static enum err
found(enum err err, struct reason *why)
{
	if (err != ERR_NO_ROW)
		return err;
	why->detail = "There is no such user.";
	return ERR_NOT_FOUND;
}

/* ---- Looking ------------------------------------------------------------------------------------------------------ */

/* Nobody here asks for the hash. */
static enum err
read_user(struct db *db, const struct uuid *id, struct user *out)
{
	const enum err err = users_by_id(db, id, out);

	explicit_bzero(out->password_hash, sizeof(out->password_hash));
	return err;
}

enum err
admin_find(struct app *app, const struct uuid *id, struct user *out, struct reason *why)
{
	return found(read_user(app->db, id, out), why);
}

enum err
admin_is_user(struct app *app, const struct uuid *id, struct reason *why)
{
	struct holder holder;

	return found(roles_holder(app->db, id, &holder), why);
}

/* ---- Making ------------------------------------------------------------------------------------------------------- */

static enum err
write_new(struct db *db, void *argument)
{
	const struct admin_work *work = argument;
	struct holder actor;
	enum err err = roles_lock(db);

	if (err == OK)
		err = role_actor(db, work->by, STR("users:write"), &actor);
	if (err == OK)
		err = users_insert(db, work->user);
	return err == OK ? note(work, AUDIT_REGISTER, (struct str){ 0 }) : err;
}

enum err
admin_create(struct app *app, const struct uuid *by, const struct registration *in, struct user *out,
             struct reason *why)
{
	struct admin_work work = { .app = app, .by = by, .user = out, .why = why };
	enum err err = account_copy(in, out) ? OK : ERR_INTERNAL;

	if (err == OK && in->password.p != NULL)
		err = account_check_password(app, out, in->password, "password", why);
	/* Asked before the hash, so that a taken name costs no lane; the unique keys decide. */
	if (err == OK)
		err = account_name_taken(app, out, OK, why);
	if (err == OK && in->password.p != NULL)
		err = password_hash(&app->hasher, in->password, out->password_hash);
	if (err == OK)
		err = db_transaction(app->db, write_new, &work);
	if (err == ERR_DUPLICATE)
		return account_name_taken(app, out, ERR_DB, why); /* gone again already: try again */
	if (err != OK)
		return err;
	const struct uuid id = out->id;
	return read_user(app->db, &id, out);
}

/* ---- Changing ----------------------------------------------------------------------------------------------------- */

/* The lock, the user's row, and whether whoever acts may and holds what the user holds. */
static enum err
begin(struct db *db, const struct admin_work *work, struct str permission)
{
	struct holder actor, holder;
	enum err err = roles_lock(db);

	if (err == OK)
		err = user_admin_lock(db, work->id, work->user);
	if (err == OK)
		err = roles_holder(db, work->id, &holder);
	if (err != OK)
		return found(err, work->why);
	err = role_actor(db, work->by, permission, &actor);
	return err == OK ? role_covers(&actor, holder.roles, holder.permissions, work->why) : err;
}

/* Whether an account is made active that is so: nothing is done then, or whoever may do it could have wrong passwords forgotten
 * as fast as he guesses. */
static bool
stays_active(const struct admin_work *work)
{
	return str_eq(work->change->status, STR("active")) && str_eq(str_of(work->user->status), STR("active"));
}

static enum err
write_status(struct db *db, const struct admin_work *work)
{
	if (stays_active(work))
		return OK;
	if (str_eq(work->change->status, STR("disabled")))
		return account_disable(db, work->id, work->user->roles);
	const enum err err = users_set_status(db, work->id, "active");
	return err == OK ? throttles_delete(db, &work->throttle) : err;
}

/* A line of the profile where it is changed, and one of the status where that was. */
static enum err
note_change(const struct admin_work *work, bool stayed)
{
	const struct account_change *change = work->change;
	char names[AUDIT_TARGET_SIZE];
	const int n = snprintf(names, sizeof(names), "%s%s%s%s%s", change->email.p != NULL ? ",email" : "",
	                       change->email_verified.state != BOOL_ABSENT ? ",email_verified" : "",
	                       change->profile.username.state != MAYBE_ABSENT ? ",username" : "",
	                       change->profile.name.state != MAYBE_ABSENT ? ",name" : "",
	                       change->profile.phone_number.state != MAYBE_ABSENT ? ",phone_number" : "");
	const bool disabled = str_eq(change->status, STR("disabled"));
	const enum err err = n > 0 ? note(work, AUDIT_PROFILE, str_of(names + 1)) : OK;

	if (err != OK || change->status.p == NULL || stayed)
		return err;
	return note(work, disabled ? AUDIT_DISABLE : AUDIT_ENABLE, (struct str){ 0 });
}

static enum err
write_change(struct db *db, void *argument)
{
	const struct admin_work *work = argument;
	enum err err = begin(db, work, STR("users:write"));

	/* As it was, before it is read anew. */
	const bool stayed = err == OK && stays_active(work);
	const bool waited = err == OK && str_eq(str_of(work->user->status), STR("pending"));
	if (err == OK)
		err = user_admin_change(db, work->id, work->change);
	if (err == OK && work->change->status.p != NULL)
		err = write_status(db, work);
	if (err == OK)
		err = read_user(db, work->id, work->user);
	if (err == OK && waited && str_eq(work->change->status, STR("active"))
	    && str_eq(str_of(work->user->status), STR("pending"))) {
		(void)reason_field(work->why, "status", "no_password", "cannot be active without a password");
		err = ERR_CONFLICT;
	}
	return err == OK ? note_change(work, stayed) : err;
}

enum err
admin_change(struct app *app, const struct uuid *by, const struct uuid *id, const struct account_change *change,
             struct user *out, struct reason *why)
{
	struct admin_work work = { .app = app, .by = by, .id = id, .change = change, .user = out, .why = why };
	struct user wanted = { .id = *id };
	enum err err = throttle_account_subject(app, id, &work.throttle);

	if (err == OK)
		err = db_transaction(app->db, write_change, &work);
	explicit_bzero(out->password_hash, sizeof(out->password_hash));
	if (err != ERR_DUPLICATE)
		return err;
	if (!str_copy(wanted.email, sizeof(wanted.email), change->email)
	    || !str_copy(wanted.username, sizeof(wanted.username), change->profile.username.value))
		return ERR_INTERNAL;
	return account_name_taken(app, &wanted, ERR_DB, why); /* gone again already: try again */
}

/* ---- Removing, and ending sessions -------------------------------------------------------------------------------- */

static enum err
delete_row(struct db *db, void *argument)
{
	const struct admin_work *work = argument;
	enum err err = begin(db, work, STR("users:write"));

	if (err == OK)
		err = account_erase(db, work->user, NULL, &work->throttle);
	return err == OK ? note(work, AUDIT_DELETE, (struct str){ 0 }) : err;
}

enum err
admin_delete(struct app *app, const struct uuid *by, const struct uuid *id, struct reason *why)
{
	struct user user = { .id = *id };
	struct admin_work work = { .app = app, .by = by, .id = id, .user = &user, .why = why };
	enum err err = throttle_account_subject(app, id, &work.throttle);

	if (err == OK)
		err = db_transaction(app->db, delete_row, &work);
	explicit_bzero(&user, sizeof(user));
	return err;
}

static enum err
end_sessions(struct db *db, void *argument)
{
	const struct admin_work *work = argument;
	enum err err = begin(db, work, STR("sessions:write"));

	if (err == OK)
		err = sessions_end_all(db, work->id, NULL, SESSION_BY_ADMIN);
	return err == OK ? note(work, AUDIT_END_ALL, (struct str){ 0 }) : err;
}

enum err
admin_end_sessions(struct app *app, const struct uuid *by, const struct uuid *id, struct reason *why)
{
	struct user user = { .id = *id };
	struct admin_work work = { .app = app, .by = by, .id = id, .user = &user, .why = why };
	const enum err err = db_transaction(app->db, end_sessions, &work);

	explicit_bzero(&user, sizeof(user));
	return err;
}
