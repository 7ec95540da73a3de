/* dispatch.h: from a request to its response, by the route table. */
#ifndef LATCH_API_DISPATCH_H
#define LATCH_API_DISPATCH_H

#include "api/route.h"

/* Fills *response and writes the request's log line's facts into *c. Always leaves a response to send. Returns what was
 * answered: OK, or the error whose problem document the response is. */
enum err dispatch(struct ctx *c, struct app *app, struct arena *arena, const struct request *request,
                  struct response *response);

#endif
