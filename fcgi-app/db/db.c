/* db.c is longer than other files because mysql.h is to be seen by this one alone. */
#include "db/db.h"

#include <errno.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

static const struct stmt_table *const service_tables[] = { &users_statements, &sessions_statements,
	                                                       &signing_keys_statements, &migrations_statements,
	                                                       &server_statements };
static const struct stmt_table *const owner_tables[] = { &migrations_statements };

enum {
	PREPARED_MAX = 64,
	RECONNECT_PAUSE_US = 250000,
	TRANSACTION_TRIES = 3,
	MIGRATION_TIMEOUT_S = 3600,
	STATEMENT_TENTHS = 8
};

struct db {
	const struct config *config;
	const struct stmt_table *const *tables;
	size_t ntables;
	enum db_as as;

	MYSQL *mysql; /* NULL: not connected */
	MYSQL_STMT *prepared[PREPARED_MAX];
	bool broken; /* the connection must not be used again */
	bool schema_disagrees;
	bool deadlocked; /* the server gave up the transaction: it has been rolled back */
	uint64_t last_failure_us;
	uint64_t waited_us;                   /* for the server, by this request */
	uint64_t call_waited_us, call_max_us; /* the same by the present call, and how long it may */
	char error[256];
};

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

/* ---- Errors ---------------------------------------------------------------------------------------------------- */

/* The server's message may quote values, so only its number and SQLSTATE are kept: what they mean stands in the
 * manual, and the statement's name says where. */
static enum err
failed(struct db *db, const char *where, unsigned code, const char *state)
{
	(void)snprintf(db->error, sizeof(db->error), "%s: error %u (SQLSTATE %s)", where, code, state);
	switch (code) {
	case ER_DUP_ENTRY:
		return ERR_DUPLICATE;
	case ER_LOCK_DEADLOCK:
		db->deadlocked = true;
		return ERR_DB;
	default:
		break;
	}
	/* What the server says about one statement leaves the connection whole; what the client library says (2000 and up)
	 * and a server that is going down do not. */
	if ((code >= 2000 && code < 3000) || code == ER_SERVER_SHUTDOWN || code == ER_CONNECTION_KILLED
	    || code == ER_UNKNOWN_COM_ERROR)
		db->broken = true;
	return ERR_DB;
}

static enum err
stmt_failed(struct db *db, const struct stmt *stmt, MYSQL_STMT *handle)
{
	return failed(db, stmt->name, mysql_stmt_errno(handle), mysql_stmt_sqlstate(handle));
}

/* The same where the message can hold no value: connecting and preparing. */
static enum err
failed_plainly(struct db *db, const char *where, unsigned code, const char *message)
{
	const enum err err = failed(db, where, code, "");

	(void)snprintf(db->error, sizeof(db->error), "%s: error %u: %s", where, code, message);
	return err;
}

const char *
db_error(const struct db *db)
{
	return db->error;
}

bool
db_schema_disagrees(const struct db *db)
{
	return db->schema_disagrees;
}

/* ---- Waiting --------------------------------------------------------------------------------------------------- */

/* The connection whose call is going on: the library's hook takes no argument of ours. */
static struct db *caller;

static unsigned
statement_max_s(const struct db *db)
{
	return db->as == DB_AS_OWNER ? MIGRATION_TIMEOUT_S : db->config->db_timeout_s;
}

/* To be called before the library may wait: from here on it waits max_s at most. */
static void
call_begins(struct db *db, unsigned max_s)
{
	caller = db;
	db->call_waited_us = 0;
	db->call_max_us = (uint64_t)max_s * 1000000;
}

static uint64_t
left(uint64_t max, uint64_t used)
{
	return used < max ? max - used : 0;
}

/* In the place of the library's own wait, whose time-out holds for one read only: a server that sends a byte now and then
 * would keep a worker for minutes. The owner's migrations may take their time. */
static int
wait_for_server(my_socket fd, my_bool reading, int timeout_ms)
{
	struct db *db = caller;
	struct pollfd ready = { .fd = fd, .events = reading ? POLLIN : POLLOUT };
	uint64_t most_us = left(db->call_max_us, db->call_waited_us);
	const uint64_t request_max_us = (uint64_t)DB_BUDGET_MS * 1000 + (uint64_t)statement_max_s(db) * 1000000;

	if (db->as != DB_AS_OWNER && most_us > left(request_max_us, db->waited_us))
		most_us = left(request_max_us, db->waited_us);
	if (timeout_ms <= 0 || most_us / 1000 < (uint64_t)timeout_ms)
		timeout_ms = (int)((most_us + 999) / 1000);
	const uint64_t start_us = clock_mono_us();
	int rc;
	do
		rc = poll(&ready, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	const uint64_t us = clock_mono_us() - start_us;
	db->waited_us += us;
	db->call_waited_us += us;
	if (rc == 0)
		errno = ETIMEDOUT;
	return rc;
}

/* ---- Connecting ------------------------------------------------------------------------------------------------ */

static void
disconnect(struct db *db)
{
	caller = db;
	for (size_t i = 0; i < PREPARED_MAX; i++) {
		if (db->prepared[i] != NULL)
			(void)mysql_stmt_close(db->prepared[i]);
		db->prepared[i] = NULL;
	}
	if (db->mysql != NULL)
		mysql_close(db->mysql);
	db->mysql = NULL;
	db->broken = false;
}

/* A statement that the schema does not fit stops the program: it would fail at its first use, at a worse time. */
static enum err
prepare(struct db *db, const struct stmt *stmt, MYSQL_STMT **out)
{
	MYSQL_STMT *handle = *out = mysql_stmt_init(db->mysql);

	if (handle == NULL)
		return failed(db, stmt->name, mysql_errno(db->mysql), mysql_sqlstate(db->mysql));
	if (mysql_stmt_prepare(handle, stmt->sql, strlen(stmt->sql)) != 0) {
		const enum err err = failed_plainly(db, stmt->name, mysql_stmt_errno(handle), mysql_stmt_error(handle));
		const unsigned code = mysql_stmt_errno(handle);
		db->schema_disagrees = code == ER_NO_SUCH_TABLE || code == ER_BAD_FIELD_ERROR;
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

static enum err
prepare_all(struct db *db)
{
	size_t slot = 0;

	for (size_t t = 0; t < db->ntables; t++)
		for (size_t i = 0; i < db->tables[t]->n; i++, slot++) {
			if (slot >= PREPARED_MAX)
				return ERR_INTERNAL;
			const enum err err = prepare(db, &db->tables[t]->stmts[i], &db->prepared[slot]);
			if (err != OK)
				return err;
		}
	return OK;
}

/* One that is not taken, out of memory say, would leave a connection that cuts values, or waits for ever. */
static bool
set_options(struct db *db, bool tls)
{
	const struct config *c = db->config;
	const unsigned connect_s = c->db_connect_timeout_s, no_files = 0, io_s = statement_max_s(db);
	const my_bool verify = tls, no = 0;
	char init[256];

	/* Strict, so that a value is refused and never cut. The server gives a statement up before we stop waiting for it, so
	 * that what happened is known. */
	(void)snprintf(init, sizeof(init),
	               "SET time_zone = '+00:00', innodb_lock_wait_timeout = 1, max_statement_time = %u.%u, "
	               "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
	               io_s - 1, (unsigned)STATEMENT_TENTHS);
	const struct {
		enum mysql_option option;
		const void *value;
	} options[] = {
		/* On, a lost connection would come back in the middle of a transaction and autocommit its second half. */
		{ MYSQL_OPT_RECONNECT, &no },          { MYSQL_OPT_CONNECT_TIMEOUT, &connect_s },
		{ MYSQL_OPT_READ_TIMEOUT, &io_s },     { MYSQL_OPT_WRITE_TIMEOUT, &io_s },
		{ MYSQL_SET_CHARSET_NAME, "utf8mb4" }, { MYSQL_OPT_LOCAL_INFILE, &no_files },
		{ MYSQL_INIT_COMMAND, init },          { MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify },
		{ MYSQL_OPT_SSL_CA, c->db_tls_ca }, /* the last, for it is not always wanted */
	};

	errno = 0; /* that it has no memory for a text the library does not say */
	for (size_t i = 0; i < COUNT(options) - (tls ? 0 : 1); i++)
		if (mysql_options(db->mysql, options[i].option, options[i].value) != 0 || errno == ENOMEM)
			return false;
	return mysql_optionsv(db->mysql, MARIADB_OPT_IO_WAIT, wait_for_server) == 0;
}

static enum err
connect_now(struct db *db)
{
	const struct config *c = db->config;
	const bool tcp = c->db_socket[0] == '\0', tls = tcp && c->db_tls_ca[0] != '\0';
	const bool owner = db->as == DB_AS_OWNER;

	db->schema_disagrees = false;
	db->mysql = mysql_init(NULL);
	if (db->mysql == NULL || !set_options(db, tls)) {
		(void)snprintf(db->error, sizeof(db->error), "connect: out of memory");
		return ERR_INTERNAL;
	}
	if (mysql_real_connect(db->mysql, tcp ? c->db_host : NULL, owner ? c->db_owner_user : c->db_user,
	                       owner ? c->db_owner_password : c->db_password, c->db_name, tcp ? c->db_port : 0,
	                       tcp ? NULL : c->db_socket, CLIENT_FOUND_ROWS)
	    == NULL)
		return failed_plainly(db, "connect", mysql_errno(db->mysql), mysql_error(db->mysql));
	/* The options above have been seen to connect in plain text to a server without TLS. */
	if (tls && mysql_get_ssl_cipher(db->mysql) == NULL) {
		(void)snprintf(db->error, sizeof(db->error), "connect: the server offers no TLS, and db_tls_ca is set");
		return ERR_DB;
	}
	return owner ? OK : prepare_all(db);
}

struct db *
db_new(const struct config *config, enum db_as as)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return NULL;
	db->config = config;
	db->as = as;
	db->tables = as == DB_AS_OWNER ? owner_tables : service_tables;
	db->ntables = as == DB_AS_OWNER ? COUNT(owner_tables) : COUNT(service_tables);
	return db;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	free(db);
}

/* An idle connection has nothing to say: anything to read on it is the server's farewell. */
static bool
hung_up(struct db *db)
{
	struct pollfd fd = { .fd = (int)mysql_get_socket(db->mysql), .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

enum err
db_begin_request(struct db *db)
{
	db->waited_us = 0;
	call_begins(db, db->config->db_connect_timeout_s);
	if (db->mysql != NULL && (db->broken || hung_up(db)))
		disconnect(db);
	if (db->mysql != NULL) {
		db->error[0] = '\0';
		return OK;
	}

	/* A server that accepts and says nothing costs each attempt its time-out: do not make every request pay it. */
	const uint64_t now = clock_mono_us();
	if (db->last_failure_us != 0 && now - db->last_failure_us < RECONNECT_PAUSE_US)
		return ERR_DB;
	const enum err err = connect_now(db);
	if (err == OK) {
		db->last_failure_us = 0;
		db->error[0] = '\0';
		return OK;
	}
	disconnect(db);
	db->last_failure_us = clock_mono_us();
	return ERR_DB;
}

/* ---- Running --------------------------------------------------------------------------------------------------- */

/* Where the statement's handle is kept; NULL for a statement of no table that this connection knows. */
static MYSQL_STMT **
handle_of(struct db *db, const struct stmt *stmt)
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

/* The bind structs want pointers to what they send as non-const; the library only reads them. */
union unconst {
	const void *in;
	void *out;
};

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
		bind.buffer = (union unconst){ .in = &arg->u64 }.out;
		break;
	case ARG_TEXT:
	case ARG_BYTES:
		bind.buffer_type = arg->kind == ARG_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
		bind.buffer = (union unconst){ .in = arg->text.p }.out;
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
	if (db->as == DB_AS_OWNER || db->waited_us < (uint64_t)DB_BUDGET_MS * 1000)
		return true;
	(void)snprintf(db->error, sizeof(db->error), "the request waited %d ms for the database", DB_BUDGET_MS);
	return false;
}

static enum err
execute(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, MYSQL_STMT **handle_out)
{
	MYSQL_BIND binds[STMT_PARAMS_MAX];

	if (!budget_left(db))
		return ERR_DB;
	MYSQL_STMT **kept = handle_of(db, stmt);
	if (kept == NULL || n != stmt->params) {
		log_error("statement %s: unknown here, or called with %zu parameters", stmt->name, n);
		return ERR_INTERNAL;
	}
	call_begins(db, statement_max_s(db));
	if (*kept == NULL) {
		const enum err err = prepare(db, stmt, kept);
		if (err != OK)
			return err;
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
	const enum err err = execute(db, stmt, args, n, &handle);

	if (err == OK && matched != NULL)
		*matched = mysql_stmt_affected_rows(handle);
	return err;
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
db_run_text(struct db *db, const char *sql)
{
	if (!budget_left(db))
		return ERR_DB;
	call_begins(db, statement_max_s(db));
	if (mysql_query(db->mysql, sql) != 0)
		return failed(db, "statement", mysql_errno(db->mysql), mysql_sqlstate(db->mysql));
	return OK;
}

/* ---- Transactions ---------------------------------------------------------------------------------------------- */

static enum err
transaction_once(struct db *db, db_work *work, void *argument)
{
	db->deadlocked = false;
	enum err err = db_run_text(db, "START TRANSACTION");
	if (err != OK)
		return err;
	err = work(db, argument);
	/* After a deadlock the server has rolled back, and a COMMIT would say OK with nothing written. */
	if (err == OK && !db->deadlocked && (err = db_run_text(db, "COMMIT")) == OK)
		return OK;
	/* Also after a COMMIT that the server refused: left open, the transaction would be committed by the next one. */
	call_begins(db, statement_max_s(db));
	if (!db->broken && mysql_rollback(db->mysql) != 0)
		db->broken = true;
	/* Not at the next request, which may be long in coming: until then the server would keep the rows locked. */
	if (db->broken)
		disconnect(db);
	return db->deadlocked ? ERR_DB : err;
}

enum err
db_transaction(struct db *db, db_work *work, void *argument)
{
	enum err err = ERR_DB;

	for (int i = 0; i < TRANSACTION_TRIES; i++) {
		err = transaction_once(db, work, argument);
		if (err == OK || !db->deadlocked || db->mysql == NULL)
			break;
	}
	return err;
}
