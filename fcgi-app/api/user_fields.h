/* user_fields.h: the rows of field tables that more than one route has: a user as he is shown, and what of him can be
 * cleared. As with FIELD_IN, `in` is the member that holds them, or empty. */
#ifndef LATCH_API_USER_FIELDS_H
#define LATCH_API_USER_FIELDS_H

#include "api/route.h"

/* clang-format off */
#define USER_FIELDS(type, in) \
	FIELD_IN(type, in, id, .example = EXAMPLE_ID), \
	FIELD_IN(type, in, email, .rule = &rule_email, .example = "ada@example.org"), \
	FIELD_IN(type, in, email_verified, .help = "whether the address was shown to be theirs"), \
	FIELD_IN(type, in, username, .nullable = true, .example = "ada"), \
	FIELD_IN(type, in, name, .nullable = true, .example = "Ada Lovelace"), \
	FIELD_IN(type, in, phone_number, .nullable = true, .example = "+442071234567"), \
	FIELD_IN(type, in, status, .help = "active, disabled or pending", .example = "active"), \
	FIELD_WORDS(type, in, roles, .example = "editor"), \
	FIELD_IN(type, in, created_at, .example = EXAMPLE_TIME), \
	FIELD_IN(type, in, updated_at, .example = EXAMPLE_TIME), \
	FIELD_IN(type, in, last_login_at, .nullable = true, .example = EXAMPLE_TIME)
/* clang-format on */

/* clang-format off */
#define PROFILE_FIELDS(type, in) \
	FIELD_IN(type, in, username, .min = 3, .max = 32, .rule = &rule_username, .example = "ada"), \
	FIELD_IN(type, in, name, .min = 1, .max = 200, .rule = &rule_name, .example = "Ada Lovelace"), \
	FIELD_IN(type, in, phone_number, .max = 16, .rule = &rule_phone_number, .example = "+442071234567")
/* clang-format on */

#endif
