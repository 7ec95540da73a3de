#include "core/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/lanes.h"

#ifndef LATCH_CONFIG_PATH
#define LATCH_CONFIG_PATH "/etc/latch/latch.conf"
#endif
#ifndef LATCH_DATADIR
#define LATCH_DATADIR "/usr/local/share/latch"
#endif

/* In a uint32_t, what "auto" is until finish() works it out. */
static const uint32_t AUTO = UINT32_MAX;

struct key;

/* Writes the value into the struct's member; NULL, or what is wrong with it. */
typedef const char *parse_fn(struct str value, void *member, const struct key *key);

struct key {
	const char *name;
	parse_fn *parse;
	size_t at, size; /* of the member in struct config */
	uint64_t min, max;
	const char *initial;
	const char *help;
};

static const char *const alg_names[] = { [TOKEN_ES256] = "ES256", [TOKEN_RS256] = "RS256", [TOKEN_HS256] = "HS256" };

const char *
token_alg_name(enum token_alg alg)
{
	return alg_names[alg];
}

bool
token_alg_parse(struct str name, enum token_alg *out)
{
	for (size_t i = 0; i < COUNT(alg_names); i++) {
		if (!str_eq(name, str_of(alg_names[i])))
			continue;
		*out = (enum token_alg)i;
		return true;
	}
	return false;
}

static const char *
parse_text(struct str value, void *member, const struct key *key)
{
	if (value.n < key->min)
		return "must not be empty";
	return str_copy(member, key->size, value) ? NULL : "is too long";
}

static const char *
parse_path(struct str value, void *member, const struct key *key)
{
	if (value.n > 0 && value.p[0] != '/')
		return "must be an absolute path";
	return parse_text(value, member, key);
}

/* scheme://host[:port][/path], nothing that would need encoding, no slash at the end. */
static const char *
parse_url(struct str value, void *member, const struct key *key)
{
	const bool https = str_starts(value, STR("https://"));
	const size_t scheme = https ? 8 : 7;

	if (!https && !str_starts(value, STR("http://")))
		return "must start with https:// or http://";
	if (value.n == scheme || value.p[scheme] == '/' || value.p[value.n - 1] == '/')
		return "must be a URL such as https://auth.example.org, without a slash at its end";
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] >= 0x7f || strchr("\"<>\\^`{|}?#%", value.p[i]) != NULL)
			return "must be a URL without query, fragment or characters that need encoding";
	return parse_text(value, member, key);
}

/* Origins as a browser sends them (RFC 6454, 6.1): scheme://host[:port], one space between two. */
static const char *
parse_origins(struct str value, void *member, const struct key *key)
{
	struct str rest = value;

	while (rest.p != NULL && rest.n > 0) {
		const struct str origin = str_cut(&rest, ' ');
		const bool https = str_starts(origin, STR("https://"));
		if (!https && !str_starts(origin, STR("http://")))
			return "must be origins such as https://app.example.org, one space between two";
		const size_t scheme = https ? 8 : 7;
		if (origin.n == scheme || memchr(origin.p + scheme, '/', origin.n - scheme) != NULL)
			return "must be origins: no path and no slash at the end";
	}
	return parse_text(value, member, key);
}

/* The bounds stand in the key, and complain_key tells them. */
static const char *
parse_number(struct str value, void *member, const struct key *key)
{
	uint64_t number;

	if (!parse_u64(value, &number) || number < key->min || number > key->max)
		return "must be a whole number";
	*(uint32_t *)member = (uint32_t)number;
	return NULL;
}

static const char *
parse_number_or_auto(struct str value, void *member, const struct key *key)
{
	if (!str_eq(value, STR("auto")))
		return parse_number(value, member, key);
	*(uint32_t *)member = AUTO;
	return NULL;
}

static const char *
parse_switch(struct str value, void *member, const struct key *key)
{
	(void)key;
	if (!str_eq(value, STR("on")) && !str_eq(value, STR("off")))
		return "must be on or off";
	*(bool *)member = str_eq(value, STR("on"));
	return NULL;
}

static const char *
parse_alg(struct str value, void *member, const struct key *key)
{
	(void)key;
	return token_alg_parse(value, member) ? NULL : "must be ES256, RS256 or HS256";
}

/* clang-format off */
#define KEY(member, parser, least, most, value, text) \
	{ \
		.name = #member, .parse = (parser), .at = offsetof(struct config, member), \
		.size = sizeof(((struct config *)0)->member), .min = (least), .max = (most), .initial = (value), \
		.help = (text) \
	}
/* clang-format on */

static const struct key keys[] = {
	KEY(public_url, parse_url, 1, 0, "http://127.0.0.1:8080",
	    "Where clients reach latch, a mount prefix included. Links, problem types and the issuer start with it."),
	KEY(service_name, parse_text, 1, 0, "latch", "What the service calls itself; never accepted as a password."),
	KEY(issuer, parse_text, 0, 0, "", "The tokens' iss claim. Empty: public_url."),
	KEY(audience, parse_text, 1, 0, "latch", "The tokens' aud claim."),
	KEY(cors_origins, parse_origins, 0, 0, "",
	    "Origins whose pages may call the API from a browser, separated by one space. Empty: none."),
	KEY(openapi, parse_switch, 0, 0, "on", "Whether /openapi.json, which /docs shows, is answered."),
	KEY(workers, parse_number, 2, 1024, "8", "Worker processes that the pool is started with."),

	KEY(db_socket, parse_path, 0, 0, "", "MariaDB's unix socket. Empty: TCP to db_host and db_port."),
	KEY(db_host, parse_text, 1, 0, "127.0.0.1", "MariaDB's host, where db_socket is empty."),
	KEY(db_port, parse_number, 1, 65535, "3306", "MariaDB's port, where db_socket is empty."),
	KEY(db_tls_ca, parse_path, 0, 0, "",
	    "CA certificates (PEM) that MariaDB's certificate must chain to. Empty: no TLS; set it unless the network is "
	    "yours."),
	KEY(db_name, parse_text, 1, 0, "latch", "The database."),
	KEY(db_user, parse_text, 1, 0, "latch", "The service's user: SELECT, INSERT, UPDATE, DELETE on db_name, no more."),
	KEY(db_password, parse_text, 0, 0, "", "Its password. Better: db_password_file."),
	KEY(db_password_file, parse_path, 0, 0, "", "A file whose first line is that password."),
	KEY(db_owner_user, parse_text, 1, 0, "latch_owner",
	    "The user that latchctl migrate works as: all rights on db_name."),
	KEY(db_owner_password, parse_text, 0, 0, "", "Its password. Better: db_owner_password_file."),
	KEY(db_owner_password_file, parse_path, 0, 0, "",
	    "A file whose first line is that password; workers never read it."),
	KEY(db_connect_timeout_s, parse_number, 1, 2, "2", "How long a connection to MariaDB may take, in seconds."),
	KEY(db_timeout_s, parse_number, 1, 2, "2", "How long a statement may take, in seconds; then the answer is 503."),

	KEY(key_file, parse_path, 1, 0, "/etc/latch/key",
	    "64 hexadecimal digits, mode 0600, or root's with 0440 (openssl rand -hex 32). What lies in the database is "
	    "useless without it."),
	KEY(token_alg, parse_alg, 0, 0, "ES256", "The algorithm of new signing keys: ES256, RS256 or HS256."),
	KEY(access_ttl_s, parse_number, 30, 86400, "900", "How long an access token is good, in seconds."),
	KEY(session_ttl_s, parse_number, 60, 31536000, "2592000", "How long a session lasts at most, in seconds."),
	KEY(jwks_max_age_s, parse_number, 10, 86400, "300",
	    "How long others may cache the public keys, in seconds; a rotated key signs only after that."),

	KEY(password_min, parse_number, 8, 64, "8",
	    "The shortest password, in characters. NIST advises 15 where it is the only factor."),
	KEY(argon2_memory_kib, parse_number, 1024, ARGON2_MEMORY_KIB_MAX, "19456", "argon2id's memory a hash, in KiB."),
	KEY(argon2_passes, parse_number, 1, ARGON2_PASSES_MAX, "2", "argon2id's passes (t)."),
	KEY(argon2_parallelism, parse_number, 1, ARGON2_PARALLELISM_MAX, "1", "argon2id's lanes (p)."),
	KEY(hash_lanes, parse_number_or_auto, 1, 256, "auto",
	    "Password hashes at once, in all workers together. auto: one a core, less where memory is short."),
	KEY(hash_queue, parse_number_or_auto, 0, 1024, "auto",
	    "Requests that may wait for a lane; more get 503. auto: leaves a quarter of the workers free."),
	KEY(hash_wait_ms, parse_number, 0, 10000, "2000", "How long they may wait, in milliseconds."),
	KEY(common_passwords, parse_path, 0, 0, LATCH_DATADIR "/common-passwords.txt",
	    "Passwords that are refused: lower case, one a line, sorted by LC_ALL=C sort. Empty: none."),
};

/* A load in progress: where each key was set, and whether anything was wrong. */
struct load {
	struct config *out;
	const char *path;
	FILE *complaints;
	bool failed;
	unsigned line[COUNT(keys)]; /* 0: not set by the file */
	bool from_environment[COUNT(keys)];
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
	if (keys[i].max != 0)
		(void)snprintf(bounds, sizeof(bounds), " from %u to %u", (unsigned)keys[i].min, (unsigned)keys[i].max);
	complain(load, "%s: %s %s%s", place, keys[i].name, what, bounds);
	/* A path that is none must not be looked for as well. */
	if (keys[i].parse == parse_path)
		*((char *)load->out + keys[i].at) = '\0';
}

static bool
find_key(struct str name, size_t *index)
{
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (!str_eq(name, str_of(keys[i].name)))
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
	return keys[i].parse(value, (char *)out + keys[i].at, &keys[i]);
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
		complain(load, "%s:%u: %s is set a second time (first in line %u)", load->path, number, keys[i].name,
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
		complain(load, "environment: unknown key LATCH_%.*s", (int)(name.n < 64 ? name.n : 64), name.p);
		return;
	}
	load->from_environment[i] = true;
	const char *wrong = set_key(load->out, i, value);
	if (wrong != NULL)
		complain_key(load, i, wrong);
}

/* LATCH_DB_HOST overrides db_host, and so on. A variable of our prefix that is no key is a typing error. */
static void
read_environment(struct load *load, char *const *environment)
{
	const struct str prefix = STR("LATCH_");

	for (; *environment != NULL; environment++) {
		const struct str variable = str_of(*environment);
		if (str_starts(variable, prefix) && !str_starts(variable, STR("LATCH_CONFIG=")))
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
	const char *path = (const char *)load->out + keys[from].at;
	if (path[0] == '\0')
		return;

	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line));
	if (got < 0) {
		complain(load, "%s: %s: %s", keys[from].name, path, strerror(errno));
	} else {
		struct str rest = { line, (size_t)got };
		const char *wrong = set_key(load->out, to, str_cut(&rest, '\n'));
		if (wrong != NULL)
			complain(load, "%s: the first line of %s %s", keys[from].name, path, wrong);
	}
	if (fd >= 0)
		(void)close(fd);
	explicit_bzero(line, sizeof(line));
}

/* What follows from several keys. */
static void
finish(struct load *load)
{
	struct config *c = load->out;

	if (c->issuer[0] == '\0')
		memcpy(c->issuer, c->public_url, sizeof(c->issuer));
	if (c->argon2_memory_kib < 8 * c->argon2_parallelism)
		complain(load, "argon2_memory_kib must be at least 8 times argon2_parallelism (RFC 9106, 3.1)");
	if (c->hash_lanes == AUTO) {
		c->hash_lanes = lanes_default(c->argon2_memory_kib);
		if (c->hash_lanes > c->workers - 1)
			c->hash_lanes = c->workers - 1;
	}
	if (c->hash_queue == AUTO)
		c->hash_queue = lanes_default_queue(c->hash_lanes, c->workers);
	if (c->hash_lanes + c->hash_queue >= c->workers)
		complain(
			load,
			"hash_lanes (%u) and hash_queue (%u) must together be fewer than workers (%u): else a flood of log-ins "
			"takes them all",
			c->hash_lanes, c->hash_queue, c->workers);
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
	for (size_t i = 0; i < COUNT(keys); i++)
		if (set_key(out, i, str_of(keys[i].initial)) != NULL)
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
	for (size_t i = 0; i < COUNT(keys); i++)
		(void)fprintf(out, "\n# %s\n#%s = %s\n", keys[i].help, keys[i].name, keys[i].initial);
}
