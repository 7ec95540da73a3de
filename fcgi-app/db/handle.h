/*
 * handle.h: the inside of a struct db, for connection.c, which makes and ends connections, prepare.c, which prepares statements
 * on them, and statement.c and bulk.c, which run them: in one file they were too long to be read. mysql.h is included here alone,
 * and this by no others.
 */
#ifndef LATCH_DB_HANDLE_H
#define LATCH_DB_HANDLE_H

#include <mysql.h>

#include "db/db.h"

enum { PREPARED_MAX = 256 };

struct db {
	const struct config *config;
	const struct stmt_table *const *tables;
	size_t ntables;
	enum db_as as;

	MYSQL *mysql; /* NULL: not connected */
	MYSQL_STMT *prepared[PREPARED_MAX];
	bool broken; /* the connection must not be used again */
	bool schema_disagrees;
	bool in_transaction;
	bool deadlocked; /* the server gave up the transaction: it has been rolled back */
	bool spare;      /* nobody waits for what is done now */
	uint64_t last_failure_us;
	unsigned failed_code;                 /* the server's, of the last failure */
	uint64_t budget_us, wait_max_us;      /* after how much waiting no statement is begun, and how much there can be */
	uint64_t waited_us;                   /* for the server, by this request */
	uint64_t call_waited_us, call_max_us; /* the same by the present call, and how long it may */
	char error[256];
};

/* Notes in db->error that something failed, and on db what that means for the connection; the error to hand on. The
 * server's message is not kept: it may quote values. */
enum err db_failed(struct db *db, const char *where, unsigned code, const char *state);
/* The same where the message can hold no value, and is kept: connecting and preparing. */
enum err db_failed_plainly(struct db *db, const char *where, unsigned code, const char *message);

/* To be called before the library may wait: from here on it waits max_s at most. */
void db_call_begins(struct db *db, unsigned max_s);
/* How long a statement may take. */
unsigned db_statement_max_s(const struct db *db);

/* Where the statement's handle is kept; NULL for a statement of no table that this connection knows. */
MYSQL_STMT **db_handle_of(struct db *db, const struct stmt *stmt);
/* Prepares the statement into *out, which db_disconnect closes. */
enum err db_prepare(struct db *db, const struct stmt *stmt, MYSQL_STMT **out) MUST_USE;
/* Prepares what is to be prepared when this connection is made. */
enum err db_prepare_all(struct db *db) MUST_USE;

void db_disconnect(struct db *db);

#endif
