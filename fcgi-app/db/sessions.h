/*
 * sessions.h: one row a log-in. Every function: ERR_DB when the database fails.
 *
 * A session is good while ended_at is NULL and expires_at lies ahead. expires_at moves with each use: idle_s from now, but
 * never beyond ttl_s from the log-in. Who it was that used it (ip, user_agent) is wiped when it ends; the row itself stays
 * for a day (db/housekeeping.c), so that other workers can read that it ended (db/changes.h).
 */
#ifndef LATCH_DB_SESSIONS_H
#define LATCH_DB_SESSIONS_H

#include "db/roles.h"

enum { SESSIONS_PER_USER_MAX = 100, USER_AGENT_POINTS_MAX = 200 };

/* How long sessions last, in seconds: see above. */
struct session_life {
	uint32_t ttl_s, idle_s;
};

/* Where a request came from: text of at most 45 bytes, and of at most USER_AGENT_POINTS_MAX code points of UTF-8. Both may
 * be absent. */
struct client {
	struct str ip, user_agent;
};

/* What ends sessions, as the column ended_for says it. */
enum session_end {
	SESSION_LOGGED_OUT,
	SESSION_PASSWORD_CHANGED,
	SESSION_DISABLED,
	SESSION_REPLAYED, /* an old refresh token was used again */
	SESSION_BY_OWNER, /* from another session of the same user's */
	SESSION_LIMIT,    /* one more than SESSIONS_PER_USER_MAX */
	SESSION_BY_ADMIN,
};

/* A user and a session, side by side: that one belongs to the other, and that both are good, is for the caller to
 * see. */
struct session_user {
	struct user user;
	struct uuid owner;                                   /* whose session it is */
	struct timestamp last_seen_at, expires_at, ended_at; /* ended_at: ms 0 while it has not */
};

/* One statement, both rows by their keys. ERR_NO_ROW: the session or the user is gone. */
enum err sessions_user(struct db *db, const struct uuid *session, const struct uuid *user,
                       struct session_user *out) MUST_USE;

/* Begins a session for a user who is active and whose password is still of the version that was checked: ERR_NO_ROW
 * when that changed meanwhile. `transport` is "bearer" or "cookie". */
enum err sessions_insert(struct db *db, const struct uuid *session, const struct user *user, const char *transport,
                         const struct client *client, const struct session_life *life) MUST_USE;

/* Ends all but `keep` and the newest SESSIONS_PER_USER_MAX - 1 other sessions of a user: what can be ended at once stays
 * bounded. */
enum err sessions_drop_oldest(struct db *db, const struct uuid *user, const struct uuid *keep) MUST_USE;

/* The user's session, used: moves last_seen_at and expires_at. ERR_NO_ROW: it is not good. */
enum err sessions_touch(struct db *db, const struct uuid *session, const struct uuid *user, const struct client *client,
                        const struct session_life *life) MUST_USE;
/* The same, where its counter is still `counter`, which grows by one: one statement decides between any number of
 * requests. ERR_NO_ROW: another was faster, or the session is not good. */
enum err sessions_rotate(struct db *db, const struct uuid *session, const struct uuid *user, uint32_t counter,
                         const struct client *client, const struct session_life *life) MUST_USE;

/* How the session stands towards a counter that was not the current one. */
struct session_state {
	uint32_t counter;
	bool good;
	bool recent; /* it was used within the last grace_s seconds, by the database's clock */
};
/* ERR_NO_ROW: the user has no such session. */
enum err sessions_state(struct db *db, const struct uuid *session, const struct uuid *user, uint32_t grace_s,
                        struct session_state *out) MUST_USE;

/* How many sessions are good; given up after a second. */
enum err sessions_live(struct db *db, uint32_t *out) MUST_USE;

/* Ends one session of the user; ERR_NO_ROW when it is not good. */
enum err sessions_end(struct db *db, const struct uuid *session, const struct uuid *user,
                      enum session_end why) MUST_USE;
/* Ends all sessions of a user but `keep` (NULL: all). */
enum err sessions_end_all(struct db *db, const struct uuid *user, const struct uuid *keep,
                          enum session_end why) MUST_USE;

/* Of a user who is being deleted: ends all his sessions, and takes his id off them and off those that had ended; of these
 * 10,000 at most, so that it stays bounded: the others go within a day. */
enum err sessions_disown(struct db *db, const struct uuid *user) MUST_USE;

/* What its owner is shown. */
struct session {
	struct uuid id;
	struct timestamp created_at, last_seen_at;
	char ip[46], user_agent[4 * USER_AGENT_POINTS_MAX + 1], transport[9];
	bool current; /* for the caller: no column */
};
/* Up to max good sessions of a user, newest first, with an id below `before` (absent: from the newest). */
enum err sessions_list(struct db *db, const struct uuid *user, struct str before, struct session *out, size_t max,
                       size_t *n_out) MUST_USE;

#endif
