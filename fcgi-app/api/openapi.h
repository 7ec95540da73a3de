/* openapi.h: the OpenAPI 3.1 document, made from the route table and its field tables: it cannot drift from them. */
#ifndef LATCH_API_OPENAPI_H
#define LATCH_API_OPENAPI_H

#include "api/route.h"

/* About 20 KB in the arena. ERR_INTERNAL when that is full. */
enum err openapi_render(const struct ctx *c, struct str *out) MUST_USE;

#endif
