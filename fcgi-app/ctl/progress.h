/* progress.h: how far a long command is: a bar on a terminal, elsewhere a line now and then. */
#ifndef LATCH_CTL_PROGRESS_H
#define LATCH_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *name; /* of what is done: "throttles" */
	const char *verb; /* what is done with each: "removed" */
	uint64_t done;
	uint64_t expected; /* about how many; 0: not known */
	uint64_t began_us, told_us;
	bool shown; /* the bar stands on the terminal */
};

struct progress progress_begin(const char *name, const char *verb, uint64_t expected);
/* Says on standard output how far it is, when it is time to. */
void progress_tell(struct progress *progress);
/* Takes the bar off the terminal, so that a line can be written there. */
void progress_clear(struct progress *progress);
double progress_seconds(const struct progress *progress);
/* A second; 0 when nothing was. */
double progress_rate(const struct progress *progress);

#endif
