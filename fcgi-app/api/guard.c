/* guard.c: the web server asks whether a request for a page of a site may pass: as an authorizer (FastCGI 1.0, 6.3), or by
 * GET /auth/verify. Both are one row of the route table and differ in how they are told. */
#include "service/guard.h"

#include <string.h>

#include "api/credentials.h"
#include "core/metrics.h"

/* ---- What is asked about ------------------------------------------------------------------------------------------ */

struct verify_query {
	struct str require;
};

static const struct field verify_fields[] = {
	FIELD(struct verify_query, require, .max = REQUIREMENT_MAX, .rule = &rule_require, .example = "user",
	      .help =
	          "what it takes to pass: public, nobody, or words of user, verified, role:NAME, permission:AREA:ACTION"),
};
const struct schema verify_query = SCHEMA("VerifyQuery", struct verify_query, verify_fields);

/* Whether it comes from a proxy whose word counts: with forward-auth it is headers that say what is asked about. */
static bool
proxy_asks(const struct ctx *c)
{
	struct address from;

	return address_parse(c->request->remote_addr, &from) && address_in(&c->app->config.proxies, &from);
}

static struct str
first_of(struct str a, struct str b)
{
	return a.p != NULL ? a : b;
}

static struct guarded
asked_of(const struct ctx *c)
{
	const struct request *request = c->request;
	const struct verify_query *query = c->query;
	const struct str nothing = { 0 };
	struct str target = request->authorizer ? request->uri : nothing;
	struct str method = request->authorizer ? request->method_name : STR("GET");

	if (!request->authorizer && proxy_asks(c)) {
		target = request->x_forwarded_uri;
		method = first_of(request->x_forwarded_method, method);
	}
	return (struct guarded){ .require = first_of(request->latch_require, query->require),
		                     .target = first_of(request->latch_uri, target),
		                     .method = first_of(request->latch_method, method) };
}

static bool
only_reads(struct str method)
{
	return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

/* ---- The answer --------------------------------------------------------------------------------------------------- */

static void
tell(struct ctx *c, const char *to_authorizer, const char *to_others, struct str value)
{
	if (value.n > 0) /* web servers drop a header that is empty */
		response_header(c->response, c->request->authorizer ? to_authorizer : to_others, value);
}

/* Addresses, user names, roles and ids are ASCII without spaces, so they can be headers as they are. */
static enum err
let_in(struct ctx *c)
{
	const struct user *user = &c->principal.user;

	/* Of an authorizer's 200 the web server takes the variables, and throws all else away (FastCGI 1.0, 6.3): but not before it
	 * has read and stored it. */
	if (c->request->authorizer) {
		c->response->nheaders = 0;
		c->response->cacheable = true;
	}
	tell(c, "Variable-REMOTE_USER", "X-Auth-User", str_of(user->username[0] != '\0' ? user->username : user->email));
	tell(c, "Variable-AUTH_USER_ID", "X-Auth-User-Id", str_of(user->id.text));
	tell(c, "Variable-AUTH_EMAIL", "X-Auth-Email", str_of(user->email));
	tell(c, "Variable-AUTH_ROLES", "X-Auth-Roles", str_of(user->roles));
	return reply_empty(c);
}

/* A WebSocket begins with a GET, and is open to any page of any origin that a browser shows (RFC 6455, 10.2). It is known by its
 * key, as Apache's authorizer is not told of Upgrade. */
static enum err
prove(struct ctx *c, struct str method)
{
	const bool may_change = !only_reads(method) || c->request->sec_websocket_key.p != NULL;
	const enum err err = credential_of(c, may_change, &c->credential);

	if (err != OK)
		return err;
	if (c->credential.kind == CREDENTIAL_NONE)
		return ERR_UNAUTHORIZED;
	return principal_remembered(c->app, &c->credential, &c->client, &c->principal);
}

static void
count(enum err err)
{
	metrics_add(err == OK                                     ? COUNT_GUARD_LET_IN
	            : err == ERR_UNAUTHORIZED || err == ERR_TOKEN ? COUNT_GUARD_UNKNOWN
	            : err == ERR_DB || err == ERR_INTERNAL        ? COUNT_GUARD_ERROR
	                                                          : COUNT_GUARD_REFUSED,
	            1);
}

enum err
auth_verify(struct ctx *c)
{
	const struct guarded asked = asked_of(c);
	const struct rule_line *rule;
	struct str require;
	enum err err = guard_requirement(c->app, &asked, &require, &rule, &c->why);

	if (err == OK) {
		err = prove(c, asked.method);
		if (err != OK && guard_lets_anybody_in(require)) {
			c->principal = (struct principal){ 0 }; /* as nobody */
			err = OK;
		} else if (err == OK) {
			err = guard_admits(require, &c->principal);
		}
	}
	count(err);
	return err == OK ? let_in(c) : err;
}

/* ---- A person who is not signed in --------------------------------------------------------------------------------- */

static bool
has_text(struct str s, struct str text)
{
	for (size_t i = 0; i + text.n <= s.n; i++)
		if (str_eq_nocase((struct str){ s.p + i, text.n }, text))
			return true;
	return false;
}

static bool
absent_or(struct str s, struct str a, struct str b)
{
	return s.p == NULL || str_eq(s, a) || str_eq(s, b);
}

/* Whether a browser loads a page for somebody to look at; a program, or a page's script, cannot sign in. */
static bool
loads_page(const struct ctx *c)
{
	const struct request *request = c->request;

	return only_reads(asked_of(c).method) && has_text(request->accept, STR("text/html"))
	    && absent_or(request->sec_fetch_mode, STR("navigate"), STR("navigate"))
	    && absent_or(request->sec_fetch_dest, STR("document"), STR("iframe"));
}

/* A path of one origin: "//host" and "/\host" would be another's. */
static bool
is_local_path(struct str s)
{
	if (s.n == 0 || s.p[0] != '/' || (s.n > 1 && s.p[1] == '/'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '\\')
			return false;
	return true;
}

/* The origin that the page has for the browser, where it is one of ours. */
static struct str
origin_here(const struct ctx *c)
{
	const struct request *request = c->request;
	const struct str host = proxy_asks(c) ? first_of(request->x_forwarded_host, request->host) : request->host;

	return origin_of_host(&c->app->config, host);
}

enum { RETURN_TO_MAX = 2000 };

static struct str
sign_in_url(struct ctx *c)
{
	const struct str home = str_of(c->app->config.public_url), own = url_origin(home), here = origin_here(c);
	const struct str mount = { home.p + own.n, home.n - own.n }, target = asked_of(c).target;

	if (here.p == NULL || target.n > RETURN_TO_MAX || !is_local_path(target))
		return str_printf(c->arena, "%s/sign-in/", home.p);
	const struct str to = str_percent_encode(c->arena, target, "/");
	return str_printf(c->arena, "%.*s%.*s/sign-in/?return_to=%.*s", (int)here.n, here.p, (int)mount.n, mount.p,
	                  (int)to.n, to.p);
}

/* The server that asked sends an authorizer's refusal on as it is. One that asked by /auth/verify sends its own, and is told
 * where to. */
void
auth_verify_refuse(struct ctx *c, enum err err)
{
	const bool unknown = (err == ERR_UNAUTHORIZED || err == ERR_TOKEN) && c->credential.kind != CREDENTIAL_BEARER;

	if (!loads_page(c))
		return;
	if (unknown && cookies_possible(&c->app->config)) {
		response_header(c->response, c->request->authorizer ? "Location" : "X-Auth-Sign-In", sign_in_url(c));
		if (c->request->authorizer) {
			c->response->status = 302;
			c->response->content_type = NULL;
		}
	} else if (c->request->authorizer) {
		const struct problem *problem = &problems[err];
		c->response->content_type = "text/html; charset=utf-8";
		c->response->body = str_printf(c->arena, "<!DOCTYPE html>\n<title>%s</title>\n<h1>%s</h1>\n<p>%s\n",
		                               problem->title, problem->title, problem->detail);
	}
}

/* ---- GET /auth/return-to ------------------------------------------------------------------------------------------ */

struct return_to {
	struct str url;
};

static const struct field return_query_fields[] = {
	FIELD(struct return_to, url, .max = 4096, .example = "/reports/",
	      .help = "where somebody was when he had to sign in"),
};
const struct schema return_query = SCHEMA("ReturnQuery", struct return_to, return_query_fields);

static const struct field return_fields[] = {
	FIELD(struct return_to, url, .example = "https://example.org/reports/"),
};
const struct schema return_out = SCHEMA("ReturnResponse", struct return_to, return_fields);

/* What follows the origin, where it is one of ours; else absent. */
static struct str
path_of_ours(const struct config *config, struct str url, struct str *origin_out)
{
	if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
		return (struct str){ 0 };
	const struct str origin = url_origin(url);
	const size_t scheme = url_is_https(url) ? 8 : 7;
	*origin_out = origin_of_host(config, (struct str){ origin.p + scheme, origin.n - scheme });
	const struct str path = { url.p + origin.n, url.n - origin.n };
	return origin_out->p == NULL ? *origin_out : path.n > 0 ? path : STR("/");
}

enum err
auth_return_to(struct ctx *c)
{
	const struct config *config = &c->app->config;
	const struct return_to *query = c->query;
	struct str origin = first_of(origin_here(c), url_origin(str_of(config->public_url))), path = query->url;
	struct return_to out = { str_printf(c->arena, "%s/", config->public_url) };

	if (path.n > 0 && path.p[0] != '/')
		path = path_of_ours(config, path, &origin);
	if (is_local_path(path))
		out.url = str_printf(c->arena, "%.*s%.*s", (int)origin.n, origin.p, (int)path.n, path.p);
	return reply(c, &out);
}
