#include "core/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { V4_AT = 12, V4_BITS = 96, ALL_BITS = 128, PREFIX_BYTES = 8 };

static const unsigned char v4_head[V4_AT] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool
is_v4(const struct address *address)
{
	return memcmp(address->bytes, v4_head, V4_AT) == 0;
}

bool
address_parse(struct str text, struct address *out)
{
	char copy[INET6_ADDRSTRLEN];

	/* A NUL inside would end it for inet_pton, and not for whoever reads it in the log. */
	if (text.n == 0 || memchr(text.p, '\0', text.n) != NULL || !str_copy(copy, sizeof(copy), text))
		return false;
	if (inet_pton(AF_INET6, copy, out->bytes) == 1)
		return true;
	memcpy(out->bytes, v4_head, V4_AT);
	return inet_pton(AF_INET, copy, out->bytes + V4_AT) == 1;
}

void
address_format(const struct address *address, char out[ADDRESS_SIZE])
{
	const bool v4 = is_v4(address);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? V4_AT : 0), out, ADDRESS_SIZE) == NULL)
		out[0] = '\0';
}

void
address_prefix(const struct address *address, char out[ADDRESS_SIZE])
{
	struct address network = *address;

	if (!is_v4(address))
		memset(network.bytes + PREFIX_BYTES, 0, sizeof(network.bytes) - PREFIX_BYTES);
	address_format(&network, out);
	if (!is_v4(address))
		(void)snprintf(out + strlen(out), ADDRESS_SIZE - strlen(out), "/64");
}

static unsigned
bit_of(const struct address *address, unsigned i)
{
	return (unsigned)address->bytes[i / 8] >> (7 - i % 8) & 1U;
}

const char *
address_range_parse(struct str text, struct address_range *out)
{
	struct str bits = text;
	const struct str first = str_cut(&bits, '/');
	uint64_t n;

	if (!address_parse(first, &out->first))
		return "is no address";
	/* The bits of "::ffff:10.0.0.0/104" are those of IPv6, as it is written. */
	const bool dotted = memchr(first.p, ':', first.n) == NULL;
	const unsigned skip = dotted ? V4_BITS : 0;
	if (bits.p == NULL)
		n = ALL_BITS - skip;
	else if (!parse_u64(bits, &n) || n > ALL_BITS - skip)
		return dotted ? "has no prefix length from 0 to 32" : "has no prefix length from 0 to 128";
	out->bits = (uint8_t)(n + skip);
	for (unsigned i = out->bits; i < ALL_BITS; i++)
		if (bit_of(&out->first, i) != 0)
			return "has bits beyond its prefix length";
	return NULL;
}

static bool
in_range(const struct address_range *range, const struct address *address)
{
	const size_t whole = range->bits / 8;
	const unsigned mask = 0xffU << (8 - range->bits % 8) & 0xffU;

	if (is_v4(address) && (range->bits < V4_BITS || !is_v4(&range->first)))
		return false;
	if (memcmp(range->first.bytes, address->bytes, whole) != 0)
		return false;
	return range->bits % 8 == 0 || ((range->first.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool
address_in(const struct address_list *list, const struct address *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (in_range(&list->ranges[i], address))
			return true;
	return false;
}

/* The last of a list separated by commas; *rest keeps what is before it. */
static struct str
cut_last(struct str *rest)
{
	size_t from = rest->n;

	while (from > 0 && rest->p[from - 1] != ',')
		from--;
	const struct str last = { rest->p + from, rest->n - from };
	rest->n = from > 0 ? from - 1 : 0;
	return str_trim(last);
}

static bool
is_port(struct str text)
{
	uint64_t n;

	return text.n > 0 && parse_u64(text, &n) && n <= UINT16_MAX;
}

/* As IIS and Azure's gateways write it: IPv6 with a port has brackets, as what is behind its last colon may be its own. */
static bool
parse_hop(struct str text, struct address *out)
{
	const bool brackets = text.n > 0 && text.p[0] == '[';
	struct str port = brackets ? (struct str){ text.p + 1, text.n - 1 } : text;

	if (address_parse(text, out))
		return true;
	const struct str host = str_cut(&port, brackets ? ']' : ':');
	const bool v6 = memchr(host.p, ':', host.n) != NULL;
	if (port.p == NULL || brackets != v6 || !address_parse(host, out))
		return false;
	if (!brackets)
		return is_port(port);
	return port.n == 0 || (port.p[0] == ':' && is_port((struct str){ port.p + 1, port.n - 1 }));
}

bool
client_address(struct str remote, struct str forwarded_for, const struct address_list *trusted, struct address *out,
               bool *broken)
{
	struct address hop;
	bool good = true;
	unsigned hops = 0;

	*broken = false;
	if (!address_parse(remote, out))
		return false;
	while (good && forwarded_for.n > 0 && address_in(trusted, out)) {
		good = hops++ < ADDRESS_HOPS_MAX && parse_hop(cut_last(&forwarded_for), &hop);
		if (good)
			*out = hop;
	}
	*broken = !good;
	return true;
}
