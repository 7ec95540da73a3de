#include "service/audit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "service/app.h"

enum { BATCH = 25, TRIM_MAX = 100 };

#define SECRET_PURPOSE STR("latch audit secret v1")
#define SECRET_LABEL STR("audit")

void
audit_open(struct audit *audit)
{
	/* Neighbours among the workers have neighbouring process ids. */
	*audit = (struct audit){ .chain = (uint32_t)getpid() % AUDIT_CHAINS };
}

void
audit_close(struct audit *audit)
{
	jws_key_free(audit->key);
	explicit_bzero(audit, sizeof(*audit));
}

static enum err
open_secret(const struct master_key *master, const struct bytes *sealed, struct master_key *out)
{
	struct bytes plain;
	const enum err err = unseal(master, SECRET_PURPOSE, SECRET_LABEL, sealed, &plain);

	if (err == OK && plain.n == sizeof(out->bytes))
		memcpy(out->bytes, plain.p, sizeof(out->bytes));
	const bool good = err == OK && plain.n == sizeof(out->bytes);
	explicit_bzero(&plain, sizeof(plain));
	return good ? OK : ERR_INTERNAL;
}

/* Of two who make one at once, that of the first counts for both. */
static enum err
make_secret(struct app *app)
{
	struct master_key secret;
	struct bytes sealed;

	random_bytes(secret.bytes, sizeof(secret.bytes));
	enum err err = seal(&app->master, SECRET_PURPOSE, SECRET_LABEL, secret.bytes, sizeof(secret.bytes), &sealed);
	explicit_bzero(&secret, sizeof(secret));
	return err == OK ? audit_secret_make(app->db, &sealed) : err;
}

static enum err
take_secret(struct app *app, const struct bytes *sealed)
{
	struct audit *audit = &app->audit;
	struct bytes key = { .n = 32 };

	if (open_secret(&app->master, sealed, &audit->secret) != OK) {
		if (!audit->complained)
			log_error("the audit's secret does not open: is key_file the one it was made with?");
		audit->complained = true;
		return ERR_DB;
	}
	if (seal_derive(&audit->secret, STR("latch audit v1"), key.p))
		audit->key = jws_key_import(TOKEN_HS256, &key);
	explicit_bzero(&key, sizeof(key));
	return audit->key != NULL ? OK : ERR_INTERNAL;
}

enum err
audit_ready(struct app *app)
{
	struct audit_secret row;

	if (app->audit.key != NULL)
		return OK;
	enum err err = audit_secret(app->db, &row);
	if (err == ERR_NO_ROW) {
		err = make_secret(app);
		if (err == OK)
			err = audit_secret(app->db, &row);
	}
	return err == OK ? take_secret(app, &row.sealed) : err;
}

enum err
audit_reseal(struct app *app, const struct master_key *old)
{
	struct audit_secret row;
	struct master_key secret;
	struct bytes sealed;
	enum err err = audit_secret(app->db, &row);

	if (err != OK || open_secret(&app->master, &row.sealed, &secret) == OK) {
		explicit_bzero(&secret, sizeof(secret));
		return err == ERR_NO_ROW ? OK : err;
	}
	if (open_secret(old, &row.sealed, &secret) != OK)
		return ERR_CONFLICT;
	err = seal(&app->master, SECRET_PURPOSE, SECRET_LABEL, secret.bytes, sizeof(secret.bytes), &sealed);
	explicit_bzero(&secret, sizeof(secret));
	return err == OK ? audit_secret_reseal(app->db, &sealed) : err;
}

/* ---- Writing -------------------------------------------------------------------------------------------------------- */

static enum err
write_line(struct app *app, struct audit_head *head, struct audit_line *line)
{
	line->chain = head->chain;
	line->n = head->n + 1;
	enum err err = audit_line_mac(app->audit.key, line, head->mac, line->mac);
	if (err == OK)
		err = audit_insert(app->db, line);
	if (err != OK)
		return err;
	head->n = line->n;
	memcpy(head->mac, line->mac, sizeof(head->mac));
	err = audit_head_seal(app->audit.key, head, head->seal);
	return err == OK ? audit_move(app->db, head) : err;
}

/* ERR_NO_ROW: the chain does not hold: its row is gone or altered, or there is a line behind its end. */
static enum err
try_chain(struct app *app, const struct uuid *whose, struct audit_line *line)
{
	struct audit_locked locked;
	bool good = false;
	enum err err = audit_lock(app->db, app->audit.chain, whose, &locked);

	if (err == OK)
		err = audit_head_check(app->audit.key, &locked.head, &good);
	if (err != OK)
		return err;
	if (!good)
		return ERR_NO_ROW;
	line->at = locked.now;
	memcpy(line->key, locked.key, sizeof(line->key));
	/* Of a user whose row is gone, or goes now, nothing is written down. */
	if (app->acting.request && strcmp(line->through, "api") == 0 && (whose == NULL || locked.key[0] != '\0'))
		err = audit_hide(&app->audit.secret, &app->acting.client, line);
	if (err == OK)
		err = write_line(app, &locked.head, line);
	return err == ERR_DUPLICATE ? ERR_NO_ROW : err;
}

static const char *
through(const struct app *app, const struct audit_entry *entry)
{
	return entry->itself ? "itself" : app->acting.request ? "api" : "latchctl";
}

/* In lower case, as the column gives it back: else the MAC would be over another text. */
static bool
set_id(struct uuid *id, const struct uuid *given, const struct uuid *otherwise)
{
	const struct uuid *from = given != NULL ? given : otherwise;

	return from == NULL || uuid_parse(str_of(from->text), id);
}

static bool
set_ids(struct audit_line *line, const struct acting *acting, const struct audit_entry *entry)
{
	return set_id(&line->actor, entry->actor, entry->refused || entry->itself ? NULL : acting->user)
	    && set_id(&line->subject, entry->subject, NULL)
	    && set_id(&line->session, entry->session, entry->itself ? NULL : acting->session);
}

enum err
audit_write(struct app *app, const struct audit_entry *entry)
{
	struct audit_line line = { .id = uuid_new() };
	enum err err = ERR_NO_ROW;

	if (!set_ids(&line, &app->acting, entry))
		return ERR_INTERNAL;
	(void)snprintf(line.event, sizeof(line.event), "%s", audit_events[entry->event].name);
	(void)snprintf(line.outcome, sizeof(line.outcome), "%s", entry->refused ? "refused" : "ok");
	(void)snprintf(line.through, sizeof(line.through), "%s", through(app, entry));
	if (entry->target.p != NULL && !str_copy(line.target, sizeof(line.target), entry->target))
		return ERR_INTERNAL;

	const struct uuid *whose = line.actor.text[0] != '\0'   ? &line.actor
	                         : line.subject.text[0] != '\0' ? &line.subject
	                                                        : NULL;
	/* What does not hold is evidence, so it is not written to; and not a reason to let nobody in. */
	for (unsigned i = 0; i < AUDIT_CHAINS && err == ERR_NO_ROW; i++) {
		err = try_chain(app, whose, &line);
		if (err != ERR_NO_ROW)
			break;
		log_error("audit: chain %u was tampered with, see latchctl audit verify; writing to another", app->audit.chain);
		app->audit.chain = (app->audit.chain + 1) % AUDIT_CHAINS;
	}
	return err == ERR_NO_ROW ? ERR_DB : err;
}

struct alone {
	struct app *app;
	const struct audit_entry *entry;
};

static enum err
write_alone(struct db *db, void *argument)
{
	const struct alone *alone = argument;

	(void)db;
	return audit_write(alone->app, alone->entry);
}

enum err
audit_write_alone(struct app *app, const struct audit_entry *entry)
{
	struct alone alone = { app, entry };

	return db_transaction(app->db, write_alone, &alone);
}

/* ---- Reading -------------------------------------------------------------------------------------------------------- */

static void
show(const struct app *app, const struct audit_line *line, struct audit_item *out)
{
	*out = (struct audit_item){
		.id = line->id, .at = line->at, .actor = line->actor, .subject = line->subject, .session = line->session
	};
	memcpy(out->event, line->event, sizeof(out->event));
	memcpy(out->outcome, line->outcome, sizeof(out->outcome));
	memcpy(out->through, line->through, sizeof(out->through));
	memcpy(out->target, line->target, sizeof(out->target));
	audit_show(&app->audit.secret, line, &out->from);
}

/* The lowest id that a line of that time can have, as its worker's clock may differ from the database's; so that the key by
 * id leads to the time. */
static struct uuid
id_at(int64_t ms)
{
	unsigned char bytes[16] = { 0 };

	for (int i = 0; i < 6 && ms > 0; i++)
		bytes[i] = (unsigned char)(ms >> 8 * (5 - i));
	return uuid_unpack(bytes);
}

enum err
audit_list(struct app *app, const struct audit_filter *filter, struct str before, struct audit_item *out, size_t max,
           size_t *n_out)
{
	struct audit_line batch[BATCH];
	const struct timestamp since = filter->since, until = filter->until;
	const struct uuid lowest = id_at(since.ms != 0 ? since.ms - CLOCKS_DIFFER_MS : 0);
	const struct uuid end = id_at(until.ms + CLOCKS_DIFFER_MS);
	struct str below = before.p != NULL ? before : STR(UUID_MAX);
	size_t n = BATCH, got = 0;

	if (until.ms != 0 && strncmp(end.text, below.p, below.n) < 0)
		below = str_of(end.text);

	while (got < max && n == BATCH) {
		const size_t want = max - got < BATCH ? max - got : BATCH;
		const enum err err = audit_find(app->db, filter, below, str_of(lowest.text), batch, want, &n);
		if (err != OK)
			return err;
		for (size_t i = 0; i < n; i++)
			show(app, &batch[i], &out[got++]);
		if (n > 0)
			below = str_of(out[got - 1].id.text);
	}
	explicit_bzero(batch, sizeof(batch));
	*n_out = got;
	return OK;
}

enum err
audit_since(struct app *app, uint32_t chain, uint32_t from, struct audit_item *out, size_t max, size_t *n_out,
            uint32_t *last_out)
{
	struct audit_line batch[BATCH];
	const enum err err = audit_lines(app->db, chain, from, batch, max < BATCH ? max : BATCH, n_out);

	for (size_t i = 0; err == OK && i < *n_out; i++) {
		show(app, &batch[i], &out[i]);
		*last_out = batch[i].n;
	}
	explicit_bzero(batch, sizeof(batch));
	return err;
}

/* ---- Removing ------------------------------------------------------------------------------------------------------- */

struct trim {
	struct app *app;
	uint32_t chain, most, removed;
	bool more; /* there may be more in this chain */
	int64_t ahead_ms;
};

/* A line's time is the database's, its id's that of the machine that wrote it: a line is as young as the younger of them. */
static bool
older(const struct audit_line *line, struct timestamp limit)
{
	return line->at.ms < limit.ms && uuid_time_ms(&line->id) < limit.ms;
}

/* How many of the lines at the chain's beginning are as they were written, and older than the limit; *head moves on. */
static enum err
count_old(const struct app *app, struct timestamp limit, const struct audit_line *lines, size_t n,
          struct audit_head *head, uint32_t *old_out)
{
	char mac[AUDIT_MAC_SIZE];

	for (*old_out = 0; *old_out < n; ++*old_out) {
		const struct audit_line *line = &lines[*old_out];
		if (line->n != head->first || line->n > head->n || !older(line, limit))
			break;
		const enum err err = audit_line_mac(app->audit.key, line, head->before, mac);
		if (err != OK)
			return err;
		if (strcmp(mac, line->mac) != 0) {
			log_error("audit: chain %u line %u was tampered with, see latchctl audit verify; it is not removed",
			          head->chain, line->n);
			break;
		}
		memcpy(head->before, mac, sizeof(head->before));
		head->first++;
	}
	return OK;
}

static enum err
trim_chain(struct db *db, void *argument)
{
	static struct audit_line lines[TRIM_MAX];
	struct trim *trim = argument;
	struct app *app = trim->app;
	struct audit_locked locked;
	bool good = false;
	size_t n;
	enum err err = audit_lock_now(db, trim->chain, &locked);

	trim->removed = 0;
	trim->more = false;
	if (err == OK)
		err = audit_head_check(app->audit.key, &locked.head, &good);
	const int64_t own_ms = clock_now().ms;
	trim->ahead_ms = locked.now.ms - own_ms;
	if (err != OK || !good || clocks_differ(trim->ahead_ms))
		return err;
	const uint32_t first = locked.head.first;
	const int64_t earlier_ms = locked.now.ms < own_ms ? locked.now.ms : own_ms;
	const struct timestamp limit = { earlier_ms - app->config.audit_days * INT64_C(86400000) };
	err = audit_lines(db, trim->chain, first, lines, trim->most, &n);
	if (err == OK)
		err = count_old(app, limit, lines, n, &locked.head, &trim->removed);
	if (err == OK && trim->removed > 0)
		err = audit_remove(db, trim->chain, first, first + trim->removed - 1);
	if (err == OK && trim->removed > 0)
		err = audit_head_seal(app->audit.key, &locked.head, locked.head.seal);
	if (err == OK && trim->removed > 0)
		err = audit_move(db, &locked.head);
	trim->more = trim->removed == trim->most;
	return err;
}

/* The chain with the next number that has old lines; after the last it begins anew, and says that nothing is left. */
enum err
audit_trim(struct app *app, uint32_t most, struct slice *out)
{
	struct trim trim = { .app = app, .most = most < TRIM_MAX ? most : TRIM_MAX };
	uint64_t since_us = clock_mono_us();

	*out = (struct slice){ 0 };
	if (app->config.audit_days == 0)
		return OK;
	enum err err = audit_old(app->db, app->audit.trim, app->config.audit_days, &trim.chain);
	out->look_us = clock_mono_us() - since_us;
	if (err == ERR_NO_ROW)
		app->audit.trim = 0;
	if (err != OK)
		return err == ERR_NO_ROW ? OK : err;
	/* Else the gap before the chain's first line, where the chain before it grows, would be locked too. */
	err = db_run_text(app->db, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
	since_us = clock_mono_us();
	if (err == OK)
		err = db_transaction(app->db, trim_chain, &trim);
	out->remove_us = clock_mono_us() - since_us;
	if (err != OK)
		return err;
	out->ahead_ms = trim.ahead_ms;
	out->full = !clocks_differ(trim.ahead_ms);
	out->removed = trim.removed;
	app->audit.trim = !out->full ? 0 : trim.more ? trim.chain : trim.chain + 1;
	return OK;
}
