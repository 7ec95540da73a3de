/*
 * device.h: browsers that have signed in before, proved by a cookie that holds a ticket (auth/ticket.h).
 *
 * Who presents one for the account that he tries is counted by it and not with strangers (service/throttle.h): these cannot
 * lock him out. It lets nobody in. A new password makes all older ones worthless, or whoever once knew the old one could
 * have collected many, each with attempts of its own.
 */
#ifndef LATCH_SERVICE_DEVICE_H
#define LATCH_SERVICE_DEVICE_H

#include "core/arena.h"
#include "db/users.h"
#include "service/app.h"

enum { DEVICE_TTL_S = 180 * 86400 };

/* A new one for a user who has just proved himself; in the arena. */
enum err device_make(struct app *app, const struct user *user, struct arena *arena, struct str *out) MUST_USE;

/* *known: whether the cookie is one of this user's, by his present password and not older than DEVICE_TTL_S; *out is then
 * the device. ERR_INTERNAL: out of memory. */
enum err device_look(const struct app *app, struct str cookie, const struct user *user, bool *known,
                     struct uuid *out) MUST_USE;

#endif
