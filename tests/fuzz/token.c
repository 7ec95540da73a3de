/*
 * token.c: only what one of the held keys has signed is accepted, and only with claims that hold.
 *
 * The first byte of the input chooses: the rest is a token as it came; or changes to a token that was issued; or a payload
 * that is signed here with a held key, so that what lies behind the signature is reached too: as JSON, as JSON written anew
 * in the one way that is accepted, or as text that need not be base64url.
 */
#include "auth/token.h"

#include <jansson.h>

#include "auth/base64.h"
#include "core/pool.h"
#include "fuzz.h"

enum { ARENA_SIZE = 256 * 1024, PAYLOAD_MAX = 8192, NOW_S = 1800000000, TTL_S = 900 };
/* Of the ring's keys; what the RS256 key signs nobody here knows, so nothing of its is accepted. */
enum { SIGNERS = 2 };
enum { AS_IT_CAME, CHANGED, SIGNED_JSON, SIGNED_CANONICAL, SIGNED_TEXT, WAYS };

/* Keys for this file alone, fixed: the tokens in the corpus are signed with them. */
static const struct bytes hs256 = { .n = 32, .p = "a secret that is 32 bytes long.." };
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

static const struct timestamp NOW = { INT64_C(1000) * NOW_S };
static struct config config;
static struct keyring ring;
static struct tokens tokens;
static struct arena arena;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct key keys[SIGNERS + 1];

	(void)argc;
	(void)argv;
	json_set_alloc_funcs(pool_alloc, pool_free); /* as json_init does */
	(void)snprintf(config.issuer, sizeof(config.issuer), "https://i.example");
	(void)snprintf(config.audience, sizeof(config.audience), "latch");
	config.access_ttl_s = TTL_S;
	if (key_init(&keys[0], STR("e"), TOKEN_ES256, (struct timestamp){ 0 }, jws_key_import(TOKEN_ES256, &es256)) != OK
	    || key_init(&keys[1], STR("h"), TOKEN_HS256, (struct timestamp){ 0 }, jws_key_import(TOKEN_HS256, &hs256)) != OK
	    || key_init(&keys[2], STR("r"), TOKEN_RS256, (struct timestamp){ INT64_MAX }, jws_key_generate(TOKEN_RS256))
	           != OK
	    || keyring_replace(&ring, keys, COUNT(keys)) != OK || tokens_open(&tokens, &config, &ring) != OK
	    || !arena_open(&arena, ARENA_SIZE))
		abort();
	return 0;
}

/* header . payload . signature by the key; with_json: payload is to be encoded first. */
static struct str
sign(const struct key *key, struct str payload, bool with_json)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	size_t n = key->header_n, signature_n;
	char *text = arena_alloc(&arena, n + BASE64_SIZE(PAYLOAD_MAX) + BASE64_SIZE(JWS_SIGNATURE_MAX) + 2);

	if (text == NULL)
		abort();
	memcpy(text, key->header, n);
	text[n++] = '.';
	if (with_json) {
		n += base64url_encode(payload.p, payload.n, text + n);
	} else {
		memcpy(text + n, payload.p, payload.n);
		n += payload.n;
	}
	HOLDS(jws_sign(key->jws, (struct str){ text, n }, signature, &signature_n) == OK);
	text[n++] = '.';
	n += base64url_encode(signature, signature_n, text + n);
	return (struct str){ text, n };
}

/* ---- What is accepted -------------------------------------------------------------------------------------------- */

/* Three parts, the first a held key's header, the last that key's signature over the others: made again where it can be. */
static void
is_signed(struct str token)
{
	struct str rest = token;
	const struct key *key = keyring_by_header(&ring, str_cut(&rest, '.'));
	const struct str payload = str_cut(&rest, '.');

	HOLDS(key != NULL && payload.p != NULL && rest.p != NULL && memchr(rest.p, '.', rest.n) == NULL);
	HOLDS(key->alg == TOKEN_HS256 || rest.n == BASE64_SIZE(64) - 3);
	if (key->alg == TOKEN_HS256 && payload.n <= PAYLOAD_MAX)
		HOLDS(str_eq(sign(key, payload, false), token));
}

static void
is_text(const json_t *claims, const char *name, const char *expected)
{
	const char *value = json_string_value(json_object_get(claims, name));

	HOLDS(value != NULL && strcmp(value, expected) == 0);
}

static char *
canonical(const json_t *claims)
{
	return json_dumps(claims, JSON_COMPACT | JSON_SORT_KEYS);
}

/* Reads the payload by other means: it is JSON that has one meaning, and is written in the one way. */
static void
claims_hold(struct str json, const struct token_claims *accepted)
{
	json_t *claims = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *exp = json_object_get(claims, "exp"), *iat = json_object_get(claims, "iat");
	const json_t *nbf = json_object_get(claims, "nbf");

	HOLDS(json_is_object(claims));
	char *text = canonical(claims);
	HOLDS(str_eq(json, str_of(text)));
	is_text(claims, "iss", config.issuer);
	is_text(claims, "aud", config.audience);
	is_text(claims, "sub", accepted->subject.text);
	is_text(claims, "sid", accepted->session.text);
	HOLDS(uuid_valid(str_of(accepted->subject.text)) && uuid_valid(str_of(accepted->session.text)));
	HOLDS(json_is_integer(exp) && json_integer_value(exp) > NOW_S && json_integer_value(exp) == accepted->expires_at_s);
	HOLDS(json_is_integer(iat) && json_integer_value(iat) > 0);
	HOLDS(json_integer_value(iat) <= NOW_S + TOKEN_IAT_LEEWAY_S);
	HOLDS(nbf == NULL || (json_is_integer(nbf) && json_integer_value(nbf) <= NOW_S + TOKEN_IAT_LEEWAY_S));
	pool_free(text);
	json_decref(claims);
}

/* Checked twice, the second time from the table of what was accepted; and not when its time is over. */
static bool
accepted(struct str token, struct token_claims *out)
{
	struct token_claims again = { 0 };
	const enum err err = token_check(&tokens, token, NOW, out);

	HOLDS(err == OK || err == ERR_TOKEN);
	HOLDS(token_check(&tokens, token, NOW, &again) == err);
	if (err != OK)
		return false;
	HOLDS(strcmp(out->subject.text, again.subject.text) == 0 && strcmp(out->session.text, again.session.text) == 0);
	HOLDS(out->expires_at_s == again.expires_at_s);
	HOLDS(token.n <= TOKEN_MAX && token_key_known(&tokens, token));
	is_signed(token);
	if (out->expires_at_s <= INT64_MAX / 1000)
		HOLDS(token_check(&tokens, token, (struct timestamp){ out->expires_at_s * 1000 }, &again) == ERR_TOKEN);
	return true;
}

/* ---- The four ways ----------------------------------------------------------------------------------------------- */

/* Each three bytes of the changes are a place and what stands there now; a last odd one cuts or lengthens the token. */
static void
a_changed_token_is_refused(struct str changes)
{
	static const struct uuid subject = { UUID_NIL }, session = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c42" };
	struct token_claims claims;
	struct str token;

	HOLDS(token_issue(&tokens, &(const struct token_subject){ &subject, &session, STR("admin,editor") }, NOW, &arena,
	                  &token)
	      == OK);
	HOLDS(accepted(token, &claims));
	HOLDS(strcmp(claims.subject.text, subject.text) == 0 && strcmp(claims.session.text, session.text) == 0);
	HOLDS(claims.expires_at_s == NOW_S + TTL_S);
	char *changed = arena_alloc(&arena, token.n + 128);
	if (changed == NULL)
		abort();
	memcpy(changed, token.p, token.n);
	size_t n = token.n;
	for (; changes.n >= 3; changes.p += 3, changes.n -= 3)
		changed[((unsigned char)changes.p[0] * 256U + (unsigned char)changes.p[1]) % n] = changes.p[2];
	if (changes.n == 1) {
		const int by = (signed char)changes.p[0] % 128;
		memset(changed + n, 'A', 127);
		n = by < 0 ? n - (size_t)-by : n + (size_t)by;
	}
	HOLDS(accepted((struct str){ changed, n }, &claims) == str_eq(token, (struct str){ changed, n }));
}

static void
a_signed_payload_is_read(const struct key *key, struct str payload)
{
	struct token_claims claims;

	if (payload.n <= PAYLOAD_MAX && accepted(sign(key, payload, true), &claims))
		claims_hold(payload, &claims);
}

static void
a_canonical_payload_is_read(const struct key *key, struct str payload)
{
	json_t *claims = json_loadb(payload.p, payload.n, 0, NULL);
	char *text = claims != NULL ? canonical(claims) : NULL;

	if (text != NULL)
		a_signed_payload_is_read(key, str_of(text));
	pool_free(text);
	json_decref(claims);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_claims claims;

	if (size == 0)
		return 0;
	const struct str rest = { (const char *)data + 1, size - 1 };
	const struct key *key = keyring_find(&ring, data[0] / WAYS % SIGNERS == 0 ? STR("e") : STR("h"));
	arena_reset(&arena);
	switch (data[0] % WAYS) {
	case AS_IT_CAME:
		(void)accepted(rest, &claims);
		break;
	case CHANGED:
		a_changed_token_is_refused(rest);
		break;
	case SIGNED_JSON:
		a_signed_payload_is_read(key, rest);
		break;
	case SIGNED_CANONICAL:
		a_canonical_payload_is_read(key, rest);
		break;
	default:
		if (rest.n <= PAYLOAD_MAX)
			(void)accepted(sign(key, rest, false), &claims);
	}
	return 0;
}
