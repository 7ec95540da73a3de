#include "ctl/user_fields.h"

#include <string.h>

#include "ctl/command.h"
#include "service/import.h"

enum { TIME_MAX = 40, HASH_MAX = 255 };

static const struct field in_fields[] = {
	FIELD(struct import_line, id, .max = 36),
	FIELD(struct import_line, email, .required = true, .max = 254, .rule = &rule_email),
	FIELD(struct import_line, email_verified, .required = false),
	FIELD(struct import_line, username, .max = 32, .rule = &rule_username),
	FIELD(struct import_line, name, .min = 1, .max = 200, .rule = &rule_name),
	FIELD(struct import_line, phone_number, .max = 16, .rule = &rule_phone_number),
	FIELD(struct import_line, status, .max = 16, .rule = &rule_status),
	FIELD(struct import_line, roles, .max = 32, .most = IMPORT_ROLES_MAX, .rule = &rule_role),
	FIELD(struct import_line, password_hash, .max = HASH_MAX),
	FIELD(struct import_line, created_at, .max = TIME_MAX),
	FIELD(struct import_line, last_login_at, .max = TIME_MAX),
};
const struct schema user_line_in = SCHEMA("UserLine", struct import_line, in_fields);

static const struct field out_fields[] = {
	FIELD(struct user, id, .nullable = false),
	FIELD(struct user, email, .nullable = false),
	FIELD(struct user, email_verified, .nullable = false),
	FIELD(struct user, username, .nullable = true),
	FIELD(struct user, name, .nullable = true),
	FIELD(struct user, phone_number, .nullable = true),
	FIELD(struct user, status, .nullable = false),
	FIELD_WORDS(struct user, , roles, .nullable = false),
	FIELD(struct user, password_hash, .nullable = true),
	FIELD(struct user, created_at, .nullable = false),
	FIELD(struct user, last_login_at, .nullable = true),
};
const struct schema user_line_out = SCHEMA("UserLine", struct user, out_fields);

bool
user_format(const char *name, bool *csv)
{
	if (name == NULL)
		return true;
	*csv = strcmp(name, "csv") == 0;
	if (*csv || strcmp(name, "jsonl") == 0)
		return true;
	(void)complain("--format must be jsonl or csv");
	return false;
}
