/* SPDX-License-Identifier: MIT */
/* test_rename.c - the model's name in every dialect's place for it, and
 * nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sse.h"

#include "relayd/rename.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
only_the_name_changes(void **state)
{
	static const struct {
		const char *json, *renamed;
	} rows[] = {
		{ "{\"model\": \"up\" , \"x\":[1, 2]}",
		    "{\"model\": \"a\\\"b\" , \"x\":[1, 2]}" },
		{ "{\"type\":\"message_start\",\"message\":{\"model\":\"up\","
		  "\"content\":[]}}",
		    "{\"type\":\"message_start\",\"message\":{\"model\":"
		    "\"a\\\"b\",\"content\":[]}}" },
		{ "{\"response\":{\"id\":1,\"model\":\"up\"}}",
		    "{\"response\":{\"id\":1,\"model\":\"a\\\"b\"}}" },
		{ "{\"modelVersion\":\"up\",\"candidates\":[]}",
		    "{\"modelVersion\":\"a\\\"b\",\"candidates\":[]}" },
		{ "{\"model\":\"\"}", "{\"model\":\"a\\\"b\"}" },
		{ "{\"model\":null}", "{\"model\":null}" },
		{ "{\"content\":[{\"input\":{\"model\":\"up\"}}]}",
		    "{\"content\":[{\"input\":{\"model\":\"up\"}}]}" },
		{ "[DONE]", "[DONE]" },
		{ "", "" },
		{ "{\"model\":\"u", "{\"model\":\"u" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(rename_model(str_of(rows[i].json), STR("a\"b"),
				     &out),
		    OK);
		assert_string_equal(buf_cstr(&out), rows[i].renamed);
		buf_fini(&out);
	}
}

static const char stream[] =
    ": a comment\n\n"
    "event: message_start\ndata: {\"message\":{\"model\":\"up\"}}\n\n"
    "data:{\"model\":\"up\",\"data: \":1}\r\n\r\n"
    "data: {\"model\":\ndata: \"up\"}\n\n"
    ": ping\n\n"
    "event: data: x\nid: 7\ndata: {\"response\":{\"model\":\"up\"}}\r\r"
    "data: [DONE]\n\n"
    "data: {\"model\":\"never whole\"";

static const char renamed[] =
    ": a comment\n\n"
    "event: message_start\ndata: {\"message\":{\"model\":\"mine\"}}\n\n"
    "data:{\"model\":\"mine\",\"data: \":1}\r\n\r\n"
    "data: {\"model\":\ndata: \"up\"}\n\n"
    ": ping\n\n"
    "event: data: x\nid: 7\ndata: {\"response\":{\"model\":\"mine\"}}\r\r"
    "data: [DONE]\n\n"
    "data: {\"model\":\"never whole\"";

static void
every_cut_of_a_stream_gives_the_same(void **state)
{
	struct str text = str_of(stream);

	(void)state;
	for (size_t cut = 0; cut <= text.len; cut++) {
		struct reshape *s = reshape_new(&rename_events);
		struct buf out;
		struct why why;

		s->model = STR("mine");
		buf_init(&out, 4096);
		assert_int_equal(s->ops->feed(s, str_first(text, cut), &out,
				     &why),
		    OK);
		assert_int_equal(s->ops->feed(s, str_skip(text, cut), &out,
				     &why),
		    OK);
		assert_int_equal(s->ops->end(s, &out, &why), OK);
		assert_string_equal(buf_cstr(&out), renamed);
		reshape_free(s);
		buf_fini(&out);
	}
}

static void
a_whole_answer_is_renamed_at_its_end(void **state)
{
	struct reshape *s = reshape_new(&rename_whole);
	struct buf out;
	struct why why;

	(void)state;
	s->model = STR("mine");
	buf_init(&out, 4096);
	assert_int_equal(s->ops->feed(s, STR("{\"mod"), &out, &why), OK);
	assert_int_equal(s->ops->feed(s, STR("el\":\"up\"}"), &out, &why), OK);
	assert_int_equal(buf_len(&out), 0);
	assert_in_range(s->held, sizeof("{\"model\":\"up\"}") - 1, 4096);
	assert_int_equal(s->ops->end(s, &out, &why), OK);
	assert_string_equal(buf_cstr(&out), "{\"model\":\"mine\"}");
	reshape_free(s);
	buf_fini(&out);
}

static void
what_is_too_large_passes_as_it_is(void **state)
{
	static const struct {
		const struct reshape_ops *ops;
		const char *begin, *end;
	} rows[] = {
		{ &rename_events, "data: {\"model\":\"up\",\"x\":\"",
		    "\"}\n\ndata: {\"model\":\"up\"}\n\n" },
		{ &rename_whole, "{\"model\":\"up\",\"x\":\"", "\"}" },
	};
	static char x[64 * 1024];

	(void)state;
	memset(x, 'x', sizeof(x));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reshape *s = reshape_new(rows[i].ops);
		struct buf in, out;
		struct str rest;
		struct why why;

		s->model = STR("mine");
		buf_init(&in, 2 * SSE_EVENT_MAX);
		buf_init(&out, 2 * SSE_EVENT_MAX);
		buf_must(&in, str_of(rows[i].begin));
		while (buf_len(&in) <= SSE_EVENT_MAX)
			buf_must(&in, str_at(x, sizeof(x)));
		buf_must(&in, str_of(rows[i].end));
		for (rest = buf_str(&in); rest.len;
		     rest = str_skip(rest, sizeof(x)))
			assert_int_equal(s->ops->feed(s,
					     str_first(rest, sizeof(x)), &out,
					     &why),
			    OK);
		assert_int_equal(s->held, 0);
		assert_int_equal(s->ops->end(s, &out, &why), OK);
		assert_true(str_eq(buf_str(&in), buf_str(&out)));
		reshape_free(s);
		buf_fini(&in);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_name_changes),
		cmocka_unit_test(every_cut_of_a_stream_gives_the_same),
		cmocka_unit_test(a_whole_answer_is_renamed_at_its_end),
		cmocka_unit_test(what_is_too_large_passes_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
