/* audit_trim.c: lines of the audit that are old enough are removed. */
#include "service/audit.h"

#include "core/log.h"
#include "service/app.h"

enum { TRIM_MAX = 100 };

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
	since_us = clock_mono_us();
	err = db_transaction_at(app->db, DB_READ_COMMITTED, trim_chain, &trim);
	out->remove_us = clock_mono_us() - since_us;
	if (err != OK)
		return err;
	out->ahead_ms = trim.ahead_ms;
	out->full = !clocks_differ(trim.ahead_ms);
	out->removed = trim.removed;
	app->audit.trim = !out->full ? 0 : trim.more ? trim.chain : trim.chain + 1;
	return OK;
}
