/* base64.h: base64 without padding, in its one canonical form: base64url (RFC 4648, 5; RFC 7515, 2), and the common alphabet
 * (RFC 4648, 4), which PHC strings have. */
#ifndef LATCH_AUTH_BASE64_H
#define LATCH_AUTH_BASE64_H

#include "core/str.h"

/* Bytes that n bytes become, the NUL included. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Writes the text and a NUL; out must have BASE64_SIZE(n) bytes. Returns the text's length. */
size_t base64_encode(const void *bytes, size_t n, char *out);
size_t base64url_encode(const void *bytes, size_t n, char *out);

/* Decodes at most max bytes into out; their number into *n_out. False for anything but the canonical form: padding, white
 * space, the other alphabet's characters, a length of 4k+1, set bits behind the last byte; and for more than max bytes. */
bool base64_decode(struct str text, void *out, size_t max, size_t *n_out) MUST_USE;
bool base64url_decode(struct str text, void *out, size_t max, size_t *n_out) MUST_USE;

#endif
