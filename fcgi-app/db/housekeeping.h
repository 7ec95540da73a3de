/*
 * housekeeping.h: old rows, what is old in each table, and whose turn it is to remove some.
 *
 * Nothing here waits for a row that another holds (db_locked_out), and looking for old rows is given up by the server after 40 ms
 * (db_timed_out): both leave everything as it was.
 */
#ifndef LATCH_DB_HOUSEKEEPING_H
#define LATCH_DB_HOUSEKEEPING_H

#include "db/db.h"

enum { CHORES_MAX = 8, CHORE_SLICE_MAX = 2000 };

/* What is old is so by two clocks, the database's and this machine's: one alone may be years ahead for a moment, or be set so by
 * somebody. Where they are further from each other than this, nothing is removed. */
enum { CLOCKS_DIFFER_MS = 600000 };
bool clocks_differ(int64_t ahead_ms);

/* A moment as the database writes it: where in its key a chore has come to. */
struct chore_place {
	char text[24];
};

/* One kind of old rows. The table of them is at the head of housekeeping.c; its names are those in the table
 * `housekeeping`. */
struct chore {
	const char *name;
	const char *what;                                        /* for people, in the plural */
	const char *why;                                         /* they may go */
	const struct stmt *oldest, *remove, *estimate, *waiting; /* NULL: service/audit.c removes them */
};

extern const struct chore chores[];
extern const size_t chores_n;

/* Before all that is old. */
struct chore_place chore_beginning(void);

/* The chore that has been due for longest, and the place to begin at. ERR_NO_ROW: none is due. */
struct chore_due {
	char name[33];
	struct chore_place from;
};
enum err housekeeping_due(struct db *db, struct chore_due *out) MUST_USE;
/* The chore of that name; NULL for one that this program does not know. */
const struct chore *housekeeping_find(const char *name);
/* Takes it for a minute. ERR_NO_ROW: another was faster. */
enum err housekeeping_claim(struct db *db, const struct chore_due *due) MUST_USE;
/* Notes what a full slice came to, and makes the chore due again at once. */
enum err housekeeping_go_on(struct db *db, const struct chore *chore, const struct chore_place *reached) MUST_USE;

/* Removes the oldest rows from a place on, at most `most` (up to CHORE_SLICE_MAX) of them, in a transaction of its own that
 * locks the rows it removes and nothing else; none where clocks_differ. *place moves on where there are more. */
struct slice {
	uint64_t removed;
	bool full; /* there are more */
	/* Of the database's clock, as far as it was looked at: by how much it is ahead of this machine's. */
	int64_t ahead_ms;
	/* How long its two statements took, as seen from here: the one that looks, and the one that locks and removes. */
	uint64_t look_us, remove_us;
};
enum err housekeeping_remove(struct db *db, const struct chore *chore, struct chore_place *place, uint32_t most,
                             struct slice *out) MUST_USE;

/* How many rows wait, as the server's optimizer guesses. */
enum err housekeeping_estimate(struct db *db, const struct chore *chore, uint32_t *out) MUST_USE;
/* How many rows wait, counted up to `most`. ERR_DB also when that takes more than a second. */
enum err housekeeping_waiting(struct db *db, const struct chore *chore, uint32_t most, uint32_t *out) MUST_USE;

#endif
