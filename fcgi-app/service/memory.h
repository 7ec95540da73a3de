/*
 * memory.h: whom this worker has proved lately: a table of fixed size, by the SHA-256 of the credential. What it holds it
 * may forget at any time.
 */
#ifndef LATCH_SERVICE_MEMORY_H
#define LATCH_SERVICE_MEMORY_H

#include "auth/token.h"
#include "db/users.h"

enum { MEMORY_SLOTS = 1024 };

struct remembered {
	struct uuid user, session;
	int64_t expires_at_s; /* by the wall clock: the token's exp, or its session's end before that */
	int64_t until_ms;     /* by the monotonic clock; 0: an empty slot */
	unsigned char digest[TOKEN_DIGEST_SIZE];
	char email[sizeof(((struct user *)0)->email)];
	char username[sizeof(((struct user *)0)->username)];
	char roles[USER_ROLES_SIZE];
};

struct memory {
	struct remembered *slots;
	unsigned generation; /* of the keyring when it was last emptied */
};

/* ERR_INTERNAL: out of memory. */
enum err memory_open(struct memory *memory) MUST_USE;
void memory_close(struct memory *memory);

/* Takes the place of whoever has the slot. */
void memory_put(struct memory *memory, const struct remembered *entry);
/* NULL where there is none that holds at this time. Good until the next memory_put. */
const struct remembered *memory_get(const struct memory *memory, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                    int64_t mono_ms, int64_t now_s);
/* Forgets a session, or all of a user. */
void memory_forget(struct memory *memory, const struct uuid *id);
void memory_clear(struct memory *memory);

#endif
