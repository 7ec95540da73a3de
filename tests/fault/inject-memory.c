/* inject-memory.c: allocations that fail. What the sanitizer's allocator keeps for itself does not come by here. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject.h"

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static size_t (*next_malloc_usable_size)(void *);

/* What is asked for while the real ones are being looked up, by dlsym() itself. */
static struct {
	alignas(max_align_t) unsigned char bytes[64 * 1024];
	size_t used;
} early;
static bool resolving;

static void *
early_alloc(size_t size)
{
	const size_t align = alignof(max_align_t), n = (size + align - 1) / align * align;

	if (n > sizeof(early.bytes) - early.used)
		abort();
	early.used += n;
	return early.bytes + early.used - n;
}

static bool
is_early(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)early.bytes && (uintptr_t)p < (uintptr_t)early.bytes + sizeof(early.bytes);
}

/* False while it is at it: then the early block serves. */
static bool
resolved(void)
{
	if (next_free != NULL)
		return true;
	if (resolving)
		return false;
	resolving = true;
	RESOLVE(next_malloc, "malloc");
	RESOLVE(next_calloc, "calloc");
	RESOLVE(next_realloc, "realloc");
	RESOLVE(next_aligned_alloc, "aligned_alloc");
	RESOLVE(next_posix_memalign, "posix_memalign");
	RESOLVE(next_malloc_usable_size, "malloc_usable_size");
	RESOLVE(next_free, "free");
	resolving = false;
	return true;
}

static bool
refused(const char *what)
{
	if (!inject_due(DOMAIN_MEMORY, what))
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	if (!resolved())
		return early_alloc(size);
	return refused("malloc") ? NULL : next_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	if (!resolved())
		return early_alloc(n * size); /* never used before: all zero */
	return refused("calloc") ? NULL : next_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	if (!resolved() || is_early(old)) {
		unsigned char *p = resolved() ? next_malloc(size) : early_alloc(size);
		const size_t there = old != NULL ? (size_t)(early.bytes + sizeof(early.bytes) - (unsigned char *)old) : 0;
		if (p != NULL && old != NULL)
			memcpy(p, old, size < there ? size : there);
		return p;
	}
	return refused("realloc") ? NULL : next_realloc(old, size);
}

void *
reallocarray(void *old, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n * size);
}

void
free(void *p)
{
	if (p != NULL && !is_early(p) && resolved())
		next_free(p);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return !resolved() || refused("aligned_alloc") ? NULL : next_aligned_alloc(align, size);
}

int
posix_memalign(void **out, size_t align, size_t size)
{
	return !resolved() || refused("posix_memalign") ? ENOMEM : next_posix_memalign(out, align, size);
}

size_t
malloc_usable_size(void *p)
{
	return is_early(p) || !resolved() ? 0 : next_malloc_usable_size(p);
}

/* The sanitizer has its own of these two, which does not come by malloc() above. */
char *
strndup(const char *text, size_t max)
{
	const size_t n = strnlen(text, max);
	char *copy = malloc(n + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
strdup(const char *text)
{
	return strndup(text, strlen(text));
}

void *
mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) != 0 && refused("mmap"))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
