/* random.h: the kernel's random numbers, and the identifiers made of them. */
#ifndef LATCH_CORE_RANDOM_H
#define LATCH_CORE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

/* A UUID in its text form, lower case (RFC 9562). */
struct uuid {
	char text[37];
};

/* Below every id that there is. */
#define UUID_NIL "00000000-0000-0000-0000-000000000000"
/* Above every id that there is (RFC 9562, 5.10). */
#define UUID_MAX "ffffffff-ffff-ffff-ffff-ffffffffffff"

/* Fills buf from getrandom(2). Ends the process when the kernel refuses: nothing here is safe without it. */
void random_bytes(void *buf, size_t size);

/* A UUIDv7 (RFC 9562, 5.7): 48 bits of UTC milliseconds, 74 random bits. */
struct uuid uuid_new(void);

/* The same as 16 bytes, and back. */
void uuid_pack(const struct uuid *id, unsigned char out[16]);
struct uuid uuid_unpack(const unsigned char bytes[16]);

/* When a UUIDv7 was made: milliseconds since 1970. */
int64_t uuid_time_ms(const struct uuid *id);

/* Whether s is a UUID of any version in its 36-character form, in either case. */
bool uuid_valid(struct str s);

/* Such a UUID from outside, in lower case: the one way from a text to an id, as whatever a MAC or a hash is over has to read the
 * same from the database. False: it is none. */
bool uuid_parse(struct str text, struct uuid *out) MUST_USE;

#endif
