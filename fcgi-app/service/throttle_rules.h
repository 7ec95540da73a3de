/*
 * throttle_rules.h: how long who failed has to wait: the table of rules, and their arithmetic. Nothing here asks a database
 * or a clock.
 */
#ifndef LATCH_SERVICE_THROTTLE_RULES_H
#define LATCH_SERVICE_THROTTLE_RULES_H

#include "core/config.h"
#include "db/throttles.h"

enum throttle_kind {
	THROTTLE_ACCOUNT,  /* wrong passwords for an account, whichever of its names was used */
	THROTTLE_UNKNOWN,  /* for a name that nobody has: as with an account, so that it cannot be told from one */
	THROTTLE_DEVICE,   /* from a device that was used for the account before, and so does not count for that */
	THROTTLE_SESSION,  /* as the current password, in a session of the account: does not count for that either */
	THROTTLE_ADDRESS,  /* from an address, for whatever account */
	THROTTLE_REGISTER, /* accounts that an address asks for */
	THROTTLE_REFRESH,  /* refreshes that it asks for */
	THROTTLE__COUNT
};

struct throttle_rule {
	const char *name;   /* of the kind, in what a subject is made of: never change one */
	const char *detail; /* what to tell who has to wait */
	const char *last;   /* and who has to do something else */
	bool off;
	uint32_t unit; /* what one charge counts for */
	uint32_t free; /* so many make nobody wait; the next waits first_ms, and each after it twice as long */
	uint32_t most; /* at so many waiting does not help any more; 0: it always does */
	uint64_t first_ms, longest_ms;
	uint64_t forgive_ms; /* one is forgiven each; 0: none. With first_ms 0: who is over `free` waits until enough are */
	uint64_t forget_ms;  /* all are, so long after the last; 0: never */
	bool lasting;        /* what the row says to the clean-up */
};

struct throttle_rule throttle_rule(const struct config *config, enum throttle_kind kind);

/* The failures that still count at row->now. */
uint32_t throttle_counted(const struct throttle_rule *rule, const struct throttle_row *row);

/* How long to wait, in milliseconds; 0: not at all. More than the rule and clocks of several nodes can have given is of a
 * clock that went back, and is not waited for. */
enum { THROTTLE_SKEW_MS = 60 * 1000 };
uint64_t throttle_wait_ms(const struct throttle_rule *rule, const struct throttle_row *row);

/* Whether it is at the rule's `most`. */
bool throttle_ended(const struct throttle_rule *rule, const struct throttle_row *row);

/* What the row becomes with one charge more. NULL: there is none yet. */
struct throttle_change throttle_next(const struct throttle_rule *rule, const struct throttle_row *row);

#endif
