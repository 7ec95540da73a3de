/*
 * user_admin.h: people as administrators list and change them. Every function: ERR_DB when the database fails.
 *
 * A list is walked along one index, in windows of a bounded number of entries. Where a row stands in an index nothing
 * changes but a change of that row itself: so who goes on behind the last place he saw meets no row twice and leaves none
 * out, whatever is added meanwhile.
 */
#ifndef LATCH_DB_USER_ADMIN_H
#define LATCH_DB_USER_ADMIN_H

#include "db/roles.h"

/* By id (the order of registration): of all users, of those with the filter's role or status; and by e-mail address, user
 * name or name: of those who begin with the filter's query. */
enum user_walk { WALK_ID, WALK_ROLE, WALK_STATUS, WALK_EMAIL, WALK_USERNAME, WALK_NAME };

enum { USER_QUERY_POINTS_MAX = 254 };

/* Absent: any. The query is the beginning of an e-mail address, a user name or a name, without case. */
struct user_filter {
	struct str query, status, role;
};

/* The place in a walk behind one row: its id, and what the walk goes by where that is text. All zero: the start. */
struct user_place {
	struct uuid id;
	char key[4 * 200 + 1];
};

/* The place `entries` entries behind `from`, looking at no more than these: at least 1. ERR_NO_ROW: there are not so many. */
enum err user_admin_window(struct db *db, enum user_walk walk, const struct user_filter *filter,
                           const struct user_place *from, uint32_t entries, struct user_place *out) MUST_USE;

/* Up to max rows behind `from`, and not behind `to` (NULL: to the end), that the filter takes, in the walk's order, without
 * password hash and version. WALK_USERNAME leaves out whom WALK_EMAIL has, and WALK_NAME both of these. */
enum err user_admin_walk(struct db *db, enum user_walk walk, const struct user_filter *filter,
                         const struct user_place *from, const struct user_place *to, struct user *out, size_t max,
                         size_t *n_out) MUST_USE;

/* How many users have a status, counted up to `most`. */
enum err user_admin_count_status(struct db *db, struct str status, uint32_t most, uint32_t *out) MUST_USE;

/* A row that then nobody else changes until the transaction ends. ERR_NO_ROW. Wipe the hash. */
enum err user_admin_lock(struct db *db, const struct uuid *id, struct user *out) MUST_USE;

/* Absent: as it is; of username, name and phone_number MAYBE_NULL clears. An address that becomes another one is not verified
 * any more, where email_verified says nothing. */
struct account_change {
	struct str email;
	struct maybe_bool email_verified;
	struct profile_change profile;
	struct str status; /* "active" or "disabled"; not written by user_admin_change */
};
/* ERR_DUPLICATE: see users_taken; ERR_NO_ROW. */
enum err user_admin_change(struct db *db, const struct uuid *id, const struct account_change *change) MUST_USE;

#endif
