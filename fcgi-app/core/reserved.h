/*
 * reserved.h: addresses at which nobody on the internet is.
 *
 * Those of private networks, of this machine, of the link it is on (where clouds keep their metadata), of carriers, for
 * documentation and measurements, of groups, and what nobody has been given yet (IANA's special-purpose registries, RFC 6890); and
 * whatever leads to such an IPv4 address through IPv6: NAT64 (RFC 6052), 6to4, Teredo, and the forms that RFC 4291 has. What a
 * person or a provider names is not to lead there, for there is what only this machine may ask.
 */
#ifndef LATCH_CORE_RESERVED_H
#define LATCH_CORE_RESERVED_H

#include "core/address.h"

/* For outbound.h's `never`. */
void reserved_addresses(struct address_list *out);

#endif
