/*
 * template.h: text with holes: the configurations in deploy/ that latchctl webserver fills in.
 *
 *   @NAME@        the value of that name
 *   @if NAME      the lines up to its @end, where the name has a value that is not empty
 *   @each NAME    the lines up to its @end, once for each thing of that list
 *
 * The last two and @end stand alone in their lines, and may be within each other. What is no name (capitals and _) between two @
 * is text.
 */
#ifndef LATCH_CTL_TEMPLATE_H
#define LATCH_CTL_TEMPLATE_H

#include <stdio.h>

#include "core/attr.h"
#include "core/str.h"

struct template_value {
	const char *name;
	const char *value; /* NULL: "" */
};

struct template_list {
	const char *name;
	const struct template_scope *things;
	size_t n;
};

/* What names mean in a part of the template; those that it has not may be in the one around it. Rows end with one without a
 * name. */
struct template_scope {
	const struct template_scope *around;
	const struct template_value *values;
	const struct template_list *lists;
};

/* False: the template names something that is not there, or an @end is missing; that is said on standard error. */
bool template_print(FILE *out, struct str text, const struct template_scope *scope) MUST_USE;

#endif
