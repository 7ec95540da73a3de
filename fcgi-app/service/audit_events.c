#include "service/audit_events.h"

#define WHO "who did it; nobody with latchctl"
#define HIM "the user"
#define OWN "the same"
#define NONE "-"

const struct audit_event_row audit_events[AUDIT_EVENTS] = {
	[AUDIT_REGISTER] = { "user.register", "an account was made", "ok",
	                     "the new user; the administrator who made it; nobody with latchctl", "the new user", NONE },
	[AUDIT_IMPORT] = { "user.import",
	                   "accounts were brought along; each role with built-in permissions has a line of role.grant "
	                   "besides",
	                   "ok", WHO, NONE, "how many, in one transaction" },
	[AUDIT_EXPORT] = { "user.export", "all accounts were about to be written out, with their password hashes", "ok",
	                   WHO, NONE, "json or csv" },
	[AUDIT_PROFILE] = { "user.profile",
	                    "user name, name or phone number were changed; by an administrator also the e-mail address",
	                    "ok", WHO, HIM, "which of them, with commas" },
	[AUDIT_PASSWORD] = { "user.password", "a password was set; the user's other sessions ended", "ok", WHO, HIM, NONE },
	[AUDIT_CONFIRM] = { "user.confirm", "in a session, the current password was asked for once more, and was wrong",
	                    "refused", HIM, OWN, NONE },
	[AUDIT_DISABLE] = { "user.disable", "an account was disabled; all of its sessions ended", "ok", WHO, HIM, NONE },
	[AUDIT_ENABLE] = { "user.enable", "an account was made active; its failed log-ins are forgotten", "ok", WHO, HIM,
	                   NONE },
	[AUDIT_DELETE] = { "user.delete", "an account was removed", "ok", WHO, HIM, NONE },
	[AUDIT_LOGIN] = { "session.login",
	                  "somebody signed in; or was refused for a wrong password, or as his account is not active",
	                  "ok, refused", "the user; nobody when refused", "the user; nobody where nobody has the name",
	                  "disabled, where the password was right" },
	[AUDIT_LOGOUT] = { "session.logout", "somebody ended his session", "ok", HIM, OWN, NONE },
	[AUDIT_LOGOUT_EVERYWHERE] = { "session.logout_everywhere", "somebody ended all of his sessions", "ok", HIM, OWN,
	                              NONE },
	[AUDIT_END] = { "session.end", "somebody's session was ended from another one", "ok", WHO, HIM,
	                "the session that ended" },
	[AUDIT_END_OTHERS] = { "session.end_others", "somebody ended all of his sessions but this one", "ok", HIM, OWN,
	                       NONE },
	[AUDIT_END_ALL] = { "session.end_all", "an administrator ended all sessions of a user", "ok", WHO, HIM, NONE },
	[AUDIT_REPLAY] = { "session.replay",
	                   "an old refresh token was used again: somebody may have stolen it; the session ended", "refused",
	                   "nobody", HIM, NONE },
	[AUDIT_ROLE_CREATE] = { "role.create", "a role was made", "ok", WHO, NONE, "the role" },
	[AUDIT_ROLE_CHANGE] = { "role.change", "a role's permissions or description were changed", "ok", WHO, NONE,
	                        "the role" },
	[AUDIT_ROLE_PERMIT] = { "role.permit", "with role.create or role.change: a role permits something that it did not",
	                        "ok", WHO, NONE, "the role, a blank, the permission" },
	[AUDIT_ROLE_FORBID] = { "role.forbid", "with role.change: a role no longer permits something", "ok", WHO, NONE,
	                        "the role, a blank, the permission" },
	[AUDIT_ROLE_REMOVE] = { "role.remove", "a role was removed", "ok", WHO, NONE, "the role" },
	[AUDIT_ROLE_GRANT] = { "role.grant", "a user was given a role", "ok", WHO, HIM, "the role" },
	[AUDIT_ROLE_REVOKE] = { "role.revoke", "a role was taken from a user", "ok", WHO, HIM, "the role" },
	[AUDIT_KEY_CREATE] = { "key.create", "a signing key was made that signs at once", "ok", WHO, NONE, "the kid" },
	[AUDIT_KEY_ROTATE] = { "key.rotate", "a signing key was made that takes over from the one before", "ok", WHO, NONE,
	                       "the kid" },
	[AUDIT_KEY_RETIRE] = { "key.retire",
	                       "a signing key was taken out of use: by somebody, or by itself when all that it signed is "
	                       "over",
	                       "ok", WHO, NONE, "the kid" },
	[AUDIT_KEY_RESEAL] = { "key.reseal", "the signing keys and the audit's secret were sealed under a new key file",
	                       "ok", WHO, NONE, "how many signing keys" },
};

void
audit_events_print(FILE *out)
{
	(void)fputs("| event | tells that | outcome | actor | subject | target |\n| --- | --- | --- | --- | --- | --- |\n",
	            out);
	for (size_t i = 0; i < AUDIT_EVENTS; i++) {
		const struct audit_event_row *row = &audit_events[i];
		(void)fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", row->name, row->tells, row->outcomes, row->actor,
		              row->subject, row->target);
	}
}
