/* credentials.h: what a request presents to prove who it is from, and the cookies that are set for that. */
#ifndef LATCH_API_CREDENTIALS_H
#define LATCH_API_CREDENTIALS_H

#include "api/route.h"
#include "service/account.h"

/* The bearer token (RFC 6750, 2.1) or the session cookie; CREDENTIAL_NONE where there is neither. ERR_AMBIGUOUS: more than
 * one. ERR_TOKEN: "Bearer" with nothing or scraps behind it. ERR_CROSS_SITE: a cookie, with a method that may change
 * something (may_change), from a page of another origin, or from who does not say. */
enum err credential_of(const struct ctx *c, bool may_change, struct credential *out) MUST_USE;

/* The configured origin that a host's name stands for (RFC 9110, 7.2): public_url's, or one of return_origins; absent: none. The
 * scheme is the configured one: behind a proxy that ends TLS nobody else can say which it is. */
struct str origin_of_host(const struct config *config, struct str host);

/* Whether a browser says that the request comes from a page of another origin (Fetch Metadata; RFC 6454, 7). */
bool from_elsewhere(const struct ctx *c);

/* Cookies need https, or a public_url on this very machine. */
bool cookies_possible(const struct config *config);
struct str session_cookie_name(const struct config *config);
/* Sets the session cookie; "" ends it. */
enum err set_session_cookie(struct ctx *c, struct str value) MUST_USE;

/* What service/throttle.h asks of who tries a password. A device cookie that was sent twice counts for nothing. */
struct proof_from proof_from(const struct ctx *c);
/* Has the browser remember that this user, who has just proved himself, signed in with it (service/device.h). Nothing where
 * cookies are not possible, or another site's page asks: it could take the place of the visitor's own. */
enum err set_device_cookie(struct ctx *c, const struct user *user) MUST_USE;

#endif
