/* sessions.h: one row a log-in. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_SESSIONS_H
#define LATCH_DB_SESSIONS_H

#include "db/users.h"

/* A user and a session, side by side: that one belongs to the other, and that both are good, is for the caller to
 * see. */
struct session_user {
	struct user user;
	struct uuid owner;                     /* whose session it is */
	struct timestamp expires_at, ended_at; /* ended_at: ms 0 while it has not */
};

/* One statement, both rows by their keys. ERR_NO_ROW: the session or the user is gone. */
enum err sessions_user(struct db *db, const struct uuid *session, const struct uuid *user,
                       struct session_user *out) MUST_USE;

/* Begins a session for a user who is active and whose password is still of the version that was checked: ERR_NO_ROW
 * when that changed meanwhile. */
enum err sessions_insert(struct db *db, const struct uuid *session, const struct user *user, uint32_t ttl_s) MUST_USE;

/* Removes all but `keep` and the newest SESSIONS_PER_USER_MAX - 1 other sessions of a user: what can be ended at once stays bounded. */
enum { SESSIONS_PER_USER_MAX = 100 };
enum err sessions_drop_oldest(struct db *db, const struct uuid *user, const struct uuid *keep) MUST_USE;

/* Ends one session; ERR_NO_ROW when it had ended. */
enum err sessions_end(struct db *db, const struct uuid *session) MUST_USE;
/* Ends all sessions of a user but `keep` (NULL: all). */
enum err sessions_end_all(struct db *db, const struct uuid *user, const struct uuid *keep) MUST_USE;

#endif
