/*
 * token.h: access tokens (RFC 9068 in spirit, RFC 7519): issued by one of our keys, accepted only from one of them.
 *
 * libjwt builds and reads the claims; auth/jws.c signs and verifies. A token that was accepted is remembered by its
 * SHA-256 until it expires or the keys change, in a table of fixed size: a second check costs a hash.
 */
#ifndef LATCH_AUTH_TOKEN_H
#define LATCH_AUTH_TOKEN_H

#include "auth/keyring.h"
#include "core/arena.h"
#include "core/random.h"

enum { TOKEN_MAX = 4096, TOKEN_CACHE_SLOTS = 1024, TOKEN_IAT_LEEWAY_S = 60, TOKEN_DIGEST_SIZE = 32 };

/* Who a token speaks for. */
struct token_claims {
	struct uuid subject, session;
	int64_t expires_at_s;
};

struct token_slot {
	unsigned char digest[TOKEN_DIGEST_SIZE]; /* SHA-256 of the token */
	struct token_claims claims;
};

struct tokens {
	const struct config *config;
	const struct keyring *keyring;
	unsigned generation; /* of the keyring when the table was last emptied */
	struct token_slot *cache;
	struct evp_md_ctx_st *hashing; /* OpenSSL's EVP_MD_CTX, set up for SHA-256 */
};

/* ERR_INTERNAL: out of memory. config and keyring must outlive it. */
enum err tokens_open(struct tokens *tokens, const struct config *config, const struct keyring *keyring) MUST_USE;
void tokens_close(struct tokens *tokens);

/* SHA-256 of `kind` and `text`, one behind the other. */
enum err token_digest(struct tokens *tokens, struct str kind, struct str text,
                      unsigned char out[TOKEN_DIGEST_SIZE]) MUST_USE;

/* Whom a token is for. `roles`: words (core/str.h) of at most TOKEN_ROLES_MAX bytes that need no escaping in JSON. */
enum { TOKEN_ROLES_MAX = 255 };
struct token_subject {
	const struct uuid *user, *session;
	struct str roles;
};

/* A signed compact token in the arena. ERR_DB: no key may sign at this moment. */
enum err token_issue(struct tokens *tokens, const struct token_subject *subject, struct timestamp now,
                     struct arena *arena, struct str *out) MUST_USE;

/* Whether the token's first part is the header of a key that is held. */
bool token_key_known(const struct tokens *tokens, struct str token);

/* ERR_TOKEN: not one of ours, not written as token_issue writes it, or iss, aud, exp, iat, sub, sid or (where there is
 * one) nbf does not hold. No leeway for exp, 60 s for an iat or nbf that lies ahead. Claims of other names are ignored. */
enum err token_check(struct tokens *tokens, struct str token, struct timestamp now, struct token_claims *out) MUST_USE;

#endif
