/*
 * lanes.h: how many workers may do one costly thing at once, across the whole pool. There are two such things: hashing a
 * password, and asking somebody else's server; each has a set of its own.
 *
 * A System V semaphore set that all workers of one installation share (its key is a hash of the key file's device and inode,
 * and of the user). Every operation carries SEM_UNDO, so the kernel gives back what a killed worker held. `lanes` work at
 * once, `queue` more may wait for at most `wait_ms`, and everybody else is told ERR_BUSY at once: so a flood of log-ins cannot
 * take every worker. Nor can one client keep all others out: of the places in the queue he has half, rounded up, at most
 * (he, and who has the same of LANES_SHARES shares by chance); of the outbound lanes and their queue together he has half. What takes more memory than the lanes were counted for is dear:
 * only one of these goes on at a time, in a lane like all others. The set outlives the workers, as such sets do (ipcs -s shows
 * it, ipcrm removes it): the next ones take it over.
 */
#ifndef LATCH_CORE_LANES_H
#define LATCH_CORE_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/err.h"

enum { LANES_SHARES = 64 };

enum lanes_kind { LANES_HASH, LANES_OUTBOUND };

struct lanes {
	int set;   /* semaphore set id */
	int share; /* of whom this process works for: 0 to LANES_SHARES - 1, or -1: nobody in particular */
	int32_t key;
	enum lanes_kind kind;
	uint32_t lanes, queue, wait_ms;
	bool dear;          /* the lane that this process holds */
	uint64_t waited_us; /* by this process since lanes_waited_us() was last called */
};

/* Opens the set of this kind that belongs to key_path, making or resizing it to `lanes` and `queue`. A set that shrinks waits up to
 * 10 s for lanes in use. With no lanes everybody is told ERR_BUSY. ERR_INTERNAL (logged) when the kernel refuses, or the set is
 * somebody else's. */
enum err lanes_open(struct lanes *l, enum lanes_kind kind, const char *key_path, uint32_t lanes, uint32_t queue,
                    uint32_t wait_ms) MUST_USE;

/* For whom the next lanes are: the same text has the same share; NULL: nobody in particular. */
void lanes_for(struct lanes *l, const char *address);

/* OK: this process holds a lane until lanes_leave. ERR_BUSY: the queue, or what the client may have of it, is full, or the
 * wait was over. A set that somebody removed is made anew. ERR_INTERNAL (logged): the kernel refuses. */
enum err lanes_enter(struct lanes *l, bool dear) MUST_USE;
void lanes_leave(struct lanes *l);
/* Whether lanes_enter would say ERR_BUSY at once if it were called now. Who hears so goes away: it counts as refused. */
bool lanes_full(const struct lanes *l);

/* What the set says at one moment, of all workers together. False (errno set): nothing, for the set is gone. */
struct lanes_use {
	uint32_t lanes, in_use, waiting;
};
bool lanes_look(const struct lanes *l, struct lanes_use *out) MUST_USE;

/* Microseconds spent waiting since the last call. */
uint64_t lanes_waited_us(struct lanes *l);

/* Lanes that fit this machine: one a core that the cgroup grants, fewer when a quarter of its memory cannot hold
 * that many hashes of memory_kib; at least 1. */
uint32_t lanes_default(uint32_t memory_kib);
/* Workers that are left to everything else while all lanes and queues are full: a quarter of them, and at least one. */
uint32_t lanes_spared(uint32_t workers);
/* Memory that this machine or its cgroup has, in KiB. */
uint64_t machine_memory_kib(void);

#endif
