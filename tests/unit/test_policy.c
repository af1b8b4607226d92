/* SPDX-License-Identifier: MIT */
/* test_policy.c - what a key is for, and policies that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relayd/policy.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct apikey_rec
record(const char *platforms, const char *allow, const char *deny,
    const char *map, const char *from)
{
	return (struct apikey_rec){ .platforms = str_of(platforms),
		.models_allow = str_of(allow),
		.models_deny = str_of(deny),
		.models_map = str_of(map),
		.from = str_of(from) };
}

/* --- asking ---------------------------------------------------------------- */

static void
a_key_without_lists_has_no_policy(void **state)
{
	const struct apikey_rec r = { .name = STR("a") };

	(void)state;
	assert_null(policy_new(&r));
	policy_free(NULL);
}

static const struct {
	const char *allow, *deny, *map, *said;
	bool allowed;
	const char *served; /* when it is */
} models[] = {
	{ "claude-*", "", "", "claude-x", true, "claude-x" },
	{ "claude-*", "", "", "CLAUDE-X", true, "CLAUDE-X" },
	{ "claude-*", "", "", "gpt-5", false, NULL },
	{ "claude-*, gpt-5", "", "", "gpt-5", true, "gpt-5" },
	{ "", "*opus*", "", "claude-opus-4", false, NULL },
	{ "", "*opus*", "", "claude-haiku", true, "claude-haiku" },
	{ "claude-*", "*opus*", "", "claude-opus-4", false, NULL },
	{ "", "", "fast=claude-haiku", "fast", true, "claude-haiku" },
	{ "", "", "fast=claude-haiku", "slow", true, "slow" },
	/* An alias needs no second permission, and names no other. */
	{ "claude-*", "", "fast=gpt-5", "fast", true, "gpt-5" },
	{ "claude-*", "", "fast=gpt-5", "gpt-5", false, NULL },
	{ "claude-*", "", "claude-opus*=claude-sonnet, x=y", "claude-opus-4",
	    true, "claude-sonnet" },
	/* The first that fits. */
	{ "", "", "a?=b, a*=c", "ab", true, "b" },
	{ "", "", "a?=b, a*=c", "abc", true, "c" },
	{ "", "fastest", "fast*=b", "fastest", false, NULL },
};

static void
models_are_allowed_denied_and_mapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(models); i++) {
		struct apikey_rec r = record("", models[i].allow,
		    models[i].deny, models[i].map, "");
		struct policy *p = policy_new(&r);
		struct str said = str_of(models[i].said);

		assert_non_null(p);
		assert_int_equal(policy_allows_model(p, said),
		    models[i].allowed);
		if (models[i].allowed)
			assert_true(str_eq(policy_model(p, said),
			    str_of(models[i].served)));
		policy_free(p);
	}
}

static const struct {
	const char *kind;
	const struct dialect *dialect;
	enum platform platform;
} platforms[] = {
	{ NULL, &dialect_anthropic, PLATFORM_claude },
	{ NULL, &dialect_openai_chat, PLATFORM_openai },
	{ NULL, &dialect_openai_responses, PLATFORM_openai },
	{ NULL, &dialect_gemini, PLATFORM_gemini },
	{ "droid", &dialect_anthropic, PLATFORM_droid },
	{ "droid", &dialect_openai_responses, PLATFORM_droid },
	{ "azure-openai", &dialect_openai_chat, PLATFORM_azure },
	{ "gemini-oauth", &dialect_anthropic, PLATFORM_gemini },
	{ "antigravity", &dialect_gemini, PLATFORM_antigravity },
	/* "ccr,MODEL" is said in a body, not by a path. */
	{ "ccr", &dialect_anthropic, PLATFORM_claude },
};

static void
a_path_or_a_dialect_says_the_platform(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(platforms); i++)
		assert_int_equal(platform_of(platforms[i].kind,
				     platforms[i].dialect),
		    platforms[i].platform);
}

static void
only_the_listed_platforms_are_allowed(void **state)
{
	struct apikey_rec r = record("openai,gemini", "", "", "", "");
	struct policy *p = policy_new(&r);

	(void)state;
	for (int i = 0; i < PLATFORM_COUNT; i++)
		assert_int_equal(policy_allows_platform(p, (enum platform)i),
		    i == PLATFORM_openai || i == PLATFORM_gemini);
	policy_free(p);
	/* Whatever became of the table since: nothing is not everything. */
	r = record("nothing", "", "", "", "");
	p = policy_new(&r);
	for (int i = 0; i < PLATFORM_COUNT; i++)
		assert_false(policy_allows_platform(p, (enum platform)i));
	policy_free(p);
}

static const struct {
	const char *from, *addr;
	bool allowed;
} sources[] = {
	{ "10.0.0.0/8", "10.255.0.1", true },
	{ "10.0.0.0/8", "11.0.0.1", false },
	{ "10.0.0.0/8", "::ffff:10.1.1.1", true },
	{ "10.0.0.0/8, 2001:db8::/32", "2001:db8:1::", true },
	{ "10.0.0.0/8, 2001:db8::/32", "2001:db9::", false },
	{ "::/0", "10.0.0.1", false },
	{ "0.0.0.0/0", "10.0.0.1", true },
	{ "0.0.0.0/0", "::1", false },
	{ "10.0.0.0/8", NULL, false },
	{ "0.0.0.0/0, ::/0", NULL, false },
	{ "nonsense", "10.0.0.1", false },
};

static void
addresses_lie_in_a_range_or_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		struct apikey_rec r = record("", "", "", "", sources[i].from);
		struct policy *p = policy_new(&r);
		struct addr a = { .known = false };

		if (sources[i].addr)
			assert_int_equal(addr_read(str_of(sources[i].addr), &a),
			    OK);
		assert_int_equal(policy_allows_from(p, &a), sources[i].allowed);
		policy_free(p);
	}
}

/* --- checking -------------------------------------------------------------- */

static const struct {
	const char *platforms, *allow, *deny, *map, *from;
	const char *field, *says; /* NULL: it is accepted */
} checks[] = {
	{ "claude, openai", "claude-*", "*opus*", "fast=claude-haiku",
	    "10.0.0.0/8, ::1", NULL, NULL },
	{ "", "", "", "", "", NULL, NULL },
	{ "claud", "", "", "", "", "platforms", "claude, openai" },
	{ ",", "", "", "", "", "platforms", "names nothing" },
	{ "", "claude-[ab]", "", "", "", "models_allow", "claude-*, gpt-5" },
	{ "", "a b", "", "", "", "models_allow", "claude-*" },
	{ "", "", "!x", "", "", "models_deny", "claude-*" },
	{ "", "claude-opus-4", "*opus*", "", "", "models_deny",
	    "can never match" },
	{ "", "claude-*", "*", "", "", "models_deny", "can never match" },
	{ "", "claude-*", "claude-*-*", "", "", NULL, NULL },
	{ "", "claude-*", "CLAUDE*", "", "", "models_deny", "can never match" },
	{ "", "gpt-?", "gpt-*", "", "", "models_deny", "can never match" },
	{ "", "gpt-*", "gpt-?", "", "", NULL, NULL },
	{ "", "gpt-?", "gpt-5", "", "", NULL, NULL },
	{ "", "a*b", "a*", "", "", "models_deny", "can never match" },
	{ "", "a*", "a*b", "", "", NULL, NULL },
	{ "", "", "*", "", "", "models_deny", "could do nothing" },
	{ "", "", "**", "", "", "models_deny", "could do nothing" },
	{ "", "", "", "fast", "", "models_map", "alias=model" },
	{ "", "", "", "fast=", "", "models_map", "alias=model" },
	{ "", "", "", "=x", "", "models_map", "alias=model" },
	{ "", "", "", "fast=claude-*", "", "models_map", "alias=model" },
	{ "", "", "", "a*=x, ab=y", "", "models_map", "stands before it" },
	{ "", "", "", "ab=y, a*=x", "", NULL, NULL },
	{ "", "", "fast", "fast=x", "", "models_map", "can never match" },
	{ "", "", "claude-opus*", "fast=claude-opus-4", "", "models_map",
	    "models_deny has" },
	{ "", "", "", "", "10.0.0.1/8", "from", "10.0.0.0/8" },
	{ "", "", "", "", "10.0.0.0/33", "from", "0 to 32" },
	{ "", "", "", "", "here", "from", "2001:db8::/32" },
};

static void
what_makes_no_sense_is_refused_with_what_would(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(checks); i++) {
		struct apikey_rec r =
		    record(checks[i].platforms, checks[i].allow, checks[i].deny,
			checks[i].map, checks[i].from);
		struct why why = { .text = "" };
		enum err e = policy_check(&r, &why);

		if (!checks[i].field) {
			assert_int_equal(e, OK);
			continue;
		}
		assert_int_equal(e, ERR_VALUE);
		assert_string_equal(why.field, checks[i].field);
		assert_non_null(strstr(why.text, checks[i].says));
	}
}

static void
lists_have_a_ceiling(void **state)
{
	char text[POLICY_ITEMS_MAX * 2 + 3];
	struct apikey_rec r = { .name = STR("a") };
	struct why why;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ',' : 'a';
	r.models_allow = str_at(text, POLICY_ITEMS_MAX * 2);
	assert_int_equal(policy_check(&r, &why), OK);
	r.models_allow = str_at(text, sizeof(text));
	assert_int_equal(policy_check(&r, &why), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_without_lists_has_no_policy),
		cmocka_unit_test(models_are_allowed_denied_and_mapped),
		cmocka_unit_test(a_path_or_a_dialect_says_the_platform),
		cmocka_unit_test(only_the_listed_platforms_are_allowed),
		cmocka_unit_test(addresses_lie_in_a_range_or_do_not),
		cmocka_unit_test(
		    what_makes_no_sense_is_refused_with_what_would),
		cmocka_unit_test(lists_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
