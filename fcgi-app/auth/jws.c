#include "auth/jws.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "core/random.h"

enum { COORDINATE = 32, ES256_SIGNATURE = 2 * COORDINATE, RSA_BITS = 3072, RSA_MODULUS_MAX = 512 };
enum { SECRET = 32, HS256_SIGNATURE = 32, SHA256_SIZE = 32 };

/* What signs and verifies is set up once: OpenSSL looks for an implementation by its name each time it is set up, which for
 * an HMAC takes ten times as long as the HMAC. */
struct jws_key {
	enum token_alg alg;
	EVP_PKEY *pkey; /* ES256, RS256 */
	EVP_MD_CTX *hashing;
	EVP_PKEY_CTX *signing, *verifying;
	unsigned char secret[SECRET]; /* HS256 */
	EVP_MAC_CTX *mac;
};

/* Whether the key is what its algorithm needs: RS256 with an EC key, a short modulus or another curve is refused. */
static bool
key_fits(enum token_alg alg, const EVP_PKEY *pkey)
{
	char curve[32] = "";

	if (pkey == NULL)
		return false;
	if (alg == TOKEN_RS256)
		return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= 2048
		    && EVP_PKEY_get_bits(pkey) <= 8 * RSA_MODULUS_MAX;
	return EVP_PKEY_is_a(pkey, "EC")
	    && EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve), NULL) == 1
	    && strcmp(curve, "prime256v1") == 0;
}

static bool
set_up_pair(struct jws_key *key)
{
	key->hashing = EVP_MD_CTX_new();
	key->signing = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	key->verifying = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	return key->hashing != NULL && key->signing != NULL && key->verifying != NULL
	    && EVP_DigestInit_ex2(key->hashing, EVP_sha256(), NULL) == 1 && EVP_PKEY_sign_init(key->signing) == 1
	    && EVP_PKEY_CTX_set_signature_md(key->signing, EVP_sha256()) == 1 && EVP_PKEY_verify_init(key->verifying) == 1
	    && EVP_PKEY_CTX_set_signature_md(key->verifying, EVP_sha256()) == 1;
}

static bool
set_up_secret(struct jws_key *key)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		                          OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	key->mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac); /* the context holds it */
	return key->mac != NULL && EVP_MAC_init(key->mac, key->secret, SECRET, params) == 1;
}

/* Takes pkey over. */
static struct jws_key *
key_of(enum token_alg alg, EVP_PKEY *pkey)
{
	struct jws_key *key = key_fits(alg, pkey) ? calloc(1, sizeof(*key)) : NULL;

	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key->alg = alg;
	key->pkey = pkey;
	if (set_up_pair(key))
		return key;
	jws_key_free(key);
	return NULL;
}

static struct jws_key *
key_of_secret(const unsigned char secret[SECRET])
{
	struct jws_key *key = calloc(1, sizeof(*key));

	if (key == NULL)
		return NULL;
	key->alg = TOKEN_HS256;
	memcpy(key->secret, secret, SECRET);
	if (set_up_secret(key))
		return key;
	jws_key_free(key);
	return NULL;
}

struct jws_key *
jws_key_generate(enum token_alg alg)
{
	if (alg == TOKEN_HS256) {
		unsigned char secret[SECRET];
		random_bytes(secret, sizeof(secret));
		struct jws_key *key = key_of_secret(secret);
		explicit_bzero(secret, sizeof(secret));
		return key;
	}
	return key_of(alg, alg == TOKEN_RS256 ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256"));
}

enum err
jws_key_export(const struct jws_key *key, struct bytes *out)
{
	if (key->alg == TOKEN_HS256) {
		memcpy(out->p, key->secret, SECRET);
		out->n = SECRET;
		return OK;
	}
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	unsigned char *p = out->p;
	const int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	const bool ok = n > 0 && (size_t)n <= sizeof(out->p) && i2d_PKCS8_PRIV_KEY_INFO(info, &p) == n;
	PKCS8_PRIV_KEY_INFO_free(info);
	out->n = ok ? (size_t)n : 0;
	return ok ? OK : ERR_INTERNAL;
}

struct jws_key *
jws_key_import(enum token_alg alg, const struct bytes *bytes)
{
	if (alg == TOKEN_HS256)
		return bytes->n == SECRET ? key_of_secret(bytes->p) : NULL;

	const unsigned char *p = bytes->p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)bytes->n);
	EVP_PKEY *pkey = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	return key_of(alg, pkey);
}

/* In the place of OpenSSL's, which asks on the terminal. */
static int
no_passphrase(char *out, int size, int writing, void *state)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)state;
	return -1;
}

struct jws_key *
jws_key_of_pem(struct str pem)
{
	BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return key_of(pkey != NULL && EVP_PKEY_is_a(pkey, "RSA") ? TOKEN_RS256 : TOKEN_ES256, pkey);
}

enum token_alg
jws_key_alg(const struct jws_key *key)
{
	return key->alg;
}

void
jws_key_free(struct jws_key *key)
{
	if (key == NULL)
		return;
	EVP_MD_CTX_free(key->hashing);
	EVP_PKEY_CTX_free(key->signing);
	EVP_PKEY_CTX_free(key->verifying);
	EVP_PKEY_free(key->pkey);
	EVP_MAC_CTX_free(key->mac);
	explicit_bzero(key, sizeof(*key));
	free(key);
}

static bool
hmac(const struct jws_key *key, struct str input, unsigned char out[HS256_SIGNATURE])
{
	size_t n = 0;

	return EVP_MAC_init(key->mac, NULL, 0, NULL) == 1 /* the key stays */
	    && EVP_MAC_update(key->mac, (const unsigned char *)input.p, input.n) == 1
	    && EVP_MAC_final(key->mac, out, &n, HS256_SIGNATURE) == 1 && n == HS256_SIGNATURE;
}

static bool
sha256(const struct jws_key *key, struct str input, unsigned char out[SHA256_SIZE])
{
	return EVP_DigestInit_ex2(key->hashing, NULL, NULL) == 1 && EVP_DigestUpdate(key->hashing, input.p, input.n) == 1
	    && EVP_DigestFinal_ex(key->hashing, out, NULL) == 1;
}

/* OpenSSL speaks DER (RFC 3279, 2.2.3), JWS the two numbers side by side. */
static bool
der_to_raw(const unsigned char *der, size_t n, unsigned char raw[ES256_SIGNATURE])
{
	const BIGNUM *r, *s;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);

	if (pair == NULL)
		return false;
	ECDSA_SIG_get0(pair, &r, &s);
	const bool ok =
		BN_bn2binpad(r, raw, COORDINATE) == COORDINATE && BN_bn2binpad(s, raw + COORDINATE, COORDINATE) == COORDINATE;
	ECDSA_SIG_free(pair);
	return ok;
}

size_t
ecdsa_to_der(const unsigned char *raw, size_t n, unsigned char der[ECDSA_DER_MAX])
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	const int half = (int)(n / 2);
	BIGNUM *r = BN_bin2bn(raw, half, NULL), *s = BN_bin2bn(raw + half, half, NULL);
	int length = 0;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* the pair's now */
		length = i2d_ECDSA_SIG(pair, NULL) <= ECDSA_DER_MAX ? i2d_ECDSA_SIG(pair, &der) : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return length > 0 ? (size_t)length : 0;
}

enum err
jws_sign(const struct jws_key *key, struct str input, unsigned char signature[JWS_SIGNATURE_MAX], size_t *n_out)
{
	unsigned char der[JWS_SIGNATURE_MAX], digest[SHA256_SIZE];
	size_t n = sizeof(der);

	if (key->alg == TOKEN_HS256) {
		*n_out = HS256_SIGNATURE;
		return hmac(key, input, signature) ? OK : ERR_INTERNAL;
	}
	bool ok = sha256(key, input, digest) && EVP_PKEY_sign(key->signing, der, &n, digest, sizeof(digest)) == 1;
	if (ok && key->alg == TOKEN_ES256) {
		ok = der_to_raw(der, n, signature);
		n = ES256_SIGNATURE;
	} else if (ok) {
		memcpy(signature, der, n);
	}
	*n_out = ok ? n : 0;
	return ok ? OK : ERR_INTERNAL;
}

bool
jws_verify(const struct jws_key *key, struct str input, const unsigned char *signature, size_t n)
{
	unsigned char expected[HS256_SIGNATURE], der[ECDSA_DER_MAX], digest[SHA256_SIZE];

	if (key->alg == TOKEN_HS256)
		return n == HS256_SIGNATURE && hmac(key, input, expected) && CRYPTO_memcmp(expected, signature, n) == 0;
	if (key->alg == TOKEN_ES256) {
		if (n != ES256_SIGNATURE || (n = ecdsa_to_der(signature, n, der)) == 0)
			return false;
		signature = der;
	}
	return sha256(key, input, digest) && EVP_PKEY_verify(key->verifying, signature, n, digest, sizeof(digest)) == 1;
}

/* ---- Self-test ------------------------------------------------------------------------------------------------- */

static bool starved; /* OpenSSL has been refused memory */

static void *
watched_malloc(size_t size, const char *file, int line)
{
	void *p = malloc(size);

	(void)file;
	(void)line;
	starved = starved || p == NULL;
	return p;
}

static void *
watched_realloc(void *old, size_t size, const char *file, int line)
{
	void *p = realloc(old, size);

	(void)file;
	(void)line;
	starved = starved || (p == NULL && size > 0);
	return p;
}

static void
watched_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* What jws_key_import looks for. */
static bool
decoders_there(void)
{
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *ctx =
		OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", "PrivateKeyInfo", "EC", EVP_PKEY_KEYPAIR, NULL, NULL);
	const bool ok = ctx != NULL && OSSL_DECODER_CTX_get_num_decoders(ctx) > 0;

	OSSL_DECODER_CTX_free(ctx);
	return ok;
}

enum err
jws_self_test(void)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	const struct str input = STR("self-test");
	size_t n;

	(void)CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free);
	if (OSSL_LIB_CTX_get0_global_default() == NULL || !decoders_there())
		return ERR_INTERNAL;
	struct jws_key *key = jws_key_generate(TOKEN_ES256);
	const bool ok = key != NULL && jws_sign(key, input, signature, &n) == OK && jws_verify(key, input, signature, n);
	jws_key_free(key);
	return ok ? OK : ERR_INTERNAL;
}

bool
jws_starved(void)
{
	return starved;
}

/* ---- Keys for others ------------------------------------------------------------------------------------------- */

static enum err
ec_jwk(const struct jws_key *key, char out[JWK_TEXT_MAX])
{
	unsigned char point[1 + 2 * COORDINATE]; /* 04 || x || y (SEC 1, 2.3.3) */
	char x[BASE64_SIZE(COORDINATE)], y[BASE64_SIZE(COORDINATE)];
	size_t n;

	if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) != 1
	    || n != sizeof(point) || point[0] != 4)
		return ERR_INTERNAL;
	(void)base64url_encode(point + 1, COORDINATE, x);
	(void)base64url_encode(point + 1 + COORDINATE, COORDINATE, y);
	(void)snprintf(out, JWK_TEXT_MAX, "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"", x, y);
	return OK;
}

static enum err
rsa_jwk(const struct jws_key *key, char out[JWK_TEXT_MAX])
{
	unsigned char bytes[RSA_MODULUS_MAX];
	char n_text[BASE64_SIZE(RSA_MODULUS_MAX)], e_text[16];
	BIGNUM *n = NULL, *e = NULL;
	const bool ok = EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1
	             && EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1
	             && BN_num_bytes(n) <= RSA_MODULUS_MAX && BN_num_bytes(e) <= 8;

	if (ok) {
		const int n_size = BN_bn2bin(n, bytes);
		(void)base64url_encode(bytes, (size_t)n_size, n_text);
		const int e_size = BN_bn2bin(e, bytes);
		(void)base64url_encode(bytes, (size_t)e_size, e_text);
		(void)snprintf(out, JWK_TEXT_MAX, "\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"", n_text, e_text);
	}
	BN_free(n);
	BN_free(e);
	return ok ? OK : ERR_INTERNAL;
}

enum err
jws_key_jwk(const struct jws_key *key, char out[JWK_TEXT_MAX])
{
	out[0] = '\0';
	if (key->alg == TOKEN_HS256)
		return OK;
	return key->alg == TOKEN_ES256 ? ec_jwk(key, out) : rsa_jwk(key, out);
}
