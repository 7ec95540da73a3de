/* seen.h: which names a file has had already, and on which line. It grows with the file: about 100 bytes a name. */
#ifndef LATCH_CTL_SEEN_H
#define LATCH_CTL_SEEN_H

#include <stdint.h>

#include "core/str.h"

struct seen {
	struct seen_name **slots;
	size_t size, n;
	uint64_t seed;
};

/* The line of the same name of the same kind, letters of either case; 0, and it is remembered as this line's: there is none.
 * UINT64_MAX: no memory. */
uint64_t seen_before(struct seen *seen, char kind, struct str name, uint64_t line);
void seen_free(struct seen *seen);

#endif
