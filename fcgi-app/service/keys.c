#include "service/keys.h"

#include <errno.h>
#include <string.h>

#include "core/log.h"
#include "core/random.h"

enum { KID_BYTES = 10 };
_Static_assert(sizeof(((struct signing_key *)0)->kid) == KID_SIZE, "a kid is as long in a row as in the ring");

#define KEY_PURPOSE STR("latch signing key v1")

/* What is authenticated with a sealed key: a private key put into another row, or under another algorithm, does not
 * open. */
static struct str
label_of(const char *kid, const char *alg, char out[KID_SIZE + 16])
{
	(void)snprintf(out, KID_SIZE + 16, "%.8s %.32s", alg, kid);
	return str_of(out);
}

static enum err
open_key(const struct app *app, const struct signing_key *row, struct key *out)
{
	struct bytes plain;
	char label[KID_SIZE + 16];
	enum token_alg alg;

	if (!token_alg_parse(str_of(row->alg), &alg))
		return ERR_INTERNAL;
	enum err err = unseal(&app->master, KEY_PURPOSE, label_of(row->kid, row->alg, label), &row->sealed, &plain);
	if (err == OK)
		err = key_init(out, str_of(row->kid), alg, row->sign_from, jws_key_import(alg, &plain));
	explicit_bzero(&plain, sizeof(plain));
	return err;
}

/* The ring's keys as the rows say, keeping those that are held already. A key that does not open is left out, with a
 * line in the log when their number changes: the others go on serving. */
static enum err
rebuild(struct app *app, const struct signing_key *rows, size_t n)
{
	struct key keys[KEYRING_MAX];
	size_t kept = 0, unusable = 0;
	bool changed = app->keyring.generation == 0, starved = false;

	for (size_t i = 0; i < n && !starved; i++) {
		const struct key *old = keyring_find(&app->keyring, str_of(rows[i].kid));
		if (old != NULL) {
			keys[kept] = *old;
			changed = changed || old->sign_from.ms != rows[i].sign_from.ms;
			keys[kept++].sign_from = rows[i].sign_from;
			continue;
		}
		errno = 0;
		if (open_key(app, &rows[i], &keys[kept]) == OK) {
			changed = true;
			kept++;
		} else {
			starved = errno == ENOMEM;
			unusable++;
		}
	}
	/* Left out, its tokens would be refused. */
	if (starved) {
		keyring_drop(&app->keyring, keys, kept);
		return ERR_INTERNAL;
	}
	if (unusable != app->keys_unusable && unusable > 0)
		log_error("%zu signing keys do not open: is key_file the one they were made with?", unusable);
	app->keys_unusable = unusable;
	if (!changed && kept == app->keyring.n)
		return OK;
	return keyring_replace(&app->keyring, keys, kept);
}

/* From this moment on nothing that the key signed can be valid, if `newer` took over from it. */
static struct timestamp
over_at(const struct signing_key *key, struct timestamp newer)
{
	return (struct timestamp){ newer.ms + ((int64_t)key->token_ttl_s + KEYS_LEEWAY_S) * 1000 };
}

/* Whether a key that this worker holds has taken over so long ago. One that does not open may not: it signs nothing. */
static bool
superseded(const struct keyring *ring, const struct signing_key *row, struct timestamp now)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->keys[i].sign_from.ms > row->sign_from.ms && over_at(row, ring->keys[i].sign_from).ms <= now.ms)
			return true;
	return false;
}

/* ---- Retiring -------------------------------------------------------------------------------------------------------- */

static enum err
retire_all(struct app *app, const struct signing_kid *kids, size_t n, bool itself)
{
	enum err err = OK;

	for (size_t i = 0; i < n && err == OK; i++) {
		const struct str kid = str_of(kids[i].text);
		const struct audit_entry entry = { .event = AUDIT_KEY_RETIRE, .itself = itself, .target = kid };
		err = signing_keys_retire_this(app->db, kid);
		if (err == OK)
			err = audit_write(app, &entry);
	}
	return err;
}

/* Within a transaction: those that nothing valid is left of. */
static enum err
retire_superseded(struct db *db, void *argument)
{
	struct app *app = argument;
	struct signing_kid kids[KEYRING_MAX];
	size_t n;
	const enum err err = signing_keys_superseded(db, KEYS_LEEWAY_S, kids, COUNT(kids), &n);

	return err == OK ? retire_all(app, kids, n, true) : err;
}

/* What the rows should say of the keys, where they do not. */
static enum err
tend(struct app *app, const struct signing_key *rows, size_t n)
{
	const struct timestamp now = clock_now();
	const struct key *signer = keyring_signer(&app->keyring, now);
	const uint32_t ttl_s = app->config.access_ttl_s;
	enum err err = OK;
	bool due = false;

	for (size_t i = 0; i < n && err == OK; i++) {
		due = due || superseded(&app->keyring, &rows[i], now);
		/* The one that signs, and those that will. */
		if (signer != NULL && rows[i].sign_from.ms >= signer->sign_from.ms && rows[i].token_ttl_s < ttl_s)
			err = signing_keys_raise_ttl(app->db, str_of(rows[i].kid), ttl_s);
	}
	return err == OK && due ? db_transaction(app->db, retire_superseded, app) : err;
}

enum err
keys_read(struct app *app)
{
	struct signing_key rows[KEYRING_MAX];
	size_t n;

	enum err err = signing_keys_live(app->db, rows, COUNT(rows), &n);
	if (err != OK)
		return err;
	const uint64_t read_us = clock_mono_us();
	err = rebuild(app, rows, n);
	if (err != OK)
		return err;
	app->keys_read_us = read_us;
	/* What cannot be written down is not done; but keys are good for what need not be. */
	if (audit_ready(app) == ERR_INTERNAL)
		return ERR_INTERNAL;
	/* What fails is done when they are read again: keys are good in a database that takes no writes, too. */
	const bool untended = tend(app, rows, n) != OK;
	if (untended && !app->keys_untended)
		log_warn("the signing keys' rows cannot be kept up: %s", db_error(app->db));
	app->keys_untended = untended;
	return OK;
}

uint32_t
keys_max_age_s(const struct app *app)
{
	const uint32_t max_s = app->config.jwks_max_age_s;
	const uint64_t age_us = clock_mono_us() - app->keys_read_us;

	if (age_us <= (uint64_t)KEYS_REFRESH_MS * 1000)
		return max_s;
	return age_us / 1000000 < max_s ? max_s - (uint32_t)(age_us / 1000000) : 0;
}

struct timestamp
keys_until(const struct signing_key *key, const struct signing_key *all, size_t n)
{
	struct timestamp first = { 0 };

	if (key->retired_at.ms != 0)
		return key->retired_at;
	for (size_t i = 0; i < n; i++)
		if (all[i].retired_at.ms == 0 && all[i].sign_from.ms > key->sign_from.ms
		    && (first.ms == 0 || all[i].sign_from.ms < first.ms))
			first = all[i].sign_from;
	return first.ms == 0 ? first : over_at(key, first);
}

/* Whether `since` (0: never) lies more than ms milliseconds back. */
static bool
older_than(uint64_t since, unsigned ms)
{
	return since == 0 || clock_mono_us() - since > (uint64_t)ms * 1000;
}

enum err
keys_refresh(struct app *app)
{
	const enum err err = db_begin_request(app->db);

	return err == OK && older_than(app->keys_read_us, KEYS_REFRESH_MS) ? keys_read(app) : err;
}

enum err
keys_fresh(struct app *app)
{
	return older_than(app->keys_read_us, KEYS_REFRESH_MS) ? keys_refresh(app) : OK;
}

bool
keys_read_for_unknown(struct app *app)
{
	if (!older_than(app->keys_unknown_us, KEYS_UNKNOWN_MS))
		return false;
	app->keys_unknown_us = clock_mono_us();
	return keys_read(app) == OK;
}

struct new_key {
	struct app *app;
	const struct signing_key *row;
	uint32_t delay_s;
};

static enum err
write_key(struct db *db, void *argument)
{
	const struct new_key *new = argument;
	const struct audit_entry entry = { .event = new->delay_s == 0 ? AUDIT_KEY_CREATE : AUDIT_KEY_ROTATE,
		                               .target = str_of(new->row->kid) };
	struct signing_kid kids[KEYRING_MAX];
	size_t n;
	enum err err = signing_keys_superseded(db, KEYS_LEEWAY_S, kids, COUNT(kids), &n);

	if (err == OK)
		err = retire_all(new->app, kids, n, true);
	if (err == OK)
		err = signing_keys_next(db, new->delay_s, kids, COUNT(kids), &n);
	if (err == OK)
		err = retire_all(new->app, kids, n, false);
	if (err == OK)
		err = signing_keys_insert(db, new->row, new->delay_s, KEYRING_MAX);
	return err == OK ? audit_write(new->app, &entry) : err;
}

enum err
keys_create(struct app *app, uint32_t delay_s, char kid_out[KID_SIZE])
{
	struct signing_key row = { .token_ttl_s = app->config.access_ttl_s };
	struct bytes plain = { 0 };
	unsigned char id[KID_BYTES];
	char label[KID_SIZE + 16];
	const struct config *config = &app->config;
	const char *alg = token_alg_name(config->token_alg);

	struct jws_key *key = jws_key_generate(config->token_alg);
	if (key == NULL)
		return ERR_INTERNAL;
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), row.kid); /* base64url could start with '-', which a command line takes for an option */
	memcpy(kid_out, row.kid, KID_SIZE);
	(void)snprintf(row.alg, sizeof(row.alg), "%s", alg);

	enum err err = jws_key_export(key, &plain);
	if (err == OK)
		err = seal(&app->master, KEY_PURPOSE, label_of(row.kid, alg, label), plain.p, plain.n, &row.sealed);
	explicit_bzero(&plain, sizeof(plain));
	jws_key_free(key);
	if (err == OK)
		err = db_transaction(app->db, write_key, &(struct new_key){ app, &row, delay_s });
	return err == ERR_NO_ROW ? ERR_CONFLICT : err;
}

struct reseal {
	struct app *app;
	const struct master_key *old;
	size_t n;
};

/* ERR_CONFLICT: it opens with neither. */
static enum err
reseal_one(struct db *db, struct reseal *work, const struct signing_key *row)
{
	struct bytes plain, sealed;
	char text[KID_SIZE + 16];
	const struct str label = label_of(row->kid, row->alg, text);
	enum err err = unseal(&work->app->master, KEY_PURPOSE, label, &row->sealed, &plain);

	explicit_bzero(&plain, sizeof(plain));
	if (err == OK)
		return OK;
	if (unseal(work->old, KEY_PURPOSE, label, &row->sealed, &plain) != OK)
		return ERR_CONFLICT;
	err = seal(&work->app->master, KEY_PURPOSE, label, plain.p, plain.n, &sealed);
	explicit_bzero(&plain, sizeof(plain));
	if (err == OK)
		err = signing_keys_reseal(db, str_of(row->kid), &sealed);
	work->n += err == OK;
	return err;
}

static enum err
reseal_all(struct db *db, void *argument)
{
	struct signing_key rows[KEYRING_MAX];
	struct reseal *work = argument;
	char how_many[24];
	size_t n;
	enum err err = signing_keys_live(db, rows, COUNT(rows), &n);

	work->n = 0;
	for (size_t i = 0; i < n && err == OK; i++)
		err = reseal_one(db, work, &rows[i]);
	if (err == OK)
		err = audit_reseal(work->app, work->old);
	(void)snprintf(how_many, sizeof(how_many), "%zu", work->n);
	const struct audit_entry entry = { .event = AUDIT_KEY_RESEAL, .target = str_of(how_many) };
	return err == OK ? audit_write(work->app, &entry) : err;
}

enum err
keys_reseal(struct app *app, const struct master_key *old, size_t *n_out)
{
	struct reseal work = { .app = app, .old = old };
	const enum err err = db_transaction(app->db, reseal_all, &work);

	*n_out = work.n;
	return err;
}

enum err
keys_list(struct app *app, struct signing_key *out, size_t max, size_t *n_out)
{
	const enum err err = keys_read(app);

	return err == OK ? signing_keys_all(app->db, out, max, n_out) : err;
}

const char *
keys_state(const struct app *app, const struct signing_key *key, struct timestamp now)
{
	const struct key *held = keyring_find(&app->keyring, str_of(key->kid));

	if (key->retired_at.ms != 0)
		return "retired";
	if (held == NULL)
		return "unusable";
	if (held->sign_from.ms > now.ms)
		return "next";
	return held == keyring_signer(&app->keyring, now) ? "signing" : "verifying";
}

struct retirement {
	struct app *app;
	struct str kid;
};

static enum err
retire(struct db *db, void *argument)
{
	const struct retirement *work = argument;
	const struct audit_entry entry = { .event = AUDIT_KEY_RETIRE, .target = work->kid };
	const enum err err = signing_keys_retire(db, work->kid);

	return err == OK ? audit_write(work->app, &entry) : err;
}

enum err
keys_retire(struct app *app, struct str kid)
{
	struct signing_key rows[KEYRING_MAX];
	size_t n;
	enum err err = db_transaction(app->db, retire, &(struct retirement){ app, kid });

	if (err != ERR_NO_ROW)
		return err;
	err = signing_keys_live(app->db, rows, COUNT(rows), &n);
	for (size_t i = 0; err == OK && i < n; i++)
		if (str_eq(kid, str_of(rows[i].kid)))
			return ERR_CONFLICT;
	return err == OK ? ERR_NO_ROW : err;
}
