/*
 * rules.h: what a page of a guarded site requires: requirements, and the file that says which page has which.
 *
 * A requirement is one word, or several with one space between them, all of which must hold: "user" (somebody who is signed
 * in), "verified" (and whose address is), "role:NAME", "permission:AREA:ACTION"; or, alone, "public" (anybody) or "nobody".
 *
 * A rule is a line, METHODS PATH REQUIREMENT: "GET,HEAD /reports/ permission:reports:read". METHODS are names with commas
 * between them (GET is HEAD too), or *. PATH is that path and everything below it; with = before it that path alone. In a path * stands for any
 * number of characters and ? for one, neither for a slash. The first rule that fits counts. # begins a comment.
 */
#ifndef LATCH_CORE_RULES_H
#define LATCH_CORE_RULES_H

#include <stdbool.h>
#include <stdio.h>

#include "core/attr.h"
#include "core/str.h"

enum { REQUIREMENT_MAX = 255, RULES_FILE_MAX = 256 * 1024, RULES_MAX = 1000, TARGET_PATH_MAX = 4096 };

bool is_requirement(struct str s);

struct rule_line {
	struct str methods, path, require; /* in struct rules' text */
	unsigned line;
	bool exactly; /* that path alone */
};

struct rules {
	char *text;
	struct rule_line *lines;
	size_t n;
};

/* Every complaint is a line on `complaints`, with its place ("rules:12: ..."). False when there was one; rules_close in
 * either case. */
bool rules_load(struct rules *rules, const char *path, FILE *complaints) MUST_USE;
void rules_close(struct rules *rules);

/* The rule that counts for this path (as target_path gives it), NULL when none fits. */
const struct rule_line *rules_find(const struct rules *rules, struct str method, struct str path);

/* An earlier rule because of which rule i never counts, NULL when there is none. One that only several together hide is not
 * found. */
const struct rule_line *rules_before(const struct rules *rules, size_t i);

/* The decoded path of a request's target (RFC 9112, 3.2.1: origin-form), without its query, in buf. False: it is too long, or
 * not everybody would read it the same way, so that the program that serves the page might find another than the rule was
 * made for: an encoded slash, a backslash, a control character, a segment "." or "..", an empty one before the last, a
 * parameter (";"), something encoded twice, and what is no UTF-8. */
bool target_path(struct str target, char buf[TARGET_PATH_MAX], struct str *path_out) MUST_USE;

#endif
