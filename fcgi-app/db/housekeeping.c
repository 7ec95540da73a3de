#include "db/housekeeping.h"

#include <stdio.h>

struct oldest_row {
	uint32_t n, warm;
	struct chore_place last;
	struct timestamp now;
};

/* A row of EXPLAIN. */
struct plan_row {
	uint32_t id, rows;
	char select_type[64], table[64], type[64], keys[256], key[64], key_length[64], ref[64], extra[256];
};

static const struct column due_columns[] = { COLUMN(struct chore_due, name), COLUMN(struct chore_due, from.text) };
static const struct column oldest_columns[] = {
	COLUMN(struct oldest_row, n),
	COLUMN(struct oldest_row, last.text),
	COLUMN(struct oldest_row, warm),
	COLUMN(struct oldest_row, now),
};
static const struct column plan_columns[] = {
	COLUMN(struct plan_row, id),         COLUMN(struct plan_row, select_type), COLUMN(struct plan_row, table),
	COLUMN(struct plan_row, type),       COLUMN(struct plan_row, keys),        COLUMN(struct plan_row, key),
	COLUMN(struct plan_row, key_length), COLUMN(struct plan_row, ref),         COLUMN(struct plan_row, rows),
	COLUMN(struct plan_row, extra),
};
static const struct column count_column = { COLUMN_U32, 0, sizeof(uint32_t) };

/* Walks along the key, as far as its rows are old; `only`: a condition on what comes before it in its index, or "". */
#define OLD_SQL(table, only, key) \
	"FROM " table " old WHERE " only key " >= ? AND " key " < UTC_TIMESTAMP(3) - INTERVAL 1 DAY"
/* Whether there is this row in another index, which there is: so the index's page is read. */
#define IN_INDEX_SQL(table, index, same) \
	"EXISTS(SELECT 1 FROM " table " o FORCE INDEX (" index ") WHERE " same " AND o.id = old.id)"

enum { OLDEST, REMOVE, ESTIMATE, WAITING, KINDS };

/*
 * OLDEST counts what REMOVE is to remove and tells where it ends. It also has everything read from the disk that REMOVE will
 * touch: that is most of the time where a table is larger than the memory, and here no row is locked meanwhile, and nothing
 * has to be undone when the server gives up. So it has a time limit, and REMOVE none of its own, as undoing takes longer than
 * going on. REMOVE waits for no lock: so it can have no part in a deadlock, and who is using a row is never made to lose.
 */
/* clang-format off */
#define CHORE_STATEMENTS(index, label, table, only, key, warm) \
	[(index) * KINDS + OLDEST] = { .name = label " oldest", \
	  .sql = "SET STATEMENT max_statement_time = 0.04 FOR " \
	         "SELECT COUNT(*), COALESCE(CAST(MAX(at) AS CHAR), ''), BIT_OR(warm), UTC_TIMESTAMP(3) FROM " \
	         "(SELECT " key " AS at, " warm " AS warm " OLD_SQL(table, only, key) " ORDER BY " key " LIMIT ?) oldest", \
	  .params = 2, .columns = oldest_columns, .n = COUNT(oldest_columns) }, \
	[(index) * KINDS + REMOVE] = { .name = label " remove", \
	  .sql = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR " \
	         "DELETE FROM " table " WHERE " only key " >= ? AND " key " <= ? AND " \
	         key " < UTC_TIMESTAMP(3) - INTERVAL 1 DAY ORDER BY " key " LIMIT ?", \
	  .params = 3 }, \
	[(index) * KINDS + ESTIMATE] = { .name = label " estimate", .sql = "EXPLAIN SELECT 1 " OLD_SQL(table, only, key), \
	  .params = 1, .columns = plan_columns, .n = COUNT(plan_columns) }, \
	[(index) * KINDS + WAITING] = { .name = label " waiting", \
	  .sql = "SET STATEMENT max_statement_time = 1 FOR SELECT COUNT(*) FROM " \
	         "(SELECT 1 " OLD_SQL(table, only, key) " LIMIT ?) waiting", \
	  .params = 2, .columns = &count_column, .n = 1 }
/* clang-format on */

#define BY_OWNER_SQL \
	IN_INDEX_SQL("{sessions}", "sessions_owner", "o.user_id = old.user_id AND o.ended_at <=> old.ended_at")
#define BY_END_SQL IN_INDEX_SQL("{sessions}", "sessions_ended", "o.ended_at <=> old.ended_at")
#define BY_EXPIRY_SQL IN_INDEX_SQL("{sessions}", "sessions_expiry", "o.expires_at = old.expires_at")

enum { SESSIONS_ENDED, SESSIONS_EXPIRED, THROTTLES, AUDIT, CHORES, DUE = AUDIT * KINDS, CLAIM, GO_ON };

static const struct stmt stmts[] = {
	CHORE_STATEMENTS(SESSIONS_ENDED, "sessions ended", "{sessions}", "", "ended_at", BY_OWNER_SQL " + " BY_EXPIRY_SQL),
	CHORE_STATEMENTS(SESSIONS_EXPIRED, "sessions expired", "{sessions}", "", "expires_at",
	                 BY_OWNER_SQL " + " BY_END_SQL),
	CHORE_STATEMENTS(THROTTLES, "throttles", "{throttles}", "lasting = 0 AND ", "updated_at", "failures"),
	[DUE] = { .name = "housekeeping due",
	          .sql = "SELECT name, CAST(IF(begun_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY, "
	                 "TIMESTAMP '1970-01-01 00:00:00.000', reached) AS CHAR) FROM {housekeeping} "
	                 "WHERE due_at <= UTC_TIMESTAMP(3) ORDER BY due_at LIMIT 1",
	          .columns = due_columns,
	          .n = COUNT(due_columns) },
	[CLAIM] = { .name = "housekeeping claim",
	            .sql = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR UPDATE {housekeeping} SET "
	                   "due_at = UTC_TIMESTAMP(3) + INTERVAL 60 SECOND, "
	                   "begun_at = IF(begun_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY, UTC_TIMESTAMP(3), begun_at) "
	                   "WHERE name = ? AND due_at <= UTC_TIMESTAMP(3)",
	            .params = 1 },
	[GO_ON] = { .name = "housekeeping go on",
	            .sql = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR "
	                   "UPDATE {housekeeping} SET due_at = UTC_TIMESTAMP(3), reached = ? WHERE name = ?",
	            .params = 2 },
};

const struct stmt_table housekeeping_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

/* clang-format off */
#define CHORE(index, label, plural, reason) \
	[index] = { \
		.name = label, .what = plural, .why = reason, .oldest = &stmts[(index) * KINDS + OLDEST], \
		.remove = &stmts[(index) * KINDS + REMOVE], .estimate = &stmts[(index) * KINDS + ESTIMATE], \
		.waiting = &stmts[(index) * KINDS + WAITING] \
	}
/* clang-format on */

/* What is removed. For each: its statements above, a key to find it by, and its row in `housekeeping`. */
const struct chore chores[] = {
	CHORE(SESSIONS_ENDED, "sessions ended", "sessions that ended more than a day ago",
	      "every node has long heard of it, and every token of theirs has expired"),
	CHORE(SESSIONS_EXPIRED, "sessions expired", "sessions that expired more than a day ago",
	      "nothing can use them again; the day is for clocks that differ"),
	CHORE(THROTTLES, "throttles", "counts of failed attempts untouched for a day",
	      "they delay nobody any more; those that last until a success stay"),
	[AUDIT] = { .name = "audit",
	            .what = "lines of the audit older than audit_days",
	            .why = "so the configuration says" },
};
const size_t chores_n = COUNT(chores);
_Static_assert(COUNT(chores) == CHORES && COUNT(chores) <= CHORES_MAX, "a row for each chore");

bool
clocks_differ(int64_t ahead_ms)
{
	return ahead_ms > CLOCKS_DIFFER_MS || ahead_ms < -CLOCKS_DIFFER_MS;
}

struct chore_place
chore_beginning(void)
{
	return (struct chore_place){ "1970-01-01 00:00:00.000" };
}

enum err
housekeeping_due(struct db *db, struct chore_due *out)
{
	return db_row(db, &stmts[DUE], NO_ARGS, out);
}

const struct chore *
housekeeping_find(const char *name)
{
	for (size_t i = 0; i < chores_n; i++)
		if (str_eq(str_of(name), str_of(chores[i].name)))
			return &chores[i];
	return NULL;
}

enum err
housekeeping_claim(struct db *db, const struct chore_due *due)
{
	return db_run_one(db, &stmts[CLAIM], ARGS(arg_text(due->name)));
}

enum err
housekeeping_go_on(struct db *db, const struct chore *chore, const struct chore_place *reached)
{
	return db_run_one(db, &stmts[GO_ON], ARGS(arg_text(reached->text), arg_text(chore->name)));
}

struct removal {
	const struct stmt *stmt;
	const struct chore_place *from, *to;
	uint32_t most;
	uint64_t *removed;
};

static enum err
remove_rows(struct db *db, void *argument)
{
	const struct removal *r = argument;

	return db_run(db, r->stmt, ARGS(arg_text(r->from->text), arg_text(r->to->text), arg_u64(r->most)), r->removed);
}

enum err
housekeeping_remove(struct db *db, const struct chore *chore, struct chore_place *place, uint32_t most,
                    struct slice *out)
{
	struct oldest_row oldest;
	uint64_t since_us = clock_mono_us();

	*out = (struct slice){ 0 };
	/* One more than may be removed: whether there are more, and where they begin. */
	enum err err = db_row(db, chore->oldest, ARGS(arg_text(place->text), arg_u64((uint64_t)most + 1)), &oldest);
	out->look_us = clock_mono_us() - since_us;
	if (err != OK)
		return err;
	out->ahead_ms = oldest.now.ms - clock_now().ms;
	if (oldest.n == 0 || clocks_differ(out->ahead_ms))
		return OK;
	struct removal removal = { chore->remove, place, &oldest.last, most, &out->removed };
	since_us = clock_mono_us();
	/* Else the gaps in the key would be locked too, and a log-in's new row goes into one of them. */
	err = db_transaction_at(db, DB_READ_COMMITTED, remove_rows, &removal);
	out->remove_us = clock_mono_us() - since_us;
	if (err != OK)
		return err;
	out->full = oldest.n > most;
	if (out->full)
		*place = oldest.last;
	return OK;
}

enum err
housekeeping_estimate(struct db *db, const struct chore *chore, uint32_t *out)
{
	struct plan_row plan = { 0 };

	*out = 0;
	if (chore->estimate == NULL)
		return OK;
	const enum err err = db_row(db, chore->estimate, ARGS(arg_text(chore_beginning().text)), &plan);

	*out = plan.rows;
	return err;
}

enum err
housekeeping_waiting(struct db *db, const struct chore *chore, uint32_t most, uint32_t *out)
{
	*out = 0;
	if (chore->waiting == NULL)
		return OK;
	return db_row(db, chore->waiting, ARGS(arg_text(chore_beginning().text), arg_u64(most)), out);
}
