/* doctor_guard.c: latchctl doctor --url --guard: whether there is a way around the guard of a page. */
#include <stdio.h>
#include <string.h>

#include "ctl/site.h"

#define AS_PROGRAM "Accept: application/json"
#define AS_BROWSER "Accept: text/html,application/xhtml+xml", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"

/* Whether somebody got what he asked for: the page, a part of it, or that it has not changed. */
static bool
let_in(const struct outbound_response *answer)
{
	return (answer->status >= 200 && answer->status < 300) || answer->status == 304;
}

/* A header that is between latch and the web server, and tells who somebody is. */
static bool
tells_identity(const struct outbound_response *answer)
{
	static const char *const names[] = { "X-Auth-User",         "X-Auth-User-Id",       "X-Auth-Email",
		                                 "X-Auth-Roles",        "Variable-REMOTE_USER", "Variable-AUTH_USER_ID",
		                                 "Variable-AUTH_EMAIL", "Variable-AUTH_ROLES" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (outbound_header(answer, names[i], 0).p != NULL)
			return true;
	return false;
}

static struct finding
without_credentials(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .url = site->guard, .headers = { AS_PROGRAM } }, &answer))
		return no_answer(site, "guard");
	if (let_in(&answer))
		return bad(
			"guard: %s is not guarded: it answers %u to anybody. See that the location has its auth_request, its "
			"authorizer or its AuthnzFcgi lines, and nothing that goes before them (latchctl webserver prints them)",
			site->guard, answer.status);
	if (answer.status == 404)
		return bad("guard: %s answers 404: name a page that there is", site->guard);
	if (answer.status >= 500)
		return bad("guard: %s answers %u: the web server does not get an answer from latch that it can use",
		           site->guard, answer.status);
	if (answer.status != 401 && answer.status != 403)
		return bad("guard: %s answers %u to a program without credentials, not 401", site->guard, answer.status);
	if (tells_identity(&answer))
		return bad(
			"guard: its answers carry X-Auth-... or Variable-... to the client: they are between latch and the web "
			"server");
	return good("guard: without credentials %u", answer.status);
}

/* A person is led to the sign-in page of this site, and nowhere else. */
static struct finding
in_a_browser(struct site *site)
{
	struct outbound_response answer;
	const struct str page = str_printf(site->arena, "%s/sign-in/", site->url);

	if (!site_ask(site, &(const struct ask){ .url = site->guard, .headers = { AS_BROWSER } }, &answer))
		return no_answer(site, "guard, browser");
	const struct str location = outbound_header(&answer, "Location", 0);
	if (answer.status == 401 || answer.status == 403)
		return hint(
			"guard, browser: %u, and no way to the sign-in page. nginx: error_page 401 = @sign_in, see latchctl "
			"webserver nginx",
			answer.status);
	if (answer.status < 300 || answer.status > 399)
		return bad("guard, browser: a page load without credentials answers %u, and is not led to the sign-in page",
		           answer.status);
	if (!str_starts(location, page)
	    && !str_starts(location, (struct str){ page.p + url_origin(page).n, page.n - url_origin(page).n }))
		return bad("guard, browser: one is led to %s, and not to %s", shown(site, location), page.p);
	return good("guard, browser: one is led to the sign-in page");
}

/* Asks for the page in ways that must not let anybody in; "of" them, what did. */
static struct finding
refused(struct site *site, const char *name, const struct ask *asks, size_t n, const char *mend)
{
	struct outbound_response answer;

	for (size_t i = 0; i < n; i++) {
		struct ask ask = asks[i];
		ask.url = site->guard;
		if (!site_ask(site, &ask, &answer))
			return no_answer(site, name);
		if (let_in(&answer))
			return bad("%s: %u for %s%s%s: %s", name, answer.status, ask.method != NULL ? ask.method : "GET",
			           ask.headers[0] != NULL ? " with " : "", ask.headers[0] != NULL ? ask.headers[0] : "", mend);
	}
	return good("%s: refused", name);
}

static struct finding
forged(struct site *site)
{
	struct ask asks[ASK_HEADERS_MAX] = { 0 };
	size_t n = 0;

	for (; forged_headers[n] != NULL; n++)
		asks[n].headers[0] = forged_headers[n];
	return refused(
		site, "guard, forged headers", asks, n,
		"the web server takes a client's header for the guard's word; have it remove that header before it asks");
}

static struct finding
bad_credentials(struct site *site)
{
	static const struct ask asks[] = {
		{ .headers = { BAD_BEARER } },
		{ .headers = { "Authorization: Basic YWRtaW46YWRtaW4=" } },
		{ .headers = { "Authorization: Bearer" } },
		{ .headers = { "Cookie: latch=nobody" } },
		{ .headers = { "Cookie: __Host-latch=nobody" } },
		{ .headers = { "Cookie: latch=; __Host-latch=; latch" } },
		{ .headers = { "Cookie: =;;==;\"" } },
	};

	return refused(site, "guard, bad credentials", asks, COUNT(asks),
	               "the web server must let in on 200 alone, and have latch itself look at Authorization and Cookie");
}

static struct finding
methods(struct site *site)
{
	static const struct ask asks[] = {
		{ .method = "HEAD" },
		{ .method = "LATCHCTL" },
		{ .headers = { "X-HTTP-Method-Override: OPTIONS" } },
		{ .headers = { "Range: bytes=0-9" } },
		{ .headers = { "If-Modified-Since: Fri, 31 Dec 2038 23:59:59 GMT" } },
		{ .headers = { "X-Original-URL: /" } },
		{ .headers = { "X-Rewrite-URL: /" } },
		{ .headers = { "X-Forwarded-Uri: /" } },
	};

	return refused(
		site, "guard, methods", asks, COUNT(asks),
		"the guard must be asked whatever the method and the other headers are (no <Limit>, no limit_except)");
}

/* The page's path in spellings that some servers take for it. */
static struct finding
spellings(struct site *site)
{
	static const char *const before[] = { "/",    "/.", "/%2e",  "/%2f", "/latchctl/..", "/latchctl/%2e%2e",
		                                  "/..;", "/;", "/%5c.." };
	static const char *const behind[] = { "%00",   "%20", ".",   "/.",  "%2f",     ";x=1",
		                                  "/..;/", "%3f", "%23", "%0a", "::$DATA", "~" };
	const struct str origin = url_origin(str_of(site->guard));
	struct outbound_response answer;

	for (size_t i = 0; i < COUNT(before) + COUNT(behind); i++) {
		const char *path = site->guard + origin.n;
		const struct str url = i < COUNT(before)
		                         ? str_printf(site->arena, "%.*s%s%s", (int)origin.n, origin.p, before[i], path)
		                         : str_printf(site->arena, "%s%s", site->guard, behind[i - COUNT(before)]);
		if (!site_ask(site, &(const struct ask){ .url = url.p, .headers = { AS_PROGRAM } }, &answer)) {
			if (site->silent)
				return no_answer(site, "guard, spellings");
			continue; /* a server that hangs up has refused it */
		}
		if (let_in(&answer))
			return bad(
				"guard, spellings: %s answers %u to anybody. If that is this page: the guard has to stand before all "
				"that serves it, and the server to refuse what it does not read in one way",
				url.p, answer.status);
	}
	return good("guard, spellings: none leads around it");
}

/* Whether a cache on the way may keep it and give it to others (RFC 9111, 3): of a request with a cookie it may. */
static bool
is_everybodys(const struct site *site, const struct outbound_response *answer)
{
	const char *control = shown(site, outbound_header(answer, "Cache-Control", 0));

	return strstr(control, "private") == NULL && strstr(control, "no-store") == NULL
	    && strstr(control, "no-cache") == NULL;
}

static struct finding
signed_in(struct site *site)
{
	struct outbound_response answer;

	if (site->cookie[0] == '\0')
		return hint("guard, signed in: whether it lets anybody in needs an account: --login WHO");
	/* It is this origin's secret. */
	if (!str_eq(url_origin(str_of(site->guard)), url_origin(str_of(site->url))))
		return hint("guard, signed in: not tried, as the page is of another origin than %s", site->url);
	if (!site_ask(site, &(const struct ask){ .url = site->guard, .headers = { site->cookie, AS_BROWSER } }, &answer))
		return no_answer(site, "guard, signed in");
	if (answer.status == 403)
		return hint("guard, signed in: 403, so this user lacks what the page takes");
	if (answer.status >= 300 && answer.status != 304)
		return bad(
			"guard, signed in: %u. Is the page on the host of %s, to which the cookie goes, and is Cookie passed to "
			"latch (nginx: the location of auth_request)?",
			answer.status, site->url);
	if (tells_identity(&answer))
		return bad("guard, signed in: the answer carries X-Auth-... or Variable-... to the client");
	if (is_everybodys(site, &answer))
		return hint("guard, signed in: %u, with Cache-Control %s: a cache on the way may keep the page and give it to "
		            "others, and a browser shows it after signing out. Send Cache-Control: private, no-cache",
		            answer.status, shown(site, outbound_header(&answer, "Cache-Control", 0)));
	return good("guard, signed in: %u", answer.status);
}

const struct probe guard_probes[] = {
	{ without_credentials }, { in_a_browser }, { forged }, { bad_credentials }, { methods },
	{ spellings },           { signed_in },
};
const size_t guard_probes_n = COUNT(guard_probes);
