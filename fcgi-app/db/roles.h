/*
 * roles.h: roles, what each permits, and who has which. ERR_DB when the database fails.
 *
 * Who changes any of it begins with roles_lock, in a transaction: so what is read after that holds until it ends, whatever
 * others do, and on every node.
 */
#ifndef LATCH_DB_ROLES_H
#define LATCH_DB_ROLES_H

#include "db/users.h"

/* May do everything, and cannot be changed or removed. */
#define ROLE_ADMIN "admin"

/* What latch's own routes ask for. */
#define PERMISSIONS_BUILT_IN \
	"users:read,users:write,roles:read,roles:write,sessions:write,audit:read,keys:write,providers:read,metrics:read"
/* Whether one of these words is among them. */
bool permissions_built_in(const char *permissions);

/* Of a name and a permission with their NUL (core/text.h: is_role_name, is_permission). With PERMISSIONS_MAX different ones
 * in all roles together, nobody's permissions are more than PERMISSIONS_SIZE. */
enum { ROLE_SIZE = 33, PERMISSION_SIZE = 41, PERMISSIONS_MAX = 100, ROLES_MAX = 1000 };
enum { PERMISSIONS_SIZE = PERMISSIONS_MAX * PERMISSION_SIZE, ROLE_DESCRIPTION_POINTS_MAX = 200 };

struct role {
	char name[ROLE_SIZE];
	char description[4 * ROLE_DESCRIPTION_POINTS_MAX + 1];
	char permissions[PERMISSIONS_SIZE]; /* words (core/str.h), in their order */
	struct timestamp created_at, updated_at;
};

/* What a user has and may, and whether he is active. */
struct holder {
	char status[17];
	char roles[USER_ROLES_SIZE];
	char permissions[PERMISSIONS_SIZE];
};

enum err roles_lock(struct db *db) MUST_USE;

/* ERR_NO_ROW: there is no such user, or role. */
enum err roles_holder(struct db *db, const struct uuid *user, struct holder *out) MUST_USE;
/* What all of a user's roles permit, as words. */
enum err roles_permissions(struct db *db, const struct uuid *user, char out[PERMISSIONS_SIZE]) MUST_USE;
enum err roles_by_name(struct db *db, struct str name, struct role *out) MUST_USE;
/* Up to max roles behind `after` (absent: from the first), by name. */
enum err roles_list(struct db *db, struct str after, struct role *out, size_t max, size_t *n_out) MUST_USE;

struct roles_count {
	uint32_t roles, permissions;
};
enum err roles_count(struct db *db, struct roles_count *out) MUST_USE;

/* ERR_DUPLICATE. */
enum err roles_insert(struct db *db, struct str name, struct str description) MUST_USE;
/* An absent description stays as it is. ERR_NO_ROW. */
enum err roles_change(struct db *db, struct str name, struct str description) MUST_USE;
/* More permissions (words, at least one) for a role, and for admin. That it has some already is no error. */
enum err roles_permit(struct db *db, struct str name, struct str permissions) MUST_USE;
/* No permissions for a role any more. */
enum err roles_permit_nothing(struct db *db, struct str name) MUST_USE;
/* Takes from admin what no other role permits, and latch itself does not ask for. */
enum err roles_tidy(struct db *db) MUST_USE;
/* ERR_NO_ROW; ERR_DB also where somebody has it: see roles_users. */
enum err roles_delete(struct db *db, struct str name) MUST_USE;

/* How many users have a role, counted up to `most`; and how many others than this one are active and have admin. */
enum err roles_users(struct db *db, struct str name, uint32_t most, uint32_t *out) MUST_USE;
enum err roles_other_admins(struct db *db, const struct uuid *user, uint32_t *out) MUST_USE;

/* Gives or takes a role; that it is so already is no error. Nothing is changed where the role is not there. ERR_NO_ROW: the user
 * is gone. */
enum err roles_grant(struct db *db, const struct uuid *user, struct str name) MUST_USE;
enum err roles_revoke(struct db *db, const struct uuid *user, struct str name) MUST_USE;

/* The other half of users_import (db/user_import.h): what the users' rows say of their roles, in user_roles. All of these roles
 * must be there, and each user's stand in their order. */
enum err roles_import(struct db *db, const struct user *const users[], size_t n) MUST_USE;

#endif
