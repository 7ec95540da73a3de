#include "http/schema.h"

#include "core/rules.h"
#include "core/text.h"

static bool
is_password_grant(struct str value)
{
	return str_eq(value, STR("password"));
}

static bool
is_transport(struct str value)
{
	return str_eq(value, STR("bearer")) || str_eq(value, STR("cookie"));
}

static bool
is_description(struct str value)
{
	return value.n == 0 || is_display_name(value);
}

static bool
is_base64url(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		const char c = value.p[i], lower = ascii_lower(c);
		if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
	}
	return value.n > 0;
}

static bool
is_new_status(struct str value)
{
	return str_eq(value, STR("active")) || str_eq(value, STR("disabled"));
}

static bool
is_status(struct str value)
{
	return is_new_status(value) || str_eq(value, STR("pending"));
}

static bool
is_limit(struct str value)
{
	uint64_t n;

	return parse_u64(value, &n) && n >= 1 && n <= PAGE_MAX;
}

const struct rule rule_email = { is_email, "must be an e-mail address, in ASCII", "email", NULL };
const struct rule rule_username = { is_username, "must be 3 to 32 of a-z A-Z 0-9 . _ -", NULL,
	                                "^[a-zA-Z0-9._-]{3,32}$" };
const struct rule rule_name = { is_display_name, "must be visible text without control characters", NULL, NULL };
const struct rule rule_phone_number = { is_phone_number, "must be an E.164 number such as +4930123456", NULL,
	                                    "^\\+[1-9][0-9]{7,14}$" };
const struct rule rule_password = { NULL, "", "password", NULL };
const struct rule rule_transport = { is_transport, "must be bearer or cookie", NULL, "^(bearer|cookie)$" };
const struct rule rule_require = {
	is_requirement, "must be public, nobody, or words of user, verified, role:NAME, permission:AREA:ACTION", NULL, NULL
};
const struct rule rule_limit = { is_limit, "must be a number from 1 to 200", NULL, "^[0-9]+$" };
const struct rule rule_cursor = { uuid_valid, "must be the next_cursor of the page before", NULL, NULL };
const struct rule rule_role = { is_role_name, "must be 1 to 32 of a-z 0-9 . _ -, a letter or digit first", NULL,
	                            "^[a-z0-9][a-z0-9._-]{0,31}$" };
const struct rule rule_role_cursor = { is_role_name, "must be the next_cursor of the page before", NULL, NULL };
const struct rule rule_permission = { is_permission,
	                                  "must be area:action, at most 40 of a-z 0-9 . _ - with colons between its parts",
	                                  NULL, "^[a-z0-9][a-z0-9._-]*(:[a-z0-9][a-z0-9._-]*)+$" };
const struct rule rule_description = { is_description, "must be visible text without control characters, or empty",
	                                   NULL, NULL };
const struct rule rule_status = { is_status, "must be active, disabled or pending", NULL,
	                              "^(active|disabled|pending)$" };
const struct rule rule_new_status = { is_new_status, "must be active or disabled", NULL, "^(active|disabled)$" };
const struct rule rule_user_cursor = { is_base64url, "must be the next_cursor of the page before", NULL,
	                                   "^[A-Za-z0-9_-]+$" };
const struct rule rule_grant_type = { is_password_grant, "must be password", NULL, "^password$" };

static const struct field page_fields[] = {
	FIELD(struct page_query, limit, .max = 20, .rule = &rule_limit, .example = "50", .help = "rows a page, 1 to 200"),
	FIELD(struct page_query, cursor, .max = 100, .rule = &rule_cursor, .help = "next_cursor of the page before"),
};
const struct schema page_query = SCHEMA("PageQuery", struct page_query, page_fields);

size_t
page_limit(const struct page_query *query)
{
	uint64_t n;

	return query->limit.p != NULL && parse_u64(query->limit, &n) ? (size_t)n : PAGE_DEFAULT;
}

void
field_accept_item(const struct field *field, struct str value, struct arena *arena, struct str *out, struct reason *why)
{
	const long points = utf8_length(value);

	if (points < 0)
		(void)reason_field(why, field->name, "invalid", "must be UTF-8 text without NUL");
	else if ((uint64_t)points < field->min)
		(void)reason_field(why, field->name, "too_short", field->min == 1 ? "must not be empty" : "is too short");
	else if (field->max != 0 && (uint64_t)points > field->max)
		(void)reason_field(why, field->name, "too_long", "is too long");
	else if (field->rule != NULL && field->rule->valid != NULL && !field->rule->valid(value))
		(void)reason_field(why, field->name, "invalid", field->rule->must);
	else if ((*out = str_dup(arena, value)).p == NULL)
		(void)reason_field(why, field->name, "too_long", "does not fit in memory with the rest");
}

void
field_accept(const struct field *field, struct str value, struct arena *arena, void *out, struct reason *why)
{
	void *member = (char *)out + field->at;
	struct str copy = { 0 };

	field_accept_item(field, value, arena, &copy, why);
	if (copy.p == NULL)
		return;
	if (field->kind == KIND_MAYBE_STR)
		*(struct maybe_str *)member = (struct maybe_str){ MAYBE_SET, copy };
	else
		*(struct str *)member = copy;
}

void
field_missing(const struct field *field, struct reason *why)
{
	if (field->required)
		(void)reason_field(why, field->name, "required", "is required");
}
