/*
 * common_passwords.h: passwords that everybody tries first.
 *
 * A text file, mapped read-only, so that all workers share one copy in memory: lower case, one password a line, sorted by
 * bytes (LC_ALL=C sort -u). A look-up is a binary search. An administrator adds words with an editor and sort.
 */
#ifndef LATCH_AUTH_COMMON_PASSWORDS_H
#define LATCH_AUTH_COMMON_PASSWORDS_H

#include "core/str.h"

struct common_passwords {
	const char *p; /* NULL: no list */
	size_t n;
};

/* path "": no list. False, and one sentence in complaint, when the file is missing, over 64 MiB or, where it is looked through
 * once for that, not sorted. */
bool common_passwords_open(struct common_passwords *list, const char *path, bool look_through, char *complaint,
                           size_t complaint_size) MUST_USE;
void common_passwords_close(struct common_passwords *list);

/* Whether the password, its ASCII letters in lower case, is on the list. */
bool common_passwords_has(const struct common_passwords *list, struct str password);

#endif
