/*
 * client.h: what latch, a client of an identity provider, sends there: the browser with an authorization request (RFC 6749, 4.1.1;
 * OpenID Connect Core 1.0, 3.1.2.1), and the code with proof of who asks (RFC 6749, 4.1.3; RFC 7636; RFC 7523).
 *
 * All texts are in the arena; absent: it is full. `now` is the time of the request.
 */
#ifndef LATCH_OIDC_CLIENT_H
#define LATCH_OIDC_CLIENT_H

#include "auth/jws.h"
#include "core/arena.h"
#include "core/clock.h"

/* How a client proves itself at the token endpoint (OpenID Connect Core 1.0, 9). */
enum client_auth {
	CLIENT_AUTH_BASIC,       /* client_secret_basic */
	CLIENT_AUTH_POST,        /* client_secret_post */
	CLIENT_AUTH_PRIVATE_KEY, /* private_key_jwt */
	CLIENT_AUTH_APPLE        /* client_secret_post, and the secret is a JWT of the team's own key */
};

struct client {
	struct str id;
	enum client_auth auth;
	struct str secret;         /* of BASIC and POST */
	const struct jws_key *key; /* of the others */
	struct str key_id;         /* absent: its JWTs have no kid */
	struct str team_id;        /* of APPLE */
};

/* ---- The browser's way there ------------------------------------------------------------------------------------- */

enum { PKCE_CHALLENGE_LENGTH = 43 };

/* base64url of the verifier's SHA-256 (RFC 7636, 4.2: S256), and a NUL. ERR_INTERNAL. */
enum err pkce_challenge(struct str verifier, char out[PKCE_CHALLENGE_LENGTH + 1]) MUST_USE;

struct authorization_request {
	struct str endpoint, client_id, redirect_uri, scope, state;
	struct str nonce;                 /* absent: the provider has no ID tokens */
	struct str code_challenge;        /* S256 */
	struct str prompt, response_mode; /* absent: not sent */
};

struct str authorization_url(const struct authorization_request *request, struct arena *arena);

/* ---- The code's ---------------------------------------------------------------------------------------------------- */

enum { ASSERTION_TTL_S = 300 };

struct token_request {
	struct str endpoint, code, redirect_uri, code_verifier;
};

/* A form (application/x-www-form-urlencoded), and "Authorization: ..." or absent. Both hold secrets. ERR_INTERNAL: the arena is
 * full, or the key does not sign. */
enum err token_request_write(const struct client *client, const struct token_request *request, struct timestamp now,
                             struct arena *arena, struct str *body_out, struct str *header_out) MUST_USE;

#endif
