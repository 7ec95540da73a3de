/*
 * courier.h: how a worker asks somebody else's server: by a program, latch-outbound, which is its child for the length of one
 * sign-in.
 *
 * A worker speaks to no network and has no TLS client in it. What reads the answers of strangers has no key, no database and no
 * listening socket: a socket pair to its worker is all that it is given. While it runs its worker holds an outbound lane
 * (core/lanes.h), so that a provider that hangs does not take every worker. The worker's own clock bounds each question: a program
 * that hangs, dies or says what it should not is killed, by its process id, and waited for. It dies with its worker, too.
 * Nothing here touches the worker's signals, and nothing that a child does, SIGPIPE among it, reaches it as one.
 */
#ifndef LATCH_CORE_COURIER_H
#define LATCH_CORE_COURIER_H

#include <sys/types.h>

#include "core/frame.h"
#include "core/lanes.h"

struct courier {
	pid_t pid; /* 0: none runs */
	int socket;
	struct lanes *lanes;  /* in which a lane is held; NULL: none is */
	uint64_t deadline_us; /* for all questions together */
	unsigned asked;
};

/* Takes a lane and starts the program. The time of all questions together is `total_ms`. OUTBOUND_OK; OUTBOUND_BUSY: all lanes
 * taken; OUTBOUND_NO_PROGRAM (logged). courier_close in any case. */
enum outbound_result courier_open(struct courier *courier, const char *program, struct lanes *lanes,
                                  uint32_t total_ms) MUST_USE;

/* One question, one answer, as outbound_ask has it; connections are kept between them. The answer is in the arena, as is, wiped, what
 * was said to the program. Takes no longer than request->total_ms and COURIER_GRACE_MS, nor than what is left of the time of
 * courier_open. `why` says what happened for the log: printable, and with nothing in it that was asked for but host names. After
 * OUTBOUND_NO_PROGRAM, or when the program was killed for its silence (OUTBOUND_TIMEOUT), all that is asked gets
 * OUTBOUND_NO_PROGRAM. What `request` must not hold (core/frame.h) is OUTBOUND_NO_URL. */
enum { COURIER_GRACE_MS = 500 };
enum outbound_result courier_ask(struct courier *courier, const struct frame_request *request, struct arena *arena,
                                 struct outbound_response *out, char why[OUTBOUND_WHY_SIZE]) MUST_USE;

/* Ends the program and gives the lane back. */
void courier_close(struct courier *courier);

#endif
