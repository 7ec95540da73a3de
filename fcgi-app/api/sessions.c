/* sessions.c: /users/me/sessions and /users/{id}/sessions: where somebody is signed in. */
#include <string.h>

#include "api/route.h"
#include "service/admin.h"

static const struct field session_fields[] = {
	FIELD(struct session, id, .example = EXAMPLE_ID),
	FIELD(struct session, created_at, .example = EXAMPLE_TIME),
	FIELD(struct session, last_seen_at, .help = "the last refresh; with a cookie, the last use, to a minute",
	      .example = EXAMPLE_TIME),
	FIELD(struct session, ip, .nullable = true, .help = "where it was last seen", .example = "192.0.2.7"),
	FIELD(struct session, user_agent, .nullable = true, .example = "Mozilla/5.0"),
	FIELD(struct session, transport, .help = "bearer or cookie", .example = "bearer"),
	FIELD(struct session, current, .help = "whether this request is of that session"),
};
const struct schema session_out = SCHEMA("Session", struct session, session_fields);

static enum err
show(struct ctx *c, const struct uuid *user)
{
	const struct page_query *query = c->query;
	const size_t asked = page_limit(query), limit = asked < SESSIONS_PER_USER_MAX ? asked : SESSIONS_PER_USER_MAX;
	struct session *rows = arena_alloc(c->arena, (limit + 1) * sizeof(*rows));
	size_t n;

	if (rows == NULL)
		return ERR_INTERNAL;
	const enum err err = session_list(c->app, user, query->cursor, rows, limit + 1, &n);
	if (err != OK)
		return err;
	struct page page = { .items = rows, .n = n < limit ? n : limit };
	for (size_t i = 0; i < page.n; i++)
		rows[i].current = strcmp(rows[i].id.text, c->principal.session.text) == 0;
	if (n > limit)
		page.next_cursor = str_of(rows[limit - 1].id.text);
	return reply_page(c, &page);
}

enum err
sessions_show(struct ctx *c)
{
	return show(c, &c->principal.user.id);
}

enum err
sessions_end_one(struct ctx *c)
{
	const enum err err = session_end(c->app, &c->id, &c->principal.user.id);

	return err == OK ? reply_empty(c) : err == ERR_NO_ROW ? fail(c, ERR_NOT_FOUND, "You have no such session.") : err;
}

enum err
sessions_end_others(struct ctx *c)
{
	const enum err err = session_end_others(c->app, &c->principal.session, &c->principal.user.id);

	return err == OK ? reply_empty(c) : err;
}

/* ---- /users/{id}/sessions ----------------------------------------------------------------------------------------- */

enum err
sessions_show_of(struct ctx *c)
{
	const enum err err = admin_is_user(c->app, &c->id, &c->why);

	return err == OK ? show(c, &c->id) : err;
}

enum err
sessions_end_of(struct ctx *c)
{
	const enum err err = admin_end_sessions(c->app, &c->principal.user.id, &c->id, &c->why);

	return err == OK ? reply_empty(c) : err;
}
