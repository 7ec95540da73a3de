#include "service/principal.h"

#include <string.h>

#include "core/metrics.h"
#include "db/roles.h"
#include "service/keys.h"
#include "service/session.h"

bool
permits(const char *roles, const char *permissions, struct str permission)
{
	return words_have(str_of(roles), STR(ROLE_ADMIN)) || words_have(str_of(permissions), permission);
}

/* ---- By the database ---------------------------------------------------------------------------------------------- */

/* What a credential says of itself, before the database is asked. */
struct claim {
	struct uuid session, user;
	int64_t expires_at_s; /* INT64_MAX: it does not say */
};

static enum err
claim_of_token(struct app *app, struct str token, struct claim *out)
{
	struct token_claims claims;
	enum err err = token_check(&app->tokens, token, clock_now(), &claims);

	if (err == ERR_TOKEN && !token_key_known(&app->tokens, token) && keys_read_for_unknown(app))
		err = token_check(&app->tokens, token, clock_now(), &claims);
	if (err == OK)
		*out = (struct claim){ claims.session, claims.subject, claims.expires_at_s };
	return err;
}

static enum err
claim_of(struct app *app, const struct credential *credential, struct claim *out)
{
	struct ticket ticket;

	if (credential->kind == CREDENTIAL_BEARER)
		return claim_of_token(app, credential->text, out);
	const enum err err = ticket_read(&app->tickets, TICKET_COOKIE, credential->text, &ticket);
	if (err == OK)
		*out = (struct claim){ ticket.session, ticket.user, INT64_MAX };
	return err;
}

/* By this machine's clock, as with the token's exp; latchctl doctor compares it with the database's. */
static bool
session_good(const struct session_user *row, struct timestamp now)
{
	return strcmp(row->owner.text, row->user.id.text) == 0 && row->ended_at.ms == 0 && row->expires_at.ms > now.ms
	    && strcmp(row->user.status, "active") == 0;
}

/* *seen_ms_out: when the session was last seen. */
static enum err
read_principal(struct app *app, const struct uuid *session, const struct uuid *user, struct principal *out,
               int64_t *seen_ms_out)
{
	struct session_user row = { 0 };
	enum err err = sessions_user(app->db, session, user, &row);

	if (err == ERR_NO_ROW || (err == OK && !session_good(&row, clock_now())))
		err = ERR_TOKEN;
	if (err == OK) {
		*out = (struct principal){ .session = *session, .user = row.user, .expires_at = row.expires_at };
		/* Apart: who has no role pays nothing for it. */
		if (row.user.roles[0] != '\0')
			err = roles_permissions(app->db, user, out->permissions);
	}
	*seen_ms_out = row.last_seen_at.ms;
	explicit_bzero(&row, sizeof(row));
	return err;
}

/* A bearer's session is kept alive by its refresh token; a cookie's by being used. */
static enum err
principal_of_claim(struct app *app, const struct credential *credential, const struct claim *claim,
                   const struct client *client, struct principal *out)
{
	const struct session_life life = session_life(app);
	int64_t seen_ms;
	enum err err = read_principal(app, &claim->session, &claim->user, out, &seen_ms);

	if (err != OK || credential->kind != CREDENTIAL_COOKIE || clock_now().ms - seen_ms < SEEN_S * INT64_C(1000))
		return err;
	err = sessions_touch(app->db, &claim->session, &claim->user, client, &life);
	return err == ERR_NO_ROW ? ERR_TOKEN : err;
}

enum err
principal_of(struct app *app, const struct credential *credential, const struct client *client, struct principal *out)
{
	struct claim claim;
	const enum err err = claim_of(app, credential, &claim);

	return err == OK ? principal_of_claim(app, credential, &claim, client, out) : err;
}

enum err
principal_again(struct app *app, struct principal *principal)
{
	const struct uuid session = principal->session, user = principal->user.id;
	int64_t seen_ms;

	return read_principal(app, &session, &user, principal, &seen_ms);
}

/* ---- By memory ---------------------------------------------------------------------------------------------------- */

enum { FEED_WINDOW_S = 15, FEED_ROWS = 1000, FEED_PAUSE_MS = 250, JUMP_MS = 2000 };

static int64_t
mono_ms(void)
{
	return (int64_t)(clock_mono_us() / 1000);
}

/* Reads which sessions ended and which users changed since the last time. Everything is forgotten where that cannot be said: nobody asked for so
 * long that nobody is remembered anyway, too much changed, or the database's clock jumped, by which the window is measured.
 * The window is longer than the time since by what a transaction may take from its UPDATE to its COMMIT. */
static enum err
read_feed(struct app *app)
{
	struct change rows[FEED_ROWS];
	struct feed *feed = &app->feed;
	const int64_t now_ms = mono_ms(), since_ms = now_ms - feed->read_ms;
	const bool stale = feed->read_ms == 0 || since_ms > REMEMBERED_S * INT64_C(1000);
	const uint32_t window_s = FEED_WINDOW_S + (stale ? 0 : (uint32_t)(since_ms / 1000) + 1);
	int64_t server_ms = 0;
	size_t n;

	enum err err = db_begin_request(app->db);
	if (err == OK)
		err = changes_recent(app->db, window_s, rows, FEED_ROWS, &n);
	if (err != OK)
		return err;
	for (size_t i = 0; i < n; i++)
		if (rows[i].id.text[0] == '\0')
			server_ms = rows[i].at.ms;
		else if (strcmp(rows[i].id.text, CHANGE_OF_ROLES) == 0)
			memory_forget_grants(&app->memory);
		else
			memory_forget(&app->memory, &rows[i].id);
	const int64_t drift_ms = server_ms - feed->server_ms - since_ms;
	if (stale || n == FEED_ROWS || drift_ms > JUMP_MS || drift_ms < -JUMP_MS)
		memory_clear(&app->memory);
	feed->read_ms = now_ms;
	feed->server_ms = server_ms;
	return OK;
}

/* Looks at the database where that was not done for a while: at the keys, for one that was retired is not in the ring any
 * more and what it signed is forgotten with it, and at the feed. A database that hangs makes requests wait half of the
 * time, at most. */
static void
look(struct app *app)
{
	struct feed *feed = &app->feed;
	const int64_t now_ms = mono_ms();

	if (now_ms < feed->pause_until_ms || (feed->read_ms != 0 && now_ms - feed->read_ms < FEED_MS))
		return;
	if (keys_fresh(app) != OK || read_feed(app) != OK) {
		const int64_t end_ms = mono_ms(), took_ms = end_ms - now_ms;
		feed->pause_until_ms = end_ms + (took_ms > FEED_PAUSE_MS ? took_ms : FEED_PAUSE_MS);
	}
	if (app->memory.generation != app->keyring.generation)
		memory_clear(&app->memory);
	app->memory.generation = app->keyring.generation;
}

/* Whether what is remembered may be used. */
static bool
feed_holds(const struct app *app)
{
	const int64_t max_age_ms = app->config.revocation_max_age_s * INT64_C(1000);

	return app->feed.read_ms != 0 && mono_ms() - app->feed.read_ms < max_age_ms;
}

static enum err
prove_and_remember(struct app *app, const struct credential *credential, const struct client *client,
                   const unsigned char digest[TOKEN_DIGEST_SIZE], struct principal *out)
{
	struct claim claim;
	enum err err = keys_refresh(app);

	if (err == OK)
		err = claim_of(app, credential, &claim);
	if (err == OK)
		err = principal_of_claim(app, credential, &claim, client, out);
	if (err != OK)
		return err;
	const int64_t session_end_s = out->expires_at.ms / 1000;
	struct remembered entry = { .user = out->user.id,
		                        .session = out->session,
		                        .verified = out->user.email_verified,
		                        .expires_at_s = claim.expires_at_s < session_end_s ? claim.expires_at_s : session_end_s,
		                        .until_ms = mono_ms() + REMEMBERED_S * INT64_C(1000) };
	memcpy(entry.digest, digest, sizeof(entry.digest));
	memcpy(entry.email, out->user.email, sizeof(entry.email));
	memcpy(entry.username, out->user.username, sizeof(entry.username));
	memcpy(entry.roles, out->user.roles, sizeof(entry.roles));
	memory_put(&app->memory, &entry);
	if (out->user.roles[0] != '\0')
		memory_put_grants(&app->memory, out->user.roles, out->permissions);
	return OK;
}

enum err
principal_remembered(struct app *app, const struct credential *credential, const struct client *client,
                     struct principal *out)
{
	unsigned char digest[TOKEN_DIGEST_SIZE];
	const bool cookie = credential->kind == CREDENTIAL_COOKIE;

	look(app);
	const enum err err = token_digest(&app->tokens, cookie ? STR("cookie ") : STR("bearer "), credential->text, digest);
	if (err != OK)
		return err;
	const struct remembered *known = memory_get(&app->memory, digest, mono_ms(), clock_now().ms / 1000);
	const char *permissions = known == NULL || known->roles[0] == '\0' ? "" : memory_grants(&app->memory, known->roles);
	if (permissions == NULL)
		known = NULL;
	metrics_add(known != NULL ? COUNT_VERIFY_HIT : COUNT_VERIFY_MISS, 1);
	if (known == NULL)
		return prove_and_remember(app, credential, client, digest, out);
	if (!feed_holds(app))
		return ERR_DB;
	*out = (struct principal){ .session = known->session,
		                       .user = { .id = known->user, .email_verified = known->verified } };
	memcpy(out->user.email, known->email, sizeof(known->email));
	memcpy(out->user.username, known->username, sizeof(known->username));
	memcpy(out->user.roles, known->roles, sizeof(known->roles));
	memcpy(out->permissions, permissions, strlen(permissions) + 1);
	return OK;
}
