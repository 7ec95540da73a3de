/* Tokens: those that are issued; and those whose signature is right and whose contents are not, which only somebody with the
 * key could make. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/keyring.h"
#include "auth/token.h"
#include "core/arena.h"

enum { ARENA = 4 << 20, DEEP = 100000 };

static const struct timestamp NOW = { INT64_C(1800000000000) };

/* In the order in which token_issue writes them; a claim brings its comma along. */
#define AUD "\"aud\":\"latch\","
#define EXP "\"exp\":1800000900,"
#define IAT "\"iat\":1800000000,"
#define ISS "\"iss\":\"https://i.example\","
#define JTI "\"jti\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c40\","
#define SID "\"sid\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c42\","
#define SUB "\"sub\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c41\""
#define GOOD "{" AUD EXP IAT ISS JTI SID SUB "}"
/* One claim written otherwise, or another beside them (WITH_NBF: one whose name sorts between jti and sid). */
#define WITH_EXP(text) "{" AUD text IAT ISS JTI SID SUB "}"
#define WITH_IAT(text) "{" AUD EXP text ISS JTI SID SUB "}"
#define WITH_AUD(text) "{" text EXP IAT ISS JTI SID SUB "}"
#define WITH_ISS(text) "{" AUD EXP IAT text JTI SID SUB "}"
#define WITH_NBF(text) "{" AUD EXP IAT ISS JTI text SID SUB "}"
#define WITH_SID(text) "{" AUD EXP IAT ISS JTI text SUB "}"
#define WITH_SUB(text) "{" AUD EXP IAT ISS JTI "\"sid\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c42\"" text "}"

struct fixture {
	struct config config;
	struct keyring ring;
	struct tokens tokens;
	struct arena arena;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct key keys[3];

	(void)snprintf(f->config.issuer, sizeof(f->config.issuer), "https://i.example");
	(void)snprintf(f->config.audience, sizeof(f->config.audience), "latch");
	f->config.access_ttl_s = 900;
	for (enum token_alg alg = TOKEN_ES256; alg <= TOKEN_HS256; alg++) {
		char kid[] = { (char)('a' + alg), '\0' };
		if (key_init(&keys[alg], str_of(kid), alg, (struct timestamp){ TOKEN_HS256 - alg }, jws_key_generate(alg))
		    != OK)
			return -1;
	}
	if (keyring_replace(&f->ring, keys, COUNT(keys)) != OK || tokens_open(&f->tokens, &f->config, &f->ring) != OK
	    || !arena_open(&f->arena, ARENA))
		return -1;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	tokens_close(&f->tokens);
	keyring_clear(&f->ring);
	arena_close(&f->arena);
	free(f);
	return 0;
}

/* A token of that key with this second part, as it stands, and a signature that holds. */
static struct str
forge(struct fixture *f, const struct key *key, struct str payload)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	char text[BASE64_SIZE(JWS_SIGNATURE_MAX)];
	size_t n;
	const struct str input =
		str_printf(&f->arena, "%.*s.%.*s", (int)key->header_n, key->header, (int)payload.n, payload.p);

	assert_int_equal(jws_sign(key->jws, input, signature, &n), OK);
	(void)base64url_encode(signature, n, text);
	return str_printf(&f->arena, "%.*s.%s", (int)input.n, input.p, text);
}

static struct str
encoded(struct fixture *f, const void *json, size_t n)
{
	char *text = arena_alloc(&f->arena, BASE64_SIZE(n));

	assert_non_null(text);
	return (struct str){ text, base64url_encode(json, n, text) };
}

static enum err
check(struct fixture *f, struct str token)
{
	struct token_claims claims;

	return token_check(&f->tokens, token, NOW, &claims);
}

/* Fails with the text unless a token of every algorithm with these claims gives `expected`. */
static void
expect(struct fixture *f, const char *json, size_t n, enum err expected)
{
	for (size_t i = 0; i < f->ring.n; i++) {
		const enum err err = check(f, forge(f, &f->ring.keys[i], encoded(f, json, n)));
		if (err != expected)
			print_error("key %zu: %.300s\n", i, json);
		assert_int_equal(err, expected);
	}
}

static void
claims_are_accepted_where_all_of_them_hold(void **state)
{
	static const char *const accepted[] = {
		GOOD,
		WITH_IAT("\"iat\":1800000060,"),
		WITH_IAT("\"iat\":1,"),
		WITH_NBF("\"nbf\":1800000060,"),
		WITH_NBF("\"nbf\":1,"),
		WITH_EXP("\"exp\":1800000001,"),
		WITH_EXP("\"exp\":9223372036854775807,"),
		/* What nobody here knows is ignored (RFC 7519, 4.3). */
		WITH_NBF("\"nonce\":[{\"x\":1.5},null,\"\xc3\xa9 \xf0\x9f\x94\x90 \\\" /\"],"),
	};

	for (size_t i = 0; i < COUNT(accepted); i++)
		expect(*state, accepted[i], strlen(accepted[i]), OK);
}

static void
a_time_that_is_no_second_to_come_is_refused(void **state)
{
	static const char *const refused[] = {
		WITH_EXP(""), /* missing */
		WITH_EXP("\"exp\":null,"),
		WITH_EXP("\"exp\":\"1800000900\","),
		WITH_EXP("\"exp\":-1,"),
		WITH_EXP("\"exp\":0,"),
		WITH_EXP("\"exp\":1800000000,"), /* now */
		WITH_EXP("\"exp\":1800000900.0,"),
		WITH_EXP("\"exp\":1e10,"),
		WITH_EXP("\"exp\":1e400,"),
		WITH_EXP("\"exp\":9223372036854775808,"),
		WITH_EXP("\"exp\":18446744073709551617,"),
		WITH_EXP("\"exp\":-9223372036854775809,"),
		WITH_EXP("\"exp\":true,"),
		WITH_EXP("\"exp\":[1800000900],"),
		WITH_EXP("\"exp\":{\"exp\":1800000900},"),
		WITH_IAT(""),
		WITH_IAT("\"iat\":1800000061,"),
		WITH_IAT("\"iat\":9223372036854775807,"),
		WITH_IAT("\"iat\":\"1800000000\","),
		WITH_IAT("\"iat\":1.5,"),
		WITH_IAT("\"iat\":null,"),
		WITH_IAT("\"iat\":-1,"),
		WITH_NBF("\"nbf\":1800000061,"),
		WITH_NBF("\"nbf\":9223372036854775807,"),
		WITH_NBF("\"nbf\":\"0\","),
		WITH_NBF("\"nbf\":0.5,"),
		WITH_NBF("\"nbf\":null,"),
		WITH_NBF("\"nbf\":[0],"),
	};

	for (size_t i = 0; i < COUNT(refused); i++)
		expect(*state, refused[i], strlen(refused[i]), ERR_TOKEN);
}

static void
a_name_that_is_not_ours_is_refused(void **state)
{
	static const char *const refused[] = {
		WITH_AUD(""),
		WITH_AUD("\"aud\":\"other\","),
		WITH_AUD("\"aud\":\"latch \","),
		WITH_AUD("\"aud\":\"Latch\","),
		WITH_AUD("\"aud\":\"\","),
		WITH_AUD("\"aud\":[\"latch\"],"),
		WITH_AUD("\"aud\":{\"latch\":true},"),
		WITH_AUD("\"aud\":5,"),
		WITH_AUD("\"aud\":null,"),
		WITH_ISS(""),
		WITH_ISS("\"iss\":\"https://i.example/\","),
		WITH_ISS("\"iss\":\"https://evil.example\","),
		WITH_ISS("\"iss\":[\"https://i.example\"],"),
		WITH_ISS("\"iss\":true,"),
		WITH_SID(""),
		WITH_SID("\"sid\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c4\","),
		WITH_SID("\"sid\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c42' OR 1=1\","),
		WITH_SID("\"sid\":7,"),
		WITH_SUB(""),
		WITH_SUB(",\"sub\":\"\""),
		WITH_SUB(",\"sub\":\"admin\""),
		WITH_SUB(",\"sub\":\"01932c07-209c-7c11-8b0e-6a3f5d2e9c41\\u0000\""),
		WITH_SUB(",\"sub\":[\"01932c07-209c-7c11-8b0e-6a3f5d2e9c41\"]"),
	};

	for (size_t i = 0; i < COUNT(refused); i++)
		expect(*state, refused[i], strlen(refused[i]), ERR_TOKEN);
}

static void
claims_that_two_readers_could_read_differently_are_refused(void **state)
{
	const struct str refused[] = {
		STR(WITH_EXP("\"exp\":1,\"exp\":1800000900,")),
		STR(WITH_EXP("\"exp\":1800000900,\"exp\":1,")),
		STR(WITH_EXP("\"exp\":1800000900,\"exp\":1800000900,")),
		STR(WITH_EXP("\"exp\":1800000900,\"\\u0065xp\":1800000900,")),
		STR(WITH_NBF("\"x\":{\"y\":1,\"y\":2},")),
		STR("{" EXP AUD IAT ISS JTI SID SUB "}"), /* another order */
		STR("{ " AUD EXP IAT ISS JTI SID SUB "}"),
		STR(GOOD " "),
		STR(GOOD "\n"),
		STR(GOOD "{}"),
		STR(GOOD "x"),
		STR(GOOD "\0"),
		STR(GOOD "\0{\"aud\":\"other\"}"),
		STR("\xef\xbb\xbf" GOOD),
		STR(WITH_AUD("\"aud\":\"\\u006catch\",")),
		STR(WITH_AUD("\"aud\":\"latch\\ud800\",")),
		STR(WITH_NBF("\"n\":\"\\ud800\",")),
		STR(WITH_NBF("\"n\":\"\\udc00\\ud800\",")),
		STR(WITH_NBF("\"n\":\"\xed\xa0\x80\",")),
		STR(WITH_NBF("\"n\":\"\xc0\x80\",")),
		STR(WITH_NBF("\"n\":\"\xff\",")),
		STR("[" GOOD "]"),
		STR("[]"),
		STR("{}"),
		STR("null"),
		STR("1"),
		STR("\"\""),
		STR("{"),
		STR(""),
	};

	for (size_t i = 0; i < COUNT(refused); i++)
		expect(*state, refused[i].p, refused[i].n, ERR_TOKEN);
}

static void
a_payload_in_another_base64_is_refused_though_its_signature_holds(void **state)
{
	struct fixture *f = *state;
	/* 2 bytes more than a multiple of 3: the last letter has bits to spare. The last letter's neighbour says the same. */
	static const char json[] = WITH_NBF("\"n\":\"\xc3\xbf\xc3\xbf\xc3\xbf~?~\","),
					  alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	_Static_assert((sizeof(json) - 1) % 3 != 0, "unused bits in the last letter");
	const struct str good = encoded(f, json, sizeof(json) - 1);
	const int n = (int)good.n;
	const char *const last = strchr(alphabet, good.p[n - 1]);
	struct str plain = str_dup(&f->arena, good);
	char *const p = arena_alloc(&f->arena, good.n);

	for (int i = 0; i < n; i++)
		p[i] = plain.p[i] == '-' ? '+' : plain.p[i] == '_' ? '/' : plain.p[i];
	plain.p = p;
	assert_false(str_eq(plain, good));
	const struct str refused[] = {
		plain,
		str_printf(&f->arena, "%.*s=", n, good.p),
		str_printf(&f->arena, "%.*s==", n, good.p),
		str_printf(&f->arena, "%.*s ", n, good.p),
		str_printf(&f->arena, " %.*s", n, good.p),
		str_printf(&f->arena, "%.*s\n%s", n / 2, good.p, good.p + n / 2),
		str_printf(&f->arena, "%.*s\r\n", n, good.p),
		str_printf(&f->arena, "%.*s%c", n - 1, good.p, last[1]),
		str_printf(&f->arena, "%.*sA", n, good.p),
		str_printf(&f->arena, "%.*s!", n, good.p),
	};

	for (size_t k = 0; k < f->ring.n; k++) {
		assert_int_equal(check(f, forge(f, &f->ring.keys[k], good)), OK);
		for (size_t i = 0; i < COUNT(refused); i++) {
			const enum err err = check(f, forge(f, &f->ring.keys[k], refused[i]));
			if (err != ERR_TOKEN)
				print_error("key %zu: %.*s\n", k, (int)refused[i].n, refused[i].p);
			assert_int_equal(err, ERR_TOKEN);
		}
	}
}

/* {"a":[[[...]]]} with that many levels, closed or not. */
static struct str
nested(struct fixture *f, const char *before, size_t levels, bool closed, const char *after)
{
	const size_t head = strlen(before), tail = strlen(after), n = head + levels * (closed ? 2 : 1) + tail;
	char *text = arena_alloc(&f->arena, n + 1);

	assert_non_null(text);
	memcpy(text, before, head);
	memset(text + head, '[', levels);
	if (closed)
		memset(text + head + levels, ']', levels);
	memcpy(text + n - tail, after, tail);
	return (struct str){ text, n };
}

static void
depth_and_length_without_end_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char before[] = "{" AUD EXP IAT ISS JTI "\"nest\":", after[] = "," SID SUB "}";
	const struct str deep = nested(f, before, DEEP, true, after), open = nested(f, before, DEEP, false, ""),
					 fits = nested(f, before, 2600, false, ""), wrong_type = nested(f, "{\"aud\":", 1000, true, after);

	expect(f, deep.p, deep.n, ERR_TOKEN);
	expect(f, open.p, open.n, ERR_TOKEN);
	expect(f, fits.p, fits.n, ERR_TOKEN);
	expect(f, wrong_type.p, wrong_type.n, ERR_TOKEN);
	/* And a header of 64 KiB, which no key has. */
	const struct str kid = nested(f, "{\"alg\":\"ES256\",\"kid\":\"", 65536, false, "\",\"typ\":\"JWT\"}"),
					 header = encoded(f, kid.p, kid.n), payload = encoded(f, GOOD, sizeof(GOOD) - 1);
	assert_int_equal(
		check(f, str_printf(&f->arena, "%.*s.%.*s.AA", (int)header.n, header.p, (int)payload.n, payload.p)), ERR_TOKEN);
}

static void
a_key_does_no_other_keys_algorithm(void **state)
{
	struct fixture *f = *state;
	const struct str payload = encoded(f, GOOD, sizeof(GOOD) - 1);

	for (size_t i = 0; i < f->ring.n; i++)
		for (size_t j = 0; j < f->ring.n; j++) {
			struct key mixed = f->ring.keys[i];
			mixed.jws = f->ring.keys[j].jws;
			assert_int_equal(check(f, forge(f, &mixed, payload)), i == j ? OK : ERR_TOKEN);
		}
}

/* ---- What was issued here ------------------------------------------------------------------------------------------ */

static struct str
issue(struct fixture *f, struct timestamp when)
{
	const struct uuid subject = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c41" };
	const struct uuid session = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c42" };
	struct str token;

	assert_int_equal(token_issue(&f->tokens, &(const struct token_subject){ &subject, &session, STR("admin,editor") },
	                             when, &f->arena, &token),
	                 OK);
	return token;
}

static enum err
check_after(struct fixture *f, struct str token, int64_t after_ms)
{
	struct token_claims claims;

	return token_check(&f->tokens, token, (struct timestamp){ NOW.ms + after_ms }, &claims);
}

static void
a_token_says_whose_it_is_and_ends(void **state)
{
	struct fixture *f = *state;
	const struct str token = issue(f, NOW);
	struct token_claims claims;

	for (int again = 0; again < 2; again++) { /* from the signature, then from the table */
		assert_int_equal(token_check(&f->tokens, token, NOW, &claims), OK);
		assert_string_equal(claims.subject.text, "01932c07-209c-7c11-8b0e-6a3f5d2e9c41");
		assert_string_equal(claims.session.text, "01932c07-209c-7c11-8b0e-6a3f5d2e9c42");
	}
	assert_int_equal(check_after(f, token, 899999), OK);
	assert_int_equal(check_after(f, token, 900000), ERR_TOKEN);
}

static void
a_token_from_the_future_has_a_minute(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_after(f, issue(f, (struct timestamp){ NOW.ms + 60000 }), 0), OK);
	assert_int_equal(check_after(f, issue(f, (struct timestamp){ NOW.ms + 61000 }), 0), ERR_TOKEN);
}

static void
every_changed_byte_of_a_token_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct str token = issue(f, NOW);
	char *copy = arena_alloc(&f->arena, token.n + 2);

	for (size_t i = 0; i < token.n; i++) {
		memcpy(copy, token.p, token.n);
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		assert_int_equal(check_after(f, (struct str){ copy, token.n }, 0), ERR_TOKEN);
		assert_int_equal(check_after(f, (struct str){ token.p, i }, 0), ERR_TOKEN);
	}
	memcpy(copy, token.p, token.n);
	copy[token.n] = '.';
	assert_int_equal(check_after(f, (struct str){ copy, token.n + 1 }, 0), ERR_TOKEN);
	copy[token.n] = '=';
	assert_int_equal(check_after(f, (struct str){ copy, token.n + 1 }, 0), ERR_TOKEN);
}

static void
another_issuer_or_audience_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct str token = issue(f, NOW);

	f->config.issuer[0] = 'H';
	assert_int_equal(check_after(f, token, 0), ERR_TOKEN);
	f->config.issuer[0] = 'h';
	f->config.audience[0] = 'L';
	assert_int_equal(check_after(f, token, 0), ERR_TOKEN);
	f->config.audience[0] = 'l';
	assert_int_equal(check_after(f, token, 0), OK);
}

static void
a_remembered_token_dies_with_its_key(void **state)
{
	struct fixture *f = *state;
	const struct str token = issue(f, NOW);
	struct key key;

	assert_int_equal(check_after(f, token, 0), OK);
	assert_int_equal(key_init(&key, STR("kid-2"), TOKEN_ES256, (struct timestamp){ 0 }, jws_key_generate(TOKEN_ES256)),
	                 OK);
	assert_int_equal(keyring_replace(&f->ring, &key, 1), OK);
	assert_int_equal(check_after(f, token, 0), ERR_TOKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(claims_are_accepted_where_all_of_them_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_time_that_is_no_second_to_come_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_that_is_not_ours_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(claims_that_two_readers_could_read_differently_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_payload_in_another_base64_is_refused_though_its_signature_holds, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(depth_and_length_without_end_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_does_no_other_keys_algorithm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_says_whose_it_is_and_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_from_the_future_has_a_minute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_changed_byte_of_a_token_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_issuer_or_audience_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_remembered_token_dies_with_its_key, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
