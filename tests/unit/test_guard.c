/* What guarded pages require: requirements, targets, rules, and who meets them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/guard.h"
#include "unit.h"

/* The case that failed is named. */
#define FAIL(...)                 \
	do {                          \
		print_error(__VA_ARGS__); \
		print_error("\n");        \
		assert_true(false);       \
	} while (0)

/* ---- Requirements ------------------------------------------------------------------------------------------------- */

static void
requirements_are_words_that_are_known(void **state)
{
	static const char *const good[] = {
		"user", "verified", "role:editor", "permission:reports:read", "user verified role:a", "public", "nobody"
	};
	static const char *const bad[] = { "",
		                               " ",
		                               "User",
		                               "users",
		                               "role:",
		                               "role:Editor",
		                               "permission:reports",
		                               "role:a,role:b",
		                               "user  verified",
		                               " user",
		                               "user ",
		                               "public user",
		                               "user nobody",
		                               "role:a\n",
		                               "*" };
	char longest[REQUIREMENT_MAX + 5]; /* "user user ... user " */

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(is_requirement(str_of(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(is_requirement(str_of(bad[i])));
	assert_false(is_requirement((struct str){ 0 }));
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = "user "[i % 5];
	assert_true(is_requirement((struct str){ longest, REQUIREMENT_MAX - 1 }));
	assert_false(is_requirement((struct str){ longest, REQUIREMENT_MAX + 4 }));
}

static void
who_meets_a_requirement(void **state)
{
	static const struct {
		const char *require;
		bool verified;
		const char *roles, *permissions;
		bool met;
	} cases[] = {
		{ "user", false, "", "", true },
		{ "verified", false, "", "", false },
		{ "verified", true, "", "", true },
		{ "role:editor", false, "editor", "", true },
		{ "role:editor", false, "editors,chief", "", false },
		{ "role:editor", false, "", "", false },
		{ "role:editor", false, "admin", "", false },
		{ "permission:reports:read", false, "chief", "reports:read", true },
		{ "permission:reports:read", false, "chief", "reports:reads,x:reports:read", false },
		{ "permission:reports:read", false, "admin", "", true },
		{ "role:editor verified", true, "editor", "", true },
		{ "role:editor verified", false, "editor", "", false },
		{ "role:editor verified", true, "", "", false },
		{ "nobody", true, "admin", "", false },
		{ "public", false, "", "", true },
		{ "something", true, "admin", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct principal who = { .user = { .email_verified = cases[i].verified } };
		assert_true(str_copy(who.user.roles, sizeof(who.user.roles), str_of(cases[i].roles)));
		assert_true(str_copy(who.permissions, sizeof(who.permissions), str_of(cases[i].permissions)));
		if ((guard_admits(str_of(cases[i].require), &who) == OK) != cases[i].met)
			FAIL("%s", cases[i].require);
	}
}

/* ---- Targets ------------------------------------------------------------------------------------------------------ */

static void
targets_are_decoded(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/b/?x=/../", "/a/b/" },
		{ "/%61%2Db", "/a-b" },
		{ "/%c3%a9", "/\xc3\xa9" },
		{ "/100%25", "/100%" },
		{ "/a.", "/a." },
		{ "/...", "/..." },
		{ "/a%20b", "/a b" },
		{ "/.well-known/x", "/.well-known/x" },
	};
	char buf[TARGET_PATH_MAX];
	struct str path;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(target_path(str_of(cases[i][0]), buf, &path));
		assert_string_equal(path.p, cases[i][1]);
	}
}

static void
targets_that_can_be_read_in_several_ways_are_refused(void **state)
{
	static const char *const cases[] = {
		"",        "a",     "*",        "http://h/a", "/a%2fb",  "/a%2Fb",  "/a%5cb",      "/a\\b",       "/a%00b",
		"/a%0ab",  "/a%7f", "/.",       "/..",        "/a/../b", "/a/./b",  "/a/%2e%2e/b", "/a/.%2e",     "/a/%2e/b",
		"//a",     "/a//b", "/a/..;/b", "/a;x=1/b",   "/a%3bx",  "/a%",     "/a%4",        "/a%zz",       "/a%252fb",
		"/a%252e", "/%ff",  "/%c0%af",  "/%ed%a0%80", "/a#b",    "/a/..?x", "?x",          "/a%25%32%66",
	};
	char buf[TARGET_PATH_MAX], longest[TARGET_PATH_MAX + 2];
	struct str path;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (target_path(str_of(cases[i]), buf, &path))
			FAIL("%s", cases[i]);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	assert_true(target_path((struct str){ longest, TARGET_PATH_MAX - 1 }, buf, &path));
	assert_false(target_path((struct str){ longest, TARGET_PATH_MAX }, buf, &path));
	assert_false(target_path((struct str){ longest, TARGET_PATH_MAX + 1 }, buf, &path));
	assert_false(target_path((struct str){ "/a\0b", 4 }, buf, &path));
}

/* ---- The file ----------------------------------------------------------------------------------------------------- */

static char complaints[4096];

static bool
load(struct rules *rules, const char *text, size_t n)
{
	char path[] = "/tmp/latch-rules-XXXXXX";
	const int fd = mkstemp(path);
	FILE *out = fmemopen(complaints, sizeof(complaints), "w");

	assert_true(fd >= 0 && out != NULL);
	assert_int_equal(write(fd, text, n), n);
	const bool ok = rules_load(rules, path, out);
	(void)fclose(out);
	(void)close(fd);
	(void)unlink(path);
	return ok;
}

static const char example[] = "# METHODS PATH REQUIREMENT\n"
							  "GET     /static/        public\n"
							  "\n"
							  "*       /admin          role:admin verified # both\n"
							  "GET,PUT /reports/*.pdf  permission:reports:read\r\n"
							  "*       =/              public\n"
							  "*       /users/*/keys/  nobody\n"
							  "POST    /               user\n";

static unsigned
line_of(const struct rules *rules, const char *method, const char *path)
{
	const struct rule_line *rule = rules_find(rules, str_of(method), str_of(path));

	return rule != NULL ? rule->line : 0;
}

static void
the_first_rule_that_fits_counts(void **state)
{
	static const struct {
		const char *method, *path;
		unsigned line;
	} cases[] = {
		{ "GET", "/static", 2 },
		{ "GET", "/static/", 2 },
		{ "HEAD", "/static/a/b", 2 },
		{ "POST", "/static/a", 8 },
		{ "GET", "/staticx", 0 },
		{ "GET", "/admin", 4 },
		{ "DELETE", "/admin/x", 4 },
		{ "POST", "/Admin", 8 },
		{ "POST", "/admins", 8 },
		{ "GET", "/reports/a.pdf", 5 },
		{ "PUT", "/reports/.pdf", 5 },
		{ "GET", "/reports/a/b.pdf", 0 },
		{ "GET", "/reports/a.pdf/x", 5 },
		{ "GET", "/reports/a.pdfx", 0 },
		{ "GET", "/", 6 },
		{ "GET", "/x", 0 },
		{ "POST", "/", 6 },
		{ "POST", "/x", 8 },
		{ "GET", "/users/7/keys", 7 },
		{ "GET", "/users/7/keys/1", 7 },
		{ "GET", "/users/7/8/keys", 0 },
		{ "get", "/static", 0 },
		{ "", "/static", 0 },
	};
	struct rules rules;

	(void)state;
	assert_true(load(&rules, example, sizeof(example) - 1));
	assert_int_equal(rules.n, 6);
	for (size_t i = 0; i < COUNT(cases); i++)
		if (line_of(&rules, cases[i].method, cases[i].path) != cases[i].line)
			FAIL("%s %s: %u", cases[i].method, cases[i].path, line_of(&rules, cases[i].method, cases[i].path));
	rules_close(&rules);
}

static void
a_segment_is_held_against_stars_in_bounded_time(void **state)
{
	char segment[TARGET_PATH_MAX];
	struct rules rules;
	static const char text[] = "* /*a*a*a*a*a*a*a*a*b user\n";

	(void)state;
	assert_true(load(&rules, text, sizeof(text) - 1));
	memset(segment, 'a', sizeof(segment));
	segment[0] = '/';
	segment[sizeof(segment) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		assert_int_equal(line_of(&rules, "GET", segment), 0);
	segment[sizeof(segment) - 2] = 'b';
	assert_int_equal(line_of(&rules, "GET", segment), 1);
	rules_close(&rules);
}

static void
every_bad_line_is_named(void **state)
{
	static const char *const cases[] = {
		"GET",
		"GET /a",
		"GET a user",
		"get /a user",
		"GET, /a user",
		",GET /a user",
		"GET /a/../b user",
		"GET /a%20 user",
		"GET //a user",
		"GET /a everyone",
		"* /a role:",
		"* /a user  verified",
		"* /a public user",
		"* /a;b user",
		"/a user",
		"* = user",
		"* =a user",
		"* /\xff user",
		"* /a\tuser",
	};
	struct rules rules;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "* /fine user\n%s\n* /fine user\n* /worse nonsense\n", cases[i]);
		if (load(&rules, text, strlen(text)) || strstr(complaints, ":2: ") == NULL
		    || strstr(complaints, ":4: ") == NULL)
			FAIL("%s: %s", cases[i], complaints);
		rules_close(&rules);
	}
}

static void
a_file_that_is_none_is_refused(void **state)
{
	struct rules rules;
	char *large = malloc(RULES_FILE_MAX + 1);
	FILE *out = fmemopen(complaints, sizeof(complaints), "w");

	(void)state;
	assert_non_null(large);
	assert_false(load(&rules, "* /a user\n\0* /b user\n", 21));
	rules_close(&rules);
	memset(large, '#', RULES_FILE_MAX + 1);
	assert_true(load(&rules, large, RULES_FILE_MAX));
	rules_close(&rules);
	assert_false(load(&rules, large, RULES_FILE_MAX + 1));
	rules_close(&rules);
	for (size_t i = 0; i <= RULES_MAX; i++)
		memcpy(large + i * 10, "* /a user\n", 10);
	assert_true(load(&rules, large, (size_t)RULES_MAX * 10));
	rules_close(&rules);
	assert_false(load(&rules, large, (size_t)(RULES_MAX + 1) * 10));
	rules_close(&rules);
	assert_false(rules_load(&rules, "/nonexistent/rules", out));
	rules_close(&rules);
	(void)fclose(out);
	free(large);
}

static void
rules_that_never_count_are_found(void **state)
{
	static const struct {
		const char *text;
		bool hidden; /* the second by the first */
	} cases[] = {
		{ "* / user\n* /admin role:admin\n", true },
		{ "* /admin role:admin\n* / user\n", false },
		{ "GET / user\n* /admin user\n", false },
		{ "GET,POST /a user\nHEAD,POST /a/b user\n", true },
		{ "GET /a user\nGET,POST /a user\n", false },
		{ "* =/a user\n* /a user\n", false },
		{ "* /a user\n* =/a user\n", true },
		{ "* /*.pdf user\n* /a.pdf user\n", true },
		{ "* /a.pdf user\n* /*.pdf user\n", false },
		{ "* /? user\n* /* user\n", false },
		{ "* /static public\n* /staticx user\n", false },
		{ "* =/ public\n* =/ user\n", true },
	};
	struct rules rules;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(load(&rules, cases[i].text, strlen(cases[i].text)));
		if ((rules_before(&rules, 1) != NULL) != cases[i].hidden)
			FAIL("%s", cases[i].text);
		assert_null(rules_before(&rules, 0));
		rules_close(&rules);
	}
}

/* ---- Which requirement -------------------------------------------------------------------------------------------- */

static enum err
required(const struct app *app, const char *require, const char *target, struct str *out)
{
	const struct guarded asked = { str_of(require), str_of(target), STR("GET") };
	const struct rule_line *rule;
	struct reason why = { 0 };

	return guard_requirement(app, &asked, out, &rule, &why);
}

static void
the_web_servers_word_comes_before_the_rules(void **state)
{
	struct app app = { 0 };
	struct str out;

	(void)state;
	assert_int_equal(required(&app, NULL, NULL, &out), OK);
	assert_true(str_eq(out, STR("user")));
	assert_int_equal(required(&app, "role:a", NULL, &out), OK);
	assert_true(str_eq(out, STR("role:a")));
	assert_int_equal(required(&app, "", NULL, &out), ERR_FORBIDDEN);
	assert_int_equal(required(&app, "usr", NULL, &out), ERR_FORBIDDEN);

	assert_true(load(&app.rules, example, sizeof(example) - 1));
	assert_int_equal(required(&app, NULL, "/admin/?x", &out), OK);
	assert_true(str_eq(out, STR("role:admin verified")));
	assert_int_equal(required(&app, "user", "/admin/", &out), OK);
	assert_true(str_eq(out, STR("user")));
	assert_int_equal(required(&app, NULL, NULL, &out), ERR_FORBIDDEN);
	assert_int_equal(required(&app, NULL, "/elsewhere", &out), ERR_FORBIDDEN);
	assert_int_equal(required(&app, NULL, "/static/../admin", &out), ERR_FORBIDDEN);
	rules_close(&app.rules);
	/* An empty file forbids everything. */
	assert_true(load(&app.rules, "\n", 1));
	assert_int_equal(required(&app, NULL, "/static/", &out), ERR_FORBIDDEN);
	rules_close(&app.rules);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requirements_are_words_that_are_known),
		cmocka_unit_test(who_meets_a_requirement),
		cmocka_unit_test(targets_are_decoded),
		cmocka_unit_test(targets_that_can_be_read_in_several_ways_are_refused),
		cmocka_unit_test(the_first_rule_that_fits_counts),
		cmocka_unit_test(a_segment_is_held_against_stars_in_bounded_time),
		cmocka_unit_test(every_bad_line_is_named),
		cmocka_unit_test(a_file_that_is_none_is_refused),
		cmocka_unit_test(rules_that_never_count_are_found),
		cmocka_unit_test(the_web_servers_word_comes_before_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
