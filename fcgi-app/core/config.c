#include "core/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config_keys.h"
#include "core/lanes.h"

#ifndef LATCH_CONFIG_PATH
#define LATCH_CONFIG_PATH "/etc/latch/latch.conf"
#endif
/* A load in progress: where each key was set, and whether anything was wrong. */
struct load {
	struct config *out;
	const char *path;
	FILE *complaints;
	bool failed;
	unsigned line[CONFIG_KEYS_MAX]; /* 0: not set by the file */
	bool from_environment[CONFIG_KEYS_MAX];
};

static void PRINTF(2, 3) complain(struct load *load, const char *fmt, ...)
{
	va_list args;

	load->failed = true;
	va_start(args, fmt);
	(void)vfprintf(load->complaints, fmt, args);
	va_end(args);
	(void)fputc('\n', load->complaints);
}

/* Complains about a key with the place where it was set. */
static void
complain_key(struct load *load, size_t i, const char *what)
{
	char place[CONFIG_TEXT_MAX + 16] = "environment", bounds[48] = "";

	if (!load->from_environment[i])
		(void)snprintf(place, sizeof(place), "%s:%u", load->path, load->line[i]);
	if (config_keys[i].max != 0)
		(void)snprintf(bounds, sizeof(bounds), " from %u to %u", (unsigned)config_keys[i].min,
		               (unsigned)config_keys[i].max);
	complain(load, "%s: %s %s%s", place, config_keys[i].name, what, bounds);
	/* A path that is none must not be looked for as well. */
	if (config_keys[i].path)
		*((char *)load->out + config_keys[i].at) = '\0';
}

static bool
find_key(struct str name, size_t *index)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		if (!str_eq(name, str_of(config_keys[i].name)))
			continue;
		*index = i;
		return true;
	}
	return false;
}

static const char *
set_key(struct config *out, size_t i, struct str value)
{
	for (size_t c = 0; c < value.n; c++)
		if ((unsigned char)value.p[c] < ' ' || value.p[c] == 0x7f)
			return "holds a control character";
	if (utf8_length(value) < 0)
		return "is not UTF-8 text";
	return config_keys[i].parse(value, (char *)out + config_keys[i].at, &config_keys[i]);
}

static void
read_setting(struct load *load, struct str line, unsigned number)
{
	struct str value = line;
	const struct str name = str_trim(str_cut(&value, '='));
	size_t i;

	if (value.p == NULL) {
		complain(load, "%s:%u: not of the form key = value", load->path, number);
		return;
	}
	if (!find_key(name, &i)) {
		complain(load, "%s:%u: unknown key %.*s", load->path, number, (int)(name.n < 64 ? name.n : 64), name.p);
		return;
	}
	if (load->line[i] != 0) {
		complain(load, "%s:%u: %s is set a second time (first in line %u)", load->path, number, config_keys[i].name,
		         load->line[i]);
		return;
	}
	load->line[i] = number;
	const char *wrong = set_key(load->out, i, str_trim(value));
	if (wrong != NULL)
		complain_key(load, i, wrong);
}

static void
read_file(struct load *load)
{
	char line[CONFIG_LINE_MAX];
	unsigned number = 0;
	FILE *f = fopen(load->path, "re");

	if (f == NULL) {
		complain(load, "%s: %s (--config FILE or LATCH_CONFIG names another)", load->path, strerror(errno));
		/* What the defaults name is then nobody's wish: no complaints about it. */
		load->out->key_file[0] = load->out->common_passwords[0] = '\0';
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		struct str text = str_of(line);
		number++;
		const bool whole = text.n > 0 && text.p[text.n - 1] == '\n';
		if (!whole && !feof(f)) {
			complain(load, "%s:%u: longer than %d bytes, or holds a NUL", load->path, number, CONFIG_LINE_MAX - 2);
			break;
		}
		text.n -= whole ? 1 : 0;
		text = str_trim(text);
		if (text.n > 0 && text.p[0] != '#')
			read_setting(load, text, number);
	}
	if (ferror(f))
		complain(load, "%s: %s", load->path, strerror(errno));
	(void)fclose(f);
	explicit_bzero(line, sizeof(line));
}

/* "DB_HOST=127.0.0.1", what follows our prefix in the environment. */
static void
read_variable(struct load *load, struct str variable)
{
	struct str value = variable;
	const struct str name = str_cut(&value, '=');
	char lower[64];
	size_t n = 0, i;

	for (; n < name.n && n < sizeof(lower); n++)
		lower[n] = ascii_lower(name.p[n]);
	if (value.p == NULL || !find_key((struct str){ lower, n }, &i)) {
		complain(load, "environment: unknown key LATCH_%.*s: unset it; latch.conf(5) has the keys",
		         (int)(name.n < 64 ? name.n : 64), name.p);
		return;
	}
	load->from_environment[i] = true;
	const char *wrong = set_key(load->out, i, value);
	if (wrong != NULL)
		complain_key(load, i, wrong);
}

/* What is no setting: where the file is, and what a web server tells of a request (http/request.h), which CGI puts here too. */
static bool
no_setting(struct str variable)
{
	static const char *const names[] = { "LATCH_CONFIG", "LATCH_REQUIRE", "LATCH_URI", "LATCH_METHOD" };
	const struct str name = str_cut(&variable, '=');

	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

/* LATCH_DB_HOST overrides db_host, and so on. A variable of our prefix that is no key is a typing error. */
static void
read_environment(struct load *load, char *const *environment)
{
	const struct str prefix = STR("LATCH_");

	for (; *environment != NULL; environment++) {
		const struct str variable = str_of(*environment);
		if (str_starts(variable, prefix) && !no_setting(variable))
			read_variable(load, (struct str){ variable.p + prefix.n, variable.n - prefix.n });
	}
}

/* The first line of the file that `file_key` names, as the value of `key`. */
static void
read_secret(struct load *load, const char *key, const char *file_key)
{
	size_t to, from;
	char line[CONFIG_TEXT_MAX + 2];

	if (!find_key(str_of(key), &to) || !find_key(str_of(file_key), &from))
		abort();
	const char *path = (const char *)load->out + config_keys[from].at;
	if (path[0] == '\0')
		return;

	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line));
	if (got < 0) {
		complain(load, "%s: %s: %s", config_keys[from].name, path, strerror(errno));
	} else {
		struct str rest = { line, (size_t)got };
		const char *wrong = set_key(load->out, to, str_cut(&rest, '\n'));
		if (wrong != NULL)
			complain(load, "%s: the first line of %s %s", config_keys[from].name, path, wrong);
	}
	if (fd >= 0)
		(void)close(fd);
	explicit_bzero(line, sizeof(line));
}

/* Each entry that is none is told: who mends the list should not have to start latch once for each. */
static void
read_addresses(struct load *load, const char *name, const char *text, struct address_list *out)
{
	struct str rest = str_of(text);
	char what[CONFIG_LIST_MAX + 64];
	size_t key;

	if (!find_key(str_of(name), &key))
		abort();
	while (rest.p != NULL && rest.n > 0) {
		const struct str entry = str_cut(&rest, ' ');
		if (out->n == ADDRESS_RANGES_MAX) {
			complain_key(load, key, "holds too many entries");
			return;
		}
		const char *wrong = address_range_parse(entry, &out->ranges[out->n]);
		if (wrong == NULL) {
			out->n++;
			continue;
		}
		(void)snprintf(what, sizeof(what), "holds \"%.*s\", which %s", (int)entry.n, entry.p, wrong);
		complain_key(load, key, what);
	}
}

/* As much of it as there is room for. */
static uint32_t
take(uint32_t *room, uint32_t wanted)
{
	const uint32_t taken = wanted < *room ? wanted : *room;

	*room -= taken;
	return taken;
}

/* A key that is set counts; what is left to us is made to fit beside it. Who waits for a lane holds a worker, as who has one
 * does: so the queues come last. */
static void
share_workers(struct config *c)
{
	const bool lanes = c->hash_lanes == CONFIG_AUTO, queue = c->hash_queue == CONFIG_AUTO;
	const bool outbound = c->outbound_lanes == CONFIG_AUTO;
	uint32_t room = c->workers - lanes_spared(c->workers);

	(void)take(&room, lanes ? 0 : c->hash_lanes);
	(void)take(&room, queue ? 0 : c->hash_queue);
	(void)take(&room, outbound ? 0 : c->outbound_lanes);
	/* There is always one: nobody could log in. */
	(void)take(&room, lanes ? 1 : 0);
	if (outbound)
		c->outbound_lanes = take(&room, c->workers >= 8 ? c->workers / 4 : 1);
	if (lanes)
		c->hash_lanes = 1 + take(&room, lanes_default(c->argon2_memory_kib) - 1);
	c->outbound_queue = c->outbound_wait_ms > 0 ? take(&room, c->outbound_lanes) : 0;
	if (queue)
		c->hash_queue = room;
}

/* Against a flood of one kind of request, or of both. */
static void
check_shares(struct load *load)
{
	const struct config *c = load->out;
	const uint32_t hashes = c->hash_lanes + c->hash_queue, spared = lanes_spared(c->workers);

	if (hashes >= c->workers)
		complain(
			load,
			"hash_lanes (%u) and hash_queue (%u) must together be fewer than workers (%u): else a flood of log-ins "
			"takes them all",
			c->hash_lanes, c->hash_queue, c->workers);
	else if (c->outbound_lanes > 0 && hashes + c->outbound_lanes + spared > c->workers)
		complain(load,
		         "hash_lanes (%u), hash_queue (%u) and outbound_lanes (%u) must together leave %u of the workers (%u): "
		         "else log-ins and a slow identity provider take them all",
		         c->hash_lanes, c->hash_queue, c->outbound_lanes, spared, c->workers);
}

/* What follows from several keys. */
static void
finish(struct load *load)
{
	struct config *c = load->out;

	read_addresses(load, "trusted_proxies", c->trusted_proxies, &c->proxies);
	read_addresses(load, "metrics_addresses", c->metrics_addresses, &c->metrics_from);
	if (c->issuer[0] == '\0')
		memcpy(c->issuer, c->public_url, sizeof(c->issuer));
	if (c->argon2_memory_kib * c->argon2_passes > ARGON2_WORK_MAX)
		complain(load, "argon2_memory_kib times argon2_passes must be at most 1048576: a hash would take seconds");
	share_workers(c);
	check_shares(load);
}

const char *
config_path(const char *given)
{
	const char *path = given != NULL ? given : getenv("LATCH_CONFIG");

	return path != NULL && path[0] != '\0' ? path : LATCH_CONFIG_PATH;
}

bool
config_load(const char *path, char *const *environment, enum config_role role, struct config *out, FILE *complaints)
{
	struct load load = { .out = out, .path = path, .complaints = complaints };

	*out = (struct config){ 0 };
	for (size_t i = 0; i < config_keys_n; i++)
		if (set_key(out, i, str_of(config_keys[i].initial)) != NULL)
			abort(); /* a default that its own parser refuses */
	read_file(&load);
	read_environment(&load, environment);
	if (role == CONFIG_OWNER)
		read_secret(&load, "db_owner_password", "db_owner_password_file");
	else
		explicit_bzero(out->db_owner_password, sizeof(out->db_owner_password));
	read_secret(&load, "db_password", "db_password_file");
	finish(&load);
	return !load.failed;
}

void
config_wipe(struct config *config)
{
	explicit_bzero(config, sizeof(*config));
}

void
config_sample(FILE *out)
{
	(void)fputs("# latch.conf: see latch.conf(5). Every key is here, at its default.\n"
	            "# The environment overrides it: LATCH_DB_HOST for db_host, and so on.\n",
	            out);
	for (size_t i = 0; i < config_keys_n; i++)
		(void)fprintf(out, "\n# %s\n#%s = %s\n", config_keys[i].help, config_keys[i].name, config_keys[i].initial);
}
