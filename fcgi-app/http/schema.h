/*
 * schema.h: a C struct as the fields of a JSON object or a form.
 *
 * One table decodes a request, encodes a reply, and is its OpenAPI schema. A field's kind follows from its member's type,
 * so it cannot lie. Inputs are made of struct str (absent or text), struct maybe_str (also null), bool, struct maybe_bool and
 * struct strs; outputs may be structs of other layers as they are: char arrays, times, ids.
 */
#ifndef LATCH_HTTP_SCHEMA_H
#define LATCH_HTTP_SCHEMA_H

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/random.h"
#include "core/str.h"

enum kind {
	KIND_STR,
	KIND_MAYBE_STR,
	KIND_STRS,
	KIND_TEXT,
	KIND_WORDS, /* text, and in JSON an array of what stands between its commas */
	KIND_BOOL,
	KIND_MAYBE_BOOL,
	KIND_U32,
	KIND_TIMESTAMP,
	KIND_UUID
};

/* clang-format off */
#define KIND_OF(member) \
	_Generic((member), \
		struct str: KIND_STR, \
		struct maybe_str: KIND_MAYBE_STR, \
		struct strs: KIND_STRS, \
		char *: KIND_TEXT, \
		bool: KIND_BOOL, \
		struct maybe_bool: KIND_MAYBE_BOOL, \
		uint32_t: KIND_U32, \
		struct timestamp: KIND_TIMESTAMP, \
		struct uuid: KIND_UUID)
/* clang-format on */

/* A named sort of text. */
struct rule {
	bool (*valid)(struct str value); /* NULL: any */
	const char *must;                /* the complaint: "must be an e-mail address" */
	const char *format;              /* OpenAPI's format, or NULL */
	const char *pattern;             /* OpenAPI's pattern, or NULL */
};

extern const struct rule rule_email, rule_username, rule_name, rule_phone_number, rule_password, rule_grant_type,
	rule_transport, rule_require, rule_limit, rule_cursor, rule_role, rule_permission, rule_role_cursor,
	rule_description, rule_status, rule_new_status, rule_user_cursor;

struct field {
	const char *name;
	enum kind kind;
	size_t at;
	bool required;     /* in an input */
	bool nullable;     /* in an output: "" and the time 0 are null */
	uint32_t min, max; /* code points, of each where there are several; max 0: no bound */
	uint32_t most;     /* how many there may be of a struct strs */
	const struct rule *rule;
	const char *example, *help;
};

/* At least an example or a help text belongs to each. */
/* clang-format off */
#define FIELD(type, member, ...) \
	{ \
		.name = #member, .kind = KIND_OF(((type *)0)->member), .at = offsetof(type, member), __VA_ARGS__ \
	}
/* clang-format on */

/* The same of a member of a member: `in` is "user." say, or empty; and of a char array that is a list of words. */
/* clang-format off */
#define FIELD_IN(type, in, member, ...) \
	{ \
		.name = #member, .kind = KIND_OF(((type *)0)->in member), .at = offsetof(type, in member), __VA_ARGS__ \
	}
#define FIELD_WORDS(type, in, member, ...) \
	{ \
		.name = #member, .kind = KIND_WORDS, .at = offsetof(type, in member), __VA_ARGS__ \
	}
/* clang-format on */

#define EXAMPLE_ID "01932c07-209c-7c11-8b0e-6a3f5d2e9c41"
#define EXAMPLE_TIME "2026-01-31T12:00:00.000Z"

struct schema {
	const char *name; /* in OpenAPI's components */
	size_t size;      /* of the struct */
	const struct field *fields;
	size_t n;
};

/* clang-format off */
#define SCHEMA(title, type, table) \
	{ \
		.name = (title), .size = sizeof(type), .fields = (table), .n = COUNT(table) \
	}
/* clang-format on */

/* A page of a list: ?limit= and ?cursor=. */
enum { PAGE_MAX = 200, PAGE_DEFAULT = 50 };
struct page_query {
	struct str limit, cursor;
};
extern const struct schema page_query;
/* How many rows that asks for. */
size_t page_limit(const struct page_query *query);

/* Checks `value` for the field and puts a copy into its member of *out. A complaint goes to why. */
void field_accept(const struct field *field, struct str value, struct arena *arena, void *out, struct reason *why);
/* The same of one item of a struct strs, into *out. */
void field_accept_item(const struct field *field, struct str value, struct arena *arena, struct str *out,
                       struct reason *why);
/* What a field that was not sent means: a complaint where it is required. */
void field_missing(const struct field *field, struct reason *why);

#endif
