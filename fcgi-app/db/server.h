/* server.h: what the database server says about itself, for latchctl. */
#ifndef LATCH_DB_SERVER_H
#define LATCH_DB_SERVER_H

#include "db/db.h"

struct server_info {
	char version[65];
	struct timestamp now; /* the server's clock */
};

struct server_grant {
	char text[513];
};

enum err server_info(struct db *db, struct server_info *out) MUST_USE;
/* How much of its log, in percent, is of changes that are not in the tables yet: towards the end everybody who writes waits until
 * they are. 0 where it does not say (MariaDB's Innodb_checkpoint_age and Innodb_checkpoint_max_age). */
enum err server_log_filled(struct db *db, uint32_t *percent_out) MUST_USE;
/* SHOW GRANTS of the connected user. */
enum err server_grants(struct db *db, struct server_grant *out, size_t max, size_t *n_out) MUST_USE;

#endif
