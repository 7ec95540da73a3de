/* audit.c: /audit: what was done, by whom, to whom. */
#include "api/route.h"

static const struct field item_fields[] = {
	FIELD(struct audit_item, id, .example = EXAMPLE_ID),
	FIELD(struct audit_item, at, .example = EXAMPLE_TIME),
	FIELD(struct audit_item, event, .help = "see docs/audit.md", .example = "session.login"),
	FIELD(struct audit_item, outcome, .help = "ok or refused", .example = "ok"),
	FIELD(struct audit_item, actor, .nullable = true, .help = "who did it", .example = EXAMPLE_ID),
	FIELD(struct audit_item, subject, .nullable = true, .help = "to whom", .example = EXAMPLE_ID),
	FIELD(struct audit_item, session, .nullable = true, .help = "in which session", .example = EXAMPLE_ID),
	FIELD(struct audit_item, through, .help = "api, latchctl or itself", .example = "api"),
	FIELD(struct audit_item, target, .nullable = true, .help = "a role, a key's kid, a session", .example = "editor"),
	FIELD_IN(struct audit_item, from., ip, .nullable = true, .help = "null when that user is deleted",
	         .example = "192.0.2.7"),
	FIELD_IN(struct audit_item, from., user_agent, .nullable = true, .example = "Mozilla/5.0"),
};
const struct schema audit_out = SCHEMA("AuditLine", struct audit_item, item_fields);

struct audit_query {
	struct page_query page;
	struct str actor, subject, event, since, until;
};

static bool
is_time(struct str value)
{
	struct timestamp t;

	return timestamp_parse(value, &t);
}

static bool
is_event(struct str value)
{
	for (size_t i = 0; i < AUDIT_EVENTS; i++)
		if (str_eq(value, str_of(audit_events[i].name)))
			return true;
	return false;
}

static const struct rule rule_id = { uuid_valid, "must be a user's id", "uuid", NULL };
static const struct rule rule_event = { is_event, "must be one of docs/audit.md's events", NULL, NULL };
static const struct rule rule_time = { is_time, "must be a time such as 2026-01-31T12:00:00Z", NULL, NULL };

static const struct field query_fields[] = {
	FIELD_IN(struct audit_query, page., limit, .max = 20, .rule = &rule_limit, .example = "50",
	         .help = "lines a page, 1 to 200; at most 100 are given"),
	FIELD_IN(struct audit_query, page., cursor, .max = 100, .rule = &rule_cursor,
	         .help = "next_cursor of the page before"),
	FIELD(struct audit_query, actor, .max = 36, .rule = &rule_id, .example = EXAMPLE_ID, .help = "who did it"),
	FIELD(struct audit_query, subject, .max = 36, .rule = &rule_id, .example = EXAMPLE_ID, .help = "to whom"),
	FIELD(struct audit_query, event, .max = 32, .rule = &rule_event, .example = "session.login"),
	FIELD(struct audit_query, since, .max = 40, .rule = &rule_time, .example = EXAMPLE_TIME, .help = "from then on"),
	FIELD(struct audit_query, until, .max = 40, .rule = &rule_time, .example = EXAMPLE_TIME, .help = "before then"),
};
const struct schema audit_query = SCHEMA("AuditQuery", struct audit_query, query_fields);

static struct timestamp
time_of(struct str text)
{
	struct timestamp t = { 0 };

	return text.p != NULL && timestamp_parse(text, &t) ? t : (struct timestamp){ 0 };
}

enum err
audit_show_lines(struct ctx *c)
{
	const struct audit_query *query = c->query;
	const struct audit_filter filter = { .actor = query->actor,
		                                 .subject = query->subject,
		                                 .event = query->event,
		                                 .since = time_of(query->since),
		                                 .until = time_of(query->until) };
	const size_t limit = page_limit(&query->page);
	struct audit_item *rows = arena_alloc(c->arena, (limit + 1) * sizeof(*rows));
	size_t n;

	if (rows == NULL)
		return ERR_INTERNAL;
	const enum err err = audit_list(c->app, &filter, query->page.cursor, rows, limit + 1, &n);
	if (err != OK)
		return err;
	struct page page = { .items = rows, .n = n < limit ? n : limit };
	if (n > limit)
		page.next_cursor = str_of(rows[limit - 1].id.text);
	return reply_page(c, &page);
}
