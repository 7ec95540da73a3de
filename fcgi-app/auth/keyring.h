/*
 * keyring.h: the signing keys that this worker holds, and the JWK Set that shows their public halves (RFC 7517).
 *
 * Of the keys whose sign_from has passed the newest signs; all of them verify. service/keys.c fills it from the database
 * every few seconds; `generation` grows with each change, so that what was derived from older keys can be dropped.
 */
#ifndef LATCH_AUTH_KEYRING_H
#define LATCH_AUTH_KEYRING_H

#include "auth/jws.h"
#include "core/clock.h"

enum { KEYRING_MAX = 16, KID_SIZE = 33, KEY_HEADER_SIZE = 160 };

struct key {
	char kid[KID_SIZE];
	enum token_alg alg;
	struct timestamp sign_from;
	struct jws_key *jws;
	/* The JOSE header of every token of this key, base64url. A token is of this key when its first part is this text,
	 * byte for byte: so no header from outside is ever parsed, and no alg, jwk, jku, x5u or crit can ask for anything. */
	char header[KEY_HEADER_SIZE];
	size_t header_n;
};

struct keyring {
	struct key keys[KEYRING_MAX]; /* oldest sign_from first */
	size_t n;
	unsigned generation;
	char jwks[KEYRING_MAX * JWK_TEXT_MAX];
	size_t jwks_n;
	char etag[2 + 22 + 1]; /* quotes included (RFC 9110, 8.8.3) */
};

/* A key from its parts; takes `jws` over, which is freed when this fails. kid: base64url characters. */
enum err key_init(struct key *key, struct str kid, enum token_alg alg, struct timestamp sign_from,
                  struct jws_key *jws) MUST_USE;

/* The key of that kid; NULL when there is none. */
const struct key *keyring_find(const struct keyring *ring, struct str kid);
/* The key whose header this is; NULL when there is none. */
const struct key *keyring_by_header(const struct keyring *ring, struct str header);
/* Whether this is a compact JWS (RFC 7515, 7.1) of one of the keys, and its signature holds. What the payload is, even
 * that it is base64url, is not asked here. */
bool keyring_verifies(const struct keyring *ring, struct str jws) MUST_USE;
/* The key to sign with at this moment; NULL when there is none. */
const struct key *keyring_signer(const struct keyring *ring, struct timestamp now);

/* Replaces the keys by `n` others and takes their jws over; one that an old key shares stays, the others of the old keys
 * are freed. Makes the JWK Set anew. ERR_INTERNAL: nothing changed, and every jws that the ring did not have is freed. */
enum err keyring_replace(struct keyring *ring, const struct key *keys, size_t n) MUST_USE;
/* Frees every jws of those keys that the ring does not have. */
void keyring_drop(const struct keyring *ring, const struct key *keys, size_t n);
void keyring_clear(struct keyring *ring);

#endif
