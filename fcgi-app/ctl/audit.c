/* audit.c: latchctl audit ... */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/output.h"
#include "ctl/progress.h"
#include "service/account.h"
#include "service/audit_verify.h"

enum { TAIL_SHOWN = 20, TAIL_BATCH = 200, TAIL_POLL_MS = 500 };

int
command_audit_events(struct app *app, const struct options *options, char **operands)
{
	(void)app;
	(void)options;
	(void)operands;
	audit_events_print(stdout);
	return EXIT_OK;
}

/* ---- latchctl audit verify ------------------------------------------------------------------------------------------ */

static void
say(void *progress, const char *sentence)
{
	progress_clear(progress);
	(void)puts(sentence);
}

static enum err
walk_chains(struct app *app, struct audit_verify *v, struct progress *progress)
{
	for (uint32_t chain = 0; chain < AUDIT_CHAINS; chain++) {
		struct audit_walk walk = { .chain = chain };
		while (!walk.done) {
			/* Each page has a request's time. */
			const enum err err = connected(app) ? audit_verify_page(app, v, &walk) : ERR_BUSY;
			if (err != OK)
				return err;
			progress->done = v->lines;
			progress_tell(progress);
		}
	}
	return OK;
}

int
command_audit_verify(struct app *app, const struct options *options, char **operands)
{
	static struct audit_verify v;
	char head[AUDIT_HEAD_TEXT];
	static struct progress progress;
	uint64_t expected;

	(void)operands;
	v.say = say;
	v.argument = &progress;
	if (options->head != NULL && !audit_verify_against(&v, str_of(options->head)))
		return complain("--head takes what latchctl audit verify printed behind \"head: \"");
	if (!connected(app))
		return EXIT_AWAY;
	enum err err = audit_verify_begin(app, &v, &expected);
	progress = progress_begin("audit", "lines", expected);
	if (err == OK)
		err = walk_chains(app, &v, &progress);
	progress_clear(&progress);
	if (err == ERR_BUSY)
		return EXIT_AWAY;
	if (err != OK)
		return complain_err(app, err, NULL);
	audit_verify_end(&v, head);
	if (v.faults == 0)
		(void)printf("%llu lines in %d chains: all as they were written\n", (unsigned long long)v.lines, AUDIT_CHAINS);
	else
		(void)printf("%llu lines in %d chains: %llu faults\n", (unsigned long long)v.lines, AUDIT_CHAINS,
		             (unsigned long long)v.faults);
	(void)printf("head: %s\n", head);
	return v.faults == 0 ? EXIT_OK : EXIT_FAILED;
}

/* ---- latchctl audit tail -------------------------------------------------------------------------------------------- */

static const struct field item_fields[] = {
	SHOWN(struct audit_item, at),
	SHOWN(struct audit_item, event),
	SHOWN(struct audit_item, outcome),
	SHOWN(struct audit_item, through),
	SHOWN(struct audit_item, actor),
	SHOWN(struct audit_item, subject),
	SHOWN(struct audit_item, session),
	SHOWN(struct audit_item, target),
	SHOWN_IN(struct audit_item, from., ip),
	SHOWN(struct audit_item, id),
	SHOWN_IN(struct audit_item, from., user_agent),
};
static const struct schema item_row = SCHEMA("AuditLine", struct audit_item, item_fields);

/* Whoever can log in chooses some of it, and who can write to the table all: it must neither look like another field nor steer a
 * terminal. */
static void
print_text(const char *text)
{
	const bool quoted = strchr(text, ' ') != NULL || strchr(text, '"') != NULL;

	if (quoted)
		(void)putchar('"');
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			(void)printf("\\%c", *c);
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			(void)printf("\\x%02x", (unsigned)(unsigned char)*c);
		else
			(void)putchar(*c);
	}
	if (quoted)
		(void)putchar('"');
}

static void
print_field(const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	(void)printf(" %s=", name);
	print_text(value);
}

static void
print_item(const struct options *options, const struct audit_item *item)
{
	char at[TIMESTAMP_SIZE];

	if (options->json) {
		(void)output_one(options, &item_row, item);
		return;
	}
	timestamp_format(item->at, at);
	(void)printf("%s ", at);
	print_text(item->event);
	(void)putchar(' ');
	print_text(item->outcome);
	print_field("through", item->through);
	print_field("actor", item->actor.text);
	print_field("subject", item->subject.text);
	print_field("session", item->session.text);
	print_field("target", item->target);
	print_field("ip", item->from.ip);
	print_field("user_agent", item->from.user_agent);
	(void)putchar('\n');
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct audit_item *)a)->id.text, ((const struct audit_item *)b)->id.text);
}

/* What was written since: chain by chain, for there no line becomes visible before the one before it, whatever the order is
 * in which writers commit. */
static enum err
print_new(struct app *app, const struct options *options, struct audit_head seen[AUDIT_CHAINS], bool *more)
{
	static struct audit_item items[TAIL_BATCH];
	struct audit_head heads[AUDIT_CHAINS + 1];
	size_t n, got = 0;
	enum err err = audit_heads(app->db, heads, &n);

	*more = false;
	for (size_t i = 0; i < n && err == OK && got < TAIL_BATCH; i++) {
		const uint32_t chain = heads[i].chain;
		size_t new = 0;
		if (chain >= AUDIT_CHAINS || heads[i].n <= seen[chain].n)
			continue;
		err = audit_since(app, chain, seen[chain].n + 1, items + got, TAIL_BATCH - got, &new, &seen[chain].n);
		got += new;
		/* Where none came they were removed, and none will come. */
		*more = *more || (new > 0 && seen[chain].n < heads[i].n);
	}
	if (err != OK)
		return err;
	*more = *more || got == TAIL_BATCH;
	qsort(items, got, sizeof(items[0]), by_id);
	for (size_t i = 0; i < got; i++)
		print_item(options, &items[i]);
	(void)fflush(stdout);
	return OK;
}

/* For ever; a database that is away is waited for. */
static int
follow(struct app *app, const struct options *options, struct audit_head seen[AUDIT_CHAINS])
{
	for (bool more = false;;) {
		if (!more)
			(void)poll(NULL, 0, TAIL_POLL_MS);
		if (ferror(stdout) != 0)
			return EXIT_FAILED;
		if (db_begin_request(app->db) != OK || print_new(app, options, seen, &more) != OK)
			more = false;
	}
}

int
command_audit_tail(struct app *app, const struct options *options, char **operands)
{
	static struct audit_item items[TAIL_SHOWN];
	struct audit_head heads[AUDIT_CHAINS + 1], seen[AUDIT_CHAINS] = { { 0 } };
	const struct audit_filter none = { .event = { 0 } };
	size_t n = 0, got = 0;

	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	/* First how far it has come: what is written meanwhile is shown twice rather than never. */
	enum err err = audit_heads(app->db, heads, &n);
	for (size_t i = 0; i < n; i++)
		if (heads[i].chain < AUDIT_CHAINS)
			seen[heads[i].chain] = heads[i];
	if (err == OK)
		err = audit_list(app, &none, (struct str){ 0 }, items, TAIL_SHOWN, &got);
	if (err != OK)
		return complain_err(app, err, NULL);
	while (got > 0)
		print_item(options, &items[--got]);
	(void)fflush(stdout);
	return options->follow ? follow(app, options, seen) : EXIT_OK;
}

/* ---- latchctl audit list -------------------------------------------------------------------------------------------- */

/* An id as it stands, as that of somebody who was deleted is known to nobody else; a name is looked up. */
static int
find_id(struct app *app, const char *who, struct uuid *id, struct str *out)
{
	struct user user;

	if (who == NULL)
		return EXIT_OK;
	if (!uuid_parse(str_of(who), id)) {
		const enum err err = account_find(app, str_of(who), &user);
		explicit_bzero(user.password_hash, sizeof(user.password_hash));
		if (err != OK)
			return complain_err(app, err, NULL);
		*id = user.id;
	}
	*out = str_of(id->text);
	return EXIT_OK;
}

static bool
is_event(const char *name)
{
	for (size_t i = 0; i < AUDIT_EVENTS; i++)
		if (strcmp(name, audit_events[i].name) == 0)
			return true;
	return false;
}

static int
read_filter(const struct options *options, struct audit_filter *out)
{
	out->event = str_of(options->event);
	if (options->event != NULL && !is_event(options->event))
		return complain("there is no such event: latchctl audit events lists them");
	if ((options->since != NULL && !timestamp_parse(str_of(options->since), &out->since))
	    || (options->until != NULL && !timestamp_parse(str_of(options->until), &out->until)))
		return complain("--since and --until take a time such as 2026-01-31T12:00:00Z");
	return EXIT_OK;
}

static int
print_all(struct app *app, const struct options *options, const struct audit_filter *filter)
{
	static struct audit_item items[TAIL_BATCH];
	struct str before = { 0 };
	struct uuid last;
	size_t n;

	do {
		/* Each page has a request's time. */
		if (!connected(app))
			return EXIT_AWAY;
		const enum err err = audit_list(app, filter, before, items, TAIL_BATCH, &n);
		if (err != OK)
			return complain_err(app, err, NULL);
		for (size_t i = 0; i < n; i++)
			print_item(options, &items[i]);
		last = items[n > 0 ? n - 1 : 0].id;
		before = str_of(last.text);
	} while (n == TAIL_BATCH && ferror(stdout) == 0);
	return EXIT_OK;
}

int
command_audit_list(struct app *app, const struct options *options, char **operands)
{
	struct audit_filter filter = { .event = { 0 } };
	struct uuid actor, subject;

	(void)operands;
	int rc = read_filter(options, &filter);
	if (rc == EXIT_OK && !connected(app))
		rc = EXIT_AWAY;
	if (rc == EXIT_OK)
		rc = find_id(app, options->actor, &actor, &filter.actor);
	if (rc == EXIT_OK)
		rc = find_id(app, options->subject, &subject, &filter.subject);
	return rc == EXIT_OK ? print_all(app, options, &filter) : rc;
}
