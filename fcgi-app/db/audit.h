/*
 * audit.h: the audit's lines and the ends of its chains. Every function: ERR_DB when the database fails.
 *
 * What the MACs are over, and who may remove what, is service/audit_mac.h's and service/audit.h's. A MAC is 64 hexadecimal
 * digits here.
 */
#ifndef LATCH_DB_AUDIT_H
#define LATCH_DB_AUDIT_H

#include "db/db.h"

enum { AUDIT_CHAINS = 64, AUDIT_MAC_SIZE = 65, AUDIT_TARGET_SIZE = 81 };

/* NULL is "" here, and of the sealed bytes n 0. */
struct audit_line {
	struct uuid id;
	struct timestamp at;
	uint32_t chain, n;
	char event[33], outcome[9];
	struct uuid actor, subject, session;
	char through[9];
	char target[AUDIT_TARGET_SIZE];
	struct bytes sealed;
	char mac[AUDIT_MAC_SIZE];
	/* Not of the line, and no MAC is over it: users.audit_key, in hexadecimal, of its actor, else of its subject; "" where there
	 * is no such user, "none" where he has none. */
	char key[33];
};

/* A chain's row. Lines first to n are kept; n is first - 1 where there are none. */
struct audit_head {
	uint32_t chain, first, n;
	char before[AUDIT_MAC_SIZE]; /* the MAC of the line before the first */
	char mac[AUDIT_MAC_SIZE];    /* of the last */
	char seal[AUDIT_MAC_SIZE];
};

/* The chain's row, locked until the transaction ends; the database's time, and a user's audit_key in hexadecimal: "" where there is none.
 * ERR_NO_ROW: there is no such chain. */
struct audit_locked {
	struct audit_head head;
	struct timestamp now;
	char key[33];
};
enum err audit_lock(struct db *db, uint32_t chain, const struct uuid *user, struct audit_locked *out) MUST_USE;
/* The same, and nobody is waited for: db_locked_out. */
enum err audit_lock_now(struct db *db, uint32_t chain, struct audit_locked *out) MUST_USE;

/* ERR_DUPLICATE: there is a line at this place. */
enum err audit_insert(struct db *db, const struct audit_line *line) MUST_USE;
/* Writes the chain's row. ERR_NO_ROW. */
enum err audit_move(struct db *db, const struct audit_head *head) MUST_USE;
/* Removes the lines first to last of a chain. */
enum err audit_remove(struct db *db, uint32_t chain, uint32_t first, uint32_t last) MUST_USE;

/* What the MACs hang on, sealed. ERR_NO_ROW: it has not been made. Who makes it when it is there already changes nothing. */
struct audit_secret {
	struct bytes sealed;
};
enum err audit_secret(struct db *db, struct audit_secret *out) MUST_USE;
enum err audit_secret_make(struct db *db, const struct bytes *sealed) MUST_USE;
enum err audit_secret_reseal(struct db *db, const struct bytes *sealed) MUST_USE;

/* Up to AUDIT_CHAINS + 1 rows, by their chains. */
enum err audit_heads(struct db *db, struct audit_head *out, size_t *n_out) MUST_USE;
/* ERR_NO_ROW. */
enum err audit_head(struct db *db, uint32_t chain, struct audit_head *out) MUST_USE;
/* Up to max lines of a chain from a place on, in their order. */
enum err audit_lines(struct db *db, uint32_t chain, uint32_t from, struct audit_line *out, size_t max,
                     size_t *n_out) MUST_USE;
/* How many lines of a chain have numbers from one to another: more than there are numbers where the table has lost its key. */
enum err audit_count(struct db *db, uint32_t chain, uint32_t from, uint32_t to, uint32_t *n_out) MUST_USE;
/* A line of a chain that there cannot be. ERR_NO_ROW: there is none. */
enum err audit_stray(struct db *db, struct audit_line *out) MUST_USE;
/* The first chain from this one on whose first line is older than so many days. ERR_NO_ROW. */
enum err audit_old(struct db *db, uint32_t from, uint32_t days, uint32_t *chain_out) MUST_USE;

/* Which lines: absent members, and times that are 0, ask for nothing. */
struct audit_filter {
	struct str actor, subject, event;
	struct timestamp since, until; /* from the one on, and before the other */
};
/* Up to max lines with an id below `before` and not below `after`, newest first. */
enum err audit_find(struct db *db, const struct audit_filter *filter, struct str before, struct str after,
                    struct audit_line *out, size_t max, size_t *n_out) MUST_USE;

#endif
