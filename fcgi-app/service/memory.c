#include "service/memory.h"

#include <stdlib.h>
#include <string.h>

enum err
memory_open(struct memory *memory)
{
	*memory = (struct memory){ .slots = calloc(MEMORY_SLOTS, sizeof(*memory->slots)),
		                       .grants = calloc(MEMORY_GRANTS, sizeof(*memory->grants)) };
	return memory->slots != NULL && memory->grants != NULL ? OK : ERR_INTERNAL;
}

void
memory_close(struct memory *memory)
{
	if (memory->slots != NULL && memory->grants != NULL)
		memory_clear(memory);
	free(memory->slots);
	free(memory->grants);
	*memory = (struct memory){ 0 };
}

static struct remembered *
slot_of(const struct memory *memory, const unsigned char digest[TOKEN_DIGEST_SIZE])
{
	uint32_t index;

	memcpy(&index, digest, sizeof(index));
	return &memory->slots[index % MEMORY_SLOTS];
}

void
memory_put(struct memory *memory, const struct remembered *entry)
{
	*slot_of(memory, entry->digest) = *entry;
}

const struct remembered *
memory_get(const struct memory *memory, const unsigned char digest[TOKEN_DIGEST_SIZE], int64_t mono_ms, int64_t now_s)
{
	const struct remembered *slot = slot_of(memory, digest);
	const bool holds = slot->until_ms > mono_ms && slot->expires_at_s > now_s;

	return holds && memcmp(slot->digest, digest, sizeof(slot->digest)) == 0 ? slot : NULL;
}

void
memory_forget(struct memory *memory, const struct uuid *id)
{
	for (size_t i = 0; i < MEMORY_SLOTS; i++) {
		struct remembered *slot = &memory->slots[i];
		if (slot->until_ms != 0
		    && (strcmp(slot->session.text, id->text) == 0 || strcmp(slot->user.text, id->text) == 0))
			slot->until_ms = 0;
	}
}

static struct grants *
grants_of(const struct memory *memory, const char *roles)
{
	for (size_t i = 0; i < MEMORY_GRANTS; i++)
		if (strcmp(memory->grants[i].roles, roles) == 0)
			return &memory->grants[i];
	return NULL;
}

void
memory_put_grants(struct memory *memory, const char *roles, const char *permissions)
{
	struct grants *slot = grants_of(memory, roles);

	if (slot == NULL)
		slot = &memory->grants[memory->next_grants++ % MEMORY_GRANTS];
	if (!str_copy(slot->permissions, sizeof(slot->permissions), str_of(permissions))
	    || !str_copy(slot->roles, sizeof(slot->roles), str_of(roles)))
		slot->roles[0] = '\0';
}

const char *
memory_grants(const struct memory *memory, const char *roles)
{
	const struct grants *slot = grants_of(memory, roles);

	return slot != NULL ? slot->permissions : NULL;
}

void
memory_forget_grants(struct memory *memory)
{
	for (size_t i = 0; i < MEMORY_GRANTS; i++)
		if (memory->grants[i].roles[0] != '\0')
			memory->grants[i].roles[0] = '\0';
}

/* Empty slots are left alone: a page that nobody wrote to takes no memory. */
void
memory_clear(struct memory *memory)
{
	for (size_t i = 0; i < MEMORY_SLOTS; i++)
		if (memory->slots[i].until_ms != 0)
			memory->slots[i].until_ms = 0;
	memory_forget_grants(memory);
}
