/* form.h: application/x-www-form-urlencoded bodies (WHATWG URL, 5.1), into the same structs as JSON. */
#ifndef LATCH_HTTP_FORM_H
#define LATCH_HTTP_FORM_H

#include "http/schema.h"

enum { FORM_FIELDS_MAX = 32 };

/* Like json_decode. ERR_BAD_REQUEST: a broken percent-encoding, NUL, text that is not UTF-8, a name sent twice (RFC 6749,
 * 3.2), or more than FORM_FIELDS_MAX fields. */
enum err form_decode(const struct schema *schema, struct str body, struct arena *arena, void **out,
                     struct reason *why) MUST_USE;

#endif
