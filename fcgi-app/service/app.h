/*
 * app.h: everything that a request or a command needs besides itself. Made once at boot, passed in everywhere; there are
 * no other globals.
 */
#ifndef LATCH_SERVICE_APP_H
#define LATCH_SERVICE_APP_H

#include <stdio.h>

#include "auth/common_passwords.h"
#include "auth/keyring.h"
#include "auth/password.h"
#include "auth/seal.h"
#include "auth/ticket.h"
#include "auth/token.h"
#include "core/config.h"
#include "core/lanes.h"
#include "core/rules.h"
#include "db/db.h"
#include "service/audit.h"
#include "service/memory.h"
#include "service/throttle.h"

/* When sessions that ended were last read about (service/principal.c). */
struct feed {
	int64_t read_ms;        /* by the monotonic clock; 0: never */
	int64_t pause_until_ms; /* after a failure: not before */
	int64_t server_ms;      /* by the database's clock */
};

struct app {
	struct config config;
	struct db *db;
	struct master_key master;
	struct common_passwords common;
	struct rules rules; /* of the pages that are guarded; none where there is no rules_file */
	struct lanes lanes, outbound_lanes;
	struct hasher hasher;
	struct keyring keyring;
	struct tokens tokens;
	struct tickets tickets;
	struct memory memory;
	struct feed feed;
	struct throttle throttle;
	struct audit audit;
	struct acting acting;
	uint64_t keys_read_us;    /* when the keyring was last read; 0: never */
	size_t keys_unusable;     /* live keys that do not open with this key file */
	bool keys_untended;       /* their rows could not be written when they were last read */
	uint64_t keys_unknown_us; /* when it was last read because of a token of an unknown key */
};

/* As a worker: with hash lanes and outbound lanes. For one request: the same, and what a worker does at its start for later is left out (checking
 * the list of passwords and the cryptography, preparing statements). As a person at the command line: without. As the one who migrates: with the database
 * owner's password too. */
enum app_role { APP_WORKER, APP_REQUEST, APP_COMMAND, APP_OWNER };

/* Loads the config and opens all that needs no database. False when anything is wrong: every complaint has then been
 * written to `complaints`, a line each. app_close in either case. */
bool app_open(struct app *app, const char *config_file, char *const *environment, enum app_role role,
              FILE *complaints) MUST_USE;
void app_close(struct app *app);

#endif
