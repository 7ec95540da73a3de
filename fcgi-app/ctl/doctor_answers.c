/* doctor_answers.c: latchctl doctor --url: what must not be in a site's answers, or not for everybody. */
#include <stdlib.h>
#include <string.h>

#include "ctl/site.h"
#include "db/server.h"

enum { CLOCK_MS_MAX = 5000 };

static struct finding
caching(struct site *site)
{
	struct outbound_response answer;

	if (!site_ask(site, &(const struct ask){ .path = "/users/me", .headers = { BAD_BEARER } }, &answer))
		return no_answer(site, "caching");
	if (strstr(shown(site, outbound_header(&answer, "Cache-Control", 0)), "no-store") == NULL
	    || outbound_header(&answer, "Age", 0).n > 0)
		return bad("caching: GET /users/me comes with Cache-Control %s%s: the web server must not change it (nginx: no "
		           "expires, "
		           "no fastcgi_cache; a CDN: no caching below this path)",
		           shown(site, outbound_header(&answer, "Cache-Control", 0)),
		           outbound_header(&answer, "Age", 0).n > 0 ? " out of a cache" : "");
	return good("caching: no-store");
}

/* Where a page mixes secrets and what somebody else chose, its length tells them (BREACH). */
static struct finding
compression(struct site *site)
{
	struct outbound_response answer;
	const struct ask ask = { .path = "/users/me",
		                     .headers = { BAD_BEARER, "Accept-Encoding: gzip, deflate, br, zstd" } };
	const struct ask json = { .path = "/.well-known/openid-configuration",
		                      .headers = { "Accept-Encoding: gzip, deflate, br, zstd" } };
	struct str how;

	if (!site_ask(site, &ask, &answer))
		return no_answer(site, "compression");
	how = outbound_header(&answer, "Content-Encoding", 0);
	if (how.n > 0 && !str_eq_nocase(how, STR("identity")))
		return bad(
			"compression: answers of /users/me come as %s, and their length tells of the secrets in them: switch it "
			"off below this path (nginx: gzip off; lighttpd: no application/json in deflate.mimetypes)",
			shown(site, how));
	if (!site_ask(site, &json, &answer))
		return no_answer(site, "compression");
	how = outbound_header(&answer, "Content-Encoding", 0);
	if (how.n > 0 && !str_eq_nocase(how, STR("identity")))
		return bad(
			"compression: application/json comes as %s, and so do tokens: switch it off below this path (nginx: gzip "
			"off; lighttpd: no application/json in deflate.mimetypes)",
			shown(site, how));
	return good("compression: none");
}

static struct finding
cross_origin(struct site *site)
{
	static const char origin[] = "Origin: https://latchctl-doctor.invalid";
	const struct ask asks[] = {
		{ .path = "/users/me", .headers = { origin } },
		{ .method = "OPTIONS", .path = "/users/me", .headers = { origin, "Access-Control-Request-Method: PATCH" } },
	};
	struct outbound_response answer;

	for (size_t i = 0; i < COUNT(asks); i++) {
		if (!site_ask(site, &asks[i], &answer))
			return no_answer(site, "CORS");
		const struct str allowed = outbound_header(&answer, "Access-Control-Allow-Origin", 0);
		if (allowed.n > 0)
			return bad(
				"CORS: a page of https://latchctl-doctor.invalid may call the API (Access-Control-Allow-Origin %s): "
				"remove that header from the web server's configuration; latch sends it for cors_origins",
				shown(site, allowed));
	}
	return good("CORS: not open to a foreign origin");
}

static struct finding
metrics(struct site *site)
{
	static const char *const claims[] = { "X-Latchctl: doctor", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: ::1",
		                                  "X-Forwarded-For: 10.0.0.1" };
	struct outbound_response answer;

	for (size_t i = 0; i < COUNT(claims); i++) {
		if (!site_ask(site, &(const struct ask){ .path = "/metrics", .headers = { claims[i] } }, &answer))
			return no_answer(site, "metrics");
		if (answer.status < 400 && i == 0)
			return bad("metrics: /metrics answers %u to who has no credentials. If this machine is not meant to read "
			           "them, take "
			           "its address, or that of the proxy before latch, out of metrics_addresses",
			           answer.status);
		if (answer.status < 400)
			return bad(
				"metrics: /metrics is open to who sends %s, as latch believes it: the proxy before latch must set that "
				"header itself, and trusted_proxies must name that proxy alone",
				claims[i]);
	}
	return good("metrics: /metrics is not public");
}

/* How far the database's clock is from there; -1 where no database is at hand. */
static long long
database_apart_ms(struct app *app, long long site_ms)
{
	struct server_info info;

	if (app == NULL || db_begin_request(app->db) != OK || server_info(app->db, &info) != OK)
		return -1;
	return llabs(site_ms - (long long)info.now.ms);
}

static struct finding
clocks(struct site *site)
{
	struct outbound_response answer;
	struct timestamp date;

	if (!site_ask(site, &(const struct ask){ .path = "/healthz" }, &answer))
		return no_answer(site, "clock");
	/* The header has whole seconds. */
	const long long now = clock_now().ms - answer.took_ms / 2 - 500;
	if (!outbound_date(outbound_header(&answer, "Date", 0), &date))
		return hint("clock: the site sends no Date, so it cannot be seen from here");
	const long long here = llabs((long long)date.ms - now),
					there = database_apart_ms(site->app, (long long)date.ms + 500);
	if (here > CLOCK_MS_MAX)
		return bad(
			"clock: the site's is %lld s from this machine's: let both follow NTP (systemd-timesyncd, chrony); tokens "
			"are dated by it",
			here / 1000);
	if (there > CLOCK_MS_MAX)
		return bad("clock: the site's is %lld s from the database's: let both follow NTP (systemd-timesyncd, chrony)",
		           there / 1000);
	return good("clock: within %d s of this machine's%s", CLOCK_MS_MAX / 1000, there >= 0 ? " and the database's" : "");
}

const struct probe answers_probes[] = { { caching }, { compression }, { cross_origin }, { metrics }, { clocks } };
const size_t answers_probes_n = COUNT(answers_probes);
