#include "ctl/site.h"

#include <stdio.h>
#include <string.h>

#include "http/json.h"

enum {
	ARENA_SIZE = 2 * 1024 * 1024,
	CONNECT_MS = 5000,
	ONE_MS = 10000,
	HEAD_BYTES = 32 * 1024,
	BODY_BYTES = 128 * 1024
};
enum { SHOWN_MAX = 120 };

const char *const forged_headers[] = {
	"X-Auth-User: admin",
	"X-Auth-User-Id: 01932c07-209c-7c11-8b0e-6a3f5d2e9c41",
	"X-Auth-Email: admin@example.com",
	"X-Auth-Roles: admin",
	"x_auth_user: admin",
	"Remote-User: admin",
	"REMOTE_USER: admin",
	"X-Remote-User: admin",
	"X-Forwarded-User: admin",
	"Variable-REMOTE_USER: admin",
	"Variable-AUTH_ROLES: admin",
	"AUTH_USER_ID: 01932c07-209c-7c11-8b0e-6a3f5d2e9c41",
	NULL,
};

/* ---- The site ----------------------------------------------------------------------------------------------------- */

/* http or https, a host, and perhaps a path; nothing that would have to be encoded. */
static bool
url_good(struct str url)
{
	const size_t scheme = url_is_https(url) ? 8 : 7;

	if ((!url_is_https(url) && !str_starts(url, STR("http://"))) || url.n == scheme || url.p[scheme] == '/')
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] >= 0x7f || strchr("\"<>\\^`{|}?#@", url.p[i]) != NULL)
			return false;
	return true;
}

/* The guarded page: a URL, or a path on the site's host. */
static bool
set_guard(struct site *site, const char *page)
{
	const struct str origin = url_origin(str_of(site->url));
	const int n = page[0] == '/' ? snprintf(site->guard, sizeof(site->guard), "%.*s%s", (int)origin.n, origin.p, page)
	                             : snprintf(site->guard, sizeof(site->guard), "%s", page);

	return n > 0 && (size_t)n < sizeof(site->guard) && url_good(str_of(site->guard))
	    && url_origin(str_of(site->guard)).n < (size_t)n;
}

bool
site_open(struct site *site, struct app *app, const struct options *options)
{
	static struct arena arena;
	struct str url = str_of(options->url);

	*site = (struct site){ .options = options, .app = app, .until_us = clock_mono_us() + SITE_ALL_MS * 1000ULL };
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	if (!url_good(url) || !str_copy(site->url, sizeof(site->url), url)) {
		(void)complain("--url takes an address such as https://auth.example.org or https://example.org/auth-api");
		return false;
	}
	if (options->guard != NULL && !set_guard(site, options->guard)) {
		(void)complain("--guard takes a page such as https://example.org/private/, or its path");
		return false;
	}
	site->outbound = outbound_open();
	if (site->outbound == NULL || !arena_open(&arena, ARENA_SIZE)) {
		(void)complain("out of memory");
		return false;
	}
	site->arena = &arena;
	return true;
}

void
site_close(struct site *site)
{
	explicit_bzero(site->cookie, sizeof(site->cookie));
	if (site->arena != NULL)
		arena_close(site->arena);
	outbound_close(site->outbound);
}

bool
site_is_https(const struct site *site)
{
	return url_is_https(str_of(site->url));
}

/* ---- Asking ------------------------------------------------------------------------------------------------------- */

static uint32_t
time_left_ms(const struct site *site)
{
	const uint64_t now = clock_mono_us(), left = site->until_us > now ? (site->until_us - now) / 1000 : 0;

	return left < ONE_MS ? (uint32_t)left : ONE_MS;
}

bool
site_ask(struct site *site, const struct ask *ask, struct outbound_response *out)
{
	const char *headers[ASK_HEADERS_MAX + 1] = { NULL };
	const uint32_t left_ms = time_left_ms(site);
	struct outbound_request request = {
		.method = ask->method,
		.url = ask->url,
		.headers = headers,
		.body = ask->body,
		.ca_file = site->options->ca,
		.fresh = ask->fresh,
		.old_tls = ask->old_tls,
		.connect_ms = CONNECT_MS < left_ms ? CONNECT_MS : left_ms,
		.total_ms = left_ms,
		.head_max = HEAD_BYTES,
		.body_max = BODY_BYTES,
	};

	memcpy(headers, ask->headers, sizeof(ask->headers));
	if (request.url == NULL)
		request.url = str_printf(site->arena, "%s%s", site->url, ask->path).p;
	site->result = OUTBOUND_TIMEOUT;
	(void)snprintf(site->why, sizeof(site->why), "not asked, as the site has not answered before");
	if (site->silent || left_ms == 0 || request.url == NULL)
		return false;
	site->result = outbound_ask(site->outbound, &request, site->arena, out, site->why);
	site->silent = site->result == OUTBOUND_TIMEOUT && !ask->apart;
	return site->result == OUTBOUND_OK;
}

struct finding
no_answer(const struct site *site, const char *probe)
{
	return bad("%s: %s", probe, shown(site, str_of(site->why)));
}

int
probes_run(struct site *site, const struct probe *probes, size_t n)
{
	int failures = 0;

	for (size_t i = 0; i < n && !site->silent; i++) {
		failures += tell(site->options, probes[i].run(site));
		(void)fflush(stdout);
		arena_reset(site->arena);
	}
	return failures;
}

/* ---- What it says ------------------------------------------------------------------------------------------------- */

const char *
shown(const struct site *site, struct str text)
{
	const size_t n = text.n < SHOWN_MAX ? text.n : SHOWN_MAX;
	char *copy = arena_alloc(site->arena, n + 1);

	if (copy == NULL || text.p == NULL || text.n == 0)
		return "nothing";
	for (size_t i = 0; i < n; i++)
		copy[i] = (char)(text.p[i] >= ' ' && text.p[i] < 0x7f ? text.p[i] : '?');
	return copy;
}

static const struct field answer_fields[] = {
	FIELD(struct answer_json, type, .help = ""),
	FIELD(struct answer_json, code, .help = ""),
	FIELD(struct answer_json, detail, .help = ""),
	FIELD(struct answer_json, jwks_uri, .help = ""),
};
static const struct schema answer_in = SCHEMA("Answer", struct answer_json, answer_fields);

const struct answer_json *
json_of(const struct site *site, const struct outbound_response *answer)
{
	static const struct answer_json nothing;
	struct reason why = { 0 };
	void *out = NULL;

	return json_decode(&answer_in, answer->body, site->arena, &out, &why) == OK ? out : &nothing;
}

bool
is_problem(const struct site *site, const struct outbound_response *answer, unsigned status, const char *code)
{
	return answer->status == status
	    && str_eq(outbound_header(answer, "Content-Type", 0), STR("application/problem+json"))
	    && str_eq(json_of(site, answer)->code, str_of(code));
}
