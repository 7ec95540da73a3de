#include "service/session.h"

#include <string.h>

#include "core/log.h"
#include "service/monitor.h"

struct session_life
session_life(const struct app *app)
{
	return (struct session_life){ .ttl_s = app->config.session_ttl_s, .idle_s = app->config.session_idle_s };
}

/* ---- What a client is given --------------------------------------------------------------------------------------- */

/* Seconds that the refresh token is good: what db/sessions.c writes into expires_at, by the time in the session's id. */
static uint32_t
refresh_expires_in_s(const struct app *app, const struct uuid *session, struct timestamp now)
{
	const struct session_life life = session_life(app);
	const int64_t left_s = (uuid_time_ms(session) - now.ms) / 1000 + life.ttl_s;

	return left_s < 0 ? 0 : left_s < life.idle_s ? (uint32_t)left_s : life.idle_s;
}

static enum err
make_grant(struct app *app, const struct ticket *ticket, const char *roles, struct arena *arena, struct grant *out)
{
	const struct timestamp now = clock_now();
	const struct token_subject subject = { &ticket->user, &ticket->session, str_of(roles) };

	*out = (struct grant){ .user_id = ticket->user,
		                   .token_type = STR("Bearer"),
		                   .expires_in = app->config.access_ttl_s,
		                   .refresh_expires_in = refresh_expires_in_s(app, &ticket->session, now) };
	const enum err err = token_issue(&app->tokens, &subject, now, arena, &out->access_token);
	return err == OK ? ticket_issue(&app->tickets, TICKET_REFRESH, ticket, arena, &out->refresh_token) : err;
}

/* ---- Beginning ---------------------------------------------------------------------------------------------------- */

struct beginning {
	struct app *app;
	struct uuid id;
	const struct user *user;
	const char *transport;
	const struct client *client;
	struct session_life life;
};

static enum err
write_session(struct db *db, void *argument)
{
	const struct beginning *b = argument;
	enum err err = sessions_insert(db, &b->id, b->user, b->transport, b->client, &b->life);

	if (err == OK)
		err = sessions_drop_oldest(db, &b->user->id, &b->id);
	if (err == OK)
		err = users_touch_login(db, &b->user->id);
	if (err != OK)
		return err;
	return audit_write(b->app,
	                   &(struct audit_entry){
						   .event = AUDIT_LOGIN, .actor = &b->user->id, .subject = &b->user->id, .session = &b->id });
}

enum err
session_begin(struct app *app, const struct user *user, enum transport transport, const struct client *client,
              struct arena *arena, struct grant *out)
{
	const bool cookie = transport == TRANSPORT_COOKIE;
	struct beginning beginning = {
		.app = app, uuid_new(), user, cookie ? "cookie" : "bearer", client, session_life(app)
	};
	const struct ticket ticket = { .session = beginning.id, .user = user->id };
	enum err err;

	*out = (struct grant){ .user_id = user->id };
	if (cookie)
		err = ticket_issue(&app->tickets, TICKET_COOKIE, &ticket, arena, &out->cookie);
	else
		err = make_grant(app, &ticket, user->roles, arena, out);
	if (err == OK)
		err = db_transaction(app->db, write_session, &beginning);
	return err == ERR_NO_ROW ? ERR_CREDENTIALS : err;
}

/* ---- Refreshing --------------------------------------------------------------------------------------------------- */

struct ending {
	struct app *app;
	const struct uuid *session, *user;
};

static enum err
end_replayed(struct db *db, void *argument)
{
	const struct ending *ending = argument;
	const struct audit_entry entry = {
		.event = AUDIT_REPLAY, .refused = true, .subject = ending->user, .session = ending->session
	};
	const enum err err = sessions_end(db, ending->session, ending->user, SESSION_REPLAYED);

	return err == OK ? audit_write(ending->app, &entry) : err;
}

/* The session has moved on from this ticket, or is not good. OK, and the ticket made the current one, where it was the
 * current one a moment ago. *replayed: it was one from before. */
static enum err
ticket_missed(struct app *app, struct ticket *ticket, bool *replayed)
{
	struct session_state now;
	enum err err = sessions_state(app->db, &ticket->session, &ticket->user, app->config.refresh_grace_s, &now);

	if (err == ERR_NO_ROW)
		return ERR_GRANT;
	if (err != OK)
		return err;
	/* A counter that is ahead is of a database that was restored from a backup. */
	if (!now.good || ticket->counter >= now.counter)
		return ERR_GRANT;
	if (now.recent && ticket->counter == now.counter - 1) {
		ticket->counter = now.counter;
		return OK;
	}
	*replayed = true;
	err = db_transaction(app->db, end_replayed, &(struct ending){ app, &ticket->session, &ticket->user });
	if (err == OK)
		log_warn("session=%s user=%s an old refresh token was used again: somebody may have stolen it; the session is "
		         "ended",
		         ticket->session.text, ticket->user.text);
	return err == OK || err == ERR_NO_ROW ? ERR_GRANT : err;
}

/* Reads what the next token says of the user: before the session moves on, so that no token is used up that brings none. */
static enum err
roles_now(struct app *app, const struct uuid *id, char roles_out[USER_ROLES_SIZE])
{
	struct user user;
	enum err err = users_by_id(app->db, id, &user);

	if (err == ERR_NO_ROW || (err == OK && strcmp(user.status, "active") != 0))
		err = ERR_GRANT;
	if (err == OK)
		memcpy(roles_out, user.roles, USER_ROLES_SIZE);
	explicit_bzero(&user, sizeof(user));
	return err;
}

static enum err
refresh(struct app *app, struct str refresh_token, const struct client *client, const struct address *from,
        struct arena *arena, struct grant *out, struct reason *why, bool *replayed)
{
	const struct session_life life = session_life(app);
	char roles[USER_ROLES_SIZE];
	struct ticket ticket;

	enum err err = ticket_read(&app->tickets, TICKET_REFRESH, refresh_token, &ticket);
	if (err == OK)
		err = throttle_refresh(app, from, why);
	if (err == OK)
		err = roles_now(app, &ticket.user, roles);
	if (err != OK)
		return err == ERR_TOKEN ? ERR_GRANT : err;
	err = sessions_rotate(app->db, &ticket.session, &ticket.user, ticket.counter, client, &life);
	if (err == OK)
		ticket.counter++;
	else if (err == ERR_NO_ROW)
		err = ticket_missed(app, &ticket, replayed);
	return err == OK ? make_grant(app, &ticket, roles, arena, out) : err;
}

enum err
session_refresh(struct app *app, struct str refresh_token, const struct client *client, const struct address *from,
                struct arena *arena, struct grant *out, struct reason *why)
{
	bool replayed = false;
	const enum err err = refresh(app, refresh_token, client, from, arena, out, why, &replayed);

	monitor_refresh(err, replayed);
	return err;
}

/* ---- Ending ------------------------------------------------------------------------------------------------------- */

/* What somebody does with his own sessions. */
static enum err
note(const struct ending *ending, enum audit_event event)
{
	return audit_write(
		ending->app, &(struct audit_entry){
						 .event = event, .actor = ending->user, .subject = ending->user, .session = ending->session });
}

static enum err
end_one(struct db *db, void *argument)
{
	const struct ending *ending = argument;
	const enum err err = sessions_end(db, ending->session, ending->user, SESSION_LOGGED_OUT);

	return err == OK ? note(ending, AUDIT_LOGOUT) : err;
}

/* Its own first: who is not in it any more ends nothing. */
static enum err
end_everywhere(struct db *db, void *argument)
{
	const struct ending *ending = argument;
	enum err err = sessions_end(db, ending->session, ending->user, SESSION_LOGGED_OUT);

	if (err == OK)
		err = sessions_end_all(db, ending->user, NULL, SESSION_LOGGED_OUT);
	return err == OK ? note(ending, AUDIT_LOGOUT_EVERYWHERE) : err;
}

enum err
session_logout(struct app *app, const struct uuid *session, const struct uuid *user, bool everywhere)
{
	struct ending ending = { app, session, user };
	const enum err err = db_transaction(app->db, everywhere ? end_everywhere : end_one, &ending);

	return err == ERR_NO_ROW ? ERR_TOKEN : err;
}

enum err
session_logout_by_refresh(struct app *app, struct str refresh_token, bool everywhere)
{
	struct session_state now;
	struct ticket ticket;
	bool replayed;

	enum err err = ticket_read(&app->tickets, TICKET_REFRESH, refresh_token, &ticket);
	if (err == OK)
		err = sessions_state(app->db, &ticket.session, &ticket.user, app->config.refresh_grace_s, &now);
	if (err == OK && ticket.counter != now.counter)
		err = ticket_missed(app, &ticket, &replayed);
	if (err == OK)
		err = session_logout(app, &ticket.session, &ticket.user, everywhere);
	return err == ERR_NO_ROW || err == ERR_TOKEN ? ERR_GRANT : err;
}

static enum err
end_other(struct db *db, void *argument)
{
	const struct ending *ending = argument;
	const struct audit_entry entry = { .event = AUDIT_END,
		                               .subject = ending->user,
		                               .target = str_of(ending->session->text) };
	const enum session_end why = ending->app->acting.request ? SESSION_BY_OWNER : SESSION_BY_ADMIN;
	const enum err err = sessions_end(db, ending->session, ending->user, why);

	return err == OK ? audit_write(ending->app, &entry) : err;
}

static enum err
end_others(struct db *db, void *argument)
{
	const struct ending *ending = argument;
	const enum err err = sessions_end_all(db, ending->user, ending->session, SESSION_BY_OWNER);

	return err == OK ? note(ending, AUDIT_END_OTHERS) : err;
}

enum err
session_end(struct app *app, const struct uuid *session, const struct uuid *user)
{
	return db_transaction(app->db, end_other, &(struct ending){ app, session, user });
}

enum err
session_end_others(struct app *app, const struct uuid *session, const struct uuid *user)
{
	return db_transaction(app->db, end_others, &(struct ending){ app, session, user });
}

enum err
session_list(struct app *app, const struct uuid *user, struct str before, struct session *out, size_t max,
             size_t *n_out)
{
	return sessions_list(app->db, user, before, out, max, n_out);
}
