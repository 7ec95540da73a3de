/* login.h: from a password to a session, and from a token to the person it speaks for. */
#ifndef LATCH_SERVICE_LOGIN_H
#define LATCH_SERVICE_LOGIN_H

#include "core/arena.h"
#include "db/users.h"
#include "service/app.h"

struct login {
	struct str access_token; /* in the arena */
	uint32_t expires_in_s;
	struct uuid user_id;
};

/* Signs somebody in by e-mail address or user name (`who` with an '@' is an address).
 * ERR_CREDENTIALS: no such user, or another password; both cost one hash, and take as long where that user's was made with
 * today's parameters. ERR_DISABLED: the password was right. */
enum err login(struct app *app, struct str who, struct str password, struct arena *arena, struct login *out) MUST_USE;

/* A request's credentials, proved: the session, and its user as the database has them now. */
struct principal {
	struct uuid session;
	struct user user;
};

/* ERR_TOKEN: the token does not hold, or its session has ended. One statement. */
enum err principal_of_token(struct app *app, struct str token, struct principal *out) MUST_USE;

/* Reads the principal's user anew; ERR_TOKEN where the session or the account ended meanwhile. */
enum err principal_again(struct app *app, struct principal *principal) MUST_USE;

/* Ends the principal's session; ERR_TOKEN when another request was faster. */
enum err logout(struct app *app, const struct principal *principal) MUST_USE;

#endif
