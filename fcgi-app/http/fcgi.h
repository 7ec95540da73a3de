/*
 * fcgi.h: FastCGI in, FastCGI out. Nothing above this file sees libfcgi.
 *
 * A request's text points into memory that lives until fcgi_finish. SIGTERM is let through only while waiting for a
 * request: it is never lost, and never cuts a read short.
 */
#ifndef LATCH_HTTP_FCGI_H
#define LATCH_HTTP_FCGI_H

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

enum { BODY_MAX = 64 * 1024, HEADERS_MAX = 16, HEADER_VALUE_MAX = 8192 };

enum method { METHOD_OTHER, METHOD_GET, METHOD_POST, METHOD_PATCH, METHOD_OPTIONS, METHOD__COUNT };

/* "GET" and so on; "-" for METHOD_OTHER. */
const char *method_name(enum method method);

struct request {
	enum method method; /* HEAD is METHOD_GET with head set */
	bool head;
	struct str method_name;
	struct str path;   /* PATH_INFO: decoded by the web server, without the mount prefix; never empty */
	struct str script; /* SCRIPT_NAME: the mount prefix */
	struct str authorization, content_type, origin, if_none_match, remote_addr;
	bool authorization_twice;
	bool malformed;  /* a parameter that counts is longer than HEADER_VALUE_MAX, or there are too many */
	bool body_large; /* over BODY_MAX; body is then absent */
	struct str body; /* in the arena; n 0 without one */
};

struct response {
	uint16_t status;
	const char *content_type; /* NULL: no body */
	struct str body;
	struct header {
		const char *name;
		struct str value;
	} headers[HEADERS_MAX];
	size_t nheaders;
	bool cacheable; /* its headers say for how long; else it is sent with no-store */
};

struct fcgi;

/* Takes the listening socket on descriptor `listener`. NULL, with one sentence on standard error, when it is none. */
struct fcgi *fcgi_open(int listener);
void fcgi_close(struct fcgi *fcgi);

/* Waits for a request and reads it. False: SIGTERM came, and what was queued on the socket by then has been served (for
 * at most 2 s). Requests that arrive broken off are dropped, with a line in the log. */
bool fcgi_next(struct fcgi *fcgi, struct arena *arena, struct request *out) MUST_USE;

/* Adds a header; one past HEADERS_MAX is left out, with a line in the log. The value must live until fcgi_send. */
void response_header(struct response *response, const char *name, struct str value);

/* Writes the response; a HEAD's body is not sent. */
void fcgi_send(struct fcgi *fcgi, const struct request *request, const struct response *response);
/* Ends the request; wipes what carried credentials. */
void fcgi_finish(struct fcgi *fcgi);

#endif
