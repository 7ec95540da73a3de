#include "db/sessions.h"

static const struct column session_user_columns[] = {
	USER_COLUMNS(struct session_user, user.),
	COLUMN(struct session_user, owner),
	COLUMN(struct session_user, expires_at),
	COLUMN(struct session_user, ended_at),
};

static const struct column count_column = { COLUMN_U32, 0, sizeof(uint32_t) };

enum { USER, INSERT, COUNT_OF, DROP_OLDEST, END, END_ALL };

static const struct stmt stmts[] = {
	/* Two rows by their keys and no more: each further condition here costs the server 2 to 4 us a request, and in C none
	 * that can be measured. */
	[USER] = { .name = "sessions user",
	           .sql = "SELECT " USER_COLUMNS_SQL ", s.user_id, s.expires_at, s.ended_at FROM users u, sessions s "
	                  "WHERE u.id = ? AND s.id = ?",
	           .params = 2,
	           .columns = session_user_columns,
	           .n = COUNT(session_user_columns) },
	/* FOR UPDATE: what the WHERE found must still be so when the transaction ends. */
	[INSERT] = { .name = "sessions insert",
	             .sql = "INSERT INTO sessions (id, user_id, created_at, expires_at) SELECT ?, id, UTC_TIMESTAMP(3), "
	                    "UTC_TIMESTAMP(3) + INTERVAL ? SECOND FROM users WHERE id = ? AND status = 'active' "
	                    "AND password_version = ? FOR UPDATE",
	             .params = 4 },
	/* Counted first, as nearly nobody has too many: the DELETE alone costs the server 300 us. */
	[COUNT_OF] = { .name = "sessions count",
	               .sql = "SELECT COUNT(*) FROM sessions WHERE user_id = ?",
	               .params = 1,
	               .columns = &count_column,
	               .n = 1 },
	/* Ids are UUIDv7, so their order is that of the log-ins; and not the new one, which is the oldest of all where the clock
	 * went back meanwhile. */
	[DROP_OLDEST] = { .name = "sessions drop oldest",
	                  .sql = "DELETE FROM sessions WHERE user_id = ? AND id <> ? ORDER BY id LIMIT ?",
	                  .params = 3 },
	[END] = { .name = "sessions end",
	          .sql = "UPDATE sessions SET ended_at = UTC_TIMESTAMP(3) WHERE id = ? AND ended_at IS NULL "
	                 "AND expires_at > UTC_TIMESTAMP(3)",
	          .params = 1 },
	[END_ALL] = { .name = "sessions end all",
	              .sql = "UPDATE sessions SET ended_at = UTC_TIMESTAMP(3) WHERE user_id = ? AND id <> ? "
	                     "AND ended_at IS NULL",
	              .params = 2 },
};

const struct stmt_table sessions_statements = { stmts, COUNT(stmts) };

enum err
sessions_user(struct db *db, const struct uuid *session, const struct uuid *user, struct session_user *out)
{
	return db_row(db, &stmts[USER], ARGS(arg_uuid(user), arg_uuid(session)), out);
}

enum err
sessions_insert(struct db *db, const struct uuid *session, const struct user *user, uint32_t ttl_s)
{
	uint64_t matched = 0;
	const enum err err =
		db_run(db, &stmts[INSERT],
	           ARGS(arg_uuid(session), arg_u64(ttl_s), arg_uuid(&user->id), arg_u64(user->password_version)), &matched);

	return err == OK && matched == 0 ? ERR_NO_ROW : err;
}

enum err
sessions_drop_oldest(struct db *db, const struct uuid *user, const struct uuid *keep)
{
	uint32_t n;
	const enum err err = db_row(db, &stmts[COUNT_OF], ARGS(arg_uuid(user)), &n);

	if (err != OK || n <= SESSIONS_PER_USER_MAX)
		return err;
	return db_run(db, &stmts[DROP_OLDEST], ARGS(arg_uuid(user), arg_uuid(keep), arg_u64(n - SESSIONS_PER_USER_MAX)),
	              NULL);
}

enum err
sessions_end(struct db *db, const struct uuid *session)
{
	uint64_t matched = 0;
	const enum err err = db_run(db, &stmts[END], ARGS(arg_uuid(session)), &matched);

	return err == OK && matched == 0 ? ERR_NO_ROW : err;
}

enum err
sessions_end_all(struct db *db, const struct uuid *user, const struct uuid *keep)
{
	const struct str kept = keep != NULL ? str_of(keep->text) : STR(UUID_NIL);

	return db_run(db, &stmts[END_ALL], ARGS(arg_uuid(user), arg_str(kept)), NULL);
}
