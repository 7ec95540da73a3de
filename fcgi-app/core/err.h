/*
 * err.h: how everything here fails.
 *
 * One enum for outcomes ("no such row") and for failures of our own ("the database is gone"); one table gives each
 * its HTTP face (RFC 9457). A function that can fail returns enum err and must not be ignored. What a client may be
 * told beyond that goes into a struct reason that the caller passes in.
 */
#ifndef LATCH_CORE_ERR_H
#define LATCH_CORE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

enum err {
	OK,

	/* Outcomes that a service turns into one of those below before a client sees them. */
	ERR_NO_ROW,    /* no row matched */
	ERR_DUPLICATE, /* a unique key is taken */

	/* Failures of ours. */
	ERR_INTERNAL, /* a bug, or out of memory */
	ERR_DB,       /* the database is away, too slow, or refused a statement */
	ERR_BUSY,     /* every hash lane is taken and the queue is full */

	/* What a request did wrong. */
	ERR_NOT_FOUND,
	ERR_METHOD,
	ERR_BAD_REQUEST,
	ERR_JSON,
	ERR_TOO_LARGE,
	ERR_MEDIA_TYPE,
	ERR_FIELDS,
	ERR_CONFLICT,

	/* Who may. */
	ERR_UNAUTHORIZED, /* no credentials */
	ERR_TOKEN,        /* credentials that do not hold */
	ERR_AMBIGUOUS,    /* two ways of presenting credentials at once */
	ERR_CREDENTIALS,  /* wrong password or unknown user: never told apart */
	ERR_DISABLED,
	ERR_FORBIDDEN,  /* a permission is missing */
	ERR_LAST_ADMIN, /* nobody would be left who may do everything */
	ERR_GRANT,      /* a refresh token that does not hold */
	ERR_CROSS_SITE, /* a cookie, sent by another site's page */
	ERR_SLOW_DOWN,  /* too often: see reason.retry_after_s */

	ERR__COUNT
};

/* The HTTP face of an error. `slug` is the problem's `code` and the end of its `type` URL. */
struct problem {
	uint16_t status;
	const char *slug, *title;
	const char *detail;     /* what to tell the client when nothing more precise is known */
	const char *challenge;  /* WWW-Authenticate (RFC 6750), or NULL */
	uint16_t retry_after_s; /* Retry-After, or 0 for none */
};

extern const struct problem problems[ERR__COUNT];

enum { REASON_FIELDS_MAX = 16 };

struct field_error {
	const char *field, *code, *detail;
};

/* What a client may be told. Zero it, pass it down. The texts are literals, or live as long as the request. */
struct reason {
	const char *detail;     /* NULL: problems[].detail */
	uint32_t retry_after_s; /* 0: problems[].retry_after_s */
	size_t n;
	struct field_error fields[REASON_FIELDS_MAX];
};

/* Adds one field's complaint and returns ERR_FIELDS; a field that has one already, or one past the table's end, is left
 * out. */
enum err reason_field(struct reason *why, const char *field, const char *code, const char *detail);

/* Whether there is a complaint about this field. */
bool reason_names(const struct reason *why, const char *field);

#endif
