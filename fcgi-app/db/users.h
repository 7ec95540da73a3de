/* users.h: the table of people. Every function: ERR_DB when the database fails. */
#ifndef LATCH_DB_USERS_H
#define LATCH_DB_USERS_H

#include "db/db.h"

/* Of a user's roles, as words (core/str.h), with the NUL: so many that their names fit. */
enum { USER_ROLES_SIZE = 256 };

/* A row as the service uses it. Text that is NULL in the table is "" here; a time that is NULL has ms 0. */
struct user {
	struct uuid id;
	char email[255];
	bool email_verified;
	char username[33];
	char name[4 * 200 + 1];
	char phone_number[17];
	char status[17]; /* "active", "disabled" or "pending" */
	char roles[USER_ROLES_SIZE];
	struct timestamp created_at, updated_at, last_login_at;
	char password_hash[256]; /* PHC string; wipe after use */
	uint32_t password_version;
};

/* The columns above in their order, for other files' joins: u is the table's alias. Those that are shown to people come
 * first. */
#define USER_SHOWN_SQL                                                                                       \
	"u.id, u.email, u.email_verified, u.username, u.name, u.phone_number, u.status, u.roles, u.created_at, " \
	"u.updated_at, u.last_login_at"
#define USER_COLUMNS_SQL USER_SHOWN_SQL ", u.password_hash, u.password_version"
/* Where they land in a row struct: `in` is empty where the row is a struct user, `user.` where that is a member of it. */
#define USER_SHOWN_COLUMNS(row, in)                                                                        \
	COLUMN(row, in id), COLUMN(row, in email), COLUMN(row, in email_verified), COLUMN(row, in username),   \
		COLUMN(row, in name), COLUMN(row, in phone_number), COLUMN(row, in status), COLUMN(row, in roles), \
		COLUMN(row, in created_at), COLUMN(row, in updated_at), COLUMN(row, in last_login_at)
#define USER_COLUMNS(row, in) \
	USER_SHOWN_COLUMNS(row, in), COLUMN(row, in password_hash), COLUMN(row, in password_version)

/* ERR_NO_ROW when there is none. E-mail addresses and user names compare without case. */
enum err users_by_id(struct db *db, const struct uuid *id, struct user *out) MUST_USE;
enum err users_by_email(struct db *db, struct str email, struct user *out) MUST_USE;
enum err users_by_username(struct db *db, struct str username, struct user *out) MUST_USE;

/* Up to max users with an id above `after` (absent: from the start), in the order of their ids. */
enum err users_list(struct db *db, struct str after, struct user *out, size_t max, size_t *n_out) MUST_USE;

/* Which of these somebody else than `self` has. Absent: not asked. */
struct users_taken {
	bool email, username;
};
enum err users_taken(struct db *db, struct str email, struct str username, const struct uuid *self,
                     struct users_taken *out) MUST_USE;

/* Adds an active user, or, without a password, a pending one; reads id, email, username, name, phone_number and
 * password_hash ("": none). ERR_DUPLICATE: see users_taken. */
enum err users_insert(struct db *db, const struct user *user) MUST_USE;
/* The columns that people change themselves: MAYBE_ABSENT leaves one as it is, MAYBE_NULL clears it. */
struct profile_change {
	struct maybe_str username, name, phone_number;
};
/* ERR_DUPLICATE, ERR_NO_ROW. */
enum err users_change_profile(struct db *db, const struct uuid *id, const struct profile_change *change) MUST_USE;
/* Who has no password is not "active" by that but "pending". ERR_NO_ROW. */
enum err users_set_status(struct db *db, const struct uuid *id, const char *status) MUST_USE;
enum err users_touch_login(struct db *db, const struct uuid *id) MUST_USE;

/* What follows acts on a user as he was read: ERR_NO_ROW when the password was changed since. With a session it also has to
 * be still good, and the user active: who proved himself a moment ago and was thrown out since can do nothing more. NULL:
 * an administrator acts. */
enum err users_set_password(struct db *db, const struct user *user, const struct uuid *session,
                            const char *hash) MUST_USE;
/* Removes the row and all that hangs on it. ERR_NO_ROW also when he was given another role since. */
enum err users_delete(struct db *db, const struct user *user, const struct uuid *session) MUST_USE;
/* Replaces the hash of the same password. */
enum err users_rehash(struct db *db, const struct user *user, const char *hash) MUST_USE;

#endif
