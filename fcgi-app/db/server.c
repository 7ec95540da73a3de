#include "db/server.h"

static const struct column info_columns[] = { COLUMN(struct server_info, version), COLUMN(struct server_info, now) };
static const struct column grant_columns[] = { COLUMN(struct server_grant, text) };

static const struct column percent_column = { COLUMN_U32, 0, sizeof(uint32_t) };

enum { INFO, GRANTS, LOG_FILLED };

static const struct stmt stmts[] = {
	[INFO] = { .name = "server info",
	           .sql = "SELECT VERSION(), UTC_TIMESTAMP(3)",
	           .columns = info_columns,
	           .n = COUNT(info_columns) },
	[GRANTS] = { .name = "server grants", .sql = "SHOW GRANTS", .columns = grant_columns, .n = COUNT(grant_columns) },
	[LOG_FILLED] = { .name = "server log filled",
	                 .sql = "SELECT CAST(100 * SUM(IF(VARIABLE_NAME = 'INNODB_CHECKPOINT_AGE', VARIABLE_VALUE, 0)) / "
	                        "SUM(IF(VARIABLE_NAME = 'INNODB_CHECKPOINT_MAX_AGE', VARIABLE_VALUE, 0)) AS UNSIGNED) "
	                        "FROM information_schema.GLOBAL_STATUS "
	                        "WHERE VARIABLE_NAME IN ('INNODB_CHECKPOINT_AGE', 'INNODB_CHECKPOINT_MAX_AGE')",
	                 .columns = &percent_column,
	                 .n = 1 },
};

const struct stmt_table server_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

enum err
server_info(struct db *db, struct server_info *out)
{
	return db_row(db, &stmts[INFO], NO_ARGS, out);
}

enum err
server_grants(struct db *db, struct server_grant *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[GRANTS], NO_ARGS, out, sizeof(*out), max, n_out);
}

enum err
server_log_filled(struct db *db, uint32_t *percent_out)
{
	return db_row(db, &stmts[LOG_FILLED], NO_ARGS, percent_out);
}
