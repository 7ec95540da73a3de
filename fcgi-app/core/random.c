#include "core/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/clock.h"

void
random_bytes(void *buf, size_t size)
{
	unsigned char *p = buf;

	while (size > 0) {
		const ssize_t got = getrandom(p, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		p += got;
		size -= (size_t)got;
	}
}

struct uuid
uuid_new(void)
{
	unsigned char b[16];
	const uint64_t ms = (uint64_t)clock_now().ms;

	random_bytes(b + 6, sizeof(b) - 6);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	return uuid_unpack(b);
}

struct uuid
uuid_unpack(const unsigned char b[16])
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };
	struct uuid id = { { 0 } };
	char *p = id.text;

	for (size_t i = 0; i < COUNT(groups); i++) {
		if (i > 0)
			*p++ = '-';
		hex_encode(b, groups[i], p);
		b += groups[i];
		p += 2 * groups[i];
	}
	return id;
}

void
uuid_pack(const struct uuid *id, unsigned char out[16])
{
	const char *p = id->text;

	for (size_t i = 0; i < 16; i++) {
		if (*p == '-')
			p++;
		out[i] = (unsigned char)(hex_digit(p[0]) * 16 + hex_digit(p[1]));
		p += 2;
	}
}

int64_t
uuid_time_ms(const struct uuid *id)
{
	unsigned char b[16];
	int64_t ms = 0;

	uuid_pack(id, b);
	for (size_t i = 0; i < 6; i++)
		ms = ms << 8 | b[i];
	return ms;
}

bool
uuid_valid(struct str s)
{
	if (s.n != sizeof(((struct uuid *)0)->text) - 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' : hex_digit(s.p[i]) < 0)
			return false;
	}
	return true;
}

bool
uuid_parse(struct str text, struct uuid *out)
{
	if (!uuid_valid(text))
		return false;
	for (size_t i = 0; i < text.n; i++)
		out->text[i] = ascii_lower(text.p[i]);
	out->text[text.n] = '\0';
	return true;
}
