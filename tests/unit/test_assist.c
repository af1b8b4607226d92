/* SPDX-License-Identifier: MIT */
/* test_assist.c - the envelope of Code Assist: put on, taken off wherever the
 * answer is cut, and left alone but for the project. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/account.h"
#include "relayd/assist.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BYTES	     (64 * 1024)

/* --- requests --------------------------------------------------------------- */

static void
an_envelope_keeps_all_but_the_project(void **state)
{
	static const struct {
		const char *plan, *body, *made;
	} rows[] = {
		{ "pmine\nproject\n",
		    "{ \"model\":\"m\",\n\"project\" : \"theirs\", "
		    "\"x\":[1.0]}",
		    "{ \"model\":\"m\",\n\"project\" : \"mine\", "
		    "\"x\":[1.0]}" },
		{ "pmine\nproject\n", "{\"model\":\"m\"}",
		    "{\"project\":\"mine\",\"model\":\"m\"}" },
		{ "pmine\nproject\n", "{}", "{\"project\":\"mine\"}" },
		{ "pmine\n\n", " {\"a\":1}", " {\"a\":1}" },
		{ "pmine\n\n", "{\"project\":null}", "{\"project\":\"mine\"}" },
		{ "p\nproject\n", "{\"project\":\"theirs\"}",
		    "{\"project\":\"theirs\"}" },
		{ "pmine\ncloudaicompanionProject\n",
		    "{\"metadata\":{\"duetProject\":\"theirs\"}}",
		    "{\"cloudaicompanionProject\":\"mine\",\"metadata\":"
		    "{\"duetProject\":\"mine\"}}" },
		{ "pmine\nproject\nup",
		    "{\"request\":{\"model\":\"models/m\"},\"model\":\"m\"}",
		    "{\"project\":\"mine\",\"request\":{\"model\":\"models/"
		    "up\"},"
		    "\"model\":\"up\"}" },
		{ "wHEAD", "{\"a\" : 1}", "HEAD{\"a\" : 1}}" },
		{ "c{\"request\":{\"model\":\"models/m\"",
		    "{\"contents\":[ 1 ],\"tools\":[]}",
		    "{\"request\":{\"model\":\"models/m\",\"contents\":[ 1 "
		    "]}}" },
		{ "c{\"request\":{\"model\":\"models/m\"", "{}",
		    "{\"request\":{\"model\":\"models/m\"}}" },
		{ "a{\"model\":\"gemini-x\",\"request\":",
		    "{\"contents\":[],\"safetySettings\":[],\"session_id\":1,"
		    "\"generationConfig\":{\"topK\":1,\"maxOutputTokens\":9}}",
		    "{\"model\":\"gemini-x\",\"request\":{\"contents\":[],"
		    "\"generationConfig\":{\"topK\":1}}}" },
		{ "a{\"model\":\"claude-x\",\"request\":",
		    "{\"generationConfig\":{\"maxOutputTokens\":9}}",
		    "{\"model\":\"claude-x\",\"request\":{\"generationConfig\":"
		    "{\"maxOutputTokens\":9}}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct why why;
		struct buf out;

		buf_init(&out, BYTES);
		assert_int_equal(assist_body(str_of(rows[i].plan),
				     str_of(rows[i].body), &out, &why),
		    OK);
		assert_string_equal(buf_cstr(&out), rows[i].made);
		buf_fini(&out);
	}
}

static void
an_envelope_of_two_projects_is_refused(void **state)
{
	struct why why;
	struct buf out;

	(void)state;
	buf_init(&out, BYTES);
	assert_int_equal(assist_body(STR("pmine\nproject\n"),
			     STR("{\"project\":\"a\",\"pro\\u006aect\":\"b\"}"),
			     &out, &why),
	    ERR_EXISTS);
	buf_fini(&out);
}

static void
a_plan_escapes_what_came_in_a_path(void **state)
{
	struct account a = { .rec = { .project_found = { "p-1", 3 } } };
	struct ask ask = { .op = OP_GENERATE,
		.model = STR("models/a%22b"),
		.has_body = true };
	struct why why;
	struct buf out;

	(void)state;
	buf_init(&out, BYTES);
	assert_int_equal(assist_plan(&a, &ask, false, &out, &why), OK);
	assert_string_equal(buf_cstr(&out),
	    "w{\"model\":\"a\\\"b\",\"project\":\"p-1\",\"request\":");
	buf_clear(&out);
	ask.has_body = false;
	assert_int_equal(assist_plan(&a, &ask, false, &out, &why), OK);
	assert_int_equal(buf_len(&out), 0);
	ask.has_body = true;
	a.rec.project_found = STR("");
	assert_int_equal(assist_plan(&a, &ask, false, &out, &why), ERR_VALUE);
	assert_string_equal(why.field, "project");
	buf_fini(&out);
}

static void
only_ids_of_projects_are_projects(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = {
		{ "some-words-123", true },
		{ "example.com:some-words", true },
		{ "1234567890", false },
		{ "", false },
		{ "a\"b", false },
		{ "a b", false },
		{ "a/b", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(assist_is_project(str_of(rows[i].text)),
		    rows[i].is);
}

/* --- answers ---------------------------------------------------------------- */

/* Through ops in two pieces; what comes out. */
static void
through(const struct reshape_ops *ops, const char *model, struct str text,
    size_t cut, struct buf *out)
{
	struct reshape *s = reshape_new(ops);
	struct why why;

	s->model = str_of(model);
	buf_clear(out);
	assert_int_equal(ops->feed(s, str_first(text, cut), out, &why), OK);
	assert_int_equal(ops->feed(s, str_skip(text, cut), out, &why), OK);
	if (ops->end)
		assert_int_equal(ops->end(s, out, &why), OK);
	reshape_free(s);
}

static void
every_cut_gives_the_same_answer(void **state)
{
	static const struct {
		const struct reshape_ops *ops;
		const char *model, *text, *made;
	} rows[] = {
		{ &assist_events, "",
		    "data: {\"response\":{\"a\":[1]},\"traceId\":\"t\"}\n\n"
		    ": ping\r\n\r\n"
		    "data: {\"traceId\":\"t\",\"response\" : {\"b\":2} "
		    "}\r\n\r\n"
		    "data: {\"error\":{\"code\":503}}\n\n"
		    "data: {\"response\":\ndata: {\"c\":\ndata: 3}}\n\n"
		    "data: {\"response\":{\"cut\"",
		    "data: {\"a\":[1]}\r\n\r\ndata: {\"b\":2}\r\n\r\n"
		    "data: {\"error\":{\"code\":503}}\r\n\r\n"
		    "data: {\"c\": 3}\r\n\r\n" },
		{ &assist_events, "mine",
		    "data: {\"response\":{\"modelVersion\":\"up\"}}\n\n",
		    "data: {\"modelVersion\":\"mine\"}\r\n\r\n" },
		{ &assist_whole, "",
		    "{\"response\":{\"a\":1},\"traceId\":\"t\"}", "{\"a\":1}" },
		{ &assist_whole, "", "{\"a\":1}", "{\"a\":1}" },
		{ &assist_whole, "mine",
		    "{\"response\":{\"modelVersion\":\"up\"}}",
		    "{\"modelVersion\":\"mine\"}" },
		{ &assist_whole, "",
		    "[{\"response\":{\"a\":1}}\n,\n{\"response\":{\"b\":2}}]\n",
		    "[{\"a\":1},\r\n{\"b\":2}]" },
		{ &assist_whole, "", "[]", "[]" },
		{ &assist_whole, "", "", "" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, BYTES);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut <= strlen(rows[i].text); cut++) {
			through(rows[i].ops, rows[i].model,
			    str_of(rows[i].text), cut, &out);
			assert_string_equal(buf_cstr(&out), rows[i].made);
		}
	buf_fini(&out);
}

static void
a_cut_array_is_not_made_whole(void **state)
{
	struct reshape *s = reshape_new(&assist_whole);
	struct why why;
	struct buf out;

	(void)state;
	buf_init(&out, BYTES);
	assert_int_equal(s->ops->feed(s, STR("[{\"response\":{}},"), &out,
			     &why),
	    OK);
	assert_int_equal(s->ops->end(s, &out, &why), ERR_SYNTAX);
	reshape_free(s);
	buf_fini(&out);
}

/* --- waiting ----------------------------------------------------------------- */

#define DETAILS(text) "{\"error\":{\"code\":429,\"details\":[" text "]}}"
#define QUOTA(id)     "{\"violations\":[{\"quotaId\":\"" id "\"}]}"

static void
refusals_say_how_long_to_wait(void **state)
{
	/* 2026-01-01 00:00 UTC */
	static const int64_t now = 1767225600000;
	static const struct {
		const char *body;
		int64_t ms;
	} rows[] = {
		{ DETAILS("{\"retryDelay\":\"34.5s\"}"), 34500 },
		{ DETAILS("{\"retryDelay\":\"900ms\"}"), 900 },
		{ DETAILS("{\"retryDelay\":\"1h2m3.5s\"}"), 3723500 },
		{ "[" DETAILS("{\"retryDelay\":\"2s\"}") "]", 2000 },
		{ DETAILS("{\"reason\":\"QUOTA_EXHAUSTED\",\"metadata\":"
			  "{\"quotaResetDelay\":\"2h\"}}"),
		    7200000 },
		{ DETAILS("{\"metadata\":{\"quotaResetTimeStamp\":"
			  "\"2026-01-01T00:01:00Z\"}}"),
		    60000 },
		{ DETAILS("{\"metadata\":{\"quotaResetTimeStamp\":"
			  "\"2025-01-01T00:01:00Z\"}}"),
		    0 },
		{ DETAILS("{\"metadata\":{\"quotaResetTimeStamp\":"
			  "\"2433-01-01T00:01:00Z\"}}"),
		    31LL * 86400000 },
		{ DETAILS(QUOTA("RequestsPerMinute")), 60000 },
		{ DETAILS(QUOTA("RequestsPerMinute") ",{\"retryDelay\":"
						     "\"5s\"}"),
		    5000 },
		{ DETAILS(QUOTA("RequestsPerDay")), 28800000 },
		{ DETAILS("{\"retryDelay\":\"5s\"}," QUOTA("RequestsPerDay")),
		    28800000 },
		{ "{\"error\":{\"message\":\"Please retry in 12.25s.\"}}",
		    12250 },
		{ DETAILS("{\"retryDelay\":\"99999999999h\"}"),
		    31LL * 86400000 },
		{ DETAILS("{\"retryDelay\":\"soon\"}"), 0 },
		{ DETAILS("{\"retryDelay\":\"5\"}"), 0 },
		{ "{}", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(assist_retry_ms(str_of(rows[i].body), now),
		    rows[i].ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_keeps_all_but_the_project),
		cmocka_unit_test(an_envelope_of_two_projects_is_refused),
		cmocka_unit_test(a_plan_escapes_what_came_in_a_path),
		cmocka_unit_test(only_ids_of_projects_are_projects),
		cmocka_unit_test(every_cut_gives_the_same_answer),
		cmocka_unit_test(a_cut_array_is_not_made_whole),
		cmocka_unit_test(refusals_say_how_long_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
