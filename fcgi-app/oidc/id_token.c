#include "oidc/id_token.h"

#include <openssl/crypto.h>
#include <string.h>

#include "auth/base64.h"
#include "core/random.h"

enum { SIGNATURE_MAX = 1024 }; /* RSA of 8192 bits */

static const char *const complaints[ID_TOKEN__COUNT] = {
	[ID_TOKEN_GOOD] = "is good",
	[ID_TOKEN_FAILED] = "could not be checked: out of memory",
	[ID_TOKEN_SIZE] = "is missing or too large",
	[ID_TOKEN_FORM] = "is no JWS in the compact form",
	[ID_TOKEN_ALG] = "is signed by an algorithm that signing_algs does not allow",
	[ID_TOKEN_TYPE] = "is of another type, or has a critical header",
	[ID_TOKEN_NO_KEY] = "is signed by a key that the provider does not publish",
	[ID_TOKEN_AMBIGUOUS_KEY] = "does not say which of the provider's keys signed it",
	[ID_TOKEN_SIGNATURE] = "has a signature that does not hold",
	[ID_TOKEN_CLAIMS] = "holds no JSON object",
	[ID_TOKEN_ISSUER] = "is of another issuer",
	[ID_TOKEN_SUBJECT] = "names no subject",
	[ID_TOKEN_AUDIENCE] = "is for another client",
	[ID_TOKEN_PARTY] = "was issued to another client (azp)",
	[ID_TOKEN_EXPIRY] = "has expired, or does not say when",
	[ID_TOKEN_ISSUED] = "was issued in the future, or does not say when",
	[ID_TOKEN_NOT_YET] = "is not good yet (nbf)",
	[ID_TOKEN_NONCE] = "is of another sign-in (nonce)",
	[ID_TOKEN_ACCESS_TOKEN] = "is of another access token (at_hash)",
	[ID_TOKEN_CODE] = "is of another code (c_hash)",
};

const char *
id_token_complaint(enum id_token_verdict verdict)
{
	return complaints[verdict];
}

struct parts {
	struct str header, payload, input; /* input: what is signed, the first two as they are */
	unsigned char signature[SIGNATURE_MAX];
	size_t signature_n;
};

static bool
split(struct str token, struct parts *out)
{
	struct str rest = token;

	out->header = str_cut(&rest, '.');
	out->payload = str_cut(&rest, '.');
	if (rest.p == NULL || out->header.n == 0 || out->header.n > ID_TOKEN_HEADER_MAX || out->payload.n == 0)
		return false;
	out->input = (struct str){ token.p, out->header.n + 1 + out->payload.n };
	return base64url_decode(rest, out->signature, sizeof(out->signature), &out->signature_n) && out->signature_n > 0;
}

/* A part as a JSON object. ERR_JSON: it is none. */
static enum err
read_part(struct str part, struct arena *arena, struct node **out)
{
	char *text = arena_alloc(arena, part.n);
	size_t n;

	if (text == NULL)
		return ERR_INTERNAL;
	return base64url_decode(part, text, part.n, &n) ? doc_parse((struct str){ text, n }, out) : ERR_JSON;
}

/* ---- The header and the signature -------------------------------------------------------------------------------- */

/* An access token is a JWS of the same provider and perhaps of the same key (RFC 8725, 3.11). */
static bool
is_plain_jwt(struct node *header)
{
	struct node *typ = doc_get(header, "typ");

	return (typ == NULL || str_eq_nocase(node_text(typ), STR("JWT"))) && doc_get(header, "crit") == NULL
	    && doc_get(header, "b64") == NULL;
}

static enum id_token_verdict
check_header(struct node *header, const struct jwk_set *keys, uint32_t algs, const struct parts *parts, enum jwa *alg)
{
	static const enum id_token_verdict verdicts[] = {
		[JWK_GOOD] = ID_TOKEN_GOOD,     [JWK_NO_KEY] = ID_TOKEN_NO_KEY, [JWK_AMBIGUOUS] = ID_TOKEN_AMBIGUOUS_KEY,
		[JWK_BAD] = ID_TOKEN_SIGNATURE, [JWK_FAILED] = ID_TOKEN_FAILED,
	};
	struct node *kid = doc_get(header, "kid");

	if (!jwa_parse(node_text(doc_get(header, "alg")), alg) || (algs & JWA(*alg)) == 0)
		return ID_TOKEN_ALG;
	if (!is_plain_jwt(header))
		return ID_TOKEN_TYPE;
	if (kid != NULL && node_text(kid).n == 0)
		return ID_TOKEN_FORM;
	return verdicts[jwk_set_verify(keys, *alg, node_text(kid), parts->input, parts->signature, parts->signature_n)];
}

/* ---- The claims -------------------------------------------------------------------------------------------------- */

static bool
issuer_holds(struct str expected, struct node *claims)
{
	static const struct str tenant = { "{tenantid}", 10 };
	const struct str issuer = node_text(doc_get(claims, "iss")), tid = node_text(doc_get(claims, "tid"));
	const char *at = expected.n > 0 ? memmem(expected.p, expected.n, tenant.p, tenant.n) : NULL;

	if (at == NULL)
		return issuer.p != NULL && str_eq(issuer, expected);
	const struct str before = { expected.p, (size_t)(at - expected.p) };
	const struct str behind = { at + tenant.n, expected.n - before.n - tenant.n };
	return uuid_valid(tid) && issuer.n == before.n + tid.n + behind.n && str_starts(issuer, before)
	    && str_eq((struct str){ issuer.p + before.n, tid.n }, tid)
	    && str_eq((struct str){ issuer.p + before.n + tid.n, behind.n }, behind);
}

static bool
subject_holds(struct str subject)
{
	for (size_t i = 0; i < subject.n; i++)
		if (subject.p[i] < ' ' || subject.p[i] > '~')
			return false;
	return subject.n > 0 && subject.n <= ID_TOKEN_SUBJECT_MAX;
}

/* One, or a list; *several: more than this client. */
static bool
audience_holds(const struct node *aud, struct str client_id, bool *several)
{
	const size_t n = node_items(aud);
	bool there = false;

	*several = n > 1;
	if (!node_is_array(aud))
		return node_text(aud).p != NULL && str_eq(node_text(aud), client_id);
	for (size_t i = 0; i < n && n <= ID_TOKEN_AUDIENCES_MAX; i++) {
		const struct str one = node_text(node_item(aud, i));
		if (one.p == NULL)
			return false;
		there = there || str_eq(one, client_id);
	}
	return there;
}

/* Missing is wrong only where `several`. */
static bool
party_holds(const struct node *azp, struct str client_id, bool several)
{
	return azp == NULL ? !several : node_text(azp).p != NULL && str_eq(node_text(azp), client_id);
}

static enum id_token_verdict
check_times(struct node *claims, int64_t now_s)
{
	int64_t expires, issued, not_before = now_s;

	if (!node_integer(doc_get(claims, "exp"), &expires) || expires <= now_s - ID_TOKEN_LEEWAY_S)
		return ID_TOKEN_EXPIRY;
	if (!node_integer(doc_get(claims, "iat"), &issued) || issued <= 0 || issued > now_s + ID_TOKEN_LEEWAY_S)
		return ID_TOKEN_ISSUED;
	if (doc_get(claims, "nbf") != NULL
	    && (!node_integer(doc_get(claims, "nbf"), &not_before) || not_before > now_s + ID_TOKEN_LEEWAY_S))
		return ID_TOKEN_NOT_YET;
	return ID_TOKEN_GOOD;
}

static bool
same_secret(struct str a, struct str b)
{
	return a.p != NULL && b.n > 0 && a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* OpenID Connect Core 1.0, 3.1.3.8. */
static enum id_token_verdict
check_hash(const struct node *claim, struct str text, enum jwa alg, enum id_token_verdict otherwise)
{
	unsigned char half[HALF_HASH_MAX];
	char encoded[BASE64_SIZE(HALF_HASH_MAX)];

	if (claim == NULL || text.p == NULL)
		return ID_TOKEN_GOOD;
	const size_t n = jwa_half_hash(alg, text, half);
	if (n == 0)
		return ID_TOKEN_FAILED;
	const struct str right = { encoded, base64url_encode(half, n, encoded) };
	return same_secret(node_text(claim), right) ? ID_TOKEN_GOOD : otherwise;
}

static enum id_token_verdict
check_claims(struct node *claims, const struct id_token_expected *expected, enum jwa alg)
{
	bool several;

	if (!issuer_holds(expected->issuer, claims))
		return ID_TOKEN_ISSUER;
	if (!subject_holds(node_text(doc_get(claims, "sub"))))
		return ID_TOKEN_SUBJECT;
	if (!audience_holds(doc_get(claims, "aud"), expected->client_id, &several))
		return ID_TOKEN_AUDIENCE;
	if (!party_holds(doc_get(claims, "azp"), expected->client_id, several))
		return ID_TOKEN_PARTY;
	enum id_token_verdict verdict = check_times(claims, expected->now.ms / 1000);
	if (verdict == ID_TOKEN_GOOD && !same_secret(node_text(doc_get(claims, "nonce")), expected->nonce))
		verdict = ID_TOKEN_NONCE;
	if (verdict == ID_TOKEN_GOOD)
		verdict = check_hash(doc_get(claims, "at_hash"), expected->access_token, alg, ID_TOKEN_ACCESS_TOKEN);
	if (verdict == ID_TOKEN_GOOD)
		verdict = check_hash(doc_get(claims, "c_hash"), expected->code, alg, ID_TOKEN_CODE);
	return verdict;
}

enum id_token_verdict
id_token_check(struct str token, const struct jwk_set *keys, const struct id_token_expected *expected,
               struct arena *arena, struct node **claims_out)
{
	struct node *header, *claims;
	struct parts parts;
	enum jwa alg;

	*claims_out = NULL;
	if (token.n == 0 || token.n > ID_TOKEN_MAX)
		return ID_TOKEN_SIZE;
	if (!split(token, &parts))
		return ID_TOKEN_FORM;
	enum err err = read_part(parts.header, arena, &header);
	if (err != OK)
		return err == ERR_JSON ? ID_TOKEN_FORM : ID_TOKEN_FAILED;
	enum id_token_verdict verdict = check_header(header, keys, expected->algs, &parts, &alg);
	doc_free(header);
	if (verdict != ID_TOKEN_GOOD)
		return verdict;
	err = read_part(parts.payload, arena, &claims);
	if (err != OK)
		return err == ERR_JSON ? ID_TOKEN_CLAIMS : ID_TOKEN_FAILED;
	verdict = check_claims(claims, expected, alg);
	if (verdict == ID_TOKEN_GOOD)
		*claims_out = claims;
	else
		doc_free(claims);
	return verdict;
}
