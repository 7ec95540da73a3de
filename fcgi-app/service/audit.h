/*
 * audit.h: what was done is written down, in the transaction that does it: docs/audit.md.
 *
 * To write a line down is one call, the last of a transaction's work, with what the line says beyond what app->acting knows
 * of who acts:
 *
 *	if (err == OK)
 *		err = audit_write(app, &(struct audit_entry){ .event = AUDIT_DISABLE, .subject = id });
 *
 * The last, as it locks one row of audit_chains until the transaction ends: who then waits for nothing else is in no
 * deadlock. If it fails, so must the transaction.
 */
#ifndef LATCH_SERVICE_AUDIT_H
#define LATCH_SERVICE_AUDIT_H

#include "db/housekeeping.h"
#include "service/audit_events.h"
#include "service/audit_mac.h"

struct app;

/* Who is acting: a request sets it, and a command leaves it empty. */
struct acting {
	bool request;
	struct client client;
	const struct uuid *user, *session; /* proved; NULL: not (yet) */
};

struct audit {
	struct master_key secret; /* of this database: see audit_secret in schema/ */
	struct jws_key *key;      /* HS256, derived from it; NULL: not read yet */
	bool complained;
	uint32_t chain; /* where this process writes */
	uint32_t trim;  /* where it removes next */
};

void audit_open(struct audit *audit);
void audit_close(struct audit *audit);

/* Reads the secret, and makes it where there is none; within a request, and in no transaction. Nothing to do where that was
 * done. Without it nothing can be written (ERR_DB), and so nothing done that has to be. A secret that does not open with this
 * key file is said in the log, once, and is ERR_DB. */
enum err audit_ready(struct app *app) MUST_USE;
/* Seals the secret under the app's key file, of which it was sealed under `old` till now, and reads it; within a transaction.
 * OK also where that is so already; where there is none it is made. ERR_CONFLICT: it opens with neither. */
enum err audit_reseal(struct app *app, const struct master_key *old) MUST_USE;

struct audit_entry {
	enum audit_event event;
	bool refused;
	bool itself;                /* nobody did it: neither the request that is going on nor a command */
	const struct uuid *actor;   /* NULL: app->acting.user, where it was not refused */
	const struct uuid *subject; /* NULL: none, or nobody knows whom */
	const struct uuid *session; /* in which it was done, or which it is about; NULL: app->acting.session */
	struct str target;          /* up to 80 characters of ASCII; absent: none. Nothing that tells of a person */
	struct strs targets; /* in its place: a line for each of these; none where there are none. Absent: one line */
};

/* Within a transaction. A chain that does not hold is left as it is found, and the next one is taken. ERR_DB; ERR_INTERNAL. */
enum err audit_write(struct app *app, const struct audit_entry *entry) MUST_USE;
/* In a transaction of its own: for what changes nothing. */
enum err audit_write_alone(struct app *app, const struct audit_entry *entry) MUST_USE;

/* ---- Reading -------------------------------------------------------------------------------------------------------- */

struct audit_item {
	struct uuid id;
	struct timestamp at;
	char event[33], outcome[9];
	struct uuid actor, subject, session;
	char through[9], target[AUDIT_TARGET_SIZE];
	struct audit_from from;
};
/* Up to max lines with an id below `before` (absent: from the newest), newest first. */
enum err audit_list(struct app *app, const struct audit_filter *filter, struct str before, struct audit_item *out,
                    size_t max, size_t *n_out) MUST_USE;

/* Up to max lines of a chain from a place on, in their order; *last_out: the last one's place, where there is one. */
enum err audit_since(struct app *app, uint32_t chain, uint32_t from, struct audit_item *out, size_t max, size_t *n_out,
                     uint32_t *last_out) MUST_USE;

/* ---- Removing ------------------------------------------------------------------------------------------------------- */

/* One slice of what is older than audit_days, from one chain's beginning; lines that do not hold stay, and what is behind them.
 * As gc_slice. */
enum err audit_trim(struct app *app, uint32_t most, struct slice *out) MUST_USE;

#endif
