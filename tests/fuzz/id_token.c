/*
 * id_token.c: only what a provider's key has signed is taken for an ID token, and only with claims that hold; and a JWK Set is read
 * within its bounds.
 *
 * The first byte of the input chooses: the rest is a token as it came; or a header, a NUL and a payload, which are signed here,
 * so that what lies behind the signature is reached too; or a JWK Set.
 */
#include "oidc/id_token.h"

#include <jansson.h>

#include "auth/base64.h"
#include "auth/jws.h"
#include "core/pool.h"
#include "fuzz.h"

enum { ARENA_SIZE = 256 * 1024, PART_MAX = 4096, NOW_S = 1800000000 };
enum { AS_IT_CAME, SIGNED, JWK_SET, WAYS };

/* For this file alone, fixed: the tokens in the corpus are signed with it. */
static const struct bytes es256 = {
	.n = 138,
	.p = { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	       0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
	       0x0d, 0x1f, 0x99, 0xf4, 0x43, 0xb1, 0xa9, 0x8a, 0xd1, 0xe5, 0x67, 0x81, 0x2e, 0x97, 0x15, 0x43, 0xd9, 0xef,
	       0xe9, 0x13, 0x08, 0xb5, 0x64, 0x5e, 0x92, 0x89, 0x14, 0xc1, 0x00, 0xf1, 0xdc, 0x07, 0xa1, 0x44, 0x03, 0x42,
	       0x00, 0x04, 0x1b, 0x8d, 0xc6, 0x4d, 0x31, 0xd9, 0x59, 0x22, 0x51, 0x0d, 0x83, 0x22, 0x54, 0x46, 0x7a, 0x0a,
	       0x8f, 0x75, 0xcc, 0x5d, 0x20, 0x2f, 0x77, 0x9f, 0xb6, 0xd5, 0x31, 0x05, 0x16, 0x72, 0x54, 0x1b, 0x10, 0xee,
	       0xca, 0x4b, 0x2a, 0x93, 0x25, 0x49, 0x07, 0x69, 0xb3, 0x3b, 0xb8, 0x31, 0xad, 0x87, 0x50, 0xa4, 0x79, 0x24,
	       0xd2, 0x95, 0x0c, 0xbf, 0x9f, 0xa1, 0x5e, 0x2d, 0xc0, 0x7e, 0x1c, 0xc7 },
};

static const struct id_token_expected expected = {
	.issuer = { "https://op.example", 18 },
	.client_id = { "client", 6 },
	.nonce = { "nonce", 5 },
	.access_token = { "at", 2 },
	.algs = JWA(JWA_RS256) | JWA(JWA_PS256) | JWA(JWA_ES256) | JWA(JWA_EDDSA),
	.now = { INT64_C(1000) * NOW_S },
};
static struct jws_key *key;
static struct jwk_set *keys;
static struct arena arena;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char jwk[JWK_TEXT_MAX], set[JWK_TEXT_MAX + 64];

	(void)argc;
	(void)argv;
	json_init();
	key = jws_key_import(TOKEN_ES256, &es256);
	if (key == NULL || jws_key_jwk(key, jwk) != OK || !arena_open(&arena, ARENA_SIZE))
		abort();
	(void)snprintf(set, sizeof(set), "{\"keys\":[{\"kid\":\"k\",%s}]}", jwk);
	if (jwk_set_parse(str_of(set), &keys) != OK || jwk_set_keys(keys) != 1)
		abort();
	return 0;
}

/* Reads the payload by other means. */
static void
claims_hold(struct str token)
{
	unsigned char payload[ID_TOKEN_MAX];
	struct str rest = token;
	size_t n, i;
	bool for_us;

	(void)str_cut(&rest, '.');
	HOLDS(base64url_decode(str_cut(&rest, '.'), payload, sizeof(payload), &n));
	json_t *claims = json_loadb((const char *)payload, n, JSON_REJECT_DUPLICATES, NULL), *one;
	const json_t *aud = json_object_get(claims, "aud");
	const char *sub = json_string_value(json_object_get(claims, "sub"));
	HOLDS(json_is_object(claims) && sub != NULL && sub[0] != '\0' && strlen(sub) <= ID_TOKEN_SUBJECT_MAX);
	HOLDS(strcmp(json_string_value(json_object_get(claims, "iss")), expected.issuer.p) == 0);
	HOLDS(strcmp(json_string_value(json_object_get(claims, "nonce")), expected.nonce.p) == 0);
	HOLDS(json_number_value(json_object_get(claims, "exp")) > NOW_S - ID_TOKEN_LEEWAY_S);
	HOLDS(json_number_value(json_object_get(claims, "iat")) < NOW_S + ID_TOKEN_LEEWAY_S + 1);
	for_us = json_is_string(aud) && strcmp(json_string_value(aud), expected.client_id.p) == 0;
	json_array_foreach(aud, i, one) for_us = for_us || strcmp(json_string_value(one), expected.client_id.p) == 0;
	HOLDS(for_us);
	json_decref(claims);
}

static enum id_token_verdict
check(struct str token)
{
	struct node *claims;
	const enum id_token_verdict verdict = id_token_check(token, keys, &expected, &arena, &claims);

	HOLDS((claims != NULL) == (verdict == ID_TOKEN_GOOD) && verdict != ID_TOKEN_FAILED);
	HOLDS(id_token_complaint(verdict) != NULL);
	if (verdict == ID_TOKEN_GOOD)
		claims_hold(token);
	doc_free(claims);
	return verdict;
}

static void
a_signed_token_is_read(struct str both)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	struct str payload = both;
	const struct str header = str_cut(&payload, '\0');
	char *text = arena_alloc(&arena, 2 * BASE64_SIZE(PART_MAX) + BASE64_SIZE(JWS_SIGNATURE_MAX));
	size_t n, signature_n;

	if (header.n > PART_MAX || payload.n > PART_MAX)
		return;
	if (text == NULL)
		abort();
	n = base64url_encode(header.p, header.n, text);
	text[n++] = '.';
	n += base64url_encode(payload.p, payload.n, text + n);
	HOLDS(jws_sign(key, (struct str){ text, n }, signature, &signature_n) == OK);
	text[n++] = '.';
	n += base64url_encode(signature, signature_n, text + n);
	(void)check((struct str){ text, n });
	/* The same with a bit of its signature changed is good in no case. */
	text[n - 4] = text[n - 4] == 'A' ? 'B' : 'A';
	HOLDS(check((struct str){ text, n }) != ID_TOKEN_GOOD);
}

/* Nobody can sign so for the keys of a set that comes from outside, but for those whose secrets are known. */
static void
a_set_is_read(struct str text)
{
	struct jwk_set *set;

	if (jwk_set_parse(text, &set) != OK) {
		HOLDS(set == NULL);
		return;
	}
	HOLDS(jwk_set_keys(set) <= JWK_SET_KEYS_MAX);
	for (enum jwa alg = 0; alg < JWA__COUNT; alg++) {
		const unsigned char signature[132] = { 1 };
		const enum jwk_verdict verdict =
			jwk_set_verify(set, alg, (struct str){ 0 }, STR("input"), signature, sizeof(signature));
		HOLDS(verdict == JWK_NO_KEY || verdict == JWK_AMBIGUOUS || verdict == JWK_BAD);
	}
	jwk_set_free(set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct str rest = { (const char *)data + 1, size - 1 };
	arena_reset(&arena);
	switch (data[0] % WAYS) {
	case AS_IT_CAME:
		(void)check(rest);
		break;
	case SIGNED:
		a_signed_token_is_read(rest);
		break;
	default:
		a_set_is_read(rest);
	}
	return 0;
}
