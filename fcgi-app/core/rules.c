#include "core/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* ---- Requirements ------------------------------------------------------------------------------------------------- */

static bool
is_required_word(struct str word)
{
	const struct str role = STR("role:"), permission = STR("permission:");

	if (str_starts(word, role))
		return is_role_name((struct str){ word.p + role.n, word.n - role.n });
	if (str_starts(word, permission))
		return is_permission((struct str){ word.p + permission.n, word.n - permission.n });
	return str_eq(word, STR("user")) || str_eq(word, STR("verified"));
}

bool
is_requirement(struct str s)
{
	if (s.p == NULL || s.n > REQUIREMENT_MAX)
		return false;
	if (str_eq(s, STR("public")) || str_eq(s, STR("nobody")))
		return true;
	while (s.p != NULL)
		if (!is_required_word(str_cut(&s, ' ')))
			return false;
	return true;
}

/* ---- Targets ------------------------------------------------------------------------------------------------------ */

/* The byte that a "%XX" at i stands for (RFC 3986, 2.1); -1: there is none, or it is a slash. */
static int
encoded_byte(struct str text, size_t i)
{
	const int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1, low = high < 0 ? -1 : hex_digit(text.p[i + 2]);
	const int byte = low < 0 ? -1 : high << 4 | low;

	return byte == '/' ? -1 : byte;
}

/* Into buf[size], with a NUL. */
static bool
decode(struct str text, char *buf, size_t size, struct str *out)
{
	size_t i = 0, n = 0;

	for (; i < text.n && n + 1 < size; i++) {
		const int c = text.p[i] == '%' ? encoded_byte(text, i) : (unsigned char)text.p[i];
		if (c < 0 || text.p[i] == '#')
			return false;
		i += text.p[i] == '%' ? 2 : 0;
		buf[n++] = (char)c;
	}
	buf[n] = '\0';
	*out = (struct str){ buf, n };
	return i == text.n;
}

/* What some program or other takes for a separator, for nothing, or decodes once more. */
static bool
has_trap(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		const unsigned char c = (unsigned char)path.p[i];
		if (c < 0x20 || c == 0x7f || c == '\\' || c == ';')
			return true;
		if (c == '%' && i + 2 < path.n && hex_digit(path.p[i + 1]) >= 0 && hex_digit(path.p[i + 2]) >= 0)
			return true;
	}
	return utf8_length(path) < 0;
}

static bool
segments_plain(struct str path)
{
	(void)str_cut(&path, '/'); /* what is before the first slash: nothing */
	while (path.p != NULL) {
		const struct str segment = str_cut(&path, '/');
		if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")) || (segment.n == 0 && path.p != NULL))
			return false;
	}
	return true;
}

bool
target_path(struct str target, char buf[TARGET_PATH_MAX], struct str *path_out)
{
	const struct str path = str_cut(&target, '?');

	return path.n > 0 && path.p[0] == '/' && decode(path, buf, TARGET_PATH_MAX, path_out) && !has_trap(*path_out)
	    && segments_plain(*path_out);
}

/* ---- Matching ----------------------------------------------------------------------------------------------------- */

/* One segment. Only the last * is ever tried again, so a long segment costs its length times the pattern's, at most. */
static bool
segment_fits(struct str pattern, struct str segment)
{
	size_t p = 0, s = 0, star = SIZE_MAX, from = 0;

	while (s < segment.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = s;
		} else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == segment.p[s])) {
			p++;
			s++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool
path_fits(const struct rule_line *rule, struct str path)
{
	struct str rest = rule->path;

	while (rest.p != NULL && path.p != NULL)
		if (!segment_fits(str_cut(&rest, '/'), str_cut(&path, '/')))
			return false;
	return rest.p == NULL && (path.p == NULL || !rule->exactly);
}

/* GET stands for HEAD too, as it does in the answers. */
static bool
methods_have(struct str methods, struct str method)
{
	return str_eq(methods, STR("*")) || words_have(methods, method)
	    || (str_eq(method, STR("HEAD")) && words_have(methods, STR("GET")));
}

const struct rule_line *
rules_find(const struct rules *rules, struct str method, struct str path)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule_line *rule = &rules->lines[i];
		if (methods_have(rule->methods, method) && path_fits(rule, path))
			return rule;
	}
	return NULL;
}

/* A path is held against another as if it were a target: right but where ? stands against *. */
static bool
hides(const struct rule_line *earlier, const struct rule_line *later)
{
	struct str methods = later->methods;

	if (memchr(earlier->path.p, '?', earlier->path.n) != NULL || (earlier->exactly && !later->exactly))
		return false;
	while (methods.p != NULL && !str_eq(earlier->methods, STR("*"))) {
		const struct str method = str_cut(&methods, ',');
		if (str_eq(method, STR("*")) || !methods_have(earlier->methods, method))
			return false;
	}
	return path_fits(earlier, later->path);
}

const struct rule_line *
rules_before(const struct rules *rules, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (hides(&rules->lines[k], &rules->lines[i]))
			return &rules->lines[k];
	return NULL;
}

/* ---- The file ----------------------------------------------------------------------------------------------------- */

static bool
is_methods(struct str s)
{
	if (str_eq(s, STR("*")))
		return true;
	while (s.p != NULL) {
		const struct str method = str_cut(&s, ',');
		if (method.n == 0)
			return false;
		for (size_t i = 0; i < method.n; i++)
			if (method.p[i] < 'A' || method.p[i] > 'Z')
				return false;
	}
	return true;
}

/* A rule with a path that no target can have would never fit, and what it forbids would be open. */
static bool
is_rule_path(struct str path)
{
	return path.n > 0 && path.n < TARGET_PATH_MAX && path.p[0] == '/' && memchr(path.p, '%', path.n) == NULL
	    && !has_trap(path) && segments_plain(path);
}

/* NULL, or what is wrong with the line, as a sentence. */
static const char *
parse_line(struct str line, struct rule_line *out)
{
	struct str rest = str_trim(line);

	out->methods = str_cut(&rest, ' ');
	rest = str_trim(rest);
	out->path = str_cut(&rest, ' ');
	out->require = str_trim(rest);
	out->exactly = out->path.n > 0 && out->path.p[0] == '=';
	if (out->exactly)
		out->path = (struct str){ out->path.p + 1, out->path.n - 1 };
	if (!is_methods(out->methods))
		return "a rule begins with methods such as GET,HEAD, or *";
	if (!is_rule_path(out->path))
		return "after the methods comes a path, decoded, such as /reports/ or /*.pdf";
	if (!is_requirement(out->require))
		return "after the path comes what it requires: public, nobody, or any of user, verified, role:NAME, "
			   "permission:AREA:ACTION with one space between two";
	/* "/reports/" is "/reports" and everything below it. */
	if (!out->exactly && out->path.p[out->path.n - 1] == '/')
		out->path.n--;
	return NULL;
}

static bool
parse_lines(struct rules *rules, const char *path, struct str text, FILE *complaints)
{
	bool ok = true;

	for (unsigned number = 1; text.p != NULL; number++) {
		struct str content = str_cut(&text, '\n');
		struct rule_line rule = { .line = number };
		if (content.n > 0 && content.p[content.n - 1] == '\r')
			content.n--;
		content = str_trim(str_cut(&content, '#'));
		if (content.n == 0)
			continue;
		const char *wrong = rules->n == RULES_MAX ? "there are too many rules" : parse_line(content, &rule);
		if (wrong == NULL) {
			rules->lines[rules->n++] = rule;
			continue;
		}
		(void)fprintf(complaints, "%s:%u: %s\n", path, number, wrong);
		ok = false;
		if (rules->n == RULES_MAX)
			break;
	}
	return ok;
}

bool
rules_load(struct rules *rules, const char *path, FILE *complaints)
{
	FILE *file = fopen(path, "re");

	*rules = (struct rules){ .text = malloc(RULES_FILE_MAX + 1), .lines = calloc(RULES_MAX, sizeof(*rules->lines)) };
	if (file == NULL || rules->text == NULL || rules->lines == NULL) {
		(void)fprintf(complaints, "%s: %s\n", path, strerror(errno));
		if (file != NULL)
			(void)fclose(file);
		return false;
	}
	const size_t n = fread(rules->text, 1, RULES_FILE_MAX + 1, file);
	const bool failed = ferror(file) != 0;
	(void)fclose(file);
	if (failed || n > RULES_FILE_MAX || memchr(rules->text, '\0', n) != NULL) {
		(void)fprintf(complaints, "%s: cannot be read, is larger than %d KiB or no text\n", path,
		              RULES_FILE_MAX / 1024);
		return false;
	}
	return parse_lines(rules, path, (struct str){ rules->text, n }, complaints);
}

void
rules_close(struct rules *rules)
{
	free(rules->text);
	free(rules->lines);
	*rules = (struct rules){ 0 };
}
