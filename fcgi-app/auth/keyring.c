#include "auth/keyring.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "auth/base64.h"

enum { ETAG_BYTES = 16 };

enum err
key_init(struct key *key, struct str kid, enum token_alg alg, struct timestamp sign_from, struct jws_key *jws)
{
	char json[sizeof("{\"alg\":\"ES256\",\"kid\":\"\",\"typ\":\"JWT\"}") + KID_SIZE];

	*key = (struct key){ .alg = alg, .sign_from = sign_from, .jws = jws };
	if (jws == NULL || !str_copy(key->kid, sizeof(key->kid), kid)) {
		jws_key_free(jws);
		return ERR_INTERNAL;
	}
	const int n =
		snprintf(json, sizeof(json), "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", token_alg_name(alg), key->kid);
	_Static_assert(BASE64_SIZE(sizeof(json)) <= KEY_HEADER_SIZE, "the header fits");
	key->header_n = base64url_encode(json, (size_t)n, key->header);
	return OK;
}

const struct key *
keyring_find(const struct keyring *ring, struct str kid)
{
	for (size_t i = 0; i < ring->n; i++)
		if (str_eq(kid, str_of(ring->keys[i].kid)))
			return &ring->keys[i];
	return NULL;
}

const struct key *
keyring_by_header(const struct keyring *ring, struct str header)
{
	for (size_t i = 0; i < ring->n; i++)
		if (str_eq(header, (struct str){ ring->keys[i].header, ring->keys[i].header_n }))
			return &ring->keys[i];
	return NULL;
}

bool
keyring_verifies(const struct keyring *ring, struct str jws)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	size_t n;
	struct str rest = jws;
	const struct str header = str_cut(&rest, '.');
	const struct str payload = str_cut(&rest, '.');
	const struct key *key = keyring_by_header(ring, header);

	if (key == NULL || rest.p == NULL || memchr(rest.p, '.', rest.n) != NULL)
		return false;
	if (!base64url_decode(rest, signature, sizeof(signature), &n))
		return false;
	return jws_verify(key->jws, (struct str){ jws.p, header.n + 1 + payload.n }, signature, n);
}

const struct key *
keyring_signer(const struct keyring *ring, struct timestamp now)
{
	for (size_t i = ring->n; i > 0; i--)
		if (ring->keys[i - 1].sign_from.ms <= now.ms)
			return &ring->keys[i - 1];
	return NULL;
}

/* Every value below is base64url or a name of ours, so nothing needs escaping. */
static enum err
write_jwks(struct keyring *ring)
{
	char jwk[JWK_TEXT_MAX];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t used = (size_t)snprintf(ring->jwks, sizeof(ring->jwks), "{\"keys\":[");
	const char *comma = "";

	for (size_t i = 0; i < ring->n; i++) {
		const struct key *key = &ring->keys[i];
		if (jws_key_jwk(key->jws, jwk) != OK)
			return ERR_INTERNAL;
		if (jwk[0] == '\0')
			continue;
		used += (size_t)snprintf(ring->jwks + used, sizeof(ring->jwks) - used,
		                         "%s{%s,\"kid\":\"%s\",\"alg\":\"%s\",\"use\":\"sig\"}", comma, jwk, key->kid,
		                         token_alg_name(key->alg));
		if (used >= sizeof(ring->jwks) - 3)
			return ERR_INTERNAL;
		comma = ",";
	}
	used += (size_t)snprintf(ring->jwks + used, sizeof(ring->jwks) - used, "]}");
	ring->jwks_n = used;

	char tag[BASE64_SIZE(ETAG_BYTES)];
	if (SHA256((const unsigned char *)ring->jwks, used, digest) == NULL)
		return ERR_INTERNAL;
	(void)base64url_encode(digest, ETAG_BYTES, tag);
	(void)snprintf(ring->etag, sizeof(ring->etag), "\"%.22s\"", tag);
	return OK;
}

/* Frees what only the first of the two has. */
static void
free_others(const struct key *keys, size_t n, const struct key *kept, size_t nkept)
{
	for (size_t i = 0; i < n; i++) {
		bool shared = false;
		for (size_t j = 0; j < nkept; j++)
			shared = shared || kept[j].jws == keys[i].jws;
		if (!shared)
			jws_key_free(keys[i].jws);
	}
}

void
keyring_drop(const struct keyring *ring, const struct key *keys, size_t n)
{
	free_others(keys, n, ring->keys, ring->n);
}

enum err
keyring_replace(struct keyring *ring, const struct key *keys, size_t n)
{
	struct keyring next = { .n = n, .generation = ring->generation + 1 };

	if (n <= KEYRING_MAX)
		memcpy(next.keys, keys, n * sizeof(*keys));
	if (n > KEYRING_MAX || write_jwks(&next) != OK) {
		keyring_drop(ring, keys, n);
		return ERR_INTERNAL;
	}
	free_others(ring->keys, ring->n, keys, n);
	*ring = next;
	return OK;
}

void
keyring_clear(struct keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		jws_key_free(ring->keys[i].jws);
	explicit_bzero(ring, sizeof(*ring));
}
