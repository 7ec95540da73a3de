/*
 * principal.h: from a request's credentials to the person it speaks for.
 *
 * Two ways. principal_of asks the database, in one statement (two for who has a role): what it says is so at that moment. principal_remembered is for
 * what must not cost a statement (the web server asks it before each page): who was proved within the last minute is
 * remembered by the SHA-256 of his credential. A feed of the sessions that ended, and of the users and roles that changed,
 * read at most every FEED_MS, makes it forget: so a revocation, or a new name, is in force on every node within a second.
 */
#ifndef LATCH_SERVICE_PRINCIPAL_H
#define LATCH_SERVICE_PRINCIPAL_H

#include "db/changes.h"
#include "db/sessions.h"
#include "service/app.h"

struct credential {
	enum { CREDENTIAL_NONE, CREDENTIAL_BEARER, CREDENTIAL_COOKIE } kind;
	struct str text; /* the access token, or the cookie's value */
};

/* A request's credentials, proved: the session, and its user as the database has them now. */
struct principal {
	struct uuid session;
	struct user user;
	char permissions[PERMISSIONS_SIZE]; /* words (core/str.h) */
	struct timestamp expires_at;        /* of the session, when it was looked at */
};

/* Whether these roles and permissions include a permission: with the role admin, every one. */
bool permits(const char *roles, const char *permissions, struct str permission);

/* ERR_TOKEN: the credential does not hold, or its session has ended. One statement; another for who
 * has a role, and one where a cookie's session was last seen over SEEN_S ago. `client` is whom that statement writes down. */
enum { SEEN_S = 60 };
enum err principal_of(struct app *app, const struct credential *credential, const struct client *client,
                      struct principal *out) MUST_USE;

/* Reads the principal's user anew; ERR_TOKEN where the session or the account ended meanwhile. */
enum err principal_again(struct app *app, struct principal *principal) MUST_USE;

/* The same as principal_of, from memory: of *out only the session, the permissions and the user's id, email,
 * email_verified, username and roles are set. Nobody is remembered longer than REMEMBERED_S, past the token's exp or the
 * session's expires_at, or for over 3 s past the retirement of its key. ERR_DB: the database is away, and this one is not
 * remembered, or the feed was last read over revocation_max_age_s ago. */
enum { FEED_MS = 800, REMEMBERED_S = 60 };
enum err principal_remembered(struct app *app, const struct credential *credential, const struct client *client,
                              struct principal *out) MUST_USE;

#endif
