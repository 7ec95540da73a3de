#include "api/credentials.h"

#include "http/cookie.h"
#include "service/device.h"

/* ---- Bearer ------------------------------------------------------------------------------------------------------- */

/* RFC 6750, 2.1: "Bearer" 1*SP b64token. Another scheme is no credentials of ours. A web server joins a header that was
 * sent twice with a comma, which no token holds; what comes behind one in quotes begins no credentials (RFC 9110, 11.4),
 * but is more of a bad token: a JSON serialisation, say. ERR_NO_ROW: there is none. */
static enum err
bearer_token(const struct request *request, struct str *token)
{
	struct str rest = request->authorization;
	unsigned bearers = 0, credentials = 0, scraps = 0;

	while (rest.p != NULL) {
		struct str part = str_trim(str_cut(&rest, ','));
		if (part.n > 0 && part.p[0] == '"') {
			scraps++;
			continue;
		}
		credentials++;
		if (!str_eq_nocase(str_cut(&part, ' '), STR("Bearer")))
			continue;
		*token = str_trim(part);
		bearers++;
	}
	if (request->authorization_twice || (bearers > 0 && credentials > 1))
		return ERR_AMBIGUOUS;
	if (bearers == 0)
		return ERR_NO_ROW;
	return token->n > 0 && scraps == 0 ? OK : ERR_TOKEN;
}

/* ---- Cookies ------------------------------------------------------------------------------------------------------ */

/* The prefix has a browser take the cookie only with Secure and Path=/ and without Domain, so that no other host can set it
 * (RFC 6265bis, 4.1.3.2). Without https, which it needs, the name is plain. */
struct str
session_cookie_name(const struct config *config)
{
	return url_is_https(str_of(config->public_url)) ? STR("__Host-latch") : STR("latch");
}

bool
cookies_possible(const struct config *config)
{
	return url_is_https(str_of(config->public_url)) || url_is_loopback(str_of(config->public_url));
}

static struct str
device_cookie_name(const struct config *config)
{
	return url_is_https(str_of(config->public_url)) ? STR("__Host-latch-device") : STR("latch-device");
}

/* "" ends it. */
static enum err
set_cookie(struct ctx *c, struct str name, struct str value, uint32_t max_age_s)
{
	const bool secure = url_is_https(str_of(c->app->config.public_url));
	const struct str header =
		str_printf(c->arena, "%.*s=%.*s; Path=/; Max-Age=%u; HttpOnly; SameSite=Lax%s", (int)name.n, name.p,
	               (int)value.n, value.p, value.n > 0 ? max_age_s : 0, secure ? "; Secure" : "");

	if (header.p == NULL)
		return ERR_INTERNAL;
	response_header(c->response, "Set-Cookie", header);
	return OK;
}

enum err
set_session_cookie(struct ctx *c, struct str value)
{
	const struct config *config = &c->app->config;

	return set_cookie(c, session_cookie_name(config), value, config->session_ttl_s);
}

/* ---- Where from --------------------------------------------------------------------------------------------------- */

enum origin { ORIGIN_UNSAID, ORIGIN_SAME, ORIGIN_OTHER };

static struct str
authority_of(struct str origin)
{
	const size_t scheme = url_is_https(origin) ? 8 : 7;

	return (struct str){ origin.p + scheme, origin.n - scheme };
}

struct str
origin_of_host(const struct config *config, struct str host)
{
	struct str origin = url_origin(str_of(config->public_url)), rest = str_of(config->return_origins);

	while (!str_eq_nocase(authority_of(origin), host)) {
		if (rest.p == NULL || rest.n == 0)
			return (struct str){ 0 };
		origin = str_cut(&rest, ' ');
	}
	return origin;
}

/* Sec-Fetch-Site compares for us with the address that the browser has; without it the Origin is compared with the one that
 * this host has. */
static enum origin
origin_of(const struct ctx *c)
{
	const struct request *request = c->request;

	if (request->sec_fetch_site.n > 0)
		return str_eq(request->sec_fetch_site, STR("same-origin")) ? ORIGIN_SAME : ORIGIN_OTHER;
	if (request->origin.n == 0)
		return ORIGIN_UNSAID;
	const struct config *config = &c->app->config;
	const bool same = str_eq(request->origin, url_origin(str_of(config->public_url)))
	               || str_eq(request->origin, origin_of_host(config, request->host));
	return same ? ORIGIN_SAME : ORIGIN_OTHER;
}

bool
from_elsewhere(const struct ctx *c)
{
	return origin_of(c) == ORIGIN_OTHER;
}

/* ---- Who tries a password ----------------------------------------------------------------------------------------- */

struct proof_from
proof_from(const struct ctx *c)
{
	unsigned n;
	const struct str device = cookie_find(c->request->cookie, device_cookie_name(&c->app->config), &n);

	return (struct proof_from){ .address = client_from(c), .device = n == 1 ? device : (struct str){ 0 } };
}

enum err
set_device_cookie(struct ctx *c, const struct user *user)
{
	struct str device;

	if (!cookies_possible(&c->app->config) || from_elsewhere(c))
		return OK;
	const enum err err = device_make(c->app, user, c->arena, &device);
	return err == OK ? set_cookie(c, device_cookie_name(&c->app->config), device, DEVICE_TTL_S) : err;
}

/* ---- Both --------------------------------------------------------------------------------------------------------- */

enum err
credential_of(const struct ctx *c, bool may_change, struct credential *out)
{
	const struct request *request = c->request;
	struct str token = { 0 };
	unsigned cookies;
	const struct str cookie = cookie_find(request->cookie, session_cookie_name(&c->app->config), &cookies);
	const enum err err = bearer_token(request, &token);

	*out = (struct credential){ CREDENTIAL_NONE, { 0 } };
	/* A second Cookie header, which no client may send (RFC 6265, 5.4), is joined to the first by some web servers only. */
	if (cookies > 1 || request->cookie_twice || (cookies == 1 && err != ERR_NO_ROW))
		return ERR_AMBIGUOUS;
	if (cookies == 0) {
		if (err == OK)
			*out = (struct credential){ CREDENTIAL_BEARER, token };
		return err == ERR_NO_ROW ? OK : err;
	}
	*out = (struct credential){ CREDENTIAL_COOKIE, cookie };
	return !may_change || origin_of(c) == ORIGIN_SAME ? OK : ERR_CROSS_SITE;
}
