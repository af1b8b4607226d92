/* SPDX-License-Identifier: MIT */
/* test_fetch.c - ordinary transfers against peers of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/loop.h"
#include "tests/support/nameserver.h"
#include "tests/support/peer.h"

/* A test that waits longer than this has failed. */
#define PATIENCE_MS 10000
#define ANSWER_MAX  1000

struct bench {
	struct authority *authority; /* of the group */
	struct loop *loop;
	struct dns *dns;
	struct dialer *dialer;
	struct nameserver *names;
	struct peer *peer;
	unsigned over;
	struct fetch_result result;
	char body[ANSWER_MAX + 1];
};

static int
group_setup(void **state)
{
	*state = authority_new();
	return 0;
}

static int
group_teardown(void **state)
{
	authority_free(*state);
	return 0;
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct dialer_conf conf = { .connect_wait_ms = PATIENCE_MS / 2 };

	b->authority = *state;
	conf.ca_file = authority_file(b->authority);
	b->names = nameserver_new();
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	assert_int_equal(dns_new(b->loop, nameserver_address(b->names), &b->dns,
			     NULL),
	    OK);
	assert_int_equal(dialer_new(b->loop, b->dns, &conf, &b->dialer, NULL),
	    OK);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	dialer_free(b->dialer);
	dns_free(b->dns);
	loop_free(b->loop);
	peer_free(b->peer);
	nameserver_free(b->names);
	*state = b->authority;
	free(b);
	return 0;
}

static void
on_fetched(void *arg, const struct fetch_result *result)
{
	struct bench *b = arg;

	b->over++;
	b->result = *result;
	assert_true(result->body.len <= ANSWER_MAX);
	memset(b->body, 0, sizeof(b->body));
	if (result->body.len)
		memcpy(b->body, result->body.at, result->body.len);
}

static enum err
fetch(struct bench *b, const struct fetch_ask *ask)
{
	int64_t until = clock_us() + PATIENCE_MS * 1000;
	unsigned before = b->over;

	fetch_start(b->dialer, ask, on_fetched, b);
	assert_int_equal(b->over, before);
	while (b->over == before && clock_us() < until)
		loop_turn(b->loop, PATIENCE_MS / 10);
	assert_int_equal(b->over, before + 1);
	return b->result.e;
}

/* A peer that answers each request with this, and how to ask it. */
static struct fetch_ask
to_piece(struct bench *b, const char *piece, enum cert cert, char url[64])
{
	struct peer_conf conf = { .manner = piece ? PEER_HTTP : PEER_MUTE,
		.cert = cert,
		.piece = piece,
		.piece_len = piece ? strlen(piece) : 0 };

	peer_free(b->peer);
	b->peer = peer_new(b->authority, &conf);
	snprintf(url, 64, "%s://127.0.0.1:%u/a/../b?c=d",
	    cert == CERT_NONE ? "http" : "https", peer_port(b->peer));
	return (struct fetch_ask){ .way = { .allow_private = true },
		.method = "GET",
		.url = url,
		.total_ms = PATIENCE_MS,
		.answer_max = ANSWER_MAX };
}

#define ANSWER "HTTP/1.1 200 fine\r\nContent-Length: 5\r\n\r\nhello"

static void
an_answer_comes_with_status_body_and_times(void **state)
{
	struct bench *b = *state;
	char url[64], heard[4096];
	struct fetch_ask ask = to_piece(b, ANSWER, CERT_GOOD, url);

	if (fetch(b, &ask))
		fail_msg("%s", b->result.why.text);
	assert_int_equal(b->result.status, 200);
	assert_string_equal(b->body, "hello");
	assert_true(b->result.connect_us > 0);
	assert_true(b->result.total_us >= b->result.first_us);
	peer_heard(b->peer, heard, sizeof(heard));
	assert_non_null(strstr(heard, "GET /a/../b?c=d HTTP/1.1\r\n"));
}

static void
a_body_is_sent_once_with_its_length_and_no_expect(void **state)
{
	const char *const fields[] = { "content-type: application/json",
		"authorization: Bearer hunter2", NULL };
	struct bench *b = *state;
	char url[64], heard[4096];
	struct fetch_ask ask = to_piece(b, ANSWER, CERT_NONE, url);

	ask.method = "POST";
	ask.fields = fields;
	ask.body = STR("{\"a\":1}");
	assert_int_equal(fetch(b, &ask), OK);
	peer_heard(b->peer, heard, sizeof(heard));
	assert_non_null(strstr(heard, "POST /a/../b?c=d HTTP/1.1\r\n"));
	assert_non_null(strstr(heard, "Content-Length: 7\r\n"));
	assert_non_null(strstr(heard, "authorization: Bearer hunter2\r\n"));
	assert_non_null(strstr(heard, "\r\n\r\n{\"a\":1}"));
	assert_null(strstr(heard, "Expect"));
	assert_null(strstr(heard, "urlencoded"));
	assert_int_equal(peer_taken(b->peer), 1);
}

static void
where_there_is_no_way_nothing_is_fetched(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct fetch_ask ask = to_piece(b, ANSWER, CERT_NONE, url);

	ask.way.no_way = "there is no proxy \"tokyo\"";
	assert_int_equal(fetch(b, &ask), ERR_DENIED);
	assert_string_equal(b->result.why.text, ask.way.no_way);
	assert_int_equal(b->result.connect_us, 0);
	ask.url = "http://far.peer.test/";
	assert_int_equal(fetch(b, &ask), ERR_DENIED);
	ask.way.no_way = NULL;
	ask.url = url;
	ask.way.family = DIAL_6;
	assert_int_equal(fetch(b, &ask), ERR_DENIED);
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
what_an_upstream_answers_is_told(void **state)
{
	static const struct {
		const char *piece;
		enum err e;
		unsigned status;
		const char *body;
	} rows[] = {
		{ "HTTP/1.1 302 go\r\nLocation: http://127.0.0.1:1/\r\n"
		  "Content-Length: 0\r\n\r\n",
		    OK, 302, "" },
		{ "HTTP/1.1 401 no\r\nContent-Length: 2\r\n\r\nno", OK, 401,
		    "no" },
		{ "HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\n"
		  "Content-Length: 3\r\n\r\nabc",
		    OK, 200, "abc" },
		{ "HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nabc", ERR_IO, 0,
		    "abc" },
		{ "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n", ERR_SYNTAX, 0,
		    "" },
		{ "hello\r\n", ERR_IO, 0, "" },
		{ "", ERR_IO, 0, "" },
	};
	struct bench *b = *state;
	char url[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fetch_ask ask =
		    to_piece(b, rows[i].piece, CERT_NONE, url);

		if (fetch(b, &ask) != rows[i].e)
			fail_msg("row %zu: %s: %s", i, err_name(b->result.e),
			    b->result.why.text);
		assert_int_equal(b->result.status, rows[i].status);
		assert_string_equal(b->body, rows[i].body);
		/* Neither followed nor tried again. */
		assert_int_equal(peer_taken(b->peer), 1);
	}
}

static void
an_answer_over_the_ceiling_is_refused(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct fetch_ask ask = to_piece(b, ANSWER, CERT_NONE, url);

	ask.answer_max = 5;
	assert_int_equal(fetch(b, &ask), OK);
	ask.answer_max = 4;
	assert_int_equal(fetch(b, &ask), ERR_LIMIT);
	assert_non_null(strstr(b->result.why.text, "4 bytes"));
}

static void
a_silent_upstream_is_left_at_the_deadline(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct fetch_ask ask = to_piece(b, NULL, CERT_NONE, url);

	ask.total_ms = 100;
	assert_int_equal(fetch(b, &ask), ERR_TIMEOUT);
	assert_non_null(strstr(b->result.why.text, "100 ms"));
	/* Also while the name is being asked for. */
	nameserver_mood(b->names, NAMESERVER_SILENT);
	ask.url = "http://127-0-0-1.test/";
	assert_int_equal(fetch(b, &ask), ERR_TIMEOUT);
}

static void
urls_lead_where_they_may_or_nowhere(void **state)
{
	static const struct {
		const char *url;
		enum err e;
	} rows[] = {
		{ "http://127.0.0.1:1/", ERR_DENIED },
		{ "http://127.1:1/", ERR_DENIED },
		{ "http://0x7f000001:1/", ERR_DENIED },
		{ "http://2130706433:1/", ERR_DENIED },
		{ "http://[::1]:1/", ERR_DENIED },
		{ "http://[::ffff:169.254.169.254]/", ERR_DENIED },
		{ "http://127-0-0-1.test./", ERR_DENIED },
		{ "http://169-254-169-254.test/", ERR_DENIED },
		{ "http://me:hunter2@example.test/", ERR_VALUE },
		{ "file:///etc/passwd", ERR_VALUE },
		{ "gopher://example.test/", ERR_VALUE },
		{ "http://", ERR_VALUE },
		{ "http://a b/", ERR_VALUE },
		{ "http://example.test\r\nx: y/", ERR_VALUE },
		{ "https://gone.test/", ERR_UNKNOWN },
	};
	struct bench *b = *state;
	struct fetch_ask ask = { .method = "GET",
		.total_ms = PATIENCE_MS,
		.answer_max = ANSWER_MAX };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask.url = rows[i].url;
		if (fetch(b, &ask) != rows[i].e)
			fail_msg("%s: %s: %s", ask.url, err_name(b->result.e),
			    b->result.why.text);
	}
}

static void
a_field_cannot_smuggle_a_line(void **state)
{
	const char *const fields[] = { "a: b\r\nc: d", NULL };
	struct bench *b = *state;
	char url[64];
	struct fetch_ask ask = to_piece(b, ANSWER, CERT_NONE, url);

	ask.fields = fields;
	assert_int_equal(fetch(b, &ask), ERR_VALUE);
	assert_int_equal(peer_taken(b->peer), 0);
}

static void
a_cancelled_fetch_is_never_heard_of(void **state)
{
	struct bench *b = *state;
	char url[64];
	struct fetch_ask ask = to_piece(b, NULL, CERT_NONE, url);
	struct fetch *f;

	fetch_cancel(fetch_start(b->dialer, &ask, on_fetched, b));
	f = fetch_start(b->dialer, &ask, on_fetched, b);
	while (!peer_taken(b->peer))
		loop_turn(b->loop, 1);
	fetch_cancel(f);
	fetch_cancel(NULL);
	loop_turn(b->loop, 0);
	assert_int_equal(b->over, 0);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(an_answer_comes_with_status_body_and_times),
		BENCH_TEST(where_there_is_no_way_nothing_is_fetched),
		BENCH_TEST(a_body_is_sent_once_with_its_length_and_no_expect),
		BENCH_TEST(what_an_upstream_answers_is_told),
		BENCH_TEST(an_answer_over_the_ceiling_is_refused),
		BENCH_TEST(a_silent_upstream_is_left_at_the_deadline),
		BENCH_TEST(urls_lead_where_they_may_or_nowhere),
		BENCH_TEST(a_field_cannot_smuggle_a_line),
		BENCH_TEST(a_cancelled_fetch_is_never_heard_of),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
