#include "http/request.h"

#include <string.h>

#include "http/records.h"

enum { PARAMS_SIZE = 64 * 1024, PARAMS_MAX = 200 };

/* clang-format off */
#define WANTED(name, member) { { (name), sizeof(name) - 1 }, offsetof(struct request, member) }
/* clang-format on */

static const struct wanted {
	struct str name;
	size_t at;
} wanted[] = {
	WANTED("REQUEST_METHOD", method_name),
	WANTED("PATH_INFO", path),
	WANTED("SCRIPT_NAME", script),
	WANTED("QUERY_STRING", query),
	WANTED("CONTENT_TYPE", content_type),
	WANTED("REMOTE_ADDR", remote_addr),
	WANTED("HTTP_AUTHORIZATION", authorization),
	WANTED("HTTP_COOKIE", cookie),
	WANTED("HTTP_IF_NONE_MATCH", if_none_match),
	WANTED("HTTP_ORIGIN", origin),
	WANTED("HTTP_SEC_FETCH_SITE", sec_fetch_site),
	WANTED("HTTP_USER_AGENT", user_agent),
	WANTED("HTTP_X_FORWARDED_FOR", x_forwarded_for),
	WANTED("HTTP_X_FORWARDED_URI", x_forwarded_uri),
	WANTED("HTTP_X_FORWARDED_METHOD", x_forwarded_method),
	WANTED("HTTP_X_FORWARDED_HOST", x_forwarded_host),
	WANTED("HTTP_ACCEPT", accept),
	WANTED("HTTP_SEC_FETCH_MODE", sec_fetch_mode),
	WANTED("HTTP_SEC_WEBSOCKET_KEY", sec_websocket_key),
	WANTED("HTTP_SEC_FETCH_DEST", sec_fetch_dest),
	WANTED("HTTP_HOST", host),
	WANTED("REQUEST_URI", uri),
	WANTED("LATCH_REQUIRE", latch_require),
	WANTED("LATCH_URI", latch_uri),
	WANTED("LATCH_METHOD", latch_method),
};

/* The first counts, as everywhere with FastCGI; but of two of those below, what a proxy or browser wrote and what somebody else
 * did cannot be told apart ("X_Forwarded_For" becomes the same parameter). */
static bool
must_be_one(const struct request *out, const struct str *member)
{
	const struct str *const such[] = {
		&out->origin,           &out->sec_fetch_site,  &out->host, &out->x_forwarded_for, &out->x_forwarded_method,
		&out->x_forwarded_host, &out->x_forwarded_uri,
	};

	for (size_t i = 0; i < COUNT(such); i++)
		if (member == such[i])
			return true;
	return false;
}

static void
keep(struct request *out, struct str *member, struct str value)
{
	if (member->p == NULL)
		*member = value;
	else if (member == &out->authorization)
		out->authorization_twice = true;
	else if (member == &out->cookie)
		out->cookie_twice = true;
	else if (must_be_one(out, member))
		out->malformed = true;
}

static void
read_parameter(struct request *out, struct str name, struct str value, struct str *content_length)
{
	if (str_eq(name, STR("CONTENT_LENGTH")) && content_length->p == NULL)
		*content_length = value;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		if (!str_eq(name, wanted[i].name))
			continue;
		struct str *member = (struct str *)(void *)((char *)out + wanted[i].at);
		keep(out, member, value);
		/* A query is looked at where a route takes one. */
		if (member == &out->query)
			return;
		if (value.n > HEADER_VALUE_MAX || memchr(value.p, '\0', value.n) != NULL)
			out->malformed = true;
		return;
	}
}

const char *
method_name(enum method method)
{
	static const char *const names[METHOD__COUNT] = { "-", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

	return names[method];
}

static void
read_method(struct request *out)
{
	out->head = str_eq(out->method_name, STR("HEAD"));
	out->method = out->head ? METHOD_GET : METHOD_OTHER;
	for (enum method m = METHOD_GET; m < METHOD__COUNT; m++)
		if (str_eq(out->method_name, str_of(method_name(m))))
			out->method = m;
}

/* The next record of the request in hand; false also for one of any other: requests are not multiplexed (FastCGI 1.0, 3.1
 * leaves that to us), and management records are none of a web server that we know. */
static bool
next_record(struct connection *connection, unsigned id, struct record *out)
{
	unsigned char header[RECORD_HEADER_SIZE];

	return connection_take(connection, header, sizeof(header)) && record_decode(header, out) && out->id == id;
}

/* A record's content and padding; content goes nowhere where `to` is NULL. */
static bool
take_content(struct connection *connection, const struct record *record, char *to)
{
	return connection_take(connection, to, record->content_n) && connection_take(connection, NULL, record->padding_n);
}

static bool
read_begin(struct connection *connection, struct exchange *out)
{
	unsigned char bytes[RECORD_HEADER_SIZE + RECORD_BEGIN_SIZE];
	struct record record;

	if (!connection_take(connection, bytes, sizeof(bytes)) || !record_decode(bytes, &record))
		return false;
	if (record.type != RECORD_BEGIN || record.id == 0 || record.content_n != RECORD_BEGIN_SIZE)
		return false;
	const struct record_begin begin = record_begin_decode(bytes + RECORD_HEADER_SIZE);
	*out = (struct exchange){ .id = record.id, .role = begin.role, .keep = begin.keep };
	return connection_take(connection, NULL, record.padding_n);
}

/* All parameters, as they came. What is beyond PARAMS_SIZE is read and left out, so that it can be answered. */
static bool
read_params(struct connection *connection, unsigned id, struct arena *arena, struct str *out, bool *too_long)
{
	char *params = arena_alloc(arena, PARAMS_SIZE);
	struct record record;
	size_t n = 0;

	*too_long = false;
	if (params == NULL)
		return false;
	for (;;) {
		if (!next_record(connection, id, &record) || record.type != RECORD_PARAMS)
			return false;
		*too_long = *too_long || record.content_n > PARAMS_SIZE - n;
		if (!take_content(connection, &record, *too_long ? NULL : params + n))
			return false;
		if (record.content_n == 0)
			break;
		if (!*too_long)
			n += record.content_n;
	}
	arena_trim(arena, params, n);
	*out = (struct str){ params, n };
	return true;
}

/* The body to its end, or to where it is too large: reading on would only hold the worker. */
static bool
read_body(struct connection *connection, struct exchange *exchange, struct arena *arena, struct str content_length,
          struct request *out)
{
	uint64_t announced = 0;
	const bool known = content_length.n > 0;
	struct record record;
	size_t n = 0;

	if (known && !parse_u64(content_length, &announced))
		return false;
	out->body_large = announced > BODY_MAX;
	char *body = out->body_large ? NULL : arena_alloc(arena, BODY_MAX);
	if (body == NULL)
		return out->body_large;
	for (;;) {
		if (!next_record(connection, exchange->id, &record) || record.type != RECORD_STDIN)
			return false;
		out->body_large = record.content_n > BODY_MAX - n;
		if (out->body_large)
			return true;
		if (!take_content(connection, &record, body + n))
			return false;
		if (record.content_n == 0)
			break;
		n += record.content_n;
	}
	exchange->whole = true;
	arena_trim(arena, body, n);
	out->body = (struct str){ body, n };
	return !known || n == announced;
}

/* What is to be said of the parameters as a whole. False: they are no request's. */
static bool
settle(struct request *out, bool too_much)
{
	out->malformed = out->malformed || too_much;
	if (out->method_name.n == 0 && !out->malformed)
		return false;
	if (out->path.n == 0)
		out->path = STR("/");
	read_method(out);
	return true;
}

bool
request_read(struct connection *connection, struct arena *arena, struct exchange *exchange, struct request *out)
{
	struct str params, name, value, content_length = { 0 };
	bool too_long;
	size_t n = 0;

	*exchange = (struct exchange){ 0 };
	*out = (struct request){ 0 };
	if (!read_begin(connection, exchange) || !read_params(connection, exchange->id, arena, &params, &too_long))
		return false;
	for (; record_pair(&params, &name, &value); n++)
		read_parameter(out, name, value, &content_length);
	if (params.n > 0 && !too_long)
		return false; /* a pair that is longer than what came */
	if (!settle(out, too_long || n > PARAMS_MAX))
		return false;
	out->authorizer = exchange->role == ROLE_AUTHORIZER;
	if (exchange->role == ROLE_RESPONDER)
		return read_body(connection, exchange, arena, content_length, out);
	/* Those that a server sends with it are the guarded page's. */
	out->path = out->query = (struct str){ 0 };
	/* Its input is left alone, for it need not end; and with these methods nothing comes that a reply could get lost by. */
	exchange->whole = out->method == METHOD_GET && content_length.n == 0;
	exchange->keep = false;
	return true;
}

bool
request_of_environment(char *const *environment, struct arena *arena, struct request *out, struct str *content_length)
{
	size_t n = 0, room = PARAMS_SIZE;

	*out = (struct request){ 0 };
	*content_length = (struct str){ 0 };
	for (; environment[n] != NULL; n++) {
		const struct str variable = str_of(environment[n]);
		if (variable.n > room || n == PARAMS_MAX)
			return settle(out, true);
		room -= variable.n;
		struct str value = str_dup(arena, variable);
		if (value.p == NULL)
			return false;
		const struct str name = str_cut(&value, '=');
		if (value.p != NULL)
			read_parameter(out, name, value, content_length);
	}
	return settle(out, false);
}
