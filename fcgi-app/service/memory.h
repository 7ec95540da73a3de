/*
 * memory.h: whom this worker has proved lately: a table of fixed size, by the SHA-256 of the credential. What it holds it
 * may forget at any time.
 */
#ifndef LATCH_SERVICE_MEMORY_H
#define LATCH_SERVICE_MEMORY_H

#include "auth/token.h"
#include "db/roles.h"

enum { MEMORY_SLOTS = 1024, MEMORY_GRANTS = 16 };

struct remembered {
	struct uuid user, session;
	int64_t expires_at_s; /* by the wall clock: the token's exp, or its session's end before that */
	int64_t until_ms;     /* by the monotonic clock; 0: an empty slot */
	unsigned char digest[TOKEN_DIGEST_SIZE];
	bool verified;
	char email[sizeof(((struct user *)0)->email)];
	char username[sizeof(((struct user *)0)->username)];
	char roles[USER_ROLES_SIZE];
};

/* What roles permit together: apart from those who have them, who are many and have the same. */
struct grants {
	char roles[USER_ROLES_SIZE]; /* "": an empty slot */
	char permissions[PERMISSIONS_SIZE];
};

struct memory {
	struct remembered *slots;
	struct grants *grants; /* MEMORY_GRANTS */
	size_t next_grants;    /* the slot that is given up next */
	unsigned generation;   /* of the keyring when it was last emptied */
};

/* ERR_INTERNAL: out of memory. */
enum err memory_open(struct memory *memory) MUST_USE;
void memory_close(struct memory *memory);

/* Takes the place of whoever has the slot. */
void memory_put(struct memory *memory, const struct remembered *entry);
/* NULL where there is none that holds at this time. Good until the next memory_put. */
const struct remembered *memory_get(const struct memory *memory, const unsigned char digest[TOKEN_DIGEST_SIZE],
                                    int64_t mono_ms, int64_t now_s);
/* Remembers what these roles, which are not "", permit; and says it: NULL where that is not remembered. */
void memory_put_grants(struct memory *memory, const char *roles, const char *permissions);
const char *memory_grants(const struct memory *memory, const char *roles);
void memory_forget_grants(struct memory *memory);
/* Forgets a session, or all of a user. */
void memory_forget(struct memory *memory, const struct uuid *id);
void memory_clear(struct memory *memory);

#endif
