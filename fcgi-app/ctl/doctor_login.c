/* doctor_login.c: latchctl doctor --url --login: what only somebody sees who signs in. */
#include <stdio.h>
#include <string.h>

#include "core/random.h"
#include "ctl/site.h"
#include "http/json.h"

/* An address that nobody has (RFC 5737), another one each time. */
static void
make_forged(struct site *site)
{
	static const char *const nets[] = { "192.0.2", "198.51.100", "203.0.113" };
	unsigned char dice[2];

	random_bytes(dice, sizeof(dice));
	(void)snprintf(site->forged, sizeof(site->forged), "%s.%u", nets[dice[0] % COUNT(nets)], 1 + dice[1] % 254U);
}

/* {"email" or "username", "password", "transport": "cookie"}; absent: no password, or no memory. */
static struct str
login_body(const struct site *site)
{
	char password[PASSWORD_BYTES_MAX + 2];
	struct doc doc = { false };
	struct node *root = doc_object(&doc);
	const char *who = site->options->login;
	struct str body = { 0 };

	const bool read = read_known_password(password, sizeof(password)) && utf8_length(str_of(password)) >= 0
	               && utf8_length(str_of(who)) >= 0;
	doc_set(&doc, root, strchr(who, '@') != NULL ? "email" : "username", doc_text(&doc, read ? who : ""));
	doc_set(&doc, root, "password", doc_text(&doc, read ? password : ""));
	doc_set(&doc, root, "transport", doc_text(&doc, "cookie"));
	explicit_bzero(password, sizeof(password));
	const enum err err = doc_render(&doc, root, site->arena, &body);
	return err == OK && read ? body : (struct str){ 0 };
}

/* ---- Cookies ------------------------------------------------------------------------------------------------------ */

static bool
has_attribute(struct str cookie, const char *wanted)
{
	while (cookie.p != NULL)
		if (str_eq_nocase(str_trim(str_cut(&cookie, ';')), str_of(wanted)))
			return true;
	return false;
}

static bool
has_domain(struct str cookie)
{
	while (cookie.p != NULL) {
		struct str attribute = str_trim(str_cut(&cookie, ';'));
		if (str_eq_nocase(str_trim(str_cut(&attribute, '=')), STR("Domain")))
			return true;
	}
	return false;
}

static struct finding
check_flags(const struct site *site, struct str cookie)
{
	static const char *const wanted[] = { "HttpOnly", "SameSite=Lax", "Path=/", "Secure" };
	const size_t n = site_is_https(site) ? COUNT(wanted) : COUNT(wanted) - 1;

	for (size_t i = 0; i < n; i++)
		if (!has_attribute(cookie, wanted[i]))
			return bad(
				"session cookie: it comes without %s: the web server must leave Set-Cookie as latch sends it (no "
				"proxy_cookie_path, no Header edit Set-Cookie)",
				wanted[i]);
	if (has_domain(cookie))
		return bad(
			"session cookie: it comes with Domain, so other hosts get it: the web server must leave Set-Cookie as "
			"latch sends it (no proxy_cookie_domain)");
	if (site_is_https(site) && !str_starts(cookie, STR("__Host-latch=")))
		return bad("session cookie: it is not called __Host-latch: set public_url in latch.conf to %s", site->url);
	return good("session cookie: HttpOnly, SameSite=Lax, Path=/, no Domain%s",
	            site_is_https(site) ? ", Secure, __Host-" : "; without https it cannot have Secure");
}

/* ---- The probes --------------------------------------------------------------------------------------------------- */

/* Signs in, as if from the forged address. The password goes over TLS, or stays on this machine. */
static struct finding
signing_in(struct site *site)
{
	const struct str origin = url_origin(str_of(site->url));
	struct outbound_response answer;
	struct ask ask = { .method = "POST", .path = "/auth/login", .headers = { JSON_TYPE } };

	make_forged(site);
	if (!site_is_https(site) && !url_is_loopback(str_of(site->url)))
		return bad("signing in: not tried, as the password would travel in the clear");
	ask.headers[1] = str_printf(site->arena, "Origin: %.*s", (int)origin.n, origin.p).p;
	ask.headers[2] = str_printf(site->arena, "X-Forwarded-For: %s", site->forged).p;
	ask.body = login_body(site);
	if (ask.body.p == NULL)
		return bad("signing in: there is no password to do it with");
	if (!site_ask(site, &ask, &answer))
		return no_answer(site, "signing in");
	if (answer.status != 200)
		return bad("signing in: POST /auth/login answers %u: %s", answer.status,
		           shown(site, json_of(site, &answer)->detail));
	for (unsigned i = 0; outbound_header(&answer, "Set-Cookie", i).p != NULL; i++) {
		const struct str cookie = outbound_header(&answer, "Set-Cookie", i);
		struct str rest = cookie;
		const struct str pair = str_cut(&rest, ';');
		if (!str_starts(pair, STR("latch=")) && !str_starts(pair, STR("__Host-latch=")))
			continue;
		const int n = snprintf(site->cookie, sizeof(site->cookie), "Cookie: %.*s", (int)pair.n, pair.p);
		if ((size_t)n >= sizeof(site->cookie))
			site->cookie[0] = '\0';
		return check_flags(site, cookie);
	}
	return bad(
		"session cookie: POST /auth/login answers 200 without it: the web server must leave Set-Cookie as it is");
}

static struct finding
who_am_i(struct site *site)
{
	struct outbound_response answer;
	const struct ask ask = { .path = "/users/me",
		                     .headers = { site->cookie, "Accept-Encoding: gzip, deflate, br, zstd" } };

	if (site->cookie[0] == '\0')
		return hint("signed in: not seen");
	if (!site_ask(site, &ask, &answer))
		return no_answer(site, "signed in");
	if (answer.status != 200)
		return bad("signed in: GET /users/me with the new cookie answers %u: do all workers share one key file and one "
		           "database?",
		           answer.status);
	if (strstr(shown(site, outbound_header(&answer, "Cache-Control", 0)), "no-store") == NULL)
		return bad("signed in: what is personal comes with Cache-Control %s: the web server must not change it",
		           shown(site, outbound_header(&answer, "Cache-Control", 0)));
	if (outbound_header(&answer, "Content-Encoding", 0).n > 0)
		return bad("signed in: what is personal is compressed (%s): switch it off below this path",
		           shown(site, outbound_header(&answer, "Content-Encoding", 0)));
	return good("signed in: the cookie is good for /users/me, which nobody may store");
}

static bool
body_has(const struct outbound_response *answer, const char *text)
{
	return answer->body.n > 0 && memmem(answer->body.p, answer->body.n, text, strlen(text)) != NULL;
}

/* The list of sessions tells from where latch believes that this one was begun. */
static struct finding
client_address_seen(struct site *site)
{
	struct outbound_response answer;
	const struct ask ask = { .path = "/users/me/sessions", .headers = { site->cookie } };

	if (site->cookie[0] == '\0')
		return hint("client address: not seen");
	if (!site_ask(site, &ask, &answer))
		return no_answer(site, "client address");
	if (answer.status != 200)
		return bad("client address: GET /users/me/sessions answers %u", answer.status);
	if (!body_has(&answer, site->forged))
		return good("client address: X-Forwarded-For of a client is not believed");
	if (site->app != NULL && answer.peer_known && address_in(&site->app->config.proxies, &answer.peer))
		return hint("client address: X-Forwarded-For is believed, as this very machine is in trusted_proxies: ask from "
		            "another one");
	return bad("client address: latch takes what a client says in X-Forwarded-For for its address, so nobody is slowed "
	           "down who guesses. The proxy has to set that header itself (nginx: proxy_set_header X-Forwarded-For "
	           "$remote_addr; Caddy and Apache: do not append), or trusted_proxies names more than the proxy");
}

const struct probe login_probes[] = { { signing_in }, { who_am_i }, { client_address_seen } };
const size_t login_probes_n = COUNT(login_probes);

void
login_end(struct site *site)
{
	const struct str origin = url_origin(str_of(site->url));
	struct outbound_response answer;
	struct ask ask = {
		.method = "POST", .path = "/auth/logout", .headers = { site->cookie, JSON_TYPE }, .body = STR("{}")
	};

	if (site->cookie[0] == '\0')
		return;
	ask.headers[2] = str_printf(site->arena, "Origin: %.*s", (int)origin.n, origin.p).p;
	if (!site_ask(site, &ask, &answer) || answer.status != 204)
		(void)complain("the session that was begun for this could not be ended; latchctl session end does it");
	arena_reset(site->arena);
}
