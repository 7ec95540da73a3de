/* login.h: from a password to a session. */
#ifndef LATCH_SERVICE_LOGIN_H
#define LATCH_SERVICE_LOGIN_H

#include "service/account.h"
#include "service/session.h"

/* Who wants in, and how. `who` with an '@' is an e-mail address, else a user name; at most 254 code points. */
struct login_attempt {
	struct str who, password;
	enum transport transport;
	struct client client;
	struct proof_from from;
};

/* Signs somebody in; *user_out is who, without the password hash.
 * ERR_CREDENTIALS: no such user, or another password; both cost one hash, and take as long where that user's was made with
 * today's parameters. ERR_DISABLED: the password was right. ERR_SLOW_DOWN: there were too many
 * wrong ones; *why tells how long to wait. */
enum err login(struct app *app, const struct login_attempt *attempt, struct arena *arena, struct user *user_out,
               struct grant *out, struct reason *why) MUST_USE;

#endif
