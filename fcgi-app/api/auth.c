/* auth.c: /auth/...: accounts made, sessions begun and ended. */
#include "api/route.h"
#include "service/account.h"

/* ---- POST /auth/register ----------------------------------------------------------------------------------------- */

static const struct field register_fields[] = {
	FIELD(struct registration, email, .required = true, .max = 254, .rule = &rule_email, .example = "ada@example.org"),
	FIELD(struct registration, password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX, .rule = &rule_password,
	      .example = "correct horse battery staple"),
	FIELD(struct registration, username, .min = 3, .max = 32, .rule = &rule_username, .example = "ada"),
	FIELD(struct registration, name, .min = 1, .max = 200, .rule = &rule_name, .example = "Ada Lovelace"),
	FIELD(struct registration, phone_number, .max = 16, .rule = &rule_phone_number, .example = "+442071234567"),
};
const struct schema register_in = SCHEMA("RegisterRequest", struct registration, register_fields);

void
auth_register_check(struct ctx *c)
{
	account_check_registration(c->app, c->in, &c->why);
}

enum err
auth_register(struct ctx *c)
{
	struct user user;
	const enum err err = account_register(c->app, c->in, &user, &c->why);

	if (err != OK)
		return err;
	response_header(c->response, "Location",
	                str_printf(c->arena, "%s/users/%s", c->app->config.public_url, user.id.text));
	return reply(c, &user);
}

/* ---- POST /auth/login -------------------------------------------------------------------------------------------- */

struct login_request {
	struct str email, username, password, grant_type;
};

static const struct field login_fields[] = {
	FIELD(struct login_request, email, .max = 254, .rule = &rule_email, .example = "ada@example.org",
	      .help = "Either this or username"),
	FIELD(struct login_request, username, .max = 32, .rule = &rule_username, .example = "ada"),
	FIELD(struct login_request, password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "correct horse battery staple"),
};
const struct schema login_in = SCHEMA("LoginRequest", struct login_request, login_fields);

/* The OAuth 2.0 password flow (RFC 6749, 4.3.2): username holds either name. */
static const struct field login_form_fields[] = {
	FIELD(struct login_request, username, .required = true, .min = 1, .max = 254, .example = "ada@example.org"),
	FIELD(struct login_request, password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "correct horse battery staple"),
	FIELD(struct login_request, grant_type, .rule = &rule_grant_type, .example = "password"),
};
const struct schema login_form = SCHEMA("LoginForm", struct login_request, login_form_fields);

struct token_response {
	struct str access_token, token_type;
	uint32_t expires_in;
	struct uuid user_id;
};

static const struct field token_fields[] = {
	FIELD(struct token_response, access_token, .help = "a JWT; send it as Authorization: Bearer"),
	FIELD(struct token_response, token_type, .example = "Bearer"),
	FIELD(struct token_response, expires_in, .help = "seconds", .example = "900"),
	FIELD(struct token_response, user_id, .example = EXAMPLE_ID),
};
const struct schema token_out = SCHEMA("TokenResponse", struct token_response, token_fields);

void
auth_login_check(struct ctx *c)
{
	const struct login_request *in = c->in;

	if (in->email.p != NULL && in->username.p != NULL)
		(void)reason_field(&c->why, "username", "invalid", "send either email or username");
	if (in->email.p == NULL && in->username.p == NULL && !reason_names(&c->why, "username"))
		(void)reason_field(&c->why, "email", "required", "send either email or username");
}

enum err
auth_login(struct ctx *c)
{
	const struct login_request *in = c->in;
	struct login login_out;
	const struct str who = in->email.p != NULL ? in->email : in->username;
	const enum err err = login(c->app, who, in->password, c->arena, &login_out);
	if (err != OK)
		return err;
	const struct token_response out = {
		.access_token = login_out.access_token,
		.token_type = STR("Bearer"),
		.expires_in = login_out.expires_in_s,
		.user_id = login_out.user_id,
	};
	return reply(c, &out);
}

/* ---- POST /auth/logout ------------------------------------------------------------------------------------------- */

enum err
auth_logout(struct ctx *c)
{
	const enum err err = logout(c->app, &c->principal);

	return err == OK ? reply_empty(c) : err;
}
