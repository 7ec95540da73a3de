/*
 * fcgi.h: FastCGI in, FastCGI out: requests of the pool's listening socket, one after the other.
 *
 * A request's text lies in the arena. SIGTERM, SIGUSR1 and SIGUSR2 are let through only while waiting for a request: they are never
 * lost, and never cut a read short.
 */
#ifndef LATCH_HTTP_FCGI_H
#define LATCH_HTTP_FCGI_H

#include "http/request.h"
#include "http/response.h"

struct fcgi;

/* Takes the listening socket on descriptor `listener`; authorizer_only: requests of the role AUTHORIZER only. Whatever else
 * comes gets 403: without a status an authorizer would let everybody in. NULL, with a line in the log: it is none, or the system has no
 * memory or descriptors left. */
struct fcgi *fcgi_open(int listener, bool authorizer_only);
void fcgi_close(struct fcgi *fcgi);

/* Waits for a request and reads it. False: SIGTERM came, and what was queued on the socket by then has been served (for
 * at most 2 s). One that begins to arrive in that time has half a second. Requests that arrive broken off are dropped,
 * with a line in the log. */
bool fcgi_next(struct fcgi *fcgi, struct arena *arena, struct request *out) MUST_USE;

/* Whether SIGTERM has come: nothing should be begun that no client waits for. */
bool fcgi_stopping(struct fcgi *fcgi) MUST_USE;

/* Sends the response, and with it the request's end; a HEAD's body is left out. */
void fcgi_send(struct fcgi *fcgi, const struct request *request, const struct response *response);
/* Wipes what the request came through, and closes the connection unless the web server is going to use it again. The arena
 * is the caller's to reset. */
void fcgi_finish(struct fcgi *fcgi);

#endif
