/*
 * audit_verify.h: whether the audit's lines are those that were written. Nothing is written here, and nobody waits: each page
 * is read in a transaction of its own, with the chain's row as it was at that moment.
 *
 * What shows: a line that was altered, removed, put in or exchanged, and a chain's row that was made up. What does not: a
 * chain, or the whole database, set back to an older state of itself; but that shows against a head (below) that somebody
 * kept elsewhere.
 */
#ifndef LATCH_SERVICE_AUDIT_VERIFY_H
#define LATCH_SERVICE_AUDIT_VERIFY_H

#include "service/app.h"

/* How far each chain had come, and a digest over the MACs there: as text, hexadecimal digits. It says nothing about anybody. */
enum { AUDIT_HEAD_BYTES = AUDIT_CHAINS * 5 + 16, AUDIT_HEAD_TEXT = 2 * AUDIT_HEAD_BYTES + 1 };
struct audit_place {
	uint32_t n;
	char mac[AUDIT_MAC_SIZE];
};

struct audit_verify {
	/* Says each thing that shows, a sentence without its full stop. */
	void (*say)(void *argument, const char *sentence);
	void *argument;
	uint64_t lines, faults;
	struct audit_place head[AUDIT_CHAINS];
	/* A head that was kept: its digest, and where the chains are asked for their MACs. */
	bool kept, trimmed;
	unsigned char kept_digest[16];
	struct audit_place kept_head[AUDIT_CHAINS];
};

/* False: it is no head. */
bool audit_verify_against(struct audit_verify *v, struct str head) MUST_USE;
/* About how many lines there are. ERR_DB; that goes for all of these. */
enum err audit_verify_begin(struct app *app, struct audit_verify *v, uint64_t *lines_out) MUST_USE;

struct audit_walk {
	uint32_t chain, from, next;
	bool begun, known, done; /* known: the MAC of the line before */
	bool head_bad;
	char before[AUDIT_MAC_SIZE], instead[AUDIT_MAC_SIZE];
};
/* Reads one page of a chain; begin with { .chain = ... } and go on until it is done. */
enum err audit_verify_page(struct app *app, struct audit_verify *v, struct audit_walk *walk) MUST_USE;

/* After all chains: against the head that was kept; and the head of this moment. */
void audit_verify_end(struct audit_verify *v, char head_out[AUDIT_HEAD_TEXT]);

#endif
