#include "db/sessions.h"

static const struct column session_user_columns[] = {
	USER_COLUMNS(struct session_user, user.),  COLUMN(struct session_user, owner),
	COLUMN(struct session_user, last_seen_at), COLUMN(struct session_user, expires_at),
	COLUMN(struct session_user, ended_at),
};

static const struct column count_column = { COLUMN_U32, 0, sizeof(uint32_t) };

static const struct column state_columns[] = {
	COLUMN(struct session_state, counter),
	COLUMN(struct session_state, good),
	COLUMN(struct session_state, recent),
};

static const struct column list_columns[] = {
	COLUMN(struct session, id), COLUMN(struct session, created_at), COLUMN(struct session, last_seen_at),
	COLUMN(struct session, ip), COLUMN(struct session, user_agent), COLUMN(struct session, transport),
};

#define GOOD_SQL "ended_at IS NULL AND expires_at > UTC_TIMESTAMP(3)"
/* For an UPDATE by id. Left the choice, the server looks into every key that a condition names before it takes the primary
 * one, which costs it a fifth of the statement. */
#define THIS_ONE_SQL "{sessions} USE INDEX (PRIMARY)"
/* Parameters: ttl_s, idle_s, ip, user_agent. */
#define USED_SQL                                                                           \
	"last_seen_at = UTC_TIMESTAMP(3), expires_at = LEAST(created_at + INTERVAL ? SECOND, " \
	"UTC_TIMESTAMP(3) + INTERVAL ? SECOND), ip = ?, user_agent = ?"
#define USED_ARGS(life, client) \
	arg_u64((life)->ttl_s), arg_u64((life)->idle_s), arg_str((client)->ip), arg_str((client)->user_agent)
/* Parameter: why. */
#define ENDED_SQL "ended_at = UTC_TIMESTAMP(3), ended_for = ?, ip = NULL, user_agent = NULL"

enum { USER, INSERT, COUNT_OF, DROP_OLDEST, TOUCH, ROTATE, STATE, END, END_ALL, DISOWN, LIST };

static const struct stmt stmts[] = {
	/* Two rows by their keys and no more: each further condition here costs the server 2 to 4 us a request, and in C none
	 * that can be measured; and a subquery, though it be never run, as much as the statement itself. */
	[USER] = { .name = "sessions user",
	           .sql = "SELECT " USER_COLUMNS_SQL ", s.user_id, s.last_seen_at, s.expires_at, s.ended_at "
	                  "FROM {users} u, {sessions} s WHERE u.id = ? AND s.id = ?",
	           .params = 2,
	           .columns = session_user_columns,
	           .n = COUNT(session_user_columns) },
	/* FOR UPDATE: what the WHERE found must still be so when the transaction ends. */
	[INSERT] = { .name = "sessions insert",
	             .sql =
	                 "INSERT INTO {sessions} (id, user_id, transport, ip, user_agent, created_at, last_seen_at, "
	                 "expires_at) SELECT ?, id, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), "
	                 "UTC_TIMESTAMP(3) + INTERVAL LEAST(?, ?) SECOND FROM {users} WHERE id = ? AND status = 'active' "
	                 "AND password_version = ? FOR UPDATE",
	             .params = 8 },
	/* Counted first, as nearly nobody has too many: the UPDATE alone costs the server 300 us. */
	[COUNT_OF] = { .name = "sessions count",
	               .sql = "SELECT COUNT(*) FROM {sessions} WHERE user_id = ? AND ended_at IS NULL",
	               .params = 1,
	               .columns = &count_column,
	               .n = 1 },
	/* First those that have expired. Ids are UUIDv7, so their order is that of the log-ins; and not the new one, which is the oldest of all where the clock
	 * went back meanwhile. */
	[DROP_OLDEST] = { .name = "sessions drop oldest",
	                  .sql = "UPDATE {sessions} SET " ENDED_SQL " WHERE user_id = ? AND id <> ? AND ended_at IS NULL "
	                         "ORDER BY expires_at > UTC_TIMESTAMP(3), id LIMIT ?",
	                  .params = 4 },
	[TOUCH] = { .name = "sessions touch",
	            .sql = "UPDATE " THIS_ONE_SQL " SET " USED_SQL " WHERE id = ? AND user_id = ? AND " GOOD_SQL,
	            .params = 6 },
	[ROTATE] = { .name = "sessions rotate",
	             .sql = "UPDATE " THIS_ONE_SQL " SET counter = counter + 1, " USED_SQL
	                    " WHERE id = ? AND user_id = ? AND counter = ? AND " GOOD_SQL,
	             .params = 7 },
	/* A last use that lies ahead is of a clock that went back: it is not recent for an hour. */
	[STATE] = { .name = "sessions state",
	            .sql = "SELECT counter, " GOOD_SQL ", last_seen_at BETWEEN UTC_TIMESTAMP(3) - INTERVAL ? SECOND "
	                   "AND UTC_TIMESTAMP(3) + INTERVAL ? SECOND FROM {sessions} WHERE id = ? AND user_id = ?",
	            .params = 4,
	            .columns = state_columns,
	            .n = COUNT(state_columns) },
	[END] = { .name = "sessions end",
	          .sql = "UPDATE " THIS_ONE_SQL " SET " ENDED_SQL " WHERE id = ? AND user_id = ? AND " GOOD_SQL,
	          .params = 3 },
	[END_ALL] = { .name = "sessions end all",
	              .sql = "UPDATE {sessions} SET " ENDED_SQL " WHERE user_id = ? AND id <> ? AND ended_at IS NULL",
	              .params = 3 },
	/* By the key, in which those that have not ended come first. */
	[DISOWN] = { .name = "sessions disown",
	             .sql =
	                 "UPDATE {sessions} SET user_id = '" UUID_NIL "', ended_at = COALESCE(ended_at, UTC_TIMESTAMP(3)), "
	                 "ended_for = COALESCE(ended_for, 'deleted'), ip = NULL, user_agent = NULL "
	                 "WHERE user_id = ? ORDER BY ended_at LIMIT 10000",
	             .params = 1 },
	[LIST] = { .name = "sessions list",
	           .sql =
	               "SELECT id, created_at, last_seen_at, ip, user_agent, transport FROM {sessions} WHERE user_id = ? "
	               "AND " GOOD_SQL " AND id < ? ORDER BY id DESC LIMIT ?",
	           .params = 3,
	           .columns = list_columns,
	           .n = COUNT(list_columns) },
};

const struct stmt_table sessions_statements = { .stmts = stmts, .n = COUNT(stmts) };

static const struct stmt rare[] = {
	/* All that have not ended, but those that have expired: of both some key tells, so that a row is looked into for the few
	 * alone that have expired. */
	{ .name = "sessions live",
	  .sql = "SET STATEMENT max_statement_time = 1 FOR SELECT "
	         "(SELECT COUNT(*) FROM {sessions} WHERE ended_at IS NULL) - "
	         "(SELECT COUNT(*) FROM {sessions} FORCE INDEX (sessions_expiry) "
	         "WHERE expires_at <= UTC_TIMESTAMP(3) AND ended_at IS NULL)",
	  .columns = &count_column,
	  .n = 1 },
};

const struct stmt_table sessions_rare_statements = { .stmts = rare, .n = COUNT(rare), .rare = true };

static struct arg
why_arg(enum session_end why)
{
	static const char *const words[] = {
		[SESSION_LOGGED_OUT] = "logout", [SESSION_PASSWORD_CHANGED] = "password",
		[SESSION_DISABLED] = "disabled", [SESSION_REPLAYED] = "replay",
		[SESSION_BY_OWNER] = "owner",    [SESSION_LIMIT] = "limit",
		[SESSION_BY_ADMIN] = "admin",
	};

	return arg_text(words[why]);
}

enum err
sessions_user(struct db *db, const struct uuid *session, const struct uuid *user, struct session_user *out)
{
	return db_row(db, &stmts[USER], ARGS(arg_uuid(user), arg_uuid(session)), out);
}

enum err
sessions_insert(struct db *db, const struct uuid *session, const struct user *user, const char *transport,
                const struct client *client, const struct session_life *life)
{
	return db_run_one(db, &stmts[INSERT],
	                  ARGS(arg_uuid(session), arg_text(transport), arg_str(client->ip), arg_str(client->user_agent),
	                       arg_u64(life->ttl_s), arg_u64(life->idle_s), arg_uuid(&user->id),
	                       arg_u64(user->password_version)));
}

enum err
sessions_drop_oldest(struct db *db, const struct uuid *user, const struct uuid *keep)
{
	uint32_t n;
	const enum err err = db_row(db, &stmts[COUNT_OF], ARGS(arg_uuid(user)), &n);

	if (err != OK || n <= SESSIONS_PER_USER_MAX)
		return err;
	return db_run(db, &stmts[DROP_OLDEST],
	              ARGS(why_arg(SESSION_LIMIT), arg_uuid(user), arg_uuid(keep), arg_u64(n - SESSIONS_PER_USER_MAX)),
	              NULL);
}

enum err
sessions_touch(struct db *db, const struct uuid *session, const struct uuid *user, const struct client *client,
               const struct session_life *life)
{
	return db_run_one(db, &stmts[TOUCH], ARGS(USED_ARGS(life, client), arg_uuid(session), arg_uuid(user)));
}

enum err
sessions_rotate(struct db *db, const struct uuid *session, const struct uuid *user, uint32_t counter,
                const struct client *client, const struct session_life *life)
{
	return db_run_one(db, &stmts[ROTATE],
	                  ARGS(USED_ARGS(life, client), arg_uuid(session), arg_uuid(user), arg_u64(counter)));
}

enum err
sessions_state(struct db *db, const struct uuid *session, const struct uuid *user, uint32_t grace_s,
               struct session_state *out)
{
	return db_row(db, &stmts[STATE], ARGS(arg_u64(grace_s), arg_u64(grace_s), arg_uuid(session), arg_uuid(user)), out);
}

enum err
sessions_end(struct db *db, const struct uuid *session, const struct uuid *user, enum session_end why)
{
	return db_run_one(db, &stmts[END], ARGS(why_arg(why), arg_uuid(session), arg_uuid(user)));
}

enum err
sessions_end_all(struct db *db, const struct uuid *user, const struct uuid *keep, enum session_end why)
{
	const struct str kept = keep != NULL ? str_of(keep->text) : STR(UUID_NIL);

	return db_run(db, &stmts[END_ALL], ARGS(why_arg(why), arg_uuid(user), arg_str(kept)), NULL);
}

enum err
sessions_disown(struct db *db, const struct uuid *user)
{
	return db_run(db, &stmts[DISOWN], ARGS(arg_uuid(user)), NULL);
}

enum err
sessions_list(struct db *db, const struct uuid *user, struct str before, struct session *out, size_t max, size_t *n_out)
{
	const struct str below = before.p != NULL ? before : STR(UUID_MAX);

	return db_rows(db, &stmts[LIST], ARGS(arg_uuid(user), arg_str(below), arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
sessions_live(struct db *db, uint32_t *out)
{
	return db_row(db, &rare[0], NO_ARGS, out);
}
