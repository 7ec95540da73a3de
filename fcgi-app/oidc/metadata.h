/*
 * metadata.h: what an identity provider publishes about itself (OpenID Connect Discovery 1.0, 3 and 4; RFC 8414), and which
 * addresses may be taken from it.
 */
#ifndef LATCH_OIDC_METADATA_H
#define LATCH_OIDC_METADATA_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

enum { METADATA_TEXT_MAX = 128 * 1024, ENDPOINT_MAX = 512 /* bytes of a URL */ };

struct metadata {
	struct str authorization_endpoint, token_endpoint, jwks_uri;
	struct str userinfo_endpoint; /* absent: there is none */
	bool names_itself;            /* its answers to authorization requests have `iss` (RFC 9207) */
};

/* Whether requests may be sent to a URL: https, at most ENDPOINT_MAX bytes of printable ASCII, a host, no user name before it and no
 * fragment behind it. `loopback`: also http to this machine itself, for a provider that runs there. Which addresses its name
 * may lead to is seen to when it is connected to. */
bool endpoint_usable(struct str url, bool loopback);

/* Where an issuer publishes it. */
struct str metadata_url(struct str issuer, struct arena *arena);

enum metadata_verdict {
	METADATA_GOOD,
	METADATA_FAILED, /* out of memory: nothing is wrong with it */
	METADATA_FORM,   /* no JSON object, or too large */
	METADATA_ISSUER, /* it is another issuer's: taken over, or a typing error in the configuration */
	METADATA_AUTHORIZATION_ENDPOINT,
	METADATA_TOKEN_ENDPOINT,
	METADATA_USERINFO_ENDPOINT,
	METADATA_JWKS_URI, /* missing, but for userinfo_endpoint, or not usable */
	METADATA__COUNT
};

/* What is wrong, for the log: the end of a sentence that begins with "the provider's metadata". */
const char *metadata_complaint(enum metadata_verdict verdict);

/* `issuer`: the configured one, which has to stand in there byte for byte (Discovery, 4.3). Texts in the arena. */
enum metadata_verdict metadata_read(struct str text, struct str issuer, bool loopback, struct arena *arena,
                                    struct metadata *out) MUST_USE;

#endif
