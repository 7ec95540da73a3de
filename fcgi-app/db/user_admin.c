#include "db/user_admin.h"

#include <string.h>

static const struct column shown_columns[] = { USER_SHOWN_COLUMNS(struct user, ) };
static const struct column all_columns[] = { USER_COLUMNS(struct user, ) };
static const struct column place_columns[] = { COLUMN(struct user_place, id), COLUMN(struct user_place, key) };
static const struct column count_column = { COLUMN_U32, 0, sizeof(uint32_t) };

/* An address and a user name are ASCII, so what is not begins none of them, although some collations take e for an e with an
 * accent: for them the query is then NULL. */
/* Each condition has a question mark for every use of its value; what does not apply is told by NULL, of which the server
 * makes a constant before it looks for an index. */
#define ROLE_SQL "(? IS NULL OR FIND_IN_SET(?, u.roles) > 0)"
#define STATUS_SQL "(? IS NULL OR u.status = ?)"
#define QUERY_SQL "(? IS NULL OR u.email LIKE ? OR u.username LIKE ? OR u.name LIKE ?)"

/* Behind one place, and not behind another. */
#define FROM_ID_SQL(id) id " > ? "
#define TO_ID_SQL(id) "AND " id " <= ? "
#define FROM_KEY_SQL(key) key " LIKE ? AND " key " > ? "
#define TO_KEY_SQL(key) "AND (? IS NULL OR " key " <= ?) "
/* Names are not unique: those that are the same follow each other by their ids. */
#define FROM_NAME_SQL "u.name LIKE ? AND (u.name > ? OR (u.name = ? AND u.id > ?)) "
#define TO_NAME_SQL "AND (? IS NULL OR u.name < ? OR (u.name = ? AND u.id <= ?)) "

#define WINDOW_STMT(what, select, order, count)                                                         \
	{                                                                                                   \
		.name = "user window by " what, .sql = "SELECT " select " ORDER BY " order " LIMIT 1 OFFSET ?", \
		.params = (count), .columns = place_columns, .n = COUNT(place_columns)                          \
	}
#define WALK_STMT(what, from, order, count)                                                                    \
	{                                                                                                          \
		.name = "users by " what, .sql = "SELECT " USER_SHOWN_SQL " FROM " from " ORDER BY " order " LIMIT ?", \
		.params = (count), .columns = shown_columns, .n = COUNT(shown_columns)                                 \
	}

#define IN_ORDER "{users} u FORCE INDEX (PRIMARY) WHERE "
#define OF_ROLE \
	"{user_roles} r FORCE INDEX (user_roles_role) STRAIGHT_JOIN {users} u ON u.id = r.user_id WHERE r.role = ? AND "
#define OF_STATUS "{users} u FORCE INDEX (users_status) WHERE u.status = ? AND "
#define BY_EMAIL "{users} u FORCE INDEX (users_email) WHERE "
#define BY_USERNAME "{users} u FORCE INDEX (users_username) WHERE "
#define BY_NAME "{users} u FORCE INDEX (users_name) WHERE "

/* The walks' statements stand at their numbers, their windows' behind them. */
enum { WINDOW = WALK_NAME + 1, COUNT_STATUS = 2 * WINDOW, LOCK, CHANGE };

static const struct stmt stmts[] = {
	[WALK_ID] = WALK_STMT("id", IN_ORDER FROM_ID_SQL("u.id") TO_ID_SQL("u.id"), "u.id", 3),
	[WALK_ROLE] =
		WALK_STMT("role", OF_ROLE FROM_ID_SQL("r.user_id") TO_ID_SQL("r.user_id") "AND " STATUS_SQL " AND " QUERY_SQL,
	              "r.user_id", 10),
	[WALK_STATUS] = WALK_STMT(
		"status", OF_STATUS FROM_ID_SQL("u.id") TO_ID_SQL("u.id") "AND " ROLE_SQL " AND " QUERY_SQL, "u.id", 10),
	[WALK_EMAIL] =
		WALK_STMT("email", BY_EMAIL FROM_KEY_SQL("u.email") TO_KEY_SQL("u.email") "AND " STATUS_SQL " AND " ROLE_SQL,
	              "u.email", 9),
	[WALK_USERNAME] = WALK_STMT("username",
	                            BY_USERNAME FROM_KEY_SQL("u.username") TO_KEY_SQL(
									"u.username") "AND " STATUS_SQL " AND " ROLE_SQL " AND u.email NOT LIKE ?",
	                            "u.username", 10),
	[WALK_NAME] =
		WALK_STMT("name",
	              BY_NAME FROM_NAME_SQL TO_NAME_SQL
	              "AND " STATUS_SQL " AND " ROLE_SQL
	              " AND (? IS NULL OR (u.email NOT LIKE ? AND (u.username IS NULL OR u.username NOT LIKE ?)))",
	              "u.name, u.id", 16),
	[WINDOW + WALK_ID] = WINDOW_STMT("id", "u.id, '' FROM " IN_ORDER FROM_ID_SQL("u.id"), "u.id", 2),
	[WINDOW + WALK_ROLE] =
		WINDOW_STMT("role",
	                "r.user_id, '' FROM {user_roles} r FORCE INDEX (user_roles_role) WHERE r.role = ? AND " FROM_ID_SQL(
						"r.user_id"),
	                "r.user_id", 3),
	[WINDOW + WALK_STATUS] = WINDOW_STMT("status", "u.id, '' FROM " OF_STATUS FROM_ID_SQL("u.id"), "u.id", 3),
	[WINDOW + WALK_EMAIL] = WINDOW_STMT("email", "u.id, u.email FROM " BY_EMAIL FROM_KEY_SQL("u.email"), "u.email", 3),
	[WINDOW + WALK_USERNAME] =
		WINDOW_STMT("username", "u.id, u.username FROM " BY_USERNAME FROM_KEY_SQL("u.username"), "u.username", 3),
	[WINDOW + WALK_NAME] = WINDOW_STMT("name", "u.id, u.name FROM " BY_NAME FROM_NAME_SQL, "u.name, u.id", 5),
	[COUNT_STATUS] = { .name = "users count status",
	                   .sql = "SELECT COUNT(*) FROM (SELECT 1 FROM {users} FORCE INDEX (users_status) WHERE status = ? "
	                          "LIMIT ?) some",
	                   .params = 2,
	                   .columns = &count_column,
	                   .n = 1 },
	[LOCK] = { .name = "users lock",
	           .sql = "SELECT " USER_COLUMNS_SQL " FROM {users} u WHERE u.id = ? FOR UPDATE",
	           .params = 1,
	           .columns = all_columns,
	           .n = COUNT(all_columns) },
	/* What stands first is done first, and sees the address as it was. */
	[CHANGE] = { .name = "users change account",
	             .sql =
	                 "UPDATE {users} SET email_verified = COALESCE(?, IF(email = COALESCE(?, email), email_verified, "
	                 "FALSE)), "
	                 "email = COALESCE(?, email), username = IF(?, ?, username), name = IF(?, ?, name), "
	                 "phone_number = IF(?, ?, phone_number), updated_at = UTC_TIMESTAMP(3) WHERE id = ?",
	             .params = 10 },
};

const struct stmt_table user_admin_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

/* ---- Walking ------------------------------------------------------------------------------------------------------ */

/* A statement's arguments, one after the other. */
struct args {
	struct arg arg[STMT_PARAMS_MAX];
	size_t n;
	char prefix[2 * 4 * USER_QUERY_POINTS_MAX + 2]; /* the query as LIKE wants it, or "" */
};

static void
add(struct args *args, struct arg arg, unsigned times)
{
	for (unsigned i = 0; i < times && args->n < STMT_PARAMS_MAX; i++)
		args->arg[args->n++] = arg;
}

static struct arg
prefix_arg(const struct args *args)
{
	return arg_text(args->prefix[0] != '\0' ? args->prefix : NULL);
}

/* For the columns that are ASCII. */
static struct arg
ascii_prefix_arg(const struct args *args)
{
	for (const char *p = args->prefix; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return arg_text(NULL);
	return prefix_arg(args);
}

/* What LIKE would take for more than a character is escaped. */
static void
write_prefix(struct str query, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	if (query.p == NULL)
		return;
	for (size_t i = 0; i < query.n && n + 3 < size; i++) {
		if (strchr("\\%_", query.p[i]) != NULL)
			out[n++] = '\\';
		out[n++] = query.p[i];
	}
	out[n++] = '%';
	out[n] = '\0';
}

/* Which entries, and those behind `from`. */
static void
add_from(struct args *args, enum user_walk walk, const struct user_filter *filter, const struct user_place *from)
{
	const struct arg id = arg_text(from->id.text[0] != '\0' ? from->id.text : UUID_NIL);

	if (walk == WALK_ROLE)
		add(args, arg_str(filter->role), 1);
	if (walk == WALK_STATUS)
		add(args, arg_str(filter->status), 1);
	if (walk < WALK_EMAIL) {
		add(args, id, 1);
		return;
	}
	add(args, prefix_arg(args), 1);
	add(args, arg_text(from->key), walk == WALK_NAME ? 2 : 1);
	if (walk == WALK_NAME)
		add(args, id, 1);
}

static void
add_to(struct args *args, enum user_walk walk, const struct user_place *to)
{
	if (walk < WALK_EMAIL) {
		add(args, arg_text(to != NULL ? to->id.text : UUID_MAX), 1);
		return;
	}
	add(args, arg_text(to != NULL ? to->key : NULL), walk == WALK_NAME ? 3 : 2);
	if (walk == WALK_NAME)
		add(args, arg_text(to != NULL ? to->id.text : NULL), 1);
}

/* What else a row must be like. */
static void
add_conditions(struct args *args, enum user_walk walk, const struct user_filter *filter)
{
	if (walk == WALK_ID)
		return;
	if (walk != WALK_STATUS)
		add(args, arg_str(filter->status), 2);
	if (walk != WALK_ROLE)
		add(args, arg_str(filter->role), 2);
	if (walk < WALK_EMAIL) {
		add(args, prefix_arg(args), 1);
		add(args, ascii_prefix_arg(args), 2);
		add(args, prefix_arg(args), 1);
	}
	if (walk == WALK_USERNAME)
		add(args, ascii_prefix_arg(args), 1);
	if (walk == WALK_NAME)
		add(args, ascii_prefix_arg(args), 3);
}

enum err
user_admin_window(struct db *db, enum user_walk walk, const struct user_filter *filter, const struct user_place *from,
                  uint32_t entries, struct user_place *out)
{
	struct args args = { .n = 0 };

	write_prefix(filter->query, args.prefix, sizeof(args.prefix));
	add_from(&args, walk, filter, from);
	add(&args, arg_u64(entries - 1), 1);
	return db_row(db, &stmts[WINDOW + (int)walk], args.arg, args.n, out);
}

enum err
user_admin_walk(struct db *db, enum user_walk walk, const struct user_filter *filter, const struct user_place *from,
                const struct user_place *to, struct user *out, size_t max, size_t *n_out)
{
	struct args args = { .n = 0 };

	write_prefix(filter->query, args.prefix, sizeof(args.prefix));
	add_from(&args, walk, filter, from);
	add_to(&args, walk, to);
	add_conditions(&args, walk, filter);
	add(&args, arg_u64(max), 1);
	return db_rows(db, &stmts[walk], args.arg, args.n, out, sizeof(*out), max, n_out);
}

enum err
user_admin_count_status(struct db *db, struct str status, uint32_t most, uint32_t *out)
{
	return db_row(db, &stmts[COUNT_STATUS], ARGS(arg_str(status), arg_u64(most)), out);
}

/* ---- Changing ----------------------------------------------------------------------------------------------------- */

enum err
user_admin_lock(struct db *db, const struct uuid *id, struct user *out)
{
	return db_row(db, &stmts[LOCK], ARGS(arg_uuid(id)), out);
}

/* Whether to change, and to what. */
#define CHANGE_ARGS(maybe) arg_u64((maybe).state != MAYBE_ABSENT), arg_str((maybe).value)

enum err
user_admin_change(struct db *db, const struct uuid *id, const struct account_change *change)
{
	const struct arg verified = change->email_verified.state == BOOL_ABSENT
	                              ? arg_text(NULL)
	                              : arg_u64(change->email_verified.state == BOOL_TRUE);

	return db_run_one(db, &stmts[CHANGE],
	                  ARGS(verified, arg_str(change->email), arg_str(change->email),
	                       CHANGE_ARGS(change->profile.username), CHANGE_ARGS(change->profile.name),
	                       CHANGE_ARGS(change->profile.phone_number), arg_uuid(id)));
}
