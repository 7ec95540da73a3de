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

/* Sends it as request `id`'s only output, and the request's end; without its body where head is set. Headers of more than
 * HEAD_MAX bytes become a 500. False: it could not be sent whole. */
bool response_send(struct connection *connection, unsigned id, bool head, const struct response *response) MUST_USE;

#endif
