/* login.h: from a password to a session. */
#ifndef LATCH_SERVICE_LOGIN_H
#define LATCH_SERVICE_LOGIN_H

#include "service/session.h"

/* Who wants in, and how. `who` with an '@' is an e-mail address, else a user name. */
struct login_attempt {
	struct str who, password;
	enum transport transport;
	struct client client;
};

/* Signs somebody in; *user_out is who, without the password hash.
 * ERR_CREDENTIALS: no such user, or another password; both cost one hash, and take as long where that user's was made with
 * today's parameters. ERR_DISABLED: the password was right. */
enum err login(struct app *app, const struct login_attempt *attempt, struct arena *arena, struct user *user_out,
               struct grant *out) MUST_USE;

#endif
