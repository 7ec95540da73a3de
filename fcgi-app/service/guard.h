/*
 * guard.h: what a page of a guarded site requires, and whether somebody meets it.
 */
#ifndef LATCH_SERVICE_GUARD_H
#define LATCH_SERVICE_GUARD_H

#include "service/app.h"
#include "service/principal.h"

/* What the web server asks about. */
struct guarded {
	struct str require; /* as the web server's configuration says it; absent: the rules do */
	struct str target;  /* of the request, as the client sent it; absent: not said */
	struct str method;
};

/* What that requires (core/rules.h); without rules and a word of the web server's, "user". `rule_out` is the rule that says so,
 * or NULL. ERR_FORBIDDEN, with `why`: "nobody"; or no rule fits, or none can be told; or what is required is no requirement, which
 * goes into the log too. */
enum err guard_requirement(const struct app *app, const struct guarded *asked, struct str *require_out,
                           const struct rule_line **rule_out, struct reason *why) MUST_USE;

bool guard_lets_anybody_in(struct str require);

/* Whether this person meets it. ERR_FORBIDDEN: not. */
enum err guard_admits(struct str require, const struct principal *who) MUST_USE;

#endif
