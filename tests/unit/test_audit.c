/* The audit's MACs and what is sealed in its lines. */
#include "service/audit_mac.h"
#include "unit.h"

#include "service/audit_events.h"

static const struct master_key master = { "a master key of 32 bytes for tes" };

static struct audit_line
some_line(void)
{
	return (struct audit_line){ .id = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c41" },
		                        .at = { 1700000000123 },
		                        .chain = 5,
		                        .n = 17,
		                        .event = "role.grant",
		                        .outcome = "ok",
		                        .actor = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c42" },
		                        .subject = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c43" },
		                        .session = { "01932c07-209c-7c11-8b0e-6a3f5d2e9c44" },
		                        .through = "api",
		                        .target = "editor",
		                        .sealed = { 3, { 1, 2, 3 } } };
}

static struct audit_bytes
bytes_of(const struct audit_line *line)
{
	struct audit_bytes out = { 0 };

	assert_true(audit_line_bytes(line, AUDIT_MAC_NONE, &out));
	return out;
}

static bool
same(const struct audit_bytes *a, const struct audit_bytes *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

enum { CHOICES = 4, LINES = 1024 };

/* Every line whose five texts are each of these: so their bytes together are often the same, in other portions,
 * and the byte is the one that goes before a text. */
static struct audit_line
line_number(unsigned i)
{
	static const char *const texts[CHOICES] = { "", "\1", "\1\1", "\1\1\1" };
	struct audit_line line = { .chain = 1, .n = 1 };

	(void)snprintf(line.event, sizeof(line.event), "%s", texts[i % 4]);
	(void)snprintf(line.outcome, sizeof(line.outcome), "%s", texts[i / 4 % 4]);
	(void)snprintf(line.through, sizeof(line.through), "%s", texts[i / 16 % 4]);
	(void)snprintf(line.target, sizeof(line.target), "%s", texts[i / 64 % 4]);
	line.sealed.n = i / 256;
	memset(line.sealed.p, 1, line.sealed.n);
	return line;
}

static void
no_two_lines_are_the_same_bytes(void **state)
{
	static struct audit_bytes all[LINES];

	(void)state;
	for (unsigned i = 0; i < LINES; i++) {
		const struct audit_line line = line_number(i);
		all[i] = bytes_of(&line);
		for (unsigned j = 0; j < i; j++)
			assert_false(same(&all[i], &all[j]));
	}
}

static void
every_field_counts(void **state)
{
	const struct audit_line line = some_line();
	const struct audit_bytes before = bytes_of(&line);
	struct audit_line others[12];
	struct audit_bytes other;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		others[i] = line;
	others[0].id.text[35] = '0';
	others[1].at.ms++;
	others[2].chain++;
	others[3].n++;
	others[4].event[0] = 'R';
	others[5].outcome[0] = 'O';
	others[6].actor.text[0] = '\0';
	others[7].subject.text[35] = '0';
	others[8].session.text[35] = '0';
	others[9].through[0] = 'A';
	others[10].target[0] = '\0';
	others[11].sealed.p[2]++;
	for (size_t i = 0; i < COUNT(others); i++) {
		other = bytes_of(&others[i]);
		assert_false(same(&before, &other));
	}
	/* And the line before; but not what is not of the line. */
	assert_true(audit_line_bytes(&line, "1", &other));
	assert_false(same(&before, &other));
	others[0] = line;
	others[0].key[0] = 'x';
	memset(others[0].mac, 'x', sizeof(others[0].mac) - 1);
	other = bytes_of(&others[0]);
	assert_true(same(&before, &other));
}

static void
absent_is_not_empty_and_lengths_go_before(void **state)
{
	const struct audit_line line = { .event = "e" };
	const struct audit_bytes got = bytes_of(&line);
	const unsigned char end[] = { 1, 0, 0, 0, 1, 'e', 0, 0, 0, 0, 0, 0, 0 };

	(void)state;
	assert_memory_equal(got.p, "\1\0\0\0\4line\1\0\0\0\x8", 14);
	assert_memory_equal(got.p + got.n - sizeof(end), end, sizeof(end));
}

static struct jws_key *
some_key(void)
{
	struct bytes secret = { .n = 32 };

	memset(secret.p, 7, secret.n);
	return jws_key_import(TOKEN_HS256, &secret);
}

static void
a_row_is_no_line_and_its_seal_is_over_all_of_it(void **state)
{
	struct jws_key *key = some_key();
	struct audit_head head = {
		.chain = 3, .first = 1, .before = AUDIT_MAC_NONE, .mac = AUDIT_MAC_NONE, .seal = AUDIT_MAC_NONE
	};
	bool good;

	(void)state;
	assert_int_equal(audit_head_check(key, &head, &good), OK);
	assert_true(good); /* as the migration makes it */
	head.n = 1;
	assert_int_equal(audit_head_check(key, &head, &good), OK);
	assert_false(good);
	assert_int_equal(audit_head_seal(key, &head, head.seal), OK);
	assert_int_equal(audit_head_check(key, &head, &good), OK);
	assert_true(good);
	struct audit_head others[] = { head, head, head, head, head };
	others[0].chain++;
	others[1].first++;
	others[2].n++;
	others[3].before[0] = '1';
	others[4].mac[63] = '1';
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(audit_head_check(key, &others[i], &good), OK);
		assert_false(good);
	}
	jws_key_free(key);
}

static void
who_it_was_opens_with_its_line_and_key_alone(void **state)
{
	const struct client client = { STR("192.0.2.7"), STR("Tester/1.0") };
	struct audit_line line = some_line(), other;
	struct audit_from from;

	(void)state;
	memcpy(line.key, "00112233445566778899aabbccddeeff", 33);
	assert_int_equal(audit_hide(&master, &client, &line), OK);
	audit_show(&master, &line, &from);
	assert_string_equal(from.ip, "192.0.2.7");
	assert_string_equal(from.user_agent, "Tester/1.0");
	for (int i = 0; i < 4; i++) {
		other = line;
		if (i == 0)
			other.id.text[35] = '0';
		else if (i == 1)
			other.key[0] = '1';
		else if (i == 2)
			other.key[0] = '\0'; /* the user is gone */
		else
			other.sealed.p[20]++;
		audit_show(&master, &other, &from);
		assert_string_equal(from.ip, "");
		assert_string_equal(from.user_agent, "");
	}
}

static void
of_nobody_it_opens_with_the_key_file(void **state)
{
	const struct client agent_only = { .user_agent = STR("Tester/1.0") };
	struct audit_line line = { .id = some_line().id };
	struct audit_from from;

	(void)state;
	assert_int_equal(audit_hide(&master, &agent_only, &line), OK);
	audit_show(&master, &line, &from);
	assert_string_equal(from.ip, "");
	assert_string_equal(from.user_agent, "Tester/1.0");
	assert_int_equal(audit_hide(&master, &(const struct client){ .ip = { 0 } }, &line), OK);
	assert_int_equal(line.sealed.n, 0);
}

static void
every_event_says_all_of_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < AUDIT_EVENTS; i++) {
		const struct audit_event_row *row = &audit_events[i];
		assert_non_null(row->name);
		assert_true(strlen(row->name) < sizeof(((struct audit_line *)0)->event));
		assert_true(row->tells != NULL && row->outcomes != NULL && row->actor != NULL);
		assert_true(row->subject != NULL && row->target != NULL);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(row->name, audit_events[j].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_lines_are_the_same_bytes),
		cmocka_unit_test(every_field_counts),
		cmocka_unit_test(absent_is_not_empty_and_lengths_go_before),
		cmocka_unit_test(a_row_is_no_line_and_its_seal_is_over_all_of_it),
		cmocka_unit_test(who_it_was_opens_with_its_line_and_key_alone),
		cmocka_unit_test(of_nobody_it_opens_with_the_key_file),
		cmocka_unit_test(every_event_says_all_of_itself),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
