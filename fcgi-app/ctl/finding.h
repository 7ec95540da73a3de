/* finding.h: what latchctl doctor found, a line each, with the mend where something is wrong. */
#ifndef LATCH_CTL_FINDING_H
#define LATCH_CTL_FINDING_H

#include "ctl/command.h"

struct finding {
	bool ok, hint;   /* a hint is ok, and has something to say all the same */
	char text[1024]; /* of what is bad it has the mend too */
};

struct finding good(const char *fmt, ...) PRINTF(1, 2);
struct finding bad(const char *fmt, ...) PRINTF(1, 2);
struct finding hint(const char *fmt, ...) PRINTF(1, 2);

/* Prints it; how many failures it is. */
int tell(const struct options *options, struct finding finding);

/* ctl/doctor_url.c: the probes of a site from outside; returns the exit status. `app` NULL: there is no configuration here. */
int doctor_url(struct app *app, const struct options *options);

#endif
