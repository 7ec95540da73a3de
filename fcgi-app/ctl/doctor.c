/* doctor.c: latchctl doctor: what is wrong with this installation, a line each, with the mend. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lanes.h"
#include "ctl/command.h"
#include "db/server.h"
#include "service/health.h"
#include "service/keys.h"
#include "service/migrate.h"

enum { GRANTS_MAX = 32, CLOCK_MS_MAX = 2000, MARIADB_MAJOR = 10, MARIADB_MINOR = 11 };

static int PRINTF(1, 2) good(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("ok    ", stdout);
	(void)vprintf(fmt, args);
	(void)fputc('\n', stdout);
	va_end(args);
	return 0;
}

static int PRINTF(1, 2) bad(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("FAIL  ", stdout);
	(void)vprintf(fmt, args);
	(void)fputc('\n', stdout);
	va_end(args);
	return 1;
}

static int
check_version(const struct server_info *info)
{
	struct str rest = str_of(info->version); /* "10.11.6-MariaDB-..." */
	uint64_t major, minor;

	if (!parse_u64(str_cut(&rest, '.'), &major) || !parse_u64(str_cut(&rest, '.'), &minor)
	    || strstr(info->version, "MariaDB") == NULL)
		return bad("database server %s: must be MariaDB", info->version);
	if (major < MARIADB_MAJOR || (major == MARIADB_MAJOR && minor < MARIADB_MINOR))
		return bad("MariaDB %s: upgrade it to 10.11 or later", info->version);
	return good("MariaDB %s", info->version);
}

static int
check_clock(const struct server_info *info)
{
	const long long apart = llabs((long long)(info->now.ms - clock_now().ms));

	if (apart > CLOCK_MS_MAX)
		return bad("clock: %lld ms from the database's; let both follow NTP (systemd-timesyncd, chrony)", apart);
	return good("clock: %lld ms from the database's", apart);
}

/* Whether a grant's list of privileges, which stands between GRANT and ON, has this one. */
static bool
grants(const struct server_grant *grant, const char *privilege)
{
	struct str rest = str_of(grant->text);
	const char *on = strstr(grant->text, " ON ");

	if (!str_starts(rest, STR("GRANT ")) || on == NULL)
		return false;
	rest = (struct str){ grant->text + 6, (size_t)(on - grant->text - 6) };
	while (rest.p != NULL)
		if (str_starts(str_trim(str_cut(&rest, ',')), str_of(privilege)))
			return true;
	return false;
}

static bool
any_grants(const struct server_grant *all, size_t n, const char *privilege)
{
	for (size_t i = 0; i < n; i++)
		if (grants(&all[i], privilege))
			return true;
	return false;
}

static int
check_privileges(struct app *app)
{
	static const char *const needed[] = { "SELECT", "INSERT", "UPDATE", "DELETE" };
	static const char *const excess[] = { "CREATE", "ALTER", "DROP", "INDEX", "TRIGGER", "SUPER", "FILE", "GRANT" };
	const struct config *c = &app->config;
	static struct server_grant all[GRANTS_MAX];
	size_t n = 0;

	if (server_grants(app->db, all, COUNT(all), &n) != OK)
		return bad("privileges: %s", db_error(app->db));
	const bool everything = any_grants(all, n, "ALL PRIVILEGES");
	for (size_t i = 0; i < COUNT(needed); i++)
		if (!everything && !any_grants(all, n, needed[i]))
			return bad("privileges: GRANT %s ON %s.* TO %s", needed[i], c->db_name, c->db_user);
	for (size_t i = 0; i < COUNT(excess); i++)
		if (everything || any_grants(all, n, excess[i]))
			return bad(
				"privileges: %s may %s; REVOKE ALL, then GRANT SELECT, INSERT, UPDATE, DELETE ON %s.*: migrations "
				"have a user of their own",
				c->db_user, everything ? "do everything" : excess[i], c->db_name);
	return good("privileges: %s may read and write rows, and no more", c->db_user);
}

static int
check_keys(struct app *app)
{
	const enum err err = keys_refresh(app);
	const struct key *signer = keyring_signer(&app->keyring, clock_now());

	if (err != OK)
		return bad("signing keys: %s", db_error(app->db));
	if (signer == NULL)
		return bad("signing keys: none can be used; latchctl keys create makes one");
	return good("signing keys: %zu, %s %s signs", app->keyring.n, jws_alg_name(signer->alg), signer->kid);
}

static int
check_ready(struct app *app)
{
	const char *missing = NULL;

	if (health_ready(app, &missing) != OK)
		return bad("schema: %s", missing != NULL ? missing : db_error(app->db));
	return good("schema: version %u", schema_version());
}

static int
check_memory(const struct config *c)
{
	const uint64_t hashes = (uint64_t)c->hash_lanes * c->argon2_memory_kib / 1024, all = machine_memory_kib() / 1024;

	if (hashes > all / 2)
		return bad("memory: %u hash lanes of %u KiB take %llu MiB of %llu: set hash_lanes lower", c->hash_lanes,
		           c->argon2_memory_kib, (unsigned long long)hashes, (unsigned long long)all);
	return good("memory: %u hash lanes take at most %llu MiB of %llu; %u more may wait", c->hash_lanes,
	            (unsigned long long)hashes, (unsigned long long)all, c->hash_queue);
}

static int
check_url(const struct config *c)
{
	const struct str url = str_of(c->public_url);

	if (str_starts(url, STR("https://")) || str_starts(url, STR("http://127.0.0.1"))
	    || str_starts(url, STR("http://localhost")) || str_starts(url, STR("http://[::1]")))
		return good("public_url: %s", c->public_url);
	return bad("public_url: %s sends passwords in the clear; put TLS before it and say https", c->public_url);
}

int
command_doctor(struct app *app, const struct options *options, char **operands)
{
	struct server_info info;
	int failures = good("configuration and key file");

	(void)options;
	(void)operands;
	failures += check_url(&app->config) + check_memory(&app->config);
	if (db_begin_request(app->db) != OK) {
		failures +=
			bad("database: %s%s", db_error(app->db), db_schema_disagrees(app->db) ? ": run latchctl migrate" : "");
	} else if (server_info(app->db, &info) != OK) {
		failures += bad("database: %s", db_error(app->db));
	} else {
		failures += check_version(&info) + check_clock(&info) + check_privileges(app) + check_keys(app);
		failures += check_ready(app);
	}
	return failures == 0 ? EXIT_OK : EXIT_FAILED;
}
