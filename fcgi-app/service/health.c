#include "service/health.h"

#include "db/migrations.h"
#include "service/migrate.h"

enum err
health_ready(struct app *app, const char **missing_out)
{
	uint32_t version = 0;

	*missing_out = NULL;
	const enum err err = migrations_version(app->db, &version);

	if (err != OK)
		return ERR_DB;
	if (version != schema_version())
		*missing_out = "The database has another schema version than this program: run latchctl migrate.";
	else if (keyring_signer(&app->keyring, clock_now()) == NULL)
		*missing_out = "No signing key can be used: run latchctl doctor.";
	else if (app->audit.key == NULL)
		*missing_out =
			"What is done cannot be written down, as the audit's secret does not open with this key_file: see "
			"docs/operations.md, \"When the key file is lost\".";
	else
		return OK;
	return ERR_DB;
}
