/*
 * ticket.h: refresh tokens and cookies: credentials that only latch makes and only latch reads.
 *
 * base64url of kind || session || user || counter || HMAC-SHA256 of all that, 92 characters. The key is derived from the key
 * file (auth/seal.h), so who has the database can make none. A ticket of one kind is none of another. That it is ours says
 * nothing about the session: the database does.
 */
#ifndef LATCH_AUTH_TICKET_H
#define LATCH_AUTH_TICKET_H

#include "auth/seal.h"
#include "core/arena.h"
#include "core/random.h"

enum ticket_kind { TICKET_REFRESH = 1, TICKET_COOKIE = 2, TICKET_DEVICE = 3 };

enum { TICKET_LENGTH = 92 };

struct ticket {
	struct uuid session; /* of a device: its id */
	struct uuid user;
	uint32_t counter; /* of a refresh token; of a device: the password's version; of a cookie 0 */
};

struct tickets {
	struct jws_key *key; /* HS256 */
};

/* ERR_INTERNAL: out of memory. */
enum err tickets_open(struct tickets *tickets, const struct master_key *master) MUST_USE;
void tickets_close(struct tickets *tickets);

/* The text and a NUL. */
enum err ticket_make(const struct tickets *tickets, enum ticket_kind kind, const struct ticket *ticket,
                     char out[TICKET_LENGTH + 1]) MUST_USE;
/* The same in the arena. */
enum err ticket_issue(const struct tickets *tickets, enum ticket_kind kind, const struct ticket *ticket,
                      struct arena *arena, struct str *out) MUST_USE;
/* ERR_TOKEN: it is none of this kind that ticket_make made with this key file. Compares in constant time. */
enum err ticket_read(const struct tickets *tickets, enum ticket_kind kind, struct str text,
                     struct ticket *out) MUST_USE;

#endif
