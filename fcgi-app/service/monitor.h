/* monitor.h: what GET /metrics looks at rather than counts, and what outcomes count as. */
#ifndef LATCH_SERVICE_MONITOR_H
#define LATCH_SERVICE_MONITOR_H

#include "core/metrics.h"
#include "service/app.h"

enum { MONITOR_SESSIONS_EVERY_S = 60, MONITOR_SESSIONS_AGE_S = 90 };

/* Begins a request on the database. What cannot be had (without the database: what lies there) is not there; nothing fails. */
void monitor_look(struct app *app, struct gauges *out);

/* Of service/login.h, and of session_refresh: by what it returned. */
void monitor_login(enum err outcome);
void monitor_refresh(enum err outcome, bool replayed);

#endif
