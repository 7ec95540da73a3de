/*
 * phc.h: argon2id hashes as PHC strings (github.com/P-H-C/phc-string-format): $argon2id$v=19$m=19456,t=2,p=1$salt$hash, salt
 * and hash in base64 without padding. argon2i, which other programs make, is read as well.
 */
#ifndef LATCH_AUTH_PHC_H
#define LATCH_AUTH_PHC_H

#include "core/str.h"

enum {
	PHC_SIZE = 256, /* of the text, the NUL included */
	PHC_SALT_MIN = 8,
	PHC_SALT_MAX = 64,
	PHC_HASH_MIN = 16,
	PHC_HASH_MAX = 64,
};

struct phc {
	bool argon2i; /* and not argon2id */
	uint32_t memory_kib, passes, parallelism;
	unsigned char salt[PHC_SALT_MAX], hash[PHC_HASH_MAX];
	size_t salt_n, hash_n;
};

/* False where the text is no such string, written as phc_write writes it, or asks for less than argon2 takes (8 KiB a
 * lane) or for more than ARGON2_..._MAX (core/config.h): a database must not decide what we spend. */
bool phc_read(const char *text, struct phc *out) MUST_USE;

/* Writes the text and a NUL; what phc_read gave fits. */
void phc_write(const struct phc *phc, char out[PHC_SIZE]);

#endif
