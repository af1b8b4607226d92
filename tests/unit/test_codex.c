/* SPDX-License-Identifier: MIT */
/* test_codex.c - the Responses API as the backend of ChatGPT plans speaks it:
 * bodies it takes, streams gathered whole, claims of its tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/codex.h"
#include "relayd/oauth.h"
#include "relayd/provider.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
a_body_becomes_what_the_backend_takes(void **state)
{
	static const struct {
		bool compact;
		const char *body, *made;
	} rows[] = {
		{ false,
		    "{\"model\":\"m\",\"input\":\"a\\\"b\",\"stream\":false,"
		    "\"store\":true,\"temperature\":0.5,\"user\":\"u\"}",
		    "{\"model\":\"m\",\"input\":[{\"type\":\"message\","
		    "\"role\":"
		    "\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
		    "\"a\\\"b\"}]}],\"instructions\":\"\",\"stream\":true,"
		    "\"store\":false}" },
		{ false,
		    "{\"instructions\":\"i\",\"input\":[{\"role\" : \"system\","
		    "\"content\":\"c\"},{\"role\":\"user\"}],\"tools\":[]}",
		    "{\"instructions\":\"i\",\"input\":[{\"role\" : "
		    "\"developer\",\"content\":\"c\"},{\"role\":\"user\"}],"
		    "\"tools\":[],\"stream\":true,\"store\":false}" },
		{ true, "{\"input\":[],\"previous_response_id\":null}",
		    "{\"input\":[],\"instructions\":\"\"}" },
		{ false, "{}",
		    "{\"instructions\":\"\",\"stream\":true,\"store\":false}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct why why;
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(codex_body(str_of(rows[i].body),
				     rows[i].compact, &out, &why),
		    OK);
		assert_string_equal(buf_cstr(&out), rows[i].made);
		buf_fini(&out);
	}
}

static void
what_needs_a_memory_is_refused(void **state)
{
	static const char *const bodies[] = {
		"{\"previous_response_id\":\"resp_1\"}",
		"{\"background\":true}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct why why;
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(codex_body(str_of(bodies[i]), false, &out,
				     &why),
		    ERR_UNSUPPORTED);
		assert_true(why.field[0] != '\0');
		buf_fini(&out);
	}
}

static enum err
gather(const char *stream, size_t cut, struct buf *out, unsigned *status)
{
	struct reshape *s = reshape_new(&codex_gather);
	struct str text = str_of(stream);
	struct why why;
	enum err e;

	e = s->ops->feed(s, str_first(text, cut), out, &why);
	if (!e)
		e = s->ops->feed(s, str_skip(text, cut), out, &why);
	if (!e)
		e = s->ops->end(s, out, &why);
	*status = s->status;
	reshape_free(s);
	return e;
}

static void
every_cut_gathers_the_same(void **state)
{
	const char *stream =
	    "event: response.created\ndata: {\"type\":\"response.created\","
	    "\"response\":{\"output\":[]}}\n\n"
	    "data: {\"type\":\"response.output_item.done\",\"output_index\":0,"
	    "\"item\":{\"id\":1}}\n\n"
	    ": a comment\n\n"
	    "data: {\"type\":\"response.output_item.done\",\"item\":{\"id\":2}}"
	    "\n\n"
	    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\","
	    "\"output\":[ ],\"usage\":{}}}\n\n";
	struct buf out;
	unsigned status;

	(void)state;
	for (size_t cut = 0; cut <= strlen(stream); cut++) {
		buf_init(&out, 4096);
		assert_int_equal(gather(stream, cut, &out, &status), OK);
		assert_string_equal(buf_cstr(&out),
		    "{\"id\":\"r\",\"output\":[{\"id\":1},{\"id\":2}],"
		    "\"usage\":{}}");
		assert_int_equal(status, 0);
		buf_fini(&out);
	}
}

static void
an_output_that_is_told_whole_stays(void **state)
{
	struct buf out;
	unsigned status;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(
	    gather("data: {\"type\":\"response.output_item.done\",\"item\":{}}"
		   "\n\ndata: {\"type\":\"response.incomplete\",\"response\":"
		   "{\"output\":[{\"id\":9}]}}\n\n",
		5, &out, &status),
	    OK);
	assert_string_equal(buf_cstr(&out), "{\"output\":[{\"id\":9}]}");
	buf_fini(&out);
}

static void
errors_become_refusals(void **state)
{
	static const struct {
		const char *stream;
		unsigned status;
		const char *error;
	} rows[] = {
		{ "data: {\"type\":\"response.failed\",\"response\":{\"error\":"
		  "{\"code\":\"server_is_overloaded\",\"message\":\"m\"}}}\n\n",
		    529,
		    "{\"error\":{\"message\":\"m\",\"type\":\"server_error\","
		    "\"param\":null,\"code\":\"server_is_overloaded\"}}" },
		{ "data: {\"type\":\"error\",\"error\":{\"type\":"
		  "\"usage_limit_reached\",\"message\":\"m\"}}\n\n",
		    429,
		    "{\"error\":{\"message\":\"m\",\"type\":"
		    "\"usage_limit_reached\",\"param\":null,\"code\":null}}" },
		{ "data: {\"type\":\"error\",\"code\":\"invalid_prompt\","
		  "\"message\":\"m\"}\n\n",
		    400,
		    "{\"error\":{\"message\":\"m\",\"type\":\"server_error\","
		    "\"param\":null,\"code\":\"invalid_prompt\"}}" },
		{ "data: {\"type\":\"response.failed\"}\n\n", 500,
		    "{\"error\":{\"message\":\"the answer failed\",\"type\":"
		    "\"server_error\",\"param\":null,\"code\":null}}" },
	};
	struct buf out;
	unsigned status;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_init(&out, 4096);
		assert_int_equal(gather(rows[i].stream, 3, &out, &status), OK);
		assert_int_equal(status, rows[i].status);
		assert_string_equal(buf_cstr(&out), rows[i].error);
		buf_fini(&out);
	}
}

static void
a_stream_without_its_end_is_no_answer(void **state)
{
	struct buf out;
	unsigned status;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(gather("data: {\"type\":\"response.created\"}\n\n", 3,
			     &out, &status),
	    ERR_SYNTAX);
	assert_int_equal(gather("", 0, &out, &status), ERR_SYNTAX);
	buf_fini(&out);
}

static void
a_refusal_tells_when_to_come_back(void **state)
{
	static const struct {
		const char *body;
		int64_t ms;
	} rows[] = {
		{ "{\"error\":{\"resets_at\":2000,\"resets_in_seconds\":7}}",
		    1000000 },
		{ "{\"error\":{\"resets_in_seconds\":7}}", 7000 },
		{ "{\"error\":{\"resets_at\":999,\"resets_in_seconds\":7}}",
		    7000 },
		{ "{\"error\":{\"resets_at\":4102444800}}",
		    31LL * 86400 * 1000 },
		{ "{\"error\":{\"resets_in_seconds\":-1}}", 0 },
		{ "{\"error\":{}}", 0 },
		{ "not json", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(codex_retry_ms(str_of(rows[i].body), 1000000),
		    rows[i].ms);
}

static void
claims_say_who_signed_in(void **state)
{
	/* {"sub":"practice","email":"practice@example.org",
	 * "https://api.openai.com/auth":{"chatgpt_account_id":
	 * "acct-practice","chatgpt_plan_type":"plus"}} */
	const char *jwt =
	    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwcmFjdGljZSIsImVtYWlsIjoicHJhY3RpY"
	    "2VAZXhhbXBsZS5vcmciLCJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2"
	    "hhdGdwdF9hY2NvdW50X2lkIjoiYWNjdC1wcmFjdGljZSIsImNoYXRncHRfcGxhbl9"
	    "0eXBlIjoicGx1cyJ9fQ.cHJhY3RpY2U";
	struct oauth_grant g;

	(void)state;
	oauth_grant_init(&g);
	codex_claims(STR("opaque"), &g);
	codex_claims(STR("a.!!!.c"), &g);
	codex_claims(STR("a.bm90IGpzb24.c"), &g);
	assert_int_equal(oauth_grant_text(&g, GRANT_email).len, 0);
	codex_claims(str_of(jwt), &g);
	assert_true(str_eq(oauth_grant_text(&g, GRANT_email),
	    STR("practice@example.org")));
	assert_true(str_eq(oauth_grant_text(&g, GRANT_organization),
	    STR("acct-practice")));
	assert_true(str_eq(oauth_grant_text(&g, GRANT_plan), STR("plus")));
	oauth_grant_fini(&g);
}

static void
a_poll_that_comes_too_often_is_slowed_down(void **state)
{
	static const struct {
		unsigned status;
		int64_t pace_s, then_s;
		enum err e;
	} cases[] = {
		{ 403, 5, 5, ERR_AGAIN },
		{ 404, 5, 5, ERR_AGAIN },
		{ 408, 5, 5, ERR_AGAIN },
		{ 429, 5, 10, ERR_AGAIN },
		{ 429, 58, 60, ERR_AGAIN },
		{ 429, 60, 60, ERR_AGAIN },
		{ 503, 5, 5, ERR_AGAIN },
		{ 400, 5, 5, ERR_DENIED },
	};
	struct oauth_flow f = { .provider = &provider_codex_oauth };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t pace_s = cases[i].pace_s;
		struct oauth_grant g;
		struct why why;

		oauth_grant_init(&g);
		assert_int_equal(oauth_poll_read(&f, cases[i].status, STR(""),
				     &pace_s, &g, &why),
		    cases[i].e);
		assert_int_equal(pace_s, cases[i].then_s);
		oauth_grant_fini(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_becomes_what_the_backend_takes),
		cmocka_unit_test(what_needs_a_memory_is_refused),
		cmocka_unit_test(every_cut_gathers_the_same),
		cmocka_unit_test(an_output_that_is_told_whole_stays),
		cmocka_unit_test(errors_become_refusals),
		cmocka_unit_test(a_stream_without_its_end_is_no_answer),
		cmocka_unit_test(a_refusal_tells_when_to_come_back),
		cmocka_unit_test(claims_say_who_signed_in),
		cmocka_unit_test(a_poll_that_comes_too_often_is_slowed_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
