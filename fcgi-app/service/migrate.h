/* migrate.h: the steps of schema/, which are part of the program, applied to a database. */
#ifndef LATCH_SERVICE_MIGRATE_H
#define LATCH_SERVICE_MIGRATE_H

#include "service/app.h"

/* A file of schema/; the Makefile makes the table (build/schema.c). Statements end in ";\n", and tables stand in braces (db/sql.h). */
struct migration {
	uint32_t version; /* from 1, without gaps */
	const char *name; /* "0001_users" */
	const char *sql;
};

extern const struct migration migrations[];
extern const size_t migrations_n;

/* The version that this program works with: that of the last step. */
uint32_t schema_version(void);

/* Applies what is missing, one step after the other, a line each to `report`. Safe to run twice at once: one waits.
 * ERR_CONFLICT: the database is newer than this program, or a step that was applied has changed since; nothing was done.
 * ERR_BUSY: another migration has been running for a minute. ERR_DB: as db_error says; what `report` names is done, and
 * running it again goes on (a step of several statements must be one that can be). */
enum err migrate(struct db *owner, FILE *report) MUST_USE;

#endif
