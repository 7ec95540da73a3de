#include "db/audit.h"

static const struct column line_columns[] = {
	COLUMN(struct audit_line, id),      COLUMN(struct audit_line, at),      COLUMN(struct audit_line, chain),
	COLUMN(struct audit_line, n),       COLUMN(struct audit_line, event),   COLUMN(struct audit_line, outcome),
	COLUMN(struct audit_line, actor),   COLUMN(struct audit_line, subject), COLUMN(struct audit_line, session),
	COLUMN(struct audit_line, through), COLUMN(struct audit_line, target),  COLUMN(struct audit_line, sealed),
	COLUMN(struct audit_line, mac),     COLUMN(struct audit_line, key),
};

#define HEAD_COLUMNS(row, in)                                                                                     \
	COLUMN(row, in chain), COLUMN(row, in first), COLUMN(row, in n), COLUMN(row, in before), COLUMN(row, in mac), \
		COLUMN(row, in seal)

static const struct column head_columns[] = { HEAD_COLUMNS(struct audit_head, ) };

static const struct column locked_columns[] = {
	HEAD_COLUMNS(struct audit_locked, head.),
	COLUMN(struct audit_locked, now),
	COLUMN(struct audit_locked, key),
};

static const struct column secret_columns[] = { COLUMN(struct audit_secret, sealed) };

/* A chain, or how many. */
static const struct column chain_column = { COLUMN_U32, 0, sizeof(uint32_t) };

#define LINE_SQL                                                                                                 \
	"SELECT a.id, a.at, a.chain, a.n, a.event, a.outcome, a.actor, a.subject, a.session, a.through, a.target, "  \
	"a.sealed, "                                                                                                 \
	"LOWER(HEX(a.mac)), COALESCE((SELECT COALESCE(LOWER(HEX(u.audit_key)), 'none') FROM {users} u WHERE u.id = " \
	"COALESCE(a.actor, "                                                                                         \
	"a.subject)), '') "                                                                                          \
	"FROM {audit} a "
#define HEAD_SQL "SELECT c.chain, c.first, c.n, LOWER(HEX(c.before_mac)), LOWER(HEX(c.mac)), LOWER(HEX(c.seal))"
/* Two parameters: nothing is asked where it is NULL. */
#define IF_ASKED(condition) "AND (? IS NULL OR " condition " ?) "

enum { LOCK, INSERT, MOVE };

/* What every log-in runs. */
static const struct stmt stmts[] = {
	[LOCK] = { .name = "audit lock",
	           .sql = HEAD_SQL ", UTC_TIMESTAMP(3), COALESCE((SELECT LOWER(HEX(u.audit_key)) FROM {users} u WHERE "
	                           "u.id = ?), '') FROM {audit_chains} c WHERE c.chain = ? FOR UPDATE",
	           .params = 2,
	           .columns = locked_columns,
	           .n = COUNT(locked_columns) },
	[INSERT] = { .name = "audit insert",
	             .sql =
	                 "INSERT INTO {audit} (id, at, chain, n, event, outcome, actor, subject, session, through, target, "
	                 "sealed, mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UNHEX(?))",
	             .params = 13 },
	[MOVE] = { .name = "audit move",
	           .sql = "UPDATE {audit_chains} SET first = ?, n = ?, before_mac = UNHEX(?), mac = UNHEX(?), "
	                  "seal = UNHEX(?) WHERE chain = ?",
	           .params = 6 },
};

const struct stmt_table audit_statements = { .stmts = stmts, .n = COUNT(stmts) };

enum { LOCK_NOW, REMOVE, SECRET, SECRET_MAKE, SECRET_RESEAL, HEADS, HEAD, LINES, BETWEEN, STRAY, OLD, FIND };

static const struct stmt rare[] = {
	[LOCK_NOW] = { .name = "audit lock now",
	               .sql = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR " HEAD_SQL
	                      ", UTC_TIMESTAMP(3), '' FROM {audit_chains} c WHERE c.chain = ? FOR UPDATE",
	               .params = 1,
	               .columns = locked_columns,
	               .n = COUNT(locked_columns) },
	[REMOVE] = { .name = "audit remove",
	             .sql = "DELETE FROM {audit} WHERE chain = ? AND n BETWEEN ? AND ?",
	             .params = 3 },
	[SECRET] = { .name = "audit secret",
	             .sql = "SELECT sealed FROM {audit_secret} WHERE id = 1",
	             .columns = secret_columns,
	             .n = COUNT(secret_columns) },
	[SECRET_MAKE] = { .name = "audit secret make",
	                  .sql = "INSERT IGNORE INTO {audit_secret} (id, sealed) VALUES (1, ?)",
	                  .params = 1 },
	[SECRET_RESEAL] = { .name = "audit secret reseal",
	                    .sql = "UPDATE {audit_secret} SET sealed = ? WHERE id = 1",
	                    .params = 1 },
	[HEADS] = { .name = "audit heads",
	            .sql = HEAD_SQL " FROM {audit_chains} c ORDER BY c.chain LIMIT ?",
	            .params = 1,
	            .columns = head_columns,
	            .n = COUNT(head_columns) },
	[HEAD] = { .name = "audit head",
	           .sql = HEAD_SQL " FROM {audit_chains} c WHERE c.chain = ?",
	           .params = 1,
	           .columns = head_columns,
	           .n = COUNT(head_columns) },
	[LINES] = { .name = "audit lines",
	            .sql = LINE_SQL "WHERE a.chain = ? AND a.n >= ? ORDER BY a.n LIMIT ?",
	            .params = 3,
	            .columns = line_columns,
	            .n = COUNT(line_columns) },
	[BETWEEN] = { .name = "audit between",
	              .sql = "SELECT COUNT(*) FROM {audit} WHERE chain = ? AND n BETWEEN ? AND ?",
	              .params = 3,
	              .columns = &chain_column,
	              .n = 1 },
	[STRAY] = { .name = "audit stray",
	            .sql = LINE_SQL "WHERE a.chain >= ? ORDER BY a.chain, a.n LIMIT 1",
	            .params = 1,
	            .columns = line_columns,
	            .n = COUNT(line_columns) },
	[OLD] = { .name = "audit old",
	          .sql = "SELECT c.chain FROM {audit_chains} c JOIN {audit} a ON a.chain = c.chain AND a.n = c.first "
	                 "WHERE c.chain >= ? AND a.at < UTC_TIMESTAMP(3) - INTERVAL ? DAY ORDER BY c.chain LIMIT 1",
	          .params = 2,
	          .columns = &chain_column,
	          .n = 1 },
	[FIND] = { .name = "audit find",
	           .sql = LINE_SQL "WHERE a.id < ? AND a.id >= ? " IF_ASKED("a.actor =") IF_ASKED("a.subject =")
	               IF_ASKED("a.event =") IF_ASKED("a.at >=") IF_ASKED("a.at <") "ORDER BY a.id DESC LIMIT ?",
	           .params = 13,
	           .columns = line_columns,
	           .n = COUNT(line_columns) },
};

const struct stmt_table audit_rare_statements = { .stmts = rare, .n = COUNT(rare), .rare = true };

enum err
audit_lock(struct db *db, uint32_t chain, const struct uuid *user, struct audit_locked *out)
{
	return db_row(db, &stmts[LOCK], ARGS(arg_text(user != NULL ? user->text : NULL), arg_u64(chain)), out);
}

enum err
audit_lock_now(struct db *db, uint32_t chain, struct audit_locked *out)
{
	return db_row(db, &rare[LOCK_NOW], ARGS(arg_u64(chain)), out);
}

enum err
audit_insert(struct db *db, const struct audit_line *line)
{
	char at[TIMESTAMP_SIZE];

	return db_run(db, &stmts[INSERT],
	              ARGS(arg_uuid(&line->id), arg_time(line->at, at), arg_u64(line->chain), arg_u64(line->n),
	                   arg_text(line->event), arg_text(line->outcome), arg_nullable(line->actor.text),
	                   arg_nullable(line->subject.text), arg_nullable(line->session.text), arg_text(line->through),
	                   arg_nullable(line->target), line->sealed.n > 0 ? arg_bytes(&line->sealed) : arg_text(NULL),
	                   arg_text(line->mac)),
	              NULL);
}

enum err
audit_move(struct db *db, const struct audit_head *head)
{
	return db_run_one(db, &stmts[MOVE],
	                  ARGS(arg_u64(head->first), arg_u64(head->n), arg_text(head->before), arg_text(head->mac),
	                       arg_text(head->seal), arg_u64(head->chain)));
}

enum err
audit_remove(struct db *db, uint32_t chain, uint32_t first, uint32_t last)
{
	return db_run(db, &rare[REMOVE], ARGS(arg_u64(chain), arg_u64(first), arg_u64(last)), NULL);
}

enum err
audit_secret(struct db *db, struct audit_secret *out)
{
	return db_row(db, &rare[SECRET], NO_ARGS, out);
}

enum err
audit_secret_make(struct db *db, const struct bytes *sealed)
{
	return db_run(db, &rare[SECRET_MAKE], ARGS(arg_bytes(sealed)), NULL);
}

enum err
audit_secret_reseal(struct db *db, const struct bytes *sealed)
{
	return db_run_one(db, &rare[SECRET_RESEAL], ARGS(arg_bytes(sealed)));
}

enum err
audit_heads(struct db *db, struct audit_head *out, size_t *n_out)
{
	return db_rows(db, &rare[HEADS], ARGS(arg_u64(AUDIT_CHAINS + 1)), out, sizeof(*out), AUDIT_CHAINS + 1, n_out);
}

enum err
audit_head(struct db *db, uint32_t chain, struct audit_head *out)
{
	return db_row(db, &rare[HEAD], ARGS(arg_u64(chain)), out);
}

enum err
audit_lines(struct db *db, uint32_t chain, uint32_t from, struct audit_line *out, size_t max, size_t *n_out)
{
	return db_rows(db, &rare[LINES], ARGS(arg_u64(chain), arg_u64(from), arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
audit_count(struct db *db, uint32_t chain, uint32_t from, uint32_t to, uint32_t *n_out)
{
	return db_row(db, &rare[BETWEEN], ARGS(arg_u64(chain), arg_u64(from), arg_u64(to)), n_out);
}

enum err
audit_stray(struct db *db, struct audit_line *out)
{
	return db_row(db, &rare[STRAY], ARGS(arg_u64(AUDIT_CHAINS)), out);
}

enum err
audit_old(struct db *db, uint32_t from, uint32_t days, uint32_t *chain_out)
{
	return db_row(db, &rare[OLD], ARGS(arg_u64(from), arg_u64(days)), chain_out);
}

#define TWICE(arg) (arg), (arg)

enum err
audit_find(struct db *db, const struct audit_filter *filter, struct str before, struct str after,
           struct audit_line *out, size_t max, size_t *n_out)
{
	char since[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];
	const struct arg from = arg_time(filter->since, since), to = arg_time(filter->until, until);

	return db_rows(db, &rare[FIND],
	               ARGS(arg_str(before), arg_str(after), TWICE(arg_str(filter->actor)), TWICE(arg_str(filter->subject)),
	                    TWICE(arg_str(filter->event)), TWICE(from), TWICE(to), arg_u64(max)),
	               out, sizeof(*out), max, n_out);
}
