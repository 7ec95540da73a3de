/* throttles.h: failed attempts by subject. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_THROTTLES_H
#define LATCH_DB_THROTTLES_H

#include "db/db.h"

/* Hexadecimal digits and a NUL. */
struct throttle_subject {
	char text[33];
};

struct throttle_row {
	struct throttle_subject subject;
	uint32_t failures;
	struct timestamp retry_at, updated_at, now; /* now: by the database's clock */
};

/* The rows of these two subjects, which may be the same, in any order; *n_out says how many there are. */
enum err throttles_find(struct db *db, const struct throttle_subject *a, const struct throttle_subject *b,
                        struct throttle_row out[2], size_t *n_out) MUST_USE;

/* What a row is to become: retry_at is delay_ms from now, updated_at age_ms ago. */
struct throttle_change {
	uint32_t failures;
	uint64_t delay_ms, age_ms;
};
/* ERR_DUPLICATE: there is a row already. */
enum err throttles_insert(struct db *db, const struct throttle_subject *subject, const struct throttle_change *to,
                          bool lasting) MUST_USE;
/* ERR_NO_ROW: the row is no longer as it was read. */
enum err throttles_update(struct db *db, const struct throttle_row *read, const struct throttle_change *to) MUST_USE;
/* One failure less, and nothing to wait for. */
enum err throttles_take_back(struct db *db, const struct throttle_subject *subject, uint32_t failures) MUST_USE;
/* No row is no error. */
enum err throttles_delete(struct db *db, const struct throttle_subject *subject) MUST_USE;

#endif
