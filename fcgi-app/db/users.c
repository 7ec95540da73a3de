#include "db/users.h"

static const struct column user_columns[] = { USER_COLUMNS(struct user, ) };

static const struct column taken_columns[] = {
	COLUMN(struct users_taken, email),
	COLUMN(struct users_taken, username),
};

/* The user as he was read, and, where there is one, the session that acts. */
#define AS_READ_SQL                                                                    \
	"id = ? AND password_version = ? AND (? IS NULL OR (status = 'active' AND EXISTS " \
	"(SELECT 1 FROM {sessions} s WHERE s.id = ? AND s.ended_at IS NULL)))"
#define AS_READ_ARGS(user, session) \
	arg_uuid(&(user)->id), arg_u64((user)->password_version), session_arg(session), session_arg(session)

enum {
	BY_ID,
	BY_EMAIL,
	BY_USERNAME,
	LIST,
	TAKEN,
	INSERT,
	CHANGE_PROFILE,
	SET_STATUS,
	TOUCH_LOGIN,
	SET_PASSWORD,
	REHASH,
	DELETE,
};

static const struct stmt stmts[] = {
	[BY_ID] = { .name = "users by id",
	            .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.id = ?",
	            .params = 1,
	            .columns = user_columns,
	            .n = COUNT(user_columns) },
	[BY_EMAIL] = { .name = "users by email",
	               .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.email = ?",
	               .params = 1,
	               .columns = user_columns,
	               .n = COUNT(user_columns) },
	[BY_USERNAME] = { .name = "users by username",
	                  .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.username = ?",
	                  .params = 1,
	                  .columns = user_columns,
	                  .n = COUNT(user_columns) },
	[LIST] = { .name = "users list",
	           .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.id > ? ORDER BY u.id LIMIT ?",
	           .params = 2,
	           .columns = user_columns,
	           .n = COUNT(user_columns) },
	[TAKEN] = { .name = "users taken",
	            .sql = "SELECT EXISTS (SELECT 1 FROM {users} WHERE email = ? AND id <> ?), "
	                   "EXISTS (SELECT 1 FROM {users} WHERE username = ? AND id <> ?)",
	            .params = 4,
	            .columns = taken_columns,
	            .n = COUNT(taken_columns) },
	[INSERT] = { .name = "users insert",
	             .sql =
	                 "INSERT INTO {users} (id, email, username, name, phone_number, password_hash, status, created_at, "
	                 "updated_at, audit_key) VALUES (?, ?, ?, ?, ?, ?, IF(password_hash = '', 'pending', 'active'), "
	                 "UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), RANDOM_BYTES(16))",
	             .params = 6 },
	[CHANGE_PROFILE] = { .name = "users change profile",
	                     .sql = "UPDATE {users} SET username = IF(?, ?, username), name = IF(?, ?, name), "
	                            "phone_number = IF(?, ?, phone_number), updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	                     .params = 7 },
	[SET_STATUS] = { .name = "users set status",
	                 .sql = "UPDATE {users} SET status = IF(? = 'active' AND password_hash = '', 'pending', ?), "
	                        "updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	                 .params = 3 },
	[TOUCH_LOGIN] = { .name = "users touch login",
	                  .sql = "UPDATE {users} SET last_login_at = UTC_TIMESTAMP(3) WHERE id = ?",
	                  .params = 1 },
	[SET_PASSWORD] = { .name = "users set password",
	                   /* From left to right: who waited for his first password waits no more. */
	                   .sql = "UPDATE {users} SET status = IF(status = 'pending' AND password_hash = '', 'active', "
	                          "status), "
	                          "password_hash = ?, password_version = password_version + 1, "
	                          "updated_at = UTC_TIMESTAMP(3) WHERE " AS_READ_SQL,
	                   .params = 5 },
	[REHASH] = { .name = "users rehash",
	             .sql = "UPDATE {users} SET password_hash = ? WHERE id = ? AND password_version = ?",
	             .params = 3 },
	[DELETE] = { .name = "users delete",
	             .sql = "DELETE FROM {users} WHERE " AS_READ_SQL " AND roles = ?",
	             .params = 5 },
};

const struct stmt_table users_statements = { .stmts = stmts, .n = COUNT(stmts) };

enum err
users_by_id(struct db *db, const struct uuid *id, struct user *out)
{
	return db_row(db, &stmts[BY_ID], ARGS(arg_uuid(id)), out);
}

enum err
users_by_email(struct db *db, struct str email, struct user *out)
{
	return db_row(db, &stmts[BY_EMAIL], ARGS(arg_str(email)), out);
}

enum err
users_by_username(struct db *db, struct str username, struct user *out)
{
	return db_row(db, &stmts[BY_USERNAME], ARGS(arg_str(username)), out);
}

enum err
users_list(struct db *db, struct str after, struct user *out, size_t max, size_t *n_out)
{
	const struct str from = after.p != NULL ? after : STR(UUID_NIL);

	return db_rows(db, &stmts[LIST], ARGS(arg_str(from), arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
users_taken(struct db *db, struct str email, struct str username, const struct uuid *self, struct users_taken *out)
{
	return db_row(db, &stmts[TAKEN], ARGS(arg_str(email), arg_uuid(self), arg_str(username), arg_uuid(self)), out);
}

enum err
users_insert(struct db *db, const struct user *user)
{
	return db_run(db, &stmts[INSERT],
	              ARGS(arg_uuid(&user->id), arg_text(user->email), arg_nullable(user->username),
	                   arg_nullable(user->name), arg_nullable(user->phone_number), arg_text(user->password_hash)),
	              NULL);
}

/* Whether to change, and to what. */
#define CHANGE(maybe) arg_u64((maybe).state != MAYBE_ABSENT), arg_str((maybe).value)

enum err
users_change_profile(struct db *db, const struct uuid *id, const struct profile_change *change)
{
	return db_run_one(db, &stmts[CHANGE_PROFILE],
	                  ARGS(CHANGE(change->username), CHANGE(change->name), CHANGE(change->phone_number), arg_uuid(id)));
}

enum err
users_set_status(struct db *db, const struct uuid *id, const char *status)
{
	return db_run_one(db, &stmts[SET_STATUS], ARGS(arg_text(status), arg_text(status), arg_uuid(id)));
}

enum err
users_touch_login(struct db *db, const struct uuid *id)
{
	return db_run(db, &stmts[TOUCH_LOGIN], ARGS(arg_uuid(id)), NULL);
}

static struct arg
session_arg(const struct uuid *session)
{
	return arg_text(session != NULL ? session->text : NULL);
}

enum err
users_set_password(struct db *db, const struct user *user, const struct uuid *session, const char *hash)
{
	return db_run_one(db, &stmts[SET_PASSWORD], ARGS(arg_text(hash), AS_READ_ARGS(user, session)));
}

enum err
users_delete(struct db *db, const struct user *user, const struct uuid *session)
{
	return db_run_one(db, &stmts[DELETE], ARGS(AS_READ_ARGS(user, session), arg_text(user->roles)));
}

enum err
users_rehash(struct db *db, const struct user *user, const char *hash)
{
	return db_run_one(db, &stmts[REHASH], ARGS(arg_text(hash), arg_uuid(&user->id), arg_u64(user->password_version)));
}
