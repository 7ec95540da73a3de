/* signing_keys.h: the keys that sign access tokens, sealed. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_SIGNING_KEYS_H
#define LATCH_DB_SIGNING_KEYS_H

#include "db/db.h"

struct signing_key {
	char kid[33];
	char alg[9]; /* "ES256", "RS256" or "HS256" */
	struct bytes sealed;
	struct timestamp created_at, sign_from, retired_at; /* retired_at.ms 0: not retired */
	uint32_t token_ttl_s;                               /* the longest life of a token that it signed */
};

struct signing_kid {
	char text[33];
};

/* The newest `max` keys that are not retired, oldest sign_from first. */
enum err signing_keys_live(struct db *db, struct signing_key *out, size_t max, size_t *n_out) MUST_USE;
/* The newest `max` keys, retired ones included. */
enum err signing_keys_all(struct db *db, struct signing_key *out, size_t max, size_t *n_out) MUST_USE;

/* Adds a key that signs in delay_s seconds. Reads kid, alg, sealed and token_ttl_s. ERR_NO_ROW: `max` keys are live already.
 * ERR_DUPLICATE: the kid is taken. */
enum err signing_keys_insert(struct db *db, const struct signing_key *key, uint32_t delay_s, size_t max) MUST_USE;
/* From now on this key signs tokens that live so long; less than before changes nothing. */
enum err signing_keys_raise_ttl(struct db *db, struct str kid, uint32_t ttl_s) MUST_USE;
/* Puts another sealed text into its row. ERR_NO_ROW. */
enum err signing_keys_reseal(struct db *db, struct str kid, const struct bytes *sealed) MUST_USE;
/* ERR_NO_ROW: no such key, it was retired before, or no other could sign at this moment. */
enum err signing_keys_retire(struct db *db, struct str kid) MUST_USE;
/* The same, whatever can sign then. ERR_NO_ROW: no such key, or it was retired before. */
enum err signing_keys_retire_this(struct db *db, struct str kid) MUST_USE;
/* Up to max keys that are to sign only more than age_s seconds from now; within a transaction, they stay so until it ends. */
enum err signing_keys_next(struct db *db, uint32_t age_s, struct signing_kid *out, size_t max, size_t *n_out) MUST_USE;
/* The same of keys that have had a successor for their token_ttl_s and slack_s seconds more: nothing they signed is valid. */
enum err signing_keys_superseded(struct db *db, uint32_t slack_s, struct signing_kid *out, size_t max,
                                 size_t *n_out) MUST_USE;

#endif
