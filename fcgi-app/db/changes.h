/*
 * changes.h: the feed by which every worker of every node hears what it must not remember any longer. ERR_DB when the
 * database fails.
 */
#ifndef LATCH_DB_CHANGES_H
#define LATCH_DB_CHANGES_H

#include "db/db.h"

/* In the place of an id: a role changed, or what it permits. */
#define CHANGE_OF_ROLES "00000000-0000-0000-0000-000000000000"

/* A session that ended, or a user whose row changed (a log-in changes none), or CHANGE_OF_ROLES; the id "" has the database's
 * own time. */
struct change {
	struct uuid id;
	struct timestamp at;
};

/* Those of the last window_s seconds. At most max rows: n_out is max when there may be more. */
enum err changes_recent(struct db *db, uint32_t window_s, struct change *out, size_t max, size_t *n_out) MUST_USE;

#endif
