/*
 * connection.h: one accepted connection: bytes in, bytes out, each within a time limit, and its end.
 *
 * Signals are blocked while this runs (fcgi.h), so no call here ends early because of one.
 */
#ifndef LATCH_HTTP_CONNECTION_H
#define LATCH_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/attr.h"

/* A web server that buffers, as lighttpd and nginx do, needs none of this time; one that passes a slow upload through, as
 * Apache does, holds a worker for no longer. */
enum { CONNECTION_READ_MS = 10000, CONNECTION_WRITE_MS = 10000, CONNECTION_LINGER_MS = 2000 };

struct connection {
	int fd;               /* -1: none */
	size_t at, n;         /* of `raw`: taken, and read; what lies behind is wiped */
	bool touched;         /* something was taken since connection_begin */
	uint64_t deadline_us; /* for reading */
	unsigned char raw[8192];
};

/* A request begins: its reading may take so long from here. */
void connection_begin(struct connection *c, unsigned within_ms);

/* Whether bytes of a next request have been read already. */
bool connection_has_more(const struct connection *c);

/* Copies the next n bytes to `out`, or leaves them out where that is NULL. False: the peer closed, failed or took too
 * long. */
bool connection_take(struct connection *c, void *out, size_t n) MUST_USE;

/* Writes everything; uses the array up. False: the peer closed, failed or took longer than CONNECTION_WRITE_MS. */
bool connection_send(struct connection *c, struct iovec *parts, size_t n) MUST_USE;

/* Overwrites what was taken: passwords and tokens came through here. */
void connection_wipe(struct connection *c);

/* Closes it. linger: a reply was sent and there is more to come that nobody will read. Closing then would take the reply
 * back as well, so the peer gets CONNECTION_LINGER_MS to read that and close first. */
void connection_close(struct connection *c, bool linger);

#endif
