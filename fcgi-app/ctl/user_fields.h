/* user_fields.h: a user as a line of latchctl user import and export: the same names, as JSON or as columns of CSV. */
#ifndef LATCH_CTL_USER_FIELDS_H
#define LATCH_CTL_USER_FIELDS_H

#include "http/schema.h"

/* Of struct import_line, and of struct user. */
extern const struct schema user_line_in, user_line_out;

/* Sets *csv by the option's value, where there is one. False: it is neither jsonl nor csv. */
bool user_format(const char *name, bool *csv) MUST_USE;

#endif
