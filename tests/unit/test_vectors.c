/*
 * Public test vectors (Project Wycheproof) against the signatures of auth/jws.c and the compact form that auth/keyring.c
 * takes, and against the keys of others and their signatures (oidc/jwk.c). They lie outside the repository: in $LATCH_TEST_VECTORS, else ../shared/vectors; without that folder these are skipped.
 *
 * es256_p1363.json runs whole (262 tests); of jws.json the 312 with an algorithm that latch's own keys may have. With the keys
 * of others, which are public, all of jws.json and jwk.json is run, and an HMAC, valid or not, is refused.
 *   jws.json 346 and 350 are called valid although the key says PS256 and the header PS384; 347 and 351 although the key's
 *     alg, "ES521", is none: here they are refused.
 *   jwk.json 7 is called invalid as the key's primes are weak (ROCA), which is the provider's to see to: here it is taken.
 * 372 and 373 of jws.json are called valid although their MAC is not that of the bytes as sent: here they are refused.
 * 367 and 370 have lost the padding that made them invalid, and are 357, which is valid, byte for byte.
 */
#include "unit.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/keyring.h"
#include "oidc/jwk.h"

enum { P256_POINT = 65, SIGNATURE_ROOM = 2048, RSA_NUMBERS = 8 };

/* NULL, and the test is skipped, where the folder is absent. A file that is missing from it is a failure. */
static json_t *
vectors(const char *file)
{
	const char *folder = getenv("LATCH_TEST_VECTORS");
	char path[4096];
	json_error_t error;

	(void)snprintf(path, sizeof(path), "%s/README.md", folder != NULL ? folder : "../shared/vectors");
	FILE *readme = fopen(path, "r");
	if (readme == NULL) {
		print_message("no %s: %s is not run\n", path, file);
		skip();
	}
	assert_int_equal(fclose(readme), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "../shared/vectors", file);
	json_t *root = json_load_file(path, 0, &error);
	assert_non_null(root);
	return root;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static size_t
bytes_of_hex(const char *hex, unsigned char *out, size_t max)
{
	const size_t n = strlen(hex) / 2;

	assert_true(n <= max);
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
	return n;
}

static size_t
bytes_of(const json_t *jwk, const char *name, unsigned char *out, size_t max)
{
	size_t n;

	assert_true(base64url_decode(str_of(text_of(jwk, name)), out, max, &n));
	return n;
}

/* PKCS #8 of a P-256 key with this point. Its private number is 1, which verifying does not use. */
static struct jws_key *
ec_key(const unsigned char point[P256_POINT])
{
	static const unsigned char head[] = { 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
		                                  0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
		                                  0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20 },
							   between[] = { 0xa1, 0x44, 0x03, 0x42, 0x00 };
	struct bytes pkcs8 = { .n = sizeof(head) + 32 + sizeof(between) + P256_POINT };

	memcpy(pkcs8.p, head, sizeof(head));
	pkcs8.p[sizeof(head) + 31] = 1;
	memcpy(pkcs8.p + sizeof(head) + 32, between, sizeof(between));
	memcpy(pkcs8.p + sizeof(head) + 32 + sizeof(between), point, P256_POINT);
	return jws_key_import(TOKEN_ES256, &pkcs8);
}

static struct jws_key *
ec_key_of_jwk(const json_t *jwk)
{
	unsigned char point[P256_POINT] = { 4 };

	assert_int_equal(bytes_of(jwk, "x", point + 1, 32), 32);
	assert_int_equal(bytes_of(jwk, "y", point + 33, 32), 32);
	return ec_key(point);
}

static struct jws_key *
rsa_key_of_jwk(const json_t *jwk)
{
	static const char *const names[RSA_NUMBERS][2] = {
		{ "n", OSSL_PKEY_PARAM_RSA_N },          { "e", OSSL_PKEY_PARAM_RSA_E },
		{ "d", OSSL_PKEY_PARAM_RSA_D },          { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};
	unsigned char number[512];
	BIGNUM *numbers[RSA_NUMBERS];
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	struct bytes pkcs8;
	unsigned char *p = pkcs8.p;

	for (size_t i = 0; i < RSA_NUMBERS; i++) {
		numbers[i] = BN_bin2bn(number, (int)bytes_of(jwk, names[i][0], number, sizeof(number)), NULL);
		assert_int_equal(OSSL_PARAM_BLD_push_BN(build, names[i][1], numbers[i]), 1);
	}
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params), 1);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	const int n = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
	assert_true(n > 0 && (size_t)n <= sizeof(pkcs8.p));
	pkcs8.n = (size_t)n;
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_free(numbers[i]);
	return jws_key_import(TOKEN_RS256, &pkcs8);
}

static struct jws_key *
key_of_jwk(enum token_alg alg, const json_t *jwk)
{
	struct bytes secret;

	if (alg == TOKEN_ES256)
		return ec_key_of_jwk(jwk);
	if (alg == TOKEN_RS256)
		return rsa_key_of_jwk(jwk);
	secret.n = bytes_of(jwk, "k", secret.p, sizeof(secret.p));
	return jws_key_import(TOKEN_HS256, &secret);
}

/* ---- ECDSA, r and s side by side -------------------------------------------------------------------------------- */

static void
es256_signatures_are_judged_as_the_public_vectors_say(void **state)
{
	json_t *root = vectors("es256_p1363.json"), *group, *test;
	unsigned char point[P256_POINT], message[SIGNATURE_ROOM], signature[SIGNATURE_ROOM];
	size_t i, k, wrong = 0, run = 0, refused = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		const char *uncompressed = text_of(json_object_get(group, "publicKey"), "uncompressed");
		assert_int_equal(bytes_of_hex(uncompressed, point, sizeof(point)), P256_POINT);
		struct jws_key *key = ec_key(point);
		assert_non_null(key);
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			const size_t message_n = bytes_of_hex(text_of(test, "msg"), message, sizeof(message));
			const size_t n = bytes_of_hex(text_of(test, "sig"), signature, sizeof(signature));
			const bool good = jws_verify(key, (struct str){ (const char *)message, message_n }, signature, n);
			run++;
			refused += !good;
			if (good == (strcmp(text_of(test, "result"), "valid") == 0))
				continue;
			wrong++;
			print_error("%" JSON_INTEGER_FORMAT ": %s\n", json_integer_value(json_object_get(test, "tcId")),
			            text_of(test, "comment"));
		}
		jws_key_free(key);
	}
	json_decref(root);
	assert_int_equal(wrong, 0);
	assert_int_equal(run, 262);
	assert_int_equal(refused, 89);
}

/* ---- JWS ---------------------------------------------------------------------------------------------------------- */

/* The header of the key under test: of a valid test its own; else that of the group's first test, which is valid. */
static void
hold_header(struct key *key, const json_t *group, const json_t *test, bool valid)
{
	struct str rest = str_of(text_of(valid ? test : json_array_get(json_object_get(group, "tests"), 0), "jws"));
	const struct str header = str_cut(&rest, '.');

	assert_true(str_copy(key->header, sizeof(key->header), header));
	key->header_n = header.n;
}

/* What token_check asks before it reads claims. That the payload is canonical base64url it asks of the claims. */
static bool
accepted(const struct keyring *ring, struct str jws)
{
	unsigned char payload[1024];
	size_t n;
	struct str rest = jws;

	(void)str_cut(&rest, '.');
	return keyring_verifies(ring, jws) && base64url_decode(str_cut(&rest, '.'), payload, sizeof(payload), &n);
}

/* Whether it, or a test of the same bytes beside it, is called valid. */
static bool
is_valid(const json_t *group, const json_t *test)
{
	const json_int_t id = json_integer_value(json_object_get(test, "tcId"));
	const json_t *other;
	size_t i;
	bool valid = false;

	json_array_foreach(json_object_get(group, "tests"), i, other) valid =
		valid
		|| (strcmp(text_of(other, "jws"), text_of(test, "jws")) == 0 && strcmp(text_of(other, "result"), "valid") == 0);
	return valid && id != 372 && id != 373;
}

static size_t
run_group(const json_t *group, enum token_alg alg, size_t *refused)
{
	static struct keyring ring;
	struct key key;
	json_t *test;
	size_t k, wrong = 0;
	const json_t *jwk = json_object_get(group, "private");

	assert_int_equal(key_init(&key, STR("vector"), alg, (struct timestamp){ 0 }, key_of_jwk(alg, jwk)), OK);
	assert_int_equal(keyring_replace(&ring, &key, 1), OK);
	json_array_foreach(json_object_get(group, "tests"), k, test)
	{
		const bool valid = is_valid(group, test);
		hold_header(&ring.keys[0], group, test, valid);
		const bool good = accepted(&ring, str_of(text_of(test, "jws")));
		*refused += !good;
		if (good == valid)
			continue;
		wrong++;
		print_error("%" JSON_INTEGER_FORMAT ": %s\n", json_integer_value(json_object_get(test, "tcId")),
		            text_of(test, "comment"));
	}
	keyring_clear(&ring);
	return wrong;
}

static void
jws_are_judged_as_the_public_vectors_say(void **state)
{
	json_t *root = vectors("jws.json"), *group;
	size_t i, wrong = 0, run = 0, refused = 0;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		enum token_alg alg;
		if (!token_alg_parse(str_of(text_of(json_object_get(group, "private"), "alg")), &alg))
			continue;
		run += json_array_size(json_object_get(group, "tests"));
		wrong += run_group(group, alg, &refused);
	}
	json_decref(root);
	assert_int_equal(wrong, 0);
	assert_int_equal(run, 312);
	assert_int_equal(refused, 292);
}

/* ---- The keys of others ------------------------------------------------------------------------------------------ */

/* A group's key or keys as a JWK Set; to be freed. */
static struct jwk_set *
set_of_group(const json_t *group)
{
	json_t *jwk =
		json_object_get(group, "public") != NULL ? json_object_get(group, "public") : json_object_get(group, "private");
	json_t *root = json_object_get(jwk, "keys") != NULL ? json_incref(jwk) : json_pack("{s:[O]}", "keys", jwk);
	char *text = json_dumps(root, 0);
	struct jwk_set *set;

	assert_int_equal(jwk_set_parse(str_of(text), &set), OK);
	free(text);
	json_decref(root);
	return set;
}

static bool
by_set(const struct jwk_set *set, struct str jws)
{
	unsigned char header[1024], payload[2048], signature[2048];
	size_t header_n, payload_n, n;
	struct str rest = jws;
	const struct str first = str_cut(&rest, '.'), second = str_cut(&rest, '.');
	enum jwa alg;

	if (!base64url_decode(first, header, sizeof(header), &header_n)
	    || !base64url_decode(second, payload, sizeof(payload), &payload_n)
	    || !base64url_decode(rest, signature, sizeof(signature), &n))
		return false;
	json_t *json = json_loadb((const char *)header, header_n, JSON_REJECT_DUPLICATES, NULL);
	const struct str kid = str_of(json_string_value(json_object_get(json, "kid")));
	const struct str input = { jws.p, first.n + 1 + second.n };
	const bool good =
		jwa_parse(str_of(text_of(json, "alg")), &alg) && jwk_set_verify(set, alg, kid, input, signature, n) == JWK_GOOD;
	json_decref(json);
	return good;
}

static bool
is_hmac(const json_t *group)
{
	const json_t *jwk = json_object_get(group, "private");
	const json_t *keys = json_object_get(jwk, "keys");

	return strcmp(text_of(keys != NULL ? json_array_get(keys, 0) : jwk, "kty"), "oct") == 0;
}

static bool
is_among(json_int_t id, const int *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* `otherwise`: the tests that are judged the other way round, as said above. */
static void
run_sets(const char *file, const int *otherwise, size_t n, size_t expected_run, size_t expected_taken)
{
	json_t *root = vectors(file), *group, *test;
	size_t i, k, wrong = 0, run = 0, taken = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		struct jwk_set *set = set_of_group(group);
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			const bool valid = is_valid(group, test) && !is_hmac(group);
			const json_int_t id = json_integer_value(json_object_get(test, "tcId"));
			const bool good = by_set(set, str_of(text_of(test, "jws")));
			run++;
			taken += good;
			if (good == (valid != is_among(id, otherwise, n)))
				continue;
			wrong++;
			print_error("%s %" JSON_INTEGER_FORMAT ": %s\n", file, id, text_of(test, "comment"));
		}
		jwk_set_free(set);
	}
	json_decref(root);
	assert_int_equal(wrong, 0);
	assert_int_equal(run, expected_run);
	assert_int_equal(taken, expected_taken);
}

static void
the_keys_of_others_are_judged_as_the_public_vectors_say(void **state)
{
	static const int jws[] = { 346, 347, 350, 351 }, jwk[] = { 7 };

	(void)state;
	run_sets("jws.json", jws, COUNT(jws), 401, 32);
	run_sets("jwk.json", jwk, COUNT(jwk), 26, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(es256_signatures_are_judged_as_the_public_vectors_say),
		cmocka_unit_test(jws_are_judged_as_the_public_vectors_say),
		cmocka_unit_test(the_keys_of_others_are_judged_as_the_public_vectors_say),
	};

	return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
