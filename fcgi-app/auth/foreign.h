/*
 * foreign.h: password hashes that other programs made, for users who are brought along (docs/import.md). They are only ever
 * verified: the first log-in replaces one by today's argon2id. argon2 hashes of others are PHC strings: auth/phc.h.
 *
 *   $2a$ $2b$ $2y$   bcrypt: crypt(3), PHP, Python, Ruby, Laravel
 *   $wp$2y$          WordPress 6.8: bcrypt of base64(HMAC-SHA384(trimmed password)) under the key "wp-sha384"
 *   $6$              sha512-crypt, $y$ yescrypt: crypt(3), as in /etc/shadow
 *   $P$ $H$          phpass: WordPress before 6.8, phpBB
 *   pbkdf2_sha256$   Django
 *
 * bcrypt looks at 72 bytes of a password: a longer one fits with whatever stands behind these, as it did where the hash was
 * made. What was typed is hashed whole when the log-in makes it anew; from then on all of it counts.
 */
#ifndef LATCH_AUTH_FOREIGN_H
#define LATCH_AUTH_FOREIGN_H

#include "core/err.h"
#include "core/str.h"

enum foreign_kind {
	FOREIGN_BCRYPT,
	FOREIGN_WORDPRESS,
	FOREIGN_SHA512_CRYPT,
	FOREIGN_YESCRYPT,
	FOREIGN_PHPASS,
	FOREIGN_DJANGO,
};

/* About a second of work each, for a password of usual length: a database must not decide what we spend. */
enum {
	BCRYPT_COST_MIN = 4,
	BCRYPT_COST_MAX = 14, /* 2^14 rounds */
	SHA512_CRYPT_ROUNDS_DEFAULT = 5000,
	SHA512_CRYPT_ROUNDS_MIN = 1000,
	SHA512_CRYPT_ROUNDS_MAX = 1000000,
	SHA512_CRYPT_WORK_MAX =
		200000000, /* rounds times bytes of the password and 64: long ones cost several times as much */
	YESCRYPT_KIB_MAX = 262144,
	PHPASS_LOG2_MIN = 7,
	PHPASS_LOG2_MAX = 18, /* 2^18 rounds */
	DJANGO_ITERATIONS_MAX = 2000000,
};

/* The parts point into the text that was read. */
struct foreign {
	enum foreign_kind kind;
	uint32_t cost;         /* bcrypt and WordPress: the logarithm; yescrypt: KiB; else rounds */
	const char *setting;   /* for crypt(3) */
	struct str salt, hash; /* as text */
};

/* NULL: it can be verified, and *out is it. Else what is wrong with it, to go on behind its field's name: "is ...". */
const char *foreign_read(const char *text, struct foreign *out) MUST_USE;

/* OK; ERR_CREDENTIALS: not that password, compared in constant time; ERR_INTERNAL: out of memory. Takes no hash lane: that
 * is for auth/password.c, which calls this. */
enum err foreign_verify(const struct foreign *foreign, struct str password) MUST_USE;

#endif
