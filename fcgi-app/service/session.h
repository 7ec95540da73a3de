/*
 * session.h: sessions: begun, refreshed, shown to their owner, ended. Each function: ERR_DB and ERR_INTERNAL besides what is
 * named.
 */
#ifndef LATCH_SERVICE_SESSION_H
#define LATCH_SERVICE_SESSION_H

#include "core/arena.h"
#include "db/sessions.h"
#include "service/app.h"

enum transport { TRANSPORT_BEARER, TRANSPORT_COOKIE };

/* What a client of a session is given; texts in the arena. */
struct grant {
	struct uuid user_id;
	struct str cookie; /* with TRANSPORT_COOKIE; the rest with TRANSPORT_BEARER */
	struct str access_token, token_type, refresh_token;
	uint32_t expires_in, refresh_expires_in; /* seconds */
};

/* Begins a session of a user who has just proved himself. ERR_CREDENTIALS: he was disabled, removed or given another
 * password since he was read. */
enum err session_begin(struct app *app, const struct user *user, enum transport transport, const struct client *client,
                       struct arena *arena, struct grant *out) MUST_USE;

/* A refresh token for the next one, and a new access token (RFC 6749, 6; RFC 9700, 4.14). One conditional UPDATE decides.
 * The token before the current one, within refresh_grace_s of its use, gets the same successor again: a retry, or two
 * tabs. An older one ends the session, with a line in the log. ERR_GRANT: that, or it does not hold for another reason.
 * ERR_SLOW_DOWN: too many come from this address (NULL: not known); one that is not ours counts for nothing. */
enum err session_refresh(struct app *app, struct str refresh_token, const struct client *client,
                         const struct address *from, struct arena *arena, struct grant *out,
                         struct reason *why) MUST_USE;

/* Ends a session, or all of its user's. ERR_TOKEN: it had ended. */
enum err session_logout(struct app *app, const struct uuid *session, const struct uuid *user, bool everywhere) MUST_USE;
/* The same by a refresh token, the current one or the one before. ERR_GRANT: it does not hold. */
enum err session_logout_by_refresh(struct app *app, struct str refresh_token, bool everywhere) MUST_USE;

/* Ends a session of that user: from another one of his, or, by latchctl, as an administrator does. ERR_NO_ROW: there is none. */
enum err session_end(struct app *app, const struct uuid *session, const struct uuid *user) MUST_USE;
/* Ends all of a user's but one. */
enum err session_end_others(struct app *app, const struct uuid *session, const struct uuid *user) MUST_USE;

/* As sessions_list. */
enum err session_list(struct app *app, const struct uuid *user, struct str before, struct session *out, size_t max,
                      size_t *n_out) MUST_USE;

/* How long sessions last by this configuration. */
struct session_life session_life(const struct app *app);

#endif
