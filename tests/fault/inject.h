/*
 * inject.h: faults put into a worker from outside, by a library that is preloaded into it (LD_PRELOAD=build/inject.so).
 *
 * INJECT_FILE names a file of sizeof(struct control) bytes that the library maps and the test writes: whose calls are
 * counted, and which of them fail. Without it the library does nothing.
 */
#ifndef LATCH_TESTS_INJECT_H
#define LATCH_TESTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum domain { DOMAIN_NONE, DOMAIN_MEMORY, DOMAIN_DATABASE };

/* How a call to the database's library fails. The numbers are inject-worker.mjs's too. */
enum kind {
	KIND_LOST,        /* CR_SERVER_LOST, and the server has not got the call */
	KIND_LOST_AFTER,  /* the server has carried it out, and its answer is lost */
	KIND_GONE,        /* CR_SERVER_GONE_ERROR */
	KIND_NO_MEMORY,   /* CR_OUT_OF_MEMORY */
	KIND_DEADLOCK,    /* ER_LOCK_DEADLOCK: the server has rolled the transaction back */
	KIND_INTERRUPTED, /* ER_STATEMENT_TIMEOUT: the statement alone is undone */
	KIND__COUNT
};

/* Every member is 8 bytes, for the test's sake. */
struct control {
	uint64_t domain;  /* enum domain: whose calls are counted now */
	uint64_t at_main; /* not 0: what `domain` is from main() to the first wait for a request, which sets both to 0 */
	uint64_t nth;     /* the call that fails, from 1; 0: none does, they are only counted */
	uint64_t forever; /* not 0: every later one fails too */
	uint64_t kind;    /* enum kind */
	uint64_t trace;   /* not 0: a call that fails says on standard error where it came from */
	uint64_t counted; /* written by the library: calls since the test set it to 0 */
	uint64_t hits;    /* and how many of them failed */
	int64_t shift_s;  /* how far CLOCK_REALTIME is off */
	char what[64];    /* the function that failed last */
};

extern struct control *control; /* NULL: no faults */

/* Counts a call of that domain; true when it is to fail. */
bool inject_due(enum domain domain, const char *what);
/* Between these two the database's library calls itself, which is not counted. */
void inject_enter(void);
void inject_leave(void);

/* The function of that name which this library hides, into *function, a pointer to a function of that type. */
void inject_resolve(void *function, size_t size, const char *name);
#define RESOLVE(function, name) inject_resolve(&(function), sizeof(function), name)

#endif
