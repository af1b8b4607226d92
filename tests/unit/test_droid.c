/* SPDX-License-Identifier: MIT */
/* test_droid.c - what is particular to Factory's accounts: whose client it is,
 * where to ask, and the organisation after a sign-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/account.h"
#include "relayd/provider.h"

static struct http1_head
head_of(const char *name, const char *value)
{
	struct http1_head h = { .count = 1 };

	h.fields[0] =
	    (struct header){ .name = str_of(name), .value = str_of(value) };
	return h;
}

static void
droid_is_known_by_its_name_and_version(void **state)
{
	static const struct {
		const char *name, *value;
		bool native;
	} cases[] = {
		{ "user-agent", "factory-cli/0.225.2", true },
		{ "User-Agent", "factory-cli/1", true },
		{ "user-agent", "factory-cli/", false },
		{ "user-agent", "factory-cli", false },
		{ "user-agent", "my factory-cli/0.1", false },
		{ "user-agent", "factory-cli/next", false },
		{ "user-agent", "", false },
		{ "x-factory-client", "factory-cli/0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1_head h = head_of(cases[i].name, cases[i].value);

		if (provider_droid.is_native(&h) != cases[i].native)
			fail_msg("%s: %s", cases[i].name, cases[i].value);
	}
}

static void
each_family_has_its_place(void **state)
{
	static const struct {
		const struct dialect *dialect;
		enum op op;
		const char *base, *query, *target;
	} cases[] = {
		{ &dialect_anthropic, OP_GENERATE, "", "",
		    "/api/llm/a/v1/messages" },
		{ &dialect_anthropic, OP_GENERATE, "", "beta=true",
		    "/api/llm/a/v1/messages?beta=true" },
		{ &dialect_anthropic, OP_COUNT_TOKENS, "/api/llm", "",
		    "/a/v1/messages/count_tokens" },
		{ &dialect_openai_responses, OP_GENERATE, "/api/llm", "",
		    "/o/v1/responses" },
		{ &dialect_openai_chat, OP_GENERATE, "/proxy", "",
		    "/api/llm/o/v1/chat/completions" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char base[16];
		struct account a = { .base = base };
		struct ask ask = { .dialect = cases[i].dialect,
			.op = cases[i].op,
			.query = str_of(cases[i].query) };
		struct buf out;

		snprintf(base, sizeof(base), "%s", cases[i].base);
		buf_init(&out, 4096);
		assert_true(provider_droid.serves(cases[i].dialect,
		    cases[i].op));
		assert_int_equal(provider_droid.target(&a, &ask, &out, NULL),
		    OK);
		assert_string_equal(buf_cstr(&out), cases[i].target);
		buf_fini(&out);
	}
	assert_false(provider_droid.serves(&dialect_gemini, OP_GENERATE));
	assert_false(provider_droid.serves(&dialect_openai_chat, OP_EMBED));
	assert_false(provider_droid.serves(&dialect_openai_responses,
	    OP_COMPACT));
}

static void
the_clients_own_word_about_machines_stands(void **state)
{
	struct http1_head said = head_of("X-Api-Provider", "bedrock");
	struct http1_head silent = head_of("accept", "*/*");
	struct account a = { .base = NULL };
	struct ask ask = { .dialect = &dialect_openai_chat,
		.model = STR("Gemini-3"),
		.head = &said };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(provider_droid.own_fields(&a, &ask, &out), OK);
	assert_int_equal(buf_len(&out), 0);
	ask.head = &silent;
	assert_int_equal(provider_droid.own_fields(&a, &ask, &out), OK);
	assert_string_equal(buf_cstr(&out), "x-api-provider: google\r\n");
	buf_fini(&out);
}

static const struct oauth_flow flow = {
	.provider = &provider_droid,
	.client = { .at = "client_x", .len = 8 },
	.auth_url = { .at = "https://auth.test", .len = 17 },
};

/* Ask step `step`; what is asked, or NULL when there is no such step. */
static const char *
step_url(const struct oauth_grant *g, unsigned step, struct oauth_ask *ask)
{
	enum err e;

	oauth_ask_init(ask);
	e = provider_droid.oauth->next_ask(&flow, g, step, ask);
	assert_true(e == OK || e == ERR_UNKNOWN);
	return e ? NULL : buf_cstr(&ask->url);
}

static void
the_token_is_made_for_the_organisation(void **state)
{
	const struct oauth *o = provider_droid.oauth;
	struct oauth_grant g;
	struct oauth_ask ask;
	struct why why;

	(void)state;
	oauth_grant_init(&g);
	buf_must(&g.access, STR("first"));
	buf_must(&g.refresh, STR("again"));
	assert_string_equal(step_url(&g, 0, &ask),
	    "https://auth.test/api/cli/org");
	oauth_ask_fini(&ask);
	assert_int_equal(o->next_read(&flow, 0, 200,
			     STR("{\"workosOrgIds\":[7,\"\",\"org_1\","
				 "\"org_2\"]}"),
			     &g, &why),
	    OK);
	assert_true(str_eq(oauth_grant_text(&g, GRANT_organization),
	    STR("org_1")));
	assert_string_equal(step_url(&g, 1, &ask),
	    "https://auth.test/user_management/authenticate");
	assert_non_null(strstr(buf_cstr(&ask.body),
	    "refresh_token=again&client_id=client_x&organization_id=org_1"));
	oauth_ask_fini(&ask);
	assert_int_equal(o->next_read(&flow, 1, 200,
			     STR("{\"access_token\":\"second\","
				 "\"refresh_token\":\"later\"}"),
			     &g, &why),
	    OK);
	assert_string_equal(buf_cstr(&g.access), "second");
	assert_string_equal(buf_cstr(&g.refresh), "later");
	assert_int_equal(g.life_s, 8 * 3600);
	assert_null(step_url(&g, 2, &ask));
	oauth_ask_fini(&ask);
	oauth_grant_fini(&g);
}

static void
who_has_no_organisation_does_without(void **state)
{
	static const char *const answers[] = { "", "no", "{}",
		"{\"workosOrgIds\":[]}", "{\"workosOrgIds\":[\"\"]}" };
	const struct oauth *o = provider_droid.oauth;
	struct oauth_grant g;
	struct oauth_ask ask;
	struct why why;

	(void)state;
	oauth_grant_init(&g);
	buf_must(&g.access, STR("first"));
	buf_must(&g.refresh, STR("again"));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(o->next_read(&flow, 0, 200, str_of(answers[i]),
				     &g, &why),
		    OK);
	assert_int_equal(o->next_read(&flow, 0, 403,
			     STR("{\"workosOrgIds\":[\"org_1\"]}"), &g, &why),
	    OK);
	assert_null(step_url(&g, 1, &ask));
	oauth_ask_fini(&ask);
	/* Told with the first token: nothing more is asked. */
	oauth_grant_say(&g, GRANT_organization, STR("org_3"));
	assert_null(step_url(&g, 0, &ask));
	oauth_ask_fini(&ask);
	oauth_grant_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(droid_is_known_by_its_name_and_version),
		cmocka_unit_test(each_family_has_its_place),
		cmocka_unit_test(the_clients_own_word_about_machines_stands),
		cmocka_unit_test(the_token_is_made_for_the_organisation),
		cmocka_unit_test(who_has_no_organisation_does_without),
	};

	return cmocka_run_group_tests_name("droid", tests, NULL, NULL);
}
