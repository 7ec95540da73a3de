#include "ctl/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

enum { BAR_WIDTH = 30, BAR_US = 200000, LINE_US = 10000000 };

static bool
on_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

struct progress
progress_begin(const char *name, const char *verb, uint64_t expected)
{
	const uint64_t now = clock_mono_us();

	return (struct progress){ .name = name, .verb = verb, .expected = expected, .began_us = now, .told_us = now };
}

double
progress_seconds(const struct progress *p)
{
	return (double)(clock_mono_us() - p->began_us) / 1e6;
}

double
progress_rate(const struct progress *p)
{
	const double seconds = progress_seconds(p);

	return seconds > 0 ? (double)p->done / seconds : 0;
}

/* The estimate may be too low. */
static uint64_t
all_of(const struct progress *p)
{
	return p->done < p->expected ? p->expected : p->done;
}

static double
seconds_left(const struct progress *p)
{
	const double rate = progress_rate(p);

	return rate > 0 ? (double)(all_of(p) - p->done) / rate : 0;
}

static void
tell_bar(const struct progress *p)
{
	const uint64_t all = all_of(p);
	const unsigned share = all > 0 ? (unsigned)(p->done * 100 / all) : 0;
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)share * BAR_WIDTH / 100);
	bar[BAR_WIDTH] = '\0';
	if (p->expected > 0)
		(void)printf("\r%s: [%s] %3u%% %llu of about %llu, %.0f/s, %.0f s left\033[K", p->name, bar, share,
		             (unsigned long long)p->done, (unsigned long long)p->expected, progress_rate(p), seconds_left(p));
	else
		(void)printf("\r%s: %llu, %.0f/s\033[K", p->name, (unsigned long long)p->done, progress_rate(p));
}

static void
tell_line(const struct progress *p)
{
	if (p->expected > 0)
		(void)printf("%s: %llu of about %llu %s, %.0f/s, %.0f s left\n", p->name, (unsigned long long)p->done,
		             (unsigned long long)p->expected, p->verb, progress_rate(p), seconds_left(p));
	else
		(void)printf("%s: %llu %s, %.0f/s\n", p->name, (unsigned long long)p->done, p->verb, progress_rate(p));
}

void
progress_tell(struct progress *p)
{
	const uint64_t now = clock_mono_us();

	if (now - p->told_us < (on_terminal() ? BAR_US : LINE_US))
		return;
	p->told_us = now;
	p->shown = on_terminal();
	if (p->shown)
		tell_bar(p);
	else
		tell_line(p);
	(void)fflush(stdout);
}

void
progress_clear(struct progress *p)
{
	if (!p->shown)
		return;
	(void)fputs("\r\033[K", stdout);
	(void)fflush(stdout);
	p->shown = false;
}
