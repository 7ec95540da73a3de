#include "service/user_list.h"

#include <string.h>

#include "auth/base64.h"
#include "auth/jws.h"

struct listing {
	struct app *app;
	const struct user_filter *filter;
	enum user_walk walk;
	struct user_place at; /* all before it has been looked at */
	bool over;            /* there is nothing behind it */
	struct user *users;   /* room for one more than max, which tells that there is more */
	size_t n, max;
	uint32_t window; /* how many rows the next look is at */
};

/* Of a role or a status that so few have its list is the way, whatever else is asked for. */
enum { FEW = 200 };

/* ---- Cursors ------------------------------------------------------------------------------------------------------- */

#define CURSOR_PURPOSE STR("latch user list v1")

/* What it goes with. Neither a status nor a role has a blank in it. */
static struct str
cursor_label(const struct user_filter *filter, struct arena *arena)
{
	const struct str status = filter->status, role = filter->role, query = filter->query;

	return str_printf(arena, "%.*s %.*s %.*s", (int)status.n, status.p != NULL ? status.p : "", (int)role.n,
	                  role.p != NULL ? role.p : "", (int)query.n, query.p != NULL ? query.p : "");
}

/* The walk's digit, the id or blanks, the key. */
enum { ID_LENGTH = 36, CURSOR_BYTES_MAX = 1024 };

static enum err
cursor_write(const struct listing *list, struct arena *arena, struct str *out)
{
	const struct str label = cursor_label(list->filter, arena);
	const struct str plain =
		str_printf(arena, "%c%-*s%s", '0' + (int)list->walk, ID_LENGTH, list->at.id.text, list->at.key);
	struct bytes *sealed = arena_alloc(arena, sizeof(*sealed));

	if (label.p == NULL || plain.p == NULL || sealed == NULL)
		return ERR_INTERNAL;
	const enum err err = seal(&list->app->master, CURSOR_PURPOSE, label, plain.p, plain.n, sealed);
	char *text = err == OK ? arena_alloc(arena, BASE64_SIZE(sealed->n)) : NULL;
	if (text == NULL)
		return ERR_INTERNAL;
	*out = (struct str){ text, base64url_encode(sealed->p, sealed->n, text) };
	return OK;
}

static enum err
cursor_refused(struct reason *why)
{
	/* What was made here may not open for a lack of memory. */
	if (jws_starved())
		return ERR_INTERNAL;
	return reason_field(why, "cursor", "invalid", "must be the next_cursor of the page before, with the same filters");
}

static enum err
cursor_read(struct listing *list, struct str cursor, struct arena *arena, struct reason *why)
{
	const struct str label = cursor_label(list->filter, arena);
	struct bytes *sealed = arena_alloc(arena, sizeof(*sealed)), *plain = arena_alloc(arena, sizeof(*plain));

	if (label.p == NULL || sealed == NULL || plain == NULL)
		return ERR_INTERNAL;
	if (!base64url_decode(cursor, sealed->p, CURSOR_BYTES_MAX, &sealed->n)
	    || unseal(&list->app->master, CURSOR_PURPOSE, label, sealed, plain) != OK)
		return cursor_refused(why);
	/* What opens was written above. */
	const struct str text = { (const char *)plain->p, plain->n };
	const struct str id = { text.p + 1, ID_LENGTH }, key = { text.p + 1 + ID_LENGTH, text.n - 1 - ID_LENGTH };
	list->walk = (enum user_walk)(text.p[0] - '0');
	return str_copy(list->at.id.text, sizeof(list->at.id.text), str_trim(id))
	            && str_copy(list->at.key, sizeof(list->at.key), key)
	         ? OK
	         : ERR_INTERNAL;
}

/* ---- Which way ------------------------------------------------------------------------------------------------------ */

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* The narrowest that is likely, by how many at most have the role and the status. What is not ASCII is the beginning of no
 * address and no user name, and their keys would be of no use for it. */
static enum user_walk
narrowest(const struct user_filter *filter, uint32_t of_role, uint32_t of_status)
{
	if (of_role < FEW)
		return WALK_ROLE;
	if (of_status < FEW)
		return WALK_STATUS;
	if (filter->query.p != NULL)
		return is_ascii(filter->query) ? WALK_EMAIL : WALK_NAME;
	if (filter->role.p != NULL)
		return WALK_ROLE;
	return filter->status.p != NULL ? WALK_STATUS : WALK_ID;
}

static enum err
choose_walk(struct listing *list)
{
	const struct user_filter *filter = list->filter;
	uint32_t of_role = FEW, of_status = FEW;
	enum err err = OK;

	if (filter->role.p != NULL)
		err = roles_users(list->app->db, filter->role, FEW, &of_role);
	if (err == OK && filter->status.p != NULL)
		err = user_admin_count_status(list->app->db, filter->status, FEW, &of_status);
	list->walk = narrowest(filter, of_role, of_status);
	return err;
}

/* Whether rows of the walk may be left out, so that to look for some is not to look at as many. */
static bool
leaves_out(const struct listing *list)
{
	const struct user_filter *filter = list->filter;

	switch (list->walk) {
	case WALK_ID:
		return false;
	case WALK_ROLE:
		return filter->status.p != NULL || filter->query.p != NULL;
	case WALK_STATUS:
		return filter->role.p != NULL || filter->query.p != NULL;
	case WALK_EMAIL:
		return filter->role.p != NULL || filter->status.p != NULL;
	case WALK_USERNAME:
	case WALK_NAME:
		break;
	}
	return true;
}

/* ---- Walking -------------------------------------------------------------------------------------------------------- */

static enum err
place_of(enum user_walk walk, const struct user *user, struct user_place *out)
{
	const char *key = walk == WALK_EMAIL ? user->email : walk == WALK_USERNAME ? user->username : user->name;

	*out = (struct user_place){ .id = user->id };
	return walk < WALK_EMAIL || str_copy(out->key, sizeof(out->key), str_of(key)) ? OK : ERR_INTERNAL;
}

/* To the start of the next walk that the filter asks for. */
static void
next_walk(struct listing *list)
{
	list->at = (struct user_place){ .key = "" };
	if (list->walk == WALK_EMAIL || list->walk == WALK_USERNAME)
		list->walk = (enum user_walk)(list->walk + 1);
	else
		list->over = true;
}

/* Whether there is more behind a look that did not fill the page: then it ended at `end`. */
static enum err
go_on(struct listing *list, bool more, const struct user_place *end)
{
	if (more)
		list->at = *end;
	else
		next_walk(list);
	return OK;
}

/* Looks at the next rows: in a window of the index, where some may be left out. */
static enum err
look(struct listing *list)
{
	const bool windows = leaves_out(list);
	const size_t wanted = list->max + 1 - list->n, most = windows || wanted < list->window ? wanted : list->window;
	struct user *found = &list->users[list->n];
	struct user_place end;
	size_t n;

	enum err err = ERR_NO_ROW;
	if (windows)
		err = user_admin_window(list->app->db, list->walk, list->filter, &list->at, list->window, &end);
	if (err != OK && err != ERR_NO_ROW)
		return err;
	const bool bounded = err == OK;
	err = user_admin_walk(list->app->db, list->walk, list->filter, &list->at, bounded ? &end : NULL, found, most, &n);
	if (err != OK)
		return err;
	list->n += n;
	if (list->n > list->max) /* the next page begins behind the last that is shown, or where this look began */
		return n > 1 ? place_of(list->walk, &list->users[list->max - 1], &list->at) : OK;
	if (!windows && n == most)
		err = place_of(list->walk, &found[n - 1], &end);
	return err == OK ? go_on(list, bounded || (!windows && n == most), &end) : err;
}

/* 0: there is no time for even a few. */
static uint32_t
next_window(uint32_t window, uint64_t took_us, uint64_t left_us)
{
	const uint64_t fit = window * left_us / (took_us + 1);
	uint64_t rows = 2 * (uint64_t)window;

	if (rows > fit)
		rows = fit;
	if (rows > USER_LIST_MOST)
		rows = USER_LIST_MOST;
	return rows < USER_LIST_LEAST ? 0 : (uint32_t)rows;
}

static enum err
fill(struct listing *list)
{
	const uint64_t end_us = clock_mono_us() + USER_LIST_US;
	enum err err = OK;

	list->window = USER_LIST_LEAST;
	for (unsigned looks = 0; looks < USER_LIST_LOOKS && list->window > 0 && err == OK; looks++) {
		const uint64_t start_us = clock_mono_us();
		err = look(list);
		const uint64_t now_us = clock_mono_us();
		if (list->over || list->n > list->max)
			break;
		list->window = next_window(list->window, now_us - start_us, now_us < end_us ? end_us - now_us : 0);
	}
	return err;
}

enum err
user_list(struct app *app, const struct user_filter *filter, struct str cursor, size_t max, struct arena *arena,
          struct user_page *out, struct reason *why)
{
	struct listing list = { .app = app, .filter = filter, .max = max };

	list.users = arena_alloc(arena, (max + 1) * sizeof(*list.users));
	if (list.users == NULL)
		return ERR_INTERNAL;
	enum err err = cursor.p != NULL ? cursor_read(&list, cursor, arena, why) : choose_walk(&list);
	if (err == OK)
		err = fill(&list);
	if (err != OK)
		return err;
	*out = (struct user_page){ .users = list.users, .n = list.n < max ? list.n : max };
	return list.over ? OK : cursor_write(&list, arena, &out->next_cursor);
}
