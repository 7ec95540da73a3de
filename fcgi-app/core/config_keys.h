/*
 * config_keys.h: the table of configuration keys. A new key is a member of struct config, a row here, and its text in
 * latch.conf(5), which make lint asks for.
 */
#ifndef LATCH_CORE_CONFIG_KEYS_H
#define LATCH_CORE_CONFIG_KEYS_H

#include "core/config.h"

struct config_key;

/* Writes the value into the struct's member. NULL, or what is wrong with it, as the end of a sentence that begins with the
 * key's name. */
typedef const char *config_parse_fn(struct str value, void *member, const struct config_key *key);

struct config_key {
	const char *name;
	config_parse_fn *parse;
	size_t at, size;   /* of the member in struct config */
	bool path;         /* of a file */
	uint64_t min, max; /* of a number; min 1 of a text: must not be empty */
	const char *initial;
	const char *help;
};

enum { CONFIG_KEYS_MAX = 128 };
extern const struct config_key config_keys[];
extern const size_t config_keys_n;

/* In a uint32_t that takes "auto", what stands for it until config_load has worked it out. */
static const uint32_t CONFIG_AUTO = UINT32_MAX;

#endif
