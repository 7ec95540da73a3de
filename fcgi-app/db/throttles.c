#include "db/throttles.h"

static const struct column row_columns[] = {
	COLUMN(struct throttle_row, subject.text), COLUMN(struct throttle_row, failures),
	COLUMN(struct throttle_row, retry_at),     COLUMN(struct throttle_row, updated_at),
	COLUMN(struct throttle_row, now),
};

enum { FIND, INSERT, UPDATE, TAKE_BACK, DELETE };

/* Two parameters: how far retry_at lies ahead and updated_at back, in microseconds. */
#define TIMES_SQL "UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND"

static const struct stmt stmts[] = {
	[FIND] = { .name = "throttles find",
	           .sql = "SELECT subject, failures, retry_at, updated_at, UTC_TIMESTAMP(3) FROM {throttles} "
	                  "WHERE subject IN (?, ?)",
	           .params = 2,
	           .columns = row_columns,
	           .n = COUNT(row_columns) },
	[INSERT] = { .name = "throttles insert",
	             .sql = "INSERT INTO {throttles} (subject, failures, lasting, retry_at, updated_at) "
	                    "VALUES (?, ?, ?, " TIMES_SQL ")",
	             .params = 5 },
	/* One statement decides between any number of attempts: the row has to be as it was read. */
	[UPDATE] = { .name = "throttles update",
	             .sql = "UPDATE {throttles} SET failures = ?, retry_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, "
	                    "updated_at = UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND "
	                    "WHERE subject = ? AND failures = ? AND retry_at = ? AND updated_at = ?",
	             .params = 7 },
	[TAKE_BACK] = { .name = "throttles take back",
	                .sql = "UPDATE {throttles} SET failures = GREATEST(failures, ?) - ?, retry_at = UTC_TIMESTAMP(3) "
	                       "WHERE subject = ?",
	                .params = 3 },
	[DELETE] = { .name = "throttles delete", .sql = "DELETE FROM {throttles} WHERE subject = ?", .params = 1 },
};

const struct stmt_table throttles_statements = { .stmts = stmts, .n = COUNT(stmts) };

static struct arg
arg_us(uint64_t ms)
{
	return arg_u64(ms * 1000);
}

enum err
throttles_find(struct db *db, const struct throttle_subject *a, const struct throttle_subject *b,
               struct throttle_row out[2], size_t *n_out)
{
	return db_rows(db, &stmts[FIND], ARGS(arg_text(a->text), arg_text(b->text)), out, sizeof(*out), 2, n_out);
}

enum err
throttles_insert(struct db *db, const struct throttle_subject *subject, const struct throttle_change *to, bool lasting)
{
	return db_run(db, &stmts[INSERT],
	              ARGS(arg_text(subject->text), arg_u64(to->failures), arg_u64(lasting), arg_us(to->delay_ms),
	                   arg_us(to->age_ms)),
	              NULL);
}

enum err
throttles_update(struct db *db, const struct throttle_row *read, const struct throttle_change *to)
{
	char retry_at[TIMESTAMP_SIZE], updated_at[TIMESTAMP_SIZE];

	return db_run_one(db, &stmts[UPDATE],
	                  ARGS(arg_u64(to->failures), arg_us(to->delay_ms), arg_us(to->age_ms),
	                       arg_text(read->subject.text), arg_u64(read->failures), arg_time(read->retry_at, retry_at),
	                       arg_time(read->updated_at, updated_at)));
}

enum err
throttles_take_back(struct db *db, const struct throttle_subject *subject, uint32_t failures)
{
	return db_run(db, &stmts[TAKE_BACK], ARGS(arg_u64(failures), arg_u64(failures), arg_text(subject->text)), NULL);
}

enum err
throttles_delete(struct db *db, const struct throttle_subject *subject)
{
	return db_run(db, &stmts[DELETE], ARGS(arg_text(subject->text)), NULL);
}
