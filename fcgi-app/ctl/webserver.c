/* webserver.c: latchctl webserver: the configuration that mounts latch and guards pages, from deploy/NAME/site.conf.in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/template.h"
#include "ctl/webserver_options.h"
#include "ctl/webserver_templates.h"

/* Names of the templates and their values: each struct holds the text that its rows point into. */

enum { PATTERN_MAX = 3 * PLACE_MAX + 1, VALUES_MAX = 16, NOT_MAX = GUARDS_MAX * (PATTERN_MAX + 1) + 32 };

/* ---- Headers ------------------------------------------------------------------------------------------------------ */

/* What sites and their frameworks believe. */
static const char *const claims[] = {
	"X-Auth-User",          "X-Auth-User-Id",        "X-Auth-Email",        "X-Auth-Roles",
	"Remote-User",          "Auth-User-Id",          "Auth-Email",          "Auth-Roles",
	"Variable-Remote-User", "Variable-Auth-User-Id", "Variable-Auth-Email", "Variable-Auth-Roles",
};

enum { SPELLINGS_MAX = 64, HEADER_MAX = 32 };

struct headers {
	struct template_scope things[SPELLINGS_MAX];
	struct template_value values[SPELLINGS_MAX][2];
	char text[SPELLINGS_MAX][HEADER_MAX];
	size_t n;
};

/* Bit i of `underscores`: what the i-th dash becomes. To a CGI program they are the same. */
static void
spell(const char *name, unsigned underscores, char out[HEADER_MAX])
{
	(void)snprintf(out, HEADER_MAX, "%s", name);
	for (char *dash = out; (dash = strchr(dash, '-')) != NULL; underscores >>= 1, dash++)
		if (underscores & 1)
			*dash = '_';
}

static unsigned
dashes(const char *name)
{
	unsigned n = 0;

	for (; *name != '\0'; name++)
		n += *name == '-';
	return n;
}

static void
headers_fill(struct headers *headers, const struct template_scope *around)
{
	for (size_t i = 0; i < COUNT(claims); i++)
		for (unsigned k = 0; k < 1U << dashes(claims[i]) && headers->n < SPELLINGS_MAX; k++) {
			const size_t n = headers->n++;
			spell(claims[i], k, headers->text[n]);
			headers->values[n][0] = (struct template_value){ "HEADER", headers->text[n] };
			headers->things[n] = (struct template_scope){ .around = around, .values = headers->values[n] };
		}
}

/* ---- Guards ------------------------------------------------------------------------------------------------------- */

/* As a regular expression: a dot is the only character of a path that means something else there. */
static void
pattern(const char *path, char out[PATTERN_MAX])
{
	size_t n = 0;

	for (; *path != '\0' && n + 4 < PATTERN_MAX; path++)
		n += (size_t)snprintf(out + n, PATTERN_MAX - n, *path == '.' ? "[.]" : "%c", *path);
	out[n] = '\0';
}

enum { PLACES = 2 };

struct guard {
	struct template_value values[VALUES_MAX];
	struct template_list lists[2];
	struct template_scope places[PLACES];
	struct template_value place_values[PLACES][5];
	char place[PLACES][PLACE_MAX + 8];
	char pattern[PATTERN_MAX], number[24], proxy[NETWORK_MAX + 16], fastcgi_host[NETWORK_MAX + 32];
};

static bool
is_program(const char *path)
{
	static const char *const suffixes[] = { ".php", ".cgi", ".pl", ".py" };
	const size_t n = strlen(path);

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		const size_t length = strlen(suffixes[i]);
		if (n > length && strcmp(path + n - length, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* nginx has a location for the path alone, and one for what is below it. Programs in there, or the path itself being one, are for
 * the FastCGI server, and without one for nobody. */
static void
place_fill(struct guard *guard, size_t n, const struct guarded_place *at, bool below)
{
	const bool runs = at->proxy.host[0] == '\0' && (below || is_program(at->path));
	const struct template_value values[] = {
		{ "PLACE", guard->place[n] },
		{ "PROGRAMS", runs && below ? "yes" : NULL },
		{ "FASTCGI", runs ? at->fastcgi : NULL },
		{ "NOTHING_RUNS", runs && at->fastcgi == NULL ? "yes" : NULL },
	};

	(void)snprintf(guard->place[n], sizeof(guard->place[n]), below ? "^~ %s/" : "= %s", at->path);
	memcpy(guard->place_values[n], values, sizeof(values));
	guard->places[n].values = guard->place_values[n];
}

static void
places_fill(struct guard *guard, const struct guarded_place *at, const struct template_scope *around)
{
	size_t n = 0;

	if (at->path[0] != '\0')
		place_fill(guard, n++, at, false);
	place_fill(guard, n++, at, true);
	for (size_t i = 0; i < n; i++)
		guard->places[i].around = around;
	guard->lists[0] = (struct template_list){ "PLACES", guard->places, n };
}

static void
fastcgi_host(const char *fastcgi, char *out, size_t size)
{
	const char *colon = fastcgi != NULL ? strrchr(fastcgi, ':') : NULL;

	if (fastcgi != NULL && strncmp(fastcgi, "unix:", 5) == 0)
		(void)snprintf(out, size, "\"socket\" => \"%s\"", fastcgi + 5);
	else if (colon != NULL)
		(void)snprintf(out, size, "\"host\" => \"%.*s\", \"port\" => %s", (int)(colon - fastcgi), fastcgi, colon + 1);
}

static void
guard_fill(struct guard *guard, const struct guarded_place *at, size_t number, struct template_scope *scope,
           const struct template_scope *around)
{
	const bool proxied = at->proxy.host[0] != '\0';

	pattern(at->path, guard->pattern);
	(void)snprintf(guard->number, sizeof(guard->number), "%zu", number);
	if (proxied)
		(void)snprintf(guard->proxy, sizeof(guard->proxy), "http://%s:%s", at->proxy.host, at->proxy.port);
	fastcgi_host(at->fastcgi, guard->fastcgi_host, sizeof(guard->fastcgi_host));
	const struct template_value values[] = {
		{ "N", guard->number },
		{ "KEY", at->path[0] != '\0' ? at->path : "/" },
		{ "GUARD_RE", guard->pattern },
		{ "REQUIRE", at->require },
		{ "PROXY", guard->proxy },
		{ "PROXY_HOST", at->proxy.host },
		{ "PROXY_PORT", at->proxy.port },
		{ "FASTCGI", at->fastcgi },
		{ "FASTCGI_HOST", guard->fastcgi_host },
	};
	_Static_assert(COUNT(values) < VALUES_MAX, "the last row has no name");
	memcpy(guard->values, values, sizeof(values));
	places_fill(guard, at, scope);
	*scope = (struct template_scope){ .around = around, .values = guard->values, .lists = guard->lists };
}

/* ---- The site ----------------------------------------------------------------------------------------------------- */

struct site {
	struct template_value values[VALUES_MAX];
	struct template_list lists[3];
	struct template_scope scope, guard_scopes[GUARDS_MAX];
	struct guard guards[GUARDS_MAX];
	struct headers headers;
	char prefix[PATTERN_MAX], not_latch[PATTERN_MAX + 16], not_guarded[NOT_MAX], authorizer[NETWORK_MAX + 8];
};

/* What keeps a guard away from latch, and latch, at the root, away from what is guarded. */
static void
exceptions_fill(struct site *site, const struct webserver_options *options)
{
	const size_t size = sizeof(site->not_guarded);
	size_t n = 0;

	if (options->prefix[0] != '\0') {
		(void)snprintf(site->not_latch, sizeof(site->not_latch), "(?!%s(?:/|$))", site->prefix);
		return;
	}
	for (size_t i = 0; i < options->guards_n; i++)
		n +=
			(size_t)snprintf(site->not_guarded + n, size - n, "%s%s", i == 0 ? "(?!(?:" : "|", site->guards[i].pattern);
	if (n > 0)
		(void)snprintf(site->not_guarded + n, size - n, ")(?:/|$))");
}

static void
site_fill(struct site *site, const struct webserver_options *options)
{
	const char *proxies = NULL;

	for (size_t i = 0; i < options->guards_n; i++) {
		guard_fill(&site->guards[i], &options->guards[i], i + 1, &site->guard_scopes[i], &site->scope);
		proxies = options->guards[i].proxy.host[0] != '\0' ? "yes" : proxies;
	}
	pattern(options->prefix, site->prefix);
	exceptions_fill(site, options);
	(void)snprintf(site->authorizer, sizeof(site->authorizer), "%s:%s", options->authorizer.host,
	               options->authorizer.port);
	const struct template_value values[] = {
		{ "PREFIX", options->prefix },
		{ "PREFIX_RE", site->prefix },
		{ "MOUNT", options->prefix[0] != '\0' ? options->prefix : "/" },
		{ "SOCKET", options->socket },
		{ "PAGES", options->pages },
		{ "AUTHORIZER", site->authorizer },
		{ "AUTHORIZER_HOST", options->authorizer.host },
		{ "AUTHORIZER_PORT", options->authorizer.port },
		{ "NOT_LATCH", site->not_latch },
		{ "NOT_GUARDED", site->not_guarded },
		{ "PROXIES", proxies },
		{ "GUARDS", options->guards_n > 0 ? "yes" : NULL },
	};
	_Static_assert(COUNT(values) < VALUES_MAX, "the last row has no name");
	memcpy(site->values, values, sizeof(values));
	headers_fill(&site->headers, &site->scope);
	site->lists[0] = (struct template_list){ "GUARDS", site->guard_scopes, options->guards_n };
	site->lists[1] = (struct template_list){ "HEADERS", site->headers.things, site->headers.n };
	site->scope = (struct template_scope){ .values = site->values, .lists = site->lists };
}

static const struct webserver_template *
template_of(const char *server)
{
	for (size_t i = 0; i < webserver_templates_n; i++)
		if (strcmp(webserver_templates[i].server, server) == 0)
			return &webserver_templates[i];
	return NULL;
}

int
command_webserver(struct app *app, const struct options *options, char **operands)
{
	const struct webserver_template *template = template_of(operands[0]);
	struct webserver_options wanted;
	int rc = EXIT_FAILED;

	if (template == NULL) {
		(void)fprintf(stderr, "latchctl: %s: the web server is lighttpd, nginx or apache\n", operands[0]);
		return EXIT_USAGE;
	}
	if (!webserver_options_read(&app->config, operands[0], options, &wanted))
		return EXIT_FAILED;
	struct site *site = calloc(1, sizeof(*site));
	if (site == NULL)
		return complain("out of memory");
	site_fill(site, &wanted);
	if (template_print(stdout, str_of(template->text), &site->scope))
		rc = fflush(stdout) == 0 ? EXIT_OK : complain("cannot write");
	free(site);
	return rc;
}
