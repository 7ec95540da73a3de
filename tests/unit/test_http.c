#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/route.h"
#include "core/config.h"
#include "http/form.h"
#include "http/json.h"

struct thing {
	struct str name, note;
	struct maybe_str nick;
};

static const struct field thing_fields[] = {
	FIELD(struct thing, name, .required = true, .min = 2, .max = 4),
	FIELD(struct thing, note, .max = 100),
	FIELD(struct thing, nick, .max = 100),
};
static const struct schema thing_schema = SCHEMA("Thing", struct thing, thing_fields);

static struct arena arena;

static int
open_arena(void **state)
{
	(void)state;
	json_init();
	return arena_open(&arena, 512 * 1024) ? 0 : -1;
}

static int
close_arena(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

static enum err
json(struct str body, struct thing *out, struct reason *why)
{
	void *in = NULL;

	arena_reset(&arena);
	*why = (struct reason){ 0 };
	const enum err err = json_decode(&thing_schema, body, &arena, &in, why);
	if (in != NULL)
		*out = *(struct thing *)in;
	return err;
}

static enum err
form(struct str body, struct thing *out, struct reason *why)
{
	void *in = NULL;

	arena_reset(&arena);
	*why = (struct reason){ 0 };
	const enum err err = form_decode(&thing_schema, body, &arena, &in, why);
	if (in != NULL)
		*out = *(struct thing *)in;
	return err;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void
json_is_rfc_8259_and_nothing_else(void **state)
{
	const struct str refused[] = {
		STR(""),
		STR(" "),
		STR("{"),
		STR("[]"),
		STR("1"),
		STR("null"),
		STR("\"x\""),
		STR("{\"name\":\"abc\"}x"),
		STR("{\"name\":\"abc\"}{}"),
		STR("{'name':'abc'}"),
		STR("{\"name\":\"abc\",}"),
		STR("{name:\"abc\"}"),
		STR("{\"name\":\"abc\",\"x\":NaN}"),
		STR("{\"name\":\"abc\",\"x\":01}"),
		STR("{\"name\":\"abc\",\"x\":True}"),
		STR("/**/{\"name\":\"abc\"}"),
		STR("\xef\xbb\xbf{\"name\":\"abc\"}"),
		STR("{\"name\":\"abc\",\"name\":\"abd\"}"),
		STR("{\"name\":\"abc\",\"\\u006eame\":\"abd\"}"),
		STR("{\"name\":\"abc\",\"x\":{\"y\":1,\"y\":2}}"),
		STR("{\"name\":\"a\\u0000c\"}"),
		STR("{\"name\":\"a\0c\"}"),
		STR("{\"name\":\"abc\",\"x\":1\0}"),
		STR("{\"name\":\"abc\",\"x\":1.5\0,\"y\":1e5\0}"),
		STR("{\"name\":\"abc\",\"x\":[-0\0]}"),
		STR("{\"name\":\"abc\",\"x\":true\0}"),
		STR("{\"name\":\"abc\"}\0"),
		STR("{\"name\":\"\\ud800\"}"),
		STR("{\"name\":\"\xed\xa0\x80\"}"),
		STR("{\"name\":\"\xc0\x80\"}"),
		STR("{\"name\":\"\xff\"}"),
		STR("{\"name\":\"a\nb\"}"),
	};
	struct thing thing;
	struct reason why;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_int_equal(json(refused[i], &thing, &why), ERR_JSON);
	assert_int_equal(json(STR(" {\"name\" : \"\\ud83d\\udd10ab\", \"other\": [1, {}]} \n"), &thing, &why), OK);
	assert_true(str_eq(thing.name, STR("\xf0\x9f\x94\x90"
	                                   "ab")));
}

static void
json_nests_32_deep(void **state)
{
	struct thing thing;
	struct reason why;
	char body[256];

	(void)state;
	for (int levels = 31; levels <= 33; levels++) { /* the object itself is one */
		int n = snprintf(body, sizeof(body), "{\"name\":\"abc\",\"x\":");
		memset(body + n, '[', (size_t)levels - 1);
		memset(body + n + levels - 1, ']', (size_t)levels - 1);
		n += 2 * (levels - 1);
		body[n++] = '}';
		assert_int_equal(json((struct str){ body, (size_t)n }, &thing, &why), levels <= 32 ? OK : ERR_JSON);
	}
	char *deep = malloc(200000);
	memset(deep, '[', 200000);
	assert_int_equal(json((struct str){ deep, 200000 }, &thing, &why), ERR_JSON);
	free(deep);
}

static void
fields_are_all_complained_about_at_once(void **state)
{
	struct thing thing;
	struct reason why;

	(void)state;
	assert_int_equal(json(STR("{\"name\":\"abcde\",\"note\":7,\"nick\":[]}"), &thing, &why), ERR_FIELDS);
	assert_int_equal(why.n, 3);
	assert_string_equal(why.fields[0].code, "too_long");
	assert_string_equal(why.fields[1].code, "wrong_type");
	assert_string_equal(why.fields[2].field, "nick");
	assert_int_equal(json(STR("{}"), &thing, &why), ERR_FIELDS);
	assert_string_equal(why.fields[0].code, "required");
	assert_int_equal(json(STR("{\"name\":\"\xc3\xa4\"}"), &thing, &why), ERR_FIELDS); /* one code point, two bytes */
	assert_string_equal(why.fields[0].code, "too_short");
	assert_int_equal(json(STR("{\"name\":null}"), &thing, &why), ERR_FIELDS);
	assert_string_equal(why.fields[0].code, "wrong_type");
}

static void
absent_null_and_empty_are_three_things(void **state)
{
	struct thing thing;
	struct reason why;

	(void)state;
	assert_int_equal(json(STR("{\"name\":\"abc\"}"), &thing, &why), OK);
	assert_int_equal(thing.nick.state, MAYBE_ABSENT);
	assert_null(thing.note.p);
	assert_int_equal(json(STR("{\"name\":\"abc\",\"nick\":null,\"note\":null}"), &thing, &why), OK);
	assert_int_equal(thing.nick.state, MAYBE_NULL);
	assert_null(thing.note.p);
	assert_int_equal(json(STR("{\"name\":\"abc\",\"nick\":\"\",\"note\":\"\"}"), &thing, &why), OK);
	assert_int_equal(thing.nick.state, MAYBE_SET);
	assert_non_null(thing.note.p);
}

struct out {
	char text[32];
	char empty[8];
	struct timestamp never, then;
	bool yes;
	uint32_t number;
};

static void
a_struct_becomes_json(void **state)
{
	static const struct field fields[] = {
		FIELD(struct out, text, .help = ""),        FIELD(struct out, empty, .nullable = true),
		FIELD(struct out, never, .nullable = true), FIELD(struct out, then, .help = ""),
		FIELD(struct out, yes, .help = ""),         FIELD(struct out, number, .help = ""),
	};
	static const struct schema schema = SCHEMA("Out", struct out, fields);
	const struct out out = { .text = "a\"\\\x01\xc3\xa4", .then = { 1 }, .yes = true, .number = UINT32_MAX };
	struct str text;

	(void)state;
	arena_reset(&arena);
	assert_int_equal(json_encode(&schema, &out, &arena, &text), OK);
	assert_true(str_eq(text, STR("{\"text\":\"a\\\"\\\\\\u0001\xc3\xa4\",\"empty\":null,\"never\":null,"
	                             "\"then\":\"1970-01-01T00:00:00.001Z\",\"yes\":true,\"number\":4294967295}")));
}

static void
a_document_larger_than_the_arena_is_an_error(void **state)
{
	struct doc doc = { false };
	struct node *array = doc_array(&doc);
	struct str text;

	(void)state;
	arena_reset(&arena);
	for (int i = 0; i < 200000; i++)
		doc_push(&doc, array, doc_int(&doc, i));
	assert_int_equal(doc_render(&doc, array, &arena, &text), ERR_INTERNAL);
}

/* ---- Forms ------------------------------------------------------------------------------------------------------- */

static void
forms_are_decoded_once(void **state)
{
	struct thing thing;
	struct reason why;

	(void)state;
	assert_int_equal(form(STR("name=%41%2b+%25&x=&&note=a=b"), &thing, &why), OK);
	assert_true(str_eq(thing.name, STR("A+ %")));
	assert_true(str_eq(thing.note, STR("a=b")));
	assert_int_equal(form(STR("%6eame=abc"), &thing, &why), OK);
	assert_int_equal(form(STR("name=%C3%A4%C3%A4"), &thing, &why), OK);
	assert_int_equal(form(STR(""), &thing, &why), ERR_FIELDS);
}

static void
broken_forms_are_refused(void **state)
{
	static const char *const refused[] = { "name=%4",          "name=%",        "name=%zz",        "name=%00abc",
		                                   "name=%ff",         "%ff=x",         "name=ab&name=ab", "name=ab&%6eame=ab",
		                                   "x=1&x=2&name=abc", "name=%ed%a0%80" };
	struct thing thing;
	struct reason why;
	char many[4 * (FORM_FIELDS_MAX + 1) + 1] = "";

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_int_equal(form(str_of(refused[i]), &thing, &why), ERR_BAD_REQUEST);
	for (size_t i = 0; i <= FORM_FIELDS_MAX; i++)
		(void)snprintf(many + 4 * i, 5, "%c%c=&", (int)('a' + i / 26), (int)('a' + i % 26));
	assert_int_equal(form(str_of(many), &thing, &why), ERR_BAD_REQUEST);
}

/* ---- Routes and configuration ------------------------------------------------------------------------------------ */

static void
every_route_says_who_may(void **state)
{
	(void)state;
	assert_null(routes_check(routes, routes_n));
	for (size_t i = 0; i < routes_n; i++) {
		assert_int_not_equal(routes[i].access, ACCESS_UNSET);
		for (size_t j = 0; j < i; j++)
			assert_false(routes[i].method == routes[j].method && strcmp(routes[i].path, routes[j].path) == 0);
	}
}

static void
a_row_that_does_not_say_who_may_is_found(void **state)
{
	static const struct schema small = { .name = "Small", .size = 1 }, large = { .name = "Large", .size = 2 };
	const struct route good = {
		.method = METHOD_GET, .path = "/x", .access = ACCESS_USER, .status = 200, .handle = me_show
	};
	struct route bad[9] = { good, good, good, good, good, good, good, good, good };

	(void)state;
	assert_null(routes_check(&good, 1));
	bad[0].access = ACCESS_UNSET;
	bad[1].handle = NULL;
	bad[2].status = 0;
	bad[3].no_db = true; /* a user is proved by the database */
	bad[4].in = &small;
	bad[4].form = &large;
	bad[5].access = ACCESS_PERMISSION; /* and which? */
	bad[6].permission = "users:read";  /* which nobody is asked for */
	bad[7].access = ACCESS_PERMISSION;
	bad[7].permission = "users";
	bad[8].access = ACCESS_METRICS; /* and who else? */
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_string_equal(routes_check(&bad[i], 1), "/x");
}

static bool
load(const char *text, char *const *environment, struct config *config, char *complaints, size_t size)
{
	char path[] = "/tmp/latch-unit-conf-XXXXXX";
	const int fd = mkstemp(path);
	FILE *out = fmemopen(complaints, size, "w");

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	memset(complaints, 0, size);
	const bool ok = config_load(path, environment, CONFIG_SERVICE, config, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(unlink(path), 0);
	return ok;
}

static void
every_bad_line_is_reported_with_its_number(void **state)
{
	char *const none[] = { NULL };
	char complaints[4096];
	struct config config;

	(void)state;
	assert_false(load("# a comment\nworkers = none\nnonsense = 1\nno equals sign\naccess_ttl_s = 5\nworkers = 9\n"
	                  "public_url = ftp://x\n key_file = relative\n",
	                  none, &config, complaints, sizeof(complaints)));
	static const char *const expected[] = {
		":2: workers must",      ":3: unknown key nonsense",         ":4: not of the form",
		":5: access_ttl_s must", ":6: workers is set a second time", ":7: public_url must",
		":8: key_file must"
	};
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_non_null(strstr(complaints, expected[i]));
}

static void
every_address_that_is_none_is_told(void **state)
{
	char *const none[] = { NULL };
	char complaints[4096], many[2000] = "trusted_proxies =";
	struct config config;
	static const char *const expected[] = {
		":1: trusted_proxies holds \"10.0.0.1/8\", which has bits beyond its prefix length\n",
		":1: trusted_proxies holds \"proxy.example\", which is no address\n",
		":1: trusted_proxies holds \"\", which is no address\n",
		":1: trusted_proxies holds \"::1/129\", which has no prefix length from 0 to 128\n",
	};

	(void)state;
	assert_false(load("trusted_proxies = 127.0.0.1 10.0.0.1/8 proxy.example  ::1/129\n", none, &config, complaints,
	                  sizeof(complaints)));
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_non_null(strstr(complaints, expected[i]));
	assert_null(strstr(complaints, "127.0.0.1\","));
	assert_true(
		load("trusted_proxies = 127.0.0.1 10.0.0.0/8 2001:db8::/32\n", none, &config, complaints, sizeof(complaints)));
	assert_int_equal(config.proxies.n, 3);
	assert_int_equal(config.proxies.ranges[1].bits, 96 + 8);
	assert_true(load("metrics_addresses = 192.0.2.1 ::1\n", none, &config, complaints, sizeof(complaints)));
	assert_int_equal(config.metrics_from.n, 2);
	assert_int_equal(config.proxies.n, 0);
	assert_false(load("metrics_addresses = localhost\n", none, &config, complaints, sizeof(complaints)));
	assert_non_null(strstr(complaints, ":1: metrics_addresses holds \"localhost\", which is no address\n"));
	assert_true(load("\n", none, &config, complaints, sizeof(complaints)));
	assert_int_equal(config.metrics_from.n, 0);
	assert_true(load("trusted_proxies =\n", none, &config, complaints, sizeof(complaints)));
	assert_int_equal(config.proxies.n, 0);
	for (int i = 0; i <= ADDRESS_RANGES_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), " 10.0.0.%d", i);
	assert_false(load(many, none, &config, complaints, sizeof(complaints)));
	assert_non_null(strstr(complaints, "too many entries"));
}

static void
the_environment_wins_and_is_checked(void **state)
{
	static char workers[] = "LATCH_WORKERS=12", typo[] = "LATCH_WORKER=1", path[] = "LATCH_CONFIG=/x",
				bad[] = "LATCH_DB_PORT=x";
	char *const good[] = { workers, path, NULL }, *const wrong[] = { typo, bad, NULL };
	char complaints[4096];
	struct config config;

	(void)state;
	assert_true(load("workers = 4\n", good, &config, complaints, sizeof(complaints)));
	assert_int_equal(config.workers, 12);
	assert_string_equal(config.issuer, config.public_url);
	assert_true(config.hash_lanes + config.hash_queue < config.workers);
	assert_false(load("", wrong, &config, complaints, sizeof(complaints)));
	assert_non_null(strstr(complaints, "LATCH_WORKER"));
	assert_non_null(strstr(complaints, "db_port must"));
}

static void
lanes_that_could_take_every_worker_are_refused(void **state)
{
	char *const none[] = { NULL };
	char complaints[4096];
	struct config config;

	(void)state;
	assert_false(load("workers = 4\nhash_lanes = 2\nhash_queue = 2\n", none, &config, complaints, sizeof(complaints)));
	assert_true(load("workers = 5\nhash_lanes = 2\nhash_queue = 2\n", none, &config, complaints, sizeof(complaints)));
	/* What was good before there were outbound lanes is good still. */
	assert_int_equal(config.outbound_lanes, 0);
	assert_false(load("workers = 8\nhash_lanes = 2\nhash_queue = 2\noutbound_lanes = 3\n", none, &config, complaints,
	                  sizeof(complaints)));
	assert_non_null(strstr(complaints, "must together leave 2 of the workers (8)"));
	assert_true(load("workers = 8\nhash_lanes = 2\nhash_queue = 2\noutbound_lanes = 2\n", none, &config, complaints,
	                 sizeof(complaints)));
}

static void
lanes_of_both_kinds_and_their_queues_leave_a_quarter_of_the_workers(void **state)
{
	static const char *const waits[] = { "0", "1000" };
	char *const none[] = { NULL };
	char complaints[4096], text[128];
	struct config c;

	(void)state;
	for (uint32_t workers = 2; workers < 80; workers++)
		for (size_t i = 0; i < COUNT(waits); i++) {
			(void)snprintf(text, sizeof(text), "workers = %u\noutbound_lanes = auto\noutbound_wait_ms = %s\n", workers,
			               waits[i]);
			assert_true(load(text, none, &c, complaints, sizeof(complaints)));
			assert_true(c.hash_lanes >= 1);
			assert_int_equal(c.outbound_lanes, workers == 2 ? 0 : workers < 8 ? 1 : workers / 4);
			assert_true(c.outbound_queue <= (i == 0 ? 0 : c.outbound_lanes));
			assert_true(c.hash_lanes + c.hash_queue + c.outbound_lanes + c.outbound_queue
			            <= workers - (workers < 8 ? 1 : workers / 4));
		}
	assert_true(load("workers = 16\noutbound_lanes = auto\noutbound_wait_ms = 1\nhash_lanes = 2\n", none, &c,
	                 complaints, sizeof(complaints)));
	assert_int_equal(c.outbound_queue, 4);
	assert_int_equal(c.hash_queue, 2);
	assert_true(load("workers = 16\nhash_lanes = 2\n", none, &c, complaints, sizeof(complaints)));
	assert_int_equal(c.outbound_lanes, 0);
	assert_int_equal(c.hash_queue, 10);
}

static void
the_owners_password_is_not_for_workers(void **state)
{
	char *const none[] = { NULL };
	char complaints[4096];
	struct config config;

	(void)state;
	assert_true(load("db_owner_password = secret\ndb_owner_password_file = /nonexistent\n", none, &config, complaints,
	                 sizeof(complaints)));
	assert_null(memmem(&config, sizeof(config), "secret", 6));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_rfc_8259_and_nothing_else),
		cmocka_unit_test(json_nests_32_deep),
		cmocka_unit_test(fields_are_all_complained_about_at_once),
		cmocka_unit_test(absent_null_and_empty_are_three_things),
		cmocka_unit_test(a_struct_becomes_json),
		cmocka_unit_test(a_document_larger_than_the_arena_is_an_error),
		cmocka_unit_test(forms_are_decoded_once),
		cmocka_unit_test(broken_forms_are_refused),
		cmocka_unit_test(every_route_says_who_may),
		cmocka_unit_test(a_row_that_does_not_say_who_may_is_found),
		cmocka_unit_test(every_bad_line_is_reported_with_its_number),
		cmocka_unit_test(every_address_that_is_none_is_told),
		cmocka_unit_test(the_environment_wins_and_is_checked),
		cmocka_unit_test(lanes_that_could_take_every_worker_are_refused),
		cmocka_unit_test(lanes_of_both_kinds_and_their_queues_leave_a_quarter_of_the_workers),
		cmocka_unit_test(the_owners_password_is_not_for_workers),
	};

	return cmocka_run_group_tests_name("http", tests, open_arena, close_arena);
}
