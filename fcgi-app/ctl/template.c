#include "ctl/template.h"

#include <string.h>

/* ---- Names -------------------------------------------------------------------------------------------------------- */

static const char *
value_of(const struct template_scope *scope, struct str name)
{
	for (; scope != NULL; scope = scope->around)
		for (const struct template_value *row = scope->values; row != NULL && row->name != NULL; row++)
			if (str_eq(name, str_of(row->name)))
				return row->value != NULL ? row->value : "";
	return NULL;
}

static const struct template_list *
list_of(const struct template_scope *scope, struct str name)
{
	for (; scope != NULL; scope = scope->around)
		for (const struct template_list *row = scope->lists; row != NULL && row->name != NULL; row++)
			if (str_eq(name, str_of(row->name)))
				return row;
	return NULL;
}

static bool
unknown(struct str name)
{
	(void)fprintf(stderr, "latchctl: the template has an unknown name, or one without its @end: %.*s\n", (int)name.n,
	              name.p);
	return false;
}

/* ---- A line ------------------------------------------------------------------------------------------------------- */

/* The name between this @ and the next; n 0 where there is none. */
static struct str
name_at(struct str line, size_t at)
{
	size_t end = at + 1;

	while (end < line.n && ((line.p[end] >= 'A' && line.p[end] <= 'Z') || line.p[end] == '_'))
		end++;
	return (struct str){ line.p + at + 1, end < line.n && line.p[end] == '@' ? end - at - 1 : 0 };
}

static bool
print_line(FILE *out, struct str line, const struct template_scope *scope)
{
	for (size_t i = 0; i < line.n; i++) {
		const struct str name = line.p[i] == '@' ? name_at(line, i) : (struct str){ 0 };
		if (name.n == 0) {
			(void)fputc(line.p[i], out);
			continue;
		}
		const char *value = value_of(scope, name);
		if (value == NULL)
			return unknown(name);
		(void)fputs(value, out);
		i += name.n + 1;
	}
	(void)fputc('\n', out);
	return true;
}

/* ---- Parts -------------------------------------------------------------------------------------------------------- */

static bool
begins(struct str line, struct str with, struct str *name_out)
{
	if (!str_starts(line, with))
		return false;
	*name_out = (struct str){ line.p + with.n, line.n - with.n };
	return true;
}

/* What stands before the @end that belongs here, which *rest is then behind. Absent: there is none. */
static struct str
part(struct str *rest)
{
	const char *begin = rest->p;
	struct str name;

	for (size_t depth = 1; rest->p != NULL;) {
		const struct str line = str_cut(rest, '\n');
		if (begins(line, STR("@if "), &name) || begins(line, STR("@each "), &name))
			depth++;
		else if (str_eq(line, STR("@end")) && --depth == 0)
			return (struct str){ begin, (size_t)(line.p - begin) };
	}
	return (struct str){ 0 };
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the template, which is the program's own */
static bool
print_each(FILE *out, struct str inner, struct str name, const struct template_scope *scope)
{
	const struct template_list *list = list_of(scope, name);
	bool ok = list != NULL || unknown(name);

	for (size_t i = 0; ok && i < list->n; i++)
		ok = template_print(out, inner, &list->things[i]);
	return ok;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static bool
print_if(FILE *out, struct str inner, struct str name, const struct template_scope *scope)
{
	const char *value = value_of(scope, name);

	if (value == NULL)
		return unknown(name);
	return value[0] == '\0' || template_print(out, inner, scope);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
bool
template_print(FILE *out, struct str text, const struct template_scope *scope)
{
	bool ok = true;

	while (ok && text.p != NULL && text.n > 0) {
		const struct str line = str_cut(&text, '\n');
		struct str name = { 0 };
		const bool condition = begins(line, STR("@if "), &name);
		if (!condition && !begins(line, STR("@each "), &name)) {
			ok = print_line(out, line, scope);
			continue;
		}
		const struct str inner = part(&text);
		if (inner.p == NULL)
			return unknown(name);
		ok = condition ? print_if(out, inner, name, scope) : print_each(out, inner, name, scope);
	}
	return ok;
}
