/*
 * jws.h: one signing key, and the signatures it makes and checks (RFC 7515; RFC 7518, 3).
 *
 * A key knows its algorithm and never does another. OpenSSL holds it parsed: nothing here reads PEM.
 */
#ifndef LATCH_AUTH_JWS_H
#define LATCH_AUTH_JWS_H

#include "core/config.h"
#include "core/err.h"
#include "core/str.h"

struct jws_key;

enum { JWS_SIGNATURE_MAX = 512, JWK_TEXT_MAX = 1024 };

/* Makes a key and uses it. OpenSSL sets up its context, its generators and its tables of algorithms at their first use;
 * where memory is out just then it crashes later, or goes on for good with a part of them. So this comes before anything
 * else of OpenSSL, and on ERR_INTERNAL the process must not go on. */
enum err jws_self_test(void) MUST_USE;
/* Whether OpenSSL has been refused memory since then: what it set up meanwhile may not be whole. */
bool jws_starved(void);

/* A new key: P-256, RSA 3072 with exponent 65537, or 32 random bytes. NULL when OpenSSL fails. jws_key_free it. */
struct jws_key *jws_key_generate(enum token_alg alg) MUST_USE;
/* The private key as PKCS #8 DER (RFC 5958), or the HMAC secret. Wipe *out. */
enum err jws_key_export(const struct jws_key *key, struct bytes *out) MUST_USE;
/* Back from that. NULL when the bytes are no key of this algorithm. */
struct jws_key *jws_key_import(enum token_alg alg, const struct bytes *bytes) MUST_USE;
/* A private key from PEM text without a passphrase: of P-256 one for ES256, of RSA from 2048 bits on one for RS256. NULL: it is
 * none of these. */
struct jws_key *jws_key_of_pem(struct str pem) MUST_USE;
enum token_alg jws_key_alg(const struct jws_key *key);
void jws_key_free(struct jws_key *key);

/* Signs; the raw signature (ES256: r || s, 64 bytes, RFC 7518, 3.4) into signature, its length into *n_out. */
enum err jws_sign(const struct jws_key *key, struct str input, unsigned char signature[JWS_SIGNATURE_MAX],
                  size_t *n_out) MUST_USE;
/* Whether the signature is this key's over input. */
bool jws_verify(const struct jws_key *key, struct str input, const unsigned char *signature, size_t n) MUST_USE;

/* An ECDSA signature of n bytes, r || s as JWS has it (RFC 7518, 3.4), as OpenSSL wants it (DER; RFC 3279, 2.2.3). The length of
 * that; 0: out of memory. n: even, at most 132. */
enum { ECDSA_DER_MAX = 144 };
size_t ecdsa_to_der(const unsigned char *raw, size_t n, unsigned char der[ECDSA_DER_MAX]) MUST_USE;

/* The public key's members of its JWK (RFC 7517, RFC 7518, 6), from "kty" on, without braces; "" for HS256, whose key
 * is nobody else's. All values are base64url. */
enum err jws_key_jwk(const struct jws_key *key, char out[JWK_TEXT_MAX]) MUST_USE;

#endif
