/* SPDX-License-Identifier: MIT */
/* test_proxyproto.c - headers of the PROXY protocol, whole, cut and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/proxyproto.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal)                                                         \
	{                                                                      \
		literal, sizeof(literal) - 1                                   \
	}

/* from NULL: the connection is the proxy's own. */
static const struct {
	struct {
		const char *at;
		size_t len;
	} in;
	const char *from;
	unsigned port;
} good[] = {
	{ BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324 3000\r\n"), "192.0.2.7",
	    56324 },
	{ BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	    "255.255.255.255", 65535 },
	{ BYTES("PROXY TCP6 2001:db8::7 ::1 0 1\r\n"), "2001:db8::7", 0 },
	{ BYTES("PROXY TCP6 "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
	{ BYTES("PROXY UNKNOWN\r\n"), NULL, 0 },
	{ BYTES("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), NULL, 0 },
	{ BYTES(SIGNATURE "\x21\x11\0\x0c"
			  "\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x0b\xb8"),
	    "192.0.2.7", 56324 },
	/* With an extension behind the addresses. */
	{ BYTES(SIGNATURE "\x21\x11\0\x10"
			  "\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x0b\xb8"
			  "\x04\0\x01!"),
	    "192.0.2.7", 56324 },
	{ BYTES(SIGNATURE "\x21\x21\0\x24"
			  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
			  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\x0b\xb8"),
	    "2001:db8::7", 56324 },
	{ BYTES(SIGNATURE "\x20\0\0\0"), NULL, 0 },
	/* A check of the proxy's own, though it names addresses. */
	{ BYTES(SIGNATURE "\x20\x11\0\x0c"
			  "\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x0b\xb8"),
	    NULL, 0 },
	{ BYTES(SIGNATURE "\x21\0\0\x03xyz"), NULL, 0 },
	{ BYTES(SIGNATURE "\x21\x31\0\0"), NULL, 0 },
};

static void
headers_of_both_versions_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct proxyproto p = { .port = 1 };
		char text[ADDR_TEXT];
		size_t used = 0;

		assert_int_equal(proxyproto_read(str_at(good[i].in.at,
						     good[i].in.len),
				     &p, &used),
		    OK);
		assert_int_equal(used, good[i].in.len);
		assert_int_equal(p.relays, good[i].from != NULL);
		assert_int_equal(p.port, good[i].port);
		addr_text(&p.from, text);
		assert_string_equal(text,
		    good[i].from ? good[i].from : "unknown");
	}
}

static void
every_cut_of_a_header_waits_for_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t cut = 0; cut < good[i].in.len; cut++) {
			struct proxyproto p;
			size_t used;

			assert_int_equal(proxyproto_read(str_at(good[i].in.at,
							     cut),
					     &p, &used),
			    ERR_AGAIN);
		}
}

static void
what_follows_a_header_is_left_alone(void **state)
{
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct proxyproto p;
		size_t used = 0, len = good[i].in.len;

		memcpy(text, good[i].in.at, len);
		memcpy(text + len, "GET / HTTP/1.1\r\n", 16);
		assert_int_equal(proxyproto_read(str_at(text, len + 16), &p,
				     &used),
		    OK);
		assert_int_equal(used, len);
	}
}

static const struct {
	struct {
		const char *at;
		size_t len;
	} in;
	enum err err;
} bad[] = {
	{ BYTES("GET / HTTP/1.1\r\n"), ERR_SYNTAX },
	{ BYTES("\r\n\r\n\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY\r\n"), ERR_SYNTAX },
	{ BYTES("proxy UNKNOWN\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 ::1 ::2 1 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), ERR_SYNTAX },
	{ BYTES("PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
	    ERR_SYNTAX },
	{ BYTES(SIGNATURE "\x11\x11\0\x0c"), ERR_SYNTAX },
	{ BYTES(SIGNATURE "\x22\x11\0\x0c"), ERR_SYNTAX },
	{ BYTES(SIGNATURE "\x21\x11\0\x0b"), ERR_SYNTAX },
	{ BYTES(SIGNATURE "\x21\x21\0\x0c"), ERR_SYNTAX },
	{ BYTES(SIGNATURE "\x21\x11\xff\xff"), ERR_LIMIT },
};

static void
what_is_no_header_is_refused_and_stays_so(void **state)
{
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct proxyproto p;
		size_t used, len = bad[i].in.len;
		enum err e;

		memset(text, 'x', sizeof(text));
		memcpy(text, bad[i].in.at, len);
		for (size_t cut = 0; cut < len; cut++) {
			e = proxyproto_read(str_at(text, cut), &p, &used);
			assert_true(e == ERR_AGAIN || e == bad[i].err);
		}
		for (size_t more = len; more < sizeof(text); more++)
			assert_int_equal(proxyproto_read(str_at(text, more), &p,
					     &used),
			    bad[i].err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_of_both_versions_are_understood),
		cmocka_unit_test(every_cut_of_a_header_waits_for_the_rest),
		cmocka_unit_test(what_follows_a_header_is_left_alone),
		cmocka_unit_test(what_is_no_header_is_refused_and_stays_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
