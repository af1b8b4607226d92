/* SPDX-License-Identifier: MIT */
/* test_price.c - what answers cost, to the micro-dollar; which names have which
 * price; which files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relayd/price_table.h"

static struct price_table *packaged;

static int
setup(void **state)
{
	struct price_set set;
	struct why why = { .text = "" };

	(void)state;
	if (price_set_read(price_packaged(), PRICE_PACKAGED, &set, &why)) {
		print_error("%s\n", why.text);
		return -1;
	}
	packaged = price_table_new(&set, NULL, NULL);
	price_set_fini(&set);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	price_table_unref(packaged);
	return 0;
}

static const struct price *
find(const char *model)
{
	return price_find(packaged, str_of(model));
}

/* --- costs ----------------------------------------------------------------- */

static void
answers_cost_what_the_price_lists_say(void **state)
{
	static const struct {
		const char *model;
		struct usage u;
		int64_t micro;
	} cases[] = {
		{ "claude-sonnet-4-5-20250929",
		    { .input = 1000, .output = 500 }, 10500 },
		/* Writes of an hour at twice the input, beside those of five
		 * minutes. */
		{ "claude-sonnet-4-20250514",
		    { .input = 1000,
			.output = 500,
			.cache_read = 20000,
			.cache_write_5m = 5000,
			.cache_write_1h = 5000 },
		    65250 },
		/* Claude's prices are flat at any length. */
		{ "claude-sonnet-4-5[1m]", { .input = 1000000 }, 3000000 },
		/* Fast, whether writes are told in two parts or not at all. */
		{ "claude-opus-4-6",
		    { .input = 1000, .output = 1000, .fast = true }, 180000 },
		{ "claude-opus-5",
		    { .input = 1000, .output = 1000, .fast = true }, 60000 },
		{ "claude-opus-4-6", { .input = 1000, .output = 1000 }, 30000 },
		{ "gpt-5",
		    { .input = 2000, .cache_read = 8000, .output = 1000 },
		    13500 },
		{ "gpt-5",
		    { .input = 2000,
			.cache_read = 8000,
			.output = 1000,
			.tier = USAGE_PRIORITY },
		    27000 },
		/* Half of it for flexible service. */
		{ "gpt-5",
		    { .input = 2000,
			.cache_read = 8000,
			.output = 1000,
			.tier = USAGE_FLEX },
		    6750 },
		/* The whole of a long request at the price of long ones, but
		 * not at exactly the length. */
		{ "gemini-2.5-pro", { .input = 250000, .output = 1000 },
		    640000 },
		{ "gemini-2.5-pro", { .input = 200000 }, 250000 },
		{ "gemini-2.5-pro", { .input = 200001 }, 500003 },
		{ "gemini-2.5-pro", { .input = 1, .cache_read = 200000 },
		    50003 },
		{ "us.anthropic.claude-haiku-4-5-20251001-v1:0",
		    { .input = 1000, .output = 100 }, 1500 },
		/* Thinking is in the output, and not paid for twice. */
		{ "gemini-2.5-pro",
		    { .input = 0, .output = 1000, .reasoning = 900 }, 10000 },
		/* Sound and pictures, inside of the input and the output. */
		{ "gemini-2.5-flash", { .input = 1000, .audio_input = 400 },
		    580 },
		{ "gemini-2.5-flash-image",
		    { .output = 1390, .image_output = 1290 }, 38950 },
		{ "claude-opus-4-8", { .input = 1000, .searches = 3 }, 35000 },
		/* In one country alone a tenth more, but not of a search. */
		{ "claude-opus-4-8",
		    { .input = 1000, .searches = 3, .us = true }, 35500 },
		{ "claude-sonnet-4-6",
		    { .input = 1000, .output = 1000, .us = true }, 19800 },
		{ "claude-opus-4-6",
		    { .input = 1000, .output = 1000, .fast = true, .us = true },
		    198000 },
		{ "gpt-5.6", { .input = 1000, .cache_write_5m = 1000 }, 11250 },
		/* A cache write without a price is input. */
		{ "gpt-5.5", { .input = 1000, .cache_write_5m = 1000 }, 10000 },
		/* Less than what can be said rounds half up, once. */
		{ "gpt-5-nano", { .cache_read = 99 }, 0 },
		{ "gpt-5-nano", { .cache_read = 100 }, 1 },
		{ "gpt-5-nano", { .input = 1, .cache_read = 90 }, 1 },
		{ "gpt-5-nano", { .cache_read = 100, .tier = USAGE_FLEX }, 0 },
		{ "claude-opus-4-8", { .input = 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct price *p = find(cases[i].model);
		struct price_sum sum;

		if (!p)
			fail_msg("%s has no price", cases[i].model);
		price_cost(p, &cases[i].u, &sum);
		if (sum.micro != cases[i].micro || !sum.whole)
			fail_msg("%zu: %s costs %lld, not %lld", i,
			    cases[i].model, (long long)sum.micro,
			    (long long)cases[i].micro);
	}
}

/* What others have got wrong: each of these was once billed as something
 * else (see the comments). */
static void
what_others_got_wrong_is_right_here(void **state)
{
	static const char *const regions[] = { "us", "eu", "apac", "jp", "au",
		"global" };
	const struct usage million = { .input = 1000000 };
	struct price_sum sum;

	(void)state;
	/* "gpt-5.4" holds "gpt-5", and costs twice as much. */
	price_cost(find("gpt-5.4-mini"), &million, &sum);
	assert_int_equal(sum.micro, 750000);
	price_cost(find("gpt-5.4"), &(struct usage){ .input = 100000 }, &sum);
	assert_int_equal(sum.micro, 250000);
	/* So does "gpt-5.5", and four times as much. */
	price_cost(find("gpt-5.5"), &million, &sum);
	assert_int_equal(sum.micro, 10000000);
	price_cost(find("gpt-5.5"), &(struct usage){ .input = 100000 }, &sum);
	assert_int_equal(sum.micro, 500000);
	/* Any region of Bedrock's, not three of them. */
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		char model[80];

		snprintf(model, sizeof(model),
		    "%s.anthropic.claude-haiku-4-5-20251001-v1:0", regions[i]);
		price_cost(find(model), &million, &sum);
		assert_int_equal(sum.micro, 1000000);
	}
	/* A priority at fifty times the price was a slip of the list's. */
	price_cost(find("gpt-5-nano"),
	    &(struct usage){ .input = 1000000, .tier = USAGE_PRIORITY }, &sum);
	assert_int_equal(sum.micro, 50000);
	/* What was cheaper until August is not any more. */
	price_cost(find("claude-sonnet-5"), &million, &sum);
	assert_int_equal(sum.micro, 3000000);
	/* Unknown models are nobody's guess, not the price of a Sonnet. */
	assert_null(find("totally-unknown-model-x"));
	assert_null(find("gpt-6.1-sol"));
	assert_null(find("gemini-3.8-flash"));
	assert_null(find("claude-3-5-sonnet"));
	assert_null(find("my-o3-like-thing"));
	assert_null(find("o"));
	/* An hour's write of an old Haiku is no six dollars. */
	price_cost(find("claude-3-haiku-20240307"),
	    &(struct usage){ .cache_write_1h = 1000000 }, &sum);
	assert_int_equal(sum.micro, 500000);
	/* A priority that is listed counts, without a flag beside it. */
	price_cost(find("gpt-5.2-codex"),
	    &(struct usage){ .input = 1000000, .tier = USAGE_PRIORITY }, &sum);
	assert_int_equal(sum.micro, 3500000);
	/* An intermediate price has no 32 bits. */
	price_cost(find("claude-opus-4-8"),
	    &(struct usage){ .output = USAGE_COUNT_MAX }, &sum);
	assert_true(sum.micro == USAGE_COUNT_MAX * 25);
}

static void
what_has_no_price_is_said(void **state)
{
	struct price_sum sum;

	(void)state;
	price_cost(find("gpt-5"), &(struct usage){ .input = 1, .searches = 1 },
	    &sum);
	assert_false(sum.whole);
	assert_int_equal(sum.lines[PRICE_SEARCH].pico, PRICE_NONE);
	price_cost(find("claude-haiku-4-5"),
	    &(struct usage){ .input = 1000, .fast = true }, &sum);
	assert_false(sum.whole);
	assert_int_equal(sum.micro, 1000);
	price_cost(find("claude-haiku-4-5"),
	    &(struct usage){ .input = 1000, .us = true }, &sum);
	assert_false(sum.whole);
	price_cost(find("gpt-5"), &(struct usage){ .input = 1 }, &sum);
	assert_true(sum.whole);
}

/* A generator of our own, so that a failure can be seen again. */
static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct usage
any_usage(uint64_t *seed)
{
	struct usage u = {
		.input = (int64_t)(next(seed) % 400000),
		.output = (int64_t)(next(seed) % 100000),
		.cache_read = (int64_t)(next(seed) % 100000),
		.cache_write_5m = (int64_t)(next(seed) % 5000),
		.cache_write_1h = (int64_t)(next(seed) % 5000),
		.searches = (int64_t)(next(seed) % 4),
		.tier = (enum usage_tier)(next(seed) % USAGE_TIERS),
		.fast = next(seed) % 8 == 0,
	};

	u.audio_input = (int64_t)(next(seed) % 3) ? 0 : u.input / 3;
	u.image_output = (int64_t)(next(seed) % 3) ? 0 : u.output / 2;
	return u;
}

static void
more_of_anything_never_costs_less(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		const struct price *p =
		    price_at(packaged, next(&seed) % price_count(packaged));
		struct usage u = any_usage(&seed), more = u;
		int64_t *const counts[] = { &more.input, &more.output,
			&more.cache_read, &more.cache_write_5m,
			&more.cache_write_1h, &more.searches };
		struct price_sum a, b;

		*counts[next(&seed) % 6] += (int64_t)(next(&seed) % 100000);
		price_cost(p, &u, &a);
		price_cost(p, &more, &b);
		if (b.micro < a.micro)
			fail_msg("%.*s: %lld, and with more %lld",
			    STR_ARG(p->name), (long long)a.micro,
			    (long long)b.micro);
	}
}

static void
the_lines_add_up_to_the_cost(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		const struct price *p =
		    price_at(packaged, next(&seed) % price_count(packaged));
		struct usage u = any_usage(&seed);
		struct price_sum sum;
		int64_t pico = 0, tokens = 0;

		price_cost(p, &u, &sum);
		for (unsigned l = 0; l < PRICE_UNITS; l++) {
			if (l != PRICE_SEARCH)
				tokens += sum.lines[l].count;
			if (sum.lines[l].pico != PRICE_NONE)
				pico += sum.lines[l].count * sum.lines[l].pico;
		}
		assert_int_equal(sum.micro, (pico + 500000) / 1000000);
		assert_int_equal(tokens, usage_total(&u));
	}
}

static void
a_rated_cost_is_the_cost_times_the_rates(void **state)
{
	int64_t ppm = 0;

	(void)state;
	assert_int_equal(price_rate_read(STR(""), &ppm), OK);
	assert_int_equal(ppm, PRICE_RATE_ONE);
	assert_int_equal(price_rate_read(STR("1.25"), &ppm), OK);
	assert_int_equal(ppm, 1250000);
	assert_int_equal(price_rate_times(ppm, 2 * PRICE_RATE_ONE), 2500000);
	/* None at all would be 1 in a receipt. */
	assert_int_equal(price_rate_times(1, 1), 1);
	assert_int_equal(price_rated(10500, 1250000), 13125);
	assert_int_equal(price_rated(1, 499999), 0);
	assert_int_equal(price_rated(1, 500000), 1);
	assert_int_equal(price_rated(PRICE_COST_MAX, 1000000000),
	    PRICE_COST_MAX);
	assert_int_equal(price_rate_read(STR("0"), &ppm), ERR_VALUE);
	assert_int_equal(price_rate_read(STR("-1"), &ppm), ERR_VALUE);
	assert_int_equal(price_rate_read(STR("1001"), &ppm), ERR_VALUE);
	assert_int_equal(price_rate_read(STR("free"), &ppm), ERR_VALUE);
}

/* --- names ----------------------------------------------------------------- */

static struct price_table *
table_of(const char *file, const char *override)
{
	struct price_set a, b = { .at = NULL };
	struct price_table *t;
	struct why why = { .text = "" };

	if (price_set_read(str_of(file), PRICE_PACKAGED, &a, &why))
		fail_msg("%s", why.text);
	if (override &&
	    price_set_read(str_of(override), PRICE_OVERRIDE, &b, &why))
		fail_msg("%s", why.text);
	t = price_table_new(&a, NULL, &b);
	price_set_fini(&a);
	price_set_fini(&b);
	return t;
}

#define ENTRY(name, input)                                                     \
	"\"" name "\":{\"input_cost_per_token\":" input                        \
	",\"output_cost_per_token\":1e-6}"

static void
a_name_matches_itself_or_a_glob(void **state)
{
	struct price_table *t =
	    table_of("{" ENTRY("gpt-*", "1e-6") "," ENTRY("gpt-5*",
			 "2e-6") "," ENTRY("gpt-5.4",
			 "3e-6") "," ENTRY("Big-One",
			 "4e-6") "," ENTRY("gpt-5*-x",
			 "5e-6") "," ENTRY("gpt-5?4*", "6e-6") "}",
		NULL);
	static const struct {
		const char *model, *entry;
	} cases[] = {
		{ "gpt-5.4", "gpt-5.4" },
		{ "GPT-5.4", "gpt-5.4" },
		{ "gpt-5.4[1m]", "gpt-5.4" },
		{ "models/gpt-5.4", "gpt-5.4" },
		{ "gpt-5.4-mini", "gpt-5?4*" },
		{ "gpt-5.1-x", "gpt-5*-x" },
		{ "gpt-5.1", "gpt-5*" },
		{ "gpt-4", "gpt-*" },
		{ "big-one", "Big-One" },
		{ "a-big-one", NULL },
		{ "gpt", NULL },
		{ "", NULL },
	};
	char longest[PRICE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct price *p = price_find(t, str_of(cases[i].model));

		if (!p != !cases[i].entry ||
		    (p && !str_eq(p->name, str_of(cases[i].entry))))
			fail_msg("%s: %.*s", cases[i].model,
			    p ? (int)p->name.len : 4, p ? p->name.at : "none");
	}
	memset(longest, 'g', sizeof(longest));
	assert_null(price_find(t, str_at(longest, sizeof(longest))));
	price_table_unref(t);
}

static void
a_glob_behind_a_wider_one_is_told(void **state)
{
	struct price_table *t =
	    table_of("{" ENTRY("*abcdef*", "1e-6") "," ENTRY("xabcdef*",
			 "2e-6") "," ENTRY("*bc*", "3e-6") "}",
		NULL);
	unsigned shadowed = 0;

	(void)state;
	for (size_t i = 0; i < price_count(t); i++)
		shadowed += price_shadow(t, price_at(t, i)) != NULL;
	assert_int_equal(shadowed, 0);
	price_table_unref(t);
	t = table_of("{" ENTRY("a*c*", "1e-6") "," ENTRY("a*c?", "2e-6") "}",
	    NULL);
	/* As many letters: the order of names decides. */
	assert_non_null(price_shadow(t, price_at(t, 1)));
	assert_null(price_shadow(t, price_at(t, 0)));
	price_table_unref(t);
}

static void
an_override_changes_what_it_states(void **state)
{
	struct price_table *t = table_of("{" ENTRY("m", "1e-6") "}",
	    "{\"m\":{\"input_cost_per_token\":2e-6},"
	    "\"half\":{\"input_cost_per_token\":2e-6}}");
	const struct price *p = price_find(t, STR("m"));
	const struct price *old = find("gpt-5");

	(void)state;
	assert_int_equal(p->rates.pico[0][0][PRICE_INPUT], 2000000);
	assert_int_equal(p->rates.pico[0][0][PRICE_OUTPUT], 1000000);
	assert_int_equal(p->origin, PRICE_OVERRIDE);
	assert_int_equal(old->origin, PRICE_PACKAGED);
	/* A price for one half only would give the other away. */
	assert_null(price_find(t, STR("half")));
	price_table_unref(t);
}

static void
an_id_says_exactly_which_price_it_was(void **state)
{
	struct price_table *a = table_of("{" ENTRY("m", "1e-6") "}", NULL);
	struct price_table *b = table_of("{" ENTRY("m", "0.000001") "}", NULL);
	struct price_table *c = table_of("{" ENTRY("m", "2e-6") "}", NULL);

	(void)state;
	assert_int_equal(price_at(a, 0)->id, price_at(b, 0)->id);
	assert_int_not_equal(price_at(a, 0)->id, price_at(c, 0)->id);
	price_table_unref(a);
	price_table_unref(b);
	price_table_unref(c);
}

/* --- files ----------------------------------------------------------------- */

static void
a_bad_file_is_refused_whole_and_says_where(void **state)
{
	static const struct {
		const char *file, *why;
	} cases[] = {
		{ "", "line 1, column 1: an early end" },
		{ "{\n \"m\": {", "line 2, column 8: an early end" },
		{ "{\n \"m\": }", NULL },
		{ "[]", NULL },
		{ "{}", "there is no model with a price in it" },
		{ "{\"m\":{\"mode\":\"chat\"}}",
		    "there is no model with a price in it: each of them needs "
		    "one for input and one for output" },
		{ "{\"m\":{\"output_cost_per_token\":1e-400}}",
		    "line 1: m: output_cost_per_token is too small to be the "
		    "price of a token" },
		{ "{\n\"m\":{\n\"input_cost_per_token\":-1e-6}}",
		    "line 3: m: input_cost_per_token is below zero" },
		{ "{\"m\":{\"input_cost_per_token\":3}}",
		    "line 1: m: input_cost_per_token is absurdly high: prices "
		    "in a file are dollars per token, not per million of "
		    "them" },
		{ "{\"m\":{\"output_cost_per_token\":\"3e-6\"}}",
		    "line 1: m: output_cost_per_token is not a number" },
		{ "{\"m\":{\"output_cost_per_token\":{}}}",
		    "line 1: m: output_cost_per_token is not a number" },
		{ "{\"m\":{\"output_cost_per_token\":true}}",
		    "line 1: m: output_cost_per_token is not a number" },
		{ "{\"m\":{\"input_cost_per_token_turbo\":1e-6}}",
		    "line 1: m: input_cost_per_token_turbo is a price for a "
		    "tier or length that is not understood" },
		{ "{\"m\":{\"input_cost_per_token_above_200k\":1e-6}}",
		    "line 1: m: input_cost_per_token_above_200k is a price for "
		    "a tier or length that is not understood" },
		{ "{\"m\":{\"input_cost_per_token_above_0k_tokens\":1e-6}}",
		    "line 1: m: input_cost_per_token_above_0k_tokens is a "
		    "price for a tier or length that is not understood" },
		{ "{\"m\":{\"input_cost_per_token_above_1k_tokens\":1e-6,\n"
		  "\"output_cost_per_token_above_2k_tokens\":1e-6}}",
		    "line 2: m: output_cost_per_token_above_2k_tokens a second "
		    "length of input, where one is understood" },
		{ "{\"m\":7}", "line 1: m: is not an object" },
		{ "{\"m\":{\"search_context_cost_per_query\":0.01}}",
		    "line 1: m: search_context_cost_per_query is an object "
		    "with search_context_size_medium" },
		{ "{\"m\":{\"provider_specific_entry\":{\"fast\":0}}}",
		    "line 1: m: provider_specific_entry is a factor above 0, "
		    "and at most 100" },
		{ "{\"m\":{},\n\"m\":{}}",
		    "line 2, column 1: \"m\" occurs twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .text = "" };
		struct price_set set;

		assert_int_not_equal(price_set_read(str_of(cases[i].file),
					 PRICE_UPDATED, &set, &why),
		    OK);
		assert_true(why.text[0]);
		if (cases[i].why)
			assert_string_equal(why.text, cases[i].why);
	}
}

static void
what_is_no_price_of_ours_is_passed_over(void **state)
{
	struct price_set set;

	(void)state;
	assert_int_equal(
	    price_set_read(STR("{\"sample_spec\":{\"version\":\"v7\","
			       "\"input_cost_per_token\":\"text\"},"
			       "\"m\":{\"input_cost_per_token\":1e-6,"
			       "\"output_cost_per_token\":0,"
			       "\"cache_read_input_token_cost\":null,"
			       "\"input_cost_per_token_cache_hit\":1,"
			       "\"input_cost_per_second\":7,"
			       "\"supports_x\":true},"
			       "\"a name\":{\"input_cost_per_token\":1e-6,"
			       "\"output_cost_per_token\":1e-6},"
			       "\"e\":{\"input_cost_per_token\":1e-6,"
			       "\"mode\":\"embedding\"},"
			       "\"n\":{\"input_cost_per_token\":1e-6}}"),
		PRICE_UPDATED, &set, NULL),
	    OK);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.unpriced, 2);
	assert_string_equal(set.version, "v7");
	assert_int_equal(set.at[0].stated.rates.pico[0][0][PRICE_CACHE_READ],
	    PRICE_NONE);
	price_set_fini(&set);
}

static void
a_file_written_reads_back_the_same(void **state)
{
	struct price_set a, b;
	struct buf text, again;

	(void)state;
	buf_init(&text, PRICE_FILE_MAX);
	buf_init(&again, PRICE_FILE_MAX);
	assert_int_equal(price_set_read(price_packaged(), PRICE_PACKAGED, &a,
			     NULL),
	    OK);
	price_set_write(&a, &text);
	assert_int_equal(price_set_read(buf_str(&text), PRICE_PACKAGED, &b,
			     NULL),
	    OK);
	assert_int_equal(a.count, b.count);
	price_set_write(&b, &again);
	assert_true(str_eq(buf_str(&text), buf_str(&again)));
	price_set_fini(&a);
	price_set_fini(&b);
	buf_fini(&text);
	buf_fini(&again);
}

/* --- as people say it ------------------------------------------------------ */

static void
prices_are_said_in_dollars_per_million(void **state)
{
	static const struct {
		const char *word, *value;
	} cases[] = {
		{ "input", "3" },
		{ "output", "15.5" },
		{ "cache_read", "0.0025" },
		{ "long_input", "6" },
		{ "search", "0.01" },
		{ "priority_long_output", "7.25" },
		{ "flex_cache_write_1h", "0.5" },
		{ "above", "200000" },
		{ "fast", "2.5" },
		{ "us", "1.1" },
	};
	struct price_stated s;
	struct price_word word;
	unsigned at = 0, n = 0;

	(void)state;
	price_stated_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(price_stated_set(&s, str_of(cases[i].word),
				     str_of(cases[i].value), NULL),
		    OK);
	assert_int_equal(s.rates.pico[0][0][PRICE_INPUT], 3000000);
	assert_int_equal(s.rates.pico[0][0][PRICE_SEARCH],
	    INT64_C(10000000000));
	while (price_stated_next(&s, &at, &word)) {
		bool met = false;

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			met |= !strcmp(cases[i].word, word.name) &&
			    !strcmp(cases[i].value, word.value);
		if (!met)
			fail_msg("%s=%s", word.name, word.value);
		n++;
	}
	assert_int_equal(n, sizeof(cases) / sizeof(cases[0]));
}

static void
a_wrong_word_or_value_is_refused(void **state)
{
	static const struct {
		const char *word, *value;
		enum err want;
	} cases[] = {
		{ "inputs", "3", ERR_UNKNOWN },
		{ "", "3", ERR_UNKNOWN },
		{ "turbo_input", "3", ERR_UNKNOWN },
		{ "priority_search", "3", ERR_UNKNOWN },
		{ "input", "-3", ERR_VALUE },
		{ "input", "cheap", ERR_VALUE },
		{ "input", "", ERR_VALUE },
		{ "input", "10001", ERR_VALUE },
		{ "above", "1234", ERR_VALUE },
		{ "fast", "0", ERR_VALUE },
	};
	struct price_stated s;

	(void)state;
	price_stated_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(price_stated_set(&s, str_of(cases[i].word),
				     str_of(cases[i].value), NULL),
		    cases[i].want);
	assert_false(price_is_stated(&s));
}

/* --- decimals -------------------------------------------------------------- */

static void
decimals_are_exact_and_round_half_up(void **state)
{
	static const struct {
		const char *in;
		enum err e;
		int64_t out;
	} cases[] = {
		{ "0", OK, 0 },
		{ "-0", OK, 0 },
		{ "3e-06", OK, 3000000 },
		{ "3E-6", OK, 3000000 },
		{ "0.000003", OK, 3000000 },
		{ "2.5e-09", OK, 2500 },
		{ "1e-12", OK, 1 },
		{ "4e-13", OK, 0 },
		{ "5e-13", OK, 1 },
		{ "1.4999999e-12", OK, 1 },
		{ "1.5e-12", OK, 2 },
		{ "1.0000000000000001e-07", OK, 100000 },
		{ "123456789012345678901e-33", OK, 0 },
		{ "0.00000000000000000000000000000000000001", OK, 0 },
		{ "1e-999", OK, 0 },
		{ "0e999", OK, 0 },
		{ "1", OK, INT64_C(1000000000000) },
		{ "1e999", ERR_LIMIT, 7 },
		{ "1e99999999999999999999", ERR_SYNTAX, 7 },
		{ "9999999999999999999999", ERR_LIMIT, 7 },
		{ "-1e-6", ERR_VALUE, 7 },
		{ "", ERR_SYNTAX, 7 },
		{ "-", ERR_SYNTAX, 7 },
		{ ".5", ERR_SYNTAX, 7 },
		{ "1.", ERR_SYNTAX, 7 },
		{ "1e", ERR_SYNTAX, 7 },
		{ "1e+", ERR_SYNTAX, 7 },
		{ "0x10", ERR_SYNTAX, 7 },
		{ "1 ", ERR_SYNTAX, 7 },
		{ "nan", ERR_SYNTAX, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = 7;
		enum err e = decimal_read(str_of(cases[i].in), PRICE_DIGITS,
		    INT64_C(1) << 53, &n);

		if (e != cases[i].e || n != cases[i].out)
			fail_msg("%s: %s, %lld", cases[i].in, err_name(e),
			    (long long)n);
	}
}

static void
decimals_are_written_short(void **state)
{
	static const struct {
		int64_t n;
		unsigned digits, least;
		const char *out;
	} cases[] = {
		{ 0, 6, 0, "0" },
		{ 0, 6, 2, "0.00" },
		{ 1250000, 6, 0, "1.25" },
		{ 1000000, 6, 2, "1.00" },
		{ 1, 12, 0, "0.000000000001" },
		{ -1500000, 6, 0, "-1.5" },
		{ 42, 0, 0, "42" },
		{ INT64_MAX, 6, 0, "9223372036854.775807" },
		{ INT64_MIN, 6, 0, "-9223372036854.775808" },
	};
	char text[DECIMAL_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		decimal_write(cases[i].n, cases[i].digits, cases[i].least,
		    text);
		assert_string_equal(text, cases[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_cost_what_the_price_lists_say),
		cmocka_unit_test(what_others_got_wrong_is_right_here),
		cmocka_unit_test(what_has_no_price_is_said),
		cmocka_unit_test(more_of_anything_never_costs_less),
		cmocka_unit_test(the_lines_add_up_to_the_cost),
		cmocka_unit_test(a_rated_cost_is_the_cost_times_the_rates),
		cmocka_unit_test(a_name_matches_itself_or_a_glob),
		cmocka_unit_test(a_glob_behind_a_wider_one_is_told),
		cmocka_unit_test(an_override_changes_what_it_states),
		cmocka_unit_test(an_id_says_exactly_which_price_it_was),
		cmocka_unit_test(a_bad_file_is_refused_whole_and_says_where),
		cmocka_unit_test(what_is_no_price_of_ours_is_passed_over),
		cmocka_unit_test(a_file_written_reads_back_the_same),
		cmocka_unit_test(prices_are_said_in_dollars_per_million),
		cmocka_unit_test(a_wrong_word_or_value_is_refused),
		cmocka_unit_test(decimals_are_exact_and_round_half_up),
		cmocka_unit_test(decimals_are_written_short),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
