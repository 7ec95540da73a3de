/* user_import.h: users who are brought along, many at once. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_USER_IMPORT_H
#define LATCH_DB_USER_IMPORT_H

#include "db/users.h"

/* Adds at most BULK_ROWS_MAX users as they are, but for updated_at, which is created_at: nobody can remember them as they were.
 * Their roles' names are written into their rows; user_roles is for roles_import (db/roles.h). Within a transaction.
 * ERR_DUPLICATE: something of one of them is there already, and how many were added is not known. */
enum err users_import(struct db *db, const struct user *const users[], size_t n) MUST_USE;

/* Who has the user's e-mail address, user name or id: at most three, into out. */
enum { USERS_ALIKE_MAX = 3 };
enum err users_alike(struct db *db, const struct user *user, struct user out[USERS_ALIKE_MAX], size_t *n_out) MUST_USE;

#endif
