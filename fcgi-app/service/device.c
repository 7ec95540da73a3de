#include "service/device.h"

#include <string.h>

enum err
device_make(struct app *app, const struct user *user, struct arena *arena, struct str *out)
{
	const struct ticket ticket = { .session = uuid_new(), .user = user->id, .counter = user->password_version };

	return ticket_issue(&app->tickets, TICKET_DEVICE, &ticket, arena, out);
}

enum err
device_look(const struct app *app, struct str cookie, const struct user *user, bool *known, struct uuid *out)
{
	struct ticket ticket;

	*known = false;
	if (cookie.n == 0)
		return OK;
	const enum err err = ticket_read(&app->tickets, TICKET_DEVICE, cookie, &ticket);
	if (err != OK)
		return err == ERR_TOKEN ? OK : err;
	/* The device's id tells when it was made. One from the future is of a clock that went back. */
	const int64_t age_ms = clock_now().ms - uuid_time_ms(&ticket.session);
	*known = strcmp(ticket.user.text, user->id.text) == 0 && ticket.counter == user->password_version
	      && age_ms < (int64_t)DEVICE_TTL_S * 1000;
	*out = ticket.session;
	return OK;
}
