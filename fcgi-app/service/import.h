/*
 * import.h: users who are brought along from elsewhere, or from another installation: what `latchctl user import` does.
 *
 * A batch is a transaction. What is there already is never changed: neither a password nor a role nor anything else, so that an
 * import can be run again, or beside another.
 */
#ifndef LATCH_SERVICE_IMPORT_H
#define LATCH_SERVICE_IMPORT_H

#include "db/users.h"
#include "service/app.h"

/* One line as it came; absent where it says nothing. `roles` may be absent. */
struct import_line {
	struct str id, email, username, name, phone_number, status, password_hash, created_at, last_login_at;
	struct maybe_bool email_verified;
	struct strs roles;
};

enum import_outcome {
	IMPORT_ADDED,
	IMPORT_EXISTS,  /* the e-mail address has an account: nothing was done */
	IMPORT_REFUSED, /* `field` and `detail` say why */
};

struct import_row {
	struct user user;
	uint64_t line;
	bool has_id;    /* the line named it */
	bool committed; /* for import_write alone */
	enum import_outcome outcome;
	const char *field;  /* of IMPORT_REFUSED; of IMPORT_EXISTS the first that is not as in the line, NULL: all are */
	const char *detail; /* of IMPORT_REFUSED, to go on behind the field's name */
};

struct import_batch {
	struct import_row rows[BULK_ROWS_MAX];
	size_t n;
	bool dry_run;     /* all is done, and rolled back */
	bool allow_roles; /* also those with built-in permissions */
	bool again;  /* it is not known whether it was committed: a row with the id that it was given here is there by it */
	bool singly; /* the batch before had users that were there already: to be tried row by row at once */
};

enum { IMPORT_ROLES_MAX = 128 };

/* Makes a row of a line whose fields are valid each for itself. ERR_FIELDS: why tells what is wrong with it as a whole. */
enum err import_read(const struct import_line *line, struct import_row *out, struct reason *why) MUST_USE;

/* Adds the batch's users, and sets each row's outcome. ERR_DB: nothing was done, or it is not known whether (a COMMIT without an
 * answer): to be called with
 * `again`; ERR_INTERNAL. */
enum err import_write(struct app *app, struct import_batch *batch) MUST_USE;

#endif
