/* cookie.h: the Cookie header (RFC 6265, 4.2). */
#ifndef LATCH_HTTP_COOKIE_H
#define LATCH_HTTP_COOKIE_H

#include "core/str.h"

/* The value of the cookie of this name, exactly as it was sent; absent where there is none. *n_out: how often it stands
 * there. A value is what lies between '=' and ';', without spaces around it. */
struct str cookie_find(struct str header, struct str name, unsigned *n_out);

#endif
