#include "core/metrics.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/ipc.h"
#include "core/log.h"

/* The segment is nothing but 64-bit words, all 0 when it is new. First a head, then the copies of the counters, of which each
 * begins a cache line (and its neighbour, which processors fetch with it). */
enum { LINE = 16, HEAD = LINE };
enum { HEAD_SINCE_MS, HEAD_TICKETS, HEAD_SAMPLE, HEAD_SAMPLE_DUE_S, HEAD_USED };
enum { COPIES = 8, ROUTE_WORDS = METRICS_CLASSES * METRICS_BUCKETS + 1 };
_Static_assert((int)HEAD_USED <= (int)HEAD, "the head is one line");
_Static_assert(sizeof(_Atomic uint64_t) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "a lock would not be shared");

const char *const metrics_bucket_names[METRICS_BUCKETS] = { "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005",
	                                                        "0.01",   "0.025",   "0.05",   "0.1",   "0.25",   "0.5",
	                                                        "1",      "2.5",     "5",      "+Inf" };
static const uint32_t bucket_us[METRICS_BUCKETS - 1] = { 100,   250,    500,    1000,   2500,    5000,    10000,  25000,
	                                                     50000, 100000, 250000, 500000, 1000000, 2500000, 5000000 };

static struct {
	_Atomic uint64_t *words; /* NULL: nothing is counted */
	_Atomic uint64_t *mine;  /* this worker's copy */
	size_t routes, stride;
	bool shared;
} here;

/* ---- The segment ------------------------------------------------------------------------------------------------- */

static size_t
words_n(void)
{
	return HEAD + COPIES * here.stride;
}

/* Of all that decides which word means what. */
static uint32_t
layout_hash(uint32_t hash)
{
	hash = fnv_number(hash, here.routes);
	hash = fnv_number(hash, words_n());
	for (size_t i = 0; i < COUNT(bucket_us); i++)
		hash = fnv_number(hash, bucket_us[i]);
	for (size_t i = 0; i < metrics_n; i++) {
		hash = fnv_text(hash, metrics[i].name);
		for (size_t v = 0; metrics[i].kind == METRIC_COUNTER && v < metrics[i].n; v++)
			hash = fnv_number(fnv_text(hash, metrics[i].values[v].is), metrics[i].values[v].at);
	}
	return hash;
}

/* Anybody may make a segment with our key first: such a one could write what he likes into it. */
static bool
is_ours(int id, size_t size)
{
	struct shmid_ds info = { 0 };

	if (shmctl(id, IPC_STAT, &info) != 0)
		return false;
	if (info.shm_perm.uid == geteuid() && info.shm_perm.cuid == geteuid() && (info.shm_perm.mode & 077) == 0
	    && info.shm_segsz == size)
		return true;
	errno = EACCES;
	return false;
}

static _Atomic uint64_t *
attach(const char *key_path, uint32_t layout)
{
	const size_t size = words_n() * sizeof(uint64_t);
	int32_t key;

	if (!ipc_key(key_path, layout_hash(layout), &key))
		return NULL;
	const int id = shmget(key, size, IPC_CREAT | 0600);
	if (id < 0 || !is_ours(id, size))
		return NULL;
	void *at = shmat(id, NULL, 0);
	return at != (void *)-1 ? at : NULL; /* NOLINT(performance-no-int-to-ptr): what shmat(2) says */
}

void
metrics_open(const char *key_path, size_t routes, uint32_t layout, enum metrics_of who)
{
	uint64_t never = 0;

	metrics_close();
	here.routes = routes;
	here.stride = (COUNTS + routes * ROUTE_WORDS + LINE - 1) / LINE * LINE;
	here.words = attach(key_path, layout);
	here.shared = here.words != NULL;
	if (!here.shared) {
		if (who == METRICS_OF_A_WORKER)
			log_warn("metrics: no shared memory (%s): this worker counts for itself", strerror(errno));
		here.words = calloc(words_n(), sizeof(*here.words));
	}
	if (here.words == NULL)
		return;
	(void)atomic_compare_exchange_strong(&here.words[HEAD_SINCE_MS], &never, (uint64_t)clock_now().ms);
	/* In turn, so that as few as can be share one. */
	const uint64_t ticket = atomic_fetch_add(&here.words[HEAD_TICKETS], 1);
	here.mine = &here.words[HEAD + ticket % COPIES * here.stride];
	metrics_add(COUNT_STARTS, who == METRICS_OF_A_WORKER ? 1 : 0);
}

void
metrics_close(void)
{
	void *words = here.words;

	if (words != NULL && here.shared)
		(void)shmdt(words);
	else
		free(words);
	memset(&here, 0, sizeof(here));
}

bool
metrics_shared(void)
{
	return here.shared;
}

int64_t
metrics_since_s(void)
{
	return here.words != NULL ? (int64_t)(atomic_load(&here.words[HEAD_SINCE_MS]) / 1000) : 0;
}

/* ---- Counting ---------------------------------------------------------------------------------------------------- */

static void
add(size_t word, uint64_t n)
{
	(void)atomic_fetch_add_explicit(&here.mine[word], n, memory_order_relaxed);
}

void
metrics_add(enum count what, uint64_t n)
{
	if (here.words != NULL)
		add(what, n);
}

/* A route's words: for each class of status its durations, so that whatever is read of them agrees; then the sum. */
void
metrics_request(size_t route, unsigned status, uint64_t us)
{
	const size_t first = COUNTS + route * ROUTE_WORDS;
	size_t class = status / 100 - 2, bucket = 0;

	if (here.words == NULL || route >= here.routes)
		return;
	if (class >= METRICS_CLASSES)
		class = METRICS_CLASSES - 1;
	while (bucket < METRICS_BUCKETS - 1 && us > bucket_us[bucket])
		bucket++;
	add(first + class * METRICS_BUCKETS + bucket, 1);
	add(first + ROUTE_WORDS - 1, us);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static uint64_t
total(size_t word)
{
	uint64_t sum = 0;

	for (size_t i = 0; here.words != NULL && i < COPIES; i++)
		sum += atomic_load_explicit(&here.words[HEAD + i * here.stride + word], memory_order_relaxed);
	return sum;
}

uint64_t
metrics_count(enum count what)
{
	return total(what);
}

void
metrics_route(size_t route, struct route_counts *out)
{
	const size_t first = COUNTS + route * ROUTE_WORDS;

	*out = (struct route_counts){ 0 };
	if (route >= here.routes)
		return;
	/* The sum first: read last it would hold requests that the buckets have not got. */
	out->sum_us = total(first + ROUTE_WORDS - 1);
	for (size_t class = 0; class < METRICS_CLASSES; class ++)
		for (size_t bucket = 0; bucket < METRICS_BUCKETS; bucket++) {
			const uint64_t n = total(first + class * METRICS_BUCKETS + bucket);
			out->n += n;
			out->classes[class] += n;
			out->buckets[bucket] += n;
		}
}

/* ---- A sample ---------------------------------------------------------------------------------------------------- */

/* By the monotonic clock, which all processes of a machine share, and which ends with it as the segment does. */
static uint64_t
mono_s(void)
{
	return clock_mono_us() / 1000000 + 1;
}

/* Whoever finds it out and is killed has had his turn. */
bool
metrics_sample_due(uint32_t every_s)
{
	const uint64_t now_s = mono_s();

	if (here.words == NULL)
		return false;
	uint64_t due_s = atomic_load(&here.words[HEAD_SAMPLE_DUE_S]);
	return now_s >= due_s && atomic_compare_exchange_strong(&here.words[HEAD_SAMPLE_DUE_S], &due_s, now_s + every_s);
}

/* The moment and the value in one word: nobody reads a new one with an old other. */
void
metrics_sample_put(uint32_t value)
{
	if (here.words != NULL)
		atomic_store(&here.words[HEAD_SAMPLE], mono_s() << 32 | value);
}

bool
metrics_sample(uint32_t max_age_s, uint32_t *out)
{
	const uint64_t sample = here.words != NULL ? atomic_load(&here.words[HEAD_SAMPLE]) : 0;

	*out = (uint32_t)sample;
	return sample != 0 && mono_s() - (sample >> 32) <= max_age_s;
}
