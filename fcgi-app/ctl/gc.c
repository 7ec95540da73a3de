/* gc.c: latchctl gc: removes all old rows, slice after slice, and says how far it is. */
#include "service/gc.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "ctl/output.h"
#include "ctl/progress.h"
#include "db/server.h"

enum { LOST_PAUSE_MS = 20, LOST_US_MAX = 30000000 };

/* How full the server's log may be, and how often, and for how long at most, that is waited for. */
enum { LOG_PERCENT = 50, LOG_LOOK_US = 100000, LOG_WAIT_US = 10000000 };

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* One chore's run, or the sum of all. */
struct run {
	struct progress progress; /* how many were removed */
	uint64_t longest_us;
};

static uint64_t
longest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* About what waited when it began: to count millions would take seconds. */
static uint32_t
estimate(struct app *app, const struct chore *chore)
{
	uint32_t n = 0;

	return connected(app) && housekeeping_estimate(app->db, chore, &n) == OK ? n : 0;
}

/* What was removed is first in the server's log, and then has to get into the tables: where the log is full everybody waits for
 * that who writes. So the server is given the time for it before. */
static void
spare_log(struct app *app)
{
	static uint64_t looked_us;
	const uint64_t start_us = clock_mono_us();
	uint32_t percent = 0;

	if (start_us - looked_us < LOG_LOOK_US)
		return;
	for (looked_us = start_us; !interrupted && looked_us - start_us < LOG_WAIT_US; looked_us = clock_mono_us()) {
		if (!connected(app) || server_log_filled(app->db, &percent) != OK || percent < LOG_PERCENT)
			return;
		(void)poll(NULL, 0, LOG_LOOK_US / 1000);
	}
}

/* As long as the removal took, so that others have the disk for half of the time. */
static void
rest(struct app *app, const struct slice *slice)
{
	(void)poll(NULL, 0, (int)(slice->remove_us / 1000));
	spare_log(app);
}

/* All of a chore's rows, or as many as there was time for. Others may be removing them too: whoever comes second to a row
 * tries again a moment later. */
static bool
run_chore(struct app *app, const struct options *options, const struct chore *chore, struct run *run)
{
	struct chore_place place = chore_beginning();
	struct gc_size size = gc_size_first();
	uint64_t progress_us = clock_mono_us();
	struct slice slice = { .full = true };

	*run = (struct run){ progress_begin(chore->name, "removed", estimate(app, chore)), 0 };
	while (slice.full && !interrupted) {
		bool lost = false;
		if (!connected(app))
			return false;
		if (gc_slice(app, chore, &place, &size, &slice, &lost) != OK) {
			(void)complain_err(app, ERR_DB, NULL);
			return false;
		}
		run->progress.done += slice.removed;
		run->longest_us = longest(run->longest_us, longest(slice.look_us, slice.remove_us));
		if (!options->json)
			progress_tell(&run->progress);
		if (!lost) {
			progress_us = clock_mono_us();
			rest(app, &slice);
			continue;
		}
		slice.full = true;
		if (clock_mono_us() - progress_us > LOST_US_MAX) {
			(void)complain("another transaction holds the rows, or the database is too slow; try again later "
			               "(SHOW ENGINE INNODB STATUS tells who)");
			return false;
		}
		(void)poll(NULL, 0, LOST_PAUSE_MS);
	}
	return true;
}

struct summary {
	struct str what;
	uint32_t rows, took_ms, longest_us;
};
static const struct field summary_fields[] = {
	SHOWN(struct summary, what),
	SHOWN(struct summary, rows),
	SHOWN(struct summary, took_ms),
	SHOWN(struct summary, longest_us),
};
static const struct schema summary_row = SCHEMA("Summary", struct summary, summary_fields);

static uint32_t
bounded(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static int
summarize_json(const struct options *options, const struct chore *chore, const struct run *run)
{
	const struct summary summary = { str_of(chore->what), bounded(run->progress.done),
		                             bounded((uint64_t)(progress_seconds(&run->progress) * 1000)),
		                             bounded(run->longest_us) };

	return output_one(options, &summary_row, &summary);
}

static void
summarize(const struct chore *chore, struct run *run)
{
	progress_clear(&run->progress);
	(void)printf("%s: %llu rows, %.1f s, longest statement %.1f ms\n", chore->what,
	             (unsigned long long)run->progress.done, progress_seconds(&run->progress),
	             (double)run->longest_us / 1000);
}

int
command_gc(struct app *app, const struct options *options, char **operands)
{
	const struct sigaction action = { .sa_handler = on_interrupt };
	struct run all = { progress_begin("gc", "removed", 0), 0 };
	bool good = true;

	(void)operands;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < chores_n && good && !interrupted; i++) {
		struct run run;
		good = run_chore(app, options, &chores[i], &run);
		if (!options->json)
			summarize(&chores[i], &run);
		else if (summarize_json(options, &chores[i], &run) != EXIT_OK)
			return EXIT_FAILED;
		all.progress.done += run.progress.done;
		all.longest_us = longest(all.longest_us, run.longest_us);
	}
	if (!options->json)
		(void)printf("%llu rows removed in %.1f s (%.0f/s), longest statement %.1f ms\n",
		             (unsigned long long)all.progress.done, progress_seconds(&all.progress),
		             progress_rate(&all.progress), (double)all.longest_us / 1000);
	if (interrupted)
		return complain("interrupted; what is left waits for the next time");
	return good ? EXIT_OK : EXIT_AWAY;
}
