#include "service/login.h"

#include <string.h>

#include "core/log.h"
#include "db/sessions.h"
#include "service/account.h"
#include "service/keys.h"

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
check_user(struct app *app, struct str who, struct str password, struct user *user)
{
	const enum err found = account_find_by_name(app, who, user);

	if (found == ERR_NO_ROW)
		return password_verify_nobody(&app->hasher, password);
	if (found != OK)
		return found;
	const enum err err = password_verify(&app->hasher, user->password_hash, password);
	if (err != OK)
		return err;
	return strcmp(user->status, "active") == 0 ? OK : ERR_DISABLED;
}

struct new_session {
	struct uuid id;
	const struct user *user;
	uint32_t ttl_s;
};

static enum err
write_session(struct db *db, void *argument)
{
	const struct new_session *session = argument;
	enum err err = sessions_insert(db, &session->id, session->user, session->ttl_s);

	if (err == OK)
		err = sessions_drop_oldest(db, &session->user->id, &session->id);
	return err == OK ? users_touch_login(db, &session->user->id) : err;
}

static enum err
begin_session(struct app *app, const struct user *user, struct arena *arena, struct login *out)
{
	struct new_session session = { uuid_new(), user, app->config.session_ttl_s };

	*out = (struct login){ .expires_in_s = app->config.access_ttl_s, .user_id = user->id };
	enum err err = token_issue(&app->tokens, &user->id, &session.id, clock_now(), arena, &out->access_token);
	if (err == OK)
		err = db_transaction(app->db, write_session, &session);
	/* Disabled, removed or given another password since it was read: as if it had come a moment later. */
	return err == ERR_NO_ROW ? ERR_CREDENTIALS : err;
}

enum err
login(struct app *app, struct str who, struct str password, struct arena *arena, struct login *out)
{
	struct user user = { 0 };
	enum err err = password_busy(&app->hasher) ? ERR_BUSY : check_user(app, who, password, &user);

	/* With the keys of this moment: one that was retired a second ago would sign a token that is dead. */
	if (err == OK)
		err = keys_read(app);
	if (err == OK) {
		rehash(app, &user, password);
		err = begin_session(app, &user, arena, out);
	}
	explicit_bzero(&user, sizeof(user));
	return err;
}

/* By this machine's clock, as with the token's exp; latchctl doctor compares it with the database's. */
static bool
session_good(const struct session_user *row, struct timestamp now)
{
	return strcmp(row->owner.text, row->user.id.text) == 0 && row->ended_at.ms == 0 && row->expires_at.ms > now.ms
	    && strcmp(row->user.status, "active") == 0;
}

static enum err
read_principal(struct app *app, const struct uuid *session, const struct uuid *user, struct principal *out)
{
	struct session_user row = { 0 };
	enum err err = sessions_user(app->db, session, user, &row);

	if (err == ERR_NO_ROW || (err == OK && !session_good(&row, clock_now())))
		err = ERR_TOKEN;
	if (err == OK)
		*out = (struct principal){ .session = *session, .user = row.user };
	explicit_bzero(&row, sizeof(row));
	return err;
}

enum err
principal_of_token(struct app *app, struct str token, struct principal *out)
{
	struct token_claims claims;
	enum err err = token_check(&app->tokens, token, clock_now(), &claims);

	if (err == ERR_TOKEN && !token_key_known(&app->tokens, token) && keys_read_for_unknown(app))
		err = token_check(&app->tokens, token, clock_now(), &claims);
	if (err != OK)
		return err;
	return read_principal(app, &claims.session, &claims.subject, out);
}

enum err
principal_again(struct app *app, struct principal *principal)
{
	const struct uuid session = principal->session, user = principal->user.id;

	return read_principal(app, &session, &user, principal);
}

enum err
logout(struct app *app, const struct principal *principal)
{
	const enum err err = sessions_end(app->db, &principal->session);

	return err == ERR_NO_ROW ? ERR_TOKEN : err;
}
