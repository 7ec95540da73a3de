/* records.c: a record's header is read as FastCGI 1.0 has it, and name-value pairs never leave the bytes that came. */
#include "http/records.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* FastCGI 1.0, 3.4, in 64 bits: the length at the front of p, and how many bytes tell it; 0 bytes where it is cut short. */
static uint64_t
length_at(const uint8_t *p, size_t left, size_t *told_by)
{
	*told_by = left == 0 ? 0 : p[0] < 128 ? 1 : left >= 4 ? 4 : 0;
	if (*told_by < 4)
		return *told_by == 1 ? p[0] : 0;
	return ((uint64_t)p[0] - 128) * 16777216 + (uint64_t)p[1] * 65536 + (uint64_t)p[2] * 256 + p[3];
}

static void
pairs_are_where_their_lengths_say(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, name, value;
	size_t at = 0;

	for (;;) {
		size_t name_told, value_told = 0;
		const uint64_t name_n = length_at(data + at, size - at, &name_told);
		const uint64_t value_n = length_at(data + at + name_told, size - at - name_told, &value_told);
		const bool there =
			name_told > 0 && value_told > 0 && at + name_told + value_told + name_n + value_n <= (uint64_t)size;
		HOLDS(record_pair(&rest, &name, &value) == there);
		if (!there)
			break;
		at += name_told + value_told;
		HOLDS(name.p == (const char *)data + at && name.n == name_n);
		HOLDS(value.p == name.p + name.n && value.n == value_n);
		at += name.n + value.n;
	}
	HOLDS(rest.p == (const char *)data + at && rest.n == size - at);
}

static void
header_is_its_bytes(const uint8_t bytes[RECORD_HEADER_SIZE])
{
	unsigned char again[RECORD_HEADER_SIZE];
	struct record record;

	HOLDS(record_decode(bytes, &record) == (bytes[0] == 1));
	HOLDS(record.type == bytes[1] && record.id == bytes[2] * 256U + bytes[3]);
	HOLDS(record.content_n == bytes[4] * 256U + bytes[5] && record.padding_n == bytes[6]);
	record_encode((enum record_type)record.type, record.id, record.content_n, again);
	HOLDS(again[0] == 1 && memcmp(again + 1, bytes + 1, 5) == 0 && again[6] == 0 && again[7] == 0);

	const struct record_begin begin = record_begin_decode(bytes);
	HOLDS(begin.role == bytes[0] * 256U + bytes[1] && begin.keep == (bytes[2] % 2 == 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= RECORD_HEADER_SIZE)
		header_is_its_bytes(data);
	if (size > 0)
		pairs_are_where_their_lengths_say(data, size);
	return 0;
}
