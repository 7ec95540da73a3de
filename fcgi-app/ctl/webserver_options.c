#include "ctl/webserver_options.h"

#include <stdlib.h>
#include <string.h>

#include "core/rules.h"

#define SOCKET_PATH "/run/latch/latch.sock"
#define AUTHORIZER "127.0.0.1:9045"
#ifndef LATCH_DATADIR
#define LATCH_DATADIR "/usr/local/share/latch"
#endif

static bool
refuse(const char *what, const char *value, const char *why)
{
	(void)fprintf(stderr, "latchctl: %s %s: %s\n", what, value, why);
	return false;
}

/* ---- Paths and addresses ------------------------------------------------------------------------------------------ */

static bool
is_plain(char c, const char *others)
{
	const char lower = ascii_lower(c);

	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(others, c) != NULL);
}

/* From the root, of letters, digits and ._~-, no segment empty, "." or "..". */
static bool
is_plain_path(struct str s)
{
	if (s.n < 1 || s.n > PLACE_MAX || s.p[0] != '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_plain(s.p[i], "/._~-"))
			return false;
	(void)str_cut(&s, '/');
	while (s.p != NULL) {
		const struct str segment = str_cut(&s, '/');
		if (segment.n == 0 || str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
			return false;
	}
	return true;
}

/* Of a site: a slash at the end makes no difference, and "/" alone is "". */
static bool
place(const char *what, const char *value, char out[PLACE_MAX + 1])
{
	struct str s = str_of(value);

	if (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if ((s.n == 0 && value[0] == '/') || is_plain_path(s))
		return str_copy(out, PLACE_MAX + 1, s);
	return refuse(what, value, "must be a path of letters, digits and ._~-, such as /reports/");
}

static bool
file(const char *what, const char *value)
{
	return is_plain_path(str_of(value)) || refuse(what, value, "must be an absolute path of letters, digits and ._~-");
}

/* HOST:PORT */
static bool
endpoint_parse(struct str s, struct endpoint *out)
{
	struct str port = s;
	const struct str host = str_cut(&port, ':');
	uint64_t number = 0;

	for (size_t i = 0; i < host.n; i++)
		if (!is_plain(host.p[i], ".-"))
			return false;
	return host.n > 0 && parse_u64(port, &number) && number > 0 && number < 65536
	    && str_copy(out->host, sizeof(out->host), host) && str_copy(out->port, sizeof(out->port), port);
}

static bool
endpoint(const char *what, const char *value, const char *before, struct endpoint *out)
{
	const struct str s = str_of(value), scheme = str_of(before);

	if (str_starts(s, scheme) && endpoint_parse((struct str){ s.p + scheme.n, s.n - scheme.n }, out))
		return true;
	(void)fprintf(stderr, "latchctl: %s %s: must be %sHOST:PORT\n", what, value, before);
	return false;
}

/* ---- Guards ------------------------------------------------------------------------------------------------------- */

/* Whether a is b, or above it. */
static bool
holds(const char *a, const char *b)
{
	const size_t n = strlen(a);

	return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

/* Latch at the root shares the site with what it guards there; a guard before its own pages would lock everybody out. */
static bool
locks_latch(const char *prefix, const char *path)
{
	static const char *const own[] = { "/auth",  "/sign-in", "/docs",   "/.well-known", "/users",        "/roles",
		                               "/audit", "/healthz", "/readyz", "/metrics",     "/openapi.json", "/problems" };

	if (prefix[0] != '\0')
		return holds(prefix, path);
	for (size_t i = 0; i < COUNT(own); i++)
		if (holds(own[i], path) || path[0] == '\0')
			return true;
	return false;
}

static bool
guard_require(const struct webserver_options *options, struct guarded_place *guard, const char *value)
{
	if (!is_requirement(str_of(value)))
		return refuse("--require", value, "is no requirement; see latch.conf(5), rules_file");
	if (strcmp(options->server, "apache") == 0 && strcmp(value, "public") == 0)
		return refuse("--require", value,
		              "Apache's mod_authnz_fcgi lets nobody in who has no name; leave this path unguarded");
	guard->require = value;
	return true;
}

static bool
guard_fastcgi(const struct webserver_options *options, struct guarded_place *guard, const char *value)
{
	struct endpoint unused;

	if (strcmp(options->server, "apache") == 0)
		return refuse("--fastcgi", value, "Apache runs what is behind the guard as it does without one");
	guard->fastcgi = value;
	if (strncmp(value, "unix:", 5) == 0)
		return file("--fastcgi", value + 5);
	return endpoint("--fastcgi", value, "", &unused);
}

/* One of the options whose order counts: they say more about the --guard before them. */
static bool
guard_option(struct webserver_options *out, const struct given *given)
{
	if (strcmp(given->name, "guard") == 0) {
		if (out->guards_n == GUARDS_MAX)
			return refuse("--guard", given->value, "is one more than there may be");
		return place("--guard", given->value, out->guards[out->guards_n++].path);
	}
	if (out->guards_n == 0)
		return refuse(given->name, given->value, "must follow the --guard that it belongs to");
	struct guarded_place *guard = &out->guards[out->guards_n - 1];
	if (strcmp(given->name, "require") == 0)
		return guard_require(out, guard, given->value);
	if (strcmp(given->name, "proxy") == 0)
		return endpoint("--proxy", given->value, "http://", &guard->proxy);
	return guard_fastcgi(out, guard, given->value);
}

static int
by_length(const void *a, const void *b)
{
	const size_t x = strlen(((const struct guarded_place *)a)->path),
				 y = strlen(((const struct guarded_place *)b)->path);

	return (x > y) - (x < y);
}

/* Whether it can stand there, beside those before it. */
static bool
guard_fits(const struct webserver_options *options, size_t i)
{
	const struct guarded_place *guard = &options->guards[i];
	const char *path = guard->path[0] != '\0' ? guard->path : "/";

	if (locks_latch(options->prefix, guard->path))
		return refuse("--guard", path, "would stand before latch's own pages; see --prefix");
	if (guard->fastcgi != NULL && guard->proxy.host[0] != '\0')
		return refuse("--fastcgi", guard->fastcgi, "and --proxy cannot both be behind one guard");
	for (size_t k = 0; k < i; k++)
		if (strcmp(options->guards[k].path, guard->path) == 0)
			return refuse("--guard", path, "is there twice");
	return true;
}

static bool
guards(const struct options *options, struct webserver_options *out)
{
	if (options->given_n > COUNT(options->given))
		return complain("those are too many options") == EXIT_OK;
	for (size_t i = 0; i < options->given_n; i++)
		if (!guard_option(out, &options->given[i]))
			return false;
	for (size_t i = 0; i < out->guards_n; i++)
		if (!guard_fits(out, i))
			return false;
	qsort(out->guards, out->guards_n, sizeof(out->guards[0]), by_length);
	return true;
}

/* ---- All of it ---------------------------------------------------------------------------------------------------- */

/* Else the path that public_url has; that the two agree is for the links and for the way to the sign-in page. */
static bool
prefix(const struct config *config, const char *given, char out[PLACE_MAX + 1])
{
	const char *path = config->public_url + url_origin(str_of(config->public_url)).n;

	if (!place("--prefix", given != NULL ? given : path[0] != '\0' ? path : "/", out))
		return false;
	if (strcmp(out, path) != 0)
		(void)fprintf(
			stderr, "latchctl: warning: public_url is %s, so links and the sign-in page are not where this puts them\n",
			config->public_url);
	return true;
}

bool
webserver_options_read(const struct config *config, const char *server, const struct options *options,
                       struct webserver_options *out)
{
	*out = (struct webserver_options){ .server = server,
		                               .socket = options->socket != NULL ? options->socket : SOCKET_PATH,
		                               .pages = options->pages != NULL ? options->pages : LATCH_DATADIR };
	return prefix(config, options->prefix, out->prefix) && file("--socket", out->socket) && file("--pages", out->pages)
	    && endpoint("--authorizer", options->authorizer != NULL ? options->authorizer : AUTHORIZER, "",
	                &out->authorizer)
	    && guards(options, out);
}
