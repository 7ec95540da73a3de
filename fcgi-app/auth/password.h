/*
 * password.h: password hashes: argon2id (RFC 9106) as PHC strings (auth/phc.h), in hash lanes.
 *
 * By libsodium: it looks at run time which vector instructions there are, and takes three quarters of the time that Debian's
 * libargon2 takes (docs/bench.md). By libargon2 where libsodium cannot: argon2i, hashes of several lanes or with another salt,
 * which other programs made. Hashes of other kinds, of users who were brought along, by auth/foreign.h. The next log-in makes
 * all of these anew.
 */
#ifndef LATCH_AUTH_PASSWORD_H
#define LATCH_AUTH_PASSWORD_H

#include "auth/phc.h"
#include "core/config.h"
#include "core/err.h"
#include "core/lanes.h"
#include "core/str.h"

enum { PASSWORD_BYTES_MAX = 1024, PASSWORD_POINTS_MAX = 256 };

struct hasher {
	struct phc today;    /* the cost of a new hash; salt and hash are all zero */
	struct lanes *lanes; /* NULL: not bounded, for a person at the command line */
};

/* lanes must outlive it. ERR_INTERNAL: libsodium cannot be had. */
enum err hasher_init(struct hasher *hasher, const struct config *config, struct lanes *lanes) MUST_USE;

/* Whether a hash would be ERR_BUSY now: to be asked before work is done for one, as a flood of log-ins does not end. */
bool password_busy(const struct hasher *hasher);

/* Hashes with a fresh 16-byte salt into out. ERR_BUSY: no lane to be had.
 * ERR_INTERNAL: out of memory. */
enum err password_hash(struct hasher *hasher, struct str password, char out[PHC_SIZE]) MUST_USE;

/* Compares with a PHC string, or a hash of auth/foreign.h, in constant time. ERR_CREDENTIALS: not that password. A text that
 * password_hash_refused complains about fits no password, at the cost of today's hash. ERR_BUSY. ERR_INTERNAL: out of memory. */
enum err password_verify(struct hasher *hasher, const char *text, struct str password) MUST_USE;

/* NULL: password_verify can verify such a hash. Else what is wrong with it, to go on behind its field's name: "is ...". */
const char *password_hash_refused(const char *text) MUST_USE;

/* For a user who is not there, at the cost of a hash with today's parameters: ERR_CREDENTIALS; ERR_BUSY, ERR_INTERNAL. */
enum err password_verify_nobody(struct hasher *hasher, struct str password) MUST_USE;

/* Whether the string was made with other parameters than today's. */
bool password_outdated(const struct hasher *hasher, const char *text);

#endif
