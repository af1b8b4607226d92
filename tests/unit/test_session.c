/* SPDX-License-Identifier: MIT */
/* test_session.c - which conversation a request belongs to, by what real
 * clients send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relayd/session.h"

static const uint8_t secret[SESSION_SECRET] = { 1, 2, 3 };

/* headers: "name: value\n" lines. */
static struct session
find(const struct dialect *d, const char *key, const char *headers,
    const char *body, bool by_content)
{
	struct http1_head head = { .count = 0 };
	struct scan scan;
	struct session_ask ask = { .secret = secret,
		.head = &head,
		.dialect = d,
		.scan = &scan,
		.body = str_of(body),
		.key_id = str_of(key),
		.by_content = by_content };
	struct str rest = str_of(headers), line;
	struct why why;

	while (rest.len) {
		line = str_cut(&rest, '\n');
		head.fields[head.count].name = str_cut(&line, ':');
		head.fields[head.count++].value = str_trim(line);
	}
	scan_init(&scan, d->wants, WANT_COUNT);
	assert_int_equal(scan_feed(&scan, ask.body, &why), OK);
	assert_int_equal(scan_end(&scan, &why), OK);
	return session_of(&ask);
}

#define OLD_USER                                                               \
	"user_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"  \
	"ef_account__session_S1"

static const struct {
	const struct dialect *dialect;
	const char *headers, *body;
	enum session_source source;
} rows[] = {
	/* Claude Code, now and before 2.1.78; without the header. */
	{ &dialect_anthropic, "X-Claude-Code-Session-Id: S1",
	    "{\"metadata\":{\"user_id\":\"x\"}}", SESSION_CLAUDE_CODE },
	{ &dialect_anthropic, "",
	    "{\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"d\\\","
	    "\\\"account_uuid\\\":\\\"\\\",\\\"session_id\\\":\\\"S1\\\"}\"}}",
	    SESSION_USER_ID },
	{ &dialect_anthropic, "",
	    "{\"metadata\":{\"user_id\":\"" OLD_USER "\"}}", SESSION_USER_ID },
	/* A user is no session. */
	{ &dialect_anthropic, "", "{\"metadata\":{\"user_id\":\"user_7\"}}",
	    SESSION_NONE },
	{ &dialect_anthropic, "", "{\"metadata\":{\"user_id\":7}}",
	    SESSION_NONE },
	/* Codex, now and before. */
	{ &dialect_openai_responses,
	    "thread-id: T\nx-client-request-id: T\nsession-id: S1",
	    "{\"prompt_cache_key\":\"S1\"}", SESSION_SESSION_ID },
	{ &dialect_openai_responses, "conversation_id: C\nSession_id: S1",
	    "{\"prompt_cache_key\":\"P\"}", SESSION_SESSION_ID_LOW },
	{ &dialect_openai_responses, "conversation_id: C", "{}",
	    SESSION_CONVERSATION_LOW },
	{ &dialect_openai_responses, "thread-id: T",
	    "{\"prompt_cache_key\":\"P\"}", SESSION_THREAD_ID },
	{ &dialect_openai_responses, "x-client-request-id: T", "{}",
	    SESSION_NONE },
	{ &dialect_openai_responses, "",
	    "{\"prompt_cache_key\":\"P\",\"session_id\":\"S1\"}",
	    SESSION_CACHE_KEY },
	{ &dialect_openai_responses, "", "{\"session_id\":\"S1\"}",
	    SESSION_BODY_SESSION },
	{ &dialect_openai_responses, "", "{\"conversation_id\":\"C\"}",
	    SESSION_BODY_CONVERSATION_ID },
	{ &dialect_openai_responses, "", "{\"conversation\":\"C\"}",
	    SESSION_BODY_CONVERSATION },
	{ &dialect_openai_responses, "", "{\"conversation\":{\"id\":\"C\"}}",
	    SESSION_BODY_CONVERSATION },
	/* OpenCode, Droid, and proxies of others. */
	{ &dialect_openai_chat, "x-session-affinity: S1", "{}",
	    SESSION_AFFINITY },
	{ &dialect_openai_chat, "x-session-id: S1", "{}",
	    SESSION_X_SESSION_ID },
	{ &dialect_openai_chat, "", "{\"prompt_cache_key\":\"P\"}",
	    SESSION_CACHE_KEY },
	/* Gemini CLI. */
	{ &dialect_gemini, "",
	    "{\"user_prompt_id\":\"U########3\",\"request\":"
	    "{\"session_id\":\"S1\"}}",
	    SESSION_BODY_SESSION },
	{ &dialect_gemini, "", "{\"user_prompt_id\":\"U########3\"}",
	    SESSION_PROMPT_ID },
	{ &dialect_gemini, "", "{\"user_prompt_id\":\"U\"}", SESSION_NONE },
	/* Never by these. */
	{ &dialect_anthropic,
	    "user-agent: claude-cli/2\nx-forwarded-for: 10.0.0.1", "{}",
	    SESSION_NONE },
	{ &dialect_anthropic, "session-id:", "{}", SESSION_NONE },
};

static void
every_source_is_found_in_its_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session s = find(rows[i].dialect, "k", rows[i].headers,
		    rows[i].body, false);

		if (s.source != rows[i].source)
			print_error("row %zu\n", i);
		assert_int_equal(s.source, rows[i].source);
		assert_int_equal(s.id != 0, s.source != SESSION_NONE);
	}
}

static void
the_same_name_is_the_same_session_wherever_it_stands(void **state)
{
	uint64_t header, body, old;

	(void)state;
	header =
	    find(rows[0].dialect, "k", rows[0].headers, rows[0].body, true).id;
	body = find(rows[1].dialect, "k", "", rows[1].body, true).id;
	old = find(rows[2].dialect, "k", "", rows[2].body, true).id;
	assert_int_equal(header, body);
	assert_int_equal(header, old);
	assert_int_equal(find(&dialect_openai_chat, "k", "session-id: S1", "{}",
			     false)
			     .id,
	    find(&dialect_openai_chat, "k", "x_session_id: S1", "{}", false)
		.id);
}

static void
another_key_or_dialect_or_family_is_another_session(void **state)
{
	const char *h = "session-id: S1";
	uint64_t id = find(&dialect_anthropic, "k", h, "{}", false).id;

	(void)state;
	assert_int_not_equal(id,
	    find(&dialect_anthropic, "l", h, "{}", false).id);
	assert_int_not_equal(id, find(&dialect_gemini, "k", h, "{}", false).id);
	assert_int_not_equal(id,
	    find(&dialect_anthropic, "k", "thread-id: S1", "{}", false).id);
	assert_int_not_equal(id,
	    find(&dialect_anthropic, "k", "session-id: S2", "{}", false).id);
	assert_int_equal(id,
	    find(&dialect_anthropic, "k", h, "{\"model\":\"m\"}", true).id);
}

/* A conversation goes on as pairs say: same or not. */
static const struct {
	const struct dialect *dialect;
	bool same;
	const char *one, *other;
} talks[] = {
	{ &dialect_anthropic, true,
	    "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":"
	    "\"a\"}]}",
	    "{\"system\":\"s\",\"max_tokens\":7,\"messages\":[{\"role\":"
	    "\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":"
	    "\"b\"}]}" },
	{ &dialect_anthropic, false,
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}" },
	{ &dialect_anthropic, false,
	    "{\"system\":\"s\",\"messages\":[{\"role\":\"user\"}]}",
	    "{\"system\":\"t\",\"messages\":[{\"role\":\"user\"}]}" },
	/* The first block of the prompt is another one each time. */
	{ &dialect_anthropic, true,
	    "{\"system\":[{\"text\":\"x-anthropic-billing-header: 1\"},"
	    "{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\"}]}",
	    "{\"system\":[{\"text\":\"x-anthropic-billing-header: 22\"},"
	    "{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\"}]}" },
	{ &dialect_openai_responses, true, "{\"input\":\"hello\"}",
	    "{\"input\":\"hello\",\"store\":true}" },
	{ &dialect_openai_responses, false, "{\"input\":\"hello\"}",
	    "{\"input\":\"hello\",\"instructions\":\"i\"}" },
	{ &dialect_openai_chat, true,
	    "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
	    "\"user\",\"content\":\"a\"}]}",
	    "{\"messages\":[{\"role\":\"system\",\"content\":\"t\"},{\"role\":"
	    "\"user\",\"content\":\"a\"},{\"role\":\"user\"}]}" },
	{ &dialect_gemini, true,
	    "{\"contents\":[{\"role\":\"user\",\"parts\":[1]}]}",
	    "{\"contents\":[{\"role\":\"user\",\"parts\":[1]},2]}" },
	{ &dialect_gemini, false,
	    "{\"request\":{\"contents\":[{\"role\":\"user\",\"parts\":[1]}]}}",
	    "{\"request\":{\"contents\":[{\"role\":\"user\",\"parts\":[2]}]}"
	    "}" },
};

static void
what_names_no_session_is_told_apart_by_how_it_begins(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		struct session one, other;

		one = find(talks[i].dialect, "k", "", talks[i].one, true);
		other = find(talks[i].dialect, "k", "", talks[i].other, true);
		assert_int_equal(one.source, SESSION_CONTENT);
		if ((one.id == other.id) != talks[i].same)
			print_error("row %zu\n", i);
		assert_int_equal(one.id == other.id, talks[i].same);
		assert_int_equal(find(talks[i].dialect, "k", "", talks[i].one,
				     false)
				     .id,
		    0);
	}
	assert_int_equal(find(&dialect_anthropic, "k", "", "{\"messages\":[]}",
			     true)
			     .id,
	    0);
}

static uint64_t
long_talk(size_t said, char end, const char *later)
{
	char *body = malloc(said + 256);
	int n;
	uint64_t id;

	assert_non_null(body);
	n = snprintf(body, said + 256,
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"");
	memset(body + n, 'x', said);
	body[n + (int)said - 1] = end;
	snprintf(body + n + said, 128, "\"}%s]}", later);
	id = find(&dialect_anthropic, "k", "", body, true).id;
	free(body);
	return id;
}

/* And its length need not be known: that would be to read it once more. */
static void
a_long_beginning_stays_the_same_session(void **state)
{
	static const size_t sizes[] = { 100, 5000, 8100, 8192, 9000, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t id = long_talk(sizes[i], 'x', "");

		assert_int_not_equal(id, 0);
		assert_int_equal(id,
		    long_talk(sizes[i], 'x', ",{\"role\":\"assistant\"}"));
	}
	assert_int_not_equal(long_talk(5000, 'x', ""),
	    long_talk(5000, 'y', ""));
}

static const struct {
	const struct dialect *dialect;
	const char *body;
	bool turn;
} turns[] = {
	{ &dialect_anthropic,
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", true },
	{ &dialect_anthropic,
	    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"tool_result\"}]}]}",
	    false },
	{ &dialect_anthropic,
	    "{\"messages\":[{\"content\":[{\"type\":\"tool_result\"}]},"
	    "{\"content\":[{\"type\":\"text\"}]}]}",
	    true },
	{ &dialect_openai_responses,
	    "{\"input\":[{\"type\":\"function_call_output\"}]}", false },
	{ &dialect_openai_responses, "{\"input\":\"a\"}", true },
	{ &dialect_openai_chat, "{\"messages\":[{\"role\":\"tool\"}]}", false },
	{ &dialect_gemini,
	    "{\"contents\":[{\"parts\":[{\"functionResponse\":{}}]}]}", false },
	{ &dialect_gemini, "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}]}",
	    true },
	{ &dialect_gemini, "{}", true },
};

static void
a_turn_of_a_person_is_told_from_one_of_a_tool(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		struct str body = str_of(turns[i].body);
		struct scan scan;
		struct why why;

		scan_init(&scan, turns[i].dialect->wants, WANT_COUNT);
		assert_int_equal(scan_feed(&scan, body, &why), OK);
		assert_int_equal(scan_end(&scan, &why), OK);
		if (session_is_turn(&scan, body) != turns[i].turn)
			print_error("row %zu\n", i);
		assert_int_equal(session_is_turn(&scan, body), turns[i].turn);
	}
}

static uint64_t
going_on(const char *key, const char *body, uint64_t *out_answer)
{
	struct scan scan;
	struct session_ask ask = { .secret = secret,
		.dialect = &dialect_openai_responses,
		.scan = &scan,
		.body = str_of(body),
		.key_id = str_of(key) };
	struct why why;

	scan_init(&scan, ask.dialect->wants, WANT_COUNT);
	assert_int_equal(scan_feed(&scan, ask.body, &why), OK);
	assert_int_equal(scan_end(&scan, &why), OK);
	*out_answer = session_of_answer(&ask, STR("resp_1"));
	return session_of_previous(&ask);
}

static void
who_goes_on_from_an_answer_names_it(void **state)
{
	uint64_t answer, other;

	(void)state;
	assert_true(going_on("k", "{\"previous_response_id\":\"resp_1\"}",
			&answer) == answer);
	assert_true(answer != 0);
	assert_true(going_on("k", "{\"previous_response_id\":\"resp_2\"}",
			&answer) != answer);
	/* Of another key it is another one. */
	going_on("l", "{}", &other);
	assert_true(other != answer);
	assert_int_equal(going_on("k", "{}", &answer), 0);
	assert_int_equal(going_on("k", "{\"previous_response_id\":null}",
			     &answer),
	    0);
	assert_int_equal(going_on("k", "{\"previous_response_id\":\"\"}",
			     &answer),
	    0);
}

static void
a_session_is_written_and_read(void **state)
{
	char text[SESSION_TEXT];
	uint64_t id;

	(void)state;
	session_text(0x0123456789abcdefu, text);
	assert_string_equal(text, "0123456789abcdef");
	assert_int_equal(session_read(str_of(text), &id), OK);
	assert_int_equal(id, 0x0123456789abcdefu);
	assert_int_equal(session_read(STR("123"), &id), ERR_SYNTAX);
	assert_int_equal(session_read(STR("0123456789abcdeg"), &id),
	    ERR_SYNTAX);
}

static void
a_source_is_called_as_it_is_written(void **state)
{
	(void)state;
	assert_string_equal(session_source_text(SESSION_USER_ID,
				&dialect_anthropic),
	    "metadata.user_id");
	assert_string_equal(session_source_text(SESSION_THREAD_ID,
				&dialect_gemini),
	    "thread-id");
	assert_string_equal(session_source_text(SESSION_CONTENT,
				&dialect_gemini),
	    "content");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_source_is_found_in_its_order),
		cmocka_unit_test(
		    the_same_name_is_the_same_session_wherever_it_stands),
		cmocka_unit_test(
		    another_key_or_dialect_or_family_is_another_session),
		cmocka_unit_test(
		    what_names_no_session_is_told_apart_by_how_it_begins),
		cmocka_unit_test(a_long_beginning_stays_the_same_session),
		cmocka_unit_test(a_turn_of_a_person_is_told_from_one_of_a_tool),
		cmocka_unit_test(who_goes_on_from_an_answer_names_it),
		cmocka_unit_test(a_session_is_written_and_read),
		cmocka_unit_test(a_source_is_called_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
