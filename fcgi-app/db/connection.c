#include <errno.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics.h"
#include "db/handle.h"

static const struct stmt_table *const service_tables[] = {
	&users_statements,         &user_admin_statements,   &user_import_statements, &sessions_statements,
	&sessions_rare_statements, &signing_keys_statements, &throttles_statements,   &housekeeping_statements,
	&changes_statements,       &roles_statements,        &audit_statements,       &audit_rare_statements,
	&migrations_statements,    &server_statements
};
static const struct stmt_table *const owner_tables[] = { &migrations_statements };

enum { RECONNECT_PAUSE_US = 250000, MIGRATION_TIMEOUT_S = 3600, STATEMENT_TENTHS = 8, CONNECT_MEMORY = 96 * 1024 };

/* ---- Errors ---------------------------------------------------------------------------------------------------- */

/* The server's message may quote values, so only its number and SQLSTATE are kept: what they mean stands in the
 * manual, and the statement's name says where. */
static enum err
note_failure(struct db *db, const char *where, unsigned code, const char *state)
{
	(void)snprintf(db->error, sizeof(db->error), "%s: error %u (SQLSTATE %s)", where, code, state);
	db->failed_code = code;
	switch (code) {
	case ER_DUP_ENTRY:
		return ERR_DUPLICATE;
	/* MariaDB from 11.6 on says the latter where a row that is to be locked changed since the transaction's snapshot
	 * (innodb_snapshot_isolation). As with a deadlock, all of the transaction is undone, and to be begun again. */
	case ER_LOCK_DEADLOCK:
	case ER_CHECKREAD:
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

enum err
db_failed(struct db *db, const char *where, unsigned code, const char *state)
{
	const enum err err = note_failure(db, where, code, state);

	/* Work that nobody waits for is meant to be given up where it would take long. */
	if (err == ERR_DUPLICATE || (db->spare && (db_locked_out(db) || db_timed_out(db))))
		return err;
	if (db_locked_out(db))
		metrics_add(COUNT_DB_LOCKED, 1);
	else if (db_timed_out(db))
		metrics_add(COUNT_DB_TIMEOUT, 1);
	else
		metrics_add(db->broken ? COUNT_DB_LOST : COUNT_DB_OTHER, 1);
	return err;
}

enum err
db_failed_plainly(struct db *db, const char *where, unsigned code, const char *message)
{
	const enum err err = note_failure(db, where, code, "");

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

bool
db_locked_out(const struct db *db)
{
	return db->failed_code == ER_LOCK_WAIT_TIMEOUT || db->failed_code == ER_LOCK_DEADLOCK
	    || db->failed_code == ER_CHECKREAD;
}

bool
db_timed_out(const struct db *db)
{
	return db->failed_code == ER_STATEMENT_TIMEOUT;
}

/* ---- Waiting --------------------------------------------------------------------------------------------------- */

/* The connection whose call is going on: the library's hook takes no argument of ours. */
static struct db *caller;

unsigned
db_statement_max_s(const struct db *db)
{
	return db->as == DB_AS_OWNER ? MIGRATION_TIMEOUT_S : db->config->db_timeout_s;
}

void
db_call_begins(struct db *db, unsigned max_s)
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

	if (db->as != DB_AS_OWNER && most_us > left(db->wait_max_us, db->waited_us))
		most_us = left(db->wait_max_us, db->waited_us);
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

void
db_disconnect(struct db *db)
{
	caller = db;
	/* First the connection, which the statements outlive: closed while another's rows have not all come, a statement has the
	 * library (3.4) look for them, fail, and lose its memory. */
	if (db->mysql != NULL)
		mysql_close(db->mysql);
	db->mysql = NULL;
	for (size_t i = 0; i < PREPARED_MAX; i++) {
		if (db->prepared[i] != NULL)
			(void)mysql_stmt_close(db->prepared[i]);
		db->prepared[i] = NULL;
	}
	db->broken = false;
}

/* One that is not taken, out of memory say, would leave a connection that cuts values, or waits for ever. */
static bool
set_options(struct db *db, bool tls)
{
	const struct config *c = db->config;
	const unsigned connect_s = c->db_connect_timeout_s, no_files = 0, io_s = db_statement_max_s(db);
	const my_bool verify = tls, no = 0;
	char init[320];

	/* Strict, so that a value is refused and never cut, and neither is a list, which may be longer than any member here. The server gives a statement up before we stop waiting for it, so
	 * that what happened is known. */
	(void)snprintf(init, sizeof(init),
	               "SET time_zone = '+00:00', innodb_lock_wait_timeout = 1, max_statement_time = %u.%u, "
	               "group_concat_max_len = 65536, "
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

/* libmariadb 3.3, and what it asks of glibc, do not look at some of their allocations while they connect, and crash when one
 * is refused. What is taken and given back here, malloc has for them. */
static bool
memory_there(void)
{
	char *p = malloc(CONNECT_MEMORY);

	if (p == NULL)
		return false;
	*(volatile char *)p = 0; /* or the compiler would leave both calls out */
	free(p);
	return true;
}

static enum err
connect_now(struct db *db)
{
	const struct config *c = db->config;
	const bool tcp = c->db_socket[0] == '\0', tls = tcp && c->db_tls_ca[0] != '\0';
	const bool owner = db->as == DB_AS_OWNER;

	db->schema_disagrees = false;
	db->mysql = memory_there() ? mysql_init(NULL) : NULL;
	if (db->mysql == NULL || !set_options(db, tls)) {
		(void)snprintf(db->error, sizeof(db->error), "connect: out of memory");
		return ERR_INTERNAL;
	}
	if (mysql_real_connect(db->mysql, tcp ? c->db_host : NULL, owner ? c->db_owner_user : c->db_user,
	                       owner ? c->db_owner_password : c->db_password, c->db_name, tcp ? c->db_port : 0,
	                       tcp ? NULL : c->db_socket, CLIENT_FOUND_ROWS)
	    == NULL)
		return db_failed_plainly(db, "connect", mysql_errno(db->mysql), mysql_error(db->mysql));
	/* The options above have been seen to connect in plain text to a server without TLS. */
	if (tls && mysql_get_ssl_cipher(db->mysql) == NULL) {
		(void)snprintf(db->error, sizeof(db->error), "connect: the server offers no TLS, and db_tls_ca is set");
		return ERR_DB;
	}
	return owner || db->as == DB_AS_REQUEST ? OK : db_prepare_all(db);
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
	db_disconnect(db);
	free(db);
}

/* An idle connection has nothing to say: anything to read on it is the server's farewell. */
static bool
hung_up(struct db *db)
{
	struct pollfd fd = { .fd = (int)mysql_get_socket(db->mysql), .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

/* Who waits, and for how long it may: see db.h. */
static void
begin(struct db *db, unsigned budget_ms, unsigned last_statement_s)
{
	db->budget_us = (uint64_t)budget_ms * 1000;
	db->wait_max_us = db->budget_us + (uint64_t)last_statement_s * 1000000;
	db->waited_us = 0;
	db->failed_code = 0;
	db->spare = false;
}

enum err
db_begin_spare(struct db *db)
{
	begin(db, DB_SPARE_MS, 0);
	db->spare = true;
	if (db->mysql == NULL || db->broken || hung_up(db))
		return ERR_DB;
	db->error[0] = '\0';
	return OK;
}

enum err
db_begin_request(struct db *db)
{
	begin(db, DB_BUDGET_MS, db_statement_max_s(db));
	db_call_begins(db, db->config->db_connect_timeout_s);
	if (db->mysql != NULL && (db->broken || hung_up(db)))
		db_disconnect(db);
	if (db->mysql != NULL) {
		db->error[0] = '\0';
		return OK;
	}

	/* A server that accepts and says nothing costs each attempt its time-out: do not make every request pay it. */
	const uint64_t now = clock_mono_us();
	if (db->last_failure_us != 0 && now - db->last_failure_us < RECONNECT_PAUSE_US)
		return ERR_DB;
	const enum err err = connect_now(db);
	metrics_add(err == OK ? COUNT_DB_CONNECTED : COUNT_DB_CONNECT_FAILED, 1);
	if (err == OK) {
		db->last_failure_us = 0;
		db->error[0] = '\0';
		return OK;
	}
	db_disconnect(db);
	db->last_failure_us = clock_mono_us();
	return ERR_DB;
}
