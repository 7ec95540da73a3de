/*
 * audit SECONDS WRITERS CHAINS CONFIG: lines of the audit, each a transaction of its own, by so many processes that write to so
 * many chains; prints lines a second in all. It writes to the database of that configuration.
 */
#include <unistd.h>

#include "rates.h"
#include "service/app.h"

static struct app app;

static int
begin(unsigned i, char **argv)
{
	if (!app_open(&app, argv[4], environ, APP_COMMAND, stderr))
		return -1;
	app.audit.chain = i % number(argv[3]);
	app.acting =
		(struct acting){ .request = true, .client = { STR("192.0.2.7"), STR("Mozilla/5.0 (X11; Linux x86_64)") } };
	return db_begin_request(app.db) != OK;
}

static int
once(void)
{
	const struct audit_entry entry = { .event = AUDIT_LOGIN, .refused = true };

	return db_begin_request(app.db) != OK || audit_write_alone(&app, &entry) != OK;
}

int
main(int argc, char **argv)
{
	const struct work work = { begin, once, argv };

	return argc == 5 ? print_rate(&work, number(argv[2]), number(argv[1])) : 2;
}
