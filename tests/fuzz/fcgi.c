/*
 * fcgi.c: whatever a peer writes on a connection, what comes of it are requests within their bounds, each answered once; and
 * what is in a request is never taken for the next one.
 *
 * The first byte of the input chooses: the rest is what the peer writes, byte for byte; or it is cut into the parameters and
 * the body of a well-formed request that is followed by another. Both go through a real listening socket.
 */
#include "http/fcgi.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bounds.h"
#include "http/records.h"

enum {
	ARENA_SIZE = 512 * 1024,
	WRITTEN_MAX = 150 * 1024,
	ANSWER_MAX = 256 * 1024,
	REQUESTS_MAX = 4096,
	SPLIT_MIN = 64
};

static struct arena arena;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_size;
static int listener = -1;

/* What the peer writes, and what it reads. */
static struct buffer {
	size_t n;
	unsigned char p[ANSWER_MAX];
} written, answer;

static char reply[80 * 1024];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* A name in no directory (unix(7), abstract), so that nothing is left behind. */
	const int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "latch-fuzz-%d", (int)getpid());
	address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (const struct sockaddr *)&address, address_size) != 0
	    || listen(listener, 16) != 0 || !arena_open(&arena, ARENA_SIZE))
		abort();
	memset(reply, 'x', sizeof(reply));
	/* From here on fcgi_next serves what is queued, and then returns instead of waiting for more. */
	struct fcgi *fcgi = fcgi_open(listener, false);
	if (fcgi == NULL || raise(SIGTERM) != 0)
		abort();
	struct request request;
	HOLDS(!fcgi_next(fcgi, &arena, &request));
	fcgi_close(fcgi);
	return 0;
}

/* ---- What the peer writes ---------------------------------------------------------------------------------------- */

static void
put(struct buffer *to, const void *p, size_t n)
{
	HOLDS(n <= sizeof(to->p) - to->n);
	if (n > 0)
		memcpy(to->p + to->n, p, n);
	to->n += n;
}

static void
put_record(enum record_type type, struct str content, unsigned padding)
{
	static const unsigned char zeroes[256];
	unsigned char header[RECORD_HEADER_SIZE];

	record_encode(type, 1, content.n, header);
	header[6] = (unsigned char)padding;
	put(&written, header, sizeof(header));
	put(&written, content.p, content.n);
	put(&written, zeroes, padding);
}

/* A whole stream in records of `split` bytes, and its end. */
static void
put_stream(enum record_type type, struct str all, size_t split, unsigned padding)
{
	while (all.n > 0) {
		const size_t n = all.n < split ? all.n : split;
		put_record(type, (struct str){ all.p, n }, padding);
		all = (struct str){ all.p + n, all.n - n };
	}
	put_record(type, STR(""), padding);
}

static void
put_pair(struct buffer *to, struct str name, struct str value)
{
	const unsigned char lengths[5] = { (unsigned char)name.n, (unsigned char)(value.n >> 24 | 128),
		                               (unsigned char)(value.n >> 16), (unsigned char)(value.n >> 8),
		                               (unsigned char)value.n };

	put(to, lengths, sizeof(lengths));
	put(to, name.p, name.n);
	put(to, value.p, value.n);
}

/* ---- What is made of it ------------------------------------------------------------------------------------------ */

static int
call(void)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 2 * WRITTEN_MAX;

	/* What is written has to fit in the socket whole: there is nobody yet who reads. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) != 0
	    || connect(fd, (const struct sockaddr *)&address, address_size) != 0
	    || send(fd, written.p, written.n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)written.n
	    || shutdown(fd, SHUT_WR) != 0)
		abort();
	return fd;
}

static void
read_answer(int fd)
{
	ssize_t got;

	answer.n = 0;
	while ((got = recv(fd, answer.p + answer.n, sizeof(answer.p) - answer.n, MSG_DONTWAIT)) > 0)
		answer.n += (size_t)got;
	HOLDS(answer.n < sizeof(answer.p));
}

/* The next record of the answer. */
static bool
next_record(size_t *at, struct record *record)
{
	if (*at == answer.n)
		return false;
	HOLDS(answer.n - *at >= RECORD_HEADER_SIZE && record_decode(answer.p + *at, record));
	HOLDS(answer.n - *at - RECORD_HEADER_SIZE >= record->content_n && record->padding_n == 0);
	*at += RECORD_HEADER_SIZE;
	return true;
}

/* One request's answer and nothing else: output, the output's end, the request's end. */
static void
is_one_answer(const char *status)
{
	size_t at = 0;
	struct record record = { 0 };

	HOLDS(next_record(&at, &record) && record.type == RECORD_STDOUT && record.id != 0);
	HOLDS(record.content_n > strlen(status) && memcmp(answer.p + at, status, strlen(status)) == 0);
	const unsigned id = record.id;
	while (record.type == RECORD_STDOUT && record.content_n > 0) {
		at += record.content_n;
		HOLDS(next_record(&at, &record) && record.type == RECORD_STDOUT && record.id == id);
	}
	HOLDS(next_record(&at, &record) && record.type == RECORD_END && record.id == id);
	HOLDS(at + record.content_n == answer.n);
}

/* Writes `written` to the worker and answers each request that comes of it, after `seen`; returns how many there were. */
static size_t
serve(void (*seen)(const struct request *request, size_t number))
{
	struct fcgi *fcgi = fcgi_open(listener, false);
	struct request request;
	size_t n = 0;

	if (fcgi == NULL)
		abort();
	const int fd = call();
	for (; fcgi_next(fcgi, &arena, &request); n++) {
		struct response response = { .status = 200, .content_type = "text/plain" };
		is_within_bounds(&arena, &request);
		seen(&request, n);
		/* Some need a second record. */
		response.body = (struct str){ reply, request.path.n % 8 == 7 ? sizeof(reply) : request.path.n };
		response_header(&response, "X-Request-Id", STR("1"));
		fcgi_send(fcgi, &request, &response);
		read_answer(fd);
		is_one_answer("Status: 200 OK\r\n");
		fcgi_finish(fcgi);
		arena_reset(&arena);
	}
	/* A refused role is the last thing on a connection. */
	read_answer(fd);
	if (answer.n > 0)
		is_one_answer("Status: 403 ");
	(void)close(fd);
	fcgi_close(fcgi);
	return n;
}

/* ---- The two ways ------------------------------------------------------------------------------------------------ */

static void
is_any(const struct request *request, size_t number)
{
	/* A request takes four records at least, and an authorizer's three. */
	HOLDS(number < written.n / (request->authorizer ? 3 : 4) / RECORD_HEADER_SIZE);
}

static struct expected {
	struct str authorization, body;
	bool broken, large; /* its length or a record's number is wrong; it is over BODY_MAX */
} expected;

static void
is_as_sent(const struct request *request, size_t number)
{
	const bool fits =
		expected.authorization.n <= HEADER_VALUE_MAX
		&& (expected.authorization.n == 0 || memchr(expected.authorization.p, '\0', expected.authorization.n) == NULL);

	if (number == 0) {
		HOLDS(!expected.broken);
		HOLDS(request->method == METHOD_POST && str_eq(request->path, STR("/first")));
		HOLDS(request->malformed == !fits && str_eq(request->authorization, expected.authorization));
		HOLDS(request->body_large == expected.large);
		HOLDS(str_eq(request->body, expected.large ? STR("") : expected.body));
	} else {
		HOLDS(number == 1 && !expected.large && request->method == METHOD_GET && str_eq(request->path, STR("/second")));
		HOLDS(!request->malformed && request->authorization.p == NULL && request->body.n == 0);
	}
}

static void
two_requests(const uint8_t flags[4], struct str bytes)
{
	static struct buffer params;
	const struct str begin = STR("\0\1\1\0\0\0\0\0"); /* responder, keep */
	const size_t at = bytes.n > 0 ? (size_t)(flags[0] * 256 + flags[1]) % (bytes.n + 1) : 0;
	const size_t split = SPLIT_MIN + flags[2] * (size_t)(flags[2] % 7 + 1);
	char length[32];

	expected = (struct expected){
		.authorization = { bytes.p, at },
		.body = { bytes.p + at, bytes.n - at },
		.broken = flags[3] % 8 == 7 || flags[3] % 8 == 5,
		.large = flags[3] % 8 == 6 && at < bytes.n,
	};
	(void)snprintf(length, sizeof(length), "%zu", expected.body.n + (flags[3] % 8 == 7 ? 1 : 0));
	params.n = 0;
	put_pair(&params, STR("REQUEST_METHOD"), STR("POST"));
	put_pair(&params, STR("PATH_INFO"), STR("/first"));
	put_pair(&params, STR("HTTP_AUTHORIZATION"), expected.authorization);
	if (!expected.large)
		put_pair(&params, STR("CONTENT_LENGTH"), str_of(length));
	put_record(RECORD_BEGIN, begin, flags[3]);
	put_stream(RECORD_PARAMS, (struct str){ (const char *)params.p, params.n }, split, flags[3]);
	unsigned char *id = &written.p[written.n + 3];
	/* The record in which a body becomes too large holds what the peer likes, another request for example. */
	if (expected.large)
		put_stream(RECORD_STDIN, (struct str){ reply, BODY_MAX }, RECORD_CONTENT_MAX, 0);
	written.n -= expected.large ? RECORD_HEADER_SIZE : 0;
	put_stream(RECORD_STDIN, expected.body, expected.large ? RECORD_CONTENT_MAX : split, flags[3]);
	*id += flags[3] % 8 == 5 ? 1 : 0;

	params.n = 0;
	put_pair(&params, STR("REQUEST_METHOD"), STR("GET"));
	put_pair(&params, STR("PATH_INFO"), STR("/second"));
	put_record(RECORD_BEGIN, begin, 0);
	put_stream(RECORD_PARAMS, (struct str){ (const char *)params.p, params.n }, split, 0);
	put_stream(RECORD_STDIN, STR(""), split, 0);
	const size_t n = serve(is_as_sent);
	HOLDS(n == (expected.broken ? 0 : expected.large ? 1 : 2) && answer.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	written.n = 0;
	if (data[0] % 2 == 0 && size <= WRITTEN_MAX) {
		put(&written, data + 1, size - 1);
		(void)serve(is_any);
	} else if (data[0] % 2 == 1 && size >= 5 && size <= WRITTEN_MAX / 8) {
		two_requests(data + 1, (struct str){ (const char *)data + 5, size - 5 });
	}
	return 0;
}
