#include "service/gc.h"

#include "core/log.h"
#include "core/metrics.h"
#include "core/random.h"

struct gc_size
gc_size_first(void)
{
	return (struct gc_size){ GC_ROWS_FIRST };
}

struct gc_size
gc_size_next(struct gc_size size, const struct slice *slice, bool failed)
{
	const uint64_t look = slice->look_us * 100 / GC_LOOK_US, remove = slice->remove_us * 100 / GC_REMOVE_US;
	const uint64_t percent = look > remove ? look : remove; /* of what it may take */
	uint64_t rows = size.rows;

	if (failed)
		rows /= 2;
	else if (!slice->full)
		return size; /* too few rows to tell */
	else if (percent > 100)
		rows = rows * 100 / percent;
	else
		rows += rows / 4; /* slowly: a slice that was quick is no promise */
	if (rows < GC_ROWS_MIN)
		rows = GC_ROWS_MIN;
	return (struct gc_size){ rows > CHORE_SLICE_MAX ? CHORE_SLICE_MAX : (uint32_t)rows };
}

enum err
gc_slice(struct app *app, const struct chore *chore, struct chore_place *place, struct gc_size *size, struct slice *out,
         bool *lost)
{
	struct db *db = app->db;
	const enum err err = chore->remove != NULL ? housekeeping_remove(db, chore, place, size->rows, out)
	                                           : audit_trim(app, size->rows, out);

	if (err == OK && clocks_differ(out->ahead_ms))
		log_warn("clean-up of %s: the database's clock is %lld ms ahead of this machine's: nothing is removed",
		         chore->what, (long long)out->ahead_ms);
	*lost = err != OK && (db_locked_out(db) || db_timed_out(db));
	if (err == OK || !db_locked_out(db))
		*size = gc_size_next(*size, out, err != OK);
	return *lost ? OK : err;
}

/* Not all workers at once, and not one after the other. */
static uint64_t
from_now(unsigned ms)
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	return clock_mono_us() + (uint64_t)ms * 1000 / 2 + random % (ms * 1000);
}

void
gc_init(struct gc *gc)
{
	for (size_t i = 0; i < chores_n; i++)
		gc->sizes[i] = gc_size_first();
	gc->look_us = from_now(GC_PAUSE_MS);
}

bool
gc_due(const struct gc *gc)
{
	return clock_mono_us() >= gc->look_us;
}

/* ERR_NO_ROW: nothing is due, or another worker was faster. Who fails at his turn says so; what fails before has been said
 * by some request, in every worker. */
static enum err
turn(struct gc *gc, struct app *app)
{
	struct db *db = app->db;
	struct chore_due due;
	struct slice slice;
	bool lost;

	enum err err = housekeeping_due(db, &due);
	if (err == OK)
		err = housekeeping_claim(db, &due);
	if (err != OK)
		return err;
	const struct chore *chore = housekeeping_find(due.name);
	if (chore == NULL) /* a newer program's */
		return ERR_NO_ROW;
	err = gc_slice(app, chore, &due.from, &gc->sizes[chore - chores], &slice, &lost);
	if (err == OK)
		metrics_add(COUNT_CLEANED_UP, slice.removed);
	if (err == OK && slice.full)
		err = housekeeping_go_on(db, chore, &due.from);
	if (err != OK)
		log_warn("clean-up of %s: %s", chore->what, db_error(db));
	return err;
}

void
gc_work(struct gc *gc, struct app *app)
{
	gc->look_us = from_now(GC_PAUSE_MS);
	if (db_begin_spare(app->db) != OK)
		return;
	const enum err err = turn(gc, app);
	if (err != OK && err != ERR_NO_ROW && !db_locked_out(app->db))
		gc->look_us = from_now(GC_FAILED_MS);
}
