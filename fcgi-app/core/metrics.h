/*
 * metrics.h: what is counted, of all workers together.
 *
 * The counters lie in a System V shared memory segment that all workers of one installation share. Its key is made of the key
 * file and of what is counted, so a program that counts something else has a segment of its own. It outlives the workers, as
 * their semaphores do (core/lanes.h): a pool that is restarted goes on counting. ipcs -m shows it, ipcrm -m removes it.
 *
 * To count is an atomic addition, in one of several copies that workers take in turn, so that they do not pull a cache line to
 * and fro; a reader adds the copies up. Nothing that lasts is counted up and down: a worker that is killed leaves nothing behind. What
 * has not been opened (latchctl, a unit test) counts nothing.
 *
 * As with the log, every module may count and none but GET /metrics reads; so this is no member of struct app.
 */
#ifndef LATCH_CORE_METRICS_H
#define LATCH_CORE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/attr.h"

/* ---- Counting ---------------------------------------------------------------------------------------------------- */

enum count {
	COUNT_LOGIN_OK,
	COUNT_LOGIN_WRONG,
	COUNT_LOGIN_SLOWED_DOWN,
	COUNT_LOGIN_DISABLED,
	COUNT_LOGIN_BUSY,
	COUNT_LOGIN_ERROR,
	COUNT_REFRESH_OK,
	COUNT_REFRESH_REPLAY,
	COUNT_REFRESH_REFUSED,
	COUNT_REFRESH_SLOWED_DOWN,
	COUNT_REFRESH_ERROR,
	COUNT_HASHES,
	COUNT_HASH_REFUSED,
	COUNT_HASH_WAIT_US,
	COUNT_DB_CONNECT_FAILED,
	COUNT_DB_LOST,
	COUNT_DB_LOCKED,
	COUNT_DB_TIMEOUT,
	COUNT_DB_OTHER,
	COUNT_DB_CONNECTED,
	COUNT_TOKEN_HIT,
	COUNT_TOKEN_MISS,
	COUNT_VERIFY_HIT,
	COUNT_VERIFY_MISS,
	COUNT_GUARD_LET_IN,
	COUNT_GUARD_UNKNOWN,
	COUNT_GUARD_REFUSED,
	COUNT_GUARD_ERROR,
	COUNT_CLEANED_UP,
	COUNT_STARTS,
	COUNT_OUTBOUND_TURNS,
	COUNT_OUTBOUND_REFUSED,
	COUNT_OUTBOUND_WAIT_US,
	COUNT_OUTBOUND_OK, /* from here on as enum outbound_result */
	COUNT_OUTBOUND_NO_URL,
	COUNT_OUTBOUND_UNREACHABLE,
	COUNT_OUTBOUND_FORBIDDEN,
	COUNT_OUTBOUND_NOT_TRUSTED,
	COUNT_OUTBOUND_TIMEOUT,
	COUNT_OUTBOUND_TOO_LARGE,
	COUNT_OUTBOUND_BROKEN,
	COUNT_OUTBOUND_NO_PROGRAM,
	COUNTS
};

/* Takes the installation's segment; counts one start. `routes`: how many kinds of requests there are; `layout`: a hash of what
 * they are, in their order. Where the segment cannot be had, for it is somebody else's or the kernel refuses, the log says so
 * and this worker counts for itself. A process of one request does the same, but counts as no start, and says nothing: it would
 * with each. */
enum metrics_of { METRICS_OF_A_WORKER, METRICS_OF_ONE_REQUEST };
void metrics_open(const char *key_path, size_t routes, uint32_t layout, enum metrics_of who);
void metrics_close(void);

void metrics_add(enum count what, uint64_t n);
/* One request: of a kind below `routes`, answered with this status after so long. */
void metrics_request(size_t route, unsigned status, uint64_t us);

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

enum { METRICS_CLASSES = 4, METRICS_BUCKETS = 16 };
/* "2xx" to "5xx". */
extern const char *const metrics_class_names[METRICS_CLASSES];
/* Upper bounds in seconds, as text: the last is "+Inf". */
extern const char *const metrics_bucket_names[METRICS_BUCKETS];

struct route_counts {
	uint64_t n;                        /* all of them */
	uint64_t classes[METRICS_CLASSES]; /* by status */
	uint64_t buckets[METRICS_BUCKETS]; /* by duration; each without the one before */
	uint64_t sum_us;
};

uint64_t metrics_count(enum count what);
/* Its parts agree with each other: n is the sum of the classes, and that of the buckets. */
void metrics_route(size_t route, struct route_counts *out);
/* Whether this worker counts together with the others. */
bool metrics_shared(void);
/* When counting began; 0: nothing is counted. */
int64_t metrics_since_s(void);

/* A number that is costly to have, and that all workers share. True: nobody has asked for so long, and the caller is the one who is
 * to find it out now. */
bool metrics_sample_due(uint32_t every_s) MUST_USE;
void metrics_sample_put(uint32_t value);
/* False: there is none that is younger than that. */
bool metrics_sample(uint32_t max_age_s, uint32_t *out) MUST_USE;

/* ---- What there is ------------------------------------------------------------------------------------------------ */

/* What is looked at rather than counted. */
enum gauge {
	GAUGE_LANES,
	GAUGE_LANES_IN_USE,
	GAUGE_LANES_WAITING,
	GAUGE_OUTBOUND_LANES,
	GAUGE_OUTBOUND_IN_USE,
	GAUGE_OUTBOUND_WAITING,
	GAUGE_DB_UP,
	GAUGE_SESSIONS,
	GAUGE_KEYS_NEXT,
	GAUGE_KEYS_SIGNING,
	GAUGE_KEYS_VERIFYING,
	GAUGE_KEYS_UNUSABLE,
	GAUGE_SCHEMA_PROGRAM,
	GAUGE_SCHEMA_DATABASE,
	GAUGE_SHARED,
	GAUGE_SINCE_S,
	GAUGE_BUILD,
	GAUGES
};

struct gauges {
	bool there[GAUGES];
	uint64_t value[GAUGES];
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_REQUESTS, METRIC_DURATIONS };

/* One metric: its name, its label and that label's values, each of which is one counter or gauge. No value that a label has
 * comes from outside. */
struct metric {
	const char *name;
	enum metric_kind kind;
	bool us;           /* what is counted are microseconds; shown as seconds */
	const char *label; /* NULL: none, and one value */
	const struct metric_value {
		const char *is;
		unsigned at; /* enum count, or enum gauge */
	} * values;
	size_t n;
	const char *help;
};

/* The table that GET /metrics, docs/metrics.md and the segment's key are made from. */
extern const struct metric metrics[];
extern const size_t metrics_n;

/* "counter", "gauge", "histogram" */
const char *metric_type(enum metric_kind kind);
/* The labels, "outcome" say; "" where there is none. */
const char *metric_labels(const struct metric *metric);
/* The table as docs/metrics.md has it. */
void metrics_list(FILE *out);

#endif
