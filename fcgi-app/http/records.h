/*
 * records.h: FastCGI records as bytes (FastCGI 1.0, sections 3.3, 3.4 and 8). Pure: no input, no output, no memory.
 *
 * libfcgi is not used for this. Of Debian's 2.4.2: name-value lengths of 2^31 - 1 write past the heap (CVE-2025-23016),
 * parameters without number or limit are taken, a signal in the wrong moment is an end of input or an endless loop, an
 * unread body is parsed as the next request, and each request costs 34 allocations and a wait for the web server to close.
 */
#ifndef LATCH_HTTP_RECORDS_H
#define LATCH_HTTP_RECORDS_H

#include "core/attr.h"
#include "core/str.h"

enum { RECORD_HEADER_SIZE = 8, RECORD_CONTENT_MAX = 65535, RECORD_BEGIN_SIZE = 8, RECORD_END_SIZE = 8 };

enum record_type {
	RECORD_BEGIN = 1,
	RECORD_ABORT = 2,
	RECORD_END = 3,
	RECORD_PARAMS = 4,
	RECORD_STDIN = 5,
	RECORD_STDOUT = 6
};

enum record_role { ROLE_RESPONDER = 1, ROLE_AUTHORIZER = 2 };

struct record {
	unsigned type;               /* enum record_type, or any other byte */
	unsigned id;                 /* of the request; 0 for management */
	size_t content_n, padding_n; /* bytes that follow the header, in this order */
};

/* False: not version 1. */
bool record_decode(const unsigned char header[RECORD_HEADER_SIZE], struct record *out) MUST_USE;
/* content_n up to RECORD_CONTENT_MAX; no padding. */
void record_encode(enum record_type type, unsigned id, size_t content_n, unsigned char header[RECORD_HEADER_SIZE]);

/* FCGI_BeginRequestBody. */
struct record_begin {
	unsigned role; /* enum record_role, or any other number */
	bool keep;     /* the web server may send another request on this connection */
};
struct record_begin record_begin_decode(const unsigned char content[RECORD_BEGIN_SIZE]);
/* FCGI_EndRequestBody: application status 0, FCGI_REQUEST_COMPLETE. */
void record_end_encode(unsigned char content[RECORD_END_SIZE]);

/* Takes the next name-value pair off the front of *rest; false at its end, and for a pair that is longer than what is left
 * (*rest is then not empty). The strs point into *rest and may hold any byte. */
bool record_pair(struct str *rest, struct str *name, struct str *value) MUST_USE;

#endif
