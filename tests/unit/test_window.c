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

/* --- stopping before the end ----------------------------------------------- */

static void
a_stop_is_a_share_or_a_warning(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		int64_t at_ppm;
		bool at_warning;
	} cases[] = {
		{ "", OK, 0, false },
		{ "warning", OK, 0, true },
		{ "85%", OK, 850000, false },
		{ "85", OK, 850000, false },
		{ "99.5 %", OK, 995000, false },
		{ "1%", OK, 10000, false },
		{ "100%", OK, 1000000, false },
		{ "0%", ERR_VALUE, 0, false },
		{ "101%", ERR_VALUE, 0, false },
		{ "-5%", ERR_VALUE, 0, false },
		{ "%", ERR_VALUE, 0, false },
		{ "soon", ERR_VALUE, 0, false },
		{ "Warning", ERR_VALUE, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window_stop stop;

		if (window_stop_read(str_of(cases[i].text), &stop) !=
		    cases[i].e)
			fail_msg("\"%s\"", cases[i].text);
		if (cases[i].e)
			continue;
		assert_int_equal(stop.at_ppm, cases[i].at_ppm);
		assert_int_equal(stop.at_warning, cases[i].at_warning);
	}
}

#define MONO	5000000 /* NOW, by the other clock */
#define HOUR_MS INT64_C(3600000)

/* One window that was told just now, and ends in an hour. */
static struct windows
used_window(const char *name, int64_t used_ppm, const char *status)
{
	struct windows w = { .count = 0 };
	struct window *one = window_of(&w, str_of(name));

	one->used_ppm = used_ppm;
	one->reset_at = NOW + HOUR_MS;
	one->told_at = NOW;
	snprintf(one->status, sizeof(one->status), "%s", status);
	return w;
}

/* Is a new session stopped, and one that is bound? */
static const struct {
	const char *window, *stop, *status;
	int64_t used_ppm;
	const char *model;
	bool is_new, is_bound;
} stops[] = {
	{ "5h", "85%", "", 849999, "claude-opus-9", false, false },
	{ "5h", "85%", "", 850000, "claude-opus-9", true, false },
	{ "5h", "85%", "", 899999, "claude-opus-9", true, false },
	{ "5h", "85%", "", 900000, "claude-opus-9", true, true },
	/* What the provider says of it is not what was asked for. */
	{ "5h", "85%", "rejected", 100000, "claude-opus-9", false, false },
	{ "5h", "100%", "", 1000000, "claude-opus-9", true, false },
	{ "5h", "100%", "", 1050000, "claude-opus-9", true, true },
	{ "5h", "85%", "", -1, "claude-opus-9", false, false },
	{ "5h", "", "rejected", 2000000, "claude-opus-9", false, false },
	{ "5h", "warning", "allowed", 999999, "x", false, false },
	{ "5h", "warning", "allowed_warning", 10, "x", true, false },
	{ "5h", "warning", "rejected", 10, "x", true, true },
	/* A limit of some models stops these alone. */
	{ "7d-opus", "85%", "", 950000, "claude-opus-9", true, true },
	{ "7d-opus", "85%", "", 950000, "claude-sonnet-9", false, false },
	{ "7d-opus", "85%", "", 950000, "", false, false },
	/* Nobody knows of which. */
	{ "7d_oi", "85%", "", 950000, "claude-opus-9", false, false },
};

static void
new_sessions_stop_first_and_bound_ones_five_percent_later(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct windows w = used_window(stops[i].window,
		    stops[i].used_ppm, stops[i].status);
		struct str model = str_of(stops[i].model);
		struct window_stop stop;

		assert_int_equal(window_stop_read(str_of(stops[i].stop), &stop),
		    OK);
		windows_turn(&w, &stop, NOW, MONO, 0);
		if ((windows_until(&w, model, false, MONO) != 0) !=
			stops[i].is_new ||
		    (windows_until(&w, model, true, MONO) != 0) !=
			stops[i].is_bound)
			fail_msg("row %zu", i);
	}
}

static int64_t
opens_at(struct windows *w, int64_t wall_ms, uint32_t random)
{
	static const struct window_stop stop = { .at_ppm = 850000 };

	windows_turn(w, &stop, wall_ms, MONO + wall_ms - NOW, random);
	return windows_until(w, STR("x"), false, MONO + wall_ms - NOW);
}

static void
it_opens_one_to_thirty_one_seconds_after_it_begins_anew(void **state)
{
	struct windows w = used_window("5h", 900000, ""), late = w;

	(void)state;
	assert_int_equal(opens_at(&w, NOW, 0), MONO + HOUR_MS + 1000);
	assert_int_equal(opens_at(&late, NOW, UINT32_MAX),
	    MONO + HOUR_MS + 31000);
	/* One run, one moment, whatever is drawn with the next answer, and
	 * though its end is told with other fractions. */
	late.at[0].reset_at += 400;
	assert_int_equal(opens_at(&late, NOW + 60000, 0),
	    MONO + HOUR_MS + 31400);
	assert_int_equal(windows_until(&w, STR("x"), false,
			     MONO + HOUR_MS + 999),
	    MONO + HOUR_MS + 1000);
	assert_int_equal(windows_until(&w, STR("x"), false,
			     MONO + HOUR_MS + 1000),
	    0);
	/* The next run draws anew. */
	late.at[0].reset_at += 5 * HOUR_MS;
	assert_int_equal(opens_at(&late, NOW + 2 * HOUR_MS, 0),
	    MONO + 6 * HOUR_MS + 1400);
	/* It begins anew, and the first answer says how empty it is. */
	late.at[0].used_ppm = 1000;
	assert_int_equal(opens_at(&late, NOW + 6 * HOUR_MS, 0), 0);
	/* An end that nobody tells: asked again after ten minutes. */
	w.at[0].reset_at = 0;
	assert_int_equal(opens_at(&w, NOW, 7), MONO + 600000);
	/* What ended is no reason any more. */
	w.at[0].reset_at = NOW - 60000;
	assert_int_equal(opens_at(&w, NOW, 0), 0);
}

static void
a_stop_ends_when_it_is_taken_back(void **state)
{
	static const struct window_stop never = { .at_ppm = 0 };
	struct windows w = used_window("5h", 990000, "");

	(void)state;
	assert_true(opens_at(&w, NOW, 0) > 0);
	windows_turn(&w, &never, NOW, MONO, 0);
	assert_int_equal(windows_until(&w, STR("x"), false, MONO), 0);
	assert_int_equal(w.stop_ms, 0);
}

static void
tell(struct windows *w, int64_t after_ms, int64_t used_ppm)
{
	static const struct window_stop never = { .at_ppm = 0 };

	w->at[0].told_at = NOW + after_ms;
	w->at[0].used_ppm = used_ppm;
	windows_turn(w, &never, NOW + after_ms, MONO + after_ms, 0);
}

static void
how_a_window_fills_says_when_it_will_be_full(void **state)
{
	struct windows w = used_window("5h", 100000, "");
	struct window *one = &w.at[0];

	(void)state;
	one->reset_at = NOW + 5 * HOUR_MS;
	tell(&w, 0, 100000);
	assert_int_equal(window_full_at(one), 0);
	/* Too soon to say. */
	tell(&w, 60000, 200000);
	assert_int_equal(one->hourly_ppm, 0);
	/* 20 % in half an hour. */
	tell(&w, HOUR_MS / 2, 300000);
	assert_int_equal(one->hourly_ppm, 400000);
	assert_int_equal(window_full_at(one),
	    NOW + HOUR_MS / 2 + 7 * HOUR_MS / 4);
	/* Nothing for an hour: half as fast, by the average. */
	tell(&w, 3 * HOUR_MS / 2, 300000);
	assert_int_equal(one->hourly_ppm, 200000);
	/* Not before it begins anew. */
	one->reset_at = NOW + 4 * HOUR_MS;
	assert_int_equal(window_full_at(one), 0);
	one->reset_at = 0;
	assert_int_equal(window_full_at(one), NOW + 5 * HOUR_MS);
	/* A new run is no step back, and keeps what is known. */
	tell(&w, 2 * HOUR_MS, 1000);
	assert_int_equal(one->hourly_ppm, 200000);
	/* Full is full now. */
	tell(&w, 2 * HOUR_MS + 1000, 1000000);
	assert_int_equal(window_full_at(one), one->told_at);
	/* A clock that went back, and a share that is not told. */
	tell(&w, HOUR_MS, 1000000);
	tell(&w, 3 * HOUR_MS, -1);
	assert_int_equal(one->hourly_ppm, 200000);
	assert_int_equal(window_full_at(one), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_is_a_share_or_a_warning),
		cmocka_unit_test(
		    new_sessions_stop_first_and_bound_ones_five_percent_later),
		cmocka_unit_test(
		    it_opens_one_to_thirty_one_seconds_after_it_begins_anew),
		cmocka_unit_test(a_stop_ends_when_it_is_taken_back),
		cmocka_unit_test(how_a_window_fills_says_when_it_will_be_full),
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
