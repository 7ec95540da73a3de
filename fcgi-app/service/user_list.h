/*
 * user_list.h: users as a list, page by page. A page looks at a bounded number of rows, for about as long as USER_LIST_US,
 * whatever it is asked for: so it may be shorter than wanted, even empty, and not be the last.
 */
#ifndef LATCH_SERVICE_USER_LIST_H
#define LATCH_SERVICE_USER_LIST_H

#include "core/arena.h"
#include "db/user_admin.h"
#include "service/app.h"

/* A page looks at some rows at a time: LEAST at first, which may all have to come from a disk, and then twice as many each time,
 * or as many as there is time for, going by the last. */
enum { USER_LIST_US = 3000, USER_LIST_LOOKS = 12, USER_LIST_LEAST = 8, USER_LIST_MOST = 256 };

/* Characters of base64url that a cursor may have. */
enum { USER_CURSOR_MAX = 1366 };

struct user_page {
	struct user *users; /* in the arena, without password hashes */
	size_t n;
	struct str next_cursor; /* absent: there is no more */
};

/* The page of up to `max` behind the cursor (absent: the first). By id, which is the order of registration; with a query
 * those come first whose e-mail address begins with it, then by user name, then by name, each in its order. A cursor goes
 * with the filter that it was made with. It is sealed: web servers write URLs into logs, and it may hold an address.
 * ERR_FIELDS: it is not one. */
enum err user_list(struct app *app, const struct user_filter *filter, struct str cursor, size_t max,
                   struct arena *arena, struct user_page *out, struct reason *why) MUST_USE;

#endif
