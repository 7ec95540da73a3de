/*
 * db.h: one connection to MariaDB, and prepared statements.
 *
 * A statement is a row of a table in one of the db/ files: its SQL, how many parameters it takes, and the columns of its
 * result as members of a row struct. Connecting prepares them against the live schema: as a command all of them, as a worker
 * all but those of rare tables, for one request none: then each is at its first use. One that the schema does not know, or whose parameters or columns are of another number, fails the connection by name (db_schema_disagrees). A column
 * of another type than its member is converted by the server's library, or fails as one that does not fit.
 *
 * A connection that broke is given up at once and made anew between requests (db_begin_request), never within one: a
 * half-done transaction cannot continue on a new connection. Nothing is retried here but a whole transaction that lost a
 * deadlock (db_transaction, and db_run outside of one).
 */
#ifndef LATCH_DB_DB_H
#define LATCH_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/err.h"
#include "core/random.h"
#include "core/str.h"

struct db;

/* ---- Statements ------------------------------------------------------------------------------------------------ */

enum column_kind { COLUMN_BOOL, COLUMN_U32, COLUMN_TEXT, COLUMN_UUID, COLUMN_TIMESTAMP, COLUMN_BYTES };

/* A member of a type that no column has does not compile. A char array is text, NUL-terminated; NULL reads as "". A NULL
 * timestamp reads as 0. A value that does not fit is an error (ERR_DB), never cut. */
/* clang-format off */
#define COLUMN_KIND(member) \
	_Generic((member), \
		bool: COLUMN_BOOL, \
		uint32_t: COLUMN_U32, \
		char *: COLUMN_TEXT, \
		struct uuid: COLUMN_UUID, \
		struct timestamp: COLUMN_TIMESTAMP, \
		struct bytes: COLUMN_BYTES)
/* clang-format on */

struct column {
	enum column_kind kind;
	size_t at, size;
};

/* clang-format off */
#define COLUMN(type, member) \
	{ \
		COLUMN_KIND(((type *)0)->member), offsetof(type, member), sizeof(((type *)0)->member) \
	}
/* clang-format on */

struct stmt {
	const char *name; /* for the log */
	const char *sql;  /* tables in braces: db/sql.h */
	size_t params;    /* question marks in sql */
	const struct column *columns;
	size_t n; /* columns */
};

enum { STMT_COLUMNS_MAX = 24, STMT_PARAMS_MAX = 16 };

/* A file's statements. connection.c knows every table. Those of a rare one a worker prepares at their first use, as each
 * costs its start 85 us; one that the schema does not fit fails there and then. */
struct stmt_table {
	const struct stmt *stmts;
	size_t n;
	bool rare;
};

extern const struct stmt_table users_statements, user_admin_statements, user_import_statements, sessions_statements,
	sessions_rare_statements, signing_keys_statements, throttles_statements, housekeeping_statements,
	changes_statements, roles_statements, audit_statements, audit_rare_statements, migrations_statements,
	server_statements;

/* ---- Parameters ------------------------------------------------------------------------------------------------ */

struct arg {
	enum { ARG_NULL, ARG_U64, ARG_TEXT, ARG_BYTES } kind;
	uint64_t u64;
	struct str text;
};

struct arg arg_u64(uint64_t v);
struct arg arg_str(struct str v); /* an absent str is NULL */
struct arg arg_text(const char *v);
struct arg arg_uuid(const struct uuid *v);
struct arg arg_bytes(const struct bytes *v);
struct arg arg_nullable(const char *v); /* "" is NULL */
/* Written into the text, which has to stay: in UTC without its Z, which a DATETIME does not have. 0 is NULL. */
struct arg arg_time(struct timestamp v, char text[TIMESTAMP_SIZE]);

#define ARGS(...) (const struct arg[]){ __VA_ARGS__ }, sizeof((const struct arg[]){ __VA_ARGS__ }) / sizeof(struct arg)
#define NO_ARGS NULL, 0

/* ---- The connection -------------------------------------------------------------------------------------------- */

enum { DB_BUDGET_MS = 3000, DB_SPARE_MS = 250 };

enum db_as { DB_AS_WORKER, DB_AS_REQUEST, DB_AS_COMMAND, DB_AS_OWNER };

/* Makes the handle; connects at the first db_begin_request. NULL when out of memory. The config must outlive it. As the
 * owner only the migrations' statements are known, and each is prepared at its first use: the tables may not be there
 * yet, and no time-out is meant for them. */
struct db *db_new(const struct config *config, enum db_as as);
void db_free(struct db *db);

/* Call before a request's first statement: finds out whether the server hung up, and connects and prepares where needed,
 * in db_connect_timeout_s all told. ERR_DB: not to be had; after a failure the next 250 ms answer ERR_DB at once. Costs one
 * poll(2) when all is well. From here on the request has DB_BUDGET_MS for all its waiting on the server; a statement after
 * that is ERR_DB. A statement waits db_timeout_s at most, however slowly its answer arrives, and so no worker is held
 * longer than the budget and one statement's time-out. */
enum err db_begin_request(struct db *db) MUST_USE;
/* The same for work that no request waits for: never connects, and has DB_SPARE_MS for all of its waiting. ERR_DB: there is
 * no connection. */
enum err db_begin_spare(struct db *db) MUST_USE;
/* What went wrong last, for the log: "" or one line without parameter values. */
const char *db_error(const struct db *db);
/* Whether the failure lies in a statement that disagrees with the schema: then trying again does not help. */
bool db_schema_disagrees(const struct db *db);
/* Whether the statement that failed last met rows that another held, or was given up by the server after the time that was
 * set for it: nothing is wrong then, and nothing was written. */
bool db_locked_out(const struct db *db);
bool db_timed_out(const struct db *db);

/* Runs a statement that gives no rows. ERR_DUPLICATE: a unique key is taken. *matched (may be NULL): rows that its
 * WHERE found, or that it inserted. Outside of a transaction it is run again, at most twice, when it lost a deadlock. */
enum err db_run(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, uint64_t *matched) MUST_USE;
/* The same of a statement that must find a row, or insert one. ERR_NO_ROW when it does not. */
enum err db_run_one(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n) MUST_USE;
/* Runs a statement that gives at most one row. ERR_NO_ROW when it gives none. */
enum err db_row(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, void *row_out) MUST_USE;
/* Runs a statement that gives rows of row_size bytes: at most max of them into rows_out, their number into *n_out. More
 * rows than that are ERR_DB: a list is bounded by its LIMIT. */
enum err db_rows(struct db *db, const struct stmt *stmt, const struct arg *args, size_t n, void *rows_out,
                 size_t row_size, size_t max, size_t *n_out) MUST_USE;

/* Runs a statement that gives no rows for many rows of parameters, in one round trip: args has stmt->params texts or NULLs for
 * each, row after row. Within a transaction: when one of them fails, those before it may be done. It counts for no request's
 * budget. ERR_DUPLICATE. */
enum { BULK_ROWS_MAX = 500, BULK_PARAMS_MAX = 12 };
enum err db_run_bulk(struct db *db, const struct stmt *stmt, const struct arg *args, size_t rows) MUST_USE;

/* Runs `work` in a transaction: committed when it returns OK, else rolled back. Begun again, at most twice, when the
 * server chose it as the loser of a deadlock: so `work` may run more than once. */
typedef enum err db_work(struct db *db, void *argument);
enum err db_transaction(struct db *db, db_work *work, void *argument) MUST_USE;
/* The same at an isolation level of its own; each try of it. */
enum db_isolation { DB_ISOLATION_DEFAULT, DB_READ_COMMITTED, DB_REPEATABLE_READ };
enum err db_transaction_at(struct db *db, enum db_isolation isolation, db_work *work, void *argument) MUST_USE;

/* Runs SQL text (db/sql.h) without parameters that gives no rows: for migrations. */
enum err db_run_text(struct db *db, const char *text) MUST_USE;

#endif
