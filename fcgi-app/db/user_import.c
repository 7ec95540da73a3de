#include "db/user_import.h"

static const struct column user_columns[] = { USER_COLUMNS(struct user, ) };

enum { ADD, ALIKE, ADD_PARAMS = 12 };

static const struct stmt stmts[] = {
	[ADD] = { .name = "user import add",
	          .sql =
	              "INSERT INTO {users} (id, email, email_verified, username, name, phone_number, status, roles, "
	              "password_hash, created_at, updated_at, last_login_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	          .params = ADD_PARAMS },
	/* Three looks at keys: with OR the optimizer may read all of them. */
	[ALIKE] = { .name = "user import alike",
	            .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.email = ? UNION SELECT " USER_COLUMNS_SQL
	                   " FROM {users} u WHERE u.username = ? UNION SELECT " USER_COLUMNS_SQL
	                   " FROM {users} u WHERE u.id = ?",
	            .params = 3,
	            .columns = user_columns,
	            .n = COUNT(user_columns) },
};

const struct stmt_table user_import_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

enum err
users_import(struct db *db, const struct user *const users[], size_t n)
{
	static struct arg args[BULK_ROWS_MAX * ADD_PARAMS];
	static char times[BULK_ROWS_MAX][3][TIMESTAMP_SIZE];
	const struct timestamp now = clock_now();
	struct arg *at = args;

	for (size_t i = 0; i < n && i < BULK_ROWS_MAX; i++) {
		const struct user *u = users[i];
		*at++ = arg_uuid(&u->id);
		*at++ = arg_text(u->email);
		*at++ = arg_text(u->email_verified ? "1" : "0");
		*at++ = arg_nullable(u->username);
		*at++ = arg_nullable(u->name);
		*at++ = arg_nullable(u->phone_number);
		*at++ = arg_text(u->status);
		*at++ = arg_text(u->roles);
		*at++ = arg_text(u->password_hash);
		*at++ = arg_time(u->created_at, times[i][0]);
		*at++ = arg_time(u->created_at.ms < now.ms ? u->created_at : now, times[i][1]);
		*at++ = arg_time(u->last_login_at, times[i][2]);
	}
	return db_run_bulk(db, &stmts[ADD], args, n);
}

enum err
users_alike(struct db *db, const struct user *user, struct user out[USERS_ALIKE_MAX], size_t *n_out)
{
	return db_rows(db, &stmts[ALIKE], ARGS(arg_text(user->email), arg_nullable(user->username), arg_uuid(&user->id)),
	               out, sizeof(*out), USERS_ALIKE_MAX, n_out);
}
