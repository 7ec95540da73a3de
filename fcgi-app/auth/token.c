#include "auth/token.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/pool.h"

enum err
tokens_open(struct tokens *tokens, const struct config *config, const struct keyring *keyring)
{
	*tokens = (struct tokens){ .config = config, .keyring = keyring };
	tokens->cache = calloc(TOKEN_CACHE_SLOTS, sizeof(*tokens->cache));
	/* Set up once: SHA256() looks its own implementation up at every call, which takes longer than the hash. */
	tokens->hashing = EVP_MD_CTX_new();
	if (tokens->cache != NULL && tokens->hashing != NULL
	    && EVP_DigestInit_ex2(tokens->hashing, EVP_sha256(), NULL) == 1)
		return OK;
	tokens_close(tokens);
	return ERR_INTERNAL;
}

void
tokens_close(struct tokens *tokens)
{
	free(tokens->cache);
	EVP_MD_CTX_free(tokens->hashing);
	*tokens = (struct tokens){ 0 };
}

/* libjwt counts seconds in a long. */
_Static_assert(sizeof(long) >= sizeof(int64_t), "latch is for 64-bit machines");

/* ---- Issuing --------------------------------------------------------------------------------------------------- */

/* libjwt takes a claim that is an array as JSON only. A word of the list comes to two quotes and a comma more. */
static bool
add_roles(jwt_t *jwt, struct str roles)
{
	char json[4 * TOKEN_ROLES_MAX] = "{\"roles\":[";
	size_t n = strlen(json);

	if (roles.n > TOKEN_ROLES_MAX)
		return false;
	while (roles.p != NULL && roles.n > 0) {
		const struct str role = str_cut(&roles, ',');
		const int more =
			snprintf(json + n, sizeof(json) - n, "\"%.*s\"%s", (int)role.n, role.p, roles.p != NULL ? "," : "");
		n += more > 0 ? (size_t)more : 0;
	}
	(void)snprintf(json + n, sizeof(json) - n, "]}");
	return jwt_add_grants_json(jwt, json) == 0;
}

/* The claims as JSON text from libjwt, to be freed; NULL when it fails. */
static char *
claims_json(const struct config *config, const struct token_subject *subject, int64_t now_s)
{
	const struct uuid id = uuid_new();
	jwt_t *jwt = NULL;
	char *json = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	(void)pool_failed();
	if (jwt_add_grant(jwt, "iss", config->issuer) == 0 && jwt_add_grant(jwt, "aud", config->audience) == 0
	    && jwt_add_grant(jwt, "sub", subject->user->text) == 0 && jwt_add_grant(jwt, "sid", subject->session->text) == 0
	    && jwt_add_grant(jwt, "jti", id.text) == 0 && jwt_add_grant_int(jwt, "iat", now_s) == 0
	    && jwt_add_grant_int(jwt, "exp", now_s + config->access_ttl_s) == 0 && add_roles(jwt, subject->roles))
		json = jwt_get_grants_json(jwt, NULL);
	jwt_free(jwt);
	if (!pool_failed())
		return json;
	pool_free(json);
	return NULL;
}

/* header . payload . signature (RFC 7515, 3.1) */
static enum err
compact(const struct key *key, struct str payload, struct arena *arena, struct str *out)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	size_t signature_n;
	char *text = arena_alloc(arena, key->header_n + BASE64_SIZE(payload.n) + BASE64_SIZE(JWS_SIGNATURE_MAX) + 2);

	if (text == NULL)
		return ERR_INTERNAL;
	memcpy(text, key->header, key->header_n);
	size_t n = key->header_n;
	text[n++] = '.';
	n += base64url_encode(payload.p, payload.n, text + n);
	const enum err err = jws_sign(key->jws, (struct str){ text, n }, signature, &signature_n);
	if (err != OK)
		return err;
	text[n++] = '.';
	n += base64url_encode(signature, signature_n, text + n);
	*out = (struct str){ text, n };
	return n <= TOKEN_MAX ? OK : ERR_INTERNAL;
}

enum err
token_issue(struct tokens *tokens, const struct token_subject *subject, struct timestamp now, struct arena *arena,
            struct str *out)
{
	const struct key *key = keyring_signer(tokens->keyring, now);

	if (key == NULL) {
		log_error("no signing key can be used");
		return ERR_DB;
	}
	char *json = claims_json(tokens->config, subject, now.ms / 1000);
	if (json == NULL)
		return ERR_INTERNAL;
	const enum err err = compact(key, str_of(json), arena, out);
	pool_free(json); /* from jansson, whose memory it is (http/json.h) */
	return err;
}

/* ---- Checking -------------------------------------------------------------------------------------------------- */

bool
token_key_known(const struct tokens *tokens, struct str token)
{
	return keyring_by_header(tokens->keyring, str_cut(&token, '.')) != NULL;
}

static bool
grant_is(jwt_t *jwt, const char *grant, const char *expected)
{
	const char *value = jwt_get_grant(jwt, grant);

	return value != NULL && strcmp(value, expected) == 0;
}

static bool
grant_uuid(jwt_t *jwt, const char *grant, struct uuid *out)
{
	return uuid_parse(str_of(jwt_get_grant(jwt, grant)), out);
}

/* False where the claim is missing, with errno ENOENT; and where it is no integer after 1970: for one of another type
 * libjwt 1.10 gives 0, and no error. */
static bool
grant_seconds(jwt_t *jwt, const char *grant, int64_t *out)
{
	errno = 0;
	*out = jwt_get_grant_int(jwt, grant);
	return errno == 0 && *out > 0;
}

/* OK where the payload is, byte for byte, how token_issue writes these claims. libjwt would also take other base64, white
 * space and bytes behind a NUL, and the last of two claims of one name: two readers of a token must not differ. */
static enum err
claims_canonical(jwt_t *jwt, struct str payload)
{
	char text[BASE64_SIZE(TOKEN_MAX)];
	char *json = jwt_get_grants_json(jwt, NULL);

	if (json == NULL)
		return ERR_INTERNAL;
	const size_t n = strlen(json);
	const bool same = n <= TOKEN_MAX && str_eq(payload, (struct str){ text, base64url_encode(json, n, text) });
	pool_free(json);
	return same ? OK : ERR_TOKEN;
}

/* False where a claim is wrong, missing or of another type. RFC 7519 lets nbf be absent. */
static bool
claims_hold(jwt_t *jwt, const struct config *config, int64_t now_s, struct token_claims *out)
{
	int64_t issued_at_s, not_before_s;

	if (!grant_is(jwt, "iss", config->issuer) || !grant_is(jwt, "aud", config->audience)
	    || !grant_uuid(jwt, "sub", &out->subject) || !grant_uuid(jwt, "sid", &out->session)
	    || !grant_seconds(jwt, "exp", &out->expires_at_s) || !grant_seconds(jwt, "iat", &issued_at_s))
		return false;
	if (!grant_seconds(jwt, "nbf", &not_before_s) && errno != ENOENT)
		return false;
	return out->expires_at_s > now_s && issued_at_s <= now_s + TOKEN_IAT_LEEWAY_S
	    && not_before_s <= now_s + TOKEN_IAT_LEEWAY_S;
}

static enum err
read_claims(const struct config *config, struct str token, int64_t now_s, struct token_claims *out)
{
	char text[TOKEN_MAX + 1];
	jwt_t *jwt = NULL;
	struct str rest = token;
	const struct str header = str_cut(&rest, '.'), payload = str_cut(&rest, '.');

	/* Without a key libjwt only reads; token_check has verified. It gets the token without its signature, which it does not
	 * look at and would leave behind in its memory: without that the text opens no door. */
	if (!str_copy(text, sizeof(text), (struct str){ token.p, header.n + payload.n + 2 }))
		return ERR_TOKEN;
	/* Out of memory, libjwt and jansson blame the token. */
	(void)pool_failed();
	errno = 0;
	const int failure = jwt_decode(&jwt, text, NULL, 0);
	if (failure != 0)
		return errno == ENOMEM || pool_failed() ? ERR_INTERNAL : ERR_TOKEN;
	enum err err = claims_canonical(jwt, payload);
	if (err == OK && !claims_hold(jwt, config, now_s, out))
		err = ERR_TOKEN;
	jwt_free(jwt);
	return pool_failed() ? ERR_INTERNAL : err;
}

static struct token_slot *
cache_slot(struct tokens *tokens, const unsigned char digest[TOKEN_DIGEST_SIZE])
{
	uint32_t index;

	if (tokens->generation != tokens->keyring->generation) {
		memset(tokens->cache, 0, TOKEN_CACHE_SLOTS * sizeof(*tokens->cache));
		tokens->generation = tokens->keyring->generation;
	}
	memcpy(&index, digest, sizeof(index));
	return &tokens->cache[index % TOKEN_CACHE_SLOTS];
}

enum err
token_digest(struct tokens *tokens, struct str kind, struct str text, unsigned char out[TOKEN_DIGEST_SIZE])
{
	const bool ok = EVP_DigestInit_ex2(tokens->hashing, NULL, NULL) == 1
	             && EVP_DigestUpdate(tokens->hashing, kind.p, kind.n) == 1
	             && EVP_DigestUpdate(tokens->hashing, text.p, text.n) == 1
	             && EVP_DigestFinal_ex(tokens->hashing, out, NULL) == 1;

	return ok ? OK : ERR_INTERNAL;
}

enum err
token_check(struct tokens *tokens, struct str token, struct timestamp now, struct token_claims *out)
{
	unsigned char digest[TOKEN_DIGEST_SIZE];
	const int64_t now_s = now.ms / 1000;

	if (token.n == 0 || token.n > TOKEN_MAX)
		return ERR_TOKEN;
	if (token_digest(tokens, STR(""), token, digest) != OK)
		return ERR_INTERNAL;
	struct token_slot *slot = cache_slot(tokens, digest);
	const bool known = slot->claims.expires_at_s > now_s && memcmp(slot->digest, digest, sizeof(digest)) == 0;
	metrics_add(known ? COUNT_TOKEN_HIT : COUNT_TOKEN_MISS, 1);
	if (known) {
		*out = slot->claims;
		return OK;
	}
	/* The signature first: nothing of the token is looked into before it holds. Why it does not OpenSSL does not say: a good
	 * token must not be called bad because memory was out. */
	errno = 0;
	if (!keyring_verifies(tokens->keyring, token))
		return errno == ENOMEM ? ERR_INTERNAL : ERR_TOKEN;
	const enum err err = read_claims(tokens->config, token, now_s, out);
	if (err == OK) {
		memcpy(slot->digest, digest, sizeof(digest));
		slot->claims = *out;
	}
	return err;
}
