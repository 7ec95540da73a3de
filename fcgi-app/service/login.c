#include "service/login.h"

#include <string.h>

#include "core/log.h"
#include "service/keys.h"
#include "service/monitor.h"

/* A hash made with other parameters than today's is made anew while the password is at hand. That it did not work is no
 * reason to turn somebody away. */
static void
rehash(struct app *app, const struct user *user, struct str password)
{
	char hash[PHC_SIZE];

	if (!password_outdated(&app->hasher, user->password_hash))
		return;
	enum err err = password_hash(&app->hasher, password, hash);
	if (err == OK)
		err = users_rehash(app->db, user, hash);
	if (err != OK && err != ERR_NO_ROW)
		log_warn("user %s: the password hash could not be renewed", user->id.text);
	explicit_bzero(hash, sizeof(hash));
}

static enum err
check_user(struct app *app, const struct login_attempt *attempt, struct user *user, struct reason *why)
{
	const enum err found = account_find_by_name(app, attempt->who, user);

	if (found == ERR_NO_ROW)
		return account_prove_nobody(app, attempt->who, attempt->password, &attempt->from, why);
	return found == OK ? account_prove(app, user, attempt->password, &attempt->from, why) : found;
}

enum err
login(struct app *app, const struct login_attempt *attempt, struct arena *arena, struct user *user_out,
      struct grant *out, struct reason *why)
{
	struct user user = { 0 };
	enum err err = password_busy(&app->hasher) ? ERR_BUSY : check_user(app, attempt, &user, why);

	/* With the keys of this moment: one that was retired a second ago would sign a token that is dead. */
	if (err == OK)
		err = keys_read(app);
	if (err == OK) {
		rehash(app, &user, attempt->password);
		err = session_begin(app, &user, attempt->transport, &attempt->client, arena, out);
	}
	/* As GET /users/me would show him: with this log-in. */
	if (err == OK && attempt->transport == TRANSPORT_COOKIE)
		err = users_by_id(app->db, &out->user_id, &user);
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	monitor_login(err);
	*user_out = user;
	explicit_bzero(&user, sizeof(user));
	return err;
}
