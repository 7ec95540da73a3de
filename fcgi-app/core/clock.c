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

/* n digits at the front of *rest, and what has to stand behind them (0: anything); -1 when they do not. */
static int
take_number(struct str *rest, size_t n, char behind)
{
	int value = 0;

	if (rest->n < n + (behind != '\0'))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return -1;
		value = value * 10 + (rest->p[i] - '0');
	}
	if (behind != '\0' && rest->p[n++] != behind)
		return -1;
	*rest = (struct str){ rest->p + n, rest->n - n };
	return value;
}

/* ".5", at least one digit, as milliseconds. */
static int
take_fraction(struct str *rest)
{
	int ms = 0, weight = 100;
	size_t n = 1;

	if (rest->n == 0 || rest->p[0] != '.')
		return 0;
	for (; n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9'; n++, weight /= 10)
		ms += (rest->p[n] - '0') * weight;
	if (n == 1)
		return -1;
	*rest = (struct str){ rest->p + n, rest->n - n };
	return ms;
}

/* "Z", "+01:00" or nothing: minutes east of Greenwich. */
static bool
take_zone(struct str *rest, int *minutes)
{
	*minutes = 0;
	if (rest->n == 0)
		return true;
	const char sign = rest->p[0];
	*rest = (struct str){ rest->p + 1, rest->n - 1 };
	if (sign == 'Z' || sign == 'z')
		return rest->n == 0;
	const int hour = take_number(rest, 2, ':'), minute = take_number(rest, 2, '\0');
	if ((sign != '+' && sign != '-') || hour < 0 || hour > 23 || minute < 0 || minute > 59 || rest->n != 0)
		return false;
	*minutes = (hour * 60 + minute) * (sign == '-' ? -1 : 1);
	return true;
}

bool
timestamp_parse(struct str text, struct timestamp *out)
{
	char again[TIMESTAMP_SIZE];
	struct str rest = text;
	int zone;
	const int year = take_number(&rest, 4, '-'), month = take_number(&rest, 2, '-'), day = take_number(&rest, 2, '\0');

	if (year < 1970 || month < 0 || day < 0 || rest.n == 0
	    || (rest.p[0] != 'T' && rest.p[0] != 't' && rest.p[0] != ' '))
		return false;
	rest = (struct str){ rest.p + 1, rest.n - 1 };
	const int hour = take_number(&rest, 2, ':'), minute = take_number(&rest, 2, ':'),
			  second = take_number(&rest, 2, '\0');
	const int ms = take_fraction(&rest);
	if (hour < 0 || minute < 0 || second < 0 || ms < 0 || !take_zone(&rest, &zone))
		return false;
	*out = timestamp_from_utc(year, month, day, hour, minute, second, ms);
	/* timegm takes the 31st of February for the 3rd of March: what is written again must be what was read. */
	timestamp_format(*out, again);
	if (memcmp(again, text.p, 10) != 0 || memcmp(again + 11, text.p + 11, 8) != 0)
		return false;
	out->ms -= (int64_t)zone * 60000;
	return out->ms >= 0;
}
