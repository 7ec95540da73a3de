/*
 * outbound.h: one HTTP request to somebody else's server; the one module that sees libcurl.
 *
 * Whatever the other side could draw out has a bound: the time until it is connected and in all, the bytes of the answer's
 * head and body. Redirects are not followed, nothing is unpacked, TLS is 1.2 or later and verified, only http and https are
 * spoken, and no proxy, netrc or cookie of the environment is used. Which addresses are out of bounds is looked up for the
 * address that is connected to, after the name was resolved: so no name leads there.
 *
 * Not for threads. The workers do not link it: a library that they do not need costs them their start. They ask by
 * core/courier.h.
 */
#ifndef LATCH_CORE_OUTBOUND_H
#define LATCH_CORE_OUTBOUND_H

#include "core/address.h"
#include "core/arena.h"
#include "core/clock.h"

/* Connections are kept in it, for the next request to the same server. */
struct outbound;

/* NULL: no memory. */
struct outbound *outbound_open(void) MUST_USE;
void outbound_close(struct outbound *outbound);

struct outbound_request {
	const char *method;               /* NULL: GET */
	const char *url;                  /* without user and password; its path is sent as it stands here */
	const char *const *headers;       /* "Name: value", the last one NULL; NULL: none */
	struct str body;                  /* absent: none */
	const char *ca_file;              /* PEM: who is trusted, in the place of the system's; NULL: the system's */
	bool https_only;                  /* no http */
	bool fresh;                       /* not over a connection that was kept: to see the certificate */
	bool old_tls;                     /* TLS 1.0 and 1.1 alone, to see whether they are taken */
	const struct address_list *never; /* is not connected to; NULL: anything may be */
	uint32_t connect_ms, total_ms;
	size_t head_max, body_max; /* bytes */
};

struct outbound_response {
	uint16_t status;
	struct str head;     /* the lines of the last head, its status line first, each with its end */
	struct str body;     /* both in the arena */
	struct address peer; /* from whom it came */
	bool peer_known;
	uint32_t took_ms;
	struct timestamp certificate_until; /* 0: no TLS, or a connection that was kept */
};

enum outbound_result {
	OUTBOUND_OK,
	OUTBOUND_NO_URL,      /* it is none, or of another scheme */
	OUTBOUND_UNREACHABLE, /* no such name, or no connection */
	OUTBOUND_FORBIDDEN,   /* an address in `never` */
	OUTBOUND_NOT_TRUSTED, /* TLS was not agreed upon, or the certificate is not good for this name */
	OUTBOUND_TIMEOUT,
	OUTBOUND_TOO_LARGE, /* a head or a body beyond its bound */
	OUTBOUND_BROKEN,    /* the connection ended, or what came is no HTTP */

	/* Of core/courier.h alone. */
	OUTBOUND_NO_PROGRAM, /* latch-outbound did not start, died, or said what it should not */
	OUTBOUND_BUSY,       /* no lane was free */
	OUTBOUND_RESULTS
};

enum { OUTBOUND_WHY_SIZE = 256 };

/* Whatever the status is, an answer is OUTBOUND_OK. Else `why` says in words what happened. */
enum outbound_result outbound_ask(struct outbound *outbound, const struct outbound_request *request,
                                  struct arena *arena, struct outbound_response *out,
                                  char why[OUTBOUND_WHY_SIZE]) MUST_USE;

/* The value of the nth header, from 0 on, of this name in any case; absent: there are not so many. */
struct str outbound_header(const struct outbound_response *response, const char *name, unsigned nth);

/* A date as HTTP has it (RFC 9110, 5.6.7). */
bool outbound_date(struct str text, struct timestamp *out) MUST_USE;

#endif
