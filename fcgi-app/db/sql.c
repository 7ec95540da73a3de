#include "db/sql.h"

#include <string.h>

/* What is written, and the room behind it for the rest and a NUL. */
struct text {
	char *at;
	size_t left;
};

static bool
put(struct text *text, const char *p, size_t n)
{
	if (n >= text->left)
		return false;
	memcpy(text->at, p, n);
	text->at += n;
	text->left -= n;
	*text->at = '\0';
	return true;
}

/* The name between two braces. The quotes are for prefixes that alone would be a number. */
static bool
put_name(struct text *text, const char *name, size_t n, const char *prefix)
{
	if (prefix == NULL)
		return put(text, name, n);
	return put(text, "`", 1) && put(text, prefix, strlen(prefix)) && put(text, name, n) && put(text, "`", 1);
}

bool
sql_expand(const char *sql, const char *prefix, char *out, size_t size)
{
	struct text text = { out, size };

	for (;;) {
		const size_t plain = strcspn(sql, "{}");
		if (!put(&text, sql, plain))
			return false;
		sql += plain;
		if (*sql == '\0')
			return true;
		const size_t name = strcspn(sql + 1, "{}");
		if (*sql == '}' || sql[1 + name] != '}' || !put_name(&text, sql + 1, name, prefix))
			return false;
		sql += name + 2;
	}
}
