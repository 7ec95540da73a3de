/* bulk.c: one statement for many rows in one round trip, as MariaDB's bulk execution does it. */
#include "core/log.h"
#include "db/handle.h"

/* By columns, as the library wants them. Not on the stack: it is 100 KiB. A process has one connection that imports. */
static const char *texts[BULK_PARAMS_MAX][BULK_ROWS_MAX];
static unsigned long lengths[BULK_PARAMS_MAX][BULK_ROWS_MAX];
static char indicators[BULK_PARAMS_MAX][BULK_ROWS_MAX];

static void
bind_columns(const struct arg *args, size_t params, size_t rows, MYSQL_BIND *binds)
{
	memset(binds, 0, params * sizeof(*binds));
	for (size_t column = 0; column < params; column++) {
		for (size_t row = 0; row < rows; row++) {
			const struct arg *arg = &args[row * params + column];
			texts[column][row] = arg->kind == ARG_NULL ? "" : arg->text.p;
			lengths[column][row] = arg->kind == ARG_NULL ? 0 : arg->text.n;
			indicators[column][row] = arg->kind == ARG_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
		}
		binds[column].buffer_type = MYSQL_TYPE_STRING;
		binds[column].buffer = (void *)texts[column];
		binds[column].length = lengths[column];
		binds[column].u.indicator = indicators[column];
	}
}

enum err
db_run_bulk(struct db *db, const struct stmt *stmt, const struct arg *args, size_t rows)
{
	MYSQL_BIND binds[BULK_PARAMS_MAX];
	unsigned n = (unsigned)rows;
	MYSQL_STMT **handle = db_handle_of(db, stmt);

	if (rows == 0)
		return OK;
	if (handle == NULL || stmt->params > BULK_PARAMS_MAX || rows > BULK_ROWS_MAX) {
		log_error("statement %s: unknown here, or called with %zu rows", stmt->name, rows);
		return ERR_INTERNAL;
	}
	if (db->mysql == NULL || db->broken)
		return ERR_DB;
	db_call_begins(db, db_statement_max_s(db));
	if (*handle == NULL) {
		const enum err err = db_prepare(db, stmt, handle);
		if (err != OK)
			return err;
	}
	bind_columns(args, stmt->params, rows, binds);
	if (mysql_stmt_attr_set(*handle, STMT_ATTR_ARRAY_SIZE, &n) == 0 && mysql_stmt_bind_param(*handle, binds) == 0
	    && mysql_stmt_execute(*handle) == 0)
		return OK;
	return db_failed(db, stmt->name, mysql_stmt_errno(*handle), mysql_stmt_sqlstate(*handle));
}
