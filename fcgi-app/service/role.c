#include "service/role.h"

/* ---- Who may ------------------------------------------------------------------------------------------------------ */

enum err
role_actor(struct db *db, const struct uuid *by, struct str permission, struct holder *out)
{
	if (by == NULL) {
		*out = (struct holder){ .roles = ROLE_ADMIN };
		return OK;
	}
	const enum err err = roles_holder(db, by, out);
	if (err != OK)
		return err == ERR_NO_ROW ? ERR_TOKEN : err;
	if (!str_eq(str_of(out->status), STR("active")))
		return ERR_TOKEN;
	return permits(out->roles, out->permissions, permission) ? OK : ERR_FORBIDDEN;
}

enum err
role_covers(const struct holder *actor, const char *roles, const char *permissions, struct reason *why)
{
	struct str rest = str_of(permissions);

	/* Admin permits what there will be, too: to hold all that there is now is not as much. */
	if (words_have(str_of(roles), STR(ROLE_ADMIN)) && !words_have(str_of(actor->roles), STR(ROLE_ADMIN))) {
		why->detail = "This concerns the role admin, which you do not have yourself.";
		return ERR_FORBIDDEN;
	}
	while (rest.n > 0)
		if (!permits(actor->roles, actor->permissions, str_cut(&rest, ','))) {
			why->detail = "This concerns permissions that you do not hold yourself.";
			return ERR_FORBIDDEN;
		}
	return OK;
}

enum err
role_spare_admin(struct db *db, const struct uuid *user, const char *roles)
{
	uint32_t others;

	if (!words_have(str_of(roles), STR(ROLE_ADMIN)))
		return OK;
	const enum err err = roles_other_admins(db, user, &others);
	return err == OK && others == 0 ? ERR_LAST_ADMIN : err;
}

/* ---- What all of them need ---------------------------------------------------------------------------------------- */

struct role_work {
	struct app *app;
	const struct uuid *by, *user;
	struct str name;
	const struct role_change *change;
	struct role *role; /* as it was, and afterwards as it is */
	struct reason *why;
};

static enum err
not_found(struct reason *why, const char *detail)
{
	why->detail = detail;
	return ERR_NOT_FOUND;
}

static enum err
conflict(struct reason *why, const char *field, const char *code, const char *detail)
{
	(void)reason_field(why, field, code, detail);
	return ERR_CONFLICT;
}

/* The end of each change. */
static enum err
note(const struct role_work *work, enum audit_event event)
{
	return audit_write(work->app, &(struct audit_entry){ .event = event, .subject = work->user, .target = work->name });
}

/* A line for each permission that is among `now` and not among `before`. */
static enum err
note_each(const struct role_work *work, enum audit_event event, const char *now, const char *before)
{
	char text[PERMISSIONS_MAX][AUDIT_TARGET_SIZE];
	struct str each[PERMISSIONS_MAX], rest = str_of(now);
	struct audit_entry entry = { .event = event, .targets = { each, 0 } };

	while (rest.n > 0 && entry.targets.n < PERMISSIONS_MAX) {
		const struct str one = str_cut(&rest, ',');
		char *target = text[entry.targets.n];
		if (words_have(str_of(before), one))
			continue;
		(void)snprintf(target, AUDIT_TARGET_SIZE, "%.*s %.*s", (int)work->name.n, work->name.p, (int)one.n, one.p);
		each[entry.targets.n++] = str_of(target);
	}
	return audit_write(work->app, &entry);
}

/* By exactly this name: the column compares without trailing blanks, and all else here compares with them. */
static enum err
find(struct db *db, struct str name, struct role *out, struct reason *why)
{
	const enum err err = roles_by_name(db, name, out);
	const bool other = err == OK && !str_eq(str_of(out->name), name);

	return err == ERR_NO_ROW || other ? not_found(why, "There is no such role.") : err;
}

/* The lock, the role, and whether whoever acts holds what it permits. */
static enum err
begin(struct db *db, const struct role_work *work, struct holder *actor)
{
	enum err err = roles_lock(db);

	if (err == OK)
		err = find(db, work->name, work->role, work->why);
	if (err == OK)
		err = role_actor(db, work->by, STR("roles:write"), actor);
	return err == OK ? role_covers(actor, work->role->name, work->role->permissions, work->why) : err;
}

/* The same for what changes the role itself. */
static enum err
begin_change(struct db *db, const struct role_work *work, struct holder *actor)
{
	if (str_eq(work->name, STR(ROLE_ADMIN)))
		return conflict(work->why, "name", "built_in", "admin can be neither changed nor removed");
	return begin(db, work, actor);
}

/* As words. */
static bool
join(const struct strs *all, char out[PERMISSIONS_SIZE])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < all->n; i++) {
		if (at + 1 + all->p[i].n >= PERMISSIONS_SIZE)
			return false;
		if (i > 0)
			out[at++] = ',';
		if (!str_copy(out + at, PERMISSIONS_SIZE - at, all->p[i]))
			return false;
		at += all->p[i].n;
	}
	return true;
}

/* Those that the role has. */
static enum err
write_permissions(struct db *db, const struct role_work *work, const struct holder *actor, const struct strs *wanted)
{
	struct roles_count count;
	char words[PERMISSIONS_SIZE];
	enum err err = join(wanted, words) ? role_covers(actor, "", words, work->why) : ERR_INTERNAL;

	if (err == OK && wanted->n > 0)
		err = roles_permit(db, work->name, str_of(words));
	if (err == OK)
		err = roles_tidy(db);
	if (err == OK)
		err = roles_count(db, &count);
	if (err == OK && count.permissions > PERMISSIONS_MAX)
		return conflict(work->why, "permissions", "too_many",
		                "are more than 100 different ones, in all roles together");
	return err == OK ? roles_by_name(db, work->name, work->role) : err;
}

/* ---- Roles -------------------------------------------------------------------------------------------------------- */

static enum err
write_new(struct db *db, void *argument)
{
	const struct role_work *work = argument;
	const struct str description = work->change->description;
	struct roles_count count;
	struct holder actor;
	enum err err = roles_lock(db);

	if (err == OK)
		err = role_actor(db, work->by, STR("roles:write"), &actor);
	if (err == OK)
		err = roles_count(db, &count);
	if (err == OK && count.roles >= ROLES_MAX)
		return conflict(work->why, "name", "too_many", "would be one role more than the 1000 that there may be");
	if (err == OK)
		err = roles_insert(db, work->name, description.p != NULL ? description : STR(""));
	if (err == ERR_DUPLICATE)
		return conflict(work->why, "name", "taken", "is another role's");
	if (err == OK)
		err = write_permissions(db, work, &actor, &work->change->permissions);
	if (err == OK)
		err = note(work, AUDIT_ROLE_CREATE);
	return err == OK ? note_each(work, AUDIT_ROLE_PERMIT, work->role->permissions, "") : err;
}

enum err
role_create(struct app *app, const struct uuid *by, struct str name, const struct role_change *change, struct role *out,
            struct reason *why)
{
	struct role_work work = { .app = app, .by = by, .name = name, .change = change, .role = out, .why = why };

	return db_transaction(app->db, write_new, &work);
}

static bool
among(const struct strs *all, struct str one)
{
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->p[i], one))
			return true;
	return false;
}

/* What the role has, but for what the change takes; the texts are the role's as it was read. */
static struct strs
what_is_left(const struct role_change *change, const char *permissions, struct str room[PERMISSIONS_MAX])
{
	struct strs left = { room, 0 };
	struct str rest = str_of(permissions);

	while (rest.p != NULL && rest.n > 0 && left.n < PERMISSIONS_MAX) {
		const struct str one = str_cut(&rest, ',');
		if (!among(&change->permissions, one))
			room[left.n++] = one;
	}
	return left;
}

static enum err
write_change(struct db *db, void *argument)
{
	const struct role_work *work = argument;
	const struct role_change *change = work->change;
	struct str room[PERMISSIONS_MAX];
	struct strs wanted = change->permissions;
	struct role before;
	struct holder actor;
	enum err err = begin_change(db, work, &actor);

	if (err == OK)
		err = roles_change(db, work->name, change->description);
	if (err == OK && wanted.p == NULL) {
		err = roles_by_name(db, work->name, work->role);
		return err == OK ? note(work, AUDIT_ROLE_CHANGE) : err;
	}
	if (err != OK)
		return err;
	before = *work->role;
	if (change->how == ROLE_TAKE)
		wanted = what_is_left(change, before.permissions, room);
	if (change->how != ROLE_ADD)
		err = roles_permit_nothing(db, work->name);
	if (err == OK)
		err = write_permissions(db, work, &actor, &wanted);
	if (err == OK)
		err = note(work, AUDIT_ROLE_CHANGE);
	if (err == OK)
		err = note_each(work, AUDIT_ROLE_PERMIT, work->role->permissions, before.permissions);
	return err == OK ? note_each(work, AUDIT_ROLE_FORBID, before.permissions, work->role->permissions) : err;
}

enum err
role_patch(struct app *app, const struct uuid *by, struct str name, const struct role_change *change, struct role *out,
           struct reason *why)
{
	struct role_work work = { .app = app, .by = by, .name = name, .change = change, .role = out, .why = why };

	return db_transaction(app->db, write_change, &work);
}

static enum err
remove_role(struct db *db, void *argument)
{
	const struct role_work *work = argument;
	struct holder actor;
	uint32_t users;
	enum err err = begin_change(db, work, &actor);

	if (err == OK)
		err = roles_users(db, work->name, 1, &users);
	if (err == OK && users > 0)
		return conflict(work->why, "name", "in_use", "is a role that somebody has");
	if (err == OK)
		err = roles_delete(db, work->name);
	if (err == OK)
		err = roles_tidy(db);
	return err == OK ? note(work, AUDIT_ROLE_REMOVE) : err;
}

enum err
role_remove(struct app *app, const struct uuid *by, struct str name, struct reason *why)
{
	struct role role;
	struct role_work work = { .app = app, .by = by, .name = name, .role = &role, .why = why };

	return db_transaction(app->db, remove_role, &work);
}

enum err
role_find(struct app *app, struct str name, struct role *out, struct reason *why)
{
	return find(app->db, name, out, why);
}

enum err
role_list(struct app *app, struct str after, struct role *out, size_t max, size_t *n_out)
{
	return roles_list(app->db, after, out, max, n_out);
}

/* ---- Who has them ------------------------------------------------------------------------------------------------- */

static enum err
user_found(const struct role_work *work, enum err err)
{
	return err == ERR_NO_ROW ? not_found(work->why, "There is no such user.") : err;
}

static enum err
grant(struct db *db, void *argument)
{
	const struct role_work *work = argument;
	struct holder actor, user;
	enum err err = begin(db, work, &actor);

	if (err == OK)
		err = user_found(work, roles_holder(db, work->user, &user));
	if (err != OK || words_have(str_of(user.roles), work->name))
		return err;
	if (str_of(user.roles).n + 1 + work->name.n >= sizeof(user.roles))
		return conflict(work->why, "role", "too_many", "is one more than a user can have: their names do not fit");
	/* The lock of the roles keeps nobody without roles from removing his account meanwhile. */
	err = user_found(work, roles_grant(db, work->user, work->name));
	return err == OK ? note(work, AUDIT_ROLE_GRANT) : err;
}

enum err
role_grant(struct app *app, const struct uuid *by, const struct uuid *user, struct str name, struct reason *why)
{
	struct role role;
	struct role_work work = { .app = app, .by = by, .user = user, .name = name, .role = &role, .why = why };

	return db_transaction(app->db, grant, &work);
}

static enum err
revoke(struct db *db, void *argument)
{
	const struct role_work *work = argument;
	struct holder actor, user;
	enum err err = begin(db, work, &actor);

	if (err == OK)
		err = user_found(work, roles_holder(db, work->user, &user));
	if (err != OK || !words_have(str_of(user.roles), work->name))
		return err;
	if (str_eq(work->name, STR(ROLE_ADMIN)))
		err = role_spare_admin(db, work->user, user.roles);
	if (err == OK)
		err = user_found(work, roles_revoke(db, work->user, work->name));
	return err == OK ? note(work, AUDIT_ROLE_REVOKE) : err;
}

enum err
role_revoke(struct app *app, const struct uuid *by, const struct uuid *user, struct str name, struct reason *why)
{
	struct role role;
	struct role_work work = { .app = app, .by = by, .user = user, .name = name, .role = &role, .why = why };

	return db_transaction(app->db, revoke, &work);
}
