/* keys.c: latchctl keys ... and latchctl migrate. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "service/keys.h"
#include "service/migrate.h"

enum { LIST_MAX = 40 };

int
command_migrate(struct app *app, const struct options *options, char **operands)
{
	struct db *owner = db_new(&app->config, DB_AS_OWNER);

	(void)options;
	(void)operands;
	if (owner == NULL)
		return complain("out of memory");
	const enum err err = migrate(owner, stdout);
	if (err == ERR_DB)
		(void)fprintf(stderr, "latchctl: database, as %s: %s\n", app->config.db_owner_user, db_error(owner));
	else if (err == ERR_BUSY)
		(void)complain("another migration is running; it has had a minute");
	else if (err != OK)
		(void)complain("nothing was changed");
	db_free(owner);
	return err == OK ? EXIT_OK : err == ERR_DB || err == ERR_BUSY ? EXIT_AWAY : EXIT_FAILED;
}

int
command_keys_list(struct app *app, const struct options *options, char **operands)
{
	struct signing_key keys[LIST_MAX];
	char created[TIMESTAMP_SIZE], from[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];
	size_t n;

	(void)options;
	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = keys_list(app, keys, COUNT(keys), &n);
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%-20s %-6s %-10s %-25s %-25s %s\n", "KID", "ALG", "STATE", "CREATED", "SIGNS FROM", "GOOD UNTIL");
	for (size_t i = 0; i < n; i++) {
		timestamp_format(keys[i].created_at, created);
		timestamp_format(keys[i].sign_from, from);
		const struct timestamp end = keys_until(&keys[i], keys, n);
		timestamp_format(end, until);
		(void)printf("%-20s %-6s %-10s %-25s %-25s %s\n", keys[i].kid, keys[i].alg,
		             keys_state(app, &keys[i], clock_now()), created, from, end.ms != 0 ? until : "-");
	}
	return EXIT_OK;
}

/* Says of a key that is to sign later what happens when. */
static int
say_when(struct app *app, const char *kid, uint32_t delay_s)
{
	struct signing_key keys[LIST_MAX];
	const struct signing_key *next = NULL, *signer = NULL;
	char from[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];
	size_t n;
	const enum err err = keys_list(app, keys, COUNT(keys), &n);

	if (err != OK)
		return complain_err(app, err, NULL);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			next = &keys[i];
		else if (strcmp(keys_state(app, &keys[i], clock_now()), "signing") == 0)
			signer = &keys[i];
	}
	if (next == NULL)
		return complain("the new key has been retired meanwhile: latchctl keys list");
	timestamp_format(next->sign_from, from);
	(void)printf("%s is published and signs from %s, in %u s: nobody has a key set without it by then\n", kid, from,
	             delay_s);
	if (signer == NULL)
		return EXIT_OK;
	timestamp_format(keys_until(signer, keys, n), until);
	(void)printf("%s signs until a newer one does; its tokens stay good until they expire, and it is retired by itself "
	             "after %s\n",
	             signer->kid, until);
	return EXIT_OK;
}

static int
create(struct app *app, uint32_t delay_s)
{
	char kid[KID_SIZE];
	const enum err err = keys_create(app, delay_s, kid);

	if (err == ERR_CONFLICT)
		return complain("16 keys are live: retire one first (latchctl keys list)");
	if (err != OK)
		return complain_err(app, err, NULL);
	if (delay_s > KEYS_SPREAD_S)
		return say_when(app, kid, delay_s);
	(void)sleep(delay_s);
	(void)printf("%s signs now\n", kid);
	return EXIT_OK;
}

int
command_keys_create(struct app *app, const struct options *options, char **operands)
{
	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = keys_read(app);
	if (err != OK)
		return complain_err(app, err, NULL);
	const struct key *signer = keyring_signer(&app->keyring, clock_now());
	if (signer == NULL && app->keys_unusable > 0)
		return complain(
			"the signing keys do not open with this key_file: restore it, or make new keys with latchctl keys "
			"rotate --now (all tokens end)");
	if (signer == NULL)
		return create(app, 0);
	if (!options->if_missing)
		return complain("there is a signing key already: latchctl keys rotate makes the next one");
	(void)printf("%s signs already\n", signer->kid);
	return EXIT_OK;
}

int
command_keys_rotate(struct app *app, const struct options *options, char **operands)
{
	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	return create(app, options->now ? KEYS_SPREAD_S : app->config.jwks_max_age_s + KEYS_CACHES_S);
}

int
command_keys_retire(struct app *app, const struct options *options, char **operands)
{
	(void)options;
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = keys_retire(app, str_of(operands[0]));
	if (err == ERR_CONFLICT)
		return complain("nothing else could sign: run latchctl keys rotate --now first");
	if (err == ERR_NO_ROW) {
		(void)complain("no such key, or it is retired already: latchctl keys list");
		return EXIT_MISSING;
	}
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%s is retired; its tokens are refused within %d s\n", operands[0], KEYS_REFRESH_MS / 1000);
	return EXIT_OK;
}
