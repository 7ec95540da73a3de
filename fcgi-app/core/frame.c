#include "core/frame.h"

#include <string.h>

/* Another one for each change of what is said: an old worker and a new program know each other by it. */
enum { REQUEST_MARK = 0x6c6f7131, ANSWER_MARK = 0x6c6f6131 };

enum request_number {
	MARK,
	PRIVATE,
	CONNECT_MS,
	TOTAL_MS,
	HEAD_MAX,
	BODY_MAX,
	METHOD_N,
	URL_N,
	PATH_N,
	HEADERS_N,
	HAS_BODY,
	BODY_N
};

enum answer_number { A_MARK, A_RESULT, A_STATUS, A_TOOK_MS, A_HEAD_N, A_BODY_N, A_WHY_N };

/* The least and the most; a text's with its NUL. */
static const struct bound {
	uint32_t min, max;
} request_bounds[FRAME_REQUEST_NUMBERS] = {
	[MARK] = { REQUEST_MARK, REQUEST_MARK },
	[PRIVATE] = { 0, 1 },
	[CONNECT_MS] = { 1, FRAME_MS_MAX },
	[TOTAL_MS] = { 1, FRAME_MS_MAX },
	[HEAD_MAX] = { 1, FRAME_HEAD_MAX },
	[BODY_MAX] = { 1, FRAME_ANSWER_MAX },
	[METHOD_N] = { 2, FRAME_METHOD_MAX + 1 },
	[URL_N] = { 2, FRAME_URL_MAX + 1 },
	[PATH_N] = { 1, FRAME_PATH_MAX + 1 },
	[HEADERS_N] = { 0, FRAME_HEADERS_BYTES_MAX },
	[HAS_BODY] = { 0, 1 },
	[BODY_N] = { 0, FRAME_BODY_MAX },
};

static bool
within(const uint32_t *numbers, const struct bound *bounds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (numbers[i] < bounds[i].min || numbers[i] > bounds[i].max)
			return false;
	return true;
}

/* ---- What a field may hold ---------------------------------------------------------------------------------------- */

static bool
all_from(const char *text, char least, char most)
{
	for (; *text != '\0'; text++)
		if (*text < least || *text > most)
			return false;
	return true;
}

/* A name, a colon, and nothing that would end the line: another header, or a second request, would begin there. */
static bool
is_header(const char *line)
{
	const char *colon = strchr(line, ':');

	if (colon == NULL || colon == line)
		return false;
	for (const char *p = line; p < colon; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	for (; *colon != '\0'; colon++)
		if ((unsigned char)*colon < ' ' || *colon == 0x7f)
			return false;
	return true;
}

static bool
well_formed(const struct frame_request *request)
{
	if (!all_from(request->method, 'A', 'Z') || !all_from(request->url, '!', '~'))
		return false;
	if (request->ca_file != NULL && request->ca_file[0] != '/')
		return false;
	for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
		if (i == FRAME_HEADERS_MAX || !is_header(request->headers[i]))
			return false;
	return true;
}

/* ---- Requests ----------------------------------------------------------------------------------------------------- */

/* More than fits is as good as UINT32_MAX: no bound allows it. */
static uint32_t
length(size_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static char *
put(char *to, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(to, bytes, n);
	return to + n;
}

struct str
frame_encode_request(const struct frame_request *request, struct arena *arena)
{
	struct frame_request r = *request;
	struct frame_request_head head = { { 0 } };
	const char *path = r.ca_file != NULL ? r.ca_file : "";
	size_t headers_n = 0, n;

	r.method = r.method != NULL ? r.method : "GET";
	if (r.url == NULL || !well_formed(&r))
		return (struct str){ 0 };
	for (size_t i = 0; r.headers != NULL && r.headers[i] != NULL; i++)
		headers_n += strlen(r.headers[i]) + 1;
	head = (struct frame_request_head){ {
		[MARK] = REQUEST_MARK,
		[PRIVATE] = r.allow_private ? 1 : 0,
		[CONNECT_MS] = r.connect_ms,
		[TOTAL_MS] = r.total_ms,
		[HEAD_MAX] = r.head_max,
		[BODY_MAX] = r.body_max,
		[METHOD_N] = length(strlen(r.method) + 1),
		[URL_N] = length(strlen(r.url) + 1),
		[PATH_N] = length(strlen(path) + 1),
		[HEADERS_N] = length(headers_n),
		[HAS_BODY] = r.body.p != NULL ? 1 : 0,
		[BODY_N] = length(r.body.n),
	} };
	if (!frame_request_size(&head, &n))
		return (struct str){ 0 };
	char *frame = arena_alloc(arena, sizeof(head) + n);
	if (frame == NULL)
		return (struct str){ 0 };
	char *end = put(frame, &head, sizeof(head));
	end = put(end, r.method, head.numbers[METHOD_N]);
	end = put(end, r.url, head.numbers[URL_N]);
	end = put(end, path, head.numbers[PATH_N]);
	for (size_t i = 0; r.headers != NULL && r.headers[i] != NULL; i++)
		end = put(end, r.headers[i], strlen(r.headers[i]) + 1);
	(void)put(end, r.body.p, r.body.n);
	return (struct str){ frame, sizeof(head) + n };
}

bool
frame_request_size(const struct frame_request_head *head, size_t *out)
{
	const uint32_t *numbers = head->numbers;

	*out = 0;
	if (!within(numbers, request_bounds, FRAME_REQUEST_NUMBERS) || (numbers[HAS_BODY] == 0 && numbers[BODY_N] != 0))
		return false;
	*out = (size_t)numbers[METHOD_N] + numbers[URL_N] + numbers[PATH_N] + numbers[HEADERS_N] + numbers[BODY_N];
	return true;
}

/* The next text, of n bytes with its NUL, which is its only one; NULL: it is not so. */
static const char *
text_of(const char **bytes, size_t n)
{
	const char *text = *bytes;

	*bytes += n;
	return memchr(text, '\0', n) == text + n - 1 ? text : NULL;
}

static const char *const *
headers_of(const char **bytes, size_t n, struct arena *arena)
{
	const char **list = arena_alloc(arena, (FRAME_HEADERS_MAX + 1) * sizeof(*list));
	const char *end = *bytes + n;

	for (size_t i = 0; list != NULL && *bytes < end; i++) {
		const char *nul = memchr(*bytes, '\0', (size_t)(end - *bytes));
		if (nul == NULL || i == FRAME_HEADERS_MAX)
			return NULL;
		list[i] = *bytes;
		*bytes = nul + 1;
	}
	return list;
}

bool
frame_decode_request(const struct frame_request_head *head, const char *bytes, struct arena *arena,
                     struct frame_request *out)
{
	const uint32_t *numbers = head->numbers;
	size_t n;

	*out = (struct frame_request){ 0 };
	if (!frame_request_size(head, &n))
		return false;
	struct frame_request r = { .allow_private = numbers[PRIVATE] == 1,
		                       .connect_ms = numbers[CONNECT_MS],
		                       .total_ms = numbers[TOTAL_MS],
		                       .head_max = numbers[HEAD_MAX],
		                       .body_max = numbers[BODY_MAX] };
	r.method = text_of(&bytes, numbers[METHOD_N]);
	r.url = text_of(&bytes, numbers[URL_N]);
	r.ca_file = text_of(&bytes, numbers[PATH_N]);
	r.headers = headers_of(&bytes, numbers[HEADERS_N], arena);
	if (r.method == NULL || r.url == NULL || r.ca_file == NULL || r.headers == NULL)
		return false;
	if (r.ca_file[0] == '\0')
		r.ca_file = NULL;
	if (numbers[HAS_BODY] == 1)
		r.body = (struct str){ bytes, numbers[BODY_N] };
	if (!well_formed(&r))
		return false;
	*out = r;
	return true;
}

/* ---- Answers ------------------------------------------------------------------------------------------------------ */

struct frame_answer_head
frame_answer_head(enum outbound_result result, const struct outbound_response *answer, struct str why)
{
	return (struct frame_answer_head){ {
		[A_MARK] = ANSWER_MARK,
		[A_RESULT] = (uint32_t)result,
		[A_STATUS] = answer->status,
		[A_TOOK_MS] = answer->took_ms,
		[A_HEAD_N] = length(answer->head.n),
		[A_BODY_N] = length(answer->body.n),
		[A_WHY_N] = length(why.n),
	} };
}

bool
frame_answer_size(const struct frame_answer_head *head, const struct frame_request *request, size_t *out)
{
	const struct bound bounds[FRAME_ANSWER_NUMBERS] = {
		[A_MARK] = { ANSWER_MARK, ANSWER_MARK },
		[A_RESULT] = { OUTBOUND_OK, OUTBOUND_BROKEN },
		[A_STATUS] = { 0, 999 },
		[A_TOOK_MS] = { 0, UINT32_MAX },
		[A_HEAD_N] = { 0, request->head_max },
		[A_BODY_N] = { 0, request->body_max },
		[A_WHY_N] = { 0, OUTBOUND_WHY_SIZE - 1 },
	};
	const uint32_t *numbers = head->numbers;

	*out = 0;
	if (!within(numbers, bounds, FRAME_ANSWER_NUMBERS))
		return false;
	/* An answer has a status, and what is none has nothing. */
	if (numbers[A_RESULT] == OUTBOUND_OK ? numbers[A_STATUS] < 100 : numbers[A_HEAD_N] + numbers[A_BODY_N] > 0)
		return false;
	*out = (size_t)numbers[A_HEAD_N] + numbers[A_BODY_N] + numbers[A_WHY_N];
	return true;
}

enum outbound_result
frame_decode_answer(const struct frame_answer_head *head, const char *bytes, struct outbound_response *out,
                    char why[OUTBOUND_WHY_SIZE])
{
	const uint32_t *numbers = head->numbers;
	const char *body = bytes + numbers[A_HEAD_N], *said = body + numbers[A_BODY_N];
	size_t i = 0;

	*out = (struct outbound_response){ .status = (uint16_t)numbers[A_STATUS],
		                               .head = { bytes, numbers[A_HEAD_N] },
		                               .body = { body, numbers[A_BODY_N] },
		                               .took_ms = numbers[A_TOOK_MS] };
	for (; i < numbers[A_WHY_N]; i++)
		why[i] = said[i] >= ' ' && said[i] <= '~' ? said[i] : '?';
	why[i] = '\0';
	return (enum outbound_result)numbers[A_RESULT];
}
