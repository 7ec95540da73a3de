#include "db/migrations.h"

struct lock_row {
	bool held;
};

struct version_row {
	uint32_t version;
};

static const struct column row_columns[] = {
	COLUMN(struct migration_row, version),
	COLUMN(struct migration_row, name),
	COLUMN(struct migration_row, checksum),
};
static const struct column lock_columns[] = { COLUMN(struct lock_row, held) };
static const struct column version_columns[] = { COLUMN(struct version_row, version) };

enum { LOCK, ALL, INSERT, VERSION };

static const struct stmt stmts[] = {
	[LOCK] = { .name = "migrations lock",
	           .sql = "SELECT COALESCE(GET_LOCK(CONCAT('latch migrate ', DATABASE()), 60), 0)",
	           .columns = lock_columns,
	           .n = COUNT(lock_columns) },
	[ALL] = { .name = "migrations all",
	          .sql = "SELECT version, name, checksum FROM {schema_migrations} ORDER BY version",
	          .columns = row_columns,
	          .n = COUNT(row_columns) },
	[INSERT] = { .name = "migrations insert",
	             .sql = "INSERT INTO {schema_migrations} (version, name, checksum, applied_at) "
	                    "VALUES (?, ?, ?, UTC_TIMESTAMP(3))",
	             .params = 3 },
	[VERSION] = { .name = "migrations version",
	              .sql = "SELECT COALESCE(MAX(version), 0) FROM {schema_migrations}",
	              .columns = version_columns,
	              .n = COUNT(version_columns) },
};

const struct stmt_table migrations_statements = { .stmts = stmts, .n = COUNT(stmts) };

enum err
migrations_lock(struct db *db)
{
	struct lock_row row = { false };
	const enum err err = db_row(db, &stmts[LOCK], NO_ARGS, &row);

	if (err != OK)
		return err;
	return row.held ? OK : ERR_BUSY;
}

enum err
migrations_init(struct db *db)
{
	return db_run_text(db, "CREATE TABLE IF NOT EXISTS {schema_migrations} ("
	                       "version INT UNSIGNED NOT NULL PRIMARY KEY, "
	                       "name VARCHAR(64) CHARACTER SET ascii NOT NULL, "
	                       "checksum CHAR(64) CHARACTER SET ascii NOT NULL, "
	                       "applied_at DATETIME(3) NOT NULL) ENGINE = InnoDB");
}

enum err
migrations_all(struct db *db, struct migration_row *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[ALL], NO_ARGS, out, sizeof(*out), max, n_out);
}

enum err
migrations_insert(struct db *db, const struct migration_row *row)
{
	return db_run(db, &stmts[INSERT], ARGS(arg_u64(row->version), arg_text(row->name), arg_text(row->checksum)), NULL);
}

enum err
migrations_version(struct db *db, uint32_t *out)
{
	struct version_row row = { 0 };
	const enum err err = db_row(db, &stmts[VERSION], NO_ARGS, &row);

	*out = row.version;
	return err;
}
