#include "core/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

/* The set's members. PLACES counts everybody in a lane or in the queue, so its size is lanes + queue. The two sizes
 * beside them say what the set was made for. */
enum { LANES_FREE, PLACES_FREE, LANES_SIZE, PLACES_SIZE, RESIZING, MEMBERS };

enum { RESIZE_WAIT_S = 10, SIZE_MAX_MEMBER = 32767 };

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

/* Brings one counter from the size it was made for to `size`: both move in one operation, or neither does. */
static int
resize(int set, unsigned short counter, unsigned short recorded, uint32_t size)
{
	const int old = semctl(set, recorded, GETVAL);

	if (old < 0 || (uint32_t)old == size)
		return old < 0 ? -1 : 0;
	const short by = (short)((int)size - old);
	struct sembuf ops[] = { { counter, by, 0 }, { recorded, by, 0 } };
	return sem_do(set, ops, COUNT(ops), RESIZE_WAIT_S * 1000);
}

enum err
lanes_open(struct lanes *l, const char *key_path, uint32_t lanes, uint32_t queue, uint32_t wait_ms)
{
	const key_t key = ftok(key_path, 'L');

	*l = (struct lanes){ .set = -1, .wait_ms = wait_ms };
	if (key == -1 || lanes < 1 || lanes + queue > SIZE_MAX_MEMBER) {
		log_error("hash lanes: %s: %s", key_path, key == -1 ? strerror(errno) : "too many lanes");
		return ERR_INTERNAL;
	}
	l->set = semget(key, MEMBERS, IPC_CREAT | 0600);

	/* A new set is all zero, which is a set of no lanes: making one and resizing one are the same thing. RESIZING is
	 * a lock that is free at 0. */
	struct sembuf lock[] = { { RESIZING, 0, 0 }, { RESIZING, 1, SEM_UNDO } };
	struct sembuf unlock[] = { { RESIZING, -1, SEM_UNDO | IPC_NOWAIT } };
	int rc = l->set < 0 ? -1 : sem_do(l->set, lock, COUNT(lock), RESIZE_WAIT_S * 2000);
	if (rc == 0) {
		rc = resize(l->set, LANES_FREE, LANES_SIZE, lanes);
		if (rc == 0)
			rc = resize(l->set, PLACES_FREE, PLACES_SIZE, lanes + queue);
		const int cause = errno;
		(void)sem_do(l->set, unlock, COUNT(unlock), 0);
		errno = cause;
	}
	if (rc == 0)
		return OK;
	log_error("hash lanes: semaphore set: %s", strerror(errno));
	return ERR_INTERNAL;
}

enum err
lanes_enter(struct lanes *l)
{
	struct sembuf place = { PLACES_FREE, -1, SEM_UNDO | IPC_NOWAIT };
	struct sembuf give_back = { PLACES_FREE, 1, SEM_UNDO | IPC_NOWAIT };
	struct sembuf lane = { LANES_FREE, -1, SEM_UNDO };

	if (sem_do(l->set, &place, 1, 0) != 0)
		return errno == EAGAIN ? ERR_BUSY : ERR_INTERNAL;

	const uint64_t start = clock_mono_us();
	const int rc = sem_do(l->set, &lane, 1, l->wait_ms);
	const int cause = errno;
	l->waited_us += clock_mono_us() - start;
	if (rc == 0)
		return OK;
	(void)sem_do(l->set, &give_back, 1, 0);
	return cause == EAGAIN ? ERR_BUSY : ERR_INTERNAL;
}

void
lanes_leave(struct lanes *l)
{
	struct sembuf both[] = { { LANES_FREE, 1, SEM_UNDO | IPC_NOWAIT }, { PLACES_FREE, 1, SEM_UNDO | IPC_NOWAIT } };

	if (sem_do(l->set, both, COUNT(both), 0) != 0)
		log_error("hash lanes: leaving: %s", strerror(errno));
}

uint64_t
lanes_waited_us(struct lanes *l)
{
	const uint64_t us = l->waited_us;

	l->waited_us = 0;
	return us;
}

/* Reads one line of a cgroup v2 file; false when there is none. */
static bool
read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return false;
	const bool got = fgets(line, (int)size, f) != NULL;
	(void)fclose(f);
	return got;
}

/* The limits of the cgroup that this process sees as its root: right in a container, and no limit elsewhere. */
uint64_t
machine_memory_kib(void)
{
	const uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t kib = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
	char line[64];
	unsigned long long limit;

	if (read_line("/sys/fs/cgroup/memory.max", line, sizeof(line)) && sscanf(line, "%llu", &limit) == 1
	    && limit / 1024 < kib)
		kib = limit / 1024;
	return kib;
}

uint32_t
lanes_default(uint32_t memory_kib)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t lanes = online > 0 ? (uint64_t)online : 1;
	char line[64];
	unsigned long long quota, period;

	if (read_line("/sys/fs/cgroup/cpu.max", line, sizeof(line)) && sscanf(line, "%llu %llu", &quota, &period) == 2
	    && period > 0 && (quota + period - 1) / period < lanes)
		lanes = (quota + period - 1) / period;

	const uint64_t fit = machine_memory_kib() / 4 / (memory_kib > 0 ? memory_kib : 1);
	if (lanes > fit)
		lanes = fit;
	if (lanes > 256)
		lanes = 256;
	return lanes > 0 ? (uint32_t)lanes : 1;
}

uint32_t
lanes_default_queue(uint32_t lanes, uint32_t workers)
{
	const uint32_t spared = workers >= 8 ? workers / 4 : 1;
	const uint32_t taken = lanes + spared;

	return workers > taken ? workers - taken : 0;
}
