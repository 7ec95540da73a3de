#include "core/arena.h"

#include <string.h>
#include <sys/mman.h>

/* What is in use beyond that after a request, which few need, the system gets back: a multiple of every page size. */
enum { ARENA_ALIGN = _Alignof(max_align_t), ARENA_KEPT = 512 * 1024 };

bool
arena_open(struct arena *arena, size_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED)
		return false;
	/* Best effort: core files are off already (process.c). */
	(void)madvise(base, size, MADV_DONTDUMP);
	*arena = (struct arena){ .base = base, .size = size };
	return true;
}

void
arena_close(struct arena *arena)
{
	if (arena->base == NULL)
		return;
	arena_reset(arena);
	(void)munmap(arena->base, arena->size);
	*arena = (struct arena){ 0 };
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	const size_t start = (arena->used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;

	if (start > arena->size || size > arena->size - start)
		return NULL;
	arena->used = start + size;
	return arena->base + start;
}

void
arena_trim(struct arena *arena, const void *last, size_t size)
{
	arena->used = (size_t)((const unsigned char *)last - arena->base) + size;
}

void
arena_reset(struct arena *arena)
{
	explicit_bzero(arena->base, arena->used);
	if (arena->used > ARENA_KEPT)
		(void)madvise(arena->base + ARENA_KEPT, arena->size - ARENA_KEPT, MADV_DONTNEED);
	arena->used = 0;
}
