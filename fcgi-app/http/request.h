/*
 * request.h: one request, as a web server sends it over FastCGI or hands it over as CGI does.
 */
#ifndef LATCH_HTTP_REQUEST_H
#define LATCH_HTTP_REQUEST_H

#include "core/arena.h"
#include "core/str.h"
#include "http/connection.h"

enum { BODY_MAX = 64 * 1024, HEADER_VALUE_MAX = 8192 };

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD__COUNT
};

/* "GET" and so on; "-" for METHOD_OTHER. */
const char *method_name(enum method method);

struct request {
	enum method method; /* HEAD is METHOD_GET with head set */
	bool head;
	struct str method_name;
	struct str path;   /* PATH_INFO: decoded by the web server, without the mount prefix; never empty */
	struct str script; /* SCRIPT_NAME: the mount prefix */
	struct str query;  /* QUERY_STRING, as it came */
	struct str authorization, content_type, origin, if_none_match, cookie, sec_fetch_site, user_agent;
	struct str accept, sec_fetch_mode, sec_fetch_dest, sec_websocket_key, host;
	struct str remote_addr, x_forwarded_for;
	struct str x_forwarded_uri, x_forwarded_method, x_forwarded_host;
	/* The web server's configuration says it, and no header can: what a guarded page requires, its target and method. */
	struct str latch_require, latch_uri, latch_method;
	struct str uri; /* REQUEST_URI: as the client sent it, with the query */
	bool
		authorizer; /* the web server asks whether the request may pass (FastCGI 1.0, 6.3): it has no path, query and body */
	bool authorization_twice, cookie_twice;
	bool
		malformed; /* two where that must not be, or a parameter that counts is longer than HEADER_VALUE_MAX or holds NUL, or there are too many */
	bool body_large; /* over BODY_MAX; body is then absent */
	struct str body; /* in the arena; n 0 without one */
};

/* The same request as FastCGI has it. */
struct exchange {
	unsigned id;   /* on this connection */
	unsigned role; /* enum record_role, or any other number */
	bool keep;     /* the web server may use the connection again */
	bool whole;    /* it was read to its end, or nothing more comes of it that matters */
};

/* Reads the next request; its text lies in the arena. The body is read of a responder's request only, and only to where it
 * is too large. False: it broke off, took too long, or is none: drop the connection. */
bool request_read(struct connection *connection, struct arena *arena, struct exchange *exchange,
                  struct request *out) MUST_USE;

/* The parameters as CGI has them, in the environment, copied into the arena, within the same bounds; no body. *content_length:
 * CONTENT_LENGTH as it came; absent without one. False: they are no request's. */
bool request_of_environment(char *const *environment, struct arena *arena, struct request *out,
                            struct str *content_length) MUST_USE;

#endif
