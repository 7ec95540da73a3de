#include "service/app.h"

#include <string.h>

/* A path that is "" was complained about already, or is not wanted. */
static bool
open_files(struct app *app, enum app_role role, FILE *complaints)
{
	char complaint[512];
	bool ok = true;

	if (app->config.key_file[0] != '\0'
	    && !master_key_load(app->config.key_file, &app->master, complaint, sizeof(complaint))) {
		(void)fprintf(complaints, "%s\n", complaint);
		ok = false;
	}
	if (!common_passwords_open(&app->common, app->config.common_passwords, role != APP_REQUEST, complaint,
	                           sizeof(complaint))) {
		(void)fprintf(complaints, "%s\n", complaint);
		ok = false;
	}
	if (app->config.rules_file[0] != '\0' && !rules_load(&app->rules, app->config.rules_file, complaints))
		ok = false;
	return ok;
}

/* All of OpenSSL that is needed later is set up here, so that a shortage of memory shows now: see auth/jws.h. */
static bool
crypto_works(const struct app *app)
{
	const struct str purpose = STR("latch self-test"), label = STR("");
	struct bytes sealed, plain;

	return jws_self_test() == OK && seal(&app->master, purpose, label, "x", 1, &sealed) == OK
	    && unseal(&app->master, purpose, label, &sealed, &plain) == OK && !jws_starved();
}

static bool
open_lanes(struct app *app)
{
	const struct config *c = &app->config;

	return lanes_open(&app->lanes, LANES_HASH, c->key_file, c->hash_lanes, c->hash_queue, c->hash_wait_ms) == OK
	    && lanes_open(&app->outbound_lanes, LANES_OUTBOUND, c->key_file, c->outbound_lanes, c->outbound_queue,
	                  c->outbound_wait_ms)
	           == OK;
}

static enum db_as
db_role(enum app_role role)
{
	if (role == APP_WORKER)
		return DB_AS_WORKER;
	return role == APP_REQUEST ? DB_AS_REQUEST : DB_AS_COMMAND;
}

bool
app_open(struct app *app, const char *config_file, char *const *environment, enum app_role role, FILE *complaints)
{
	const struct config *config = &app->config;
	const bool serves = role == APP_WORKER || role == APP_REQUEST;
	const enum config_role reader = role == APP_OWNER ? CONFIG_OWNER : CONFIG_SERVICE;

	*app = (struct app){ 0 };
	audit_open(&app->audit);
	/* Both, whatever the first says: everything that is wrong is told at once. */
	const bool loaded = config_load(config_file, environment, reader, &app->config, complaints);
	if (!open_files(app, role, complaints) || !loaded)
		return false;

	if (serves && !open_lanes(app)) {
		(void)fprintf(complaints, "lanes: the semaphores cannot be had; ipcs -s and ipcs -l show them\n");
		return false;
	}
	app->db = db_new(config, db_role(role));
	if (app->db != NULL && hasher_init(&app->hasher, config, serves ? &app->lanes : NULL) == OK
	    && (role == APP_REQUEST || crypto_works(app)) && tokens_open(&app->tokens, config, &app->keyring) == OK
	    && tickets_open(&app->tickets, &app->master) == OK && throttle_open(&app->throttle, &app->master) == OK
	    && memory_open(&app->memory) == OK)
		return true;
	(void)fprintf(complaints, "out of memory\n");
	return false;
}

void
app_close(struct app *app)
{
	memory_close(&app->memory);
	tickets_close(&app->tickets);
	throttle_close(&app->throttle);
	audit_close(&app->audit);
	tokens_close(&app->tokens);
	keyring_clear(&app->keyring);
	common_passwords_close(&app->common);
	rules_close(&app->rules);
	db_free(app->db);
	explicit_bzero(&app->master, sizeof(app->master));
	config_wipe(&app->config);
}
