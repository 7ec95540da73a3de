#include "core/clock.h"

#include <string.h>
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

static void
write_digits(char *at, int n, int value)
{
	for (; n > 0; value /= 10)
		at[--n] = (char)('0' + value % 10);
}

/* By hand: strftime and printf cost more than all else that a reply with three times in it does. */
void
timestamp_format(struct timestamp t, char out[TIMESTAMP_SIZE])
{
	const int64_t ms = t.ms < 0 ? 0 : t.ms > LAST_MS ? LAST_MS : t.ms;
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	memcpy(out, "0000-00-00T00:00:00.000Z", TIMESTAMP_SIZE);
	write_digits(out, 4, tm.tm_year + 1900);
	write_digits(out + 5, 2, tm.tm_mon + 1);
	write_digits(out + 8, 2, tm.tm_mday);
	write_digits(out + 11, 2, tm.tm_hour);
	write_digits(out + 14, 2, tm.tm_min);
	write_digits(out + 17, 2, tm.tm_sec);
	write_digits(out + 20, 3, (int)(ms % 1000));
}

struct timestamp
timestamp_from_utc(int year, int month, int day, int hour, int minute, int second, int ms)
{
	struct tm tm = {
		.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_sec = second
	};

	return (struct timestamp){ (int64_t)timegm(&tm) * 1000 + ms };
}
