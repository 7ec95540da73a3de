/*
 * jwk.h: the keys of an identity provider, and signatures that they made (RFC 7517; RFC 7515; RFC 7518, 3; RFC 8037).
 *
 * A JWK Set is read as its provider publishes it. A key that cannot be used here (of another type or curve, too weak, for
 * encryption only) is left out, as RFC 7517, 5 asks. Which algorithm a signature has is the caller's to say, from a list of
 * his own: there is no "none", and nothing with a secret, so that no public key can be taken for one (RFC 8725, 3.1).
 */
#ifndef LATCH_OIDC_JWK_H
#define LATCH_OIDC_JWK_H

#include "core/err.h"
#include "core/str.h"

enum jwa {
	JWA_RS256,
	JWA_RS384,
	JWA_RS512,
	JWA_PS256,
	JWA_PS384,
	JWA_PS512,
	JWA_ES256,
	JWA_ES384,
	JWA_ES512,
	JWA_EDDSA, /* Ed25519 alone */
	JWA__COUNT
};

/* "RS256" and so on (RFC 7518, 3.1); and back: false for anything else. */
const char *jwa_name(enum jwa alg);
bool jwa_parse(struct str name, enum jwa *out) MUST_USE;

/* The left half of the hash of this text that goes with the algorithm (OpenID Connect Core 1.0, 3.1.3.6: at_hash), 16 to 32
 * bytes; their number. 0: out of memory. */
enum { HALF_HASH_MAX = 32 };
size_t jwa_half_hash(enum jwa alg, struct str text, unsigned char out[HALF_HASH_MAX]) MUST_USE;

/* Text beyond the first bound is refused, keys beyond the second are left out, as is a kid of over 255 bytes. RSA keys have
 * 2048 to 8192 bits. */
enum { JWK_SET_TEXT_MAX = 128 * 1024, JWK_SET_KEYS_MAX = 64 };
struct jwk_set;

/* ERR_JSON: no JWK Set. A set without any key that can be used is one. jwk_set_free(*out). */
enum err jwk_set_parse(struct str text, struct jwk_set **out) MUST_USE;
void jwk_set_free(struct jwk_set *set);
size_t jwk_set_keys(const struct jwk_set *set);

enum jwk_verdict {
	JWK_GOOD,
	JWK_NO_KEY,    /* none of that kid fits the algorithm: the provider may have a new one */
	JWK_AMBIGUOUS, /* without a kid, or with one that is there twice, more than one fits */
	JWK_BAD,       /* it is not that key's signature over this input */
	JWK_FAILED     /* out of memory */
};

/* Whether the signature (as JWS has it: ECDSA's two numbers side by side) holds. kid absent: the only key that fits is meant. */
enum jwk_verdict jwk_set_verify(const struct jwk_set *set, enum jwa alg, struct str kid, struct str input,
                                const unsigned char *signature, size_t n) MUST_USE;

#endif
