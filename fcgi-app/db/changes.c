#include "db/changes.h"

static const struct column columns[] = {
	COLUMN(struct change, id),
	COLUMN(struct change, at),
};

static const struct stmt stmts[] = {
	{ .name = "changes recent",
	  .sql = "(SELECT NULL, UTC_TIMESTAMP(3)) UNION ALL "
	         "(SELECT id, ended_at FROM {sessions} WHERE ended_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND) UNION ALL "
	         "(SELECT id, updated_at FROM {users} WHERE updated_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND) UNION ALL "
	         "(SELECT CAST('" CHANGE_OF_ROLES "' AS UUID), updated_at FROM {roles} "
	         "WHERE updated_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND LIMIT 1) LIMIT ?",
	  .params = 4,
	  .columns = columns,
	  .n = COUNT(columns) },
};

const struct stmt_table changes_statements = { .stmts = stmts, .n = COUNT(stmts) };

enum err
changes_recent(struct db *db, uint32_t window_s, struct change *out, size_t max, size_t *n_out)
{
	return db_rows(db, stmts, ARGS(arg_u64(window_s), arg_u64(window_s), arg_u64(window_s), arg_u64(max)), out,
	               sizeof(*out), max, n_out);
}
