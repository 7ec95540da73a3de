#include "db/roles.h"

static const struct column holder_columns[] = {
	COLUMN(struct holder, status),
	COLUMN(struct holder, roles),
	COLUMN(struct holder, permissions),
};

static const struct column role_columns[] = {
	COLUMN(struct role, name),       COLUMN(struct role, description), COLUMN(struct role, permissions),
	COLUMN(struct role, created_at), COLUMN(struct role, updated_at),
};

static const struct column counts_columns[] = {
	COLUMN(struct roles_count, roles),
	COLUMN(struct roles_count, permissions),
};

static const struct column permissions_column = { COLUMN_TEXT, 0, PERMISSIONS_SIZE };
static const struct column count_column = { COLUMN_U32, 0, sizeof(uint32_t) };

#define PERMISSIONS_SQL(user)                                                                                     \
	"SELECT COALESCE(GROUP_CONCAT(DISTINCT rp.permission ORDER BY rp.permission), '') FROM {user_roles} ur JOIN " \
	"{role_permissions} rp ON rp.role = ur.role WHERE ur.user_id = " user

#define ROLE_SQL                                                                                              \
	"SELECT r.name, r.description, COALESCE((SELECT GROUP_CONCAT(rp.permission ORDER BY rp.permission) FROM " \
	"{role_permissions} rp WHERE rp.role = r.name), ''), r.created_at, r.updated_at FROM {roles} r "

enum {
	LOCK,
	HOLDER,
	PERMISSIONS,
	BY_NAME,
	LIST,
	HOW_MANY,
	INSERT,
	CHANGE,
	PERMIT,
	PERMIT_NOTHING,
	TIDY,
	DELETE,
	USERS,
	OTHER_ADMINS,
	GRANT,
	REVOKE,
	WRITE_DOWN,
	IMPORT,
};

static const struct stmt stmts[] = {
	/* A change of the row, and not only FOR UPDATE, of which other nodes of a Galera cluster know nothing: there one of two
	 * such transactions loses, and is begun again. */
	[LOCK] = { .name = "roles lock", .sql = "UPDATE {roles} SET changes = changes + 1 WHERE name = '" ROLE_ADMIN "'" },
	[HOLDER] = { .name = "roles holder",
	             .sql = "SELECT u.status, u.roles, (" PERMISSIONS_SQL("u.id") ") FROM {users} u WHERE u.id = ?",
	             .params = 1,
	             .columns = holder_columns,
	             .n = COUNT(holder_columns) },
	[PERMISSIONS] = { .name = "roles permissions",
	                  .sql = PERMISSIONS_SQL("?"),
	                  .params = 1,
	                  .columns = &permissions_column,
	                  .n = 1 },
	[BY_NAME] = { .name = "roles by name",
	              .sql = ROLE_SQL "WHERE r.name = ?",
	              .params = 1,
	              .columns = role_columns,
	              .n = COUNT(role_columns) },
	[LIST] = { .name = "roles list",
	           .sql = ROLE_SQL "WHERE r.name > ? ORDER BY r.name LIMIT ?",
	           .params = 2,
	           .columns = role_columns,
	           .n = COUNT(role_columns) },
	[HOW_MANY] = { .name = "roles count",
	               .sql = "SELECT (SELECT COUNT(*) FROM {roles}), "
	                      "(SELECT COUNT(*) FROM {role_permissions} WHERE role = '" ROLE_ADMIN "')",
	               .columns = counts_columns,
	               .n = COUNT(counts_columns) },
	[INSERT] = { .name = "roles insert",
	             .sql = "INSERT INTO {roles} (name, description, created_at, updated_at) "
	                    "VALUES (?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
	             .params = 2 },
	[CHANGE] = { .name = "roles change",
	             .sql = "UPDATE {roles} SET description = COALESCE(?, description), updated_at = UTC_TIMESTAMP(3) "
	                    "WHERE name = ?",
	             .params = 2 },
	[PERMIT] = { .name = "roles permit",
	             /* No word has in it what would end a string of JSON. */
	             .sql = "INSERT IGNORE INTO {role_permissions} (role, permission) SELECT r.name, p.word FROM {roles} r "
	                    "JOIN "
	                    "JSON_TABLE(CONCAT('[\"', REPLACE(?, ',', '\",\"'), '\"]'), '$[*]' COLUMNS (word VARCHAR(40) "
	                    "CHARACTER SET ascii COLLATE ascii_bin PATH '$')) p WHERE r.name IN (?, '" ROLE_ADMIN "')",
	             .params = 2 },
	[PERMIT_NOTHING] = { .name = "roles permit nothing",
	                     .sql = "DELETE FROM {role_permissions} WHERE role = ?",
	                     .params = 1 },
	[TIDY] = { .name = "roles tidy",
	           .sql = "DELETE FROM {role_permissions} WHERE role = '" ROLE_ADMIN "' AND "
	                  "FIND_IN_SET(permission, '" PERMISSIONS_BUILT_IN "') = 0 AND permission NOT IN "
	                  "(SELECT permission FROM (SELECT DISTINCT permission FROM {role_permissions} "
	                  "WHERE role <> '" ROLE_ADMIN "') others)" },
	[DELETE] = { .name = "roles delete", .sql = "DELETE FROM {roles} WHERE name = ?", .params = 1 },
	[USERS] = { .name = "roles users",
	            .sql = "SELECT COUNT(*) FROM (SELECT 1 FROM {user_roles} WHERE role = ? LIMIT ?) some",
	            .params = 2,
	            .columns = &count_column,
	            .n = 1 },
	[OTHER_ADMINS] = { .name = "roles other admins",
	                   .sql = "SELECT COUNT(*) FROM {user_roles} r JOIN {users} u ON u.id = r.user_id "
	                          "WHERE r.role = '" ROLE_ADMIN "' AND r.user_id <> ? AND u.status = 'active'",
	                   .params = 1,
	                   .columns = &count_column,
	                   .n = 1 },
	[GRANT] = { .name = "roles grant",
	            .sql = "INSERT IGNORE INTO {user_roles} (user_id, role) VALUES (?, ?)",
	            .params = 2 },
	[REVOKE] = { .name = "roles revoke",
	             .sql = "DELETE FROM {user_roles} WHERE user_id = ? AND role = ?",
	             .params = 2 },
	[WRITE_DOWN] = { .name = "roles write down",
	                 .sql = "UPDATE {users} SET roles = (SELECT COALESCE(GROUP_CONCAT(role ORDER BY role), '') FROM "
	                        "{user_roles} WHERE user_id = {users}.id), updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	                 .params = 1 },
	[IMPORT] = { .name = "roles import", .sql = "INSERT INTO {user_roles} (user_id, role) VALUES (?, ?)", .params = 2 },
};

const struct stmt_table roles_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

enum err
roles_lock(struct db *db)
{
	return db_run_one(db, &stmts[LOCK], NO_ARGS);
}

enum err
roles_holder(struct db *db, const struct uuid *user, struct holder *out)
{
	return db_row(db, &stmts[HOLDER], ARGS(arg_uuid(user)), out);
}

enum err
roles_permissions(struct db *db, const struct uuid *user, char out[PERMISSIONS_SIZE])
{
	return db_row(db, &stmts[PERMISSIONS], ARGS(arg_uuid(user)), out);
}

enum err
roles_by_name(struct db *db, struct str name, struct role *out)
{
	return db_row(db, &stmts[BY_NAME], ARGS(arg_str(name)), out);
}

enum err
roles_list(struct db *db, struct str after, struct role *out, size_t max, size_t *n_out)
{
	const struct str from = after.p != NULL ? after : STR("");

	return db_rows(db, &stmts[LIST], ARGS(arg_str(from), arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
roles_count(struct db *db, struct roles_count *out)
{
	return db_row(db, &stmts[HOW_MANY], NO_ARGS, out);
}

enum err
roles_insert(struct db *db, struct str name, struct str description)
{
	return db_run(db, &stmts[INSERT], ARGS(arg_str(name), arg_str(description)), NULL);
}

enum err
roles_change(struct db *db, struct str name, struct str description)
{
	return db_run_one(db, &stmts[CHANGE], ARGS(arg_str(description), arg_str(name)));
}

enum err
roles_permit(struct db *db, struct str name, struct str permissions)
{
	return db_run(db, &stmts[PERMIT], ARGS(arg_str(permissions), arg_str(name)), NULL);
}

enum err
roles_permit_nothing(struct db *db, struct str name)
{
	return db_run(db, &stmts[PERMIT_NOTHING], ARGS(arg_str(name)), NULL);
}

enum err
roles_tidy(struct db *db)
{
	return db_run(db, &stmts[TIDY], NO_ARGS, NULL);
}

enum err
roles_delete(struct db *db, struct str name)
{
	return db_run_one(db, &stmts[DELETE], ARGS(arg_str(name)));
}

enum err
roles_users(struct db *db, struct str name, uint32_t most, uint32_t *out)
{
	return db_row(db, &stmts[USERS], ARGS(arg_str(name), arg_u64(most)), out);
}

enum err
roles_other_admins(struct db *db, const struct uuid *user, uint32_t *out)
{
	return db_row(db, &stmts[OTHER_ADMINS], ARGS(arg_uuid(user)), out);
}

static enum err
change_user(struct db *db, int stmt, const struct uuid *user, struct str name)
{
	const enum err err = db_run(db, &stmts[stmt], ARGS(arg_uuid(user), arg_str(name)), NULL);

	/* GRANT ignores that there is no such user. */
	return err == OK ? db_run_one(db, &stmts[WRITE_DOWN], ARGS(arg_uuid(user))) : err;
}

enum err
roles_grant(struct db *db, const struct uuid *user, struct str name)
{
	return change_user(db, GRANT, user, name);
}

enum err
roles_revoke(struct db *db, const struct uuid *user, struct str name)
{
	return change_user(db, REVOKE, user, name);
}

/* The rows of one user behind those that wait; all are written where there is no room for one more. */
static enum err
import_user(struct db *db, const struct user *user, struct arg args[2 * BULK_ROWS_MAX], size_t *rows)
{
	struct str rest = str_of(user->roles);
	enum err err = OK;

	while (rest.n > 0 && err == OK) {
		if (*rows == BULK_ROWS_MAX) {
			err = db_run_bulk(db, &stmts[IMPORT], args, *rows);
			*rows = 0;
		}
		args[2 * *rows] = arg_uuid(&user->id);
		args[2 * *rows + 1] = arg_str(str_cut(&rest, ','));
		(*rows)++;
	}
	return err;
}

enum err
roles_import(struct db *db, const struct user *const users[], size_t n)
{
	static struct arg args[2 * BULK_ROWS_MAX];
	size_t rows = 0;
	enum err err = OK;

	for (size_t i = 0; i < n && err == OK; i++)
		err = import_user(db, users[i], args, &rows);
	return err == OK ? db_run_bulk(db, &stmts[IMPORT], args, rows) : err;
}

bool
permissions_built_in(const char *permissions)
{
	struct str rest = str_of(permissions);

	while (rest.p != NULL && rest.n > 0)
		if (words_have(STR(PERMISSIONS_BUILT_IN), str_cut(&rest, ',')))
			return true;
	return false;
}
