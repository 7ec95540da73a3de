#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "core/address.h"

static struct address
parsed(const char *text)
{
	struct address a;

	assert_true(address_parse(str_of(text), &a));
	return a;
}

static void
addresses_are_read_and_written_in_one_form(void **state)
{
	const char *const cases[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "::FFFF:c000:207", "192.0.2.7" },
		{ "0:0:0:0:0:ffff:c000:0207", "192.0.2.7" },
		{ "2001:DB8:0:0::1", "2001:db8::1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "64:ff9b::192.0.2.7", "64:ff9b::c000:207" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	char text[ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct address a = parsed(cases[i][0]);
		address_format(&a, text);
		assert_string_equal(text, cases[i][1]);
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	const struct str bad[] = {
		STR(""),
		STR(" "),
		STR("-"),
		STR("unknown"),
		STR("_hidden"),
		STR("localhost"),
		STR("192.0.2"),
		STR("192.0.2.256"),
		STR("192.0.2.07"),
		STR("192.0.2.7 "),
		STR(" 192.0.2.7"),
		STR("192.0.2.7:80"),
		STR("192.0.2.7/32"),
		STR("192.0.2.7."),
		STR("192.0.2.-1"),
		STR("0xc0.0.2.7"),
		STR("3221225991"),
		STR("192.0.2.7\0"),
		STR("192.0.2.7\0x"),
		STR("[2001:db8::1]"),
		STR("2001:db8::1::2"),
		STR("2001:db8::1%eth0"),
		STR("fe80::1%1"),
		STR("2001:db8::12345"),
		STR("1:2:3:4:5:6:7"),
		STR("1:2:3:4:5:6:7:8:9"),
		STR(":::"),
		STR("::g"),
		STR("::ffff:192.0.2.256"),
		STR("\xd9\xa1.0.2.7"),
		STR("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"),
		STR("0000000000000000000000000000000000000000000000000000000000000001"),
	};
	struct address a;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(address_parse(bad[i], &a));
	assert_false(address_parse((struct str){ 0 }, &a));
}

static void
a_prefix_is_what_one_subscriber_has(void **state)
{
	const char *const cases[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64" },
		{ "2001:db8:1:3::", "2001:db8:1:3::/64" },
		{ "::1", "::/64" },
		{ "ffff:ffff:ffff:ffff::1", "ffff:ffff:ffff:ffff::/64" },
	};
	char text[ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct address a = parsed(cases[i][0]);
		address_prefix(&a, text);
		assert_string_equal(text, cases[i][1]);
	}
}

static bool
within(const char *range, const char *address)
{
	struct address_list list = { .n = 1 };
	const struct address a = parsed(address);

	assert_null(address_range_parse(str_of(range), &list.ranges[0]));
	return address_in(&list, &a);
}

static void
a_range_holds_what_begins_with_its_bits(void **state)
{
	(void)state;
	assert_true(within("10.0.0.0/8", "10.255.255.255"));
	assert_false(within("10.0.0.0/8", "11.0.0.0"));
	assert_true(within("192.0.2.128/25", "192.0.2.128"));
	assert_false(within("192.0.2.128/25", "192.0.2.127"));
	assert_true(within("192.0.2.7", "192.0.2.7"));
	assert_true(within("192.0.2.7/32", "::ffff:192.0.2.7"));
	assert_false(within("192.0.2.7", "192.0.2.6"));
	assert_true(within("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_true(within("0.0.0.0/0", "255.0.0.1"));
	assert_false(within("0.0.0.0/0", "2001:db8::1"));
	assert_true(within("::/0", "2001:db8::1"));
	assert_false(within("::/0", "192.0.2.7")); /* who trusts all of IPv6 does not trust IPv4 with it */
	assert_true(within("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(within("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(within("::1", "::1"));
	assert_false(within("::1/128", "::2"));
}

static void
what_is_no_range_is_refused_with_the_reason(void **state)
{
	const char *const cases[][2] = {
		{ "", "is no address" },
		{ "x", "is no address" },
		{ "/8", "is no address" },
		{ "10.0.0/8", "is no address" },
		{ "fe80::1%eth0/64", "is no address" },
		{ "10.0.0.0/", "has no prefix length from 0 to 32" },
		{ "10.0.0.0/33", "has no prefix length from 0 to 32" },
		{ "10.0.0.0/-1", "has no prefix length from 0 to 32" },
		{ "10.0.0.0/255.0.0.0", "has no prefix length from 0 to 32" },
		{ "10.0.0.0/8/8", "has no prefix length from 0 to 32" },
		{ "10.0.0.0/18446744073709551616", "has no prefix length from 0 to 32" },
		{ "2001:db8::/129", "has no prefix length from 0 to 128" },
		{ "10.0.0.1/8", "has bits beyond its prefix length" },
		{ "2001:db8::1/64", "has bits beyond its prefix length" },
		{ "192.0.2.7/31", "has bits beyond its prefix length" },
	};
	struct address_range range;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *wrong = address_range_parse(str_of(cases[i][0]), &range);
		assert_non_null(wrong);
		assert_string_equal(wrong, cases[i][1]);
	}
}

/* The client of a request from `remote`, with 127.0.0.1, 10.0.0.0/8 and 2001:db8:ffff::/48 trusted; "..." behind it says that
 * it is a proxy which did not name him. */
static const char *
client_of(const char *remote, const char *forwarded_for)
{
	static const char *const ranges[] = { "127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48" };
	static char text[ADDRESS_SIZE + 3];
	bool broken = true;
	struct address_list trusted = { .n = COUNT(ranges) };
	struct address a;

	for (size_t i = 0; i < COUNT(ranges); i++)
		assert_null(address_range_parse(str_of(ranges[i]), &trusted.ranges[i]));
	if (!client_address(str_of(remote), str_of(forwarded_for), &trusted, &a, &broken)) {
		assert_false(broken);
		return "none";
	}
	address_format(&a, text);
	if (broken)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "...");
	return text;
}

static void
the_client_is_the_last_hop_that_is_not_trusted(void **state)
{
	const char *const cases[][3] = {
		{ "192.0.2.7", NULL, "192.0.2.7" },
		{ "192.0.2.7", "198.51.100.1", "192.0.2.7" }, /* not from a proxy of ours */
		{ "127.0.0.1", NULL, "127.0.0.1" },
		{ "127.0.0.1", "", "127.0.0.1" },
		{ "127.0.0.1", "198.51.100.1", "198.51.100.1" },
		{ "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1" },
		{ "127.0.0.1", "203.0.113.9, 198.51.100.1",
		  "198.51.100.1" }, /* what the client itself wrote counts for nothing */
		{ "127.0.0.1", "203.0.113.9,198.51.100.1 ,\t10.1.2.3", "198.51.100.1" },
		{ "127.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1" }, /* all are ours: the first that was heard */
		{ "127.0.0.1", "2001:db8::5, 2001:db8:ffff::1", "2001:db8::5" },
		{ "127.0.0.1", "unknown", "127.0.0.1..." },
		{ "127.0.0.1", "198.51.100.1, unknown", "127.0.0.1..." },
		{ "127.0.0.1", "unknown, 10.1.2.3", "10.1.2.3..." },
		{ "127.0.0.1", "unknown, 198.51.100.1", "198.51.100.1" }, /* a stranger's own word, which nobody reads */
		{ "192.0.2.7", "unknown", "192.0.2.7" },
		{ "127.0.0.1", "198.51.100.1,", "127.0.0.1..." },
		{ "127.0.0.1", ",", "127.0.0.1..." },
		{ "127.0.0.1", ", 198.51.100.1", "198.51.100.1" },
		{ "127.0.0.1", ", 10.1.2.3", "10.1.2.3" }, /* a header that was empty before */
		{ "127.0.0.1", "198.51.100.1 203.0.113.9", "127.0.0.1..." },
		{ "127.0.0.1", "\"198.51.100.1\"", "127.0.0.1..." },
		{ "127.0.0.1", "198.51.100.1:4711", "198.51.100.1" },
		{ "127.0.0.1", "198.51.100.1:4711, 10.1.2.3:65535", "198.51.100.1" },
		{ "127.0.0.1", "[2001:db8::5]:443", "2001:db8::5" },
		{ "127.0.0.1", "[2001:db8::5]", "2001:db8::5" },
		{ "127.0.0.1", "2001:db8::5:443", "2001:db8::5:443" }, /* an address itself */
		{ "127.0.0.1", "198.51.100.1:", "127.0.0.1..." },
		{ "127.0.0.1", "198.51.100.1:65536", "127.0.0.1..." },
		{ "127.0.0.1", "198.51.100.1:-1", "127.0.0.1..." },
		{ "127.0.0.1", "198.51.100.1:80:80", "127.0.0.1..." },
		{ "127.0.0.1", "[198.51.100.1]:443", "127.0.0.1..." },
		{ "127.0.0.1", "[2001:db8::5]443", "127.0.0.1..." },
		{ "127.0.0.1", "[2001:db8::5]:", "127.0.0.1..." },
		{ "127.0.0.1", "[2001:db8::5", "127.0.0.1..." },
		{ "127.0.0.1", "[", "127.0.0.1..." },
		{ "127.0.0.1", ":80", "127.0.0.1..." },
		{ "[::1]:80", "198.51.100.1", "none" }, /* a web server's own word has no port */
		{ "", "198.51.100.1", "none" },
		{ "unix:", "198.51.100.1", "none" },
		{ NULL, "198.51.100.1", "none" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(client_of(cases[i][0], cases[i][1]), cases[i][2]);
}

static void
the_walk_ends_after_so_many_hops(void **state)
{
	char text[8000] = "203.0.113.9";

	(void)state;
	for (int i = 0; i < ADDRESS_HOPS_MAX - 1; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ", 10.0.0.%d", i + 1);
	assert_string_equal(client_of("127.0.0.1", text), "203.0.113.9");
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ", 10.0.0.200");
	assert_string_equal(client_of("127.0.0.1", text), "10.0.0.1...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written_in_one_form),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_prefix_is_what_one_subscriber_has),
		cmocka_unit_test(a_range_holds_what_begins_with_its_bits),
		cmocka_unit_test(what_is_no_range_is_refused_with_the_reason),
		cmocka_unit_test(the_client_is_the_last_hop_that_is_not_trusted),
		cmocka_unit_test(the_walk_ends_after_so_many_hops),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
