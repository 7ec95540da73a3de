/*
 * bounds.h: what holds of any request that was read, whichever way it came.
 */
#ifndef LATCH_TESTS_FUZZ_BOUNDS_H
#define LATCH_TESTS_FUZZ_BOUNDS_H

#include "fuzz.h"
#include "http/request.h"

static inline void
is_in_the_arena(const struct arena *arena, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	HOLDS(s.n == 0 || (p >= arena->base && s.n <= arena->used && p + s.n <= arena->base + arena->used));
}

static inline void
is_within_bounds(const struct arena *arena, const struct request *request)
{
	const struct str counted[] = { request->method_name,  request->script, request->authorization,
		                           request->content_type, request->origin, request->if_none_match,
		                           request->remote_addr,  request->path,   request->uri,
		                           request->host,         request->accept, request->latch_require };

	HOLDS(request->method_name.n > 0 || request->malformed);
	HOLDS(request->authorizer ? request->path.p == NULL && request->query.p == NULL : request->path.n > 0);
	HOLDS(!request->authorizer || (request->body.p == NULL && !request->body_large));
	for (size_t i = 0; i < COUNT(counted); i++) {
		if (!str_eq(counted[i], STR("/")))
			is_in_the_arena(arena, counted[i]);
		HOLDS(request->malformed
		      || (counted[i].n <= HEADER_VALUE_MAX
		          && (counted[i].n == 0 || memchr(counted[i].p, '\0', counted[i].n) == NULL)));
	}
	HOLDS(request->method < METHOD__COUNT && (!request->head || request->method == METHOD_GET));
	HOLDS(request->body.n <= BODY_MAX && (!request->body_large || request->body.n == 0));
	is_in_the_arena(arena, request->body);
}

#endif
