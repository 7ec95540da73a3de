#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/metrics.h"
#include "db/handle.h"
#include "db/sql.h"

enum { TRANSACTION_TRIES = 3 };

/* ---- Parameters ------------------------------------------------------------------------------------------------ */

struct arg
arg_u64(uint64_t v)
{
	return (struct arg){ .kind = ARG_U64, .u64 = v };
}

struct arg
arg_str(struct str v)
{
	return (struct arg){ .kind = v.p != NULL ? ARG_TEXT : ARG_NULL, .text = v };
}

struct arg
arg_text(const char *v)
{
	return arg_str(str_of(v));
}

struct arg
arg_uuid(const struct uuid *v)
{
	return arg_str(str_of(v->text));
}

struct arg
arg_bytes(const struct bytes *v)
{
	return (struct arg){ .kind = ARG_BYTES, .text = { (const char *)v->p, v->n } };
}

struct arg
arg_nullable(const char *v)
{
	return arg_text(v[0] != '\0' ? v : NULL);
}

struct arg
arg_time(struct timestamp v, char text[TIMESTAMP_SIZE])
{
	if (v.ms == 0)
		return arg_text(NULL);
	timestamp_format(v, text);
	return arg_str((struct str){ text, TIMESTAMP_SIZE - sizeof("Z") });
}

/* ---- Running --------------------------------------------------------------------------------------------------- */

static enum err
stmt_failed(struct db *db, const struct stmt *stmt, MYSQL_STMT *handle)
{
	/* What comes in the place of a row the library notes for the connection alone. */
	if (mysql_stmt_errno(handle) == 0)
		return db_failed(db, stmt->name, mysql_errno(db->mysql), mysql_sqlstate(db->mysql));
	return db_failed(db, stmt->name, mysql_stmt_errno(handle), mysql_stmt_sqlstate(handle));
}
static MYSQL_BIND
bind_arg(const struct arg *arg)
{
	MYSQL_BIND bind;

	memset(&bind, 0, sizeof(bind));
	switch (arg->kind) {
	case ARG_NULL:
		bind.buffer_type = MYSQL_TYPE_NULL;
		break;
	case ARG_U64:
		bind.buffer_type = MYSQL_TYPE_LONGLONG;
		bind.is_unsigned = 1;
		bind.buffer = unconst(&arg->u64);
		break;
	case ARG_TEXT:
	case ARG_BYTES:
		bind.buffer_type = arg->kind == ARG_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
		bind.buffer = unconst(arg->text.p);
		bind.buffer_length = arg->text.n;
		break;
	}
	return bind;
}

/* Whether the request may wait for the server once more. The owner's migrations may take their time. */
static bool
budget_left(struct db *db)
{
	if (db->mysql == NULL || db->broken)
		return false;
	if (db->as == DB_AS_OWNER || db->waited_us < db->budget_us)
		return true;
	metrics_add(COUNT_DB_TIMEOUT, db->spare ? 0 : 1);
	(void)snprintf(db->error, sizeof(db->error), "the request waited %llu ms for the database",
	               (unsigned long long)db->budget_us / 1000);
	return false;
}

static enum err
execute(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, MYSQL_STMT **handle_out)
{
	MYSQL_BIND binds[STMT_PARAMS_MAX];

	if (!budget_left(db))
		return ERR_DB;
	MYSQL_STMT **kept = db_handle_of(db, stmt);
	if (kept == NULL || n != stmt->params) {
		log_error("statement %s: unknown here, or called with %zu parameters", stmt->name, n);
		return ERR_INTERNAL;
	}
	db_call_begins(db, db_statement_max_s(db));
	if (*kept == NULL) {
		const enum err err = db_prepare(db, stmt, kept);
		if (err != OK) {
			metrics_add(db->broken ? COUNT_DB_LOST : COUNT_DB_OTHER, 1);
			return err;
		}
	}
	MYSQL_STMT *handle = *handle_out = *kept;
	for (size_t i = 0; i < n; i++)
		binds[i] = bind_arg(&args[i]);
	const bool ok = (n == 0 || mysql_stmt_bind_param(handle, binds) == 0) && mysql_stmt_execute(handle) == 0;
	return ok ? OK : stmt_failed(db, stmt, handle);
}

/* Where the library puts one column, and what it says about it. */
struct landing {
	unsigned long length;
	my_bool is_null, cut;
	MYSQL_TIME time;
	signed char tiny;
};

static MYSQL_BIND
bind_column(const struct column *column, unsigned char *row, struct landing *landing)
{
	MYSQL_BIND bind;

	memset(&bind, 0, sizeof(bind));
	bind.length = &landing->length;
	bind.is_null = &landing->is_null;
	bind.error = &landing->cut;
	bind.is_unsigned = 1;
	bind.buffer = row + column->at;
	bind.buffer_length = column->size;
	switch (column->kind) {
	case COLUMN_BOOL:
		bind.buffer_type = MYSQL_TYPE_TINY;
		bind.buffer = &landing->tiny;
		break;
	case COLUMN_U32:
		bind.buffer_type = MYSQL_TYPE_LONG;
		break;
	case COLUMN_TEXT:
	case COLUMN_UUID:
		bind.buffer_type = MYSQL_TYPE_STRING;
		bind.buffer_length = column->size - 1; /* room for the NUL */
		break;
	case COLUMN_TIMESTAMP:
		bind.buffer_type = MYSQL_TYPE_DATETIME;
		bind.buffer = &landing->time;
		break;
	case COLUMN_BYTES:
		bind.buffer_type = MYSQL_TYPE_BLOB;
		bind.buffer = row + column->at + offsetof(struct bytes, p);
		bind.buffer_length = sizeof(((struct bytes *)0)->p);
		break;
	}
	return bind;
}

/* Finishes one fetched column in the row. */
static void
land(const struct column *column, unsigned char *row, const struct landing *landing)
{
	unsigned char *member = row + column->at;
	const MYSQL_TIME *t = &landing->time;

	if (landing->is_null) {
		memset(member, 0, column->size);
		return;
	}
	switch (column->kind) {
	case COLUMN_BOOL:
		*(bool *)member = landing->tiny != 0;
		break;
	case COLUMN_TEXT:
	case COLUMN_UUID:
		member[landing->length] = '\0';
		break;
	case COLUMN_TIMESTAMP:
		*(struct timestamp *)(void *)member =
			timestamp_from_utc((int)t->year, (int)t->month, (int)t->day, (int)t->hour, (int)t->minute, (int)t->second,
		                       (int)(t->second_part / 1000));
		break;
	case COLUMN_BYTES:
		((struct bytes *)(void *)member)->n = landing->length;
		break;
	case COLUMN_U32:
		break;
	}
}

/* Fetches the next row; ERR_NO_ROW at the end. */
static enum err
fetch(struct db *db, const struct stmt *stmt, MYSQL_STMT *handle, unsigned char *row)
{
	MYSQL_BIND binds[STMT_COLUMNS_MAX];
	struct landing landings[STMT_COLUMNS_MAX];

	for (size_t i = 0; i < stmt->n; i++) {
		landings[i] = (struct landing){ 0 };
		binds[i] = bind_column(&stmt->columns[i], row, &landings[i]);
	}
	if (mysql_stmt_bind_result(handle, binds) != 0)
		return stmt_failed(db, stmt, handle);
	switch (mysql_stmt_fetch(handle)) {
	case 0:
		break;
	case MYSQL_NO_DATA:
		return ERR_NO_ROW;
	case MYSQL_DATA_TRUNCATED:
		(void)snprintf(db->error, sizeof(db->error), "%s: a value is longer than its member", stmt->name);
		return ERR_DB;
	default:
		return stmt_failed(db, stmt, handle);
	}
	for (size_t i = 0; i < stmt->n; i++)
		land(&stmt->columns[i], row, &landings[i]);
	return OK;
}

enum err
db_run(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, uint64_t *matched)
{
	MYSQL_STMT *handle;
	enum err err = ERR_DB;

	/* On its own it is a whole transaction, and what lost a deadlock has done nothing. */
	for (int i = 0; i < TRANSACTION_TRIES; i++) {
		if (!db->in_transaction)
			db->deadlocked = false;
		err = execute(db, stmt, args, n, &handle);
		if (err == OK || !db->deadlocked || db->in_transaction)
			break;
	}
	if (err == OK && matched != NULL)
		*matched = mysql_stmt_affected_rows(handle);
	return err;
}

enum err
db_run_one(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n)
{
	uint64_t matched = 0;
	const enum err err = db_run(db, stmt, args, n, &matched);

	return err == OK && matched == 0 ? ERR_NO_ROW : err;
}

enum err
db_rows(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, void *rows_out, size_t row_size,
        size_t max, size_t *n_out)
{
	unsigned char *row = rows_out;
	MYSQL_STMT *handle;
	size_t got = 0;
	enum err err = execute(db, stmt, args, n, &handle);

	*n_out = 0;
	if (err != OK)
		return err;
	while (got < max && (err = fetch(db, stmt, handle, row)) == OK) {
		row += row_size;
		got++;
	}
	/* One row too many may land on the first: what was read is then not used. */
	if (err == OK)
		err = fetch(db, stmt, handle, rows_out);
	if (err == OK) {
		(void)snprintf(db->error, sizeof(db->error), "%s: more than %zu rows", stmt->name, max);
		err = ERR_DB;
	}
	/* Reads what is left, so that the connection is ready for the next statement. */
	if (mysql_stmt_free_result(handle) != 0)
		db->broken = true;
	if (err != ERR_NO_ROW)
		return err;
	*n_out = got;
	return OK;
}

enum err
db_row(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, void *row_out)
{
	size_t got;
	const enum err err = db_rows(db, stmt, args, n, row_out, 0, 1, &got);

	if (err != OK)
		return err;
	return got == 1 ? OK : ERR_NO_ROW;
}

enum err
db_run_text(struct db *db, const char *text)
{
	char sql[SQL_MAX];

	if (!budget_left(db))
		return ERR_DB;
	if (!sql_expand(text, db->config->db_table_prefix, sql, sizeof(sql))) {
		(void)snprintf(db->error, sizeof(db->error), "statement: too long, or its braces do not match");
		return ERR_INTERNAL;
	}
	db_call_begins(db, db_statement_max_s(db));
	if (mysql_query(db->mysql, sql) != 0)
		return db_failed(db, "statement", mysql_errno(db->mysql), mysql_sqlstate(db->mysql));
	return OK;
}

/* ---- Transactions ---------------------------------------------------------------------------------------------- */

/* Holds for the one transaction that follows. */
static const char *const isolations[] = {
	[DB_ISOLATION_DEFAULT] = NULL,
	[DB_READ_COMMITTED] = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
	[DB_REPEATABLE_READ] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
};

static enum err
transaction_once(struct db *db, const char *isolation, db_work *work, void *argument)
{
	db->deadlocked = false;
	enum err err = isolation != NULL ? db_run_text(db, isolation) : OK;
	if (err == OK)
		err = db_run_text(db, "START TRANSACTION");
	if (err != OK)
		return err;
	db->in_transaction = true;
	err = work(db, argument);
	db->in_transaction = false;
	/* After a deadlock the server has rolled back, and a COMMIT would say OK with nothing written. */
	if (err == OK && !db->deadlocked && (err = db_run_text(db, "COMMIT")) == OK)
		return OK;
	/* Also after a COMMIT that the server refused: left open, the transaction would be committed by the next one. */
	db_call_begins(db, db_statement_max_s(db));
	if (!db->broken && mysql_rollback(db->mysql) != 0)
		db->broken = true;
	/* Not at the next request, which may be long in coming: until then the server would keep the rows locked. */
	if (db->broken)
		db_disconnect(db);
	return db->deadlocked ? ERR_DB : err;
}

enum err
db_transaction_at(struct db *db, enum db_isolation isolation, db_work *work, void *argument)
{
	enum err err = ERR_DB;

	for (int i = 0; i < TRANSACTION_TRIES; i++) {
		err = transaction_once(db, isolations[isolation], work, argument);
		if (err == OK || !db->deadlocked || db->mysql == NULL)
			break;
	}
	return err;
}

enum err
db_transaction(struct db *db, db_work *work, void *argument)
{
	return db_transaction_at(db, DB_ISOLATION_DEFAULT, work, argument);
}
