/* metrics_table.c: every metric that there is. */
#include "core/metrics.h"

const char *const metrics_class_names[METRICS_CLASSES] = { "2xx", "3xx", "4xx", "5xx" };

/* clang-format off */
#define VALUES(...) \
	.values = (const struct metric_value[]){ __VA_ARGS__ }, \
	.n = sizeof((const struct metric_value[]){ __VA_ARGS__ }) / sizeof(struct metric_value)
/* clang-format on */

const struct metric metrics[] = {
	{ .name = "latch_http_requests_total",
	  .kind = METRIC_REQUESTS,
	  .help = "Requests that were answered, by the route table's path (other: no route) and method, and by status. Of "
	          "routes that have been asked." },
	{ .name = "latch_http_request_duration_seconds",
	  .kind = METRIC_DURATIONS,
	  .help = "How long they took in a worker, from when the request was there to when its answer was. Of routes that "
	          "have been asked." },
	{ .name = "latch_logins_total",
	  .kind = METRIC_COUNTER,
	  .label = "outcome",
	  VALUES({ "ok", COUNT_LOGIN_OK }, { "wrong", COUNT_LOGIN_WRONG }, { "slowed_down", COUNT_LOGIN_SLOWED_DOWN },
	         { "disabled", COUNT_LOGIN_DISABLED }, { "busy", COUNT_LOGIN_BUSY }, { "error", COUNT_LOGIN_ERROR }),
	  .help = "Log-ins that were tried. wrong: nobody, or another password; slowed_down: too many wrong ones before; "
	          "busy: all hash lanes taken; error: mostly the database." },
	{ .name = "latch_refreshes_total",
	  .kind = METRIC_COUNTER,
	  .label = "outcome",
	  VALUES({ "ok", COUNT_REFRESH_OK }, { "replay", COUNT_REFRESH_REPLAY }, { "refused", COUNT_REFRESH_REFUSED },
	         { "slowed_down", COUNT_REFRESH_SLOWED_DOWN }, { "error", COUNT_REFRESH_ERROR }),
	  .help = "Refresh tokens that were sent. replay: an old one, whose session was ended for it; refused: no good, or "
	          "of a session that had ended." },
	{ .name = "latch_hash_lanes",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_LANES }),
	  .help = "Password hashes that may be worked on at once." },
	{ .name = "latch_hash_lanes_in_use",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_LANES_IN_USE }),
	  .help = "Password hashes that are being worked on." },
	{ .name = "latch_hash_lanes_waiting",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_LANES_WAITING }),
	  .help = "Requests that wait for a lane." },
	{ .name = "latch_hashes_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_HASHES }),
	  .help = "Password hashes that got a lane." },
	{ .name = "latch_hash_refused_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_HASH_REFUSED }),
	  .help = "Password hashes that got none: answered with 503." },
	{ .name = "latch_hash_wait_seconds_total",
	  .kind = METRIC_COUNTER,
	  .us = true,
	  VALUES({ NULL, COUNT_HASH_WAIT_US }),
	  .help = "Time that was waited for lanes." },
	{ .name = "latch_outbound_lanes",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_OUTBOUND_LANES }),
	  .help = "Workers that may ask other servers (identity providers) at once." },
	{ .name = "latch_outbound_lanes_in_use",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_OUTBOUND_IN_USE }),
	  .help = "Workers that are asking other servers." },
	{ .name = "latch_outbound_lanes_waiting",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_OUTBOUND_WAITING }),
	  .help = "Requests that wait for such a lane." },
	{ .name = "latch_outbound_turns_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_OUTBOUND_TURNS }),
	  .help = "Requests that got such a lane." },
	{ .name = "latch_outbound_refused_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_OUTBOUND_REFUSED }),
	  .help = "Requests that got none: answered with 503." },
	{ .name = "latch_outbound_wait_seconds_total",
	  .kind = METRIC_COUNTER,
	  .us = true,
	  VALUES({ NULL, COUNT_OUTBOUND_WAIT_US }),
	  .help = "Time that was waited for such lanes." },
	{ .name = "latch_outbound_calls_total",
	  .kind = METRIC_COUNTER,
	  .label = "result",
	  VALUES({ "ok", COUNT_OUTBOUND_OK }, { "no_url", COUNT_OUTBOUND_NO_URL },
	         { "unreachable", COUNT_OUTBOUND_UNREACHABLE }, { "forbidden", COUNT_OUTBOUND_FORBIDDEN },
	         { "not_trusted", COUNT_OUTBOUND_NOT_TRUSTED }, { "timeout", COUNT_OUTBOUND_TIMEOUT },
	         { "too_large", COUNT_OUTBOUND_TOO_LARGE }, { "broken", COUNT_OUTBOUND_BROKEN },
	         { "no_program", COUNT_OUTBOUND_NO_PROGRAM }),
	  .help = "What other servers were asked. ok: there was an answer, of any status; no_url: nothing that may be "
	          "asked; forbidden: a private address; not_trusted: its certificate; broken: no HTTP, or it broke off; "
	          "no_program: latch-outbound did not run." },
	{ .name = "latch_database_up",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_DB_UP }),
	  .help = "1: this answer could ask the database; 0: not." },
	{ .name = "latch_database_errors_total",
	  .kind = METRIC_COUNTER,
	  .label = "kind",
	  VALUES({ "connect", COUNT_DB_CONNECT_FAILED }, { "lost", COUNT_DB_LOST }, { "locked", COUNT_DB_LOCKED },
	         { "timeout", COUNT_DB_TIMEOUT }, { "other", COUNT_DB_OTHER }),
	  .help = "Failures of the database. connect: no connection; lost: it broke; locked: a deadlock, or a row that "
	          "another held; timeout: a statement took too long." },
	{ .name = "latch_database_connections_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_DB_CONNECTED }),
	  .help = "Connections that were made to the database: one a worker, and one more for each that was lost." },
	{ .name = "latch_token_cache_lookups_total",
	  .kind = METRIC_COUNTER,
	  .label = "result",
	  VALUES({ "hit", COUNT_TOKEN_HIT }, { "miss", COUNT_TOKEN_MISS }),
	  .help =
	      "Access tokens that were looked up among those verified lately; a miss costs the signature's verification." },
	{ .name = "latch_verify_memory_lookups_total",
	  .kind = METRIC_COUNTER,
	  .label = "result",
	  VALUES({ "hit", COUNT_VERIFY_HIT }, { "miss", COUNT_VERIFY_MISS }),
	  .help =
	      "Credentials that GET /auth/verify looked up among those proved lately; a miss costs asking the database." },
	{ .name = "latch_guard_decisions_total",
	  .kind = METRIC_COUNTER,
	  .label = "outcome",
	  VALUES({ "let_in", COUNT_GUARD_LET_IN }, { "unknown", COUNT_GUARD_UNKNOWN }, { "refused", COUNT_GUARD_REFUSED },
	         { "error", COUNT_GUARD_ERROR }),
	  .help =
	      "Requests for guarded pages that were decided. unknown: nobody was signed in; refused: somebody who lacks "
	      "what the page requires; error: mostly the database." },
	{ .name = "latch_sessions_live",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_SESSIONS }),
	  .help =
	      "Sessions that are good; counted at most once a minute, and absent where that cannot be done in a second." },
	{ .name = "latch_cleanup_rows_removed_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_CLEANED_UP }),
	  .help = "Old rows that workers removed (not those that latchctl gc did)." },
	{ .name = "latch_signing_keys",
	  .kind = METRIC_GAUGE,
	  .label = "state",
	  VALUES({ "next", GAUGE_KEYS_NEXT }, { "signing", GAUGE_KEYS_SIGNING }, { "verifying", GAUGE_KEYS_VERIFYING },
	         { "unusable", GAUGE_KEYS_UNUSABLE }),
	  .help = "Signing keys that are live, as latchctl keys list has them. unusable: not made with this key file." },
	{ .name = "latch_schema_version",
	  .kind = METRIC_GAUGE,
	  .label = "of",
	  VALUES({ "program", GAUGE_SCHEMA_PROGRAM }, { "database", GAUGE_SCHEMA_DATABASE }),
	  .help = "The schema that this program was made for, and the database's." },
	{ .name = "latch_build_info",
	  .kind = METRIC_GAUGE,
	  .label = "version",
	  VALUES({ LATCH_VERSION, GAUGE_BUILD }),
	  .help = "Always 1." },
	{ .name = "latch_worker_starts_total",
	  .kind = METRIC_COUNTER,
	  VALUES({ NULL, COUNT_STARTS }),
	  .help = "Workers that were started." },
	{ .name = "latch_counters_shared",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_SHARED }),
	  .help = "1: the counters are those of all workers; 0: of the one that answered, for it could not have the shared "
	          "memory." },
	{ .name = "latch_counters_start_time_seconds",
	  .kind = METRIC_GAUGE,
	  VALUES({ NULL, GAUGE_SINCE_S }),
	  .help = "Since when they count, in seconds since 1970. They outlive the workers, and begin anew with the machine "
	          "and with a program that counts something else." },
};

const size_t metrics_n = COUNT(metrics);

const char *
metric_type(enum metric_kind kind)
{
	switch (kind) {
	case METRIC_COUNTER:
	case METRIC_REQUESTS:
		return "counter";
	case METRIC_DURATIONS:
		return "histogram";
	case METRIC_GAUGE:
		break;
	}
	return "gauge";
}

const char *
metric_labels(const struct metric *metric)
{
	if (metric->kind == METRIC_REQUESTS)
		return "method, route, status";
	if (metric->kind == METRIC_DURATIONS)
		return "method, route, le";
	return metric->label != NULL ? metric->label : "";
}

void
metrics_list(FILE *out)
{
	(void)fputs("| metric | type | labels | |\n| --- | --- | --- | --- |\n", out);
	for (size_t i = 0; i < metrics_n; i++)
		(void)fprintf(out, "| %s | %s | %s | %s |\n", metrics[i].name, metric_type(metrics[i].kind),
		              metric_labels(&metrics[i]), metrics[i].help);
}
