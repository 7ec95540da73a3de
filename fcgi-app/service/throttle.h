/*
 * throttle.h: who guesses gets slower and slower, and no further.
 *
 * What is counted lies in the database (db/throttles.h), whose clock decides, so all nodes agree. The rules are in
 * throttle_rules.h. A row's subject is HMAC-SHA256, cut to 128 bits, of kind and name under a key derived from the key file:
 * who has the database learns neither a name nor an address from it.
 *
 * Between guess_begin and guess_end lies the hash. Where something has been counted before, the attempt is charged in
 * guess_begin, by one conditional UPDATE, and taken back where it was no failure: parallel guesses cannot slip through
 * between check and count. Where nothing has been, guess_begin only reads, and guess_end writes only after a failure: so a
 * log-in without failures before it costs one SELECT and no write. As many guesses as there are hash lanes and places in
 * their queue may then begin at once; all of them are counted.
 */
#ifndef LATCH_SERVICE_THROTTLE_H
#define LATCH_SERVICE_THROTTLE_H

#include "auth/jws.h"
#include "auth/seal.h"
#include "core/address.h"
#include "db/users.h"
#include "service/throttle_rules.h"

struct app;

enum { PREPAID_MAX = 256 };

struct throttle {
	struct jws_key *key; /* HS256 */
	/* Refreshes that an address has been charged for and has not asked for yet, in this worker. */
	struct prepaid {
		struct throttle_subject subject;
		uint32_t left;
		uint64_t until_us;
	} prepaid[PREPAID_MAX];
};

/* ERR_INTERNAL: out of memory. */
enum err throttle_open(struct throttle *throttle, const struct master_key *master) MUST_USE;
void throttle_close(struct throttle *throttle);

/* ---- Passwords --------------------------------------------------------------------------------------------------- */

/* Who tries a password. */
struct guesser {
	const struct user *user;    /* NULL: nobody has the name */
	struct str name;            /* that name, of at most 254 code points */
	const struct uuid *device;  /* one that was used for this user's account before; NULL: it was not */
	const struct uuid *session; /* of this user's, in which he is asked for his password once more; NULL: he logs in */
	const struct address *from; /* NULL: not known, and so not limited */
};

struct guess {
	size_t n;
	struct counter {
		enum throttle_kind kind;
		struct throttle_subject subject;
		bool found;   /* it has a row */
		bool counted; /* in which something still counts: so it is charged before the hash */
		bool charged;
	} counters[2];
	/* Whose right password ends what strangers have been counted for. */
	struct throttle_subject account;
	bool account_found;
};

/* ERR_SLOW_DOWN: it must not be tried now; *why tells when, and nothing was counted. ERR_BUSY: too many at once. A device's
 * attempts, and a session's, count for that alone; anybody else's for the account, or the name, and for the address. */
enum err guess_begin(struct app *app, const struct guesser *who, struct guess *out, struct reason *why) MUST_USE;

/* Counts what came of it, and returns that: ERR_CREDENTIALS is a failure, OK and ERR_DISABLED a right password, which ends
 * the account's count (and the device's or session's, but not the address's: who guesses has an account of his own too); anything else
 * counts for nothing. Or an error, ERR_DB or ERR_BUSY: then the caller must not tell what came of it. */
enum err guess_end(struct app *app, struct guess *guess, enum err outcome) MUST_USE;

/* What an account's row says; failures 0 where there is none. */
struct account_throttle {
	struct throttle_subject subject;
	uint32_t failures;
	uint64_t wait_ms; /* for whom no known device speaks */
	bool ended;       /* waiting does not help */
	struct timestamp retry_at;
};
enum err throttle_of_account(struct app *app, const struct uuid *user, struct account_throttle *out) MUST_USE;
/* For throttles_delete, in a transaction. */
enum err throttle_account_subject(const struct app *app, const struct uuid *user,
                                  struct throttle_subject *out) MUST_USE;

/* ---- Other requests ---------------------------------------------------------------------------------------------- */

/* Each counts one, and is ERR_SLOW_DOWN where the address has had its share. `from` as above. */
enum err throttle_register(struct app *app, const struct address *from, struct reason *why) MUST_USE;
/* In batches: most calls cost no statement. */
enum err throttle_refresh(struct app *app, const struct address *from, struct reason *why) MUST_USE;

#endif
