/*
 * frame.h: what a worker and latch-outbound say to each other.
 *
 * A frame is a row of 32-bit numbers, in this machine's order, and behind it the bytes whose lengths stand among them. Both ends
 * check all of a frame before they use any of it, and each field has a bound, for either end may have been taken over through what
 * it read: a worker takes nothing from the program that it would not take from the provider itself.
 */
#ifndef LATCH_CORE_FRAME_H
#define LATCH_CORE_FRAME_H

#include "core/arena.h"
#include "core/outbound.h"

/* Bytes without their NUL; of headers: the lines together, each with one. */
enum {
	FRAME_METHOD_MAX = 16,
	FRAME_URL_MAX = 4096,
	FRAME_PATH_MAX = 255,
	FRAME_HEADERS_MAX = 16,
	FRAME_HEADERS_BYTES_MAX = 16384,
	FRAME_BODY_MAX = 65536,
	FRAME_MS_MAX = 30000,
	FRAME_HEAD_MAX = 65536,
	FRAME_ANSWER_MAX = 1048576,
	FRAME_ARENA = 2 * 1048576 /* what one request and its answer fit in */
};

/* How many requests latch-outbound takes, and how long it lives. */
enum { OUTBOUND_REQUESTS_MAX = 32, OUTBOUND_LIFE_S = 60 };

struct frame_request {
	const char *method;         /* A-Z; NULL: GET */
	const char *url;            /* printable ASCII */
	const char *const *headers; /* "Name: value", printable ASCII and UTF-8, the last one NULL; NULL: none */
	struct str body;            /* absent: none */
	const char *ca_file;        /* an absolute path; NULL: the system's */
	bool allow_private;         /* also addresses of core/reserved.h, and http */
	uint32_t connect_ms, total_ms;
	uint32_t head_max, body_max; /* bytes of the answer */
};

/* The whole frame, in the arena; absent: a field is beyond its bound or of another form, or the arena is full. */
struct str frame_encode_request(const struct frame_request *request, struct arena *arena);

/* What stands at the head of a frame, and how many bytes follow it; false: it is none. */
enum { FRAME_REQUEST_NUMBERS = 12, FRAME_ANSWER_NUMBERS = 7 };
struct frame_request_head {
	uint32_t numbers[FRAME_REQUEST_NUMBERS];
};
struct frame_answer_head {
	uint32_t numbers[FRAME_ANSWER_NUMBERS];
};
bool frame_request_size(const struct frame_request_head *head, size_t *out) MUST_USE;
/* Points into the bytes; the list of headers is in the arena. */
bool frame_decode_request(const struct frame_request_head *head, const char *bytes, struct arena *arena,
                          struct frame_request *out) MUST_USE;

/* `why`: of a result that is not OUTBOUND_OK. */
struct frame_answer_head frame_answer_head(enum outbound_result result, const struct outbound_response *answer,
                                           struct str why);
/* Of an answer to that request. */
bool frame_answer_size(const struct frame_answer_head *head, const struct frame_request *request, size_t *out) MUST_USE;
/* Points into the bytes. What is not printable in `why` becomes "?". */
enum outbound_result frame_decode_answer(const struct frame_answer_head *head, const char *bytes,
                                         struct outbound_response *out, char why[OUTBOUND_WHY_SIZE]);

#endif
