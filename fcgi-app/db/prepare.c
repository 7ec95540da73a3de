/* prepare.c: a connection's prepared statements: where each is kept, and how it comes there. */
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "db/handle.h"
#include "db/sql.h"

/* The server's headers have spelt its name in two ways. */
enum { NO_SUCH_KEY = 1176 };

MYSQL_STMT **
db_handle_of(struct db *db, const struct stmt *stmt)
{
	size_t slot = 0;

	for (size_t t = 0; t < db->ntables; t++) {
		const struct stmt_table *table = db->tables[t];
		if (stmt >= table->stmts && stmt < table->stmts + table->n)
			return &db->prepared[slot + (size_t)(stmt - table->stmts)];
		slot += table->n;
	}
	return NULL;
}

static enum err
prepare(struct db *db, const struct stmt *stmt, MYSQL_STMT *handle)
{
	if (handle == NULL)
		return db_failed(db, stmt->name, mysql_errno(db->mysql), mysql_sqlstate(db->mysql));
	char sql[SQL_MAX];
	if (!sql_expand(stmt->sql, db->config->db_table_prefix, sql, sizeof(sql))) {
		(void)snprintf(db->error, sizeof(db->error), "%s: too long, or its braces do not match", stmt->name);
		return ERR_INTERNAL;
	}
	if (mysql_stmt_prepare(handle, sql, strlen(sql)) != 0) {
		const enum err err = db_failed_plainly(db, stmt->name, mysql_stmt_errno(handle), mysql_stmt_error(handle));
		const unsigned code = mysql_stmt_errno(handle);
		db->schema_disagrees = code == ER_NO_SUCH_TABLE || code == ER_BAD_FIELD_ERROR || code == NO_SUCH_KEY;
		return err;
	}
	const size_t params = mysql_stmt_param_count(handle), columns = mysql_stmt_field_count(handle);
	if (params == stmt->params && columns == stmt->n && params <= STMT_PARAMS_MAX && columns <= STMT_COLUMNS_MAX)
		return OK;
	(void)snprintf(db->error, sizeof(db->error), "%s: has %zu parameters and %zu columns, not %zu and %zu", stmt->name,
	               params, columns, stmt->params, stmt->n);
	db->schema_disagrees = true;
	return ERR_DB;
}

/* A statement that the schema does not fit stops the program: it would fail at its first use, at a worse time. What is left
 * of one that failed is closed here, where the connection goes on: it would pass for prepared. */
enum err
db_prepare(struct db *db, const struct stmt *stmt, MYSQL_STMT **out)
{
	*out = mysql_stmt_init(db->mysql);
	const enum err err = prepare(db, stmt, *out);
	if (err != OK && *out != NULL && !db->broken) {
		(void)mysql_stmt_close(*out);
		*out = NULL;
	}
	return err;
}

static enum err
prepare_table(struct db *db, const struct stmt_table *table, MYSQL_STMT **handles)
{
	for (size_t i = 0; i < table->n; i++) {
		const enum err err = db_prepare(db, &table->stmts[i], &handles[i]);
		if (err != OK)
			return err;
	}
	return OK;
}

enum err
db_prepare_all(struct db *db)
{
	size_t slot = 0;

	for (size_t t = 0; t < db->ntables; slot += db->tables[t++]->n) {
		if (slot + db->tables[t]->n > PREPARED_MAX)
			return ERR_INTERNAL;
		if (db->tables[t]->rare && db->as == DB_AS_WORKER)
			continue;
		const enum err err = prepare_table(db, db->tables[t], &db->prepared[slot]);
		if (err != OK)
			return err;
	}
	return OK;
}
