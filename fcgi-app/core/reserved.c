#include "core/reserved.h"

#include <stdlib.h>
#include <string.h>

enum { V4_AT = 12 };

/* An IPv4 address at the end of one of these is that address, through a translator (RFC 6052, 2.1). */
static const char nat64[] = "64:ff9b::/96";

static const char *const v4[] = {
	"0.0.0.0/8",       /* this network, and the unspecified address, which Linux takes for this machine */
	"10.0.0.0/8",      /* private */
	"100.64.0.0/10",   /* a carrier's own */
	"127.0.0.0/8",     /* this machine */
	"169.254.0.0/16",  /* the link: 169.254.169.254 and 169.254.170.2 tell a cloud's machine its secrets */
	"172.16.0.0/12",   /* private */
	"192.0.0.0/24",    /* of protocols, NAT64's discovery among them */
	"192.0.2.0/24",    /* documentation */
	"192.88.99.0/24",  /* 6to4 relays, as long as there were some */
	"192.168.0.0/16",  /* private */
	"198.18.0.0/15",   /* measurements */
	"198.51.100.0/24", /* documentation */
	"203.0.113.0/24",  /* documentation */
	"224.0.0.0/4",     /* groups */
	"240.0.0.0/4",     /* nobody's; broadcast */
};

/* Those of the internet begin with 2000::/3, but for NAT64: so all the rest is here, in pieces. */
static const char *const v6[] = {
	"::/96",           /* unspecified, this machine, and IPv4 as it was once written */
	"::ffff:0:0:0/96", /* IPv4, translated (RFC 7915) */
	"64:ff9b:1::/48",  /* NAT64 of one's own */
	"100::/8",         /* discarded */
	"200::/7",         /* nobody's */
	"400::/6",         /* nobody's */
	"800::/5",         /* nobody's */
	"1000::/4",        /* nobody's */
	"2001::/23",       /* of protocols: Teredo, measurements, identifiers that are no addresses */
	"2001:db8::/32",   /* documentation */
	"2002::/16",       /* 6to4 */
	"3fff::/20",       /* documentation */
	"4000::/2",        /* nobody's; segment routing */
	"8000::/2",        /* nobody's */
	"c000::/3",        /* nobody's */
	"e000::/4",        /* nobody's */
	"f000::/5",        /* nobody's */
	"f800::/6",        /* nobody's */
	"fc00::/7",        /* private */
	"fe00::/9",        /* nobody's */
	"fe80::/10",       /* the link */
	"fec0::/10",       /* private, formerly */
	"ff00::/8",        /* groups */
};

_Static_assert(2 * COUNT(v4) + COUNT(v6) <= ADDRESS_RANGES_MAX, "they fit in a list");

static struct address_range
range_of(const char *text)
{
	struct address_range range;

	if (address_range_parse(str_of(text), &range) != NULL)
		abort();
	return range;
}

void
reserved_addresses(struct address_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < COUNT(v6); i++)
		out->ranges[out->n++] = range_of(v6[i]);
	for (size_t i = 0; i < COUNT(v4); i++) {
		const struct address_range plain = range_of(v4[i]);
		struct address_range through = range_of(nat64);
		/* The bits of IPv4 count from 96 on in both. */
		memcpy(through.first.bytes + V4_AT, plain.first.bytes + V4_AT, sizeof(plain.first.bytes) - V4_AT);
		through.bits = plain.bits;
		out->ranges[out->n++] = plain;
		out->ranges[out->n++] = through;
	}
}
