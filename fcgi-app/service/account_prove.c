/* account_prove.c: passwords tried: at a log-in, of somebody or of nobody, and by who has a session. */
#include <string.h>

#include "auth/password.h"
#include "service/account.h"
#include "service/device.h"

/* A refusal that cannot be written down is none: then nobody is told what came of it. It is written when the hash lane is
 * free again. */
static enum err
note_refusal(struct app *app, const struct guesser *who, enum err outcome)
{
	const struct uuid *user = who->user != NULL ? &who->user->id : NULL;
	const struct audit_entry entry = { .event = who->session != NULL ? AUDIT_CONFIRM : AUDIT_LOGIN,
		                               .refused = true,
		                               .actor = who->session != NULL ? user : NULL,
		                               .subject = user,
		                               .session = who->session,
		                               .target = outcome == ERR_DISABLED ? STR("disabled") : (struct str){ 0 } };
	const bool refused = outcome == ERR_CREDENTIALS || (outcome == ERR_DISABLED && who->session == NULL);
	const enum err err = refused ? audit_write_alone(app, &entry) : OK;

	return err == OK ? outcome : err;
}

static enum err
try_password(struct app *app, const struct guesser *who, struct str password, struct reason *why)
{
	const struct user *user = who->user;
	struct guess guess;
	enum err err = guess_begin(app, who, &guess, why);

	if (err != OK)
		return err;
	err = password_verify(&app->hasher, user->password_hash, password);
	if (err == OK && strcmp(user->status, "active") != 0)
		err = ERR_DISABLED;
	return note_refusal(app, who, guess_end(app, &guess, err));
}

enum err
account_prove(struct app *app, const struct user *user, struct str password, const struct proof_from *from,
              struct reason *why)
{
	struct guesser who = { .user = user, .from = from->address };
	struct uuid device;
	bool known;
	const enum err err = device_look(app, from->device, user, &known, &device);

	if (err == OK && known)
		who.device = &device;
	return err == OK ? try_password(app, &who, password, why) : err;
}

enum err
account_prove_nobody(struct app *app, struct str name, struct str password, const struct proof_from *from,
                     struct reason *why)
{
	const struct guesser who = { .name = name, .from = from->address };
	struct guess guess;
	const enum err err = guess_begin(app, &who, &guess, why);

	if (err != OK)
		return err;
	return note_refusal(app, &who, guess_end(app, &guess, password_verify_nobody(&app->hasher, password)));
}

enum err
account_confirm(struct app *app, const struct user *user, struct str current, const struct uuid *session,
                struct reason *why)
{
	const struct guesser who = { .user = user, .session = session };
	const enum err err = password_busy(&app->hasher) ? ERR_BUSY : try_password(app, &who, current, why);

	/* Disabled since his session was looked at: what follows finds that, too. */
	if (err == ERR_DISABLED)
		return OK;
	return err == ERR_CREDENTIALS ? account_not_current(why) : err;
}

enum err
account_not_current(struct reason *why)
{
	return reason_field(why, "current_password", "incorrect", "is not the current password");
}
