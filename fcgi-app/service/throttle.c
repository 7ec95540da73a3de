#include "service/throttle.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "service/app.h"

/* So often a row may change under our hands; each time somebody else was counted. */
enum { TRIES = 12, NAME_MAX_BYTES = 4 * 254, PREPAID_S = 60 };

/* ---- Subjects ---------------------------------------------------------------------------------------------------- */

enum err
throttle_open(struct throttle *throttle, const struct master_key *master)
{
	struct bytes secret = { .n = 32 };

	*throttle = (struct throttle){ 0 };
	if (seal_derive(master, STR("latch throttle v1"), secret.p))
		throttle->key = jws_key_import(TOKEN_HS256, &secret);
	explicit_bzero(&secret, sizeof(secret));
	return throttle->key != NULL ? OK : ERR_INTERNAL;
}

void
throttle_close(struct throttle *throttle)
{
	jws_key_free(throttle->key);
	throttle->key = NULL;
}

/* Names compare without case, as in the database; nothing else here has letters that differ in it. */
static enum err
make_subject(const struct app *app, enum throttle_kind kind, struct str name, struct throttle_subject *out)
{
	const struct throttle_rule rule = throttle_rule(&app->config, kind);
	unsigned char mac[JWS_SIGNATURE_MAX];
	char text[NAME_MAX_BYTES + 16];
	size_t n = strlen(rule.name) + 1, mac_n;

	if (name.n > NAME_MAX_BYTES)
		return ERR_INTERNAL;
	memcpy(text, rule.name, n); /* with its NUL */
	for (size_t i = 0; i < name.n; i++)
		text[n++] = ascii_lower(name.p[i]);
	const enum err err = jws_sign(app->throttle.key, (struct str){ text, n }, mac, &mac_n);
	if (err == OK)
		hex_encode(mac, (sizeof(out->text) - 1) / 2, out->text);
	return err;
}

static enum err
address_subject(const struct app *app, enum throttle_kind kind, const struct address *from,
                struct throttle_subject *out)
{
	char prefix[ADDRESS_SIZE];

	address_prefix(from, prefix);
	return make_subject(app, kind, str_of(prefix), out);
}

enum err
throttle_account_subject(const struct app *app, const struct uuid *user, struct throttle_subject *out)
{
	return make_subject(app, THROTTLE_ACCOUNT, str_of(user->text), out);
}

/* ---- Charging ---------------------------------------------------------------------------------------------------- */

static enum err
slow_down(const struct throttle_rule *rule, const struct throttle_row *row, struct reason *why)
{
	why->detail = throttle_ended(rule, row) ? rule->last : rule->detail;
	why->retry_after_s = (uint32_t)((throttle_wait_ms(rule, row) + 999) / 1000);
	return ERR_SLOW_DOWN;
}

/* One charge more on what was read, if nobody else was faster: then *changed, and nothing was done. */
static enum err
charge_once(struct app *app, const struct throttle_rule *rule, const struct throttle_subject *subject,
            const struct throttle_row *row, bool *changed)
{
	const struct throttle_change next = throttle_next(rule, row);
	enum err err =
		row != NULL ? throttles_update(app->db, row, &next) : throttles_insert(app->db, subject, &next, rule->lasting);

	*changed = err == ERR_NO_ROW || err == ERR_DUPLICATE;
	return *changed ? OK : err;
}

/* Charges a subject. `why` NULL: whatever there is to wait for; else ERR_SLOW_DOWN where there is anything. */
static enum err
charge_by(struct app *app, const struct throttle_rule *rule, const struct throttle_subject *subject, struct reason *why)
{
	struct throttle_row rows[2];
	bool changed;
	size_t n;

	for (int i = 0; i < TRIES; i++) {
		enum err err = throttles_find(app->db, subject, subject, rows, &n);
		if (err == OK && n > 0 && why != NULL && throttle_wait_ms(rule, rows) > 0)
			return slow_down(rule, rows, why);
		if (err == OK)
			err = charge_once(app, rule, subject, n > 0 ? rows : NULL, &changed);
		if (err != OK || !changed)
			return err;
	}
	return ERR_BUSY;
}

static enum err
charge(struct app *app, enum throttle_kind kind, const struct throttle_subject *subject, struct reason *why)
{
	const struct throttle_rule rule = throttle_rule(&app->config, kind);

	return charge_by(app, &rule, subject, why);
}

/* ---- Passwords --------------------------------------------------------------------------------------------------- */

static enum err
add_counter(const struct app *app, struct guess *guess, enum throttle_kind kind, struct str name)
{
	struct counter *counter = &guess->counters[guess->n++];

	*counter = (struct counter){ .kind = kind };
	return make_subject(app, kind, name, &counter->subject);
}

static enum err
choose_counters(const struct app *app, const struct guesser *who, struct guess *out)
{
	char prefix[ADDRESS_SIZE];
	enum err err = OK;

	*out = (struct guess){ 0 };
	if (who->user != NULL)
		err = throttle_account_subject(app, &who->user->id, &out->account);
	if (err != OK)
		return err;
	if (who->user != NULL && who->session != NULL)
		return add_counter(app, out, THROTTLE_SESSION, str_of(who->session->text));
	if (who->user != NULL && who->device != NULL)
		return add_counter(app, out, THROTTLE_DEVICE, str_of(who->device->text));
	err = who->user != NULL ? add_counter(app, out, THROTTLE_ACCOUNT, str_of(who->user->id.text))
	                        : add_counter(app, out, THROTTLE_UNKNOWN, who->name);
	if (err != OK || who->from == NULL || throttle_rule(&app->config, THROTTLE_ADDRESS).off)
		return err;
	address_prefix(who->from, prefix);
	return add_counter(app, out, THROTTLE_ADDRESS, str_of(prefix));
}

static enum err
look(struct app *app, struct counter *counter, const struct throttle_row *rows, size_t n, struct reason *why)
{
	const struct throttle_rule rule = throttle_rule(&app->config, counter->kind);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].subject.text, counter->subject.text) != 0)
			continue;
		if (throttle_wait_ms(&rule, &rows[i]) > 0)
			return slow_down(&rule, &rows[i], why);
		counter->found = true;
		counter->counted = throttle_counted(&rule, &rows[i]) > 0;
	}
	return OK;
}

/* An attempt that was none. That this fails is no reason to fail: then it counts. */
static void
take_back(struct app *app, struct guess *guess)
{
	for (size_t i = 0; i < guess->n; i++) {
		struct counter *counter = &guess->counters[i];
		const bool charged = counter->charged;
		counter->charged = false;
		if (charged && throttles_take_back(app->db, &counter->subject, 1) != OK)
			log_warn("an attempt could not be taken back: %s", db_error(app->db));
	}
}

/* Whose failures are not the account's. */
static bool
counts_apart(enum throttle_kind kind)
{
	return kind == THROTTLE_DEVICE || kind == THROTTLE_SESSION;
}

/* Such a row is read together with the account's, which its right password ends. */
static enum err
look_at_all(struct app *app, struct guess *guess, struct reason *why)
{
	const struct throttle_subject *first = &guess->counters[0].subject, *second = first;
	struct throttle_row rows[2];
	size_t n;

	if (guess->n > 1)
		second = &guess->counters[1].subject;
	else if (counts_apart(guess->counters[0].kind))
		second = &guess->account;
	enum err err = throttles_find(app->db, first, second, rows, &n);
	if (err != OK)
		return err;
	for (size_t i = 0; i < n; i++)
		guess->account_found = guess->account_found || strcmp(rows[i].subject.text, guess->account.text) == 0;
	for (size_t i = 0; err == OK && i < guess->n; i++)
		err = look(app, &guess->counters[i], rows, n, why);
	return err;
}

enum err
guess_begin(struct app *app, const struct guesser *who, struct guess *out, struct reason *why)
{
	enum err err = choose_counters(app, who, out);

	if (err == OK)
		err = look_at_all(app, out, why);
	for (size_t i = 0; err == OK && i < out->n; i++) {
		struct counter *counter = &out->counters[i];
		if (!counter->counted)
			continue;
		err = charge(app, counter->kind, &counter->subject, why);
		counter->charged = err == OK;
	}
	if (err != OK)
		take_back(app, out);
	return err;
}

/* What was not charged before is charged now, whatever came between. */
static enum err
count_failure(struct app *app, struct guess *guess)
{
	enum err err = OK;

	for (size_t i = 0; err == OK && i < guess->n; i++)
		if (!guess->counters[i].charged)
			err = charge(app, guess->counters[i].kind, &guess->counters[i].subject, NULL);
	return err;
}

static enum err
end_counts(struct app *app, struct guess *guess)
{
	struct counter *first = &guess->counters[0];
	enum err err = OK;

	if (guess->account_found)
		err = throttles_delete(app->db, &guess->account);
	if (err == OK && first->found && counts_apart(first->kind))
		err = throttles_delete(app->db, &first->subject);
	first->charged = false;
	take_back(app, guess);
	return err;
}

enum err
guess_end(struct app *app, struct guess *guess, enum err outcome)
{
	enum err err = OK;

	if (outcome == ERR_CREDENTIALS)
		err = count_failure(app, guess);
	else if (outcome == OK || outcome == ERR_DISABLED)
		err = end_counts(app, guess);
	else
		take_back(app, guess);
	return err == OK ? outcome : err;
}

enum err
throttle_of_account(struct app *app, const struct uuid *user, struct account_throttle *out)
{
	const struct throttle_rule rule = throttle_rule(&app->config, THROTTLE_ACCOUNT);
	struct throttle_row rows[2];
	size_t n = 0;

	*out = (struct account_throttle){ 0 };
	enum err err = throttle_account_subject(app, user, &out->subject);
	if (err == OK)
		err = throttles_find(app->db, &out->subject, &out->subject, rows, &n);
	if (err != OK || n == 0)
		return err;
	out->failures = throttle_counted(&rule, rows);
	out->wait_ms = throttle_wait_ms(&rule, rows);
	out->ended = throttle_ended(&rule, rows);
	out->retry_at = rows[0].retry_at;
	return OK;
}

/* ---- Other requests ---------------------------------------------------------------------------------------------- */

enum err
throttle_register(struct app *app, const struct address *from, struct reason *why)
{
	struct throttle_subject subject;

	if (from == NULL || throttle_rule(&app->config, THROTTLE_REGISTER).off)
		return OK;
	const enum err err = address_subject(app, THROTTLE_REGISTER, from, &subject);
	return err == OK ? charge(app, THROTTLE_REGISTER, &subject, why) : err;
}

enum err
throttle_refresh(struct app *app, const struct address *from, struct reason *why)
{
	struct throttle_rule rule = throttle_rule(&app->config, THROTTLE_REFRESH);
	struct throttle_subject subject;

	if (from == NULL || rule.off)
		return OK;
	enum err err = address_subject(app, THROTTLE_REFRESH, from, &subject);
	if (err != OK)
		return err;
	/* Its place is given by its first byte. Who finds another address there, with something left, pays singly. */
	const int high = hex_digit(subject.text[0]), low = hex_digit(subject.text[1]);
	struct prepaid *paid = &app->throttle.prepaid[16 * high + low];
	const uint64_t now_us = clock_mono_us();
	const bool live = paid->until_us > now_us && paid->left > 0;
	if (live && strcmp(paid->subject.text, subject.text) != 0) {
		rule.unit = 1;
		return charge_by(app, &rule, &subject, why);
	}
	if (!live) {
		err = charge_by(app, &rule, &subject, why);
		if (err != OK)
			return err;
		*paid = (struct prepaid){ subject, rule.unit, now_us + (uint64_t)PREPAID_S * 1000000 };
	}
	paid->left--;
	return OK;
}
