/* SPDX-License-Identifier: MIT */
/* test_route.c - method and path to dialect and operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/route.h"

#define TEXT_MAX 4096

struct found {
	enum fault fault;
	struct routed routed;
	const struct dialect *dialect;
	struct buf text;
};

static void
find(struct found *f, const char *method, const char *path, const char *query)
{
	buf_init(&f->text, TEXT_MAX);
	f->fault = route_find(str_of(method), str_of(path), str_of(query),
	    &f->text, &f->routed, &f->dialect);
}

/* The row's pattern as a client would send it. */
static void
path_of(const struct route *r, const char *before, const char *after,
    struct buf *out)
{
	struct str rest = str_of(r->pattern);
	ptrdiff_t model = str_find(rest, STR("MODEL"));
	ptrdiff_t action = str_find(rest, STR(":action"));
	bool posts = strstr(r->methods, "POST") != NULL;

	buf_clear(out);
	buf_must(out, str_of(before));
	if (model < 0 && action >= 0) {
		buf_must(out, str_first(rest, (size_t)action));
		buf_must(out,
		    posts ? STR(":loadCodeAssist")
			  : STR(":getCodeAssistGlobalUserSetting"));
	} else if (model < 0) {
		buf_must(out, rest);
	} else {
		buf_must(out, str_first(rest, (size_t)model));
		buf_must(out, STR("some/model-1"));
		if (str_ends(rest, STR(":action")))
			buf_must(out, STR(":generateContent"));
	}
	buf_must(out, str_of(after));
}

static const char *
method_of(const struct route *r)
{
	return strstr(r->methods, "POST") ? "POST" : "GET";
}

static void
check_row(const struct route *r, const char *path)
{
	struct found f;

	find(&f, method_of(r), path, NULL);
	if (f.fault || f.routed.route != r)
		fail_msg("%s %s: fault %d, row %s", method_of(r), path,
		    (int)f.fault,
		    f.routed.route ? f.routed.route->pattern : "none");
	assert_ptr_equal(f.dialect, r->dialect);
	assert_int_equal(f.routed.op, r->op);
	if (strstr(r->pattern, "MODEL"))
		assert_true(str_eq(f.routed.model, STR("some/model-1")));
	else
		assert_null(f.routed.model.at);
	buf_fini(&f.text);
}

/* Code Assist: which op, and which method it is asked with. */
static void
only_methods_of_code_assist_that_are_known_are_passed_on(void **state)
{
	static const struct {
		const char *method, *path;
		enum fault fault;
		enum op op;
		bool stream;
	} rows[] = {
		{ "POST", "/v1internal:generateContent", FAULT_NONE,
		    OP_GENERATE, false },
		{ "POST", "/gemini/v1internal%3AstreamGenerateContent",
		    FAULT_NONE, OP_GENERATE, true },
		{ "POST", "/gemini//v1internal:countTokens", FAULT_NONE,
		    OP_COUNT_TOKENS, false },
		{ "POST", "/v1internal:onboardUser", FAULT_NONE, OP_ASSIST,
		    false },
		{ "GET", "/v1internal/operations/a-1", FAULT_NONE, OP_ASSIST,
		    false },
		{ "GET", "/v1internal:onboardUser", FAULT_METHOD, 0, false },
		{ "POST", "/v1internal:getCodeAssistGlobalUserSetting",
		    FAULT_METHOD, 0, false },
		{ "POST", "/v1internal:embedContent", FAULT_ROUTE, 0, false },
		{ "POST", "/v1internal:other", FAULT_ROUTE, 0, false },
		{ "POST", "/v1internal:", FAULT_ROUTE, 0, false },
		{ "POST", "/v1internal", FAULT_ROUTE, 0, false },
		{ "GET", "/v1internal/operations/a/b", FAULT_ROUTE, 0, false },
		{ "GET", "/v1internal/operations/%2e%2e", FAULT_ROUTE, 0,
		    false },
		{ "GET", "/v1internal/operations/a%2f..", FAULT_ROUTE, 0,
		    false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct found f;

		find(&f, rows[i].method, rows[i].path, NULL);
		if (f.fault != rows[i].fault)
			fail_msg("%s: fault %d", rows[i].path, (int)f.fault);
		assert_ptr_equal(f.dialect, &dialect_gemini);
		if (!f.fault) {
			assert_int_equal(f.routed.op, rows[i].op);
			assert_int_equal(f.routed.stream, rows[i].stream);
			assert_true(f.routed.enveloped);
			assert_string_equal(f.routed.kind, "gemini-oauth");
		}
		buf_fini(&f.text);
	}
}

static void
every_row_is_found_however_it_is_spelled(void **state)
{
	static const struct {
		const char *before, *after;
	} spelled[] = { { "", "" }, { "", "/" }, { "", "//" }, { "/", "" },
		{ "//", "/" } };
	const struct route *r;
	struct buf path;

	(void)state;
	buf_init(&path, TEXT_MAX);
	for (unsigned i = 0; (r = route_at(i)); i++)
		for (size_t k = 0; k < sizeof(spelled) / sizeof(*spelled);
		     k++) {
			path_of(r, spelled[k].before, spelled[k].after, &path);
			check_row(r, buf_cstr(&path));
		}
	buf_fini(&path);
}

static void
a_row_is_refused_with_another_method_in_its_own_words(void **state)
{
	const struct route *r;
	struct buf path;

	(void)state;
	buf_init(&path, TEXT_MAX);
	for (unsigned i = 0; (r = route_at(i)); i++) {
		struct found f;

		path_of(r, "", "", &path);
		find(&f, "DELETE", buf_cstr(&path), NULL);
		assert_int_equal(f.fault, FAULT_METHOD);
		assert_null(f.routed.route);
		assert_non_null(f.dialect);
		buf_fini(&f.text);
	}
	buf_fini(&path);
}

/* A base URL that lacks the /v1 which the client leaves to it. */
static void
every_row_with_a_version_is_found_without_it(void **state)
{
	const struct route *r;
	unsigned count = 0;
	struct buf path;

	(void)state;
	buf_init(&path, TEXT_MAX);
	for (unsigned i = 0; (r = route_at(i)); i++) {
		char *at;
		struct found f;

		path_of(r, "", "", &path);
		at = strstr(buf_cstr(&path), "/v1/");
		if (!at)
			continue;
		memmove(at, at + 3, strlen(at + 3) + 1);
		find(&f, method_of(r), buf_cstr(&path), NULL);
		if (f.fault)
			fail_msg("%s: fault %d", buf_cstr(&path), (int)f.fault);
		/* Or the like of it that has none. */
		assert_ptr_equal(f.dialect, r->dialect);
		assert_int_equal(f.routed.op, r->op);
		count++;
		buf_fini(&f.text);
	}
	assert_true(count > 40);
	buf_fini(&path);
}

static void
what_is_set_up_wrongly_means_the_same(void **state)
{
	static const struct {
		const char *method, *sent, *pattern;
	} cases[] = {
		{ "POST", "/v1/v1/messages", "/v1/messages" },
		{ "POST", "/api/v1/v1/messages", "/api/v1/messages" },
		{ "POST", "/openai/v1/v1/responses", "/openai/v1/responses" },
		{ "POST", "/v1beta/v1beta/models/g-1:countTokens",
		    "/v1beta/models/MODEL:action" },
		{ "POST", "/gemini/v1/v1beta/models/g-1:countTokens",
		    "/gemini/v1beta/models/MODEL:action" },
		{ "GET", "/gemini/v1beta//v1beta/models",
		    "/gemini/v1beta/models" },
		{ "POST", "/v1beta/v1/messages", NULL },
		{ "POST", "/api/chat/completions", "/api/v1/chat/completions" },
		{ "POST", "/azure/openai/responses",
		    "/azure/openai/v1/responses" },
		{ "POST", "/azure/openai/deployments/d/chat/completions/",
		    "/azure/openai/deployments/ID/chat/completions" },
		{ "POST", "/azure/openai/deployments/chat/completions", NULL },
		{ "POST", "//v1//messages//", "/v1/messages" },
		{ "POST", "/v1//v1/messages/", "/v1/messages" },
		{ "GET", "/v1/v1/models", "/v1/models" },
		{ "HEAD", "/health", "/health" },
		{ "GET", "", NULL },
		{ "POST", "/v1/v1", NULL },
		{ "POST", "/v1/v1/v1/messages", NULL },
		{ "POST", "/v1/messagesx", NULL },
		{ "POST", "/v1/messages/x", NULL },
		{ "POST", "/V1/messages", NULL },
		{ "POST", "/v1/../v1/messages", NULL },
		{ "POST", "/v1/%6dessages", NULL },
		{ "GET", "/v1beta/models/", "/v1beta/models" },
		{ "POST", "/messages", "/v1/messages" },
		{ "POST", "/claude/messages/count_tokens",
		    "/claude/v1/messages/count_tokens" },
		{ "POST", "/models/g-1:countTokens",
		    "/v1/models/MODEL:action" },
		{ "GET", "/models/some/model-1", "/v1/models/MODEL" },
		{ "GET", "/droid/comm/models", "/droid/ID/v1/models" },
		{ "GET", "/organizations/a-1/usage",
		    "/v1/organizations/ID/usage" },
		{ "GET", "/backend-api/codex/models",
		    "/backend-api/codex/models" },
		{ "GET", "/v1", NULL },
		{ "GET", "/v1/health", NULL },
		{ "POST", "/v1messages", NULL },
		{ "POST", "/v2/messages", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct found f;
		const char *pattern;

		find(&f, cases[i].method, cases[i].sent, NULL);
		pattern = f.fault ? NULL : f.routed.route->pattern;
		if (!pattern != !cases[i].pattern ||
		    (pattern && strcmp(pattern, cases[i].pattern) != 0))
			fail_msg("%s: %s", cases[i].sent,
			    pattern ? pattern : "nothing");
		buf_fini(&f.text);
	}
}

static void
a_gemini_path_names_model_and_action(void **state)
{
	static const struct {
		const char *path, *query, *model;
		enum fault fault;
		enum op op;
		bool stream, sse;
	} cases[] = {
		{ "/v1beta/models/g-1:generateContent", NULL, "g-1",
		    .op = OP_GENERATE },
		{ "/v1beta/models/g-1%3AgenerateContent", NULL, "g-1",
		    .op = OP_GENERATE },
		{ "/v1beta/models/g-1%3agenerateContent", NULL, "g-1",
		    .op = OP_GENERATE },
		{ "/v1beta/models/g-1:streamGenerateContent", NULL, "g-1",
		    .op = OP_GENERATE, .stream = true },
		{ "/v1beta/models/g-1:streamGenerateContent", "a=b&alt=sse",
		    "g-1", .op = OP_GENERATE, .stream = true, .sse = true },
		{ "/gemini/v1/models/org/g:1:countTokens", NULL, "org/g:1",
		    .op = OP_COUNT_TOKENS },
		{ "/v1/models/e:batchEmbedContents", NULL, "e",
		    .op = OP_EMBED },
		{ "/v1beta/models/g-1:fly", NULL, NULL, .fault = FAULT_ROUTE },
		/* A model to look at, by a name that begins with a colon. */
		{ "/v1beta/models/:generateContent", NULL, NULL,
		    .fault = FAULT_METHOD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct found f;

		find(&f, "POST", cases[i].path, cases[i].query);
		if (f.fault != cases[i].fault)
			fail_msg("%s: fault %d", cases[i].path, (int)f.fault);
		assert_ptr_equal(f.dialect, &dialect_gemini);
		if (!f.fault) {
			assert_true(str_eq(f.routed.model,
			    str_of(cases[i].model)));
			assert_int_equal(f.routed.op, cases[i].op);
			assert_int_equal(f.routed.stream, cases[i].stream);
			assert_int_equal(f.routed.sse, cases[i].sse);
		}
		buf_fini(&f.text);
	}
}

/* The name of a model becomes part of the address at the account. */
static void
no_escape_leads_elsewhere_at_the_account(void **state)
{
	static const struct {
		const char *name;
		bool fine;
	} names[] = {
		{ "org%2fmodel", true },
		{ "org%5Cmodel", true },
		{ "two%20words", true },
		{ "g%c3%a9", true },
		{ "..x", true },
		{ "x..%2fy", true },
		{ "...%2fy", true },
		{ "..", false },
		{ "%2e%2E", false },
		{ "..%2fcachedContents", false },
		{ "..%2FcachedContents", false },
		{ "..%5ccachedContents", false },
		{ "..\\cachedContents", false },
		{ ".%2fx", false },
		{ "x%2f..", false },
		{ "x%2f%2e.%2fy", false },
		{ "x%5C..%5Cy", false },
		{ "x%3fy=1", false },
		{ "x%3Fy=1", false },
		{ "x%23", false },
		{ "x#y", false },
		{ "x%00", false },
		{ "x%0ay", false },
		{ "x%7f", false },
		{ "..%252fy", false },
	};
	static const struct {
		const char *method, *before, *after;
		bool escapes; /* may a name have any at all? */
	} rows[] = {
		{ "POST", "/gemini/v1beta/models/", ":generateContent", true },
		{ "POST", "/antigravity/v1beta/models/", ":generateContent",
		    true },
		{ "POST", "/v1/models/", ":countTokens", true },
		{ "GET", "/v1/models/", "", true },
		{ "GET", "/v1internal/operations/", "", false },
		{ "GET", "/gemini/v1internal/operations/", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			bool fine = names[i].fine &&
			    (rows[k].escapes || !strchr(names[i].name, '%'));
			struct buf path;
			struct found f;

			buf_init(&path, TEXT_MAX);
			buf_must(&path, str_of(rows[k].before));
			buf_must(&path, str_of(names[i].name));
			buf_must(&path, str_of(rows[k].after));
			find(&f, rows[k].method, buf_cstr(&path), NULL);
			if (f.fault != (fine ? FAULT_NONE : FAULT_ROUTE))
				fail_msg("%s: fault %d", buf_cstr(&path),
				    (int)f.fault);
			buf_fini(&f.text);
			buf_fini(&path);
		}
}

static void
a_path_that_is_none_is_refused_in_the_nearest_words(void **state)
{
	static const struct {
		const char *path;
		const struct dialect *dialect;
	} cases[] = {
		{ "/nothing", &dialect_anthropic },
		{ "/v1/nothing", &dialect_anthropic },
		{ "/gemini/nothing", &dialect_gemini },
		{ "/v1beta/nothing", &dialect_gemini },
		{ "/openai/nothing", &dialect_openai_responses },
		{ "/x/responses", &dialect_openai_responses },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct found f;

		find(&f, "POST", cases[i].path, NULL);
		assert_int_equal(f.fault, FAULT_ROUTE);
		assert_ptr_equal(f.dialect, cases[i].dialect);
		buf_fini(&f.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_however_it_is_spelled),
		cmocka_unit_test(
		    only_methods_of_code_assist_that_are_known_are_passed_on),
		cmocka_unit_test(
		    a_row_is_refused_with_another_method_in_its_own_words),
		cmocka_unit_test(every_row_with_a_version_is_found_without_it),
		cmocka_unit_test(what_is_set_up_wrongly_means_the_same),
		cmocka_unit_test(a_gemini_path_names_model_and_action),
		cmocka_unit_test(no_escape_leads_elsewhere_at_the_account),
		cmocka_unit_test(
		    a_path_that_is_none_is_refused_in_the_nearest_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
