/*
 * log.h: lines on standard error, each written by one write(2), so that lines of many workers do not mix.
 *
 * logfmt: time=... level=... then the message. A line is at most LOG_LINE_MAX bytes; what is longer is cut. Whatever
 * is not printable ASCII becomes '?', so that nothing from outside can forge a line. Never pass a secret, an address or a name of a
 * person: ids and table names only.
 */
#ifndef LATCH_CORE_LOG_H
#define LATCH_CORE_LOG_H

#include "core/attr.h"

enum { LOG_LINE_MAX = 1024 };

void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_error(const char *fmt, ...) PRINTF(1, 2);

#endif
