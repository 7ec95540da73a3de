#include "service/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/roles.h"
#include "db/user_import.h"

enum { SNAPSHOTS_MAX = 5, DAY_MS = 24 * 3600 * 1000 };

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	const int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Words in their order and each once, as db/roles.c writes them down. */
static bool
write_roles(struct strs roles, char out[USER_ROLES_SIZE])
{
	struct str sorted[IMPORT_ROLES_MAX];
	size_t at = 0;

	out[0] = '\0';
	if (roles.n > IMPORT_ROLES_MAX)
		return false;
	if (roles.n > 0) {
		memcpy(sorted, roles.p, roles.n * sizeof(*sorted));
		qsort(sorted, roles.n, sizeof(*sorted), compare);
	}
	for (size_t i = 0; i < roles.n; i++) {
		if (i > 0 && str_eq(sorted[i], sorted[i - 1]))
			continue;
		if (at + (at > 0) + sorted[i].n >= USER_ROLES_SIZE)
			return false;
		if (at > 0)
			out[at++] = ',';
		memcpy(out + at, sorted[i].p, sorted[i].n);
		at += sorted[i].n;
		out[at] = '\0';
	}
	return true;
}

/* Clocks differ, and times without a zone are read as UTC. */
static void
read_time(const char *field, struct str text, struct timestamp *out, struct reason *why)
{
	if (text.p != NULL && !timestamp_parse(text, out))
		(void)reason_field(why, field, "invalid", "must be a time such as 2026-01-31T12:00:00Z or 2026-01-31 12:00:00");
	else if (out->ms > clock_now().ms + DAY_MS)
		(void)reason_field(why, field, "invalid", "is in the future, by more than a day");
}

static void
read_id(struct str text, struct uuid *out, struct reason *why)
{
	if (!uuid_parse(text, out) || out->text[14] != '7')
		(void)reason_field(why, "id", "invalid", "must be a UUIDv7");
}

static void
read_password(const struct import_line *line, struct user *out, struct reason *why)
{
	const bool none = line->password_hash.n == 0;
	const char *wrong = none ? NULL : password_hash_refused(line->password_hash.p);

	if (wrong == NULL && !str_copy(out->password_hash, sizeof(out->password_hash), line->password_hash))
		wrong = "is too long";
	if (wrong != NULL)
		(void)reason_field(why, "password_hash", "invalid", wrong);
	const struct str otherwise = none ? STR("pending") : STR("active");
	if (none && str_eq(line->status, STR("active")))
		(void)reason_field(why, "status", "invalid", "cannot be active without a password_hash: say pending");
	else if (!str_copy(out->status, sizeof(out->status), line->status.p != NULL ? line->status : otherwise))
		(void)reason_field(why, "status", "invalid", "is too long");
}

enum err
import_read(const struct import_line *line, struct import_row *out, struct reason *why)
{
	struct user *user = &out->user;

	*out = (struct import_row){ .user = { .id = uuid_new(), .created_at = clock_now() }, .has_id = line->id.p != NULL };
	if (out->has_id)
		read_id(line->id, &user->id, why);
	read_password(line, user, why);
	read_time("created_at", line->created_at, &user->created_at, why);
	read_time("last_login_at", line->last_login_at, &user->last_login_at, why);
	user->email_verified = line->email_verified.state == BOOL_TRUE;
	if (!write_roles(line->roles, user->roles))
		(void)reason_field(why, "roles", "too_many", "are too many: their names do not fit");
	if (!str_copy(user->email, sizeof(user->email), line->email)
	    || !str_copy(user->username, sizeof(user->username), line->username)
	    || !str_copy(user->name, sizeof(user->name), line->name)
	    || !str_copy(user->phone_number, sizeof(user->phone_number), line->phone_number))
		return ERR_INTERNAL; /* their fields' rules have seen to it */
	return why->n > 0 ? ERR_FIELDS : OK;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

struct work {
	struct app *app;
	struct import_batch *batch;
	bool done; /* and, of a dry run, rolled back */
};

static void
refuse(struct import_row *row, const char *field, const char *detail)
{
	row->outcome = IMPORT_REFUSED;
	row->field = field;
	row->detail = detail;
}

/* Roles that have been looked for and found, and whether they have built-in permissions. */
struct known {
	struct str names[IMPORT_ROLES_MAX];
	bool built_in[IMPORT_ROLES_MAX];
	size_t n;
};

/* Of a few different roles, one look each. ERR_NO_ROW. */
static enum err
find_role(struct db *db, struct known *known, struct str name, bool *built_in)
{
	static struct role role;

	for (size_t i = 0; i < known->n; i++)
		if (str_eq(known->names[i], name)) {
			*built_in = known->built_in[i];
			return OK;
		}
	const enum err err = roles_by_name(db, name, &role);
	*built_in = str_eq(name, STR(ROLE_ADMIN)) || (err == OK && permissions_built_in(role.permissions));
	if (err == OK && known->n < IMPORT_ROLES_MAX) {
		known->names[known->n] = name;
		known->built_in[known->n++] = *built_in;
	}
	return err;
}

/* The file is somebody else's, and what its roles are called is too: here one may be as good as admin. */
static enum err
check_roles(struct db *db, struct import_batch *batch, struct known *known)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct str rest = str_of(batch->rows[i].user.roles);
		while (rest.n > 0) {
			bool built_in;
			const enum err err = find_role(db, known, str_cut(&rest, ','), &built_in);
			if (err == ERR_NO_ROW)
				refuse(&batch->rows[i], "roles", "name a role that there is not");
			else if (err != OK)
				return err;
			else if (built_in && !batch->allow_roles)
				refuse(&batch->rows[i], "roles", "have one with built-in permissions, which needs --allow-roles");
		}
	}
	return OK;
}

/* The first member of the line that is not so in the row that is there; NULL: none. A password may have been hashed anew since,
 * so it is not looked at. */
static const char *
difference(const struct import_row *row, const struct user *there)
{
	const struct user *u = &row->user;

	if (row->has_id && strcmp(u->id.text, there->id.text) != 0)
		return "id";
	if (strcmp(u->username, there->username) != 0)
		return "username";
	if (strcmp(u->name, there->name) != 0)
		return "name";
	if (strcmp(u->phone_number, there->phone_number) != 0)
		return "phone_number";
	if (strcmp(u->status, there->status) != 0)
		return "status";
	if (strcmp(u->roles, there->roles) != 0)
		return "roles";
	return u->email_verified != there->email_verified ? "email_verified" : NULL;
}

/* Sets the row's outcome by what is there. */
static enum err
look(struct db *db, const struct import_batch *batch, struct import_row *row)
{
	static struct user alike[USERS_ALIKE_MAX];
	size_t n;
	const enum err err = users_alike(db, &row->user, alike, &n);

	for (size_t i = 0; err == OK && i < n; i++) {
		const bool same_id = strcmp(alike[i].id.text, row->user.id.text) == 0;
		if (str_eq_nocase(str_of(alike[i].email), str_of(row->user.email))) {
			row->committed = same_id && batch->again;
			row->outcome = row->committed ? IMPORT_ADDED : IMPORT_EXISTS;
			row->field = difference(row, &alike[i]);
			break;
		}
		refuse(row, same_id ? "id" : "username", "is somebody else's");
	}
	explicit_bzero(alike, sizeof(alike));
	return err;
}

static enum err
add_singly(struct db *db, struct import_batch *batch, const struct user *added[], size_t *n)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct import_row *row = &batch->rows[i];
		if (row->outcome == IMPORT_REFUSED)
			continue;
		enum err err = look(db, batch, row);
		if (err == OK && row->outcome == IMPORT_ADDED && !row->committed) {
			added[*n] = &row->user;
			err = users_import(db, &added[(*n)++], 1);
		}
		if (err != OK)
			return err;
	}
	return OK;
}

static enum err
add_all(struct db *db, struct import_batch *batch, const struct user *added[], size_t *n)
{
	for (size_t i = 0; i < batch->n; i++)
		if (batch->rows[i].outcome == IMPORT_ADDED)
			added[(*n)++] = &batch->rows[i].user;
	return users_import(db, added, *n);
}

/* A line for each of his roles that has built-in permissions. */
static enum err
write_down_roles(struct app *app, const struct user *user, struct known *known)
{
	struct str rest = str_of(user->roles);
	enum err err = OK;

	while (rest.n > 0 && err == OK) {
		const struct audit_entry entry = { .event = AUDIT_ROLE_GRANT,
			                               .subject = &user->id,
			                               .target = str_cut(&rest, ',') };
		bool built_in;
		err = find_role(app->db, known, entry.target, &built_in);
		if (err == OK && built_in)
			err = audit_write(app, &entry);
	}
	return err;
}

/* One line for the batch besides: one for every account would cost more than the accounts. */
static enum err
write_down(struct app *app, const struct user *const added[], size_t n, struct known *known)
{
	char how_many[32];
	enum err err = OK;

	(void)snprintf(how_many, sizeof(how_many), "%zu", n);
	for (size_t i = 0; i < n && err == OK; i++)
		err = write_down_roles(app, added[i], known);
	if (err == OK && n > 0)
		err = audit_write(app, &(struct audit_entry){ .event = AUDIT_IMPORT, .target = str_of(how_many) });
	return err;
}

static enum err
write(struct db *db, void *argument)
{
	static const struct user *added[BULK_ROWS_MAX];
	struct work *work = argument;
	struct import_batch *batch = work->batch;
	struct known known = { .n = 0 };
	size_t n = 0;
	enum err err = roles_lock(db);

	for (size_t i = 0; i < batch->n; i++) {
		batch->rows[i].outcome = IMPORT_ADDED;
		batch->rows[i].committed = false;
		batch->rows[i].field = batch->rows[i].detail = NULL;
	}
	if (err == OK)
		err = check_roles(db, batch, &known);
	if (err == OK)
		err = batch->singly ? add_singly(db, batch, added, &n) : add_all(db, batch, added, &n);
	if (err == OK)
		err = roles_import(db, added, n);
	if (err == OK && !batch->dry_run)
		err = write_down(work->app, added, n, &known);
	if (err != OK || !batch->dry_run)
		return err;
	work->done = true;
	return ERR_NO_ROW; /* rolls it back */
}

enum err
import_write(struct app *app, struct import_batch *batch)
{
	struct work work = { .app = app, .batch = batch };
	enum err err = ERR_DUPLICATE;

	batch->singly = batch->singly || batch->again;
	for (int i = 0; i < SNAPSHOTS_MAX && err == ERR_DUPLICATE; i++) {
		err = db_transaction(app->db, write, &work);
		/* Then row by row; and where a row was free and then taken, with another snapshot. */
		if (err == ERR_DUPLICATE)
			batch->singly = true;
	}
	if (work.done)
		err = OK;
	if (err == OK && batch->singly) {
		batch->singly = false;
		for (size_t i = 0; i < batch->n; i++)
			batch->singly = batch->singly || batch->rows[i].outcome == IMPORT_EXISTS;
	}
	return err == ERR_DUPLICATE ? ERR_DB : err;
}
