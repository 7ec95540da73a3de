/* gc.c: latchctl gc: removes all old rows, slice after slice, and says how far it is. */
#include "service/gc.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"

enum { BAR_WIDTH = 30, BAR_US = 200000, LINE_US = 10000000 };
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
	uint64_t removed, longest_us, began_us;
	uint32_t expected; /* about; 0: not known */
	uint64_t told_us;
};

static uint64_t
longest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static double
seconds_since(uint64_t us)
{
	return (double)(clock_mono_us() - us) / 1e6;
}

/* About what waited when it began: to count millions would take seconds. */
static uint32_t
estimate(struct app *app, const struct chore *chore)
{
	uint32_t n = 0;

	return connected(app) && housekeeping_estimate(app->db, chore, &n) == OK ? n : 0;
}

static void
tell_bar(const struct chore *chore, const struct run *run, double rate)
{
	/* The estimate may be too low. */
	const uint64_t all = run->removed < run->expected ? run->expected : run->removed;
	const unsigned share = all > 0 ? (unsigned)(run->removed * 100 / all) : 0;
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)share * BAR_WIDTH / 100);
	bar[BAR_WIDTH] = '\0';
	if (run->expected > 0)
		(void)printf("\r%s: [%s] %3u%% %llu of about %u, %.0f/s\033[K", chore->name, bar, share,
		             (unsigned long long)run->removed, run->expected, rate);
	else
		(void)printf("\r%s: %llu, %.0f/s\033[K", chore->name, (unsigned long long)run->removed, rate);
}

static void
tell_line(const struct chore *chore, const struct run *run, double rate)
{
	if (run->expected > 0)
		(void)printf("%s: %llu of about %u removed, %.0f/s\n", chore->name, (unsigned long long)run->removed,
		             run->expected, rate);
	else
		(void)printf("%s: %llu removed, %.0f/s\n", chore->name, (unsigned long long)run->removed, rate);
}

static void
tell(const struct chore *chore, struct run *run)
{
	const bool terminal = isatty(STDOUT_FILENO) == 1;
	const uint64_t now = clock_mono_us();
	const double seconds = seconds_since(run->began_us);

	if (now - run->told_us < (terminal ? BAR_US : LINE_US))
		return;
	run->told_us = now;
	if (terminal)
		tell_bar(chore, run, seconds > 0 ? (double)run->removed / seconds : 0);
	else
		tell_line(chore, run, seconds > 0 ? (double)run->removed / seconds : 0);
	(void)fflush(stdout);
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
run_chore(struct app *app, const struct chore *chore, struct run *run)
{
	struct chore_place place = chore_beginning();
	struct gc_size size = gc_size_first();
	uint64_t progress_us = clock_mono_us();
	struct slice slice = { .full = true };

	*run = (struct run){ .expected = estimate(app, chore), .began_us = progress_us, .told_us = progress_us };
	while (slice.full && !interrupted) {
		bool lost = false;
		if (!connected(app))
			return false;
		if (gc_slice(app->db, chore, &place, &size, &slice, &lost) != OK) {
			(void)complain_err(app, ERR_DB, NULL);
			return false;
		}
		run->removed += slice.removed;
		run->longest_us = longest(run->longest_us, longest(slice.look_us, slice.remove_us));
		tell(chore, run);
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

static void
summarize(const struct chore *chore, const struct run *run)
{
	(void)printf("%s%s: %llu rows, %.1f s, longest statement %.1f ms\n", isatty(STDOUT_FILENO) == 1 ? "\r\033[K" : "",
	             chore->what, (unsigned long long)run->removed, seconds_since(run->began_us),
	             (double)run->longest_us / 1000);
}

int
command_gc(struct app *app, const struct options *options, char **operands)
{
	const struct sigaction action = { .sa_handler = on_interrupt };
	struct run all = { .began_us = clock_mono_us() };
	bool good = true;

	(void)options;
	(void)operands;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < chores_n && good && !interrupted; i++) {
		struct run run;
		good = run_chore(app, &chores[i], &run);
		summarize(&chores[i], &run);
		all.removed += run.removed;
		all.longest_us = longest(all.longest_us, run.longest_us);
	}
	const double seconds = seconds_since(all.began_us);
	(void)printf("%llu rows removed in %.1f s (%.0f/s), longest statement %.1f ms\n", (unsigned long long)all.removed,
	             seconds, seconds > 0 ? (double)all.removed / seconds : 0, (double)all.longest_us / 1000);
	if (interrupted)
		return complain("interrupted; what is left waits for the next time");
	return good ? EXIT_OK : EXIT_AWAY;
}
