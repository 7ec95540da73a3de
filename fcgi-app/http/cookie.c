#include "http/cookie.h"

struct str
cookie_find(struct str header, struct str name, unsigned *n_out)
{
	struct str found = { 0 };

	*n_out = 0;
	while (header.p != NULL) {
		struct str value = str_trim(str_cut(&header, ';'));
		if (!str_eq(str_trim(str_cut(&value, '=')), name) || value.p == NULL)
			continue;
		found = str_trim(value);
		(*n_out)++;
	}
	return found;
}
