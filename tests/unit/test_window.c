/* SPDX-License-Identifier: MIT */
/* test_window.c - the limits of subscriptions, as providers tell them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relayd/provider.h"

#define NOW 1700000000000

static void
moments_are_read_in_every_zone(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} cases[] = {
		{ "2026-08-20T15:00:00.123456+00:00", 1787238000000 },
		{ "2026-08-20T15:00:00Z", 1787238000000 },
		{ "2026-08-20T15:00:00", 1787238000000 },
		{ "2026-08-20T17:00:00+02:00", 1787238000000 },
		{ "2026-08-20T09:30:00-05:30", 1787238000000 },
		{ "", 0 },
		{ "soon", 0 },
		{ "2026-08-20", 0 },
		{ "2026-08-20T15:00:00+x", 0 },
		{ "0000-08-20T15:00:00Z", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(window_moment(str_of(cases[i].text)),
		    cases[i].at);
}

static void
shares_are_millionths(void **state)
{
	(void)state;
	assert_int_equal(window_share(STR("0.59"), 1), 590000);
	assert_int_equal(window_share(STR("1.25"), 1), 1250000);
	assert_int_equal(window_share(STR("59.0"), 100), 590000);
	assert_int_equal(window_share(STR("much"), 1), -1);
	assert_int_equal(window_share(STR("-1"), 1), -1);
	assert_int_equal(window_share(STR("1e99"), 1), -1);
}

static void
numbers_that_are_no_share_are_none(void **state)
{
	static const struct {
		double number, whole;
		int64_t ppm;
	} cases[] = {
		{ 59, 100, 590000 },
		{ 0.25, 1, 250000 },
		{ 0, 100, 0 },
		{ 125, 100, 1250000 },
		{ -1, 100, -1 },
		{ 1e300, 100, -1 },
		{ -1e300, 1, -1 },
		{ INFINITY, 100, -1 },
		{ NAN, 1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(window_share_of(cases[i].number,
				     cases[i].whole),
		    cases[i].ppm);
}

static void
foreign_numbers_in_limits_do_no_harm(void **state)
{
	static const struct {
		const struct provider *kind;
		const char *body;
	} cases[] = {
		{ &provider_claude_oauth,
		    "{\"five_hour\":{\"utilization\":1e300}}" },
		{ &provider_claude_oauth,
		    "{\"five_hour\":{\"utilization\":-7}}" },
		{ &provider_codex_oauth,
		    "{\"rate_limit\":{\"primary_window\":{\"used_percent\":"
		    "1e300,\"limit_window_seconds\":18000}}}" },
		{ &provider_gemini_oauth,
		    "{\"buckets\":[{\"modelId\":\"m\","
		    "\"remainingFraction\":-1e300}]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct windows w = { .count = 0 };
		struct why why;

		assert_int_equal(cases[i].kind->oauth->limits_read(200,
				     str_of(cases[i].body), &w, &why),
		    OK);
		assert_int_equal(w.count, 1);
		assert_int_equal(w.at[0].used_ppm, -1);
	}
}

static void
there_is_an_end_to_windows(void **state)
{
	struct windows w = { .count = 0 };
	char name[40];

	(void)state;
	for (int i = 0; i < WINDOWS_MAX; i++) {
		snprintf(name, sizeof(name), "w%d", i);
		assert_non_null(window_of(&w, str_of(name)));
	}
	assert_null(window_of(&w, STR("more")));
	/* Those that are there are found all the same. */
	assert_ptr_equal(window_of(&w, STR("w3")), &w.at[3]);
	assert_null(window_of(&w, STR("")));
	assert_null(window_of(&w, STR("a b")));
	assert_null(window_of(&w, STR("\x1b[31m")));
}

/* --- Anthropic's --------------------------------------------------------------------- */

static struct windows
told(const char *const *fields)
{
	struct http1_head h = { .status = 200 };
	struct windows w = { .count = 0 };

	for (; *fields; fields += 2)
		h.fields[h.count++] =
		    (struct header){ str_of(fields[0]), str_of(fields[1]) };
	provider_claude_oauth.read_limits(&h, NOW, &w);
	return w;
}

#define P "Anthropic-RateLimit-Unified-"

static void
unified_headers_are_windows(void **state)
{
	static const char *const fields[] = { P "Status", "rejected", P "Reset",
		"1700003600", P "Representative-Claim", "five_hour",
		P "5h-Status", "rejected", P "5h-Reset", "1700003600",
		P "5h-Utilization", "1.0", P "7d-status", "allowed",
		P "7d-utilization", "0.59", P "7d_oi-utilization", "0.1",
		P "7d-sonnet-reset", "1700600000", P "fallback-percentage",
		"0.5", P "overage-status", "rejected", P "overage-reset",
		"1700003600", "retry-after", "2094", NULL };
	struct windows w = told(fields);

	(void)state;
	assert_int_equal(w.count, 4);
	assert_string_equal(w.at[0].name, "5h");
	assert_string_equal(w.at[0].status, "rejected");
	assert_int_equal(w.at[0].used_ppm, 1000000);
	assert_int_equal(w.at[0].reset_at, 1700003600000);
	assert_int_equal(w.at[0].told_at, NOW);
	assert_string_equal(w.at[1].name, "7d");
	assert_int_equal(w.at[1].used_ppm, 590000);
	assert_int_equal(w.at[1].reset_at, 0);
	assert_string_equal(w.at[2].name, "7d_oi");
	assert_string_equal(w.at[3].name, "7d-sonnet");
	assert_int_equal(w.at[3].used_ppm, -1);
}

static void
strange_headers_are_no_windows(void **state)
{
	static const char *const fields[] = { P "", "x", P "-status", "x",
		P "utilization", "1", P "5h-utilization", "much", P "5h-reset",
		"never", P "a b-status", "x",
		P "a-name-that-is-longer-than-any-window-can-be-status", "x",
		NULL };
	struct windows w = told(fields);

	(void)state;
	assert_int_equal(w.count, 1);
	assert_int_equal(w.at[0].used_ppm, -1);
	assert_int_equal(w.at[0].reset_at, 0);
}

static void
the_usage_endpoint_tells_the_same_windows(void **state)
{
	const struct oauth *o = provider_claude_oauth.oauth;
	struct windows w = { .count = 0 };
	struct why why;

	(void)state;
	assert_int_equal(
	    o->limits_read(200,
		STR("{\"five_hour\":{\"utilization\":37.0,\"resets_at\":"
		    "\"2026-08-20T15:00:00.123456+00:00\"},\"seven_day\":"
		    "{\"utilization\":12.5,\"resets_at\":null},"
		    "\"seven_day_opus\":null,\"seven_day_sonnet\":"
		    "{\"utilization\":\"much\"},\"extra_usage\":{}}"),
		&w, &why),
	    OK);
	assert_int_equal(w.count, 2);
	assert_int_equal(w.at[0].used_ppm, 370000);
	assert_int_equal(w.at[0].reset_at, 1787238000000);
	assert_int_equal(w.at[1].used_ppm, 125000);
	assert_int_equal(o->limits_read(403, STR(""), &w, &why),
	    ERR_UNSUPPORTED);
	assert_int_equal(o->limits_read(429, STR(""), &w, &why), ERR_AGAIN);
	assert_int_equal(o->limits_read(200, STR("<"), &w, &why), ERR_SYNTAX);
	assert_int_equal(w.count, 2);
}

/* --- clients ----------------------------------------------------------------------------- */

static void
the_providers_own_client_is_known_by_its_name(void **state)
{
	static const struct {
		const char *agent;
		bool is_native;
	} cases[] = { { "claude-cli/2.1.220 (external, cli)", true },
		{ "claude-cli/1.0", true }, { "claude-cli/", false },
		{ "claude-cli/x", false }, { "Claude-CLI/1.0", false },
		{ "claude-code/2.1.197", false },
		{ "curl/8 claude-cli/1.0", false }, { NULL, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1_head h = { .count = cases[i].agent ? 1 : 0 };

		h.fields[0] = (struct header){ STR("User-Agent"),
			str_of(cases[i].agent) };
		assert_int_equal(provider_claude_oauth.is_native(&h),
		    cases[i].is_native);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_read_in_every_zone),
		cmocka_unit_test(shares_are_millionths),
		cmocka_unit_test(numbers_that_are_no_share_are_none),
		cmocka_unit_test(foreign_numbers_in_limits_do_no_harm),
		cmocka_unit_test(there_is_an_end_to_windows),
		cmocka_unit_test(unified_headers_are_windows),
		cmocka_unit_test(strange_headers_are_no_windows),
		cmocka_unit_test(the_usage_endpoint_tells_the_same_windows),
		cmocka_unit_test(the_providers_own_client_is_known_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
