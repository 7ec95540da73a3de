#include "service/throttle_rules.h"

#define SECONDS(n) (UINT64_C(1000) * (n))

enum { REFRESH_UNIT = 16, DOUBLINGS_MAX = 30 };

#define TRY_AGAIN "Try again after as many seconds as Retry-After says"

static const char wrong_passwords[] =
	"Too many wrong passwords. " TRY_AGAIN
	"; each further one doubles the wait. A browser that has signed in to this account before need not wait.";
static const char no_more[] =
	"Too many wrong passwords in a row. Sign in with a browser that has signed in to this account before, or have its "
	"password set anew.";

/* Each wrong password after the first few doubles the wait, and after a hundred in a row none is looked at. */
/* clang-format off */
#define GUESSING(...) \
	{ \
		.unit = 1, .most = 100, .first_ms = SECONDS(1), .longest_ms = SECONDS(900), __VA_ARGS__ \
	}
/* clang-format on */

/* An account's and an unknown name's must be the same in all that can be seen within a day. After that they differ: a table
 * of names that nobody has must not grow for ever, and an account's hundred must not begin anew. */
static const struct throttle_rule rules[THROTTLE__COUNT] = {
	[THROTTLE_ACCOUNT] =
		GUESSING(.name = "account", .detail = wrong_passwords, .last = no_more, .free = 5, .lasting = true),
	[THROTTLE_UNKNOWN] =
		GUESSING(.name = "unknown", .detail = wrong_passwords, .last = no_more, .free = 5, .forget_ms = SECONDS(86400)),
	[THROTTLE_DEVICE] =
		GUESSING(.name = "device",
	             .detail = "Too many wrong passwords. " TRY_AGAIN "; each further one doubles the wait.",
	             .last = "Too many wrong passwords in a row. Have the password of this account set anew.", .free = 10,
	             .lasting = true),
	[THROTTLE_SESSION] = GUESSING(.name = "session",
	                              .detail = "Too many wrong passwords in this session. " TRY_AGAIN
	                                        "; each further one doubles the wait.",
	                              .last = "Too many wrong passwords in this session. Sign in anew.", .free = 5,
	                              .forget_ms = SECONDS(86400)),
	[THROTTLE_ADDRESS] = { .name = "address",
	                       .detail = "Too many wrong passwords from this address. " TRY_AGAIN ".",
	                       .unit = 1,
	                       .first_ms = SECONDS(1),
	                       .longest_ms = SECONDS(300),
	                       .forgive_ms = SECONDS(30) },
	[THROTTLE_REGISTER] = { .name = "register",
	                        .detail = "Too many accounts are made from this address. " TRY_AGAIN ".",
	                        .unit = 1,
	                        .longest_ms = SECONDS(3600) },
	[THROTTLE_REFRESH] = { .name = "refresh",
	                       .detail = "Too many refreshes come from this address. " TRY_AGAIN ".",
	                       .longest_ms = SECONDS(60) },
};

static uint32_t
smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Of `per` in `period_ms`: all at once, and then one for each that is forgiven. */
static void
make_rate(struct throttle_rule *rule, uint32_t per, uint64_t period_ms)
{
	rule->off = per == 0;
	rule->free = per;
	rule->forgive_ms = per == 0 || per > period_ms ? 1 : period_ms / per;
}

struct throttle_rule
throttle_rule(const struct config *config, enum throttle_kind kind)
{
	struct throttle_rule rule = rules[kind];

	if (kind == THROTTLE_ADDRESS) {
		rule.free = config->login_address_free;
		rule.off = rule.free == 0;
	} else if (kind == THROTTLE_REGISTER) {
		make_rate(&rule, config->register_per_hour, SECONDS(3600));
	} else if (kind == THROTTLE_REFRESH) {
		make_rate(&rule, config->refresh_per_minute, SECONDS(60));
		/* A small part of the whole: what a worker has paid for and does not use is lost. */
		rule.unit = smaller(REFRESH_UNIT, 1 + rule.free / REFRESH_UNIT);
	}
	return rule;
}

/* After so many failures. */
static uint64_t
delay_ms(const struct throttle_rule *rule, uint32_t failures)
{
	uint64_t ms;

	if (rule->first_ms == 0) {
		const uint64_t wanted = (uint64_t)failures + rule->unit;
		ms = wanted <= rule->free ? 0 : (wanted - rule->free) * rule->forgive_ms;
	} else {
		const uint32_t over = failures > rule->free ? failures - rule->free : 0;
		ms = over == 0 ? 0 : rule->first_ms << smaller(over - 1, DOUBLINGS_MAX);
	}
	return ms < rule->longest_ms ? ms : rule->longest_ms;
}

/* None where the clock went back since. */
static uint64_t
age_ms(const struct throttle_row *row)
{
	return row->now.ms > row->updated_at.ms ? (uint64_t)(row->now.ms - row->updated_at.ms) : 0;
}

uint32_t
throttle_counted(const struct throttle_rule *rule, const struct throttle_row *row)
{
	const uint64_t age = age_ms(row), forgiven = rule->forgive_ms != 0 ? age / rule->forgive_ms : 0;

	if ((rule->forget_ms != 0 && age >= rule->forget_ms) || forgiven >= row->failures)
		return 0;
	return row->failures - (uint32_t)forgiven;
}

bool
throttle_ended(const struct throttle_rule *rule, const struct throttle_row *row)
{
	return rule->most != 0 && throttle_counted(rule, row) >= rule->most;
}

uint64_t
throttle_wait_ms(const struct throttle_rule *rule, const struct throttle_row *row)
{
	const uint64_t longest = delay_ms(rule, row->failures);

	if (throttle_ended(rule, row))
		return rule->longest_ms;
	if (row->retry_at.ms <= row->now.ms || throttle_counted(rule, row) == 0)
		return 0;
	const uint64_t wait = (uint64_t)(row->retry_at.ms - row->now.ms);
	if (wait > longest + THROTTLE_SKEW_MS)
		return 0;
	return wait < longest ? wait : longest;
}

struct throttle_change
throttle_next(const struct throttle_rule *rule, const struct throttle_row *row)
{
	const uint32_t counted = row != NULL ? throttle_counted(rule, row) : 0;
	const uint32_t failures = counted > UINT32_MAX - rule->unit ? UINT32_MAX : counted + rule->unit;
	struct throttle_change next = { .failures = failures, .delay_ms = delay_ms(rule, failures) };

	/* What has passed of the time after which the next one is forgiven goes on: who fails just before would else be forgiven
	 * nothing. */
	if (counted > 0 && rule->forgive_ms != 0)
		next.age_ms = age_ms(row) % rule->forgive_ms;
	return next;
}
