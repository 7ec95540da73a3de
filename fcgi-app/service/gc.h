/*
 * gc.h: the clean-up of old rows (db/housekeeping.h), in slices that nobody notices: some workers, after a reply, do one each,
 * taking turns by the database; latchctl gc does all that there is.
 */
#ifndef LATCH_SERVICE_GC_H
#define LATCH_SERVICE_GC_H

#include "db/housekeeping.h"
#include "service/app.h"

enum {
	GC_PAUSE_MS = 4000,
	GC_FAILED_MS = 60000,
	GC_LOOK_US = 25000,
	GC_REMOVE_US = 5000,
	GC_ROWS_FIRST = 100,
	GC_ROWS_MIN = 5
};

/* How many rows a slice may have here: as many as GC_LOOK_US are enough to look at and GC_REMOVE_US to remove, found out from
 * slice to slice. Both are small parts of the 100 ms that no statement is to take: where the processors or the disk are busy it
 * takes many times as long. */
struct gc_size {
	uint32_t rows;
};

struct gc_size gc_size_first(void);
/* What to take next after a slice that took so long; `failed`: it was given up. */
struct gc_size gc_size_next(struct gc_size size, const struct slice *slice, bool failed);

/* One slice. A row that somebody holds and a statement that took too long are no failures: then OK, nothing was removed, and
 * *lost says so. */
enum err gc_slice(struct app *app, const struct chore *chore, struct chore_place *place, struct gc_size *size,
                  struct slice *out, bool *lost) MUST_USE;

/* A worker's part. */
struct gc {
	uint64_t look_us; /* when to look next */
	struct gc_size sizes[CHORES_MAX];
};

void gc_init(struct gc *gc);
/* Whether it is time to look: a comparison of two numbers. Else call gc_work, between two requests. */
bool gc_due(const struct gc *gc);
/* Looks whose turn it is, and does at most one slice. Where the database is away, nothing; where it hangs, for DB_SPARE_MS at
 * most. After a failure this worker leaves it alone for a minute. */
void gc_work(struct gc *gc, struct app *app);

#endif
