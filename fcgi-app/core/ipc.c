#include "core/ipc.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint32_t
fnv_number(uint32_t hash, uint64_t number)
{
	for (unsigned i = 0; i < 8; i++)
		hash = (hash ^ (uint8_t)(number >> 8 * i)) * UINT32_C(16777619);
	return hash;
}

uint32_t
fnv_text(uint32_t hash, const char *text)
{
	size_t n = text != NULL ? strlen(text) + 1 : 0;

	for (; n > 0; n--, text++)
		hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
	return hash;
}

bool
ipc_key(const char *path, uint32_t layout, int32_t *out)
{
	uint32_t hash = FNV_BEGIN;
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	hash = fnv_number(hash, (uint64_t)st.st_dev);
	hash = fnv_number(hash, (uint64_t)st.st_ino);
	hash = fnv_number(hash, (uint64_t)geteuid());
	hash = fnv_number(hash, layout);
	*out = (int32_t)(hash & 0x7fffffff);
	return true;
}
