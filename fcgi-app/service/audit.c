#include "service/audit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "service/app.h"

enum { BATCH = 25 };

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
	enum err err = audit_secret(app->db, &row);

	if (err != OK)
		return err == ERR_NO_ROW ? audit_ready(app) : err;
	if (open_secret(&app->master, &row.sealed, &secret) != OK) {
		err = open_secret(old, &row.sealed, &secret) == OK ? OK : ERR_CONFLICT;
		if (err == OK)
			err = seal(&app->master, SECRET_PURPOSE, SECRET_LABEL, secret.bytes, sizeof(secret.bytes), &row.sealed);
		if (err == OK)
			err = audit_secret_reseal(app->db, &row.sealed);
	}
	explicit_bzero(&secret, sizeof(secret));
	return err == OK && app->audit.key == NULL ? take_secret(app, &row.sealed) : err;
}

/* ---- Writing -------------------------------------------------------------------------------------------------------- */

static enum err
write_line(struct app *app, struct audit_head *head, struct audit_line *line, bool hidden)
{
	line->id = uuid_new();
	line->chain = head->chain;
	line->n = head->n + 1;
	enum err err = hidden ? audit_hide(&app->audit.secret, &app->acting.client, line) : OK;
	if (err == OK)
		err = audit_line_mac(app->audit.key, line, head->mac, line->mac);
	if (err == OK)
		err = audit_insert(app->db, line);
	if (err != OK)
		return err;
	head->n = line->n;
	memcpy(head->mac, line->mac, sizeof(head->mac));
	return OK;
}

/* One for each target that is left of them. ERR_NO_ROW: there is a line behind the chain's end. */
static enum err
write_lines(struct app *app, struct audit_head *head, struct audit_line *line, bool hidden, struct strs *targets)
{
	const uint32_t before = head->n;
	enum err err = OK;

	for (; targets->n > 0; targets->p++, targets->n--) {
		if (!str_copy(line->target, sizeof(line->target), targets->p[0]))
			return ERR_INTERNAL;
		err = write_line(app, head, line, hidden);
		if (err != OK)
			break;
	}
	const enum err end = err == ERR_DUPLICATE ? ERR_NO_ROW : err;
	if ((end != OK && end != ERR_NO_ROW) || head->n == before)
		return end;
	err = audit_head_seal(app->audit.key, head, head->seal);
	if (err == OK)
		err = audit_move(app->db, head);
	return err == OK ? end : err;
}

/* ERR_NO_ROW: the chain does not hold: its row is gone or altered, or there is a line behind its end. */
static enum err
try_chain(struct app *app, const struct uuid *whose, struct audit_line *line, struct strs *targets)
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
	const bool hidden =
		app->acting.request && strcmp(line->through, "api") == 0 && (whose == NULL || locked.key[0] != '\0');
	return write_lines(app, &locked.head, line, hidden, targets);
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
	struct audit_line line = { .n = 0 };
	struct str target = entry->target;
	struct strs targets = entry->targets.p != NULL ? entry->targets : (struct strs){ &target, 1 };
	enum err err = ERR_NO_ROW;

	if (targets.n == 0)
		return OK;
	if (!set_ids(&line, &app->acting, entry))
		return ERR_INTERNAL;
	(void)snprintf(line.event, sizeof(line.event), "%s", audit_events[entry->event].name);
	(void)snprintf(line.outcome, sizeof(line.outcome), "%s", entry->refused ? "refused" : "ok");
	(void)snprintf(line.through, sizeof(line.through), "%s", through(app, entry));

	const struct uuid *whose = line.actor.text[0] != '\0'   ? &line.actor
	                         : line.subject.text[0] != '\0' ? &line.subject
	                                                        : NULL;
	/* What does not hold is evidence, so it is not written to; and not a reason to let nobody in. */
	for (unsigned i = 0; i < AUDIT_CHAINS && err == ERR_NO_ROW; i++) {
		err = try_chain(app, whose, &line, &targets);
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
