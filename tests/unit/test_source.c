/* SPDX-License-Identifier: MIT */
/* test_source.c - whose a request is, as proxies tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/conf.h"
#include "relayd/source.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct cidr trusted_ranges[2];

/* Ten and the loopback address are trusted. */
static struct conf
trusting(void)
{
	struct conf conf = { .trusted_proxies = {
				 .n = 2, .at = trusted_ranges } };
	struct why why;

	assert_int_equal(cidr_read(STR("10.0.0.0/8"), &trusted_ranges[0], &why),
	    OK);
	assert_int_equal(cidr_read(STR("::1"), &trusted_ranges[1], &why), OK);
	return conf;
}

/* Two fields of the request, NULL: it has none. */
static const struct {
	const char *peer, *first, *second, *from;
} cases[] = {
	{ "192.0.2.1", NULL, NULL, "192.0.2.1" },
	/* A stranger may say what they like. */
	{ "192.0.2.1", "198.51.100.7", NULL, "192.0.2.1" },
	{ "192.0.2.1", "10.0.0.1", NULL, "192.0.2.1" },
	{ "10.0.0.1", NULL, NULL, "10.0.0.1" },
	{ "10.0.0.1", "198.51.100.7", NULL, "198.51.100.7" },
	{ "::1", "2001:db8::7", NULL, "2001:db8::7" },
	{ "10.0.0.1", "[2001:db8::7]:443", NULL, "2001:db8::7" },
	{ "10.0.0.1", "198.51.100.7:1234", NULL, "198.51.100.7" },
	/* What the client said stands in front of what the proxy says. */
	{ "10.0.0.1", "10.9.9.9, 198.51.100.7", NULL, "198.51.100.7" },
	{ "10.0.0.1", "127.0.0.1,198.51.100.7", NULL, "198.51.100.7" },
	{ "10.0.0.1", "nonsense, 198.51.100.7", NULL, "198.51.100.7" },
	/* Proxies behind proxies. */
	{ "10.0.0.1", "198.51.100.7, 10.0.0.2, 10.0.0.3", NULL,
	    "198.51.100.7" },
	{ "10.0.0.1", "198.51.100.8, 198.51.100.7, 10.0.0.2", NULL,
	    "198.51.100.7" },
	{ "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3" },
	/* Several fields are one list. */
	{ "10.0.0.1", "198.51.100.8", "198.51.100.7", "198.51.100.7" },
	{ "10.0.0.1", "198.51.100.7", "10.0.0.2", "198.51.100.7" },
	{ "10.0.0.1", "198.51.100.7", " , ", "198.51.100.7" },
	{ "10.0.0.1", "", NULL, "10.0.0.1" },
	/* A trusted proxy that does not know, or that was fooled. */
	{ "10.0.0.1", "unknown", NULL, "unknown" },
	{ "10.0.0.1", "198.51.100.7, _hidden", NULL, "unknown" },
	{ "10.0.0.1", "198.51.100.7, nonsense, 10.0.0.2", NULL, "unknown" },
};

static void
an_address_is_believed_from_trusted_proxies_alone(void **state)
{
	const struct conf conf = trusting();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *said[] = { cases[i].first, cases[i].second };
		struct http1_head head = { .count = 0 };
		struct addr peer, from;
		char text[ADDR_TEXT];

		assert_int_equal(addr_read(str_of(cases[i].peer), &peer), OK);
		for (int f = 0; f < 2; f++) {
			head.fields[head.count].name = STR("x-real-ip");
			head.fields[head.count++].value = STR("203.0.113.9");
			head.fields[head.count].name = STR("X-Forwarded-For");
			head.fields[head.count].value = str_of(said[f]);
			head.count += said[f] != NULL;
		}
		from = source_of(&conf, &peer, &head);
		addr_text(&from, text);
		assert_string_equal(text, cases[i].from);
	}
}

static void
without_trusted_proxies_nobody_is_believed(void **state)
{
	const struct conf conf = { .proxy_protocol = 0 };
	struct http1_head head = { .count = 1 };
	struct addr peer, from;

	(void)state;
	head.fields[0].name = STR("x-forwarded-for");
	head.fields[0].value = STR("198.51.100.7");
	assert_int_equal(addr_read(STR("127.0.0.1"), &peer), OK);
	from = source_of(&conf, &peer, &head);
	assert_memory_equal(&from.at, &peer.at, ADDR_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_address_is_believed_from_trusted_proxies_alone),
		cmocka_unit_test(without_trusted_proxies_nobody_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
