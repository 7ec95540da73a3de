/*
 * sql.h: the names of tables in SQL.
 *
 * Where SQL, here or in schema/, names a table it stands in braces, and so does a constraint, of whose name a database has one:
 * {users}. In their place the server gets the name with db_table_prefix before it, so that several installations can have one
 * database. Names of columns and of keys are a table's own and stay bare. tests/unit/test_sql.c looks for what was forgotten.
 */
#ifndef LATCH_DB_SQL_H
#define LATCH_DB_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"

enum { SQL_MAX = 16 * 1024 };

/* Writes the text with each {name} as `prefixname`; where prefix is NULL with the braces left out and no more, as it would be
 * without all this. False: it does not fit, or a brace has no other. */
bool sql_expand(const char *sql, const char *prefix, char *out, size_t size) MUST_USE;

#endif
