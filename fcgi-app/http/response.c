#include "http/response.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "http/records.h"

void
response_header(struct response *response, const char *name, struct str value)
{
	if (response->nheaders < HEADERS_MAX)
		response->headers[response->nheaders++] = (struct header){ name, value };
	else
		log_error("response header %s: no room left", name);
}

/* nginx sends the phrase on as it is, and without one a status line that some clients refuse. */
static const char *
reason_phrase(uint16_t status)
{
	static const struct {
		uint16_t status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < COUNT(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}

/* What does not fit makes the head full. */
static void
put(struct response_text *out, struct str text)
{
	out->full = out->full || text.n > sizeof(out->head) - out->head_n;
	if (out->full || text.n == 0)
		return;
	memcpy(out->head + out->head_n, text.p, text.n);
	out->head_n += text.n;
}

static void
put_header(struct response_text *out, const char *name, struct str value)
{
	put(out, str_of(name));
	put(out, STR(": "));
	put(out, value);
	put(out, STR("\r\n"));
}

/* Status comes first: lighttpd lets a request through without one. */
static void
write_head(struct response_text *head, const struct response *response)
{
	char number[32];

	head->head_n = 0;
	head->full = false;
	(void)snprintf(number, sizeof(number), "Status: %u ", response->status);
	put(head, str_of(number));
	put(head, str_of(reason_phrase(response->status)));
	put(head, STR("\r\n"));
	for (size_t i = 0; i < response->nheaders; i++)
		put_header(head, response->headers[i].name, response->headers[i].value);
	if (response->content_type != NULL) {
		(void)snprintf(number, sizeof(number), "%zu", response->body.n);
		put_header(head, "Content-Type", str_of(response->content_type));
		put_header(head, "Content-Length", str_of(number));
	}
	put(head, STR("\r\n"));
}

/* One STDOUT record of two pieces, and, with the last one, the end of the stream and of the request. */
static bool
send_record(struct connection *connection, unsigned id, struct str first, struct str second, bool last)
{
	unsigned char header[RECORD_HEADER_SIZE], eof[RECORD_HEADER_SIZE], end[RECORD_HEADER_SIZE], status[RECORD_END_SIZE];

	record_encode(RECORD_STDOUT, id, first.n + second.n, header);
	record_encode(RECORD_STDOUT, id, 0, eof);
	record_encode(RECORD_END, id, RECORD_END_SIZE, end);
	record_end_encode(status);
	struct iovec parts[] = {
		{ header, sizeof(header) }, { unconst(first.p), first.n }, { unconst(second.p), second.n },
		{ eof, sizeof(eof) },       { end, sizeof(end) },          { status, sizeof(status) },
	};
	return connection_send(connection, parts, last ? COUNT(parts) : COUNT(parts) / 2);
}

void
response_write(const struct response *response, bool head_only, struct response_text *out)
{
	const bool has_body = response->content_type != NULL && !head_only;

	out->body = has_body ? response->body : (struct str){ 0 };
	write_head(out, response);
	if (!out->full)
		return;
	log_error("response head: no room left");
	write_head(out, &(const struct response){ .status = 500 });
	out->body = (struct str){ 0 };
}

bool
response_send(struct connection *connection, unsigned id, bool head_only, const struct response *response)
{
	struct response_text text;

	response_write(response, head_only, &text);
	struct str first = { text.head, text.head_n }, body = text.body;
	for (;;) {
		const size_t room = RECORD_CONTENT_MAX - first.n;
		const struct str now = { body.p, body.n < room ? body.n : room };
		const bool last = now.n == body.n;
		if (!send_record(connection, id, first, now, last))
			return false;
		if (last)
			return true;
		body = (struct str){ body.p + now.n, body.n - now.n };
		first = (struct str){ 0 };
	}
}
