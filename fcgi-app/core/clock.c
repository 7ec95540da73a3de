#include "core/clock.h"

#include <stdio.h>
#include <time.h>

static const int64_t LAST_MS = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */

struct timestamp
clock_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (struct timestamp){ (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 };
}

uint64_t
clock_mono_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void
timestamp_format(struct timestamp t, char out[TIMESTAMP_SIZE])
{
	const int64_t ms = t.ms < 0 ? 0 : t.ms > LAST_MS ? LAST_MS : t.ms;
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char date[TIMESTAMP_SIZE];

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out, TIMESTAMP_SIZE, "%.19s.%03dZ", date, (int)(ms % 1000));
}

struct timestamp
timestamp_from_utc(int year, int month, int day, int hour, int minute, int second, int ms)
{
	struct tm tm = {
		.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second
	};

	return (struct timestamp){ (int64_t)timegm(&tm) * 1000 + ms };
}
