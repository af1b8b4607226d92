/* SPDX-License-Identifier: MIT */
/* test_dialects.c - what the four dialects hear, ask and say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/dialect.h"
#include "proto/json.h"

/* What an answer of a table must come to. */
struct heard {
	struct usage usage;
	bool content, terminal, error;
	uint64_t delta_bytes;
	const char *error_type, *model;
};

struct stream_case {
	const char *what;
	const struct dialect *dialect;
	const char *text;
	/* The bits of each event, one letter for each: c content, t terminal,
	 * e error, u usage only, - none, a space between events. */
	const char *bits;
	struct heard heard;
};

static const struct stream_case streams[] = {
	{
	    "an ordinary answer",
	    &dialect_anthropic,
	    "event: message_start\ndata: {\"type\":\"message_start\","
	    "\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
	    "\"assistant\",\"model\":\"claude-x\",\"content\":[],\"usage\":{"
	    "\"input_tokens\":25,\"cache_creation_input_tokens\":1000,"
	    "\"cache_read_input_tokens\":3000,\"cache_creation\":{"
	    "\"ephemeral_5m_input_tokens\":400,\"ephemeral_1h_input_tokens\":"
	    "600},\"output_tokens\":1}}}\n\n"
	    "event: content_block_start\ndata: {\"type\":"
	    "\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
	    "\"text\",\"text\":\"\"}}\n\n"
	    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	    "event: content_block_delta\ndata: {\"type\":"
	    "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
	    "\"text_delta\",\"text\":\"Hi \xc3\xa9\\n\"}}\n\n"
	    "event: content_block_delta\ndata: {\"type\":"
	    "\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
	    "\"input_json_delta\",\"partial_json\":\"{\\\"a\"}}\n\n"
	    "event: content_block_stop\ndata: {\"type\":"
	    "\"content_block_stop\",\"index\":0}\n\n"
	    "event: message_delta\ndata: {\"type\":\"message_delta\","
	    "\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
	    "\"input_tokens\":0,\"cache_creation_input_tokens\":1000,"
	    "\"output_tokens\":15}}\n\n"
	    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	    "- c - c c c - t",
	    { .usage = { .input = 25,
		  .output = 15,
		  .cache_read = 3000,
		  .cache_write_5m = 400,
		  .cache_write_1h = 600,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 7 + 4,
		.model = "claude-x" },
	},
	{
	    "all usage at the end, no event names, CRLF, no space",
	    &dialect_anthropic,
	    "data:{\"type\":\"message_start\",\"message\":{\"model\":\"m\","
	    "\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\r\n\r\n"
	    "data:{\"type\":\"content_block_delta\",\"delta\":{\"thinking\":"
	    "\"hmm\"}}\r\n\r\n"
	    "data:{\"type\":\"message_delta\",\"usage\":{\"input_tokens\":"
	    "9007199254740993,\"cache_creation_input_tokens\":7,"
	    "\"output_tokens\":3}}\r\n\r\n"
	    "data:{\"type\":\"message_stop\"}\r\n\r\n",
	    "- c - t",
	    { .usage = { .output = 3,
		  .cache_write_5m = 7,
		  .doubt = USAGE_INPUT,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 3,
		.model = "m" },
	},
	{
	    "an error before content",
	    &dialect_anthropic,
	    "event: message_start\ndata: {\"message\":{}}\n\n"
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
	    "- e",
	    { .error = true, .error_type = "overloaded_error" },
	},
	{
	    "an ordinary answer with usage asked for",
	    &dialect_openai_chat,
	    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","
	    "\"model\":\"gpt-x\",\"choices\":[{\"index\":0,\"delta\":{"
	    "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},"
	    "\"finish_reason\":null}],\"usage\":null}\n\n"
	    "data: {\"model\":\"gpt-x\",\"choices\":[{\"index\":0,\"delta\":{"
	    "\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n"
	    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}"
	    "\n\n"
	    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1200,"
	    "\"completion_tokens\":50,\"total_tokens\":1250,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":1000},"
	    "\"completion_tokens_details\":{\"reasoning_tokens\":20}}}\n\n"
	    "data: [DONE]\n\n",
	    "- c c u t",
	    { .usage = { .input = 200,
		  .output = 50,
		  .cache_read = 1000,
		  .reasoning = 20,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 5,
		.model = "gpt-x" },
	},
	{
	    "a filter report first, a tool call, usage beside the choice, "
	    "thinking counted beside the output",
	    &dialect_openai_chat,
	    "data: {\"choices\":[],\"model\":\"\","
	    "\"prompt_filter_results\":[{}]}\n\n"
	    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
	    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]"
	    "}\n\n"
	    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":null}],"
	    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
	    "\"total_tokens\":35,\"completion_tokens_details\":{"
	    "\"reasoning_tokens\":20}}}\n\n",
	    "- - c -",
	    { .usage = { .input = 10,
		  .output = 25,
		  .reasoning = 20,
		  .known = true },
		.content = true,
		.delta_bytes = 13 },
	},
	{
	    "an error with a number for a code",
	    &dialect_openai_chat,
	    "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\","
	    "\"code\":502}}\n\n",
	    "e",
	    { .error = true, .error_type = "server_error" },
	},
	{
	    "an ordinary answer",
	    &dialect_openai_responses,
	    "event: response.created\ndata: {\"type\":\"response.created\","
	    "\"response\":{\"model\":\"gpt-5.5\",\"error\":null,\"usage\":"
	    "null}}\n\n"
	    "event: response.in_progress\ndata: {\"type\":"
	    "\"response.in_progress\",\"response\":{}}\n\n"
	    "event: codex.rate_limits\ndata: {\"type\":\"codex.rate_limits\"}"
	    "\n\n"
	    "event: response.output_item.added\ndata: {\"type\":"
	    "\"response.output_item.added\",\"item\":{}}\n\n"
	    "event: response.output_text.delta\ndata: {\"type\":"
	    "\"response.output_text.delta\",\"delta\":\"word\"}\n\n"
	    "event: response.completed\ndata: {\"type\":"
	    "\"response.completed\",\"response\":{\"output\":[{\"usage\":{"
	    "\"input_tokens\":1}}],\"usage\":{\"input_tokens\":1200,"
	    "\"input_tokens_details\":{\"cached_tokens\":1000,"
	    "\"cache_write_tokens\":50},\"output_tokens\":50,"
	    "\"output_tokens_details\":{\"reasoning_tokens\":20},"
	    "\"total_tokens\":1250}}}\n\n",
	    "- - - c c ct",
	    { .usage = { .input = 150,
		  .output = 50,
		  .cache_read = 1000,
		  .cache_write_5m = 50,
		  .reasoning = 20,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 4,
		.model = "gpt-5.5" },
	},
	{
	    "one that failed before content, without event names",
	    &dialect_openai_responses,
	    "data: {\"type\":\"response.queued\"}\n\n"
	    "data: {\"type\":\"response.failed\",\"response\":{\"status\":"
	    "\"failed\",\"error\":{\"code\":\"server_is_overloaded\","
	    "\"message\":\"m\"}}}\n\n",
	    "- te",
	    { .terminal = true,
		.error = true,
		.error_type = "server_is_overloaded" },
	},
	{
	    "one that is cut by its limit",
	    &dialect_openai_responses,
	    "data: {\"type\":\"response.incomplete\",\"response\":{\"usage\":{"
	    "\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":9"
	    "},\"output_tokens\":4}}}\n\n",
	    "ct",
	    { .usage = { .output = 4, .cache_read = 3, .known = true },
		.content = true,
		.terminal = true },
	},
	{
	    "error events of both shapes",
	    &dialect_openai_responses,
	    "event: error\ndata: {\"type\":\"error\",\"code\":\"a\"}\n\n"
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"usage_limit_reached\",\"code\":null}}\n\n",
	    "e e",
	    { .error = true, .error_type = "usage_limit_reached" },
	},
	{
	    "an ordinary answer, CRLF",
	    &dialect_gemini,
	    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\""
	    ":[{\"text\":\"Hi\"}]},\"index\":0}],\"usageMetadata\":{"
	    "\"promptTokenCount\":10,\"totalTokenCount\":10},"
	    "\"modelVersion\":\"gemini-x\"}\r\n\r\n"
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"!\"},"
	    "{\"functionCall\":{}}]},\"finishReason\":\"STOP\"}],"
	    "\"usageMetadata\":{\"promptTokenCount\":10,"
	    "\"cachedContentTokenCount\":4,\"candidatesTokenCount\":2,"
	    "\"thoughtsTokenCount\":5,\"toolUsePromptTokenCount\":3,"
	    "\"totalTokenCount\":20}}\r\n\r\n",
	    "c c",
	    { .usage = { .input = 9,
		  .output = 7,
		  .cache_read = 4,
		  .reasoning = 5,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 5,
		.model = "gemini-x" },
	},
	{
	    "in the envelope of Code Assist, usage first",
	    &dialect_gemini,
	    "data: {\"response\":{\"usageMetadata\":{\"promptTokenCount\":6},"
	    "\"candidates\":[{\"content\":{\"parts\":[]}}]},\"traceId\":\"t\"}"
	    "\n\n"
	    "data: {\"response\":{\"promptFeedback\":{\"blockReason\":"
	    "\"SAFETY\"}}}\n\n",
	    "- c",
	    { .usage = { .input = 6, .known = true },
		.content = true,
		.terminal = true },
	},
	{
	    "zeros behind the last usage",
	    &dialect_gemini,
	    "data: {\"usageMetadata\":{\"promptTokenCount\":6}}\n\n"
	    "data: {\"usageMetadata\":{\"promptTokenCount\":0}}\n\n"
	    "data: {\"usageMetadata\":{}}\n\n",
	    "- - -",
	    { .usage = { .input = 6, .known = true } },
	},
	{
	    "nothing but zeros",
	    &dialect_anthropic,
	    "event: message_start\ndata: {\"message\":{\"usage\":{"
	    "\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
	    "-",
	    { .content = false },
	},
	{
	    "an error in the stream",
	    &dialect_gemini,
	    "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n",
	    "e",
	    { .error = true, .error_type = "UNAVAILABLE" },
	},
};

static void
add_bits(struct buf *b, unsigned seen)
{
	if (buf_len(b))
		buf_must(b, STR(" "));
	if (seen & WATCH_CONTENT)
		buf_must(b, STR("c"));
	if (seen & WATCH_TERMINAL)
		buf_must(b, STR("t"));
	if (seen & WATCH_ERROR)
		buf_must(b, STR("e"));
	if (seen & WATCH_USAGE_ONLY)
		buf_must(b, STR("u"));
	if (!seen)
		buf_must(b, STR("-"));
}

static void
listen(const struct dialect *d, struct sse *sse, struct watch *w,
    struct str bytes, struct buf *bits)
{
	struct sse_event event;
	size_t used;

	while (sse_feed(sse, bytes, &used, &event) == OK) {
		add_bits(bits, d->watch(w, &event));
		bytes = str_skip(bytes, used);
	}
}

static void
assert_usage(const struct usage *is, const struct usage *want)
{
	assert_int_equal(is->input, want->input);
	assert_int_equal(is->output, want->output);
	assert_int_equal(is->cache_read, want->cache_read);
	assert_int_equal(is->cache_write_5m, want->cache_write_5m);
	assert_int_equal(is->cache_write_1h, want->cache_write_1h);
	assert_int_equal(is->reasoning, want->reasoning);
	assert_int_equal(is->known, want->known);
	assert_int_equal(is->doubt, want->doubt);
}

static void
assert_heard(const struct watch *w, const struct heard *h)
{
	assert_usage(&w->usage, &h->usage);
	assert_int_equal(w->content, h->content);
	assert_int_equal(w->terminal, h->terminal);
	assert_int_equal(w->error, h->error);
	assert_int_equal(w->delta_bytes, h->delta_bytes);
	assert_string_equal(w->error_type, h->error_type ? h->error_type : "");
	assert_string_equal(w->model, h->model ? h->model : "");
}

static void
streams_are_understood_at_every_cut(void **state)
{
	struct buf bits;

	(void)state;
	buf_init(&bits, 4096);
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		const struct stream_case *c = &streams[i];
		struct str text = str_of(c->text);

		for (size_t cut = 0; cut <= text.len; cut++) {
			struct watch w = { .began = false };
			struct sse sse;

			buf_clear(&bits);
			sse_init(&sse);
			listen(c->dialect, &sse, &w, str_first(text, cut),
			    &bits);
			listen(c->dialect, &sse, &w, str_skip(text, cut),
			    &bits);
			sse_fini(&sse);
			if (strcmp(buf_cstr(&bits), c->bits) != 0)
				fail_msg("%s, %s: %s", c->dialect->name,
				    c->what, buf_cstr(&bits));
			assert_true(w.began);
			assert_heard(&w, &c->heard);
		}
	}
	buf_fini(&bits);
}

static const struct {
	const struct dialect *dialect;
	const char *text;
	struct heard heard;
} bodies[] = {
	{ &dialect_anthropic,
	    "{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"claude-x\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"four\"},{\"type\":"
	    "\"tool_use\",\"input\":{}}],\"usage\":{\"input_tokens\":5,"
	    "\"cache_creation_input_tokens\":8,\"output_tokens\":2}}",
	    { .usage = { .input = 5,
		  .output = 2,
		  .cache_write_5m = 8,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 6,
		.model = "claude-x" } },
	/* What count_tokens answers is no usage. */
	{ &dialect_anthropic, "{\"input_tokens\":2095}",
	    { .content = true, .terminal = true } },
	{ &dialect_openai_chat,
	    " {\"model\":\"m\",\"choices\":[{\"message\":{\"role\":"
	    "\"assistant\",\"content\":\"abc\"},\"finish_reason\":\"stop\"}],"
	    "\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n",
	    { .usage = { .input = 4, .output = 1, .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 3,
		.model = "m" } },
	{ &dialect_openai_responses,
	    "{\"object\":\"response\",\"error\":null,\"model\":\"m\","
	    "\"output\":[],\"usage\":{\"input_tokens\":4,"
	    "\"cache_creation_input_tokens\":3,\"output_tokens\":1}}",
	    { .usage = { .input = 4,
		  .output = 1,
		  .cache_write_5m = 3,
		  .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 2,
		.model = "m" } },
	{ &dialect_openai_responses,
	    "{\"object\":\"response.input_tokens\",\"input_tokens\":11}",
	    { .content = true, .terminal = true } },
	{ &dialect_openai_responses,
	    "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}",
	    { .error = true, .error_type = "server_error" } },
	{ &dialect_gemini,
	    "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],"
	    "\"usageMetadata\":{\"promptTokenCount\":1}}\n,\r\n{"
	    "\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]}}],"
	    "\"usageMetadata\":{\"promptTokenCount\":1,"
	    "\"candidatesTokenCount\":2}}]",
	    { .usage = { .input = 1, .output = 2, .known = true },
		.content = true,
		.terminal = true,
		.delta_bytes = 2 } },
	{ &dialect_gemini, "{\"totalTokens\":31}",
	    { .content = true, .terminal = true } },
	{ &dialect_gemini,
	    "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]",
	    { .error = true, .error_type = "RESOURCE_EXHAUSTED" } },
};

static void
whole_answers_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct watch w = { .began = false };

		bodies[i].dialect->watch_body(&w, str_of(bodies[i].text));
		assert_heard(&w, &bodies[i].heard);
	}
}

static void
a_body_that_was_cut_tells_no_half_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct str text = str_of(bodies[i].text);

		for (size_t n = 0; n < text.len; n++) {
			struct watch w = { .began = false };
			const struct usage *want = &bodies[i].heard.usage;

			bodies[i].dialect->watch_body(&w, str_first(text, n));
			assert_true(w.usage.input <= want->input);
			assert_true(w.usage.output <= want->output);
		}
	}
}

static void
words_of_strangers_are_made_printable_and_short(void **state)
{
	struct watch w = { .began = false };
	char text[600];

	(void)state;
	snprintf(text, sizeof(text),
	    "{\"error\":{\"code\":\"a\x1b[1m\x7f\xc3\xa9z%0300d\"}}", 0);
	/* A control byte in a string is no JSON: nothing is believed. */
	assert_int_equal(dialect_openai_chat.watch(&w,
			     &(struct sse_event){ .data = str_of(text) }),
	    0);
	assert_string_equal(w.error_type, "");
	snprintf(text, sizeof(text),
	    "{\"error\":{\"code\":\"a\x7f\xc3\xa9z%0300d\"}}", 0);
	dialect_openai_chat.watch(&w,
	    &(struct sse_event){ .data = str_of(text) });
	assert_int_equal(strlen(w.error_type), sizeof(w.error_type) - 1);
	assert_true(str_starts(str_of(w.error_type), STR("az000")));
}

/* --- what is asked --------------------------------------------------------- */

static enum err
peek(const struct dialect *d, const char *body, struct asked *out,
    struct why *out_why)
{
	struct scan s;

	scan_init(&s, d->wants, WANT_COUNT);
	assert_int_equal(scan_feed(&s, str_of(body), out_why), OK);
	assert_int_equal(scan_end(&s, out_why), OK);
	return d->peek(&s, str_of(body), out, out_why);
}

static void
requests_are_read(void **state)
{
	static const struct {
		const struct dialect *dialect;
		const char *body, *model; /* with its quotes */
		bool stream, include_usage;
		int64_t max_tokens;
	} cases[] = {
		{ &dialect_anthropic,
		    "{\"model\":\"m\",\"max_tokens\":5,\"stream\":true}",
		    "\"m\"", true, false, 5 },
		{ &dialect_anthropic, "{}", NULL, false, false, 0 },
		{ &dialect_openai_chat,
		    "{\"model\":\"m\",\"stream\":null,\"max_tokens\":null,"
		    "\"max_completion_tokens\":7}",
		    "\"m\"", false, false, 7 },
		{ &dialect_openai_chat,
		    "{\"stream\":true,\"max_tokens\":9,\"stream_options\":{"
		    "\"include_usage\":true}}",
		    NULL, true, true, 9 },
		{ &dialect_openai_responses,
		    "{\"max_output_tokens\":3,\"max_tokens\":\"x\"}", NULL,
		    false, false, 3 },
		{ &dialect_gemini,
		    "{\"generationConfig\":{\"maxOutputTokens\":8},\"stream\":"
		    "\"whatever\",\"\":{\"\":{}}}",
		    NULL, false, false, 8 },
		{ &dialect_gemini,
		    "{\"model\":\"g\",\"request\":{\"generationConfig\":{"
		    "\"maxOutputTokens\":6}}}",
		    "\"g\"", false, false, 6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .text = "" };
		struct asked a;

		if (peek(cases[i].dialect, cases[i].body, &a, &why))
			fail_msg("%s: %s", cases[i].body, why.text);
		assert_int_equal(a.stream, cases[i].stream);
		assert_int_equal(a.include_usage, cases[i].include_usage);
		assert_int_equal(a.max_tokens, cases[i].max_tokens);
		assert_int_equal(a.model_span.type,
		    cases[i].model ? SPAN_STRING : SPAN_ABSENT);
		if (cases[i].model)
			assert_memory_equal(cases[i].body + a.model_span.from,
			    cases[i].model, strlen(cases[i].model));
	}
}

static void
wrong_types_are_refused_by_name(void **state)
{
	static const struct {
		const struct dialect *dialect;
		const char *body, *field;
	} cases[] = {
		{ &dialect_anthropic, "{\"model\":1}", "model" },
		{ &dialect_anthropic, "{\"model\":null}", "model" },
		{ &dialect_anthropic, "{\"model\":\"\"}", "model" },
		{ &dialect_anthropic, "{\"stream\":\"true\"}", "stream" },
		{ &dialect_anthropic, "{\"max_tokens\":\"5\"}", "max_tokens" },
		{ &dialect_anthropic, "{\"max_tokens\":-1}", "max_tokens" },
		{ &dialect_anthropic, "{\"max_tokens\":1.5}", "max_tokens" },
		{ &dialect_openai_chat, "{\"max_completion_tokens\":[]}",
		    "max_completion_tokens" },
		{ &dialect_openai_chat,
		    "{\"stream_options\":{\"include_usage\":1}}",
		    "stream_options.include_usage" },
		{ &dialect_gemini,
		    "{\"generationConfig\":{\"maxOutputTokens\":true}}",
		    "generationConfig.maxOutputTokens" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct why why = { .field = "" };
		struct asked a = { .max_tokens = 77 };

		assert_int_equal(peek(cases[i].dialect, cases[i].body, &a,
				     &why),
		    ERR_VALUE);
		assert_string_equal(why.field, cases[i].field);
		assert_int_equal(a.max_tokens, 77);
	}
}

/* --- what is said ---------------------------------------------------------- */

static const struct dialect *const all[] = {
	&dialect_anthropic,
	&dialect_openai_chat,
	&dialect_openai_responses,
	&dialect_gemini,
};

#define ALL (sizeof(all) / sizeof(all[0]))

static const struct refusal refusal = {
	.fault = FAULT_RATE,
	.text = "slow \"down\"\n",
	.retry_after_s = 7,
	.request_id = "req_1",
};

static void
refusals_are_in_the_callers_language(void **state)
{
	static const char *const documents[ALL] = {
		"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
		"\"message\":\"slow \\\"down\\\"\\n\"},\"request_id\":\"req_1\""
		"}",
		"{\"error\":{\"message\":\"slow \\\"down\\\"\\n\",\"type\":"
		"\"rate_limit_error\",\"param\":null,\"code\":"
		"\"rate_limit_exceeded\"}}",
		"{\"error\":{\"message\":\"slow \\\"down\\\"\\n\",\"type\":"
		"\"rate_limit_error\",\"param\":null,\"code\":"
		"\"rate_limit_exceeded\"}}",
		"{\"error\":{\"code\":429,\"message\":\"slow \\\"down\\\"\\n\","
		"\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
		"\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":"
		"\"7s\"}]}}",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < ALL; i++) {
		buf_clear(&out);
		all[i]->write_fault(&refusal, false, &out);
		assert_string_equal(buf_cstr(&out), documents[i]);
	}
	buf_fini(&out);
}

static void
an_error_in_a_stream_is_heard_as_one(void **state)
{
	static const char *const words[ALL] = { "rate_limit_error",
		"rate_limit_exceeded", "rate_limit_exceeded", "" };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < ALL; i++) {
		struct watch w = { .began = false };
		struct sse_event event;
		struct sse sse;
		size_t used;

		buf_clear(&out);
		all[i]->write_fault(&refusal, true, &out);
		if (!all[i]->has_terminal) {
			assert_int_equal(buf_len(&out), 0);
			continue;
		}
		sse_init(&sse);
		assert_int_equal(sse_feed(&sse, buf_str(&out), &used, &event),
		    OK);
		assert_int_equal(used, buf_len(&out));
		assert_true(all[i]->watch(&w, &event) & WATCH_ERROR);
		assert_string_equal(w.error_type, words[i]);
		sse_fini(&sse);
	}
	buf_fini(&out);
}

static void
every_fault_is_a_document_in_every_dialect(void **state)
{
	struct refusal r = { .text = "\xff\x01" };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (int f = FAULT_NONE + 1; f <= FAULT_OVERLOADED; f++) {
		r.fault = (enum fault)f;
		for (size_t i = 0; i < ALL; i++) {
			struct json *root = NULL;

			buf_clear(&out);
			all[i]->write_fault(&r, false, &out);
			assert_int_equal(json_parse(buf_str(&out), 4096, &root,
					     NULL),
			    OK);
			json_free(root);
		}
	}
	buf_fini(&out);
}

static void
a_refusal_that_does_not_fit_leaves_nothing(void **state)
{
	struct buf out;

	(void)state;
	for (size_t max = 3; max < 100; max++) {
		for (size_t i = 0; i < ALL; i++) {
			buf_init(&out, max);
			buf_must(&out, STR("had"));
			all[i]->write_fault(&refusal, max % 2, &out);
			assert_string_equal(buf_cstr(&out), "had");
			buf_fini(&out);
		}
	}
}

static void
a_ping_is_no_event_that_says_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		struct watch w = { .began = false };
		struct sse_event event;
		struct sse sse;
		size_t used;

		assert_true(all[i]->ping.len > 0);
		sse_init(&sse);
		if (sse_feed(&sse, all[i]->ping, &used, &event) == OK)
			assert_int_equal(all[i]->watch(&w, &event), 0);
		assert_true(sse_between(&sse));
		sse_fini(&sse);
	}
}

static void
dialects_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++)
		assert_ptr_equal(dialect_find(str_of(all[i]->name)), all[i]);
	assert_null(dialect_find(STR("Anthropic")));
	assert_null(dialect_find(STR("")));
}

/* --- sums ------------------------------------------------------------------ */

static void
what_else_is_paid_for_is_told(void **state)
{
	struct usage u = { .known = false };

	(void)state;
	/* In message_start, and not again in message_delta. */
	usage_from_anthropic(&u,
	    STR("{\"input_tokens\":9,\"service_tier\":\"standard\","
		"\"speed\":\"fast\",\"inference_geo\":\"us\"}"));
	usage_from_anthropic(&u,
	    STR("{\"output_tokens\":5,\"service_tier\":null,"
		"\"server_tool_use\":{\"web_search_requests\":3,"
		"\"web_fetch_requests\":1}}"));
	assert_int_equal(u.input, 9);
	assert_int_equal(u.searches, 3);
	assert_int_equal(u.tier, USAGE_STANDARD);
	assert_true(u.fast);
	assert_true(u.us);

	u = (struct usage){ .known = false };
	usage_tier_from_openai(&u, STR("\"priority\""));
	usage_tier_from_openai(&u, STR("\"auto\""));
	usage_tier_from_openai(&u, STR("null"));
	usage_from_openai(&u,
	    STR("{\"prompt_tokens\":10,\"completion_tokens\":20,"
		"\"prompt_tokens_details\":{\"audio_tokens\":4},"
		"\"completion_tokens_details\":{\"audio_tokens\":99}}"));
	assert_int_equal(u.tier, USAGE_PRIORITY);
	assert_int_equal(u.audio_input, 4);
	/* No more than there is. */
	assert_int_equal(u.audio_output, 20);
	usage_tier_from_openai(&u, STR("\"default\""));
	assert_int_equal(u.tier, USAGE_STANDARD);

	u = (struct usage){ .known = false };
	usage_from_gemini(&u,
	    STR("{\"promptTokenCount\":10,\"candidatesTokenCount\":1300,"
		"\"promptTokensDetails\":[{\"modality\":\"TEXT\","
		"\"tokenCount\":7},{\"modality\":\"AUDIO\","
		"\"tokenCount\":3}],\"candidatesTokensDetails\":"
		"[{\"modality\":\"IMAGE\",\"tokenCount\":1290}]}"));
	assert_int_equal(u.audio_input, 3);
	assert_int_equal(u.audio_output, 0);
	assert_int_equal(u.image_output, 1290);
}

/* A whole answer of each dialect, and a stream's end that says the same; #
 * are the counts of what was read and written. */
static const struct {
	const struct dialect *dialect;
	const char *body, *event;
} told[] = {
	{ &dialect_anthropic,
	    "{\"type\":\"message\",\"usage\":{\"input_tokens\":#,"
	    "\"output_tokens\":#}}",
	    "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":"
	    "#,\"output_tokens\":#}}\n\n" },
	{ &dialect_openai_chat,
	    "{\"usage\":{\"prompt_tokens\":#,\"completion_tokens\":#}}",
	    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":#,"
	    "\"completion_tokens\":#}}\n\n" },
	{ &dialect_openai_responses,
	    "{\"usage\":{\"input_tokens\":#,\"output_tokens\":#}}",
	    "data: {\"type\":\"response.completed\",\"response\":{\"usage\":"
	    "{\"input_tokens\":#,\"output_tokens\":#}}}\n\n" },
	{ &dialect_gemini,
	    "{\"usageMetadata\":{\"promptTokenCount\":#,"
	    "\"candidatesTokenCount\":#}}",
	    "data: {\"usageMetadata\":{\"promptTokenCount\":#,"
	    "\"candidatesTokenCount\":#}}\n\n" },
};

static void
watch_told(size_t nr, bool stream, const char *in, const char *out,
    struct watch *w)
{
	const char *template = stream ? told[nr].event : told[nr].body;
	struct buf text;
	struct sse_event event;
	struct sse sse;
	size_t used;

	buf_init(&text, 512);
	for (; *template; template ++) {
		if (*template != '#') {
			buf_must(&text, str_at(template, 1));
			continue;
		}
		buf_must(&text, str_of(in));
		in = out;
	}
	*w = (struct watch){ .began = false };
	if (!stream) {
		told[nr].dialect->watch_body(w, buf_str(&text));
		buf_fini(&text);
		return;
	}
	sse_init(&sse);
	assert_int_equal(sse_feed(&sse, buf_str(&text), &used, &event), OK);
	told[nr].dialect->watch(w, &event);
	sse_fini(&sse);
	buf_fini(&text);
}

static void
a_count_that_cannot_be_believed_is_in_doubt(void **state)
{
	static const struct {
		const char *in, *out;
		struct usage usage;
	} cases[] = {
		{ "1000.0", "1e3",
		    { .input = 1000, .output = 1000, .known = true } },
		{ "2.5e1", "70000e-4",
		    { .input = 25, .output = 7, .known = true } },
		{ "100000000", "7",
		    { .input = USAGE_COUNT_MAX, .output = 7, .known = true } },
		{ "100000001", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "9223372036854775807", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "99999999999999999999", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "\"1000\"", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "null", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "0", "7", { .output = 7, .known = true } },
		{ "1000.5", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "-1", "7",
		    { .output = 7, .known = true, .doubt = USAGE_INPUT } },
		{ "9", "[]",
		    { .input = 9, .known = true, .doubt = USAGE_OUTPUT } },
		{ "9", "null",
		    { .input = 9, .known = true, .doubt = USAGE_OUTPUT } },
		{ "1e400", "{}", { .doubt = USAGE_INPUT | USAGE_OUTPUT } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t nr = 0; nr < 2 * ALL; nr++) {
			struct watch w;

			watch_told(nr / 2, nr % 2, cases[i].in, cases[i].out,
			    &w);
			assert_usage(&w.usage, &cases[i].usage);
		}
	}
}

static void
a_doubt_ends_with_a_count_that_is_none(void **state)
{
	struct usage u = { .known = false };

	(void)state;
	usage_from_anthropic(&u,
	    STR("{\"input_tokens\":\"25\",\"output_tokens\":null,"
		"\"cache_read_input_tokens\":null}"));
	assert_int_equal(u.doubt, USAGE_INPUT | USAGE_OUTPUT);
	usage_from_anthropic(&u,
	    STR("{\"input_tokens\":0,\"output_tokens\":5}"));
	assert_int_equal(u.doubt, USAGE_INPUT);
	usage_from_anthropic(&u,
	    STR("{\"input_tokens\":25,\"cache_creation_input_tokens\":-1}"));
	assert_int_equal(u.doubt, USAGE_CACHE_WRITE);
	assert_usage(&u,
	    &(struct usage){ .input = 25,
		.output = 5,
		.known = true,
		.doubt = USAGE_CACHE_WRITE });
	/* Null tells nothing new of what was told. */
	usage_from_anthropic(&u,
	    STR("{\"input_tokens\":null,\"output_tokens\":null,"
		"\"cache_creation\":{\"ephemeral_5m_input_tokens\":1}}"));
	assert_int_equal(u.doubt, 0);
}

static void
details_in_doubt_leave_the_rest(void **state)
{
	struct usage u = { .known = false };

	(void)state;
	usage_from_openai(&u,
	    STR("{\"prompt_tokens\":10,\"completion_tokens\":20,"
		"\"total_tokens\":\"30\",\"prompt_tokens_details\":{"
		"\"cached_tokens\":\"5\"},\"completion_tokens_details\":{"
		"\"reasoning_tokens\":true}}"));
	assert_usage(&u,
	    &(struct usage){ .input = 10,
		.output = 20,
		.known = true,
		.doubt = USAGE_CACHE_READ | USAGE_DETAIL });
	u = (struct usage){ .known = false };
	usage_from_gemini(&u,
	    STR("{\"promptTokenCount\":10,\"candidatesTokenCount\":20,"
		"\"promptTokensDetails\":[{\"modality\":\"AUDIO\","
		"\"tokenCount\":\"3\"}]}"));
	assert_int_equal(u.doubt, USAGE_DETAIL);
	assert_int_equal(u.audio_input, 0);
}

static void
tiers_have_words(void **state)
{
	(void)state;
	for (unsigned t = 0; t < USAGE_TIERS; t++)
		assert_int_equal(usage_tier_read(str_of(
				     usage_tier_word((enum usage_tier)t))),
		    t);
	assert_int_equal(usage_tier_read(STR("scale")), USAGE_STANDARD);
	assert_int_equal(usage_tier_read(STR("")), USAGE_STANDARD);
}

static void
usage_is_summed_without_overflow(void **state)
{
	const struct usage sum = { .input = 2, .output = INT64_MAX - 1 };
	const struct usage u = { .input = 2,
		.output = 3,
		.cache_read = 4,
		.cache_write_5m = 5,
		.cache_write_1h = 6,
		.reasoning = 7,
		.known = true };

	(void)state;
	assert_int_equal(usage_read(&u), 17);
	assert_int_equal(usage_total(&u), 20);
	assert_int_equal(usage_total(&sum), INT64_MAX);
}

static void
faults_have_names_and_statuses(void **state)
{
	(void)state;
	assert_string_equal(fault_row(FAULT_NONE)->name, "none");
	assert_int_equal(fault_row(FAULT_NONE)->status, 200);
	assert_string_equal(fault_row(FAULT_NO_ACCOUNT)->name, "no_account");
	assert_int_equal(fault_row(FAULT_BUDGET)->status, 402);
	assert_int_equal(fault_row(FAULT_BUDGET)->retry, RETRY_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_understood_at_every_cut),
		cmocka_unit_test(whole_answers_are_understood),
		cmocka_unit_test(a_body_that_was_cut_tells_no_half_number),
		cmocka_unit_test(
		    words_of_strangers_are_made_printable_and_short),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(wrong_types_are_refused_by_name),
		cmocka_unit_test(refusals_are_in_the_callers_language),
		cmocka_unit_test(an_error_in_a_stream_is_heard_as_one),
		cmocka_unit_test(every_fault_is_a_document_in_every_dialect),
		cmocka_unit_test(a_refusal_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(a_ping_is_no_event_that_says_anything),
		cmocka_unit_test(dialects_are_found_by_name),
		cmocka_unit_test(what_else_is_paid_for_is_told),
		cmocka_unit_test(a_count_that_cannot_be_believed_is_in_doubt),
		cmocka_unit_test(a_doubt_ends_with_a_count_that_is_none),
		cmocka_unit_test(details_in_doubt_leave_the_rest),
		cmocka_unit_test(tiers_have_words),
		cmocka_unit_test(usage_is_summed_without_overflow),
		cmocka_unit_test(faults_have_names_and_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
