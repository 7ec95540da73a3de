#include "core/pool.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef LATCH_SANITIZED
enum { POOL_SIZE = 16 }; /* nearly everything from the heap, where a use after free is seen */
#else
enum { POOL_SIZE = 32 * 1024 };
#endif

static struct {
	alignas(max_align_t) unsigned char bytes[POOL_SIZE];
	size_t used, live; /* bytes handed out since the block was empty; pieces of them not yet given back */
	bool failed;
} pool;

void *
pool_alloc(size_t size)
{
	const size_t align = alignof(max_align_t), room = POOL_SIZE - pool.used;

	/* A piece is never empty: an address one past the block's end would not be known as the block's. */
	if (size == 0)
		size = 1;
	if (size > room || (size + align - 1) / align * align > room) {
		void *p = malloc(size);
		pool.failed = pool.failed || p == NULL;
		return p;
	}
	void *p = pool.bytes + pool.used;
	pool.used += (size + align - 1) / align * align;
	pool.live++;
	return p;
}

void
pool_free(void *p)
{
	const uintptr_t start = (uintptr_t)pool.bytes, at = (uintptr_t)p;

	if (p == NULL)
		return;
	if (at < start || at >= start + POOL_SIZE) {
		explicit_bzero(p, malloc_usable_size(p));
		free(p);
		return;
	}
	if (--pool.live > 0)
		return;
	explicit_bzero(pool.bytes, pool.used);
	pool.used = 0;
}

bool
pool_failed(void)
{
	const bool failed = pool.failed;

	pool.failed = false;
	return failed;
}
