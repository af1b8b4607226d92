/* SPDX-License-Identifier: MIT */
/* test_addr.c - addresses and ranges, and texts that are none. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/addr.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* NULL: it is none. */
static const struct {
	const char *said, *strict, *loose;
} addresses[] = {
	{ "10.1.2.3", "10.1.2.3", "10.1.2.3" },
	{ "::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3" },
	{ "2001:DB8:0::1", "2001:db8::1", "2001:db8::1" },
	{ "::", "::", "::" },
	{ "10.1.2.3:80", NULL, "10.1.2.3" },
	{ "[::1]:80", NULL, "::1" },
	{ "[::1]", NULL, "::1" },
	{ "10.1.2.3:", NULL, NULL },
	{ "10.1.2.3:65536", NULL, NULL },
	{ "[::1]80", NULL, NULL },
	{ "[::1", NULL, NULL },
	{ "[10.1.2.3]", NULL, NULL },
	{ "10.1.2", NULL, NULL },
	{ "010.1.2.3", NULL, NULL },
	{ "256.1.2.3", NULL, NULL },
	{ "1.2.3.4 ", NULL, NULL },
	{ "fe80::1%eth0", NULL, NULL },
	{ "unknown", NULL, NULL },
	{ "", NULL, NULL },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL, NULL },
};

static void
check(enum err e, const struct addr *a, const char *text)
{
	char out[ADDR_TEXT];

	if (!text) {
		assert_int_equal(e, ERR_VALUE);
		return;
	}
	assert_int_equal(e, OK);
	assert_true(a->known);
	addr_text(a, out);
	assert_string_equal(out, text);
}

static void
addresses_are_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct str s = str_of(addresses[i].said);
		struct addr a;
		enum err e = addr_read(s, &a);

		check(e, &a, addresses[i].strict);
		e = addr_read_loose(s, &a);
		check(e, &a, addresses[i].loose);
	}
}

static void
an_address_of_a_socket_is_known_when_it_is_one_of_ip(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr other = { .sa_family = AF_UNIX };
	char out[ADDR_TEXT];
	struct addr a;

	(void)state;
	in.sin_addr.s_addr = htonl(0x0a010203);
	a = addr_of((const struct sockaddr *)&in);
	check(OK, &a, "10.1.2.3");
	a = addr_of((const struct sockaddr *)&in6);
	check(OK, &a, "::1");
	a = addr_of(&other);
	assert_false(a.known);
	addr_text(&a, out);
	assert_string_equal(out, "unknown");
}

static const struct {
	const char *range, *inside, *outside; /* NULL: none is */
} ranges[] = {
	{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
	{ "10.1.2.3", "10.1.2.3", "10.1.2.2" },
	{ "10.1.2.2/31", "10.1.2.3", "10.1.2.4" },
	{ "128.0.0.0/1", "255.1.1.1", "127.255.255.255" },
	{ "0.0.0.0/0", "1.2.3.4", "::1" },
	{ "::/0", "2001:db8::1", "1.2.3.4" },
	{ "::ffff:10.0.0.0/104", "10.2.3.4", "11.2.3.4" },
	{ "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
	{ "::1/128", "::1", "::2" },
};

static void
a_range_holds_what_is_in_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ranges); i++) {
		struct addr in, out, nowhere = { .known = false };
		struct cidr c;
		struct why why;

		assert_int_equal(cidr_read(str_of(ranges[i].range), &c, &why),
		    OK);
		assert_int_equal(addr_read(str_of(ranges[i].inside), &in), OK);
		assert_int_equal(addr_read(str_of(ranges[i].outside), &out),
		    OK);
		assert_true(cidr_holds(&c, &in));
		assert_false(cidr_holds(&c, &out));
		assert_false(cidr_holds(&c, &nowhere));
	}
}

static const struct {
	const char *range, *says;
} bad[] = {
	{ "10.0.0.1/8", "10.0.0.0/8" },
	{ "10.1.2.3/31", "10.1.2.2/31" },
	{ "2001:db8::1/64", "2001:db8::/64" },
	{ "10.0.0.0/33", "0 to 32" },
	{ "::/129", "0 to 128" },
	{ "10.0.0.0/", "0 to 32" },
	{ "10.0.0.0/-1", "0 to 32" },
	{ "10.0.0.0/8/8", "0 to 32" },
	{ "10/8", "examples: 10.0.0.0/8" },
	{ "localhost", "examples: 10.0.0.0/8" },
	{ "", "examples: 10.0.0.0/8" },
};

static void
what_is_no_range_is_refused_with_one_that_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct why why = { .text = "" };
		struct cidr c;

		assert_int_equal(cidr_read(str_of(bad[i].range), &c, &why),
		    ERR_VALUE);
		assert_non_null(strstr(why.text, bad[i].says));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(
		    an_address_of_a_socket_is_known_when_it_is_one_of_ip),
		cmocka_unit_test(a_range_holds_what_is_in_it),
		cmocka_unit_test(what_is_no_range_is_refused_with_one_that_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
