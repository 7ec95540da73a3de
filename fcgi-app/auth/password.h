/*
 * password.h: password hashes: argon2id (RFC 9106) as PHC strings, in hash lanes.
 */
#ifndef LATCH_AUTH_PASSWORD_H
#define LATCH_AUTH_PASSWORD_H

#include "core/config.h"
#include "core/err.h"
#include "core/lanes.h"
#include "core/str.h"

enum { PASSWORD_HASH_SIZE = 256, PASSWORD_BYTES_MAX = 1024, PASSWORD_POINTS_MAX = 256 };

struct hasher {
	uint32_t memory_kib, passes, parallelism;
	struct lanes *lanes; /* NULL: not bounded, for a person at the command line */
	char decoy[PASSWORD_HASH_SIZE];
};

/* lanes must outlive it. */
void hasher_init(struct hasher *hasher, const struct config *config, struct lanes *lanes);

/* Hashes with a fresh 16-byte salt into out. ERR_BUSY: no lane to be had.
 * ERR_INTERNAL: out of memory. */
enum err password_hash(struct hasher *hasher, struct str password, char out[PASSWORD_HASH_SIZE]) MUST_USE;

/* Compares with a PHC string in constant time. ERR_CREDENTIALS: not that password. ERR_BUSY. ERR_INTERNAL: the string is
 * no argon2id hash, or asks for more than ARGON2_..._MAX (core/config.h): a database must not decide what we spend. */
enum err password_verify(struct hasher *hasher, const char *phc, struct str password) MUST_USE;

/* For a user who is not there, at the cost of a hash with today's parameters: ERR_CREDENTIALS; ERR_BUSY, ERR_INTERNAL. */
enum err password_verify_nobody(struct hasher *hasher, struct str password) MUST_USE;

/* Whether the string was made with other parameters than today's. */
bool password_outdated(const struct hasher *hasher, const char *phc);

#endif
