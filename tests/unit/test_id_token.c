/* ID tokens of a provider made here: each algorithm, and each way in which one can be wrong (those of the OpenID Foundation's
 * conformance tests for relying parties among them). */
#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "oidc/id_token.h"

enum { ARENA = 4 << 20, TEXT = 4096, NUMBER_TEXT = 1024, SET_TEXT = 32 * 1024, SIGNATURE = 1024 };

#define ISSUER "https://op.example"
#define CLIENT "latch-client"
#define NONCE "n-0S6_WzA2Mj"
#define NOW_S 1800000000
#define ALL_ALGS ((UINT32_C(1) << JWA__COUNT) - 1)

/* A claim brings its comma along; each WITH_ writes one of them otherwise. */
#define ISS "\"iss\":\"" ISSUER "\","
#define SUB "\"sub\":\"248289761001\","
#define AUD "\"aud\":\"" CLIENT "\","
#define EXP "\"exp\":1800000300,"
#define IAT "\"iat\":1800000000,"
#define NON "\"nonce\":\"" NONCE "\""
#define GOOD "{" ISS SUB AUD EXP IAT NON "}"
#define WITH_ISS(text) "{" text SUB AUD EXP IAT NON "}"
#define WITH_SUB(text) "{" ISS text AUD EXP IAT NON "}"
#define WITH_AUD(text) "{" ISS SUB text EXP IAT NON "}"
#define WITH_EXP(text) "{" ISS SUB AUD text IAT NON "}"
#define WITH_IAT(text) "{" ISS SUB AUD EXP text NON "}"
#define WITH_NONCE(text) "{" ISS SUB AUD EXP "\"iat\":1800000000" text "}"
#define AND(text) "{" ISS SUB AUD EXP IAT NON "," text "}"
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"

struct fixture {
	EVP_PKEY *rsa, *other_rsa, *small_rsa, *p256, *p384, *p521, *ed25519;
	struct arena arena;
	struct jwk_set *keys; /* rsa, p256, p384, p521, ed25519: each by its name */
	struct id_token_expected expected;
};

/* ---- A provider -------------------------------------------------------------------------------------------------- */

static void
number(const EVP_PKEY *key, const char *name, size_t bytes, char *out)
{
	unsigned char raw[SIGNATURE];
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	const int size = bytes > 0 ? BN_bn2binpad(n, raw, (int)bytes) : BN_bn2bin(n, raw);
	assert_true(size > 0);
	(void)base64url_encode(raw, (size_t)size, out);
	BN_free(n);
}

/* A JWK; `more`: members with a comma behind each. */
static const char *
jwk(struct fixture *f, const EVP_PKEY *key, const char *more)
{
	char *out = arena_alloc(&f->arena, TEXT), a[NUMBER_TEXT], b[NUMBER_TEXT];
	unsigned char raw[32];
	size_t n = sizeof(raw);

	if (EVP_PKEY_is_a(key, "RSA")) {
		number(key, OSSL_PKEY_PARAM_RSA_N, 0, a);
		number(key, OSSL_PKEY_PARAM_RSA_E, 0, b);
		(void)snprintf(out, TEXT, "{%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", more, a, b);
	} else if (EVP_PKEY_is_a(key, "EC")) {
		const int bits = EVP_PKEY_get_bits(key);
		number(key, OSSL_PKEY_PARAM_EC_PUB_X, (size_t)(bits + 7) / 8, a);
		number(key, OSSL_PKEY_PARAM_EC_PUB_Y, (size_t)(bits + 7) / 8, b);
		(void)snprintf(out, TEXT, "{%s\"kty\":\"EC\",\"crv\":\"P-%d\",\"x\":\"%s\",\"y\":\"%s\"}", more, bits, a, b);
	} else {
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &n), 1);
		(void)base64url_encode(raw, n, a);
		(void)snprintf(out, TEXT, "{%s\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", more, a);
	}
	return out;
}

static struct jwk_set *
set_of(struct fixture *f, const char *const *jwks, size_t n)
{
	char *text = arena_alloc(&f->arena, SET_TEXT);
	struct jwk_set *set;
	size_t at = (size_t)snprintf(text, SET_TEXT, "{\"keys\":[");

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, SET_TEXT - at, "%s%s", i > 0 ? "," : "", jwks[i]);
	at += (size_t)snprintf(text + at, SET_TEXT - at, "]}");
	assert_true(at < SET_TEXT);
	assert_int_equal(jwk_set_parse((struct str){ text, at }, &set), OK);
	return set;
}
#define SET(f, ...) \
	set_of(f, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* ECDSA's DER as the two numbers side by side. */
static size_t
raw_ecdsa(const unsigned char *der, size_t n, size_t coordinate, unsigned char *out)
{
	const BIGNUM *r, *s;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);

	assert_non_null(pair);
	ECDSA_SIG_get0(pair, &r, &s);
	assert_int_equal(BN_bn2binpad(r, out, (int)coordinate), coordinate);
	assert_int_equal(BN_bn2binpad(s, out + coordinate, (int)coordinate), coordinate);
	ECDSA_SIG_free(pair);
	return 2 * coordinate;
}

static size_t
sign(EVP_PKEY *key, enum jwa alg, struct str input, unsigned char out[SIGNATURE])
{
	static const char *const hashes[] = { "SHA256", "SHA384", "SHA512" };
	const bool edwards = alg == JWA_EDDSA, pss = alg >= JWA_PS256 && alg <= JWA_PS512;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx;
	unsigned char der[SIGNATURE];
	size_t n = sizeof(der);

	assert_int_equal(
		EVP_DigestSignInit_ex(ctx, &key_ctx, edwards ? NULL : hashes[(unsigned)alg % 3], NULL, NULL, key, NULL), 1);
	if (pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, der, &n, (const unsigned char *)input.p, input.n), 1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_is_a(key, "EC"))
		return raw_ecdsa(der, n, (size_t)(EVP_PKEY_get_bits(key) + 7) / 8, out);
	memcpy(out, der, n);
	return n;
}

static struct str
encode(struct fixture *f, const void *bytes, size_t n)
{
	char *out = arena_alloc(&f->arena, BASE64_SIZE(n));

	assert_non_null(out);
	return (struct str){ out, base64url_encode(bytes, n, out) };
}

static struct str
join(struct fixture *f, struct str a, struct str b)
{
	return str_printf(&f->arena, "%.*s.%.*s", (int)a.n, a.p, (int)b.n, b.p);
}

/* A token by that key, whatever its header says. */
static struct str
token_by(struct fixture *f, EVP_PKEY *key, enum jwa alg, const char *header, const char *payload)
{
	unsigned char signature[SIGNATURE];
	const struct str input = join(f, encode(f, header, strlen(header)), encode(f, payload, strlen(payload)));
	const size_t n = sign(key, alg, input, signature);

	return join(f, input, encode(f, signature, n));
}

static enum id_token_verdict
check_with(struct fixture *f, const struct jwk_set *keys, struct str token)
{
	struct node *claims;
	const enum id_token_verdict verdict = id_token_check(token, keys, &f->expected, &f->arena, &claims);

	assert_int_equal(verdict == ID_TOKEN_GOOD, claims != NULL);
	doc_free(claims);
	return verdict;
}

static enum id_token_verdict
check(struct fixture *f, const char *header, const char *payload)
{
	return check_with(f, f->keys, token_by(f, f->rsa, JWA_RS256, header, payload));
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	json_init();
	f->rsa = EVP_RSA_gen(2048);
	f->other_rsa = EVP_RSA_gen(2048);
	f->small_rsa = EVP_RSA_gen(1024);
	f->p256 = EVP_EC_gen("P-256");
	f->p384 = EVP_EC_gen("P-384");
	f->p521 = EVP_EC_gen("P-521");
	f->ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	f->expected = (struct id_token_expected){ .issuer = STR(ISSUER),
		                                      .client_id = STR(CLIENT),
		                                      .nonce = STR(NONCE),
		                                      .algs = ALL_ALGS,
		                                      .now = { INT64_C(1000) * NOW_S } };
	if (f->small_rsa == NULL || f->ed25519 == NULL || !arena_open(&f->arena, ARENA))
		return -1;
	f->keys = SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->p256, "\"kid\":\"p256\","),
	              jwk(f, f->p384, "\"kid\":\"p384\","), jwk(f, f->p521, "\"kid\":\"p521\","),
	              jwk(f, f->ed25519, "\"kid\":\"ed25519\","));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *keys[] = { f->rsa, f->other_rsa, f->small_rsa, f->p256, f->p384, f->p521, f->ed25519 };

	jwk_set_free(f->keys);
	for (size_t i = 0; i < COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
	arena_close(&f->arena);
	free(f);
	return 0;
}

/* ---- What is taken ----------------------------------------------------------------------------------------------- */

static void
a_token_of_each_algorithm_is_good_and_its_claims_can_be_read(void **state)
{
	struct fixture *f = *state;
	const struct {
		enum jwa alg;
		EVP_PKEY *key;
		const char *kid;
	} all[] = {
		{ JWA_RS256, f->rsa, "rsa" },         { JWA_RS384, f->rsa, "rsa" },   { JWA_RS512, f->rsa, "rsa" },
		{ JWA_PS256, f->rsa, "rsa" },         { JWA_PS384, f->rsa, "rsa" },   { JWA_PS512, f->rsa, "rsa" },
		{ JWA_ES256, f->p256, "p256" },       { JWA_ES384, f->p384, "p384" }, { JWA_ES512, f->p521, "p521" },
		{ JWA_EDDSA, f->ed25519, "ed25519" },
	};
	struct node *claims;
	bool verified;

	for (size_t i = 0; i < COUNT(all); i++) {
		const struct str header =
			str_printf(&f->arena, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", jwa_name(all[i].alg), all[i].kid);
		const struct str token = token_by(f, all[i].key, all[i].alg, header.p,
		                                  AND("\"email\":\"a@b.example\",\"email_verified\":true,\"groups\":[\"x\"]"));
		assert_int_equal(id_token_check(token, f->keys, &f->expected, &f->arena, &claims), ID_TOKEN_GOOD);
		assert_true(str_eq(node_text(doc_get(claims, "sub")), STR("248289761001")));
		assert_true(str_eq(node_text(doc_get(claims, "email")), STR("a@b.example")));
		assert_true(node_bool(doc_get(claims, "email_verified"), &verified) && verified);
		assert_true(str_eq(node_text(node_item(doc_get(claims, "groups"), 0)), STR("x")));
		doc_free(claims);
		/* With this algorithm not among those that are expected, the same token is refused. */
		f->expected.algs = ALL_ALGS & ~JWA(all[i].alg);
		assert_int_equal(check_with(f, f->keys, token), ID_TOKEN_ALG);
		f->expected.algs = ALL_ALGS;
	}
	assert_int_equal(COUNT(all), JWA__COUNT);
}

struct row {
	const char *payload;
	enum id_token_verdict verdict;
};

static void
check_rows(struct fixture *f, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const enum id_token_verdict verdict = check(f, HEADER, rows[i].payload);
		if (verdict != rows[i].verdict)
			print_error("%s: %s, and not: %s\n", rows[i].payload, id_token_complaint(verdict),
			            id_token_complaint(rows[i].verdict));
		assert_int_equal(verdict, rows[i].verdict);
	}
}

static void
a_claim_that_is_wrong_missing_or_of_another_type_is_refused(void **state)
{
	static const struct row rows[] = {
		{ GOOD, ID_TOKEN_GOOD },
		{ WITH_ISS(""), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"https://evil.example\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" ISSUER "/\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"https://OP.example\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":[\"" ISSUER "\"],"), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":null,"), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"\","), ID_TOKEN_ISSUER },
		{ WITH_SUB(""), ID_TOKEN_SUBJECT },
		{ WITH_SUB("\"sub\":\"\","), ID_TOKEN_SUBJECT },
		{ WITH_SUB("\"sub\":12345,"), ID_TOKEN_SUBJECT },
		{ WITH_SUB("\"sub\":null,"), ID_TOKEN_SUBJECT },
		{ WITH_SUB("\"sub\":\"\\u00fc\","), ID_TOKEN_SUBJECT },
		{ WITH_SUB("\"sub\":\"a\\nb\","), ID_TOKEN_SUBJECT },
		{ WITH_AUD(""), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":\"another\","), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":\"" CLIENT "2\","), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":[],"), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":[\"another\"],"), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":[\"" CLIENT "\",7],\"azp\":\"" CLIENT "\","), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":{\"" CLIENT "\":1},"), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":null,"), ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":[\"" CLIENT "\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\","
		           "\"13\",\"14\",\"15\",\"16\"],\"azp\":\"" CLIENT "\","),
		  ID_TOKEN_AUDIENCE },
		{ WITH_AUD("\"aud\":[\"" CLIENT "\"],"), ID_TOKEN_GOOD },
		{ WITH_AUD("\"aud\":[\"another\",\"" CLIENT "\"],"), ID_TOKEN_PARTY },
		{ WITH_AUD("\"aud\":[\"another\",\"" CLIENT "\"],\"azp\":\"another\","), ID_TOKEN_PARTY },
		{ WITH_AUD("\"aud\":[\"another\",\"" CLIENT "\"],\"azp\":\"" CLIENT "\","), ID_TOKEN_GOOD },
		{ AND("\"azp\":\"another\""), ID_TOKEN_PARTY },
		{ AND("\"azp\":7"), ID_TOKEN_PARTY },
		{ AND("\"azp\":null"), ID_TOKEN_PARTY },
		{ AND("\"azp\":\"" CLIENT "\""), ID_TOKEN_GOOD },
		{ WITH_EXP(""), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":\"1800000300\","), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":null,"), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":1e300,"), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":-1,"), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":1799999940,"), ID_TOKEN_EXPIRY },
		{ WITH_EXP("\"exp\":1799999941,"), ID_TOKEN_GOOD },
		{ WITH_EXP("\"exp\":1800000300.75,"), ID_TOKEN_GOOD },
		{ WITH_IAT(""), ID_TOKEN_ISSUED },
		{ WITH_IAT("\"iat\":\"1800000000\","), ID_TOKEN_ISSUED },
		{ WITH_IAT("\"iat\":0,"), ID_TOKEN_ISSUED },
		{ WITH_IAT("\"iat\":-5,"), ID_TOKEN_ISSUED },
		{ WITH_IAT("\"iat\":1800000061,"), ID_TOKEN_ISSUED },
		{ WITH_IAT("\"iat\":1800000060,"), ID_TOKEN_GOOD },
		{ AND("\"nbf\":1800000061"), ID_TOKEN_NOT_YET },
		{ AND("\"nbf\":\"1\""), ID_TOKEN_NOT_YET },
		{ AND("\"nbf\":1800000060"), ID_TOKEN_GOOD },
		{ WITH_NONCE(""), ID_TOKEN_NONCE },
		{ WITH_NONCE(",\"nonce\":\"another\""), ID_TOKEN_NONCE },
		{ WITH_NONCE(",\"nonce\":\"n-0S6_WzA2Mk\""), ID_TOKEN_NONCE },
		{ WITH_NONCE(",\"nonce\":\"\""), ID_TOKEN_NONCE },
		{ WITH_NONCE(",\"nonce\":null"), ID_TOKEN_NONCE },
		{ WITH_NONCE(",\"nonce\":[\"" NONCE "\"]"), ID_TOKEN_NONCE },
		{ "[]", ID_TOKEN_CLAIMS },
		{ "null", ID_TOKEN_CLAIMS },
		{ "\"" ISSUER "\"", ID_TOKEN_CLAIMS },
		{ "{", ID_TOKEN_CLAIMS },
		{ GOOD " x", ID_TOKEN_CLAIMS },
		{ AND("\"sub\":\"another\""), ID_TOKEN_CLAIMS },
		{ AND("\"name\":\"\\u0000\""), ID_TOKEN_CLAIMS },
		{ AND("\"name\":\"\xff\""), ID_TOKEN_CLAIMS },
	};

	check_rows(*state, rows, COUNT(rows));
}

static void
a_subject_of_255_bytes_is_taken_and_one_of_256_refused(void **state)
{
	struct fixture *f = *state;
	char subject[257];

	memset(subject, 's', sizeof(subject));
	for (int n = 255; n <= 256; n++) {
		const struct str payload = str_printf(&f->arena, "{" ISS "\"sub\":\"%.*s\"," AUD EXP IAT NON "}", n, subject);
		assert_int_equal(check(f, HEADER, payload.p), n == 255 ? ID_TOKEN_GOOD : ID_TOKEN_SUBJECT);
	}
}

/* ---- The header and the key -------------------------------------------------------------------------------------- */

static void
a_header_that_asks_for_something_else_is_refused(void **state)
{
	static const struct {
		const char *header;
		enum id_token_verdict verdict;
	} rows[] = {
		{ HEADER, ID_TOKEN_GOOD },
		{ "{\"alg\":\"RS256\"}", ID_TOKEN_GOOD }, /* the one RSA key */
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"jwt\"}", ID_TOKEN_GOOD },
		{ "{\"alg\":\"RS256\",\"kid\":\"unknown\"}", ID_TOKEN_NO_KEY },
		{ "{\"alg\":\"RS256\",\"kid\":\"p256\"}", ID_TOKEN_NO_KEY },
		{ "{\"alg\":\"RS256\",\"kid\":\"\"}", ID_TOKEN_FORM },
		{ "{\"alg\":\"RS256\",\"kid\":7}", ID_TOKEN_FORM },
		{ "{\"alg\":\"RS384\",\"kid\":\"rsa\"}", ID_TOKEN_SIGNATURE },
		{ "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", ID_TOKEN_SIGNATURE },
		{ "{\"alg\":\"none\"}", ID_TOKEN_ALG },
		{ "{\"alg\":\"None\",\"kid\":\"rsa\"}", ID_TOKEN_ALG },
		{ "{\"alg\":\"rs256\",\"kid\":\"rsa\"}", ID_TOKEN_ALG },
		{ "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", ID_TOKEN_ALG },
		{ "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", ID_TOKEN_ALG },
		{ "{\"alg\":[\"RS256\"],\"kid\":\"rsa\"}", ID_TOKEN_ALG },
		{ "{\"kid\":\"rsa\"}", ID_TOKEN_ALG },
		{ "{}", ID_TOKEN_ALG },
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"at+jwt\"}", ID_TOKEN_TYPE },
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":7}", ID_TOKEN_TYPE },
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"exp\"]}", ID_TOKEN_TYPE },
		{ "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"b64\":false}", ID_TOKEN_TYPE },
		{ "{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"rsa\"}", ID_TOKEN_FORM },
		{ "[]", ID_TOKEN_FORM },
		{ "RS256", ID_TOKEN_FORM },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const enum id_token_verdict verdict = check(f, rows[i].header, GOOD);
		if (verdict != rows[i].verdict)
			print_error("%s: %s\n", rows[i].header, id_token_complaint(verdict));
		assert_int_equal(verdict, rows[i].verdict);
	}
}

/* jwk, jku and x5u in the header are a stranger's word. */
static void
a_key_that_the_token_brings_along_counts_for_nothing(void **state)
{
	struct fixture *f = *state;
	const struct str header = str_printf(&f->arena, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jwk\":%s}",
	                                     jwk(f, f->other_rsa, "\"kid\":\"rsa\","));

	assert_int_equal(check_with(f, f->keys, token_by(f, f->other_rsa, JWA_RS256, header.p, GOOD)), ID_TOKEN_SIGNATURE);
}

static struct str
hmac_token(struct fixture *f, const char *header, const void *secret, size_t secret_n)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	const struct str input = join(f, encode(f, header, strlen(header)), encode(f, GOOD, strlen(GOOD)));

	assert_non_null(HMAC(EVP_sha256(), secret, (int)secret_n, (const unsigned char *)input.p, input.n, mac, &n));
	return join(f, input, encode(f, mac, n));
}

static void
the_public_key_is_no_secret_of_an_hmac(void **state)
{
	static const char *const headers[] = { "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", HEADER, "{\"alg\":\"HS256\"}" };
	struct fixture *f = *state;
	BIO *pem = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(PEM_write_bio_PUBKEY(pem, f->rsa), 1);
	const long n = BIO_get_mem_data(pem, &text);
	for (size_t i = 0; i < COUNT(headers); i++)
		assert_int_equal(check_with(f, f->keys, hmac_token(f, headers[i], text, (size_t)n)),
		                 strstr(headers[i], "HS256") != NULL ? ID_TOKEN_ALG : ID_TOKEN_SIGNATURE);
	BIO_free(pem);
	/* Nor is a key of the kind "oct" one of the set. */
	struct jwk_set *keys = SET(f, "{\"kty\":\"oct\",\"kid\":\"rsa\",\"alg\":\"HS256\",\"k\":\"c2VjcmV0\"}");
	assert_int_equal(jwk_set_keys(keys), 0);
	assert_int_equal(check_with(f, keys, hmac_token(f, headers[0], "secret", 6)), ID_TOKEN_ALG);
	jwk_set_free(keys);
}

static void
without_a_kid_there_must_be_one_key_that_fits(void **state)
{
	struct fixture *f = *state;
	const struct str without = token_by(f, f->rsa, JWA_RS256, "{\"alg\":\"RS256\"}", GOOD);
	const struct str with = token_by(f, f->rsa, JWA_RS256, HEADER, GOOD);
	const struct {
		struct jwk_set *keys;
		enum id_token_verdict without, with;
	} rows[] = {
		{ SET(f, jwk(f, f->rsa, "")), ID_TOKEN_GOOD, ID_TOKEN_NO_KEY },
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->p256, "")), ID_TOKEN_GOOD, ID_TOKEN_GOOD },
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->other_rsa, "\"kid\":\"b\",")), ID_TOKEN_AMBIGUOUS_KEY,
		  ID_TOKEN_GOOD },
		/* The same kid twice: of one kind ambiguous, of another not. */
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->other_rsa, "\"kid\":\"rsa\",")), ID_TOKEN_AMBIGUOUS_KEY,
		  ID_TOKEN_AMBIGUOUS_KEY },
		{ SET(f, jwk(f, f->p256, "\"kid\":\"rsa\","), jwk(f, f->rsa, "\"kid\":\"rsa\",")), ID_TOKEN_GOOD,
		  ID_TOKEN_GOOD },
		{ SET(f, jwk(f, f->p256, "\"kid\":\"rsa\",")), ID_TOKEN_NO_KEY, ID_TOKEN_NO_KEY },
		/* One that is for another algorithm, or for encryption, is none that fits. */
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->other_rsa, "\"alg\":\"PS256\",")), ID_TOKEN_GOOD,
		  ID_TOKEN_GOOD },
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\","), jwk(f, f->other_rsa, "\"use\":\"enc\",")), ID_TOKEN_GOOD,
		  ID_TOKEN_GOOD },
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\",\"alg\":\"PS256\",")), ID_TOKEN_NO_KEY, ID_TOKEN_NO_KEY },
		{ SET(f, jwk(f, f->rsa, "\"kid\":\"rsa\",\"alg\":\"RS256\",\"use\":\"sig\",\"key_ops\":[\"verify\"],")),
		  ID_TOKEN_GOOD, ID_TOKEN_GOOD },
		/* A new key that this set does not have yet. */
		{ SET(f, jwk(f, f->other_rsa, "\"kid\":\"next\",")), ID_TOKEN_SIGNATURE, ID_TOKEN_NO_KEY },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(check_with(f, rows[i].keys, without), rows[i].without);
		assert_int_equal(check_with(f, rows[i].keys, with), rows[i].with);
		jwk_set_free(rows[i].keys);
	}
}

static void
a_key_that_cannot_be_used_is_left_out_of_its_set(void **state)
{
	struct fixture *f = *state;
	const char *const unusable[] = {
		"7",
		"{}",
		"{\"kty\":\"RSA\"}",
		"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
		/* 32 bytes each, and no point of the curve */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
		"\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
		jwk(f, f->small_rsa, ""),
		jwk(f, f->rsa, "\"use\":\"enc\","),
		jwk(f, f->rsa, "\"use\":7,"),
		jwk(f, f->rsa, "\"key_ops\":[\"sign\"],"),
		jwk(f, f->rsa, "\"key_ops\":\"verify\","),
		jwk(f, f->rsa, "\"alg\":\"RSA1_5\","),
		jwk(f, f->rsa, "\"alg\":7,"),
		jwk(f, f->rsa, "\"kid\":7,"),
		jwk(f, f->rsa, "\"kid\":\"\","),
	};

	for (size_t i = 0; i < COUNT(unusable); i++) {
		struct jwk_set *keys = SET(f, unusable[i], jwk(f, f->p256, "\"kid\":\"p256\","));
		if (jwk_set_keys(keys) != 1)
			print_error("taken: %s\n", unusable[i]);
		assert_int_equal(jwk_set_keys(keys), 1);
		jwk_set_free(keys);
	}
}

/* Every text would be its own signature. */
static void
an_rsa_exponent_of_1_is_refused(void **state)
{
	struct fixture *f = *state;
	char n[NUMBER_TEXT];

	number(f->rsa, OSSL_PKEY_PARAM_RSA_N, 0, n);
	const struct str good = str_printf(&f->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", n);
	const struct str bad = str_printf(&f->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQ\"}", n);
	const struct str even = str_printf(&f->arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"Ag\"}", n);
	struct jwk_set *keys = SET(f, good.p, bad.p, even.p);
	assert_int_equal(jwk_set_keys(keys), 1);
	jwk_set_free(keys);
}

static void
what_is_no_jwk_set_is_refused_and_a_long_one_bounded(void **state)
{
	static const char *const wrong[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[]} x" };
	struct fixture *f = *state;
	const char *many[JWK_SET_KEYS_MAX + 1];
	char *large = arena_alloc(&f->arena, JWK_SET_TEXT_MAX + 1);
	struct jwk_set *keys;

	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_int_equal(jwk_set_parse(str_of(wrong[i]), &keys), ERR_JSON);
		assert_null(keys);
	}
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = jwk(f, f->p256, "");
	keys = set_of(f, many, COUNT(many));
	assert_int_equal(jwk_set_keys(keys), JWK_SET_KEYS_MAX);
	jwk_set_free(keys);
	memset(large, ' ', JWK_SET_TEXT_MAX + 1);
	memcpy(large, "{\"keys\":[]}", 11);
	assert_int_equal(jwk_set_parse((struct str){ large, JWK_SET_TEXT_MAX }, &keys), OK);
	jwk_set_free(keys);
	assert_int_equal(jwk_set_parse((struct str){ large, JWK_SET_TEXT_MAX + 1 }, &keys), ERR_JSON);
}

/* ---- The form ---------------------------------------------------------------------------------------------------- */

static void
what_is_no_compact_jws_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct str token = token_by(f, f->rsa, JWA_RS256, HEADER, GOOD);
	struct str rest = token;
	const struct str header = str_cut(&rest, '.'), payload = str_cut(&rest, '.');
	const struct str wrong[] = {
		header,
		join(f, header, payload),
		join(f, join(f, header, payload), STR("")),
		join(f, join(f, header, STR("")), rest),
		join(f, join(f, STR(""), payload), rest),
		join(f, token, STR("")),
		join(f, token, STR("AAAA")),
		join(f, join(f, token, STR("AAAA")), STR("AAAA")), /* five parts: a JWE */
		str_printf(&f->arena, "%.*s=", (int)token.n, token.p),
		str_printf(&f->arena, "%.*s\n", (int)token.n, token.p),
		str_printf(&f->arena, " %.*s", (int)token.n, token.p),
		str_printf(&f->arena, "%.*s+", (int)token.n - 1, token.p),
		STR("..."),
		STR(".."),
		STR("."),
	};
	char *large = arena_alloc(&f->arena, ID_TOKEN_MAX + 1);

	assert_int_equal(check_with(f, f->keys, token), ID_TOKEN_GOOD);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(check_with(f, f->keys, wrong[i]), ID_TOKEN_FORM);
	memset(large, 'A', ID_TOKEN_MAX + 1);
	assert_int_equal(check_with(f, f->keys, (struct str){ large, ID_TOKEN_MAX + 1 }), ID_TOKEN_SIZE);
	assert_int_equal(check_with(f, f->keys, (struct str){ large, ID_TOKEN_MAX }), ID_TOKEN_FORM);
	assert_int_equal(check_with(f, f->keys, STR("")), ID_TOKEN_SIZE);
	assert_int_equal(check_with(f, f->keys, (struct str){ 0 }), ID_TOKEN_SIZE);
}

static void
no_byte_of_a_token_can_be_changed(void **state)
{
	struct fixture *f = *state;
	const struct str token = token_by(f, f->p256, JWA_ES256, "{\"alg\":\"ES256\",\"kid\":\"p256\"}", GOOD);

	for (size_t i = 0; i < token.n; i++) {
		const struct str changed = str_dup(&f->arena, token);
		char *text = arena_alloc(&f->arena, token.n);
		memcpy(text, changed.p, token.n);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_not_equal(check_with(f, f->keys, (struct str){ text, token.n }), ID_TOKEN_GOOD);
	}
}

/* ---- Microsoft's tenants, and hashes ----------------------------------------------------------------------------- */

#define TENANT "9188040d-6c67-4c5b-b112-36a304b66dad"
#define AT "https://login.example/"

static void
a_template_of_tenants_takes_the_tokens_own_tenant_alone(void **state)
{
	static const struct row rows[] = {
		{ WITH_ISS("\"iss\":\"" AT TENANT "/v2.0\",\"tid\":\"" TENANT "\","), ID_TOKEN_GOOD },
		{ WITH_ISS("\"iss\":\"" AT TENANT "/v2.0\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" AT TENANT "/v2.0\",\"tid\":\"9188040d-6c67-4c5b-b112-36a304b66dae\","),
		  ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" AT TENANT "/v1.0\",\"tid\":\"" TENANT "\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" AT TENANT "/v2.0/\",\"tid\":\"" TENANT "\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"https://evil.example/" TENANT "/v2.0\",\"tid\":\"" TENANT "\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" AT "{tenantid}/v2.0\",\"tid\":\"{tenantid}\","), ID_TOKEN_ISSUER },
		{ WITH_ISS("\"iss\":\"" AT "x/v2.0\",\"tid\":\"x\","), ID_TOKEN_ISSUER },
		{ GOOD, ID_TOKEN_ISSUER },
	};
	struct fixture *f = *state;

	f->expected.issuer = STR(AT "{tenantid}/v2.0");
	check_rows(f, rows, COUNT(rows));
	f->expected.issuer = STR(ISSUER);
}

/* The pairs of OpenID Connect Core 1.0, A.4. */
static void
the_access_token_and_the_code_must_be_those_that_came_with_it(void **state)
{
	static const struct row rows[] = {
		{ AND("\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RQ\",\"c_hash\":\"LDktKdoQak3Pk0cnXxCltA\""), ID_TOKEN_GOOD },
		{ AND("\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RA\""), ID_TOKEN_ACCESS_TOKEN },
		{ AND("\"at_hash\":\"\""), ID_TOKEN_ACCESS_TOKEN },
		{ AND("\"at_hash\":null"), ID_TOKEN_ACCESS_TOKEN },
		{ AND("\"c_hash\":\"LDktKdoQak3Pk0cnXxCltQ\""), ID_TOKEN_CODE },
		{ AND("\"c_hash\":7"), ID_TOKEN_CODE },
	};
	struct fixture *f = *state;

	f->expected.access_token = STR("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
	f->expected.code = STR("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk");
	check_rows(f, rows, COUNT(rows));
	f->expected.access_token = f->expected.code = (struct str){ 0 };
}

static void
every_verdict_has_its_own_words(void **state)
{
	(void)state;
	for (enum id_token_verdict i = 0; i < ID_TOKEN__COUNT; i++) {
		assert_non_null(id_token_complaint(i));
		for (enum id_token_verdict k = 0; k < i; k++)
			assert_string_not_equal(id_token_complaint(i), id_token_complaint(k));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_each_algorithm_is_good_and_its_claims_can_be_read),
		cmocka_unit_test(a_claim_that_is_wrong_missing_or_of_another_type_is_refused),
		cmocka_unit_test(a_subject_of_255_bytes_is_taken_and_one_of_256_refused),
		cmocka_unit_test(a_header_that_asks_for_something_else_is_refused),
		cmocka_unit_test(a_key_that_the_token_brings_along_counts_for_nothing),
		cmocka_unit_test(the_public_key_is_no_secret_of_an_hmac),
		cmocka_unit_test(without_a_kid_there_must_be_one_key_that_fits),
		cmocka_unit_test(a_key_that_cannot_be_used_is_left_out_of_its_set),
		cmocka_unit_test(an_rsa_exponent_of_1_is_refused),
		cmocka_unit_test(what_is_no_jwk_set_is_refused_and_a_long_one_bounded),
		cmocka_unit_test(what_is_no_compact_jws_is_refused),
		cmocka_unit_test(no_byte_of_a_token_can_be_changed),
		cmocka_unit_test(a_template_of_tenants_takes_the_tokens_own_tenant_alone),
		cmocka_unit_test(the_access_token_and_the_code_must_be_those_that_came_with_it),
		cmocka_unit_test(every_verdict_has_its_own_words),
	};

	return cmocka_run_group_tests_name("id tokens", tests, set_up, tear_down);
}
