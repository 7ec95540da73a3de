#include "core/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/ipc.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/str.h"

/* The set's members. PLACES counts everybody in a lane or in the queue, so its size is lanes + queue; DEAR is one; SHARES, the
 * last of them, each those that work for one group of addresses. The four sizes say what the set was made for. */
enum {
	LANES_FREE,
	PLACES_FREE,
	LANES_SIZE,
	PLACES_SIZE,
	SHARES_SIZE,
	RESIZING,
	DEAR_FREE,
	DEAR_SIZE,
	SHARES_FREE,
	MEMBERS = SHARES_FREE + LANES_SHARES
};

enum { RESIZE_WAIT_MS = 10000, SIZE_MAX_MEMBER = 32767, LANES_MAX = 256 };

/* What the kinds differ in. `layout` goes into the set's key. */
static const struct kind {
	const char *name;
	uint32_t layout;
	enum count entered, refused, wait_us;
} kinds[] = {
	[LANES_HASH] = { "hash lanes", MEMBERS, COUNT_HASHES, COUNT_HASH_REFUSED, COUNT_HASH_WAIT_US },
	[LANES_OUTBOUND] = { "outbound lanes", MEMBERS + 1, COUNT_OUTBOUND_TURNS, COUNT_OUTBOUND_REFUSED,
	                     COUNT_OUTBOUND_WAIT_US },
};

static int
sem_do(int set, struct sembuf *ops, size_t n, uint64_t wait_ms)
{
	const struct timespec wait = { .tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000 };
	int rc;

	do
		rc = semtimedop(set, ops, n, &wait);
	while (rc < 0 && errno == EINTR);
	return rc;
}

/* Brings n counters from the size they were made for to `size`: all move in one operation, or none does. They shrink by
 * one at a time: who waits for one is served with the next that comes free, before anybody who comes then; who waits for
 * four would never be while log-ins flood in. */
static int
resize(int set, unsigned short first, size_t n, unsigned short recorded, uint32_t size)
{
	struct sembuf ops[LANES_SHARES + 1];

	for (;;) {
		const int old = semctl(set, recorded, GETVAL);
		if (old < 0 || (uint32_t)old == size)
			return old < 0 ? -1 : 0;
		const short by = (uint32_t)old < size ? (short)((int)size - old) : -1;
		for (size_t i = 0; i < n; i++)
			ops[i] = (struct sembuf){ (unsigned short)(first + i), by, 0 };
		ops[n] = (struct sembuf){ recorded, by, 0 };
		if (sem_do(set, ops, n + 1, RESIZE_WAIT_MS) != 0)
			return -1;
	}
}

/* Anybody may make a set with our key first: such a one would let him stop all log-ins, or let all in at once. */
static bool
is_ours(int set)
{
	struct semid_ds info = { 0 };
	union semun {
		int value;
		struct semid_ds *info;
	} argument = { .info = &info };

	return semctl(set, 0, IPC_STAT, argument) == 0 && info.sem_perm.uid == geteuid() && (info.sem_perm.mode & 077) == 0;
}

/* What one client may have. A hash is over soon, but somebody else's server may take ten seconds. */
static uint32_t
share_of(const struct lanes *l)
{
	return l->kind == LANES_HASH ? l->lanes + (l->queue + 1) / 2 : (l->lanes + l->queue + 1) / 2;
}

/* A new set is all zero, which is a set of no lanes: making one and resizing one are the same thing. */
static bool
attach(struct lanes *l)
{
	/* RESIZING is a lock that is free at 0. */
	struct sembuf lock[] = { { RESIZING, 0, 0 }, { RESIZING, 1, SEM_UNDO } };
	struct sembuf unlock[] = { { RESIZING, -1, SEM_UNDO | IPC_NOWAIT } };

	l->set = semget(l->key, MEMBERS, IPC_CREAT | 0600);
	if (l->set >= 0 && !is_ours(l->set)) {
		errno = EACCES;
		return false;
	}
	if (l->set < 0 || sem_do(l->set, lock, COUNT(lock), 2 * (uint64_t)RESIZE_WAIT_MS) != 0)
		return false;
	const bool ok = resize(l->set, LANES_FREE, 1, LANES_SIZE, l->lanes) == 0
	             && resize(l->set, DEAR_FREE, 1, DEAR_SIZE, 1) == 0
	             && resize(l->set, PLACES_FREE, 1, PLACES_SIZE, l->lanes + l->queue) == 0
	             && resize(l->set, SHARES_FREE, LANES_SHARES, SHARES_SIZE, share_of(l)) == 0;
	const int cause = errno;
	(void)sem_do(l->set, unlock, COUNT(unlock), 0);
	errno = cause;
	return ok;
}

enum err
lanes_open(struct lanes *l, enum lanes_kind kind, const char *key_path, uint32_t lanes, uint32_t queue,
           uint32_t wait_ms)
{
	*l = (struct lanes){ .set = -1, .share = -1, .kind = kind, .lanes = lanes, .queue = queue, .wait_ms = wait_ms };
	if (lanes + queue <= SIZE_MAX_MEMBER && ipc_key(key_path, kinds[kind].layout, &l->key) && attach(l))
		return OK;
	log_error("%s: %s", kinds[kind].name, strerror(errno));
	return ERR_INTERNAL;
}

static enum err
enter_failed(const struct lanes *l, const char *what)
{
	if (errno == EAGAIN) {
		metrics_add(kinds[l->kind].refused, 1);
		return ERR_BUSY;
	}
	log_error("%s: %s: %s", kinds[l->kind].name, what, strerror(errno));
	return ERR_INTERNAL;
}

void
lanes_for(struct lanes *l, const char *address)
{
	l->share = address == NULL ? -1 : (int)(fnv_text((uint32_t)l->key, address) % LANES_SHARES);
}

/* A place and, where there is a client, one of its share: taken (by -1) or given back (by 1), both or neither. */
static int
place(struct lanes *l, short by)
{
	struct sembuf ops[] = { { PLACES_FREE, by, SEM_UNDO | IPC_NOWAIT },
		                    { (unsigned short)(SHARES_FREE + l->share), by, SEM_UNDO | IPC_NOWAIT } };

	return sem_do(l->set, ops, l->share < 0 ? 1 : 2, 0);
}

/* A lane, and with a dear one what makes it so: both or neither, so that who waits for one keeps nobody from the other. */
static int
lane(struct lanes *l, short by, uint64_t wait_ms)
{
	const short wait = wait_ms > 0 ? 0 : IPC_NOWAIT;
	struct sembuf ops[] = { { LANES_FREE, by, (short)(SEM_UNDO | wait) }, { DEAR_FREE, by, (short)(SEM_UNDO | wait) } };

	return sem_do(l->set, ops, l->dear ? 2 : 1, wait_ms);
}

enum err
lanes_enter(struct lanes *l, bool dear)
{
	l->dear = dear;

	int rc = place(l, -1);
	if (rc != 0 && (errno == EIDRM || errno == EINVAL) && attach(l))
		rc = place(l, -1);
	if (rc != 0)
		return enter_failed(l, "queue");

	const uint64_t start = clock_mono_us();
	rc = lane(l, -1, l->wait_ms);
	const int cause = errno;
	const uint64_t waited_us = clock_mono_us() - start;
	l->waited_us += waited_us;
	metrics_add(kinds[l->kind].wait_us, waited_us);
	if (rc == 0) {
		metrics_add(kinds[l->kind].entered, 1);
		return OK;
	}
	(void)place(l, 1);
	errno = cause;
	return enter_failed(l, "lane");
}

void
lanes_leave(struct lanes *l)
{
	if (lane(l, 1, 0) != 0 || place(l, 1) != 0)
		log_error("%s: leaving: %s", kinds[l->kind].name, strerror(errno));
}

bool
lanes_full(const struct lanes *l)
{
	const bool full = semctl(l->set, PLACES_FREE, GETVAL) == 0
	               || (l->share >= 0 && semctl(l->set, SHARES_FREE + l->share, GETVAL) == 0);

	if (full)
		metrics_add(kinds[l->kind].refused, 1);
	return full;
}

bool
lanes_look(const struct lanes *l, struct lanes_use *out)
{
	unsigned short members[MEMBERS] = { 0 };
	union semun {
		int value;
		unsigned short *members;
	} argument = { .members = members };

	*out = (struct lanes_use){ 0 };
	if (semctl(l->set, 0, GETALL, argument) != 0)
		return false;
	/* A lane is given back just before its place: for that moment it seems to wait. */
	const int in_use = members[LANES_SIZE] - members[LANES_FREE];
	const int waiting = members[PLACES_SIZE] - members[PLACES_FREE] - in_use;
	*out = (struct lanes_use){ .lanes = members[LANES_SIZE],
		                       .in_use = in_use > 0 ? (uint32_t)in_use : 0,
		                       .waiting = waiting > 0 ? (uint32_t)waiting : 0 };
	return true;
}

uint64_t
lanes_waited_us(struct lanes *l)
{
	const uint64_t us = l->waited_us;

	l->waited_us = 0;
	return us;
}

/* The numbers in the first line of a cgroup v2 file; false when it is not there, or says "max". */
static bool
read_limits(const char *path, uint64_t *numbers, size_t n)
{
	char line[64];
	FILE *f = fopen(path, "re");
	bool ok = f != NULL && fgets(line, sizeof(line), f) != NULL;

	if (f != NULL)
		(void)fclose(f);
	if (!ok)
		return false;
	struct str rest = str_of(line);
	rest = str_cut(&rest, '\n');
	for (size_t i = 0; i < n && ok; i++)
		ok = rest.p != NULL && parse_u64(str_cut(&rest, ' '), &numbers[i]);
	return ok;
}

/* The limits of the cgroup that this process sees as its root: right in a container, and no limit elsewhere. */
uint64_t
machine_memory_kib(void)
{
	const uint64_t kib = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
	uint64_t limit;

	return read_limits("/sys/fs/cgroup/memory.max", &limit, 1) && limit / 1024 < kib ? limit / 1024 : kib;
}

uint32_t
lanes_default(uint32_t memory_kib)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t lanes = online > 0 ? (uint64_t)online : 1;
	uint64_t quota[2]; /* microseconds of processor time in a period of so many */

	if (read_limits("/sys/fs/cgroup/cpu.max", quota, COUNT(quota)) && quota[1] > 0
	    && (quota[0] + quota[1] - 1) / quota[1] < lanes)
		lanes = (quota[0] + quota[1] - 1) / quota[1];

	const uint64_t fit = machine_memory_kib() / 4 / (memory_kib > 0 ? memory_kib : 1);
	if (lanes > fit)
		lanes = fit;
	if (lanes > LANES_MAX)
		lanes = LANES_MAX;
	return lanes > 0 ? (uint32_t)lanes : 1;
}

uint32_t
lanes_spared(uint32_t workers)
{
	return workers >= 8 ? workers / 4 : 1;
}
