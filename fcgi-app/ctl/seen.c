#include "ctl/seen.h"

#include <stdlib.h>
#include <string.h>

#include "core/random.h"

struct seen_name {
	uint64_t line;
	size_t n;
	char kind, text[];
};

/* FNV-1a, from where nobody knows: who chose names that meet would make it slow. */
static uint64_t
hash_of(const struct seen *seen, char kind, struct str name)
{
	uint64_t hash = (seen->seed ^ (unsigned char)kind) * 1099511628211U;

	for (size_t i = 0; i < name.n; i++)
		hash = (hash ^ (unsigned char)ascii_lower(name.p[i])) * 1099511628211U;
	return hash ^ hash >> 32;
}

/* Where it is, or has room. */
static struct seen_name **
slot_of(const struct seen *seen, char kind, struct str name)
{
	size_t at = hash_of(seen, kind, name) & (seen->size - 1);

	for (;; at = (at + 1) & (seen->size - 1)) {
		const struct seen_name *there = seen->slots[at];
		if (there == NULL || (there->kind == kind && str_eq_nocase((struct str){ there->text, there->n }, name)))
			return &seen->slots[at];
	}
}

static bool
grow(struct seen *seen)
{
	struct seen bigger = { .size = seen->size > 0 ? 2 * seen->size : 4096, .n = seen->n, .seed = seen->seed };

	if (seen->size == 0)
		random_bytes(&bigger.seed, sizeof(bigger.seed));
	bigger.slots = calloc(bigger.size, sizeof(struct seen_name *));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < seen->size; i++) {
		struct seen_name *name = seen->slots[i];
		if (name != NULL)
			*slot_of(&bigger, name->kind, (struct str){ name->text, name->n }) = name;
	}
	free((void *)seen->slots);
	*seen = bigger;
	return true;
}

uint64_t
seen_before(struct seen *seen, char kind, struct str name, uint64_t line)
{
	if (2 * seen->n >= seen->size && !grow(seen))
		return UINT64_MAX;
	struct seen_name **slot = slot_of(seen, kind, name);
	if (*slot != NULL)
		return (*slot)->line;
	*slot = malloc(sizeof(**slot) + name.n);
	if (*slot == NULL)
		return UINT64_MAX;
	**slot = (struct seen_name){ .line = line, .n = name.n, .kind = kind };
	memcpy((*slot)->text, name.p, name.n);
	seen->n++;
	return 0;
}

void
seen_free(struct seen *seen)
{
	for (size_t i = 0; i < seen->size; i++)
		free(seen->slots[i]);
	free((void *)seen->slots);
	*seen = (struct seen){ 0 };
}
