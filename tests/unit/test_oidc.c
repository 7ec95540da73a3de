/* What is believed of a provider's metadata, and what is sent to it. */
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "http/json.h"
#include "oidc/client.h"
#include "oidc/metadata.h"

enum { ARENA = 4 << 20 };

static const struct timestamp NOW = { INT64_C(1800000000000) };
static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	json_init();
	return arena_open(&arena, ARENA) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

/* ---- Metadata ---------------------------------------------------------------------------------------------------- */

#define ISSUER "\"issuer\":\"https://op.example\","
#define AUTHORIZATION "\"authorization_endpoint\":\"https://op.example/authorize?tenant=1\","
#define TOKEN "\"token_endpoint\":\"https://token.example/\","
#define KEYS "\"jwks_uri\":\"https://op.example:8443/keys\""

static enum metadata_verdict
read_text(const char *text, bool loopback, struct metadata *out)
{
	return metadata_read(str_of(text), STR("https://op.example"), loopback, &arena, out);
}

static void
metadata_is_believed_of_its_own_issuer_alone_and_with_addresses_that_may_be_used(void **state)
{
	static const struct {
		const char *text;
		enum metadata_verdict verdict;
	} rows[] = {
		{ "{" ISSUER AUTHORIZATION TOKEN KEYS "}", METADATA_GOOD },
		{ "", METADATA_FORM },
		{ "[]", METADATA_FORM },
		{ "{" ISSUER AUTHORIZATION TOKEN KEYS "} x", METADATA_FORM },
		{ "{" ISSUER ISSUER AUTHORIZATION TOKEN KEYS "}", METADATA_FORM },
		{ "{" AUTHORIZATION TOKEN KEYS "}", METADATA_ISSUER },
		{ "{\"issuer\":\"https://op.example/\"," AUTHORIZATION TOKEN KEYS "}", METADATA_ISSUER },
		{ "{\"issuer\":\"https://OP.example\"," AUTHORIZATION TOKEN KEYS "}", METADATA_ISSUER },
		{ "{\"issuer\":\"https://evil.example\"," AUTHORIZATION TOKEN KEYS "}", METADATA_ISSUER },
		{ "{\"issuer\":[\"https://op.example\"]," AUTHORIZATION TOKEN KEYS "}", METADATA_ISSUER },
		{ "{" ISSUER TOKEN KEYS "}", METADATA_AUTHORIZATION_ENDPOINT },
		{ "{" ISSUER "\"authorization_endpoint\":\"javascript:alert(1)\"," TOKEN KEYS "}",
		  METADATA_AUTHORIZATION_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION KEYS "}", METADATA_TOKEN_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION "\"token_endpoint\":\"http://op.example/\"," KEYS "}", METADATA_TOKEN_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION "\"token_endpoint\":7," KEYS "}", METADATA_TOKEN_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION TOKEN "\"userinfo_endpoint\":\"file:///etc/passwd\"," KEYS "}",
		  METADATA_USERINFO_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION TOKEN "\"userinfo_endpoint\":null," KEYS "}", METADATA_USERINFO_ENDPOINT },
		{ "{" ISSUER AUTHORIZATION TOKEN "\"x\":1}", METADATA_JWKS_URI },
		{ "{" ISSUER AUTHORIZATION TOKEN "\"jwks_uri\":\"\"}", METADATA_JWKS_URI },
	};
	struct metadata metadata;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const enum metadata_verdict verdict = read_text(rows[i].text, false, &metadata);
		if (verdict != rows[i].verdict)
			print_error("%s: %s\n", rows[i].text, metadata_complaint(verdict));
		assert_int_equal(verdict, rows[i].verdict);
	}
	for (enum metadata_verdict i = 0; i < METADATA__COUNT; i++)
		assert_non_null(metadata_complaint(i));
}

static void
metadata_that_is_good_is_read_whole(void **state)
{
	struct metadata metadata;
	char *large = arena_alloc(&arena, METADATA_TEXT_MAX + 1);

	(void)state;
	assert_int_equal(read_text("{" ISSUER AUTHORIZATION TOKEN "\"userinfo_endpoint\":\"https://op.example/me\","
	                           "\"authorization_response_iss_parameter_supported\":true," KEYS "}",
	                           false, &metadata),
	                 METADATA_GOOD);
	assert_true(str_eq(metadata.authorization_endpoint, STR("https://op.example/authorize?tenant=1")));
	assert_true(str_eq(metadata.token_endpoint, STR("https://token.example/")));
	assert_true(str_eq(metadata.userinfo_endpoint, STR("https://op.example/me")));
	assert_true(str_eq(metadata.jwks_uri, STR("https://op.example:8443/keys")));
	assert_true(metadata.names_itself);
	assert_int_equal(read_text("{" ISSUER AUTHORIZATION TOKEN
	                           "\"authorization_response_iss_parameter_supported\":\"true\"," KEYS "}",
	                           false, &metadata),
	                 METADATA_GOOD);
	assert_false(metadata.names_itself);
	assert_null(metadata.userinfo_endpoint.p);
	memset(large, ' ', METADATA_TEXT_MAX + 1);
	memcpy(large, "{" ISSUER AUTHORIZATION TOKEN KEYS "}", strlen("{" ISSUER AUTHORIZATION TOKEN KEYS "}"));
	const struct str issuer = STR("https://op.example");
	assert_int_equal(metadata_read((struct str){ large, METADATA_TEXT_MAX }, issuer, false, &arena, &metadata),
	                 METADATA_GOOD);
	assert_int_equal(metadata_read((struct str){ large, METADATA_TEXT_MAX + 1 }, issuer, false, &arena, &metadata),
	                 METADATA_FORM);
	assert_true(str_eq(metadata_url(STR("https://op.example/realms/a"), &arena),
	                   STR("https://op.example/realms/a/.well-known/openid-configuration")));
	assert_true(str_eq(metadata_url(STR("https://op.example/"), &arena),
	                   STR("https://op.example/.well-known/openid-configuration")));
}

static void
an_address_that_is_not_https_or_hides_its_host_is_not_used(void **state)
{
	static const char *const good[] = { "https://a.example", "https://a.example:1/x?y=z", "https://[2001:db8::1]/",
		                                "https://192.0.2.1/" };
	static const char *const bad[] = { "http://a.example/",
		                               "https://",
		                               "https:///x",
		                               "https://:443/",
		                               "https://?x",
		                               "https://u@a.example/",
		                               "https://u:p@a.example",
		                               "https://a.example#",
		                               "https://a.example/\\b",
		                               "https://a.example/ b",
		                               "https://a.ex\tample",
		                               "HTTPS://a.example/",
		                               "ftp://a.example/",
		                               "//a.example/",
		                               "https://a.\xc3\xa4.example/",
		                               "https://a.example?b" };
	static const char *const local[] = { "http://127.0.0.1:8080/x", "http://localhost/", "http://[::1]:1/" };
	char *large = arena_alloc(&arena, ENDPOINT_MAX + 1);

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(endpoint_usable(str_of(good[i]), false));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (endpoint_usable(str_of(bad[i]), true))
			print_error("taken: %s\n", bad[i]);
		assert_false(endpoint_usable(str_of(bad[i]), true));
	}
	for (size_t i = 0; i < COUNT(local); i++) {
		assert_true(endpoint_usable(str_of(local[i]), true));
		assert_false(endpoint_usable(str_of(local[i]), false));
	}
	assert_false(endpoint_usable(STR("http://127.0.0.1.evil.example/"), true));
	assert_false(endpoint_usable((struct str){ 0 }, true));
	memset(large, 'a', ENDPOINT_MAX + 1);
	memcpy(large, "https://", 8);
	assert_true(endpoint_usable((struct str){ large, ENDPOINT_MAX }, false));
	assert_false(endpoint_usable((struct str){ large, ENDPOINT_MAX + 1 }, false));
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

static void
the_challenge_is_that_of_rfc_7636_appendix_b(void **state)
{
	char challenge[PKCE_CHALLENGE_LENGTH + 1];

	(void)state;
	assert_int_equal(pkce_challenge(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), challenge), OK);
	assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void
the_authorization_url_has_all_of_the_request_encoded_and_the_endpoints_own_query(void **state)
{
	struct authorization_request request = { .endpoint = STR("https://op.example/authorize"),
		                                     .client_id = STR("id&x=1"),
		                                     .redirect_uri = STR("https://l.example/auth/providers/op/callback"),
		                                     .scope = STR("openid email"),
		                                     .state = STR("s-_"),
		                                     .nonce = STR("n"),
		                                     .code_challenge = STR("c") };

	(void)state;
	assert_true(str_eq(authorization_url(&request, &arena),
	                   STR("https://op.example/authorize?response_type=code&client_id=id%26x%3D1&redirect_uri="
	                       "https%3A%2F%2Fl.example%2Fauth%2Fproviders%2Fop%2Fcallback&scope=openid%20email&state=s-_"
	                       "&nonce=n&code_challenge=c&code_challenge_method=S256")));
	request.endpoint = STR("https://op.example/authorize?tenant=1");
	request.nonce = (struct str){ 0 };
	request.prompt = STR("select_account");
	request.response_mode = STR("form_post");
	assert_true(str_eq(authorization_url(&request, &arena),
	                   STR("https://op.example/authorize?tenant=1&response_type=code&client_id=id%26x%3D1&redirect_uri="
	                       "https%3A%2F%2Fl.example%2Fauth%2Fproviders%2Fop%2Fcallback&scope=openid%20email&state=s-_"
	                       "&code_challenge=c&code_challenge_method=S256&prompt=select_account"
	                       "&response_mode=form_post")));
}

static const struct token_request code = { .endpoint = { "https://op.example/token", 24 },
	                                       .code = { "SplxlOBe+/=", 11 },
	                                       .redirect_uri = { "https://l.example/cb", 20 },
	                                       .code_verifier = { "verifier", 8 } };
#define CODE                                                                                                        \
	"grant_type=authorization_code&code=SplxlOBe%2B%2F%3D&redirect_uri=https%3A%2F%2Fl.example%2Fcb&code_verifier=" \
	"verifier"

static void
a_secret_goes_in_the_header_or_in_the_form(void **state)
{
	struct client client = { .id = STR("s6BhdRkqt3"), .secret = STR("gX1fBat3bV") };
	struct str body, header;

	(void)state;
	assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
	assert_true(str_eq(body, STR(CODE)));
	assert_true(str_eq(header, STR("Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"))); /* RFC 6749, 2.3.1 */
	/* "a%3Ab:%25%20" */
	client = (struct client){ .id = STR("a:b"), .secret = STR("% ") };
	assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
	assert_true(str_eq(header, STR("Authorization: Basic YSUzQWI6JTI1JTIw")));
	client = (struct client){ .id = STR("a:b"), .secret = STR("%&"), .auth = CLIENT_AUTH_POST };
	assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
	assert_true(str_eq(body, STR(CODE "&client_id=a%3Ab&client_secret=%25%26")));
	assert_null(header.p);
}

static struct str
text_of(BIO *bio)
{
	char *text;
	const long n = BIO_get_mem_data(bio, &text);

	return str_dup(&arena, (struct str){ text, (size_t)n });
}

static struct str
pem_of(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	const struct str pem = text_of(bio);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

/* A part of a JWT as a document. */
static struct node *
part_of(struct str part)
{
	char text[2048];
	struct node *node;
	size_t n;

	assert_true(base64url_decode(part, text, sizeof(text), &n));
	assert_int_equal(doc_parse((struct str){ text, n }, &node), OK);
	return node;
}

static void
is_text(struct node *node, const char *name, const char *value)
{
	assert_true(str_eq(node_text(doc_get(node, name)), str_of(value)));
}

/* What follows the last "=" of the form: the JWT, of which nothing needs encoding. */
static void
is_assertion(const struct client *client, struct str body, const char *issuer, const char *audience, char jti[64])
{
	const char *at = memrchr(body.p, '=', body.n);
	const struct str jwt = { at + 1, body.n - (size_t)(at + 1 - body.p) };
	struct str rest = jwt;
	unsigned char signature[JWS_SIGNATURE_MAX];
	int64_t iat, exp;
	size_t n;

	struct node *header = part_of(str_cut(&rest, '.')), *claims = part_of(str_cut(&rest, '.'));
	assert_true(base64url_decode(rest, signature, sizeof(signature), &n));
	assert_true(jws_verify(client->key, (struct str){ jwt.p, (size_t)(rest.p - 1 - jwt.p) }, signature, n));
	is_text(header, "alg", token_alg_name(jws_key_alg(client->key)));
	assert_true(str_eq(node_text(doc_get(header, "kid")), client->key_id));
	is_text(claims, "iss", issuer);
	assert_true(str_eq(node_text(doc_get(claims, "sub")), client->id));
	is_text(claims, "aud", audience);
	assert_true(node_integer(doc_get(claims, "iat"), &iat) && iat == NOW.ms / 1000);
	assert_true(node_integer(doc_get(claims, "exp"), &exp) && exp == NOW.ms / 1000 + ASSERTION_TTL_S);
	assert_true(str_copy(jti, 64, node_text(doc_get(claims, "jti"))) && jti[0] != '\0');
	doc_free(header);
	doc_free(claims);
}

static void
a_private_key_signs_a_new_assertion_each_time(void **state)
{
	const struct str pems[] = { pem_of(EVP_EC_gen("P-256")), pem_of(EVP_RSA_gen(2048)) };
	struct str body, header;
	char first[64], second[64];

	(void)state;
	for (size_t i = 0; i < COUNT(pems); i++) {
		struct jws_key *key = jws_key_of_pem(pems[i]);
		assert_non_null(key);
		assert_int_equal(jws_key_alg(key), i == 0 ? TOKEN_ES256 : TOKEN_RS256);
		struct client client = {
			.id = STR("client"), .auth = CLIENT_AUTH_PRIVATE_KEY, .key = key, .key_id = STR("k1")
		};
		assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
		assert_null(header.p);
		assert_true(str_starts(body, STR(CODE "&client_id=client&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
		                                      "client-assertion-type%3Ajwt-bearer&client_assertion=")));
		is_assertion(&client, body, "client", "https://op.example/token", first);
		assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
		is_assertion(&client, body, "client", "https://op.example/token", second);
		assert_string_not_equal(first, second);
		client.auth = CLIENT_AUTH_APPLE;
		client.team_id = STR("TEAM");
		assert_int_equal(token_request_write(&client, &code, NOW, &arena, &body, &header), OK);
		assert_true(str_starts(body, STR(CODE "&client_id=client&client_secret=")));
		is_assertion(&client, body, "TEAM", "https://appleid.apple.com", first);
		jws_key_free(key);
	}
}

static void
what_is_no_private_key_for_an_assertion_is_refused(void **state)
{
	static const char *const wrong[] = { "", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };
	const struct str others[] = { pem_of(EVP_EC_gen("P-384")), pem_of(EVP_RSA_gen(1024)),
		                          pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")) };
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_null(jws_key_of_pem(str_of(wrong[i])));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_null(jws_key_of_pem(others[i]));
	/* Nobody is there to be asked for a passphrase; and a public key signs nothing. */
	assert_int_equal(
		PEM_write_bio_PrivateKey(bio, pkey, EVP_aes_128_cbc(), (const unsigned char *)"word", 4, NULL, NULL), 1);
	assert_null(jws_key_of_pem(text_of(bio)));
	assert_int_equal(BIO_reset(bio), 1);
	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	assert_null(jws_key_of_pem(text_of(bio)));
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static void
a_full_arena_leaves_no_half_request(void **state)
{
	const struct client clients[] = { { .id = STR("client"), .secret = STR("secret") },
		                              { .id = STR("client"), .secret = STR("secret"), .auth = CLIENT_AUTH_POST } };
	const struct authorization_request request = { .endpoint = STR("https://op.example/"), .client_id = STR("client") };
	const struct str whole = authorization_url(&request, &arena);
	struct arena small;
	struct str body, header;

	(void)state;
	assert_true(arena_open(&small, 4096));
	for (size_t used = 0; used <= 4096; used += 16) {
		for (size_t i = 0; i < COUNT(clients); i++) {
			small.used = used;
			const enum err err = token_request_write(&clients[i], &code, NOW, &small, &body, &header);
			assert_true((err == OK) == (body.p != NULL));
			if (err == OK)
				assert_true(clients[i].auth == CLIENT_AUTH_POST || header.n == 41);
		}
		small.used = used;
		const struct str url = authorization_url(&request, &small);
		assert_true(url.p == NULL || url.n == whole.n);
	}
	arena_close(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_is_believed_of_its_own_issuer_alone_and_with_addresses_that_may_be_used),
		cmocka_unit_test(metadata_that_is_good_is_read_whole),
		cmocka_unit_test(an_address_that_is_not_https_or_hides_its_host_is_not_used),
		cmocka_unit_test(the_challenge_is_that_of_rfc_7636_appendix_b),
		cmocka_unit_test(the_authorization_url_has_all_of_the_request_encoded_and_the_endpoints_own_query),
		cmocka_unit_test(a_secret_goes_in_the_header_or_in_the_form),
		cmocka_unit_test(a_private_key_signs_a_new_assertion_each_time),
		cmocka_unit_test(what_is_no_private_key_for_an_assertion_is_refused),
		cmocka_unit_test(a_full_arena_leaves_no_half_request),
	};

	return cmocka_run_group_tests_name("oidc", tests, set_up, tear_down);
}
