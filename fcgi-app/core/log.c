#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

static void PRINTF(2, 0) log_write(const char *level, const char *fmt, va_list args)
{
	char line[LOG_LINE_MAX];
	char time[TIMESTAMP_SIZE];

	timestamp_format(clock_now(), time);
	int used = snprintf(line, sizeof(line), "time=%s level=%s ", time, level);
	const int more = vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, args);
	if (more > 0)
		used += more;
	/* The last byte is the newline's. */
	if ((size_t)used > sizeof(line) - 1)
		used = (int)sizeof(line) - 1;
	for (int i = 0; i < used; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	line[used++] = '\n';

	/* A full disk must not stop the service, and there is nowhere else to complain. */
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return;
}

void
log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write("info", fmt, args);
	va_end(args);
}

void
log_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write("warn", fmt, args);
	va_end(args);
}

void
log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write("error", fmt, args);
	va_end(args);
}
