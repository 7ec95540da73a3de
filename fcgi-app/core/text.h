/* text.h: what an e-mail address, a user name and a phone number look like here. Pure functions, no allocation. */
#ifndef LATCH_CORE_TEXT_H
#define LATCH_CORE_TEXT_H

#include <stdbool.h>

#include "core/str.h"

/* addr-spec without quoting or comments (RFC 5321, 4.1.2 dot-string; 4.5.3.1: 64 before the @, 254 in all), ASCII only:
 * addresses then have one case-folding that the database and we agree on. A domain needs two labels, or is "localhost". */
bool is_email(struct str s);

/* 3 to 32 of a-z A-Z 0-9 . _ - : never an '@', so that no user name can pass for an address. */
bool is_username(struct str s);

/* 1 to 32 of a-z 0-9 . _ -, a letter or digit first. */
bool is_role_name(struct str s);

/* "area:action", at most 40 of a-z 0-9 . _ - in two or more parts with colons between them: users:read. */
bool is_permission(struct str s);

/* E.164: '+', then 8 to 15 digits, the first not 0. */
bool is_phone_number(struct str s);

/* UTF-8 for people to read: no control characters, nor those that turn text around or hide in it; not only spaces. */
bool is_display_name(struct str s);

/* The first `points` code points of text that may be shown to people; absent where it is not such text. */
struct str text_shown(struct str s, size_t points);

#endif
