/* SPDX-License-Identifier: MIT */
/* test_egress.c - a hundred spellings of destinations, and what becomes of
 * each of them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "relayd/dns.h"
#include "relayd/egress.h"

enum verdict {
	OPEN,  /* anybody's */
	LOCAL, /* with allow_private */
	NEVER,
	NONE /* neither an address nor a name: it is nowhere */
};

struct spelling {
	const char *text;
	enum verdict verdict;
};

/* clang-format off */
static const struct spelling spellings[] = {
	{ "8.8.8.8",			OPEN },
	{ "1.1.1.1",			OPEN },
	{ "104.18.2.3",			OPEN },
	{ "172.15.255.255",		OPEN },
	{ "172.32.0.1",			OPEN },
	{ "192.167.255.255",		OPEN },
	{ "192.169.0.1",		OPEN },
	{ "9.255.255.255",		OPEN },
	{ "11.0.0.1",			OPEN },
	{ "100.63.255.255",		OPEN },
	{ "100.128.0.1",		OPEN },
	{ "126.255.255.255",		OPEN },
	{ "128.0.0.1",			OPEN },
	{ "169.253.255.255",		OPEN },
	{ "169.255.0.1",		OPEN },
	{ "198.17.255.255",		OPEN },
	{ "198.20.0.1",			OPEN },
	{ "223.255.255.255",		OPEN },
	{ "2606:4700::6810:203",	OPEN },
	{ "2a00:1450:4001:830::200e",	OPEN },
	{ "::ffff:8.8.8.8",		OPEN },
	{ "::ffff:0808:0808",		OPEN },
	{ "64:ff9b::8.8.8.8",		OPEN },
	{ "2002:808:808::1",		OPEN },
	{ "127.0.0.1",			LOCAL },
	{ "127.255.255.255",		LOCAL },
	{ "10.0.0.0",			LOCAL },
	{ "10.255.255.255",		LOCAL },
	{ "172.16.0.1",			LOCAL },
	{ "172.31.255.255",		LOCAL },
	{ "192.168.0.1",		LOCAL },
	{ "192.168.255.255",		LOCAL },
	{ "100.64.0.1",			LOCAL },
	{ "100.127.255.255",		LOCAL },
	{ "198.18.0.1",			LOCAL },
	{ "192.0.0.8",			LOCAL },
	{ "::1",			LOCAL },
	{ "0:0:0:0:0:0:0:1",		LOCAL },
	{ "fc00::1",			LOCAL },
	{ "fdff:ffff::1",		LOCAL },
	{ "FD12:3456::1",		LOCAL },
	{ "fd00:ec2::253",		LOCAL },
	{ "::ffff:127.0.0.1",		LOCAL },
	{ "::ffff:7f00:1",		LOCAL },
	{ "::ffff:10.1.2.3",		LOCAL },
	{ "::ffff:0:127.0.0.1",		LOCAL },
	{ "::127.0.0.1",		LOCAL },
	{ "64:ff9b::127.0.0.1",		LOCAL },
	{ "64:ff9b::a00:1",		LOCAL },
	{ "64:ff9b:1::1",		LOCAL },
	{ "2002:7f00:1::1",		LOCAL },
	{ "2002:c0a8:101::",		LOCAL },
	{ "0.0.0.0",			NEVER },
	{ "0.1.2.3",			NEVER },
	{ "169.254.169.254",		NEVER },
	{ "169.254.0.1",		NEVER },
	{ "169.254.170.2",		NEVER },
	{ "100.100.100.200",		NEVER },
	{ "168.63.129.16",		NEVER },
	{ "192.0.0.192",		NEVER },
	{ "224.0.0.1",			NEVER },
	{ "239.255.255.255",		NEVER },
	{ "240.0.0.1",			NEVER },
	{ "255.255.255.255",		NEVER },
	{ "192.0.2.1",			NEVER },
	{ "203.0.113.9",		NEVER },
	{ "::",				NEVER },
	{ "fe80::1",			NEVER },
	{ "febf:ffff::1",		NEVER },
	{ "fec0::1",			NEVER },
	{ "ff02::1",			NEVER },
	{ "fd00:ec2::254",		NEVER },
	{ "FD00:0EC2:0:0:0:0:0:0254",	NEVER },
	{ "fd20:ce::254",		NEVER },
	{ "2001:db8::1",		NEVER },
	{ "2001:0:5ef5:79fd::1",	NEVER },
	{ "100::1",			NEVER },
	{ "::ffff:169.254.169.254",	NEVER },
	{ "::ffff:a9fe:a9fe",		NEVER },
	{ "::ffff:0.0.0.0",		NEVER },
	{ "::169.254.169.254",		NEVER },
	{ "64:ff9b::169.254.169.254",	NEVER },
	{ "64:ff9b::a9fe:a9fe",		NEVER },
	{ "2002:a9fe:a9fe::1",		NEVER },
	{ "0",				NONE },
	{ "127.1",			NONE },
	{ "127.0.1",			NONE },
	{ "2130706433",			NONE },
	{ "0x7f000001",			NONE },
	{ "0x7f.0.0.1",			NONE },
	{ "0177.0.0.1",			NONE },
	{ "017700000001",		NONE },
	{ "127.0.0.01",			NONE },
	{ "2852039166",			NONE },
	{ "0xa9fea9fe",			NONE },
	{ "0251.0376.0251.0376",	NONE },
	{ "169.254.43518",		NONE },
	{ "[::1]",			NONE },
	{ "::ffff:0x7f.1",		NONE },
	{ "fe80::1%eth0",		NONE },
	{ "1.2.3.4.5",			NONE },
	{ "127.0.0.1\r\nx",		NONE },
	{ "127.0.0.1@evil.example",	NONE },
	{ "evil.example#127.0.0.1",	NONE },
	{ "\357\274\221\357\274\222\357\274\227.0.0.1",	NONE },
	{ "127\343\200\2020\343\200\2020\343\200\2021",	NONE },
};
/* clang-format on */

static bool
parse(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = 0xffff };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(out, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(out, &in6, sizeof(in6));
	else
		return false;
	return true;
}

static enum verdict
judge(const char *text)
{
	struct sockaddr_storage ss;
	const struct sockaddr *sa = (const struct sockaddr *)&ss;
	struct why why = { 0 };

	if (!parse(text, &ss))
		return dns_is_name(str_of(text)) ? OPEN : NONE;
	if (egress_check(sa, false, NULL) == OK)
		return egress_check(sa, true, NULL) == OK ? OPEN : NONE;
	if (egress_check(sa, true, NULL) == OK) {
		assert_int_equal(egress_check(sa, false, &why), ERR_DENIED);
		assert_non_null(strstr(why.text, "allow_private"));
		return LOCAL;
	}
	assert_int_equal(egress_check(sa, true, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "never"));
	return NEVER;
}

static void
every_spelling_gets_its_verdict(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		enum verdict v = judge(spellings[i].text);

		if (v == spellings[i].verdict)
			continue;
		print_error("%s: got %d, expected %d\n", spellings[i].text, v,
		    spellings[i].verdict);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* The prefixes' borders, by the numbers and not by our table. */
static void
every_slash_16_of_ipv4_is_judged_by_its_number(void **state)
{
	(void)state;
	for (uint32_t net = 0; net < 65536; net++) {
		uint32_t a = net >> 8, b = net & 255;
		struct sockaddr_in in = { .sin_family = AF_INET };
		bool never = a == 0 || a >= 224 || (a == 169 && b == 254);
		bool local = a == 10 || a == 127 ||
		    (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) ||
		    (a == 100 && b >= 64 && b < 128) ||
		    (a == 198 && (b == 18 || b == 19));
		const struct sockaddr *sa = (const struct sockaddr *)&in;

		/* The host part keeps clear of single metadata addresses. */
		in.sin_addr.s_addr = htonl(net << 16 | 0xf00d);
		assert_int_equal(egress_check(sa, false, NULL),
		    never || local ? ERR_DENIED : OK);
		assert_int_equal(egress_check(sa, true, NULL),
		    never ? ERR_DENIED : OK);
	}
}

static void
other_families_are_refused(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX,
		.sun_path = "/run/docker.sock" };
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)state;
	assert_int_equal(egress_check((struct sockaddr *)&un, true, NULL),
	    ERR_DENIED);
	assert_int_equal(egress_check(&none, true, NULL), ERR_DENIED);
}

static void
the_reason_names_the_address(void **state)
{
	struct sockaddr_storage ss;
	struct why why = { 0 };

	(void)state;
	assert_true(parse("::ffff:169.254.169.254", &ss));
	assert_int_equal(egress_check((struct sockaddr *)&ss, true, &why),
	    ERR_DENIED);
	assert_string_equal(why.field, "address");
	assert_string_equal(why.text,
	    "::ffff:169.254.169.254 is a link-local address, which is never "
	    "connected to");
}

static void
hosts_are_judged_when_they_are_addresses(void **state)
{
	static const struct {
		const char *host;
		enum err closed, open; /* without and with allow_private */
	} cases[] = {
		{ "169.254.169.254", ERR_DENIED, ERR_DENIED },
		{ "::ffff:169.254.169.254", ERR_DENIED, ERR_DENIED },
		{ "0.0.0.0", ERR_DENIED, ERR_DENIED },
		{ "10.0.0.1", ERR_DENIED, OK },
		{ "::1", ERR_DENIED, OK },
		{ "192.0.2.1.example.org", OK, OK },
		{ "metadata.example.org", OK, OK },
		{ "9.9.9.9", OK, OK },
		{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", OK, OK },
		{ "", OK, OK },
	};
	struct why why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str host = str_of(cases[i].host);

		assert_int_equal(egress_check_host(host, false, &why),
		    cases[i].closed);
		assert_int_equal(egress_check_host(host, true, &why),
		    cases[i].open);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_gets_its_verdict),
		cmocka_unit_test(
		    every_slash_16_of_ipv4_is_judged_by_its_number),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(the_reason_names_the_address),
		cmocka_unit_test(hosts_are_judged_when_they_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
