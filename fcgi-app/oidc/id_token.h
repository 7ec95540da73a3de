/*
 * id_token.h: what an identity provider says of who has signed in there (OpenID Connect Core 1.0, 2 and 3.1.3.7).
 *
 * An ID token is a JWS in the compact form (RFC 7515, 7.1). Nothing of it is believed before its signature holds, but for the
 * header, which names the key; and everything that the standard asks for is asked for. An encrypted one (a JWE) is refused.
 */
#ifndef LATCH_OIDC_ID_TOKEN_H
#define LATCH_OIDC_ID_TOKEN_H

#include "core/arena.h"
#include "core/clock.h"
#include "http/json.h"
#include "oidc/jwk.h"

enum {
	ID_TOKEN_MAX = 32 * 1024,    /* bytes */
	ID_TOKEN_HEADER_MAX = 2048,  /* of these, its first part */
	ID_TOKEN_SUBJECT_MAX = 255,  /* of ASCII (2, sub) */
	ID_TOKEN_AUDIENCES_MAX = 16, /* who it is for */
	ID_TOKEN_LEEWAY_S = 60       /* how far the provider's clock may be off */
};

/* What a token has to agree with. */
struct id_token_expected {
	/* Byte for byte. "{tenantid}" in it, as in Microsoft's metadata, stands for the token's own `tid`, a UUID: who expects that
	 * has users of any tenant. */
	struct str issuer;
	struct str client_id;
	struct str nonce;        /* as it was sent with the authorization request */
	struct str access_token; /* that came with it: at_hash has to agree where it is there; absent: not looked at */
	struct str code;         /* the same for c_hash */
	uint32_t algs;           /* JWA(...) | of the signature */
	struct timestamp now;
};
#define JWA(alg) (UINT32_C(1) << (alg))

enum id_token_verdict {
	ID_TOKEN_GOOD,
	ID_TOKEN_FAILED, /* out of memory: nothing is wrong with it */
	ID_TOKEN_SIZE,
	ID_TOKEN_FORM, /* not three parts of base64url, the first a JSON object */
	ID_TOKEN_ALG,  /* not among those expected */
	ID_TOKEN_TYPE, /* `typ` says that it is something else, or `crit` or `b64` ask for more than is done here */
	ID_TOKEN_NO_KEY,
	ID_TOKEN_AMBIGUOUS_KEY,
	ID_TOKEN_SIGNATURE,
	ID_TOKEN_CLAIMS, /* signed, and no JSON object */
	ID_TOKEN_ISSUER,
	ID_TOKEN_SUBJECT,
	ID_TOKEN_AUDIENCE,
	ID_TOKEN_PARTY, /* azp is another, or missing where there are several audiences */
	ID_TOKEN_EXPIRY,
	ID_TOKEN_ISSUED,
	ID_TOKEN_NOT_YET,
	ID_TOKEN_NONCE,
	ID_TOKEN_ACCESS_TOKEN,
	ID_TOKEN_CODE,
	ID_TOKEN__COUNT
};

/* What is wrong, for the log: the end of a sentence that begins with "the ID token". */
const char *id_token_complaint(enum id_token_verdict verdict);

/* With ID_TOKEN_GOOD *claims_out is what it says, to be freed by doc_free: iss, sub, aud, exp and iat are there and of their types,
 * and nothing else need be. Else NULL. ID_TOKEN_NO_KEY: the set may be older than the key. */
enum id_token_verdict id_token_check(struct str token, const struct jwk_set *keys,
                                     const struct id_token_expected *expected, struct arena *arena,
                                     struct node **claims_out) MUST_USE;

#endif
