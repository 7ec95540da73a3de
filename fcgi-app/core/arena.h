/*
 * arena.h: the memory of one request.
 *
 * A fixed block, mapped at boot and kept out of core files. What a request allocates is given back all at once by
 * arena_reset, which wipes it: so a handler returns early without cleaning up, and a password does not outlive its
 * request. What it does not touch of the block costs no memory.
 */
#ifndef LATCH_CORE_ARENA_H
#define LATCH_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"

struct arena {
	unsigned char *base;
	size_t size, used; /* bytes */
};

/* Maps `size` bytes; false (errno set) when the system has none. */
bool arena_open(struct arena *arena, size_t size) MUST_USE;
void arena_close(struct arena *arena);

/* `size` zeroed bytes aligned for any type; NULL when the arena is full. Owned by the arena. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;

/* Gives back what the last arena_alloc got beyond its first `size` bytes; nothing must have been written there. */
void arena_trim(struct arena *arena, const void *last, size_t size);

/* Wipes what was given out and starts again. */
void arena_reset(struct arena *arena);

#endif
