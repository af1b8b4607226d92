/* SPDX-License-Identifier: MIT */
/* test_verdict.c - what an upstream's failure means, a golden row for each row
 * of verdict.def, and the gates it shuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/family.h"
#include "relayd/verdict.h"

#define NO_GATE (-1)
#define NOW_MS	1000000

#define HALF (UINT32_MAX / 2 + 1) /* neither sooner nor later */

/* What must come of which failure; `name` is the row that says so. */
static const struct golden {
	const char *name;
	unsigned status;
	const char *kind, *body;
	enum verdict_next next;
	enum verdict_scope scope;
	int gate;
	unsigned first_s, most_s;
	enum verdict_told told;
	bool show;
} goldens[] = {
#define BLOCKING                                                               \
	NEXT_OTHER, SCOPE_ACCOUNT, GATE_BLOCKED, 86400, 2592000, TOLD_OWN, false
#define CREDITLESS                                                             \
	NEXT_OTHER, SCOPE_ACCOUNT, GATE_CREDIT, 86400, 86400, TOLD_OWN, false
#define NOBODYS NEXT_RETURN, SCOPE_NOBODY, NO_GATE, 0, 0, TOLD_OWN, true
#define NO_LONG NEXT_RETURN, SCOPE_LONG, GATE_RATE, 3600, 3600, TOLD_OWN, true
#define REFUSED(first, most)                                                   \
	NEXT_OTHER, SCOPE_ACCOUNT, GATE_AUTH, first, most, TOLD_OWN, false
#define FAILING(first, most, show)                                             \
	NEXT_OTHER, SCOPE_ACCOUNT, GATE_ERRORS, first, most, TOLD_OWN, show
#define CROWDED NEXT_OTHER, SCOPE_MODEL, GATE_OVERLOAD, 60, 60, TOLD_OWN, true
#define OF_MODEL(told)                                                         \
	NEXT_OTHER, SCOPE_MODEL, GATE_RATE, 3600, 21600, told, true
#define STORM NEXT_SAME, SCOPE_PROVIDER, NO_GATE, 0, 0, TOLD_OWN, true
	{ "org_disabled", 400, "claude-api",
	    "This Organization has been disabled.", BLOCKING },
	{ "org_disabled", 403, "claude-oauth",
	    "{\"error\":{\"message\":\"This organization has been disabled.",
	    BLOCKING },
	{ "acct_disabled", 400, "ccr", "Your account has been disabled",
	    BLOCKING },
	{ "acct_off", 403, "anthropic-compat", "account is disabled",
	    BLOCKING },
	{ "workspace_off", 402, "codex-oauth",
	    "{\"detail\":{\"code\":\"deactivated_workspace\"}}", BLOCKING },
	{ "oauth_refused", 403, "claude-oauth",
	    "OAuth authentication is currently not allowed for this "
	    "organization.",
	    BLOCKING },
	{ "google_banned", 403, "gemini-oauth",
	    "disabled for violation of Terms of Service", BLOCKING },
	{ "client_only", 400, "claude-oauth",
	    "This credential is only authorized for use with Claude Code",
	    NOBODYS },
	{ "client_other", 403, "claude-oauth",
	    "it cannot be used for other API requests", NOBODYS },
	{ "many_sessions", 400, "ccr", "Too many active sessions",
	    FAILING(60, 300, false) },
	{ "low_credit", 400, "claude-api",
	    "Your credit balance is too low to access", CREDITLESS },
	{ "long_beta", 400, "claude-oauth",
	    "The long context beta is not yet available for this subscription.",
	    NO_LONG },
	{ "google_key", 400, "gemini-api", "\"reason\": \"API_KEY_INVALID\"",
	    REFUSED(1800, 86400) },
	{ "google_place", 400, "gemini-api",
	    "User location is not supported for the API use.",
	    FAILING(1800, 1800, false) },
	{ "openai_place", 403, "openai-api",
	    "\"code\":\"unsupported_country_region_territory\"",
	    FAILING(1800, 1800, false) },
	{ "google_verify", 403, "gemini-oauth",
	    "\"reason\": \"VALIDATION_REQUIRED\"", BLOCKING },
	{ "google_project", 403, "gemini-oauth",
	    "\"reason\": \"SERVICE_DISABLED\"", REFUSED(1800, 86400) },
	{ "extra_usage", 429, "claude-oauth",
	    "Extra usage is required for long context requests.", NO_LONG },
	{ "long_context", 429, "claude-oauth",
	    "Usage credits are required for long context requests", NO_LONG },
	{ "no_plan", 429, "codex-oauth", "\"type\":\"usage_not_included\"",
	    CREDITLESS },
	{ "no_quota", 429, "openai-api", "\"code\":\"insufficient_quota\"",
	    CREDITLESS },
	{ "google_credit", 429, "antigravity",
	    "\"reason\": \"INSUFFICIENT_G1_CREDITS_BALANCE\"", NEXT_OTHER,
	    SCOPE_ACCOUNT, GATE_CREDIT, 86400, 86400, TOLD_OWN, true },
	{ "google_crowd", 429, "gemini-oauth",
	    "\"reason\": \"MODEL_CAPACITY_EXHAUSTED\"", CROWDED },
	{ "google_room", 503, "antigravity",
	    "No capacity available for model gemini-3-pro", CROWDED },
	{ "google_day", 429, "gemini-api",
	    "\"quotaId\": \"GenerateRequestsPerDayPerProjectPerModel\"",
	    OF_MODEL(TOLD_LEAST) },
	{ "google_used", 429, "gemini-oauth", "\"reason\": \"QUOTA_EXHAUSTED\"",
	    OF_MODEL(TOLD_TOLD) },
	{ "bedrock_day", 429, "bedrock", "Too many tokens per day, please wait",
	    OF_MODEL(TOLD_LEAST) },
	{ "codex_used", 429, "codex-oauth",
	    "{\"error\":{\"type\":\"usage_limit_reached\"}}", NEXT_OTHER,
	    SCOPE_LIMIT, GATE_RATE, 300, 3600, TOLD_TOLD, true },
	{ "codex_crowd", 503, "codex-oauth",
	    "\"code\":\"server_is_overloaded\"", STORM },
	{ "unreachable", 0, "claude-api", "", NEXT_OTHER, SCOPE_ACCOUNT,
	    GATE_UNREACHABLE, 5, 300, TOLD_OWN, false },
	{ "proxy", 1, "claude-api", "", NEXT_OTHER, SCOPE_PROXY, NO_GATE, 0, 0,
	    TOLD_OWN, false },
	{ "silent", 2, "claude-api", "", NEXT_SWAP, SCOPE_NOBODY, NO_GATE, 0, 0,
	    TOLD_OWN, true },
	{ "unauthorized", 401, "claude-api", "invalid x-api-key",
	    REFUSED(1800, 86400) },
	{ "payment", 402, "openai-api", "", CREDITLESS },
	{ "forbidden", 403, "claude-api", "no", NEXT_ONCE, SCOPE_ACCOUNT,
	    GATE_ERRORS, 300, 1800, TOLD_OWN, false },
	/* A word that is another provider's. */
	{ "forbidden", 403, "claude-api", "the terms of service say no",
	    NEXT_ONCE, SCOPE_ACCOUNT, GATE_ERRORS, 300, 1800, TOLD_OWN, false },
	{ "rate", 429, "claude-api", "rate_limit_error", NEXT_OTHER,
	    SCOPE_LIMIT, GATE_RATE, 5, 60, TOLD_TOLD, true },
	{ "overloaded", 529, "claude-api", "overloaded_error", STORM },
	{ "server", 500, "openai-api", "", FAILING(5, 300, true) },
	{ "server", 503, "claude-api", "", FAILING(5, 300, true) },
	{ "server", 504, "bedrock", "", FAILING(5, 300, true) },
	{ "redirect", 302, "claude-api", "", FAILING(60, 300, false) },
	{ "request", 400, "claude-api", "context is too long", NOBODYS },
	{ "request", 404, "gemini-api", "model not found", NOBODYS },
	{ "request", 413, "claude-api", "", NOBODYS },
	{ "request", 422, "claude-api", "max_tokens: too large", NOBODYS },
	{ "strange", 599, "claude-api", "", FAILING(5, 300, false) },
	/* An operator's rule fits as rule.c says, and never a status. */
	{ "operator", 1000, "claude-api", "", NEXT_OTHER, SCOPE_ACCOUNT,
	    GATE_RATE, 0, 0, TOLD_OWN, true },
};

#define GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

static const struct verdict *
judge(unsigned status, const char *kind, const char *body)
{
	const struct verdict_case c = {
		.status = status, .kind = str_of(kind), .body = str_of(body)
	};

	return verdict_find(&c);
}

static void
every_failure_means_what_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		const struct golden *g = &goldens[i];
		const struct verdict *v = judge(g->status, g->kind, g->body);

		if (strcmp(v->name, g->name) != 0)
			fail_msg("%u \"%s\": %s, not %s", g->status, g->body,
			    v->name, g->name);
		assert_int_equal(v->next, g->next);
		assert_int_equal(v->scope, g->scope);
		assert_int_equal(v->gate, g->gate);
		assert_int_equal(v->first_s, g->first_s);
		assert_int_equal(v->most_s, g->most_s);
		assert_int_equal(v->told, g->told);
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

/* Providers' rows, and then those for what is left: operators' rules stand
 * between them. */
static void
providers_rows_come_first(void **state)
{
	const struct verdict *v;
	bool common = false;

	(void)state;
	for (unsigned i = 0; (v = verdict_at(i)); i++) {
		if (!v->kinds && !v->text)
			common = true;
		else if (common)
			fail_msg("%s stands behind common rows", v->name);
	}
}

static void
no_status_is_without_a_verdict(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 1000; status++)
		assert_non_null(judge(status, "claude-api", ""));
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
retry_ms_of(unsigned status, const char *fields)
{
	struct http1_head h;
	struct buf text;
	size_t seen = 0, used;
	int64_t ms;

	buf_init(&text, 4096);
	buf_mustf(&text, "HTTP/1.1 %u No\r\nContent-Length: 0\r\n%s\r\n",
	    status, fields);
	assert_int_equal(http1_response(buf_str(&text), &seen, false, &h, &used,
			     NULL),
	    OK);
	ms = verdict_retry_ms(&h, 1700000000000);
	buf_fini(&text);
	return ms;
}

static int64_t
retry_ms(const char *fields)
{
	return retry_ms_of(429, fields);
}

static void
a_window_that_ends_is_no_wait_of_an_overload(void **state)
{
	static const char reset[] =
	    "anthropic-ratelimit-unified-reset: 1700003600\r\n";

	(void)state;
	assert_int_equal(retry_ms_of(429, reset), 3600000);
	assert_int_equal(retry_ms_of(529, reset), 0);
	assert_int_equal(retry_ms_of(500, reset), 0);
	assert_int_equal(retry_ms_of(529, "Retry-After: 3\r\n"), 3000);
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

static struct verdict_blow
blow(int64_t told_ms)
{
	return (struct verdict_blow){ .now_ms = NOW_MS,
		.told_ms = told_ms,
		.own_ms = VERDICT_OWN_NONE,
		.random = HALF,
		.reason = "no" };
}

static void
repeated_failures_double_the_wait_up_to_the_most(void **state)
{
	static const int64_t waits_s[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
	const struct verdict *v = judge(500, "claude-api", "");
	struct verdict_blow b = blow(0);
	struct gates g = { .strikes = { 0 } };
	enum gate which;

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		/* Each time the gate has opened again. */
		g.until_ms[GATE_ERRORS] = 0;
		assert_int_equal(verdict_apply(v, &g, &b),
		    NOW_MS + waits_s[i] * 1000);
		assert_int_equal(gate_until(&g, NOW_MS, &which),
		    NOW_MS + waits_s[i] * 1000);
		assert_int_equal(which, GATE_ERRORS);
	}
	gate_open(&g, GATE_ERRORS);
	verdict_apply(v, &g, &b);
	assert_int_equal(g.until_ms[GATE_ERRORS], NOW_MS + 5000);
}

static void
failures_of_requests_that_were_under_way_together_are_one(void **state)
{
	const struct verdict *v = judge(500, "claude-api", "");
	struct verdict_blow b = blow(0);
	struct gates g = { .strikes = { 0 } };
	struct gate_parts p = { .count = 0 };

	(void)state;
	for (int i = 0; i < 50; i++) {
		b.now_ms = NOW_MS + i;
		b.began_ms = NOW_MS - 1000 + i;
		assert_int_equal(verdict_apply(v, &g, &b), b.now_ms + 5000);
		assert_int_equal(verdict_apply_part(v, &p, STR("opus"), false,
				     &b),
		    b.now_ms + 5000);
	}
	assert_int_equal(g.strikes[GATE_ERRORS], 1);
	assert_int_equal(p.at[0].strikes, 1);
	/* One that was sent after the first of them fails as well: worse. */
	b.began_ms = NOW_MS;
	assert_int_equal(verdict_apply(v, &g, &b), b.now_ms + 10000);
	assert_int_equal(g.strikes[GATE_ERRORS], 2);
	/* It is forgotten with the next good answer. */
	gate_succeeded(&g, b.now_ms);
	assert_int_equal(verdict_apply(v, &g, &b), b.now_ms + 5000);
	assert_int_equal(g.strikes[GATE_ERRORS], 1);
}

static void
an_account_has_parts_that_are_shut_until_the_last_of_them_opens(void **state)
{
	const struct verdict *v = judge(429, "claude-oauth", "");
	struct gate_parts p = { .count = 0 };
	struct verdict_blow b = blow(0);

	(void)state;
	assert_int_equal(gate_parts_until(&p, NOW_MS), 0);
	verdict_apply_part(v, &p, STR("opus"), false, &b);
	b.told_ms = 60000;
	b.random = 0;
	verdict_apply_part(v, &p, STR("haiku"), true, &b);
	assert_int_equal(gate_parts_until(&p, NOW_MS), NOW_MS + 60000);
	assert_int_equal(gate_part_open(&p, STR("haiku"), NOW_MS), 1);
	assert_int_equal(gate_parts_until(&p, NOW_MS), NOW_MS + 5000);
	assert_int_equal(gate_parts_until(&p, NOW_MS + 5000), 0);
}

static void
bare_limits_double_and_are_forgotten_after_five_minutes(void **state)
{
	static const int64_t waits_s[] = { 5, 10, 20, 40, 60, 60 };
	const struct verdict *v = judge(429, "claude-api", "");
	struct verdict_blow b = blow(0);
	struct gates g = { .strikes = { 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		assert_int_equal(verdict_apply(v, &g, &b),
		    b.now_ms + waits_s[i] * 1000);
		b.now_ms += waits_s[i] * 1000;
		/* It answers one request well in between. */
		gate_succeeded(&g, b.now_ms);
		assert_int_equal(gate_until(&g, b.now_ms, &(enum gate){ 0 }),
		    0);
	}
	b.now_ms += GATE_DECAY_MS;
	assert_int_equal(verdict_apply(v, &g, &b), b.now_ms + 5000);
}

static void
waits_are_spread_by_a_tenth(void **state)
{
	const struct verdict *v = judge(500, "claude-api", "");

	(void)state;
	assert_int_equal(verdict_wait_ms(v, 0, 0, 0), 4500);
	assert_int_equal(verdict_wait_ms(v, 0, 0, HALF), 5000);
	assert_int_equal(verdict_wait_ms(v, 0, 0, UINT32_MAX), 5500);
	/* Nobody comes back before the moment that was told. */
	v = judge(429, "claude-api", "");
	assert_int_equal(verdict_wait_ms(v, 0, 10000, 0), 10000);
	assert_int_equal(verdict_wait_ms(v, 0, 10000, UINT32_MAX), 11000);
	assert_int_equal(verdict_wait_ms(v, 0, 3600000, UINT32_MAX), 3630000);
	/* What is said of a day's quota is often of a minute's. */
	v = judge(429, "gemini-api", "RequestsPerDay");
	assert_int_equal(verdict_wait_ms(v, 0, 34000, HALF), 3600000);
	assert_int_equal(verdict_wait_ms(v, 0, 7200000, 0), 7200000);
}

static void
an_operators_own_wait_counts_alone(void **state)
{
	const struct verdict *v = judge(429, "claude-api", "");
	struct gates g = { .strikes = { 0 } };
	struct gate_parts p = { .count = 0 };
	struct verdict_blow b = blow(3600000);

	(void)state;
	b.own_ms = 10000;
	assert_int_equal(verdict_apply(v, &g, &b), NOW_MS + 10000);
	assert_int_equal(verdict_apply_part(v, &p, STR("opus"), false, &b),
	    NOW_MS + 10000);
	b.own_ms = 0;
	gate_open_all(&g);
	assert_int_equal(verdict_apply(v, &g, &b), 0);
	assert_int_equal(gate_until(&g, NOW_MS, &(enum gate){ 0 }), 0);
}

static void
only_a_limit_believes_what_the_upstream_tells(void **state)
{
	struct gates g = { .strikes = { 0 } };
	struct verdict_blow b = blow(90000);
	enum gate which;

	(void)state;
	verdict_apply(judge(500, "claude-api", ""), &g, &b);
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 5000);
	b.random = 0;
	b.reason = "slow";
	verdict_apply(judge(429, "claude-api", ""), &g, &b);
	assert_int_equal(gate_until(&g, NOW_MS, &which), NOW_MS + 90000);
	assert_int_equal(which, GATE_RATE);
	assert_string_equal(g.reason[GATE_RATE], "slow");
}

static void
the_requests_own_fault_shuts_nothing(void **state)
{
	struct gates g = { .strikes = { 0 } };
	struct verdict_blow b = blow(90000);
	enum gate which;

	(void)state;
	assert_int_equal(verdict_apply(judge(400, "claude-api", ""), &g, &b),
	    0);
	assert_int_equal(gate_until(&g, 0, &which), 0);
}

/* --- for some models alone ------------------------------------------------- */

static int64_t
part_until(const struct gate_parts *p, const char *model, const char *beta)
{
	struct http1_head h = { .count = beta ? 1 : 0 };
	enum gate which;

	h.fields[0] =
	    (struct header){ STR("anthropic-beta"), str_of(beta ? beta : "") };
	return gate_part_until(p, str_of(model), &h, NOW_MS, &which);
}

static void
a_limit_of_a_family_is_of_no_other(void **state)
{
	const struct verdict *v = judge(429, "claude-oauth", "");
	struct gate_parts p = { .count = 0 };
	struct verdict_blow b = blow(0);

	(void)state;
	verdict_apply_part(v, &p, family_of(STR("claude-opus-4-1")), false, &b);
	assert_int_equal(part_until(&p, "claude-opus-4-6", NULL),
	    NOW_MS + 5000);
	assert_int_equal(part_until(&p, "Claude-OPUS-5", NULL), NOW_MS + 5000);
	assert_int_equal(part_until(&p, "claude-sonnet-4-6", NULL), 0);
	assert_int_equal(part_until(&p, "opus", NULL), NOW_MS + 5000);
	assert_int_equal(part_until(&p, "", NULL), 0);
	verdict_apply_part(v, &p, STR("my-model"), false, &b);
	assert_int_equal(part_until(&p, "my-model", NULL), NOW_MS + 5000);
	assert_int_equal(part_until(&p, "my-model-2", NULL), 0);
	assert_int_equal(gate_part_open(&p, STR("opus"), NOW_MS), 1);
	assert_int_equal(part_until(&p, "claude-opus-4-6", NULL), 0);
	assert_int_equal(part_until(&p, "my-model", NULL), NOW_MS + 5000);
}

static void
no_long_context_leaves_short_ones(void **state)
{
	const struct verdict *v =
	    judge(429, "claude-oauth", "extra usage is required");
	struct gate_parts p = { .count = 0 };
	struct verdict_blow b = blow(0);

	(void)state;
	verdict_apply_part(v, &p, STR("sonnet"), true, &b);
	assert_int_equal(part_until(&p, "claude-sonnet-4-6", NULL), 0);
	assert_int_equal(part_until(&p, "claude-sonnet-4-6", "a,b"), 0);
	assert_int_equal(part_until(&p, "claude-sonnet-4-6",
			     "claude-code-20250219,context-1m-2025-08-07"),
	    NOW_MS + 3600000);
}

static void
an_account_has_eight_parts_and_the_soonest_gives_way(void **state)
{
	const struct verdict *v = judge(429, "gemini-api", "PerDay");
	struct gate_parts p = { .count = 0 };
	struct verdict_blow b = blow(0);
	char name[16];

	(void)state;
	for (int i = 0; i < GATE_PARTS_MAX + 1; i++) {
		snprintf(name, sizeof(name), "model-%d", i);
		b.now_ms = NOW_MS + i;
		verdict_apply_part(v, &p, str_of(name), false, &b);
	}
	assert_int_equal(p.count, GATE_PARTS_MAX);
	assert_int_equal(part_until(&p, "model-0", NULL), 0);
	assert_true(part_until(&p, "model-1", NULL) > 0);
	assert_true(part_until(&p, "model-8", NULL) > 0);
}

static void
every_family_is_found_by_its_own_word(void **state)
{
	static const struct {
		const char *model, *family;
	} cases[] = { { "claude-opus-4-1-20250805", "opus" },
		{ "us.anthropic.claude-sonnet-4-6-v1:0", "sonnet" },
		{ "claude-3-5-haiku-latest", "haiku" },
		{ "claude-fable-1", "fable" },
		{ "gemini-2.5-pro", "gemini-pro" },
		{ "gemini-3-pro-preview", "gemini-pro" },
		{ "gemini-2.5-flash", "gemini-flash" },
		{ "gemini-2.5-flash-lite", "gemini-flash-lite" },
		{ "gpt-5.2-codex", "codex" }, { "gpt-5-mini", "gpt-mini" },
		{ "gpt-5.5", "gpt" }, { "o3", "o-series" }, { "claude-x", "" },
		{ "gpt-x", "" }, { "", "" } };
	struct str word, globs;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(family_of(str_of(cases[i].model)).at,
		    cases[i].family);
	for (unsigned i = 0; family_at(i, &word, &globs); i++) {
		bool found = false;

		for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
			found = found || str_eq(word, str_of(cases[k].family));
		if (!found)
			fail_msg("%s is not tested", word.at);
	}
	assert_string_equal(family_in(STR("seven_day_opus")).at, "opus");
	assert_string_equal(family_in(STR("7d-sonnet")).at, "sonnet");
	assert_string_equal(family_in(STR("opus")).at, "");
	assert_string_equal(family_in(STR("five_hour")).at, "");
}

/* --- whose limit it is ----------------------------------------------------- */

#define WALL 1700000000000

static void
the_windows_say_whose_limit_it_is(void **state)
{
	static const struct {
		const char *five, *seven, *part, *claim;
		int64_t told_ms;
		enum verdict_scope scope;
		int64_t wait_ms;
	} cases[] = {
		/* Five hours are over: of all models. */
		{ "rejected", "allowed", NULL, "five_hour", 1000, SCOPE_ACCOUNT,
		    100000 },
		{ "allowed", "rejected", NULL, "seven_day", 1000, SCOPE_ACCOUNT,
		    200000 },
		/* A model's week: of that family. */
		{ "allowed", "allowed_warning", "rejected", "seven_day_opus",
		    1000, SCOPE_FAMILY, 300000 },
		{ "allowed", "allowed", NULL, "seven_day_opus", 90000,
		    SCOPE_FAMILY, 90000 },
		/* Both: of all. */
		{ "rejected", "allowed", "rejected", "five_hour", 0,
		    SCOPE_ACCOUNT, 300000 },
		/* Nobody says which, but for long; or only for a moment. */
		{ "allowed", "allowed", NULL, NULL, 90000, SCOPE_ACCOUNT,
		    90000 },
		{ "allowed", "allowed", NULL, NULL, 2000, SCOPE_FAMILY, 2000 },
		{ NULL, NULL, NULL, NULL, 90000, SCOPE_FAMILY, 90000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char *const names[] = { "5h", "7d", "7d_oi" };
		const char *said[] = { cases[i].five, cases[i].seven,
			cases[i].part };
		struct http1_head h = { .count = cases[i].claim ? 1 : 0 };
		struct windows w = { .count = 0 };
		int64_t told_ms = cases[i].told_ms;

		for (int k = 0; k < 3; k++) {
			struct window *one;

			if (!said[k])
				continue;
			one = window_of(&w, str_of(names[k]));
			snprintf(one->status, sizeof(one->status), "%s",
			    said[k]);
			one->told_at = WALL;
			one->reset_at = WALL + (k + 1) * 100000;
		}
		h.fields[0] =
		    (struct header){ STR("anthropic-ratelimit-unified-"
					 "representative-claim"),
			    str_of(cases[i].claim ? cases[i].claim : "") };
		assert_int_equal(verdict_limit(&w, WALL, &h, &told_ms),
		    cases[i].scope);
		assert_int_equal(told_ms, cases[i].wait_ms);
	}
}

static void
what_was_told_before_does_not_count(void **state)
{
	struct windows w = { .count = 0 };
	struct window *one = window_of(&w, STR("5h"));
	int64_t told_ms = 0;

	(void)state;
	one->used_ppm = 1000000;
	one->told_at = WALL - 1;
	one->reset_at = WALL + 100000;
	assert_int_equal(verdict_limit(&w, WALL, NULL, &told_ms), SCOPE_FAMILY);
	assert_int_equal(told_ms, 0);
	one->told_at = WALL;
	assert_int_equal(verdict_limit(&w, WALL, NULL, &told_ms),
	    SCOPE_ACCOUNT);
	assert_int_equal(told_ms, 100000);
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
		cmocka_unit_test(providers_rows_come_first),
		cmocka_unit_test(
		    bare_limits_double_and_are_forgotten_after_five_minutes),
		cmocka_unit_test(
		    failures_of_requests_that_were_under_way_together_are_one),
		cmocka_unit_test(
		    an_account_has_parts_that_are_shut_until_the_last_of_them_opens),
		cmocka_unit_test(waits_are_spread_by_a_tenth),
		cmocka_unit_test(an_operators_own_wait_counts_alone),
		cmocka_unit_test(a_limit_of_a_family_is_of_no_other),
		cmocka_unit_test(no_long_context_leaves_short_ones),
		cmocka_unit_test(
		    an_account_has_eight_parts_and_the_soonest_gives_way),
		cmocka_unit_test(every_family_is_found_by_its_own_word),
		cmocka_unit_test(the_windows_say_whose_limit_it_is),
		cmocka_unit_test(what_was_told_before_does_not_count),
		cmocka_unit_test(no_status_is_without_a_verdict),
		cmocka_unit_test(words_in_a_stream_stand_for_a_status),
		cmocka_unit_test(an_upstream_says_when_to_come_back),
		cmocka_unit_test(a_window_that_ends_is_no_wait_of_an_overload),
		cmocka_unit_test(
		    repeated_failures_double_the_wait_up_to_the_most),
		cmocka_unit_test(only_a_limit_believes_what_the_upstream_tells),
		cmocka_unit_test(the_requests_own_fault_shuts_nothing),
		cmocka_unit_test(a_gate_stays_shut_until_the_latest_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
