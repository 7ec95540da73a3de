/*
 * role.h: roles made, changed, given and taken. Whoever acts can give no permission that he does not hold himself, nor take
 * one, and admin only if he has it; and somebody who is active always has the role admin.
 *
 * `by` is who acts; NULL: somebody at the command line, who may do everything. His permissions are looked at once more where
 * the change is made. Each function: ERR_DB and ERR_INTERNAL; ERR_TOKEN and ERR_FORBIDDEN: he may not (why says what he
 * lacks); ERR_NOT_FOUND: no such role, or user.
 */
#ifndef LATCH_SERVICE_ROLE_H
#define LATCH_SERVICE_ROLE_H

#include "service/principal.h"

/* Valid values (core/text.h). An absent description, and absent permissions, stay as they are; of a new role: none. What
 * the permissions are to a role that is there: all that it has, more that it has, or what it has no more. */
enum role_how { ROLE_REPLACE, ROLE_ADD, ROLE_TAKE };
struct role_change {
	struct str description;
	struct strs permissions;
	enum role_how how;
};

enum { ROLE_PERMISSIONS_MAX = 50 };

/* ERR_CONFLICT: the name is taken, or there are too many roles or different permissions. */
enum err role_create(struct app *app, const struct uuid *by, struct str name, const struct role_change *change,
                     struct role *out, struct reason *why) MUST_USE;
/* ERR_CONFLICT: the role is admin, or there are too many different permissions. */
enum err role_patch(struct app *app, const struct uuid *by, struct str name, const struct role_change *change,
                    struct role *out, struct reason *why) MUST_USE;
/* ERR_CONFLICT: the role is admin, or somebody has it. */
enum err role_remove(struct app *app, const struct uuid *by, struct str name, struct reason *why) MUST_USE;

/* ERR_CONFLICT: the user has so many that the name of another does not fit. That he has it already is OK. */
enum err role_grant(struct app *app, const struct uuid *by, const struct uuid *user, struct str name,
                    struct reason *why) MUST_USE;
/* ERR_LAST_ADMIN. That he does not have it is OK. */
enum err role_revoke(struct app *app, const struct uuid *by, const struct uuid *user, struct str name,
                     struct reason *why) MUST_USE;

enum err role_find(struct app *app, struct str name, struct role *out, struct reason *why) MUST_USE;
/* As roles_list. */
enum err role_list(struct app *app, struct str after, struct role *out, size_t max, size_t *n_out) MUST_USE;

/* ---- For other services, within a transaction that began with roles_lock ----------------------------------------- */

/* Whoever acts. ERR_TOKEN: he is not there any more, or not active. ERR_FORBIDDEN: he lacks `permission`. */
enum err role_actor(struct db *db, const struct uuid *by, struct str permission, struct holder *out) MUST_USE;
/* Whether he may do something to whom or what has these roles and permissions (words). ERR_FORBIDDEN: he lacks some of these
 * permissions, or admin is among the roles and he does not have it: who holds all permissions that there are is no
 * administrator. */
enum err role_covers(const struct holder *actor, const char *roles, const char *permissions,
                     struct reason *why) MUST_USE;
/* ERR_LAST_ADMIN: nobody but this user is active and has the role admin. */
enum err role_spare_admin(struct db *db, const struct uuid *user, const char *roles) MUST_USE;

#endif
