/* doctor_url.c: latchctl doctor --url: what can be seen of a running site from outside, and the mend where it is wrong. */
#include <string.h>

#include "ctl/site.h"

enum { SLOW_MS = 1000 };
/* A body that latch takes, and one that it refuses; what web servers are to refuse is more. */
enum { BODY_TAKEN = 60000, BODY_REFUSED = 66000 };

/* ---- Whether it is there ------------------------------------------------------------------------------------------ */

static struct finding
reachable(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/healthz" }, &answer)) {
		if (site->result == OUTBOUND_NOT_TRUSTED)
			return bad("TLS: %s; nobody's browser trusts it. Renew the certificate (certbot renew), and have the "
			           "server send the whole chain. For a CA of your own: --ca FILE",
			           shown(site, str_of(site->why)));
		return no_answer(site, "reachable");
	}
	if (answer.status == 503)
		return bad("reachable: the web server answers 503: no worker is there. Look at the pool, and whether the web "
		           "server may open its socket");
	if (answer.status != 200 || outbound_header(&answer, "X-Request-Id", 0).n == 0)
		return bad(
			"reachable: GET %s/healthz answers %u, and not as latch does: is it mounted there? What comes behind "
			"the mount has to arrive as PATH_INFO",
			site->url, answer.status);
	if (answer.took_ms > SLOW_MS)
		return hint("reachable: GET /healthz took %u ms", answer.took_ms);
	return good("reachable: GET /healthz took %u ms", answer.took_ms);
}

static struct finding
ready(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/readyz" }, &answer))
		return no_answer(site, "ready");
	if (answer.status != 200)
		return bad("ready: GET /readyz answers %u: %s; on the server run latchctl doctor", answer.status,
		           shown(site, json_of(site, &answer)->detail));
	return good("ready: database, schema and keys");
}

/* ---- What arrives ------------------------------------------------------------------------------------------------- */

static struct finding
paths(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/latchctl-doctor/nothing" }, &answer))
		return no_answer(site, "paths");
	if (!is_problem(site, &answer, 404, "not_found"))
		return bad("paths: an unknown path answers %u %s, and not latch's own 404: the web server has to send every "
		           "path below the mount to latch, and its answer back as it is (no error_page, no "
		           "fastcgi_intercept_errors, no try_files)",
		           answer.status, shown(site, outbound_header(&answer, "Content-Type", 0)));
	return good("paths: what is behind the mount arrives as PATH_INFO");
}

/* Links, the issuer and the cookie's name hang on it. */
static struct finding
public_url(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/latchctl-doctor/nothing" }, &answer))
		return no_answer(site, "public_url");
	const struct str type = json_of(site, &answer)->type, slug = STR("/problems/not_found");
	const struct str told = { type.p, type.n > slug.n ? type.n - slug.n : 0 };
	if (!str_eq(told, str_of(site->url)))
		return bad("public_url: latch says that it is at %s, and this is %s: set public_url in latch.conf to where "
		           "people reach it, its prefix included, and restart the workers",
		           shown(site, told), site->url);
	if (!site_ask(site, &(const struct ask){ .path = "/.well-known/openid-configuration" }, &answer))
		return no_answer(site, "public_url");
	const struct str keys = str_printf(site->arena, "%s/.well-known/jwks.json", site->url);
	if (!str_eq(json_of(site, &answer)->jwks_uri, keys))
		return bad(
			"public_url: /.well-known/openid-configuration answers %u and names other keys than %s: does something "
			"else serve /.well-known/ (an ACME client, say)? Leave what is below the mount to latch",
			answer.status, keys.p);
	return good("public_url: as people reach it");
}

static struct finding
sign_in_page(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/sign-in/" }, &answer))
		return no_answer(site, "sign-in page");
	if (answer.status != 200 || !str_starts(outbound_header(&answer, "Content-Type", 0), STR("text/html")))
		return bad("sign-in page: /sign-in/ answers %u %s: have the web server serve share/latch/sign-in there, as "
		           "lighttpd.conf and nginx.conf do",
		           answer.status, shown(site, outbound_header(&answer, "Content-Type", 0)));
	const struct str policy = outbound_header(&answer, "Content-Security-Policy", 0);
	if (strstr(shown(site, policy), "default-src 'none'") == NULL)
		return bad(
			"sign-in page: /sign-in/ comes without its Content-Security-Policy, so any site may put it into a frame; "
			"take the header from lighttpd.conf or nginx.conf");
	return good("sign-in page: /sign-in/, with its Content-Security-Policy");
}

static struct finding
authorization(struct site *site)
{
	struct outbound_response answer;
	const struct ask without = { .path = "/users/me" }, with = { .path = "/users/me", .headers = { BAD_BEARER } };

	if (!site_ask(site, &without, &answer))
		return no_answer(site, "Authorization");
	if (answer.status != 401 || !str_eq(outbound_header(&answer, "WWW-Authenticate", 0), STR("Bearer")))
		return bad("Authorization: GET /users/me without credentials answers %u with WWW-Authenticate %s, not 401 with "
		           "Bearer: something adds credentials or changes the answer on its way",
		           answer.status, shown(site, outbound_header(&answer, "WWW-Authenticate", 0)));
	if (!site_ask(site, &with, &answer))
		return no_answer(site, "Authorization");
	if (answer.status != 401
	    || strstr(shown(site, outbound_header(&answer, "WWW-Authenticate", 0)), "invalid_token") == NULL)
		return bad(
			"Authorization: a bearer token does not reach latch (%u, WWW-Authenticate %s). Apache: CGIPassAuth On; a "
			"proxy: pass Authorization on, and take it for no login of its own",
			answer.status, shown(site, outbound_header(&answer, "WWW-Authenticate", 0)));
	return good("Authorization: a bearer token reaches latch");
}

/* Each header by itself, and all at once. */
static struct finding
forged_identity(struct site *site)
{
	static const char *const routes[] = { "/users/me", "/auth/verify" };
	struct outbound_response answer;
	struct ask all = { 0 };

	for (size_t i = 0; forged_headers[i] != NULL; i++)
		all.headers[i] = forged_headers[i];
	for (size_t i = 0; i < COUNT(routes); i++) {
		all.path = routes[i];
		if (!site_ask(site, &all, &answer))
			return no_answer(site, "forged identity");
		if (answer.status < 400)
			return bad("forged identity: GET %s answers %u to somebody without credentials who sends X-Auth-User, "
			           "Remote-User, Variable-REMOTE_USER and the like: something before latch believes them. Have the "
			           "web server remove them",
			           all.path, answer.status);
	}
	return good("forged identity: headers that name a user are nothing to latch");
}

/* What cannot be read in one way must not reach a resource: /users%2fme is not /users/me. */
static struct finding
encoded_paths(struct site *site)
{
	static const char *const forms[] = { "/users%2fme",  "/users%5cme",  "/users/me%00",
		                                 "/users/me%0a", "/users/me%2f", "/users/me/..;/me" };
	struct outbound_response answer;

	for (size_t i = 0; i < COUNT(forms); i++) {
		if (!site_ask(site, &(const struct ask){ .path = forms[i], .headers = { BAD_BEARER } }, &answer)) {
			if (site->silent)
				return no_answer(site, "encoded paths");
			continue; /* a server that hangs up has refused it */
		}
		if (answer.status != 400 && answer.status != 403 && answer.status != 404)
			return bad("encoded paths: %s answers %u, not 400 or 404: the web server decodes what must be refused. "
			           "lighttpd: url-path-2f-reject, url-ctrls-reject; nginx: if ($request_uri ~* "
			           "\"^[^?]*%%([01][0-9a-f]|2f|7f)\") { "
			           "return 400; }; Apache: AllowEncodedSlashes Off",
			           forms[i], answer.status);
	}
	return good("encoded paths: slashes, backslashes and controls in %% are refused");
}

static bool
send_body(struct site *site, size_t n, struct outbound_response *answer)
{
	static const char begin[] = "{\"email\":\"", end[] = "\"}";
	char *body = arena_alloc(site->arena, n + 1);
	struct ask ask = { .method = "POST",
		               .path = "/auth/login",
		               .headers = { JSON_TYPE, "Accept-Encoding: gzip, deflate, br" } };

	if (body == NULL)
		return false;
	memset(body, 'x', n);
	memcpy(body, begin, sizeof(begin) - 1);
	memcpy(body + n - (sizeof(end) - 1), end, sizeof(end) - 1);
	ask.body = (struct str){ body, n };
	return site_ask(site, &ask, answer);
}

static struct finding
body_limit(struct site *site)
{
	struct outbound_response answer;

	if (!send_body(site, BODY_TAKEN, &answer))
		return no_answer(site, "body limit");
	if (!is_problem(site, &answer, 422, "validation_failed"))
		return bad(
			"body limit: a POST of %d bytes answers %u, and does not reach latch whole. nginx: client_max_body_size "
			"128k; lighttpd: server.max-request-size = 128; Apache: LimitRequestBody 131072",
			BODY_TAKEN, answer.status);
	if (!send_body(site, BODY_REFUSED, &answer))
		return no_answer(site, "body limit");
	if (!is_problem(site, &answer, 413, "payload_too_large"))
		return bad(
			"body limit: a POST of %d bytes answers %u, not latch's 413: does something before latch shorten it, or "
			"answer in its place? Let it pass 128 KiB",
			BODY_REFUSED, answer.status);
	return good("body limit: 64 KiB arrive, and more is latch's 413");
}

static struct finding
methods(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .method = "DELETE", .path = "/healthz" }, &answer))
		return no_answer(site, "methods");
	if (!is_problem(site, &answer, 405, "method_not_allowed")
	    || strstr(shown(site, outbound_header(&answer, "Allow", 0)), "GET") == NULL)
		return bad("methods: DELETE /healthz answers %u with Allow %s, not latch's 405: let PUT, PATCH and DELETE pass "
		           "(no limit_except, no <Limit>, no firewall that knows better)",
		           answer.status, shown(site, outbound_header(&answer, "Allow", 0)));
	if (!site_ask(site, &(const struct ask){ .method = "HEAD", .path = "/healthz" }, &answer))
		return bad("methods: HEAD /healthz: %s", shown(site, str_of(site->why)));
	if (answer.status != 200)
		return bad("methods: HEAD /healthz answers %u, and GET 200: let HEAD pass", answer.status);
	return good("methods: all reach latch; 405 has its Allow, HEAD its 200");
}

/* Without an account: whether a cookie reaches latch, and under which name it looks for its own. */
static struct finding
cookies(struct site *site)
{
	static const char *const sent[] = { "Cookie: latch=nobody", "Cookie: __Host-latch=nobody" };
	const size_t own = site_is_https(site) ? 1 : 0;
	struct outbound_response answer;
	bool known[COUNT(sent)];

	for (size_t i = 0; i < COUNT(sent); i++) {
		if (!site_ask(site, &(const struct ask){ .path = "/users/me", .headers = { sent[i] } }, &answer))
			return no_answer(site, "cookies");
		known[i] = strstr(shown(site, outbound_header(&answer, "WWW-Authenticate", 0)), "invalid_token") != NULL;
	}
	if (known[1 - own] && own == 1)
		return bad(
			"cookies: the session cookie has no Secure and no __Host-, as public_url does not say https: set it");
	if (!known[own])
		return bad(
			"cookies: a session cookie does not reach latch: pass Cookie on, and set public_url as people reach it");
	return good("cookies: they reach latch, which takes %s%s", own == 1 ? "__Host-latch alone" : "latch",
	            site->options->login == NULL ? " (its flags need an account: --login WHO)" : "");
}

/* ---- All of them -------------------------------------------------------------------------------------------------- */

static const struct probe first_probe = { reachable };
static const struct probe arrives_probes[] = {
	{ ready },           { paths },         { public_url }, { sign_in_page }, { authorization },
	{ forged_identity }, { encoded_paths }, { body_limit }, { methods },      { cookies },
};

int
doctor_url(struct app *app, const struct options *options)
{
	struct site site = { 0 };
	int failures = 1;

	if (!site_open(&site, app, options)) {
		site_close(&site);
		return EXIT_USAGE;
	}
	failures = probes_run(&site, &first_probe, 1);
	if (failures == 0) {
		failures = probes_run(&site, tls_probes, tls_probes_n);
		failures += probes_run(&site, arrives_probes, COUNT(arrives_probes));
		failures += probes_run(&site, answers_probes, answers_probes_n);
		if (options->login != NULL)
			failures += probes_run(&site, login_probes, login_probes_n);
		if (options->guard != NULL)
			failures += probes_run(&site, guard_probes, guard_probes_n);
		login_end(&site);
		if (site.silent)
			failures += tell(options, bad("the rest: not asked, as the site let this one wait"));
	}
	site_close(&site);
	return failures == 0 ? EXIT_OK : EXIT_FAILED;
}
