#include "oidc/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/jws.h"
#include "http/json.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, RSA_BYTES_MAX = RSA_BITS_MAX / 8, EXPONENT_BYTES_MAX = 8 };
enum { COORDINATE_MAX = 66, ED25519_KEY = 32, KID_MAX = 255 };

enum family { FAMILY_RSA, FAMILY_P256, FAMILY_P384, FAMILY_P521, FAMILY_ED25519 };

/* A curve's name in a JWK (RFC 7518, 6.2.1.1) and to OpenSSL, and the bytes of a coordinate. */
static const struct curve {
	const char *crv, *group;
	size_t bytes;
} curves[] = {
	[FAMILY_P256] = { "P-256", "P-256", 32 },
	[FAMILY_P384] = { "P-384", "P-384", 48 },
	[FAMILY_P521] = { "P-521", "P-521", 66 },
};

static const struct algorithm {
	const char *name;
	enum family family;
	const char *hash; /* NULL: the signature has its own */
	bool pss;
} algorithms[] = {
	[JWA_RS256] = { "RS256", FAMILY_RSA, "SHA256", false },  [JWA_RS384] = { "RS384", FAMILY_RSA, "SHA384", false },
	[JWA_RS512] = { "RS512", FAMILY_RSA, "SHA512", false },  [JWA_PS256] = { "PS256", FAMILY_RSA, "SHA256", true },
	[JWA_PS384] = { "PS384", FAMILY_RSA, "SHA384", true },   [JWA_PS512] = { "PS512", FAMILY_RSA, "SHA512", true },
	[JWA_ES256] = { "ES256", FAMILY_P256, "SHA256", false }, [JWA_ES384] = { "ES384", FAMILY_P384, "SHA384", false },
	[JWA_ES512] = { "ES512", FAMILY_P521, "SHA512", false }, [JWA_EDDSA] = { "EdDSA", FAMILY_ED25519, NULL, false },
};
_Static_assert(COUNT(algorithms) == JWA__COUNT, "a row for each algorithm");

struct jwk {
	char kid[KID_MAX + 1]; /* "": none */
	enum family family;
	bool bound; /* to `alg` alone */
	enum jwa alg;
	EVP_PKEY *pkey;
};

struct jwk_set {
	size_t n;
	struct jwk keys[JWK_SET_KEYS_MAX];
};

const char *
jwa_name(enum jwa alg)
{
	return algorithms[alg].name;
}

bool
jwa_parse(struct str name, enum jwa *out)
{
	for (enum jwa alg = 0; alg < JWA__COUNT; alg++) {
		if (!str_eq(name, str_of(algorithms[alg].name)))
			continue;
		*out = alg;
		return true;
	}
	return false;
}

size_t
jwa_half_hash(enum jwa alg, struct str text, unsigned char out[HALF_HASH_MAX])
{
	/* Ed25519's own hash is SHA-512. */
	const char *hash = algorithms[alg].hash != NULL ? algorithms[alg].hash : "SHA512";
	unsigned char whole[EVP_MAX_MD_SIZE];
	size_t n = 0;

	if (EVP_Q_digest(NULL, hash, NULL, text.p, text.n, whole, &n) != 1)
		return 0;
	memcpy(out, whole, n / 2);
	return n / 2;
}

/* ---- Reading keys ------------------------------------------------------------------------------------------------ */

static bool
member_bytes(struct node *key, const char *name, unsigned char *out, size_t max, size_t *n_out)
{
	const struct str text = node_text(doc_get(key, name));

	return text.n > 0 && base64url_decode(text, out, max, n_out) && *n_out > 0;
}

/* Takes the parameters over. */
static EVP_PKEY *
key_from(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = params != NULL ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
	EVP_PKEY *pkey = NULL;

	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static OSSL_PARAM *
rsa_params(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;

	if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1
	    && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	OSSL_PARAM_BLD_free(builder);
	return params;
}

/* An exponent of 1 would make every text its own signature. */
static EVP_PKEY *
rsa_key(struct node *key)
{
	unsigned char modulus[RSA_BYTES_MAX], exponent[EXPONENT_BYTES_MAX];
	size_t modulus_n, exponent_n;
	EVP_PKEY *pkey = NULL;

	if (!member_bytes(key, "n", modulus, sizeof(modulus), &modulus_n)
	    || !member_bytes(key, "e", exponent, sizeof(exponent), &exponent_n))
		return NULL;
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_n, NULL), *e = BN_bin2bn(exponent, (int)exponent_n, NULL);
	if (n != NULL && e != NULL && BN_num_bits(n) >= RSA_BITS_MIN && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e))
		pkey = key_from("RSA", rsa_params(n, e));
	BN_free(n);
	BN_free(e);
	return pkey;
}

static OSSL_PARAM *
point_params(const char *group, const void *point, size_t n)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;

	if (builder != NULL
	    && (group == NULL || OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1)
	    && OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, n) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	OSSL_PARAM_BLD_free(builder);
	return params;
}

/* Both coordinates in full length (RFC 7518, 6.2.1.2). OpenSSL takes no point that is not on the curve. */
static EVP_PKEY *
ec_key(struct node *key, enum family *family_out)
{
	unsigned char point[1 + 2 * COORDINATE_MAX] = { 4 }; /* 04 || x || y (SEC 1, 2.3.3) */
	const struct str crv = node_text(doc_get(key, "crv"));
	size_t x_n, y_n;

	for (enum family family = FAMILY_P256; family <= FAMILY_P521; family++) {
		const struct curve *curve = &curves[family];
		if (!str_eq(crv, str_of(curve->crv)))
			continue;
		if (!member_bytes(key, "x", point + 1, curve->bytes, &x_n) || x_n != curve->bytes
		    || !member_bytes(key, "y", point + 1 + curve->bytes, curve->bytes, &y_n) || y_n != curve->bytes)
			return NULL;
		*family_out = family;
		return key_from("EC", point_params(curve->group, point, 1 + 2 * curve->bytes));
	}
	return NULL;
}

/* RFC 8037, 2. */
static EVP_PKEY *
okp_key(struct node *key)
{
	unsigned char x[ED25519_KEY];
	size_t n;

	if (!str_eq(node_text(doc_get(key, "crv")), STR("Ed25519")) || !member_bytes(key, "x", x, sizeof(x), &n)
	    || n != sizeof(x))
		return NULL;
	return key_from("ED25519", point_params(NULL, x, n));
}

/* RFC 7517, 4.2 and 4.3. */
static bool
is_for_verifying(struct node *key)
{
	struct node *use = doc_get(key, "use"), *operations = doc_get(key, "key_ops");
	bool verifies = operations == NULL;

	if (use != NULL && !str_eq(node_text(use), STR("sig")))
		return false;
	for (size_t i = 0; i < node_items(operations); i++)
		verifies = verifies || str_eq(node_text(node_item(operations, i)), STR("verify"));
	return verifies;
}

/* False where the key cannot be used; *out is then not to be freed. */
static bool
read_key(struct node *key, struct jwk *out)
{
	struct node *kid = doc_get(key, "kid"), *alg = doc_get(key, "alg");
	const struct str type = node_text(doc_get(key, "kty"));

	*out = (struct jwk){ .bound = alg != NULL };
	if (!is_for_verifying(key) || (alg != NULL && !jwa_parse(node_text(alg), &out->alg)))
		return false;
	if (kid != NULL && (node_text(kid).n == 0 || !str_copy(out->kid, sizeof(out->kid), node_text(kid))))
		return false;
	if (str_eq(type, STR("RSA"))) {
		out->family = FAMILY_RSA;
		out->pkey = rsa_key(key);
	} else if (str_eq(type, STR("EC"))) {
		out->pkey = ec_key(key, &out->family);
	} else if (str_eq(type, STR("OKP"))) {
		out->family = FAMILY_ED25519;
		out->pkey = okp_key(key);
	}
	return out->pkey != NULL;
}

enum err
jwk_set_parse(struct str text, struct jwk_set **out)
{
	struct node *document;

	*out = NULL;
	if (text.n > JWK_SET_TEXT_MAX)
		return ERR_JSON;
	const enum err err = doc_parse(text, &document);
	if (err != OK)
		return err;
	struct node *keys = doc_get(document, "keys");
	struct jwk_set *set = node_is_array(keys) ? calloc(1, sizeof(*set)) : NULL;
	for (size_t i = 0; set != NULL && i < node_items(keys) && set->n < JWK_SET_KEYS_MAX; i++)
		if (read_key(node_item(keys, i), &set->keys[set->n]))
			set->n++;
	const bool array = node_is_array(keys);
	doc_free(document);
	ERR_clear_error(); /* of keys that were left out */
	*out = set;
	return set != NULL ? OK : array ? ERR_INTERNAL : ERR_JSON;
}

void
jwk_set_free(struct jwk_set *set)
{
	for (size_t i = 0; set != NULL && i < set->n; i++)
		EVP_PKEY_free(set->keys[i].pkey);
	free(set);
}

size_t
jwk_set_keys(const struct jwk_set *set)
{
	return set->n;
}

/* ---- Verifying --------------------------------------------------------------------------------------------------- */

static enum jwk_verdict
find(const struct jwk_set *set, enum jwa alg, struct str kid, const struct jwk **out)
{
	const struct jwk *found = NULL;

	for (size_t i = 0; i < set->n; i++) {
		const struct jwk *key = &set->keys[i];
		if (key->family != algorithms[alg].family || (key->bound && key->alg != alg)
		    || (kid.p != NULL && !str_eq(kid, str_of(key->kid))))
			continue;
		if (found != NULL)
			return JWK_AMBIGUOUS;
		found = key;
	}
	*out = found;
	return found != NULL ? JWK_GOOD : JWK_NO_KEY;
}

/* RFC 7518, 3.5: the salt is as long as the hash, and both masks use that hash. */
static bool
set_padding(EVP_PKEY_CTX *ctx, const struct algorithm *algorithm)
{
	return !algorithm->pss
	    || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
	        && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static enum jwk_verdict
verify(const struct algorithm *algorithm, EVP_PKEY *pkey, struct str input, const unsigned char *signature, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx; /* the other one's */
	enum jwk_verdict verdict = JWK_FAILED;

	if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, &key_ctx, algorithm->hash, NULL, NULL, pkey, NULL) == 1
	    && set_padding(key_ctx, algorithm))
		verdict =
			EVP_DigestVerify(ctx, signature, n, (const unsigned char *)input.p, input.n) == 1 ? JWK_GOOD : JWK_BAD;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return verdict;
}

enum jwk_verdict
jwk_set_verify(const struct jwk_set *set, enum jwa alg, struct str kid, struct str input,
               const unsigned char *signature, size_t n)
{
	const struct algorithm *algorithm = &algorithms[alg];
	unsigned char der[ECDSA_DER_MAX];
	const struct jwk *key;

	const enum jwk_verdict found = find(set, alg, kid, &key);
	if (found != JWK_GOOD)
		return found;
	if (key->family >= FAMILY_P256 && key->family <= FAMILY_P521) {
		if (n != 2 * curves[key->family].bytes)
			return JWK_BAD;
		n = ecdsa_to_der(signature, n, der);
		if (n == 0)
			return JWK_FAILED;
		signature = der;
	}
	return verify(algorithm, key->pkey, input, signature, n);
}
