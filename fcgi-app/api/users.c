/* users.c: /users: people as administrators see them. */
#include "api/user_fields.h"
#include "service/admin.h"
#include "service/user_list.h"

static const struct field user_fields[] = { USER_FIELDS(struct user, ) };
const struct schema user_out = SCHEMA("UserResponse", struct user, user_fields);

/* ---- GET /users ---------------------------------------------------------------------------------------------------- */

struct users_query {
	struct user_filter filter;
	struct page_query page;
};

static const struct field query_fields[] = {
	FIELD_IN(struct users_query, filter., query, .min = 1, .max = USER_QUERY_POINTS_MAX, .rule = &rule_name,
	         .example = "ada", .help = "what an e-mail address, a user name or a name begins with, in any case"),
	FIELD_IN(struct users_query, filter., status, .rule = &rule_status, .example = "active"),
	FIELD_IN(struct users_query, filter., role, .max = ROLE_SIZE - 1, .rule = &rule_role, .example = "editor"),
	FIELD_IN(struct users_query, page., limit, .max = 20, .rule = &rule_limit, .example = "50",
	         .help =
	             "rows a page, 1 to 200; it may have fewer, even none, and not be the last: only a next_cursor of null "
	             "says that"),
	FIELD_IN(struct users_query, page., cursor, .max = USER_CURSOR_MAX, .rule = &rule_user_cursor,
	         .help = "next_cursor of the page before; good with the same query, status and role"),
};
const struct schema users_query = SCHEMA("UsersQuery", struct users_query, query_fields);

enum err
users_show(struct ctx *c)
{
	const struct users_query *query = c->query;
	struct user_page found;
	const enum err err =
		user_list(c->app, &query->filter, query->page.cursor, page_limit(&query->page), c->arena, &found, &c->why);

	if (err != OK)
		return err;
	return reply_page(c, &(const struct page){ .items = found.users, .n = found.n, .next_cursor = found.next_cursor });
}

/* ---- POST /users --------------------------------------------------------------------------------------------------- */

static const struct field create_fields[] = {
	FIELD(struct registration, email, .required = true, .max = 254, .rule = &rule_email, .example = "ada@example.org"),
	FIELD(struct registration, password, .min = 1, .max = PASSWORD_POINTS_MAX, .rule = &rule_password,
	      .example = "correct horse battery staple",
	      .help = "without one the account is pending, and nobody can sign in"),
	FIELD(struct registration, username, .min = 3, .max = 32, .rule = &rule_username, .example = "ada"),
	FIELD(struct registration, name, .min = 1, .max = 200, .rule = &rule_name, .example = "Ada Lovelace"),
	FIELD(struct registration, phone_number, .max = 16, .rule = &rule_phone_number, .example = "+442071234567"),
};
const struct schema user_create_in = SCHEMA("UserRequest", struct registration, create_fields);

enum err
users_create(struct ctx *c)
{
	struct user user;
	const enum err err = admin_create(c->app, &c->principal.user.id, c->in, &user, &c->why);

	if (err != OK)
		return err;
	response_header(c->response, "Location",
	                str_printf(c->arena, "%s/users/%s", c->app->config.public_url, user.id.text));
	return reply(c, &user);
}

/* ---- GET, PATCH, DELETE /users/{id} -------------------------------------------------------------------------------- */

enum err
users_show_one(struct ctx *c)
{
	struct user user;
	const enum err err = admin_find(c->app, &c->id, &user, &c->why);

	return err == OK ? reply(c, &user) : err;
}

static const struct field change_fields[] = {
	FIELD(struct account_change, email, .max = 254, .rule = &rule_email, .example = "ada@example.org"),
	FIELD(struct account_change, email_verified,
	      .help = "where it says nothing, an address that becomes another one is not verified any more"),
	PROFILE_FIELDS(struct account_change, profile.),
	FIELD(struct account_change, status, .rule = &rule_new_status, .example = "disabled",
	      .help = "disabled ends all sessions; active forgets wrong passwords, and of who has no password is pending"),
};
const struct schema user_change_in = SCHEMA("UserChangeRequest", struct account_change, change_fields);

enum err
users_change(struct ctx *c)
{
	struct user user;
	const enum err err = admin_change(c->app, &c->principal.user.id, &c->id, c->in, &user, &c->why);

	return err == OK ? reply(c, &user) : err;
}

enum err
users_remove(struct ctx *c)
{
	const enum err err = admin_delete(c->app, &c->principal.user.id, &c->id, &c->why);

	return err == OK ? reply_empty(c) : err;
}
