#include "service/app.h"

#include <string.h>

static bool
open_files(struct app *app, FILE *complaints)
{
	char complaint[512];
	bool ok = true;

	if (!master_key_load(app->config.key_file, &app->master, complaint, sizeof(complaint))) {
		(void)fprintf(complaints, "%s\n", complaint);
		ok = false;
	}
	if (!common_passwords_open(&app->common, app->config.common_passwords, complaint, sizeof(complaint))) {
		(void)fprintf(complaints, "%s\n", complaint);
		ok = false;
	}
	return ok;
}

bool
app_open(struct app *app, const char *config_file, char *const *environment, enum app_role role, FILE *complaints)
{
	const struct config *config = &app->config;
	const bool worker = role == APP_WORKER;

	*app = (struct app){ 0 };
	const bool loaded =
		config_load(config_file, environment, worker ? CONFIG_SERVICE : CONFIG_OWNER, &app->config, complaints);
	if (!loaded || !open_files(app, complaints))
		return false;

	if (worker
	    && lanes_open(&app->lanes, config->key_file, config->hash_lanes, config->hash_queue, config->hash_wait_ms)
	           != OK) {
		(void)fprintf(complaints, "hash lanes: the semaphores cannot be had; ipcs -s and ipcs -l show them\n");
		return false;
	}
	hasher_init(&app->hasher, config, worker ? &app->lanes : NULL);
	app->db = db_new(config, DB_AS_SERVICE);
	if (app->db != NULL && tokens_open(&app->tokens, config, &app->keyring) == OK)
		return true;
	(void)fprintf(complaints, "out of memory\n");
	return false;
}

void
app_close(struct app *app)
{
	tokens_close(&app->tokens);
	keyring_clear(&app->keyring);
	common_passwords_close(&app->common);
	db_free(app->db);
	explicit_bzero(&app->master, sizeof(app->master));
	config_wipe(&app->config);
}
