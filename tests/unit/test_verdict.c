/* SPDX-License-Identifier: MIT */
/* test_verdict.c - what an upstream's failure means, a golden row for each row
 * of verdict.def, and the gates it shuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/verdict.h"

#define NO_GATE (-1)
#define NOW_MS	1000000

/* What must come of which failure; `name` is the row that says so. */
static const struct golden {
	const char *name;
	unsigned status;
	const char *body;
	enum verdict_next next;
	int gate;
	unsigned first_s, most_s;
	bool show;
} goldens[] = {
	{ "unreachable", 0, "", NEXT_OTHER, GATE_UNREACHABLE, 5, 300, false },
	{ "org_disabled", 400, "This Organization has been disabled.",
	    NEXT_OTHER, GATE_AUTH, 1800, 1800, false },
	{ "oauth_refused", 403,
	    "OAuth authentication is currently not allowed for this "
	    "organization.",
	    NEXT_OTHER, GATE_AUTH, 1800, 1800, false },
	{ "client_only", 400,
	    "This credential is only authorized for use with Claude Code",
	    NEXT_RETURN, NO_GATE, 0, 0, true },
	{ "client_other", 403, "it cannot be used for other API requests",
	    NEXT_RETURN, NO_GATE, 0, 0, true },
	{ "low_credit", 400, "Your credit balance is too low to access",
	    NEXT_OTHER, GATE_CREDIT, 3600, 3600, false },
	{ "google_key", 400, "\"reason\": \"API_KEY_INVALID\"", NEXT_OTHER,
	    GATE_AUTH, 1800, 1800, false },
	{ "google_place", 400,
	    "User location is not supported for the API use.", NEXT_OTHER,
	    GATE_ERRORS, 1800, 1800, false },
	{ "google_verify", 403, "\"reason\": \"VALIDATION_REQUIRED\"",
	    NEXT_OTHER, GATE_AUTH, 1800, 1800, false },
	{ "google_project", 403, "\"reason\": \"SERVICE_DISABLED\"", NEXT_OTHER,
	    GATE_AUTH, 1800, 1800, false },
	{ "unauthorized", 401, "invalid x-api-key", NEXT_OTHER, GATE_AUTH, 1800,
	    1800, false },
	{ "payment", 402, "", NEXT_OTHER, GATE_CREDIT, 3600, 3600, false },
	{ "forbidden", 403, "no", NEXT_OTHER, GATE_ERRORS, 300, 1800, false },
	{ "extra_usage", 429, "Extra usage is required", NEXT_RETURN, NO_GATE,
	    0, 0, true },
	{ "no_plan", 429, "\"type\":\"usage_not_included\"", NEXT_OTHER,
	    GATE_CREDIT, 3600, 3600, false },
	{ "no_quota", 429, "\"code\":\"insufficient_quota\"", NEXT_OTHER,
	    GATE_CREDIT, 3600, 3600, false },
	{ "google_credit", 429,
	    "\"reason\": \"INSUFFICIENT_G1_CREDITS_BALANCE\"", NEXT_OTHER,
	    GATE_CREDIT, 3600, 3600, true },
	{ "google_crowd", 429, "\"reason\": \"MODEL_CAPACITY_EXHAUSTED\"",
	    NEXT_OTHER, NO_GATE, 0, 0, true },
	{ "google_day", 429, "\"quotaId\": \"RequestsPerDayPerProject\"",
	    NEXT_OTHER, GATE_RATE, 3600, 3600, true },
	{ "rate", 429, "rate_limit_error", NEXT_OTHER, GATE_RATE, 5, 60, true },
	{ "overloaded", 529, "overloaded_error", NEXT_SAME, NO_GATE, 0, 0,
	    true },
	{ "server", 503, "", NEXT_OTHER, GATE_ERRORS, 5, 300, true },
	{ "redirect", 302, "", NEXT_OTHER, GATE_ERRORS, 60, 300, false },
	{ "request", 422, "max_tokens: too large", NEXT_RETURN, NO_GATE, 0, 0,
	    true },
	{ "strange", 599, "", NEXT_OTHER, GATE_ERRORS, 5, 300, false },
};

#define GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

static void
every_failure_means_what_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		const struct golden *g = &goldens[i];
		const struct verdict *v =
		    verdict_find(g->status, str_of(g->body));

		if (strcmp(v->name, g->name) != 0)
			fail_msg("%u \"%s\": %s, not %s", g->status, g->body,
			    v->name, g->name);
		assert_int_equal(v->next, g->next);
		assert_int_equal(v->gate, g->gate);
		assert_int_equal(v->first_s, g->first_s);
		assert_int_equal(v->most_s, g->most_s);
		assert_int_equal(v->show, g->show);
	}
}

static void
every_row_has_its_golden_one(void **state)
{
	const struct verdict *v;

	(void)state;
	for (unsigned i = 0; (v = verdict_at(i)); i++) {
		bool found = false;

		for (size_t k = 0; k < GOLDENS; k++)
			found = found || !strcmp(goldens[k].name, v->name);
		if (!found)
			fail_msg("%s is not tested", v->name);
	}
}

static void
no_status_is_without_a_verdict(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 1000; status++)
		assert_non_null(verdict_find(status, STR("")));
}

static void
words_in_a_stream_stand_for_a_status(void **state)
{
	static const struct {
		const char *word;
		unsigned status;
	} cases[] = {
		{ "overloaded_error", 529 },
		{ "server_is_overloaded", 529 },
		{ "rate_limit_error", 429 },
		{ "rate_limit_exceeded", 429 },
		{ "usage_limit_reached", 429 },
		{ "authentication_error", 401 },
		{ "billing_error", 402 },
		{ "permission_error", 403 },
		{ "timeout_error", 504 },
		{ "api_error", 500 },
		{ "server_error", 500 },
		{ "UNAVAILABLE", 503 },
		{ "invalid_request_error", 400 },
		{ "", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(verdict_status_of(str_of(cases[i].word)),
		    cases[i].status);
}

static int64_t
retry_ms(const char *fields)
{
	struct http1_head h;
	struct buf text;
	size_t seen = 0, used;
	int64_t ms;

	buf_init(&text, 4096);
	buf_mustf(&text, "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n%s\r\n",
	    fields);
	assert_int_equal(http1_response(buf_str(&text), &seen, false, &h, &used,
			     NULL),
	    OK);
	ms = verdict_retry_ms(&h, 1700000000000);
	buf_fini(&text);
	return ms;
}

static void
an_upstream_says_when_to_come_back(void **state)
{
	(void)state;
	assert_int_equal(retry_ms(""), 0);
	assert_int_equal(retry_ms("Retry-After: 7\r\n"), 7000);
	assert_int_equal(retry_ms("retry-after-ms: 250\r\nretry-after: 7\r\n"),
	    250);
	assert_int_equal(retry_ms("anthropic-ratelimit-unified-reset: "
				  "1700000060\r\nRetry-After: 7\r\n"),
	    60000);
	/* In the past, or no number: the others count. */
	assert_int_equal(retry_ms("anthropic-ratelimit-unified-reset: "
				  "1600000000\r\nRetry-After: 7\r\n"),
	    7000);
	assert_int_equal(retry_ms("Retry-After: soon\r\n"), 0);
	/* Nobody is believed for longer than a month. */
	assert_true(retry_ms("anthropic-ratelimit-unified-reset: "
			     "4000000000\r\n") <= 31LL * 86400 * 1000);
	assert_int_equal(retry_ms("Retry-After: 99999999999999999999\r\n"), 0);
}

static void
repeated_failures_double_the_wait_up_to_the_most(void **state)
{
	static const int64_t waits_s[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
	const struct verdict *v = verdict_find(500, STR(""));
	struct gates g = { .strikes = { 0 } };
	enum gate which;

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		/* Each time the gate has opened again. */
		g.until_ms[GATE_ERRORS] = 0;
		verdict_apply(v, &g, NOW_MS, 0, "no");
		assert_int_equal(gate_until(&g, NOW_MS, &which),
		    NOW_MS + waits_s[i] * 1000);
		assert_int_equal(which, GATE_ERRORS);
	}
	gate_open(&g, GATE_ERRORS);
	verdict_apply(v, &g, NOW_MS, 0, "no");
	assert_int_equal(g.until_ms[GATE_ERRORS], NOW_MS + 5000);
}

static void
only_a_limit_believes_what_the_upstream_tells(void **state)
{
	struct gates g = { .strikes = { 0 } };
	enum gate which;

	(void)state;
	verdict_apply(verdict_find(500, STR("")), &g, NOW_MS, 90000, "no");
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 5000);
	verdict_apply(verdict_find(429, STR("")), &g, NOW_MS, 90000, "slow");
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 90000);
	assert_int_equal(which, GATE_RATE);
	assert_string_equal(g.reason[GATE_RATE], "slow");
}

static void
the_requests_own_fault_shuts_nothing(void **state)
{
	struct gates g = { .strikes = { 0 } };
	enum gate which;

	(void)state;
	verdict_apply(verdict_find(400, STR("")), &g, NOW_MS, 90000, "no");
	assert_int_equal(gate_until(&g, 0, &which), 0);
}

static void
a_gate_stays_shut_until_the_latest_moment(void **state)
{
	struct gates g = { .strikes = { 0 } };
	enum gate which;

	(void)state;
	gate_shut(&g, GATE_RATE, NOW_MS + 100, "first");
	gate_shut(&g, GATE_RATE, NOW_MS + 50, "sooner");
	gate_shut(&g, GATE_AUTH, NOW_MS + 70, "other");
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 100);
	assert_int_equal(which, GATE_RATE);
	gate_open(&g, GATE_RATE);
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 70);
	assert_int_equal(which, GATE_AUTH);
	/* The moment itself is open. */
	assert_int_equal(gate_until(&g, NOW_MS + 70, &which), 0);
	gate_open_all(&g);
	assert_int_equal(gate_until(&g, NOW_MS, &which), 0);
	for (int i = 0; i < GATE_COUNT; i++) {
		assert_true(gate_name((enum gate)i)[0] != '\0');
		assert_true(gate_text((enum gate)i)[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failure_means_what_it_should),
		cmocka_unit_test(every_row_has_its_golden_one),
		cmocka_unit_test(no_status_is_without_a_verdict),
		cmocka_unit_test(words_in_a_stream_stand_for_a_status),
		cmocka_unit_test(an_upstream_says_when_to_come_back),
		cmocka_unit_test(
		    repeated_failures_double_the_wait_up_to_the_most),
		cmocka_unit_test(only_a_limit_believes_what_the_upstream_tells),
		cmocka_unit_test(the_requests_own_fault_shuts_nothing),
		cmocka_unit_test(a_gate_stays_shut_until_the_latest_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
