/* gc.c: latchctl gc: removes all old rows, slice after slice, and says how far it is. */
#include "service/gc.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "ctl/output.h"
#include "ctl/progress.h"

enum { LOST_PAUSE_MS = 20, STALL_US = 4 * GC_REMOVE_US, LOST_US_MAX = 30000000 };

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

/* As long as the removal took, so that others have the disk for half of the time. One that took far longer than it was to
 * had to wait for the server's log to be written out: then it is given time for that, before a statement has to wait longer. */
static void
rest(const struct slice *slice)
{
	const uint64_t times = slice->remove_us > STALL_US ? 10 : 1;

	(void)poll(NULL, 0, (int)(slice->remove_us * times / 1000));
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
			rest(&slice);
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
