/* migrations.h: which steps of schema/ this database has had. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_MIGRATIONS_H
#define LATCH_DB_MIGRATIONS_H

#include "db/db.h"

struct migration_row {
	uint32_t version;
	char name[65];
	char checksum[65]; /* SHA-256 of the file, lower-case hexadecimal */
};

/* Waits up to 60 s for the lock that lets one process migrate at a time, which the end of the connection gives back;
 * ERR_BUSY when another still has it. */
enum err migrations_lock(struct db *db) MUST_USE;

/* Makes the table where it is missing. */
enum err migrations_init(struct db *db) MUST_USE;

/* The steps in the order of their numbers. */
enum err migrations_all(struct db *db, struct migration_row *out, size_t max, size_t *n_out) MUST_USE;
enum err migrations_insert(struct db *db, const struct migration_row *row) MUST_USE;

/* The highest step; 0 without any. */
enum err migrations_version(struct db *db, uint32_t *out) MUST_USE;

#endif
