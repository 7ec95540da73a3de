/* auth.c: /auth/...: accounts made, sessions begun and ended. */
#include "api/credentials.h"
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
	const enum err err = account_register(c->app, c->in, client_from(c), &user, &c->why);

	if (err != OK)
		return err;
	response_header(c->response, "Location",
	                str_printf(c->arena, "%s/users/%s", c->app->config.public_url, user.id.text));
	return reply(c, &user);
}

/* ---- POST /auth/login -------------------------------------------------------------------------------------------- */

struct login_request {
	struct str email, username, password, grant_type, transport;
};

static const struct field login_fields[] = {
	FIELD(struct login_request, email, .max = 254, .rule = &rule_email, .example = "ada@example.org",
	      .help = "Either this or username"),
	FIELD(struct login_request, username, .max = 32, .rule = &rule_username, .example = "ada"),
	FIELD(struct login_request, password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "correct horse battery staple"),
	FIELD(struct login_request, transport, .rule = &rule_transport, .example = "bearer",
	      .help = "cookie: the answer is the user, and a session cookie in the place of tokens"),
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

static const struct field token_fields[] = {
	FIELD(struct grant, access_token, .help = "a JWT; send it as Authorization: Bearer"),
	FIELD(struct grant, token_type, .example = "Bearer"),
	FIELD(struct grant, expires_in, .help = "seconds", .example = "900"),
	FIELD(struct grant, refresh_token, .help = "good once, for POST /auth/refresh"),
	FIELD(struct grant, refresh_expires_in, .help = "seconds, unless it is used before", .example = "1209600"),
	FIELD(struct grant, user_id, .example = EXAMPLE_ID),
};
const struct schema token_out = SCHEMA("TokenResponse", struct grant, token_fields);

void
auth_login_check(struct ctx *c)
{
	const struct login_request *in = c->in;

	if (in->email.p != NULL && in->username.p != NULL)
		(void)reason_field(&c->why, "username", "invalid", "send either email or username");
	if (in->email.p == NULL && in->username.p == NULL && !reason_names(&c->why, "username"))
		(void)reason_field(&c->why, "email", "required", "send either email or username");
}

static enum err
sign_in(struct ctx *c, enum transport transport, struct user *user, struct grant *grant)
{
	const struct login_request *in = c->in;
	const struct login_attempt attempt = { .who = in->email.p != NULL ? in->email : in->username,
		                                   .password = in->password,
		                                   .transport = transport,
		                                   .client = c->client,
		                                   .from = proof_from(c) };

	return login(c->app, &attempt, c->arena, user, grant, &c->why);
}

/* The answer is the same to a cookie's client as GET /users/me is. */
static enum err
sign_in_by_cookie(struct ctx *c)
{
	struct user user;
	struct grant grant;

	if (!cookies_possible(&c->app->config))
		return reason_field(&c->why, "transport", "invalid", "needs https: public_url is not");
	/* Or another site could sign a visitor in as somebody else. */
	if (from_elsewhere(c))
		return ERR_CROSS_SITE;
	enum err err = sign_in(c, TRANSPORT_COOKIE, &user, &grant);
	if (err == OK)
		err = set_session_cookie(c, grant.cookie);
	if (err == OK)
		err = set_device_cookie(c, &user);
	return err == OK ? reply_or(c, &user) : err;
}

enum err
auth_login(struct ctx *c)
{
	const struct login_request *in = c->in;
	struct user user;
	struct grant grant;

	if (in->transport.p != NULL && str_eq(in->transport, STR("cookie")))
		return sign_in_by_cookie(c);
	enum err err = sign_in(c, TRANSPORT_BEARER, &user, &grant);
	if (err == OK)
		err = set_device_cookie(c, &user);
	return err == OK ? reply(c, &grant) : err;
}

/* ---- POST /auth/refresh ------------------------------------------------------------------------------------------ */

struct refresh_request {
	struct str refresh_token;
};

static const struct field refresh_fields[] = {
	FIELD(struct refresh_request, refresh_token, .required = true, .min = 1, .max = 1024,
	      .help = "the one of the last answer"),
};
const struct schema refresh_in = SCHEMA("RefreshRequest", struct refresh_request, refresh_fields);

enum err
auth_refresh(struct ctx *c)
{
	const struct refresh_request *in = c->in;
	struct grant grant;
	const enum err err =
		session_refresh(c->app, in->refresh_token, &c->client, client_from(c), c->arena, &grant, &c->why);

	return err == OK ? reply(c, &grant) : err;
}

/* ---- POST /auth/logout ------------------------------------------------------------------------------------------- */

struct logout_request {
	struct str refresh_token;
	bool everywhere;
};

static const struct field logout_fields[] = {
	FIELD(struct logout_request, refresh_token, .min = 1, .max = 1024,
	      .help = "in the place of an access token or a cookie"),
	FIELD(struct logout_request, everywhere, .help = "end all my sessions"),
};
const struct schema logout_in = SCHEMA("LogoutRequest", struct logout_request, logout_fields);

enum err
auth_logout(struct ctx *c)
{
	const struct logout_request *in = c->in;
	const struct principal *who = &c->principal;
	const bool proved = c->credential.kind != CREDENTIAL_NONE;
	enum err err;

	if (proved && in->refresh_token.p != NULL)
		return ERR_AMBIGUOUS;
	if (proved)
		err = session_logout(c->app, &who->session, &who->user.id, in->everywhere);
	else if (in->refresh_token.p != NULL)
		err = session_logout_by_refresh(c->app, in->refresh_token, in->everywhere);
	else
		return ERR_UNAUTHORIZED;
	if (err == OK && c->credential.kind == CREDENTIAL_COOKIE)
		err = set_session_cookie(c, STR(""));
	return err == OK ? reply_empty(c) : err;
}
