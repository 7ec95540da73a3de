/*
 * address.h: IP addresses: read strictly, held against ranges, and which of a request's is the client's.
 *
 * An IPv4 address is kept as the IPv6 address that stands for it (RFC 4291, 2.5.5.2), so both ways to write one are one
 * address. Zone ids ("fe80::1%eth0") are refused: they mean nothing on another machine.
 */
#ifndef LATCH_CORE_ADDRESS_H
#define LATCH_CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

struct address {
	unsigned char bytes[16];
};

/* With a NUL, and room for "/64". */
enum { ADDRESS_SIZE = 50 };

/* What inet_pton(3) takes: no spaces, no port, no brackets, no leading zeros in IPv4. */
bool address_parse(struct str text, struct address *out) MUST_USE;
/* In its canonical form (RFC 5952); IPv4 with dots. */
void address_format(const struct address *address, char out[ADDRESS_SIZE]);
/* What a subscriber is given: an IPv4 address itself, of an IPv6 address the first 64 bits, "2001:db8:1:2::/64". */
void address_prefix(const struct address *address, char out[ADDRESS_SIZE]);

/* Addresses whose first `bits` bits are those of `first`; the bits of IPv4 count from 96 on. */
struct address_range {
	struct address first;
	uint8_t bits;
};

enum { ADDRESS_RANGES_MAX = 64 };

struct address_list {
	size_t n;
	struct address_range ranges[ADDRESS_RANGES_MAX];
};

/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". Bits beyond the prefix must be 0: who sets them means something else. NULL,
 * or what is wrong, as the end of a sentence. */
const char *address_range_parse(struct str text, struct address_range *out) MUST_USE;
/* No range of IPv6 holds an IPv4 address. */
bool address_in(const struct address_list *list, const struct address *address);

/* The client's address: `remote`, from which the request came; where that is in `trusted`, the last of `forwarded_for`
 * (X-Forwarded-For: each proxy adds at its end whom it heard, some with a port: "192.0.2.7:4711", "[2001:db8::1]:443") that is
 * not. What is no address ends the walk at the last good one, and so does the HOPS_MAXth; *broken then says that this is a
 * proxy which somebody stands behind, and that nobody is to be let in by it. False: `remote` is none, as with a web server on a
 * unix socket. */
enum { ADDRESS_HOPS_MAX = 32 };
bool client_address(struct str remote, struct str forwarded_for, const struct address_list *trusted,
                    struct address *out, bool *broken) MUST_USE;

#endif
