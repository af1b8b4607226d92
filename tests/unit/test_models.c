/* SPDX-License-Identifier: MIT */
/* test_models.c - lists of models in the shape that the asking client reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/json.h"

#include "relayd/models.h"

#define ACCOUNTS 6

struct world {
	struct account at[ACCOUNTS];
	struct pool pool;
	struct http1_head head;
	struct buf out;
};

static void
world_init(struct world *w)
{
	const struct account_rec recs[ACCOUNTS] = {
		{ .name = STR("anthropic"),
		    .kind = STR("claude-api"),
		    .models = STR("claude-one, claude-two, claude-u*") },
		{ .name = STR("again"),
		    .kind = STR("anthropic-compat"),
		    .models = STR("claude-two,claude-three") },
		{ .name = STR("held"),
		    .kind = STR("claude-api"),
		    .models = STR("claude-held"),
		    .held = true },
		{ .name = STR("openai"), .kind = STR("openai-api") },
		{ .name = STR("google"),
		    .kind = STR("gemini-api"),
		    .models = STR("gemini-one") },
		{ .name = STR("forbidden"),
		    .kind = STR("claude-oauth"),
		    .models = STR("opus-forbidden") },
	};

	memset(w, 0, sizeof(*w));
	pool_init(&w->pool, NULL, NULL);
	buf_init(&w->out, 64 * 1024);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		w->at[i].rec = recs[i];
		w->at[i].provider = provider_find(recs[i].kind);
		assert_non_null(w->at[i].provider);
		TAILQ_INSERT_TAIL(&w->pool.accounts, &w->at[i], link);
	}
	pool_allow_oauth(&w->pool, false);
}

static void
says(struct world *w, struct str name, struct str value)
{
	w->head.fields[w->head.count++] =
	    (struct header){ .name = name, .value = value };
}

static struct json *
listed(struct world *w, const struct dialect *dialect)
{
	struct json *root;
	struct why why;

	buf_clear(&w->out);
	models_list(&w->pool, NULL, NULL, NULL, dialect, &w->head, &w->out);
	assert_int_equal(json_parse(buf_str(&w->out), 64 * 1024, &root, &why),
	    OK);
	return root;
}

/* Is there an entry whose `key` is that name? */
static bool
has(const struct json *list, const char *key, struct str name)
{
	for (const struct json *m = json_first(list); m; m = json_next(m)) {
		struct str s;

		if (!json_as_str(json_at(m, key), &s) && str_eq(s, name))
			return true;
	}
	return false;
}

static void
an_anthropic_list_names_each_model_once(void **state)
{
	const struct json *data;
	struct world w;
	struct json *root;
	bool more = true;

	(void)state;
	world_init(&w);
	root = listed(&w, &dialect_anthropic);
	data = json_at(root, "data");
	assert_int_equal(json_count(data), 3);
	assert_true(has(data, "id", STR("claude-one")));
	assert_true(has(data, "id", STR("claude-two")));
	assert_true(has(data, "id", STR("claude-three")));
	assert_int_equal(json_may_bool(root, "has_more", &more, NULL), OK);
	assert_false(more);
	/* Clients of both kinds ask at the root. */
	assert_non_null(json_at(json_first(data), "display_name"));
	assert_non_null(json_at(json_first(data), "owned_by"));
	json_free(root);
	buf_fini(&w.out);
}

static void
a_glob_lists_what_is_known_of_the_kind(void **state)
{
	static const struct {
		struct str rules;
		const char *there, *absent;
	} cases[] = {
		{ { "gpt-*", 5 }, "gpt-5.5", "claude-opus-4-5-20251101" },
		{ { "*", 1 }, "claude-opus-4-5-20251101", NULL },
		{ { "GPT-?.?", 7 }, "gpt-5.5", "gpt-5-2025-08-07" },
		{ { "*,!gpt-*", 8 }, "claude-sonnet-4-5-20250929", "gpt-5.5" },
		{ { "gpt-*=gpt-5.5", 13 }, "gpt-5-2025-08-07",
		    "claude-opus-4-5-20251101" },
		{ { "mine,gpt-*", 10 }, "mine", "claude-opus-4-1-20250805" },
		{ { "gpt-*,gpt-5.5", 13 }, "gpt-5.5", "gpt-*" },
		{ { "!gpt-5.5", 8 }, "gpt-5-2025-08-07", "gpt-5.5" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json *data;
		struct world w;
		struct json *root;

		world_init(&w);
		for (size_t k = 1; k < ACCOUNTS; k++)
			w.at[k].rec.held = true;
		w.at[0].rec.models = cases[i].rules;
		w.at[0].rec.clients = STR("any");
		w.at[0].provider = &provider_droid;
		root = listed(&w, &dialect_openai_chat);
		data = json_at(root, "data");
		if (!has(data, "id", str_of(cases[i].there)) ||
		    (cases[i].absent &&
			has(data, "id", str_of(cases[i].absent))))
			fail_msg("%s: %s", cases[i].rules.at, buf_cstr(&w.out));
		json_free(root);
		buf_fini(&w.out);
	}
}

static void
a_subscription_for_its_own_client_is_not_told_to_others(void **state)
{
	static const struct {
		const char *agent, *clients;
		bool told;
	} cases[] = {
		{ "claude-cli/2.1.197 (external, cli)", "", true },
		{ "claude-code/2.1.197", "", true },
		{ "curl/8", "", false },
		{ "curl/8", "native", false },
		{ "curl/8", "any", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *root;
		struct world w;

		world_init(&w);
		for (size_t k = 1; k < ACCOUNTS; k++)
			w.at[k].rec.held = true;
		w.at[0].rec.clients = str_of(cases[i].clients);
		w.at[0].provider = &provider_claude_oauth;
		w.head.method = STR("GET");
		says(&w, STR("user-agent"), str_of(cases[i].agent));
		root = listed(&w, &dialect_anthropic);
		assert_int_equal(has(json_at(root, "data"), "id",
				     STR("claude-one")),
		    cases[i].told);
		json_free(root);
		buf_clear(&w.out);
		assert_int_equal(models_show(&w.pool, NULL, NULL, NULL,
				     &dialect_anthropic, &w.head,
				     STR("claude-one"), &w.out),
		    cases[i].told);
		buf_fini(&w.out);
	}
}

static void
an_account_that_names_none_has_those_of_its_kind(void **state)
{
	struct world w;
	struct json *root;

	(void)state;
	world_init(&w);
	root = listed(&w, &dialect_openai_chat);
	assert_true(has(json_at(root, "data"), "id", STR("gpt-5.5")));
	assert_false(has(json_at(root, "data"), "id", STR("claude-one")));
	json_free(root);
	buf_fini(&w.out);
}

static void
a_google_list_has_googles_shape(void **state)
{
	const struct json *models;
	struct world w;
	struct json *root;

	(void)state;
	world_init(&w);
	root = listed(&w, &dialect_gemini);
	models = json_at(root, "models");
	assert_int_equal(json_count(models), 1);
	assert_true(has(models, "name", STR("models/gemini-one")));
	assert_int_equal(json_count(json_at(json_first(models),
			     "supportedGenerationMethods")),
	    2);
	assert_null(json_at(root, "data"));
	json_free(root);
	buf_fini(&w.out);
}

static void
at_the_root_the_clients_headers_decide(void **state)
{
	const struct {
		struct str name, value, query;
		const char *list; /* the key of the list */
		struct str model; /* that must be in it; empty: nothing is */
	} cases[] = {
		{ STR("anthropic-version"), STR("2023-06-01"), STR(""), "data",
		    STR("claude-one") },
		{ STR("User-Agent"), STR("claude-cli/2.1.197 (external, cli)"),
		    STR(""), "data", STR("claude-one") },
		{ STR("User-Agent"), STR("OpenAI/JS 6.49.0"), STR(""), "data",
		    STR("gpt-5.5") },
		{ STR("x-goog-api-key"), STR("cr_x"), STR(""), "models",
		    STR("models/gemini-one") },
		{ STR("User-Agent"), STR("codex_exec/0.169.0"),
		    STR("client_version=0.169.0"), "models", STR("") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json *list;
		struct json *root;
		struct world w;

		world_init(&w);
		says(&w, cases[i].name, cases[i].value);
		w.head.query = cases[i].query;
		root = listed(&w, &dialect_openai_chat);
		list = json_at(root, cases[i].list);
		assert_non_null(list);
		if (cases[i].model.len)
			assert_true(has(list, "id", cases[i].model) ||
			    has(list, "name", cases[i].model));
		else
			assert_int_equal(json_count(list), 0);
		json_free(root);
		buf_fini(&w.out);
	}
}

static void
one_model_is_shown_when_an_account_has_it(void **state)
{
	const struct {
		const struct dialect *dialect;
		struct str model;
		bool there;
	} cases[] = {
		{ &dialect_anthropic, STR("claude-one"), true },
		/* By the glob. */
		{ &dialect_anthropic, STR("claude-unheard-of"), true },
		{ &dialect_anthropic, STR("gpt-5.5"), false },
		{ &dialect_gemini, STR("gemini-one"), true },
		{ &dialect_gemini, STR("gemini-two"), false },
		{ &dialect_anthropic, STR("opus-forbidden"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w);
		assert_int_equal(models_show(&w.pool, NULL, NULL, NULL,
				     cases[i].dialect, &w.head, cases[i].model,
				     &w.out),
		    cases[i].there);
		assert_int_equal(buf_len(&w.out) > 0, cases[i].there);
		buf_fini(&w.out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_anthropic_list_names_each_model_once),
		cmocka_unit_test(a_glob_lists_what_is_known_of_the_kind),
		cmocka_unit_test(
		    a_subscription_for_its_own_client_is_not_told_to_others),
		cmocka_unit_test(
		    an_account_that_names_none_has_those_of_its_kind),
		cmocka_unit_test(a_google_list_has_googles_shape),
		cmocka_unit_test(at_the_root_the_clients_headers_decide),
		cmocka_unit_test(one_model_is_shown_when_an_account_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
