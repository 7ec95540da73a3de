#include "http/records.h"

#include <string.h>

enum { VERSION = 1, FLAG_KEEP = 1, LONG_LENGTH = 0x80 };

bool
record_decode(const unsigned char header[RECORD_HEADER_SIZE], struct record *out)
{
	*out = (struct record){
		.type = header[1],
		.id = (unsigned)header[2] << 8 | header[3],
		.content_n = (size_t)header[4] << 8 | header[5],
		.padding_n = header[6],
	};
	return header[0] == VERSION;
}

void
record_encode(enum record_type type, unsigned id, size_t content_n, unsigned char header[RECORD_HEADER_SIZE])
{
	const unsigned char bytes[RECORD_HEADER_SIZE] = {
		VERSION,
		(unsigned char)type,
		(unsigned char)(id >> 8),
		(unsigned char)(id & 0xff),
		(unsigned char)(content_n >> 8),
		(unsigned char)(content_n & 0xff),
	};

	memcpy(header, bytes, sizeof(bytes));
}

struct record_begin
record_begin_decode(const unsigned char content[RECORD_BEGIN_SIZE])
{
	return (struct record_begin){
		.role = (unsigned)content[0] << 8 | content[1],
		.keep = (content[2] & FLAG_KEEP) != 0,
	};
}

void
record_end_encode(unsigned char content[RECORD_END_SIZE])
{
	memset(content, 0, RECORD_END_SIZE);
}

/* One byte, or four with the highest bit set; *at moves behind it. False where it is cut short. */
static bool
pair_length(struct str all, size_t *at, size_t *out)
{
	const unsigned char *p = (const unsigned char *)all.p + *at;
	const size_t left = all.n - *at;

	if (left < 1)
		return false;
	if ((p[0] & LONG_LENGTH) == 0) {
		*out = p[0];
		*at += 1;
		return true;
	}
	if (left < 4)
		return false;
	*out = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	*at += 4;
	return true;
}

bool
record_pair(struct str *rest, struct str *name, struct str *value)
{
	const struct str all = *rest;
	size_t at = 0, name_n, value_n;

	if (!pair_length(all, &at, &name_n) || !pair_length(all, &at, &value_n))
		return false;
	/* Each is below 2^31, so that their sum cannot overflow. */
	if (name_n + value_n > all.n - at)
		return false;
	*name = (struct str){ all.p + at, name_n };
	*value = (struct str){ all.p + at + name_n, value_n };
	at += name_n + value_n;
	*rest = (struct str){ all.p + at, all.n - at };
	return true;
}
