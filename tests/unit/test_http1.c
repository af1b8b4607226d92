/* SPDX-License-Identifier: MIT */
/* test_http1.c - which heads are messages, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http1.h"

#define N	 "\r\n"
#define GET	 "GET / HTTP/1.1" N
#define POST	 "POST /v1/messages HTTP/1.1" N
#define ANSWER	 "HTTP/1.1 200 OK" N
#define HOST	 "Host: a" N
#define LEN(n)	 "Content-Length: " n N
#define CODED(c) "Transfer-Encoding: " c N

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define assert_str(s, literal)                                                 \
	do {                                                                   \
		assert_int_equal((s).len, sizeof(literal) - 1);                \
		assert_memory_equal((s).at, literal, sizeof(literal) - 1);     \
	} while (0)

/* --- requests ------------------------------------------------------------- */

static const struct request_case {
	const char *name;
	struct str text;
	unsigned status; /* 0: accepted */
	enum http1_framing framing;
	uint64_t length;
} requests[] = {
#define GOOD(name, head, framing, length)                                      \
	{ name, { head, sizeof(head) - 1 }, 0, HTTP1_##framing, length },
#define BAD(name, head, status)                                                \
	{ name, { head, sizeof(head) - 1 }, status, HTTP1_NO_BODY, 0 },
#include "tests/unit/http1_request.def"
#undef GOOD
#undef BAD
};

/* One parse, which must give a status and a reason when it refuses. */
static enum err
parse(struct str text, size_t *io_seen, struct http1_head *out,
    size_t *out_used, unsigned *out_status)
{
	struct why why = { .text = "" };
	enum err e;

	e = http1_request(text, io_seen, out, out_used, out_status, &why);
	if (e && e != ERR_AGAIN) {
		assert_true(why.text[0] != '\0');
		assert_true(*out_status == 400 || *out_status == 431 ||
		    *out_status == 501 || *out_status == 505);
	}
	return e;
}

/* Is the case met when its bytes come in steps, of which the first is `cut`
 * long and the others `step`?  Each time they end where their memory ends. */
static bool
request_holds(const struct request_case *c, size_t cut, size_t step)
{
	struct http1_head head;
	size_t seen = 0, used = 0;
	unsigned status = 0;
	enum err e;

	for (size_t len = cut;; len += step) {
		char *copy;

		if (len > c->text.len)
			len = c->text.len;
		copy = malloc(len ? len : 1);
		assert_non_null(copy);
		memcpy(copy, c->text.at, len);
		e = parse(str_at(copy, len), &seen, &head, &used, &status);
		free(copy);
		if (e != ERR_AGAIN || len == c->text.len)
			break;
	}
	if (c->status)
		return e && status == c->status;
	return !e && status == 0 && used == c->text.len &&
	    head.framing == c->framing && head.length == c->length;
}

static void
requests_are_answered_as_the_stricter_server_would(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++)
		if (!request_holds(&requests[i], requests[i].text.len, 1))
			fail_msg("%s", requests[i].name);
}

static void
every_cut_of_a_request_gives_the_same_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct request_case *c = &requests[i];

		for (size_t cut = 0; cut <= c->text.len; cut++)
			if (!request_holds(c, cut, c->text.len))
				fail_msg("%s, cut at %zu", c->name, cut);
		if (!request_holds(c, 0, 1))
			fail_msg("%s, byte by byte", c->name);
	}
}

static void
parse_good(struct str text, struct http1_head *out)
{
	size_t seen = 0, used;
	unsigned status;

	assert_int_equal(parse(text, &seen, out, &used, &status), OK);
	assert_int_equal(used, text.len);
}

static void
a_head_is_taken_apart(void **state)
{
	struct http1_head h;

	(void)state;
	parse_good(STR(N "POST /v1/messages?beta=true&x HTTP/1.1" N
			 "Host: example.test:8080" N "X-Empty:" N "Accept: a" N
			 "accept:  b , Gzip " N N),
	    &h);
	assert_str(h.method, "POST");
	assert_str(h.target, "/v1/messages?beta=true&x");
	assert_str(h.path, "/v1/messages");
	assert_str(h.query, "beta=true&x");
	assert_str(h.host, "example.test:8080");
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.count, 4);
	assert_str(h.fields[1].name, "X-Empty");
	assert_int_equal(h.fields[1].value.len, 0);
	assert_str(http1_find(&h, STR("ACCEPT"))->value, "a");
	assert_str(h.fields[3].value, "b , Gzip");
	assert_null(http1_find(&h, STR("accep")));
	assert_true(http1_has_token(&h, STR("Accept"), STR("B")));
	assert_true(http1_has_token(&h, STR("Accept"), STR("gzip")));
	assert_false(http1_has_token(&h, STR("Accept"), STR("gzi")));
	assert_false(http1_has_token(&h, STR("Nobody"), STR("gzip")));
}

static void
paths_and_queries_come_from_every_form_of_target(void **state)
{
	struct http1_head h;

	(void)state;
	parse_good(STR("GET /a HTTP/1.1" N HOST N), &h);
	assert_str(h.path, "/a");
	assert_null(h.query.at);
	parse_good(STR("GET /a? HTTP/1.1" N HOST N), &h);
	assert_non_null(h.query.at);
	assert_int_equal(h.query.len, 0);
	parse_good(STR("GET HTTPS://a/b?c?d HTTP/1.1" N HOST N), &h);
	assert_str(h.path, "/b");
	assert_str(h.query, "c?d");
	parse_good(STR("GET http://a?c HTTP/1.1" N HOST N), &h);
	assert_str(h.path, "/");
	assert_str(h.query, "c");
	parse_good(STR("GET http://a HTTP/1.1" N HOST N), &h);
	assert_str(h.path, "/");
	parse_good(STR("OPTIONS * HTTP/1.1" N HOST N), &h);
	assert_str(h.path, "*");
}

static void
connection_and_version_decide_whether_to_go_on(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} cases[] = {
		{ GET HOST N, true },
		{ GET HOST "Connection: close" N N, false },
		{ GET HOST "Connection: foo, CLOSE" N N, false },
		{ GET HOST "Connection: a" N "Connection: close" N N, false },
		{ GET HOST "Connection: closed" N N, true },
		{ "GET / HTTP/1.0" N N, false },
		{ "GET / HTTP/1.0" N "Connection: Keep-Alive" N N, true },
		{ "GET / HTTP/1.0" N "Connection: keep-alive,close" N N,
		    false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http1_head h;

		parse_good(str_of(cases[i].text), &h);
		assert_int_equal(h.keep_alive, cases[i].keep_alive);
	}
}

static void
expect_and_upgrade_count_on_1_1_only(void **state)
{
	struct http1_head h;

	(void)state;
	parse_good(STR(GET HOST "Expect: 100-Continue" N "Connection: Upgrade" N
				"Upgrade: websocket" N N),
	    &h);
	assert_true(h.expect_continue);
	assert_str(h.upgrade, "websocket");
	parse_good(STR(GET HOST "Upgrade: websocket" N N), &h);
	assert_false(h.expect_continue);
	assert_int_equal(h.upgrade.len, 0);
	parse_good(STR("GET / HTTP/1.0" N "Expect: 100-continue" N
		       "Connection: upgrade" N "Upgrade: websocket" N N),
	    &h);
	assert_false(h.expect_continue);
	assert_int_equal(h.upgrade.len, 0);
}

static void
a_head_ends_before_the_next_request(void **state)
{
	const struct str text = STR(GET HOST N "GET /2 HTTP/1.1" N);
	struct http1_head h;
	size_t seen = 0, used;
	unsigned status;

	(void)state;
	assert_int_equal(parse(text, &seen, &h, &used, &status), OK);
	assert_int_equal(used, sizeof(GET HOST N) - 1);
	assert_int_equal(seen, used);
}

/* --- ceilings ------------------------------------------------------------- */

/* A request of that many fields and Host, at least that many bytes long. */
static void
request_make(struct buf *out, size_t fields, size_t bytes)
{
	buf_init(out, 1024 * 1024);
	buf_must(out, STR(GET HOST));
	for (size_t i = 0; i + 1 < fields; i++)
		buf_mustf(out, "f%zu: v" N, i);
	buf_must(out, STR("last: "));
	while (buf_len(out) + strlen(N N) < bytes)
		buf_must(out, STR("x"));
	buf_must(out, STR(N N));
}

static unsigned
status_of_request(size_t fields, size_t bytes)
{
	struct http1_head h;
	size_t seen = 0, used;
	unsigned status = 0;
	struct buf b;

	request_make(&b, fields, bytes);
	if (!parse(buf_str(&b), &seen, &h, &used, &status))
		status = 200;
	buf_fini(&b);
	return status;
}

static void
a_head_has_100_fields_and_32_kib_at_most(void **state)
{
	(void)state;
	assert_int_equal(status_of_request(99, 0), 200);
	assert_int_equal(status_of_request(100, 0), 431);
	assert_int_equal(status_of_request(1, HTTP1_HEAD_MAX), 200);
	assert_int_equal(status_of_request(1, HTTP1_HEAD_MAX + 1), 431);
}

static void
an_endless_head_is_refused_at_32_kib(void **state)
{
	struct http1_head h;
	size_t seen = 0, used;
	unsigned status = 0;
	struct buf b;

	(void)state;
	request_make(&b, 1, 64 * 1024);
	for (size_t len = 0; len < HTTP1_HEAD_MAX; len += 1000) {
		struct str held = str_first(buf_str(&b), len);

		assert_int_equal(parse(held, &seen, &h, &used, &status),
		    ERR_AGAIN);
		/* Nothing will be scanned twice. */
		assert_int_equal(seen, len);
	}
	assert_int_equal(parse(str_first(buf_str(&b), HTTP1_HEAD_MAX), &seen,
			     &h, &used, &status),
	    ERR_LIMIT);
	assert_int_equal(status, 431);
	buf_fini(&b);
}

static void
a_refusal_tells_method_and_version_when_they_were_read(void **state)
{
	struct http1_head h;
	size_t seen = 0, used;
	unsigned status;

	(void)state;
	assert_int_equal(parse(STR("HEAD / HTTP/1.1" N N), &seen, &h, &used,
			     &status),
	    ERR_SYNTAX);
	assert_str(h.method, "HEAD");
	assert_int_equal(h.minor, 1);
	seen = 0;
	assert_int_equal(parse(STR("\x16"), &seen, &h, &used, &status),
	    ERR_SYNTAX);
	assert_int_equal(h.method.len, 0);
	assert_int_equal(h.minor, 0);
}

/* --- responses ------------------------------------------------------------ */

static const struct response_case {
	const char *name;
	struct str text;
	bool to_head, good;
	enum http1_framing framing;
	uint64_t length;
} responses[] = {
#define GOOD(name, head, framing, length)                                      \
	{ name, { head, sizeof(head) - 1 }, false, true, HTTP1_##framing,      \
		length },
#define TO_HEAD(name, head)                                                    \
	{ name, { head, sizeof(head) - 1 }, true, true, HTTP1_NO_BODY, 0 },
#define BAD(name, head)                                                        \
	{ name, { head, sizeof(head) - 1 }, false, false, HTTP1_NO_BODY, 0 },
#include "tests/unit/http1_response.def"
#undef GOOD
#undef TO_HEAD
#undef BAD
};

static bool
response_holds(const struct response_case *c, size_t cut)
{
	struct http1_head h;
	size_t seen = 0, used = 0;
	enum err e;

	e = http1_response(str_first(c->text, cut), &seen, c->to_head, &h,
	    &used, NULL);
	if (e == ERR_AGAIN)
		e = http1_response(c->text, &seen, c->to_head, &h, &used, NULL);
	if (!c->good)
		return e && e != ERR_AGAIN;
	return !e && used == c->text.len && h.framing == c->framing &&
	    h.length == c->length;
}

static void
responses_are_framed_or_refused_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(responses); i++)
		for (size_t cut = 0; cut <= responses[i].text.len; cut++)
			if (!response_holds(&responses[i], cut))
				fail_msg("%s, cut at %zu", responses[i].name,
				    cut);
}

static void
a_status_line_is_taken_apart(void **state)
{
	const struct str text = STR("HTTP/1.1 429 Too Many Requests" N
		LEN("0") "Connection: keep-alive" N N);
	struct http1_head h;
	size_t seen = 0, used;

	(void)state;
	assert_int_equal(http1_response(text, &seen, false, &h, &used, NULL),
	    OK);
	assert_int_equal(h.status, 429);
	assert_str(h.reason, "Too Many Requests");
	assert_true(h.keep_alive);
	seen = 0;
	assert_int_equal(http1_response(STR(ANSWER N), &seen, false, &h, &used,
			     NULL),
	    OK);
	/* What ends with the connection cannot be followed by more. */
	assert_false(h.keep_alive);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    requests_are_answered_as_the_stricter_server_would),
		cmocka_unit_test(every_cut_of_a_request_gives_the_same_answer),
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(
		    paths_and_queries_come_from_every_form_of_target),
		cmocka_unit_test(
		    connection_and_version_decide_whether_to_go_on),
		cmocka_unit_test(expect_and_upgrade_count_on_1_1_only),
		cmocka_unit_test(a_head_ends_before_the_next_request),
		cmocka_unit_test(a_head_has_100_fields_and_32_kib_at_most),
		cmocka_unit_test(an_endless_head_is_refused_at_32_kib),
		cmocka_unit_test(
		    a_refusal_tells_method_and_version_when_they_were_read),
		cmocka_unit_test(responses_are_framed_or_refused_at_every_cut),
		cmocka_unit_test(a_status_line_is_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
