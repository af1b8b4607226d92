/* SPDX-License-Identifier: MIT */
/* test_dns.c - names against a name server of the test's own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/dns.h"
#include "relayd/loop.h"
#include "tests/support/nameserver.h"

/* A test that waits longer than this has failed. */
#define PATIENCE_MS 20000
/* What dns.h promises to remember, and a little more. */
#define FRESH_MS  (61 * 1000)
#define STALE_MS  (61 * 60 * 1000)
#define FAILED_MS (3 * 1000)
/* One byte longer than a label may be. */
#define LABEL_16   "aaaaaaaaaaaaaaaa"
#define LONG_LABEL LABEL_16 LABEL_16 LABEL_16 LABEL_16 ".test"

struct bench {
	struct loop *loop;
	struct dns *dns;
	struct nameserver *server;
	unsigned answers;
	struct dns_answer last;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->server = nameserver_new();
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	assert_int_equal(dns_new(b->loop, nameserver_address(b->server),
			     &b->dns, NULL),
	    OK);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	dns_free(b->dns);
	loop_free(b->loop);
	nameserver_free(b->server);
	free(b);
	return 0;
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct bench *b = arg;

	b->answers++;
	b->last = *a;
}

static void
await(struct bench *b, unsigned answers)
{
	int64_t until = clock_us() + PATIENCE_MS * 1000;

	while (b->answers < answers && clock_us() < until)
		loop_turn(b->loop, PATIENCE_MS / 10);
	assert_int_equal(b->answers, answers);
}

static enum err
ask(struct bench *b, const char *name)
{
	unsigned before = b->answers;

	dns_ask(b->dns, str_of(name), on_answer, b);
	/* Never from inside of dns_ask(). */
	assert_int_equal(b->answers, before);
	await(b, before + 1);
	return b->last.e;
}

static void
assert_address(const struct dns_answer *a, unsigned i, const char *expected)
{
	char text[INET6_ADDRSTRLEN];
	const void *from = a->at[i].ss_family == AF_INET
	    ? (const void *)&((const struct sockaddr_in *)&a->at[i])->sin_addr
	    : (const void *)&((const struct sockaddr_in6 *)&a->at[i])
		  ->sin6_addr;

	assert_true(i < a->count);
	inet_ntop(a->at[i].ss_family, from, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void
literals_need_no_name_server(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, "192.0.2.7"), OK);
	assert_address(&b->last, 0, "192.0.2.7");
	assert_int_equal(ask(b, "2001:DB8::1"), OK);
	assert_address(&b->last, 0, "2001:db8::1");
	assert_int_equal(ask(b, "LocalHost."), OK);
	assert_int_equal(b->last.count, 2);
	assert_address(&b->last, 0, "127.0.0.1");
	assert_address(&b->last, 1, "::1");
	assert_int_equal(nameserver_asked(b->server), 0);
}

static void
what_is_no_name_is_never_asked_for(void **state)
{
	static const char *const bad[] = { "", ".", "a..test", ".test", "a b",
		"a\ttest", "a\r\nb", "2130706433", "0x7f.1", "0177.0.0.1",
		"127.1", "1.2.3.4.5", "host.0x7f", "[::1]", "::1%lo", "a@b",
		"a/b", "a:80", "m\xc3\xbcnchen.test", "a..", "*.test",
		LONG_LABEL };
	struct bench *b = *state;
	char endless[400];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ask(b, bad[i]) != ERR_UNKNOWN)
			fail_msg("\"%s\" was taken for a name", bad[i]);
	}
	for (size_t i = 0; i < sizeof(endless) - 1; i++)
		endless[i] = i % 10 == 9 ? '.' : 'a';
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(ask(b, endless), ERR_UNKNOWN);
	assert_int_equal(nameserver_asked(b->server), 0);
}

static void
a_name_has_all_its_addresses(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, "10-1-2-3.192-0-2-9.test"), OK);
	assert_int_equal(b->last.count, 2);
	assert_false(b->last.stale);
	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_in in;

		memcpy(&in, &b->last.at[i], sizeof(in));
		assert_true(in.sin_addr.s_addr == inet_addr("10.1.2.3") ||
		    in.sin_addr.s_addr == inet_addr("192.0.2.9"));
		assert_int_equal(in.sin_port, 0);
	}
}

static void
look_ups_of_one_name_are_joined(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 50; i++)
		dns_ask(b->dns,
		    i % 2 ? STR("10-0-0-1.test") : STR("10-0-0-1.TEST."),
		    on_answer, b);
	await(b, 50);
	assert_int_equal(b->last.e, OK);
	assert_int_equal(nameserver_asked(b->server), 1);
}

static void
an_answer_is_fresh_for_a_minute(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	assert_int_equal(nameserver_asked(b->server), 1);
	dns_age(b->dns, FRESH_MS);
	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	assert_false(b->last.stale);
	assert_int_equal(nameserver_asked(b->server), 2);
}

static void
a_missing_name_is_remembered_for_two_seconds(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, "gone.test"), ERR_UNKNOWN);
	assert_non_null(strstr(b->last.why.text, "gone.test"));
	assert_int_equal(ask(b, "gone.test"), ERR_UNKNOWN);
	assert_int_equal(nameserver_asked(b->server), 1);
	dns_age(b->dns, FAILED_MS);
	assert_int_equal(ask(b, "gone.test"), ERR_UNKNOWN);
	assert_int_equal(nameserver_asked(b->server), 2);
}

static void
a_flapping_server_is_covered_by_older_answers(void **state)
{
	struct bench *b = *state;

	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	for (int i = 0; i < 3; i++) {
		nameserver_mood(b->server, NAMESERVER_FAILING);
		dns_age(b->dns, FRESH_MS);
		assert_int_equal(ask(b, "10-0-0-1.test"), OK);
		assert_true(b->last.stale);
		assert_address(&b->last, 0, "10.0.0.1");
		nameserver_mood(b->server, NAMESERVER_FINE);
		dns_age(b->dns, FAILED_MS);
		assert_int_equal(ask(b, "10-0-0-1.test"), OK);
		assert_false(b->last.stale);
	}
	nameserver_mood(b->server, NAMESERVER_FAILING);
	dns_age(b->dns, STALE_MS);
	assert_int_equal(ask(b, "10-0-0-1.test"), ERR_IO);
}

static void
a_dead_server_costs_a_known_name_no_second(void **state)
{
	struct bench *b = *state;
	int64_t began;

	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	nameserver_mood(b->server, NAMESERVER_SILENT);
	dns_age(b->dns, FRESH_MS);
	began = clock_us();
	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	assert_true(b->last.stale);
	assert_true(clock_us() - began < 1000 * 1000);
}

static void
a_dead_server_fails_a_new_name_in_bounded_time(void **state)
{
	struct bench *b = *state;
	int64_t began = clock_us();

	nameserver_mood(b->server, NAMESERVER_SILENT);
	assert_int_equal(ask(b, "10-0-0-1.test"), ERR_TIMEOUT);
	assert_true(clock_us() - began < 7 * 1000 * 1000);
	assert_true(loop_take_longest_us(b->loop) < 100 * 1000);
}

static void
a_cancelled_look_up_is_never_answered(void **state)
{
	struct bench *b = *state;
	struct dns_query *q;

	/* While it waits, and when its answer is on the way. */
	q = dns_ask(b->dns, STR("10-0-0-1.test"), on_answer, b);
	dns_cancel(q);
	q = dns_ask(b->dns, STR("192.0.2.1"), on_answer, b);
	dns_cancel(q);
	dns_cancel(NULL);
	assert_int_equal(ask(b, "10-0-0-1.test"), OK);
	assert_int_equal(b->answers, 1);
	assert_int_equal(nameserver_asked(b->server), 1);
}

static void
freeing_with_a_question_under_way_is_fine(void **state)
{
	struct bench *b = *state;

	nameserver_mood(b->server, NAMESERVER_SILENT);
	dns_cancel(dns_ask(b->dns, STR("10-0-0-1.test"), on_answer, b));
	loop_turn(b->loop, 0);
	assert_int_equal(b->answers, 0);
}

static void
the_names_used_last_are_kept(void **state)
{
	struct bench *b = *state;
	char name[64];

	for (unsigned i = 0; i < 520; i++) {
		snprintf(name, sizeof(name), "10-0-%u-%u.test", i / 256,
		    i % 256);
		assert_int_equal(ask(b, name), OK);
	}
	assert_int_equal(nameserver_asked(b->server), 520);
	assert_int_equal(ask(b, "10-0-2-7.test"), OK);
	assert_int_equal(ask(b, "10-0-0-8.test"), OK);
	assert_int_equal(nameserver_asked(b->server), 520);
	assert_int_equal(ask(b, "10-0-0-7.test"), OK);
	assert_int_equal(nameserver_asked(b->server), 521);
}

static void
servers_that_are_none_are_refused(void **state)
{
	struct loop *l;
	struct dns *d = NULL;
	struct why why = { 0 };

	(void)state;
	assert_int_equal(loop_new(&l, NULL), OK);
	assert_int_equal(dns_new(l, "not an address", &d, &why), ERR_VALUE);
	assert_null(d);
	assert_non_null(strstr(why.text, "name servers"));
	loop_free(l);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(literals_need_no_name_server),
		BENCH_TEST(what_is_no_name_is_never_asked_for),
		BENCH_TEST(a_name_has_all_its_addresses),
		BENCH_TEST(look_ups_of_one_name_are_joined),
		BENCH_TEST(an_answer_is_fresh_for_a_minute),
		BENCH_TEST(a_missing_name_is_remembered_for_two_seconds),
		BENCH_TEST(a_flapping_server_is_covered_by_older_answers),
		BENCH_TEST(a_dead_server_costs_a_known_name_no_second),
		BENCH_TEST(a_dead_server_fails_a_new_name_in_bounded_time),
		BENCH_TEST(a_cancelled_look_up_is_never_answered),
		BENCH_TEST(freeing_with_a_question_under_way_is_fine),
		BENCH_TEST(the_names_used_last_are_kept),
		cmocka_unit_test(servers_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
