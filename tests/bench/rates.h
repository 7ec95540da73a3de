/* rates.h: several processes that each do one thing as often as they can, and how often all of them did it a second. */
#ifndef LATCH_BENCH_RATES_H
#define LATCH_BENCH_RATES_H

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"

/* Decimal digits, or the end of the program. */
static unsigned
number(const char *text)
{
	uint64_t value = 0;

	if (!parse_u64(str_of(text), &value))
		_exit(2);
	return (unsigned)value;
}

/* What process `i` does: gets ready in begin, and then once for each call of once, for which non-zero is a failure. */
struct work {
	int (*begin)(unsigned i, char **argv);
	int (*once)(void);
	char **argv;
};

static void
work_for(const struct work *work, unsigned i, unsigned seconds, int out)
{
	double rate;
	uint64_t n = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (work->begin(i, work->argv) != 0)
		_exit(1);
	const uint64_t start = clock_mono_us();
	uint64_t us = 0;
	for (; us < (uint64_t)seconds * 1000000; n++, us = clock_mono_us() - start)
		if (work->once() != 0)
			_exit(1);
	rate = (double)n * 1e6 / (double)us;
	_exit(write(out, &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1);
}

/* Prints the sum of the processes' rates; the program's exit status. */
static int
print_rate(const struct work *work, unsigned processes, unsigned seconds)
{
	double sum = 0, rate;
	int ends[2], status;

	if (pipe(ends) != 0)
		return 1;
	for (unsigned i = 0; i < processes; i++)
		if (fork() == 0)
			work_for(work, i, seconds, ends[1]);
	for (unsigned i = 0; i < processes; i++) {
		if (wait(&status) < 0 || status != 0 || read(ends[0], &rate, sizeof(rate)) != sizeof(rate))
			return 1;
		sum += rate;
	}
	(void)printf("%.2f\n", sum);
	return 0;
}

#endif
