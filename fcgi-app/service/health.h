/* health.h: whether requests can be served. */
#ifndef LATCH_SERVICE_HEALTH_H
#define LATCH_SERVICE_HEALTH_H

#include "service/app.h"

/* ERR_DB: not ready; *missing_out says in one sentence what is missing, or is NULL when it is the database itself. */
enum err health_ready(struct app *app, const char **missing_out) MUST_USE;

#endif
