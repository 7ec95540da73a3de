#include "core/config_keys.h"

#include <string.h>

#ifndef LATCH_DATADIR
#define LATCH_DATADIR "/usr/local/share/latch"
#endif
#ifndef LATCH_LIBDIR
#define LATCH_LIBDIR "/usr/local/lib/latch"
#endif

enum { RATE_MAX = 100000, AUDIT_DAYS_MAX = 36500 };

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
parse_text(struct str value, void *member, const struct config_key *key)
{
	if (value.n < key->min)
		return "must not be empty";
	return str_copy(member, key->size, value) ? NULL : "is too long";
}

static const char *
parse_path(struct str value, void *member, const struct config_key *key)
{
	if (value.n > 0 && value.p[0] != '/')
		return "must be an absolute path";
	return parse_text(value, member, key);
}

/* scheme://host[:port][/path], nothing that would need encoding, no slash at the end. */
static const char *
parse_url(struct str value, void *member, const struct config_key *key)
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

bool
url_is_https(struct str url)
{
	return str_starts(url, STR("https://"));
}

struct str
url_origin(struct str url)
{
	size_t n = url_is_https(url) ? 8 : 7;

	while (n < url.n && url.p[n] != '/')
		n++;
	return (struct str){ url.p, n };
}

bool
url_is_loopback(struct str url)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };
	struct str origin = url_origin(url);

	for (size_t i = 0; i < COUNT(hosts); i++) {
		const struct str host = str_of(hosts[i]);
		if (str_starts(origin, host) && (origin.n == host.n || origin.p[host.n] == ':'))
			return true;
	}
	return false;
}

/* Origins as a browser sends them (RFC 6454, 6.1): scheme://host[:port], one space between two. */
static const char *
parse_origins(struct str value, void *member, const struct config_key *key)
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

/* It becomes part of SQL. */
static const char *
parse_prefix(struct str value, void *member, const struct config_key *key)
{
	for (size_t i = 0; i < value.n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_", value.p[i]) == NULL)
			return "must be made of a-z, 0-9 and _";
	return parse_text(value, member, key);
}

/* The bounds stand in the key, and config.c tells them. */
static const char *
parse_number(struct str value, void *member, const struct config_key *key)
{
	uint64_t number;

	if (!parse_u64(value, &number) || number < key->min || number > key->max)
		return "must be a whole number";
	*(uint32_t *)member = (uint32_t)number;
	return NULL;
}

static const char *
parse_number_or_auto(struct str value, void *member, const struct config_key *key)
{
	if (!str_eq(value, STR("auto")))
		return parse_number(value, member, key);
	*(uint32_t *)member = CONFIG_AUTO;
	return NULL;
}

static const char *
parse_switch(struct str value, void *member, const struct config_key *key)
{
	(void)key;
	if (!str_eq(value, STR("on")) && !str_eq(value, STR("off")))
		return "must be on or off";
	*(bool *)member = str_eq(value, STR("on"));
	return NULL;
}

static const char *
parse_alg(struct str value, void *member, const struct config_key *key)
{
	(void)key;
	return token_alg_parse(value, member) ? NULL : "must be ES256, RS256 or HS256";
}

/* clang-format off */
#define KEY(member, parser, least, most, value, text) \
	{ \
		.name = #member, .parse = (parser), .at = offsetof(struct config, member), \
		.size = sizeof(((struct config *)0)->member), .path = (parser) == parse_path, .min = (least), .max = (most), \
		.initial = (value), .help = (text) \
	}
/* clang-format on */

const struct config_key config_keys[] = {
	KEY(public_url, parse_url, 1, 0, "http://127.0.0.1:8080",
	    "Where clients reach latch, a mount prefix included. Links, problem types and the issuer start with it."),
	KEY(service_name, parse_text, 1, 0, "latch", "What the service calls itself; never accepted as a password."),
	KEY(issuer, parse_text, 0, 0, "", "The tokens' iss claim. Empty: public_url."),
	KEY(audience, parse_text, 1, 0, "latch", "The tokens' aud claim."),
	KEY(cors_origins, parse_origins, 0, 0, "",
	    "Origins whose pages may call the API from a browser, separated by one space. Empty: none."),
	KEY(return_origins, parse_origins, 0, 0, "",
	    "Other origins that latch is mounted on, under public_url's path, whose pages it guards, separated by one "
	    "space. "
	    "Empty: none."),
	KEY(rules_file, parse_path, 0, 0, "", "A file that says which guarded page requires what. Empty: none."),
	KEY(trusted_proxies, parse_text, 0, 0, "",
	    "Proxies whose X-Forwarded-For is believed: addresses and CIDR ranges, separated by one space. Empty: none."),
	KEY(metrics_addresses, parse_text, 0, 0, "",
	    "Who may read /metrics without the permission metrics:read: addresses and CIDR ranges, separated by one space. "
	    "Empty: nobody."),
	KEY(openapi, parse_switch, 0, 0, "on", "Whether /openapi.json, which /docs shows, is answered."),
	KEY(workers, parse_number, 2, 1024, "8", "Worker processes that the pool is started with."),

	KEY(db_socket, parse_path, 0, 0, "", "MariaDB's unix socket. Empty: TCP to db_host and db_port."),
	KEY(db_host, parse_text, 1, 0, "127.0.0.1", "MariaDB's host, where db_socket is empty."),
	KEY(db_port, parse_number, 1, 65535, "3306", "MariaDB's port, where db_socket is empty."),
	KEY(db_tls_ca, parse_path, 0, 0, "",
	    "CA certificates (PEM) that MariaDB's certificate must chain to. Empty: no TLS; set it unless the network is "
	    "yours."),
	KEY(db_name, parse_text, 1, 0, "latch", "The database."),
	KEY(db_table_prefix, parse_prefix, 0, 0, "",
	    "What the names of latch's tables begin with, such as auth_, where others have tables in that database too: up "
	    "to "
	    "16 of a-z, 0-9 and _."),
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
	KEY(session_idle_s, parse_number, 60, 31536000, "1209600",
	    "How long a session lasts that nobody uses or refreshes, in seconds."),
	KEY(refresh_grace_s, parse_number, 0, 60, "10",
	    "How long the refresh token before the current one still gets the current one, in seconds: for a retry, or two "
	    "tabs."),
	KEY(revocation_max_age_s, parse_number, 1, 300, "30",
	    "How long /auth/verify lets in whom it remembers while the database is away, in seconds."),
	KEY(jwks_max_age_s, parse_number, 10, 86400, "300",
	    "How long others may cache the public keys, in seconds; a rotated key signs only after that."),

	KEY(password_min, parse_number, 8, 64, "8",
	    "The shortest password, in characters. NIST advises 15 where it is the only factor."),
	KEY(argon2_memory_kib, parse_number, 1024, ARGON2_MEMORY_KIB_MAX, "19456", "argon2id's memory a hash, in KiB."),
	KEY(argon2_passes, parse_number, 1, ARGON2_PASSES_MAX, "2", "argon2id's passes (t)."),
	KEY(hash_lanes, parse_number_or_auto, 1, 256, "auto",
	    "Password hashes at once, in all workers together. auto: one a core, less where memory is short."),
	KEY(hash_queue, parse_number_or_auto, 0, 1024, "auto",
	    "Requests that may wait for a lane; more get 503. auto: leaves a quarter of the workers free, beside "
	    "outbound_lanes."),
	KEY(hash_wait_ms, parse_number, 0, 10000, "2000", "How long they may wait, in milliseconds."),
	KEY(outbound_lanes, parse_number_or_auto, 0, 256, "0",
	    "Workers that may ask other servers (identity providers) at once. auto: a quarter of them. 0: none."),
	KEY(outbound_wait_ms, parse_number, 0, 10000, "0",
	    "How long as many more may wait for that, in milliseconds; the rest get 503. 0: nobody waits."),
	KEY(outbound_program, parse_path, 1, 0, LATCH_LIBDIR "/latch-outbound", "The program that asks for them."),
	KEY(common_passwords, parse_path, 0, 0, LATCH_DATADIR "/common-passwords.txt",
	    "Passwords that are refused: lower case, one a line, sorted by LC_ALL=C sort. Empty: none."),

	KEY(login_address_free, parse_number, 0, RATE_MAX, "20",
	    "Wrong passwords that an address (IPv6: a /64) may send before it is slowed down. 0: no limit."),
	KEY(register_per_hour, parse_number, 0, RATE_MAX, "30",
	    "Accounts that an address (IPv6: a /64) may ask for in an hour. 0: no limit."),
	KEY(refresh_per_minute, parse_number, 0, RATE_MAX, "600",
	    "Refreshes that an address (IPv6: a /64) may ask for in a minute. 0: no limit."),

	KEY(audit_days, parse_number, 0, AUDIT_DAYS_MAX, "365",
	    "How long the audit's lines are kept, in days. 0: for ever."),
};

const size_t config_keys_n = COUNT(config_keys);
_Static_assert(COUNT(config_keys) <= CONFIG_KEYS_MAX, "config_keys.h says how many keys there may be");
