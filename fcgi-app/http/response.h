/*
 * response.h: what is sent back.
 */
#ifndef LATCH_HTTP_RESPONSE_H
#define LATCH_HTTP_RESPONSE_H

#include "core/str.h"
#include "http/connection.h"

enum { HEADERS_MAX = 16, HEAD_MAX = 16 * 1024 };

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

/* Adds a header; one past HEADERS_MAX is left out, with a line in the log. The value must live until it is sent. */
void response_header(struct response *response, const char *name, struct str value);

/* It as CGI has it (RFC 3875, 6): the head, with the empty line, and the body, which is the response's own. */
struct response_text {
	char head[HEAD_MAX];
	size_t head_n;
	bool full; /* response_write's own */
	struct str body;
};

/* Without its body where head is set. Headers of more than HEAD_MAX bytes become a 500. */
void response_write(const struct response *response, bool head, struct response_text *out);

/* Sends it as request `id`'s only output, and the request's end, as response_write has it. False: it could not be sent whole. */
bool response_send(struct connection *connection, unsigned id, bool head, const struct response *response) MUST_USE;

#endif
