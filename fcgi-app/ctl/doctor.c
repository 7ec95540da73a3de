/* doctor.c: latchctl doctor: what is wrong with this installation, a line each, with the mend. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/lanes.h"
#include "ctl/finding.h"
#include "db/housekeeping.h"
#include "db/server.h"
#include "service/health.h"
#include "service/keys.h"
#include "service/migrate.h"

/* So many old rows are more than the workers leave waiting while they keep up. */
enum { WAITING_MAX = 100000 };

enum { GRANTS_MAX = 32, CLOCK_MS_MAX = 2000, MARIADB_MAJOR = 10, MARIADB_MINOR = 11 };

static struct finding
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

static struct finding
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

/* Whoever migrates needs all rights in the database, and none outside of it. */
static struct finding
check_only_user(const struct config *c, const struct server_grant *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strstr(all[i].text, " ON *.* ") == NULL)
			continue;
		if (!grants(&all[i], "USAGE") || strstr(all[i].text, " WITH GRANT OPTION") != NULL)
			return bad(
				"privileges: %s has rights outside of the database %s; let it have none but GRANT ALL PRIVILEGES ON "
				"%s.*, or work as another user",
				c->db_user, c->db_name, c->db_name);
	}
	return good(
		"privileges: %s may do everything in the database %s, as it migrates too (db_owner_user); where two users can "
		"be had, give migrations one of their own",
		c->db_user, c->db_name);
}

/* That it has what it needs has been seen by then: every statement was prepared. */
static struct finding
check_privileges(struct app *app)
{
	static const char *const excess[] = { "ALL PRIVILEGES", "CREATE", "ALTER", "DROP",  "INDEX",
		                                  "TRIGGER",        "SUPER",  "FILE",  "RELOAD" };
	const struct config *c = &app->config;
	static struct server_grant all[GRANTS_MAX];
	size_t n = 0;

	if (server_grants(app->db, all, COUNT(all), &n) != OK)
		return bad("privileges: %s", db_error(app->db));
	if (strcmp(c->db_user, c->db_owner_user) == 0)
		return check_only_user(c, all, n);
	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(all[i].text, " WITH GRANT OPTION") != NULL ? "GRANT OPTION" : NULL;
		for (size_t e = 0; e < COUNT(excess) && found == NULL; e++)
			found = grants(&all[i], excess[e]) ? excess[e] : NULL;
		if (found != NULL)
			return bad("privileges: %s has %s; REVOKE ALL PRIVILEGES, GRANT OPTION FROM it, then GRANT SELECT, INSERT, "
			           "UPDATE, DELETE ON %s.*: migrations have a user of their own",
			           c->db_user, found, c->db_name);
	}
	return good("privileges: %s may read and write rows, and no more", c->db_user);
}

static struct finding
check_keys(struct app *app)
{
	const enum err err = keys_refresh(app);
	const struct key *signer = keyring_signer(&app->keyring, clock_now());

	if (err != OK)
		return bad("signing keys: %s", db_error(app->db));
	if (app->keys_unusable > 0)
		return bad("signing keys: %zu do not open with this key_file; restore the one they were made with, or see "
		           "docs/operations.md, \"When the key file is lost\"",
		           app->keys_unusable);
	if (signer == NULL)
		return bad("signing keys: there is none that signs; latchctl keys create makes one");
	return good("signing keys: %zu, %s %s signs", app->keyring.n, token_alg_name(signer->alg), signer->kid);
}

static struct finding
check_ready(struct app *app)
{
	const char *missing = NULL;

	if (health_ready(app, &missing) != OK)
		return bad("schema: %s", missing != NULL ? missing : db_error(app->db));
	return good("schema: version %u", schema_version());
}

static struct finding
check_clean_up(struct app *app)
{
	uint32_t all = 0;

	for (size_t i = 0; i < chores_n; i++) {
		uint32_t n = 0;
		if (housekeeping_waiting(app->db, &chores[i], WAITING_MAX, &n) != OK)
			return bad("clean-up: %s", db_error(app->db));
		if (n == WAITING_MAX)
			return bad("clean-up: %d or more %s wait, more than the workers can keep up with; run latchctl gc",
			           WAITING_MAX, chores[i].what);
		all += n;
	}
	return good("clean-up: %u old rows wait", all);
}

static struct finding
check_memory(const struct config *c)
{
	const uint64_t hashes = (uint64_t)c->hash_lanes * c->argon2_memory_kib / 1024, all = machine_memory_kib() / 1024;

	if (hashes > all / 2)
		return bad("memory: %u hash lanes of %u KiB take %llu MiB of %llu: set hash_lanes lower", c->hash_lanes,
		           c->argon2_memory_kib, (unsigned long long)hashes, (unsigned long long)all);
	return good(
		"memory: %u hash lanes take at most %llu MiB of %llu, and an old hash of a user who was brought along up to "
		"%d besides; %u more may wait",
		c->hash_lanes, (unsigned long long)hashes, (unsigned long long)all, ARGON2_MEMORY_KIB_MAX / 1024,
		c->hash_queue);
}

static struct finding
check_outbound(const struct config *c)
{
	if (access(c->outbound_program, X_OK) != 0)
		return hint("outbound: identity providers cannot be asked: %s: %s; set outbound_program", c->outbound_program,
		            strerror(errno));
	return good("outbound: %u workers may ask identity providers at once", c->outbound_lanes);
}

static struct finding
check_url(const struct config *c)
{
	const struct str url = str_of(c->public_url);

	if (url_is_https(url) || url_is_loopback(url))
		return good("public_url: %s", c->public_url);
	return bad("public_url: %s sends passwords in the clear; put TLS before it and say https", c->public_url);
}

static struct finding
check_transport(const struct config *c)
{
	if (c->db_socket[0] != '\0')
		return good("database transport: unix socket");
	if (c->db_tls_ca[0] != '\0')
		return good("database transport: TCP with TLS");
	if (strcmp(c->db_host, "127.0.0.1") == 0 || strcmp(c->db_host, "::1") == 0 || strcmp(c->db_host, "localhost") == 0)
		return good("database transport: TCP on this machine");
	return bad("database transport: TCP to %s without TLS: set db_tls_ca", c->db_host);
}

/* What needs the database. */
static int
check_database(struct app *app, const struct options *options)
{
	struct server_info info;

	if (db_begin_request(app->db) != OK) {
		const char *mend = db_schema_disagrees(app->db)
		                     ? "run latchctl migrate"
		                     : "see that MariaDB runs and answers (after deploy/up: run it again), and that db_socket "
		                       "or db_host, db_user, "
		                       "its password and its rights (SELECT, INSERT, UPDATE, DELETE on db_name) are right";
		return tell(options, bad("database: %s; %s", db_error(app->db), mend));
	}
	if (server_info(app->db, &info) != OK)
		return tell(options, bad("database: %s", db_error(app->db)));
	const int server = tell(options, check_version(&info)) + tell(options, check_clock(&info));
	const int rights = tell(options, check_privileges(app)) + tell(options, check_keys(app));
	return server + rights + tell(options, check_ready(app)) + tell(options, check_clean_up(app));
}

int
command_doctor(struct app *app, const struct options *options, char **operands)
{
	(void)operands;
	if (options->url != NULL)
		return doctor_url(app, options);
	int failures = tell(options, good("configuration and key file"));
	failures += tell(options, check_url(&app->config));
	failures += tell(options, check_memory(&app->config));
	if (app->config.outbound_lanes > 0)
		failures += tell(options, check_outbound(&app->config));
	failures += tell(options, check_transport(&app->config));
	failures += check_database(app, options);
	return failures == 0 ? EXIT_OK : EXIT_FAILED;
}
