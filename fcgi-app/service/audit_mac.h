/*
 * audit_mac.h: what makes a line of the audit, and a chain's row, unforgeable, and what hides whom a line tells of.
 *
 * A MAC is HMAC-SHA256 under a key derived from the database's secret (audit_ready), over every field as (absent, or length and bytes), so that no
 * two different lines are the same bytes. A line's is also over the MAC of the line before it. A chain's row without lines as the
 * migration made it has no seal.
 *
 * The address and user agent of who acted are sealed (auth/seal.h) under a key derived from that secret and
 * users.audit_key of the actor, else of the subject, else from the secret alone. Without that user's row nobody can open
 * them; the line and its MAC stay as they are.
 */
#ifndef LATCH_SERVICE_AUDIT_MAC_H
#define LATCH_SERVICE_AUDIT_MAC_H

#include "auth/jws.h"
#include "auth/seal.h"
#include "db/audit.h"
#include "db/sessions.h"

#define AUDIT_MAC_NONE "0000000000000000000000000000000000000000000000000000000000000000"

/* The bytes that a MAC is over. */
struct audit_bytes {
	size_t n;
	unsigned char p[2048];
};
/* False: they do not fit. */
bool audit_line_bytes(const struct audit_line *line, const char *before, struct audit_bytes *out) MUST_USE;
bool audit_head_bytes(const struct audit_head *head, struct audit_bytes *out) MUST_USE;

/* The MAC of a line behind the one with the MAC `before`; ERR_INTERNAL: out of memory. */
enum err audit_line_mac(const struct jws_key *key, const struct audit_line *line, const char *before,
                        char out[AUDIT_MAC_SIZE]) MUST_USE;
enum err audit_head_seal(const struct jws_key *key, const struct audit_head *head, char out[AUDIT_MAC_SIZE]) MUST_USE;
/* *good: whether the row's seal holds. */
enum err audit_head_check(const struct jws_key *key, const struct audit_head *head, bool *good) MUST_USE;

/* Texts of who acted, as they are opened again. */
struct audit_from {
	char ip[46], user_agent[4 * USER_AGENT_POINTS_MAX + 1];
};

/* Into line->sealed, by line->id and line->key ("": the secret alone). Nothing where there is nothing to hide. */
enum err audit_hide(const struct master_key *secret, const struct client *client, struct audit_line *line) MUST_USE;
/* Whether what is sealed opens, where there is something and the user has a row. */
bool audit_opens(const struct master_key *secret, const struct audit_line *line) MUST_USE;
/* "" where there was nothing, or it cannot be opened any more. */
void audit_show(const struct master_key *secret, const struct audit_line *line, struct audit_from *out);

#endif
