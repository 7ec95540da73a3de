/* roles.c: /roles, and who has which. */
#include "api/route.h"
#include "service/role.h"

static const struct field role_fields[] = {
	FIELD(struct role, name, .rule = &rule_role, .example = "editor"),
	FIELD(struct role, description, .example = "Writes and corrects"),
	FIELD_WORDS(struct role, , permissions, .example = "articles:write"),
	FIELD(struct role, created_at, .example = EXAMPLE_TIME),
	FIELD(struct role, updated_at, .example = EXAMPLE_TIME),
};
const struct schema role_out = SCHEMA("Role", struct role, role_fields);

/* A cursor is a name here. */
static const struct field page_fields[] = {
	FIELD(struct page_query, limit, .max = 20, .rule = &rule_limit, .example = "50", .help = "rows a page, 1 to 200"),
	FIELD(struct page_query, cursor, .max = 32, .rule = &rule_role_cursor, .help = "next_cursor of the page before"),
};
const struct schema role_page_query = SCHEMA("RolePageQuery", struct page_query, page_fields);

enum err
roles_show(struct ctx *c)
{
	const struct page_query *query = c->query;
	const size_t limit = page_limit(query);
	struct role *rows = arena_alloc(c->arena, (limit + 1) * sizeof(*rows));
	size_t n;

	if (rows == NULL)
		return ERR_INTERNAL;
	const enum err err = role_list(c->app, query->cursor, rows, limit + 1, &n);
	if (err != OK)
		return err;
	struct page page = { .items = rows, .n = n < limit ? n : limit };
	if (n > limit)
		page.next_cursor = str_of(rows[limit - 1].name);
	return reply_page(c, &page);
}

enum err
roles_show_one(struct ctx *c)
{
	struct role role;
	const enum err err = role_find(c->app, c->role, &role, &c->why);

	return err == OK ? reply(c, &role) : err;
}

/* ---- POST /roles, PATCH /roles/{role} ----------------------------------------------------------------------------- */

struct role_request {
	struct str name;
	struct role_change change;
};

/* clang-format off */
#define CHANGE_FIELDS(type, in) \
	FIELD_IN(type, in, description, .max = ROLE_DESCRIPTION_POINTS_MAX, .rule = &rule_description, \
	         .example = "Writes and corrects"), \
	FIELD_IN(type, in, permissions, .max = PERMISSION_SIZE - 1, .most = ROLE_PERMISSIONS_MAX, .rule = &rule_permission, \
	         .example = "articles:write", .help = "all that it is to permit")
/* clang-format on */

static const struct field role_in_fields[] = {
	FIELD(struct role_request, name, .required = true, .max = ROLE_SIZE - 1, .rule = &rule_role, .example = "editor"),
	CHANGE_FIELDS(struct role_request, change.),
};
const struct schema role_in = SCHEMA("RoleRequest", struct role_request, role_in_fields);

static const struct field role_change_fields[] = { CHANGE_FIELDS(struct role_change, ) };
const struct schema role_change_in = SCHEMA("RoleChangeRequest", struct role_change, role_change_fields);

enum err
roles_create(struct ctx *c)
{
	const struct role_request *in = c->in;
	struct role role;
	const enum err err = role_create(c->app, &c->principal.user.id, in->name, &in->change, &role, &c->why);

	if (err != OK)
		return err;
	response_header(c->response, "Location", str_printf(c->arena, "%s/roles/%s", c->app->config.public_url, role.name));
	return reply(c, &role);
}

enum err
roles_patch(struct ctx *c)
{
	struct role role;
	const enum err err = role_patch(c->app, &c->principal.user.id, c->role, c->in, &role, &c->why);

	return err == OK ? reply(c, &role) : err;
}

enum err
roles_remove(struct ctx *c)
{
	const enum err err = role_remove(c->app, &c->principal.user.id, c->role, &c->why);

	return err == OK ? reply_empty(c) : err;
}

/* ---- PUT, DELETE /users/{id}/roles/{role} ------------------------------------------------------------------------- */

enum err
roles_give(struct ctx *c)
{
	const enum err err = role_grant(c->app, &c->principal.user.id, &c->id, c->role, &c->why);

	return err == OK ? reply_empty(c) : err;
}

enum err
roles_take(struct ctx *c)
{
	const enum err err = role_revoke(c->app, &c->principal.user.id, &c->id, c->role, &c->why);

	return err == OK ? reply_empty(c) : err;
}
