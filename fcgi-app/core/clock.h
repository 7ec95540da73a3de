/* clock.h: the wall clock in UTC milliseconds, a monotonic clock in microseconds, and RFC 3339 text. */
#ifndef LATCH_CORE_CLOCK_H
#define LATCH_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

/* Milliseconds since 1970-01-01T00:00:00Z; 0 stands for "never" where a column may be NULL. */
struct timestamp {
	int64_t ms;
};

enum { TIMESTAMP_SIZE = sizeof("2026-01-31T23:59:59.999Z") };

struct timestamp clock_now(void);
/* Only differences mean anything; never goes back. */
uint64_t clock_mono_us(void);

/* RFC 3339, UTC, milliseconds. Years 1970 to 9999; anything else is written as the nearest of these. */
void timestamp_format(struct timestamp t, char out[TIMESTAMP_SIZE]);

/* Reads RFC 3339 ("2026-01-31T23:59:59.999Z", "...+01:00"), and the same as databases print it, in UTC: a space for the T, and
 * no zone. Digits beyond milliseconds are dropped. False for what is no such text, for a day or an hour that there is not, and
 * for years before 1970. */
bool timestamp_parse(struct str text, struct timestamp *out) MUST_USE;

/* From calendar parts in UTC, as a database gives them. */
struct timestamp timestamp_from_utc(int year, int month, int day, int hour, int minute, int second, int ms);

#endif
