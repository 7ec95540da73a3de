/* keys.c: latchctl keys ... and latchctl migrate. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/output.h"
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

struct key_row {
	char kid[KID_SIZE];
	char alg[9];
	char state[16];
	struct timestamp created_at, signs_from, good_until;
};
static const struct field key_fields[] = {
	SHOWN(struct key_row, kid),        SHOWN(struct key_row, alg),        SHOWN(struct key_row, state),
	SHOWN(struct key_row, created_at), SHOWN(struct key_row, signs_from), SHOWN(struct key_row, good_until),
};
static const struct schema key_row = SCHEMA("Key", struct key_row, key_fields);

int
command_keys_list(struct app *app, const struct options *options, char **operands)
{
	static struct signing_key keys[LIST_MAX];
	struct key_row rows[LIST_MAX];
	struct output out = output_begin(options, &key_row);
	size_t n;

	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = keys_list(app, keys, COUNT(keys), &n);
	if (err != OK)
		return complain_err(app, err, NULL);
	for (size_t i = 0; i < n; i++) {
		rows[i] = (struct key_row){ .created_at = keys[i].created_at,
			                        .signs_from = keys[i].sign_from,
			                        .good_until = keys_until(&keys[i], keys, n) };
		(void)snprintf(rows[i].kid, sizeof(rows[i].kid), "%.32s", keys[i].kid);
		(void)snprintf(rows[i].alg, sizeof(rows[i].alg), "%.8s", keys[i].alg);
		(void)snprintf(rows[i].state, sizeof(rows[i].state), "%s", keys_state(app, &keys[i], clock_now()));
	}
	return output_rows(&out, rows, n);
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
	char question[160];

	(void)snprintf(question, sizeof(question), "Refuse all tokens of %.40s, for good?", operands[0]);
	if (!connected(app))
		return EXIT_AWAY;
	if (!confirmed(options, question))
		return EXIT_FAILED;
	if (!connected(app)) /* who was asked may have taken his time */
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

int
command_keys_reseal(struct app *app, const struct options *options, char **operands)
{
	struct master_key old;
	char complaint[512];
	size_t n = 0;

	(void)options;
	if (!master_key_load(operands[0], &old, complaint, sizeof(complaint)))
		return complain(complaint);
	const bool away = !reached(app);
	const enum err err = away ? ERR_DB : keys_reseal(app, &old, &n);
	explicit_bzero(&old, sizeof(old));
	if (away)
		return EXIT_AWAY;
	if (err == ERR_CONFLICT)
		return complain("a signing key opens with neither of the two key files; nothing was changed");
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%zu signing keys are sealed under %s now, and the audit's secret\n", n, app->config.key_file);
	return EXIT_OK;
}
