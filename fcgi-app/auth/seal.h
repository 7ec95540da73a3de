/*
 * seal.h: the key file, and what is encrypted under it.
 *
 * The key file holds the master key as 64 hexadecimal digits. Nothing uses it directly: each purpose has a key of its own
 * by HKDF-SHA256 (RFC 5869). A sealed value is AES-256-GCM (NIST SP 800-38D): nonce (12 bytes, random) || ciphertext ||
 * tag (16 bytes); the label that was given at sealing is authenticated with it, so a sealed value moved to another row
 * does not open.
 */
#ifndef LATCH_AUTH_SEAL_H
#define LATCH_AUTH_SEAL_H

#include "core/err.h"
#include "core/str.h"

struct master_key {
	unsigned char bytes[32];
};

enum { SEAL_OVERHEAD = 12 + 16 };

/* Reads the key file. False, and one sentence in complaint, when it is missing, open to others than its owner (and,
 * where that is root, its group, for reading), or not of that form. Wipe *out when done. */
bool master_key_load(const char *path, struct master_key *out, char *complaint, size_t complaint_size) MUST_USE;

/* The key of a purpose. False: out of memory, or a purpose of over 63 bytes. Wipe `out`. */
bool seal_derive(const struct master_key *master, struct str purpose, unsigned char out[32]) MUST_USE;

/* Seals n bytes for `purpose`; ERR_INTERNAL when they do not fit in *out. */
enum err seal(const struct master_key *master, struct str purpose, struct str label, const void *plain, size_t n,
              struct bytes *out) MUST_USE;
/* Opens it again; ERR_INTERNAL when it was not sealed with this master key, purpose and label. Wipe *plain_out. */
enum err unseal(const struct master_key *master, struct str purpose, struct str label, const struct bytes *sealed,
                struct bytes *plain_out) MUST_USE;

#endif
