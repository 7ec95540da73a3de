/* me.c: /users/me: what people do with their own account. */
#include "api/credentials.h"
#include "api/user_fields.h"
#include "service/device.h"

/* Of oneself also what one may. */
static const struct field me_fields[] = {
	USER_FIELDS(struct principal, user.),
	FIELD_WORDS(struct principal, , permissions, .example = "reports:read"),
};
const struct schema me_out = SCHEMA("MeResponse", struct principal, me_fields);

enum err
me_show(struct ctx *c)
{
	return reply(c, &c->principal);
}

/* ---- PATCH /users/me --------------------------------------------------------------------------------------------- */

static const struct field profile_fields[] = { PROFILE_FIELDS(struct profile_change, ) };
const struct schema profile_in = SCHEMA("ProfileRequest", struct profile_change, profile_fields);

/* The token was good when the request began; that the account went away since is found by the row that is missing. */
static enum err
gone(enum err err)
{
	return err == ERR_NO_ROW ? ERR_TOKEN : err;
}

/* The same where the row was asked for with the password that was confirmed: it may have been changed since, by a request of
 * this very session, whose token is as good as before. */
static enum err
overtaken(struct ctx *c, enum err err)
{
	if (err != ERR_NO_ROW)
		return err;
	err = principal_again(c->app, &c->principal);
	return err == OK ? account_not_current(&c->why) : err;
}

enum err
me_change(struct ctx *c)
{
	struct user *user = &c->principal.user;
	const enum err err = account_change_profile(c->app, user, c->in, &c->why);

	return err == OK ? reply(c, &c->principal) : gone(err);
}

static enum err
confirm(struct ctx *c, struct str current)
{
	return account_confirm(c->app, &c->principal.user, current, &c->principal.session, &c->why);
}

/* ---- POST /users/me/password ------------------------------------------------------------------------------------- */

struct password_request {
	struct str current_password, new_password;
};

static const struct field password_fields[] = {
	FIELD(struct password_request, current_password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "correct horse battery staple"),
	FIELD(struct password_request, new_password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "a better horse, a better battery"),
};
const struct schema password_in = SCHEMA("PasswordRequest", struct password_request, password_fields);

void
me_password_check(struct ctx *c)
{
	const struct password_request *in = c->in;

	if (in->new_password.p != NULL)
		(void)account_check_password(c->app, &c->principal.user, in->new_password, "new_password", &c->why);
}

enum err
me_change_password(struct ctx *c)
{
	const struct password_request *in = c->in;
	struct user *user = &c->principal.user;
	struct uuid device;
	bool known;
	enum err err = device_look(c->app, proof_from(c).device, user, &known, &device);

	if (err == OK)
		err = confirm(c, in->current_password);
	if (err == OK)
		err = account_set_password(c->app, user, in->new_password, "new_password", &c->principal.session, &c->why);
	/* The browser that it was changed with stays known. */
	if (err == OK && known) {
		user->password_version++;
		err = set_device_cookie(c, user);
	}
	return err == OK ? reply_empty(c) : overtaken(c, err);
}

/* ---- POST /users/me/delete --------------------------------------------------------------------------------------- */

struct delete_request {
	struct str current_password;
};

static const struct field delete_fields[] = {
	FIELD(struct delete_request, current_password, .required = true, .min = 1, .max = PASSWORD_POINTS_MAX,
	      .rule = &rule_password, .example = "correct horse battery staple"),
};
const struct schema delete_in = SCHEMA("DeleteRequest", struct delete_request, delete_fields);

enum err
me_delete(struct ctx *c)
{
	const struct delete_request *in = c->in;
	enum err err = confirm(c, in->current_password);

	if (err == OK)
		err = account_delete(c->app, &c->principal.user, &c->principal.session);
	return err == OK ? reply_empty(c) : overtaken(c, err);
}
