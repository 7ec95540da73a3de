/*
 * audit_events.h: THE list of events that are written down. docs/audit.md is made from it (latchctl audit events), and a
 * check in make lint compares the two.
 */
#ifndef LATCH_SERVICE_AUDIT_EVENTS_H
#define LATCH_SERVICE_AUDIT_EVENTS_H

#include <stddef.h>
#include <stdio.h>

enum audit_event {
	AUDIT_REGISTER,
	AUDIT_IMPORT,
	AUDIT_EXPORT,
	AUDIT_PROFILE,
	AUDIT_PASSWORD,
	AUDIT_CONFIRM,
	AUDIT_DISABLE,
	AUDIT_ENABLE,
	AUDIT_DELETE,
	AUDIT_LOGIN,
	AUDIT_LOGOUT,
	AUDIT_LOGOUT_EVERYWHERE,
	AUDIT_END,
	AUDIT_END_OTHERS,
	AUDIT_END_ALL,
	AUDIT_REPLAY,
	AUDIT_ROLE_CREATE,
	AUDIT_ROLE_CHANGE,
	AUDIT_ROLE_PERMIT,
	AUDIT_ROLE_FORBID,
	AUDIT_ROLE_REMOVE,
	AUDIT_ROLE_GRANT,
	AUDIT_ROLE_REVOKE,
	AUDIT_KEY_CREATE,
	AUDIT_KEY_ROTATE,
	AUDIT_KEY_RETIRE,
	AUDIT_KEY_RESEAL,
	AUDIT_EVENTS
};

struct audit_event_row {
	const char *name;
	const char *tells;
	const char *outcomes; /* which there are */
	const char *actor, *subject, *target;
};

extern const struct audit_event_row audit_events[AUDIT_EVENTS];

/* The table as Markdown. */
void audit_events_print(FILE *out);

#endif
