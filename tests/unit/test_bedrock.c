/* SPDX-License-Identifier: MIT */
/* test_bedrock.c - names of models, bodies as Bedrock takes them, and its
 * answers as Anthropic would have said them (protocols/bedrock.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "proto/enc.h"

#include "relayd/bedrock.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- models -------------------------------------------------------------------- */

static void
a_name_becomes_the_id_of_its_region(void **state)
{
	static const struct {
		const char *model, *region, *profile, *id;
	} rows[] = {
		{ "claude-sonnet-4-5", "us-east-1", "",
		    "us.anthropic.claude-sonnet-4-5-20250929-v1:0" },
		{ "claude-sonnet-4-5", "eu-west-1", "",
		    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" },
		{ "Claude-Sonnet-4-5", "ap-northeast-1", "",
		    "jp.anthropic.claude-sonnet-4-5-20250929-v1:0" },
		{ "claude-haiku-4-5", "ap-southeast-2", "",
		    "au.anthropic.claude-haiku-4-5-20251001-v1:0" },
		{ "claude-haiku-4-5", "ap-south-1", "",
		    "apac.anthropic.claude-haiku-4-5-20251001-v1:0" },
		{ "claude-haiku-4-5", "us-gov-west-1", "",
		    "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0" },
		{ "claude-haiku-4-5", "sa-east-1", "",
		    "us.anthropic.claude-haiku-4-5-20251001-v1:0" },
		{ "claude-opus-4-6[1m]", "eu-west-1", "global",
		    "global.anthropic.claude-opus-4-6-v1" },
		{ "claude-opus-4-6", "eu-west-1", "none",
		    "anthropic.claude-opus-4-6-v1" },
		{ "anthropic.claude-3-haiku-20240307-v1:0", "eu-west-1", "",
		    "anthropic.claude-3-haiku-20240307-v1:0" },
		{ "us.anthropic.claude-x", "eu-west-1", "global",
		    "us.anthropic.claude-x" },
		{ "arn:aws:bedrock:us-west-2:1:inference-profile/a",
		    "eu-west-1", "",
		    "arn:aws:bedrock:us-west-2:1:inference-profile/a" },
		{ "claude-of-tomorrow", "eu-west-1", "", "claude-of-tomorrow" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf id;

		buf_init(&id, 256);
		assert_int_equal(bedrock_model_id(str_of(rows[i].model),
				     str_of(rows[i].region),
				     str_of(rows[i].profile), &id),
		    OK);
		assert_string_equal(buf_cstr(&id), rows[i].id);
		buf_fini(&id);
	}
}

static void
an_id_becomes_the_name_clients_know(void **state)
{
	static const struct {
		const char *id, *name;
	} rows[] = {
		{ "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		    "claude-sonnet-4-5-20250929" },
		{ "global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6" },
		{ "anthropic.claude-3-5-sonnet-20241022-v2:0",
		    "claude-3-5-sonnet-20241022" },
		{ "us.anthropic.claude-sonnet-4-6", "claude-sonnet-4-6" },
		{ "claude-opus-4-1", "claude-opus-4-1" },
		{ "misanthropic.claude", "misanthropic.claude" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str name = bedrock_model_name(str_of(rows[i].id));

		if (!str_eq(name, str_of(rows[i].name)))
			fail_msg("%s: %.*s", rows[i].id, STR_ARG(name));
	}
}

/* --- bodies -------------------------------------------------------------------- */

static void
head_of(const char *beta, struct http1_head *out)
{
	*out = (struct http1_head){ .count = beta ? 1 : 0 };
	out->fields[0].name = STR("anthropic-beta");
	out->fields[0].value = str_of(beta);
}

static void
body_is(const char *model, const char *beta, const char *body,
    const char *expected)
{
	struct buf plan, out;
	struct http1_head head;
	struct why why;

	head_of(beta, &head);
	buf_init(&plan, 4096);
	buf_init(&out, 64 * 1024);
	assert_int_equal(bedrock_plan(&head, str_of(model), false, &plan), OK);
	assert_int_equal(bedrock_body(buf_str(&plan), str_of(body), &out, &why),
	    OK);
	assert_string_equal(buf_cstr(&out), expected);
	buf_fini(&plan);
	buf_fini(&out);
}

#define VERSION "{\"anthropic_version\":\"bedrock-2023-05-31\""

static void
what_bedrock_calls_extra_is_left_out(void **state)
{
	(void)state;
	body_is("claude-opus-4-6", NULL,
	    "{ \"model\" : \"m\", \"stream\":true, \"max_tokens\":5, "
	    "\"speed\":\"fast\",\"service_tier\":\"auto\",\"mcp_servers\":[],"
	    "\"container\":{},\"inference_geo\":\"us\",\"output_format\":{},"
	    "\"anthropic_version\":\"x\",\"thinking\":{\"type\": \"adaptive\"},"
	    "\"output_config\":{\"effort\":\"high\"},\"unheard\": 1 }",
	    VERSION ",\"max_tokens\":5,\"thinking\":{\"type\": \"adaptive\"},"
		    "\"output_config\":{\"effort\":\"high\"},\"unheard\":1}");
	body_is("claude-sonnet-4-5", NULL,
	    "{\"output_config\":{\"effort\":\"high\"}}", VERSION "}");
}

static void
betas_are_those_that_bedrock_knows(void **state)
{
	(void)state;
	body_is("claude-opus-4-6",
	    "claude-code-20250219, context-1m-2025-08-07,oauth-2025-04-20",
	    "{\"a\":1}",
	    VERSION ",\"anthropic_beta\":[\"context-1m-2025-08-07\"],\"a\":1}");
	body_is("claude-opus-4-6",
	    "advanced-tool-use-2025-11-20,tool-search-tool-2025-10-19",
	    "{\"tools\":[{\"name\":\"t\",\"defer_loading\":true}]}",
	    VERSION ",\"anthropic_beta\":[\"tool-search-tool-2025-10-19\","
		    "\"tool-examples-2025-10-29\"],"
		    "\"tools\":[{\"name\":\"t\",\"defer_loading\":true}]}");
	body_is("claude-opus-4-6", "claude-code-20250219",
	    "{\"anthropic_beta\":[\"x\"]}",
	    VERSION ",\"anthropic_beta\":[\"x\"]}");
}

static void
marks_of_caches_keep_what_bedrock_knows(void **state)
{
	const char *body =
	    "{\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":"
	    "{\"type\":\"ephemeral\",\"ttl\":\"1h\",\"scope\":\"global\"}}],"
	    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"tool_result\",\"tool_use_id\":\"a.b/c\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\","
	    "\"scope\":\"x\"}}]}]}],\"tools\":[{\"name\":\"n\",\"custom\":{},"
	    "\"input_schema\":{\"cache_control\":{\"scope\":1}},"
	    "\"cache_control\":{\"scope\":\"x\",\"type\":\"ephemeral\"}}]}";

	(void)state;
	body_is("claude-opus-4-5", NULL, body,
	    VERSION
	    ",\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":"
	    "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
	    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"tool_result\",\"tool_use_id\":\"a_b_c\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\""
	    "}}]}]}],\"tools\":[{\"name\":\"n\","
	    "\"input_schema\":{\"cache_control\":{\"scope\":1}},"
	    "\"cache_control\":{\"type\":\"ephemeral\"}}]}");
	body_is("claude-3-5-haiku-20241022", NULL,
	    "{\"system\":[{\"cache_control\":{\"type\":\"e\",\"ttl\":\"1h\"}}]"
	    "}",
	    VERSION ",\"system\":[{\"cache_control\":{\"type\":\"e\"}}]}");
}

static void
what_is_inside_a_tools_input_is_the_users(void **state)
{
	(void)state;
	body_is("claude-opus-4-6", NULL,
	    "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
	    "\"tool_use\",\"id\":\"toolu:1\",\"input\":{\"cache_control\":"
	    "{\"scope\":1},\"id\":\"a:b\"}}]},{\"role\":\"user\",\"content\":"
	    "\"plain \\\"text\\\"\"}]}",
	    VERSION
	    ",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
	    "\"tool_use\",\"id\":\"toolu_1\",\"input\":{\"cache_control\":"
	    "{\"scope\":1},\"id\":\"a:b\"}}]},{\"role\":\"user\",\"content\":"
	    "\"plain \\\"text\\\"\"}]}");
}

static void
of_a_contexts_edits_only_compaction_is_known(void **state)
{
	(void)state;
	body_is("claude-opus-4-6", NULL,
	    "{\"context_management\":{\"edits\":[{\"type\":\"clear_thinking\"},"
	    "{\"type\":\"compact_20260112\",\"x\":1}]}}",
	    VERSION ",\"context_management\":{\"edits\":[{\"type\":"
		    "\"compact_20260112\",\"x\":1}]}}");
	body_is("claude-opus-4-6", NULL,
	    "{\"context_management\":{\"edits\":[{\"type\":\"clear\"}]}}",
	    VERSION "}");
}

/* --- answers -------------------------------------------------------------------- */

static void
add_u32(struct buf *b, size_t n)
{
	const char bytes[4] = { (char)(n >> 24), (char)(n >> 16),
		(char)(n >> 8), (char)n };

	buf_must(b, str_at(bytes, 4));
}

static void
add_field(struct buf *b, const char *name, const char *value)
{
	size_t len = strlen(value);

	buf_must(b, str_at((const char[]){ (char)strlen(name) }, 1));
	buf_must(b, str_of(name));
	buf_must(b,
	    str_at((const char[]){ 7, (char)(len >> 8), (char)len }, 3));
	buf_must(b, str_of(value));
}

static void
add_frame(struct buf *out, const char *type, const char *kind,
    const char *value, struct str payload)
{
	struct buf headers, frame;
	struct str s;

	buf_init(&headers, 4096);
	buf_init(&frame, 64 * 1024);
	add_field(&headers, ":message-type", type);
	add_field(&headers, kind, value);
	add_u32(&frame, buf_len(&headers) + payload.len + 16);
	add_u32(&frame, buf_len(&headers));
	s = buf_str(&frame);
	add_u32(&frame, crc32(0, (const Bytef *)s.at, (uInt)s.len));
	buf_must(&frame, buf_str(&headers));
	buf_must(&frame, payload);
	s = buf_str(&frame);
	add_u32(&frame, crc32(0, (const Bytef *)s.at, (uInt)s.len));
	buf_must(out, buf_str(&frame));
	buf_fini(&headers);
	buf_fini(&frame);
}

static void
add_chunk(struct buf *out, const char *json)
{
	struct buf payload;

	buf_init(&payload, 64 * 1024);
	buf_must(&payload, STR("{\"p\":\"abc\",\"bytes\":\""));
	assert_int_equal(enc_base64(&payload, str_of(json), ENC_BASE64), OK);
	buf_must(&payload, STR("\"}"));
	add_frame(out, "event", ":event-type", "chunk", buf_str(&payload));
	buf_fini(&payload);
}

static enum err
reshape(const struct reshape_ops *ops, struct str bytes, size_t cut,
    struct buf *out)
{
	struct reshape *s = reshape_new(ops);
	struct why why;
	enum err e;

	e = ops->feed(s, str_first(bytes, cut), out, &why);
	if (!e)
		e = ops->feed(s, str_skip(bytes, cut), out, &why);
	if (!e && ops->end)
		e = ops->end(s, out, &why);
	reshape_free(s);
	return e;
}

static void
every_cut_of_a_stream_gives_the_same_events(void **state)
{
	const char *expected =
	    "event: message_start\ndata: {\"type\":\"message_start\","
	    "\"message\":{\"model\":\"claude-haiku-4-5-20251001\",\"usage\":"
	    "{\"input_tokens\":8}}}\n\n"
	    "event: content_block_delta\ndata: {\"type\": "
	    "\"content_block_delta\", \"delta\":{\"text\":\"Hi\"}}\n\n"
	    "event: message_stop\ndata: {\"type\":\"message_stop\",\"x\":1}"
	    "\n\n";
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 64 * 1024);
	add_chunk(&bytes,
	    "{\"type\":\"message_start\",\"message\":{\"model\":"
	    "\"us.anthropic.claude-haiku-4-5-20251001-v1:0\",\"usage\":"
	    "{\"input_tokens\":8}}}");
	add_frame(&bytes, "event", ":event-type", "initial-response", STR(""));
	add_chunk(&bytes,
	    "{\"type\":\n\"content_block_delta\",\n\"delta\":"
	    "{\"text\":\"Hi\"}}");
	add_chunk(&bytes, "{\"untyped\":true}");
	add_chunk(&bytes,
	    "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":"
	    "{\"inputTokenCount\":8},\"x\":1}");
	for (size_t cut = 0; cut <= buf_len(&bytes); cut++) {
		struct buf out;

		buf_init(&out, 64 * 1024);
		assert_int_equal(reshape(&bedrock_events, buf_str(&bytes), cut,
				     &out),
		    OK);
		assert_string_equal(buf_cstr(&out), expected);
		buf_fini(&out);
	}
	buf_fini(&bytes);
}

static void
a_usage_that_came_only_with_the_metrics_is_told(void **state)
{
	struct buf bytes, out;

	(void)state;
	buf_init(&bytes, 4096);
	buf_init(&out, 4096);
	add_chunk(&bytes,
	    "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":"
	    "{\"inputTokenCount\":8,\"outputTokenCount\":4,"
	    "\"cacheReadInputTokenCount\":2,\"invocationLatency\":1}}");
	assert_int_equal(reshape(&bedrock_events, buf_str(&bytes), 9, &out),
	    OK);
	assert_string_equal(buf_cstr(&out),
	    "event: message_stop\ndata: {\"type\":\"message_stop\",\"usage\":"
	    "{\"input_tokens\":8,\"output_tokens\":4,"
	    "\"cache_read_input_tokens\":2}}\n\n");
	buf_fini(&bytes);
	buf_fini(&out);
}

static void
exceptions_and_errors_are_anthropics_error_event(void **state)
{
	struct buf bytes, out;

	(void)state;
	buf_init(&bytes, 4096);
	buf_init(&out, 4096);
	add_frame(&bytes, "exception", ":exception-type", "throttlingException",
	    STR("{\"message\":\"too \\\"many\\\"\"}"));
	add_frame(&bytes, "exception", ":exception-type", "newException",
	    STR("not json"));
	add_frame(&bytes, "error", ":error-message", "in\"ternal", STR(""));
	assert_int_equal(reshape(&bedrock_events, buf_str(&bytes), 9, &out),
	    OK);
	assert_string_equal(buf_cstr(&out),
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"rate_limit_error\",\"message\":\"too \\\"many\\\"\"}}\n\n"
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"api_error\",\"message\":\"\"}}\n\n"
	    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	    "\"api_error\",\"message\":\"in\\\"ternal\"}}\n\n");
	buf_fini(&bytes);
	buf_fini(&out);
}

static void
what_is_no_stream_is_an_error(void **state)
{
	struct buf bytes, out;

	(void)state;
	buf_init(&bytes, 4096);
	buf_init(&out, 4096);
	assert_int_equal(reshape(&bedrock_events,
			     STR("{\"message\":\"this is JSON\"}"), 3, &out),
	    ERR_SYNTAX);
	add_frame(&bytes, "event", ":event-type", "chunk",
	    STR("{\"bytes\":\"no base64!\"}"));
	assert_int_equal(reshape(&bedrock_events, buf_str(&bytes), 9, &out),
	    ERR_SYNTAX);
	buf_clear(&bytes);
	add_chunk(&bytes, "{\"type\":\"message_stop\"}");
	assert_int_equal(reshape(&bedrock_events,
			     str_first(buf_str(&bytes), buf_len(&bytes) - 1), 9,
			     &out),
	    ERR_SYNTAX);
	assert_int_equal(reshape(&bedrock_count, STR("{\"in\":1}"), 3, &out),
	    ERR_SYNTAX);
	buf_fini(&bytes);
	buf_fini(&out);
}

static void
an_error_keeps_its_meaning(void **state)
{
	static const struct {
		unsigned status;
		const char *header, *body;
		unsigned shown;
		const char *said;
	} rows[] = {
		{ 400, "ValidationException:http://internal/x",
		    "{\"message\":\"no such model\"}", 400,
		    "\"invalid_request_error\",\"message\":\"no such model\"" },
		{ 400, "ServiceQuotaExceededException", "{}", 429,
		    "\"rate_limit_error\",\"message\":\"\"" },
		{ 429, "ModelNotReadyException", "{\"Message\":\"m\"}", 529,
		    "\"overloaded_error\",\"message\":\"m\"" },
		{ 429, NULL,
		    "{\"__type\":\"com.amazon.coral#ThrottlingException\","
		    "\"message\":\"m\"}",
		    429, "\"rate_limit_error\"" },
		{ 403, "AccessDeniedException", "{\"message\":\"m\"}", 403,
		    "\"permission_error\"" },
		{ 401, "AccessDeniedException", "{\"message\":\"m\"}", 401,
		    "\"permission_error\"" },
		{ 403, "ExpiredTokenException", "{\"message\":\"m\"}", 401,
		    "\"authentication_error\"" },
		{ 503, NULL, "<html>", 503, "\"api_error\",\"message\":\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http1_head head = { .status = rows[i].status,
			.count = rows[i].header ? 1 : 0 };
		struct buf out;

		head.fields[0].name = STR("x-amzn-ErrorType");
		head.fields[0].value = str_of(rows[i].header);
		buf_init(&out, 4096);
		assert_int_equal(bedrock_refusal(&head, str_of(rows[i].body),
				     &out),
		    rows[i].shown);
		if (str_find(buf_str(&out), str_of(rows[i].said)) < 0)
			fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&out)));
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_becomes_the_id_of_its_region),
		cmocka_unit_test(an_id_becomes_the_name_clients_know),
		cmocka_unit_test(what_bedrock_calls_extra_is_left_out),
		cmocka_unit_test(betas_are_those_that_bedrock_knows),
		cmocka_unit_test(marks_of_caches_keep_what_bedrock_knows),
		cmocka_unit_test(what_is_inside_a_tools_input_is_the_users),
		cmocka_unit_test(of_a_contexts_edits_only_compaction_is_known),
		cmocka_unit_test(every_cut_of_a_stream_gives_the_same_events),
		cmocka_unit_test(
		    a_usage_that_came_only_with_the_metrics_is_told),
		cmocka_unit_test(
		    exceptions_and_errors_are_anthropics_error_event),
		cmocka_unit_test(what_is_no_stream_is_an_error),
		cmocka_unit_test(an_error_keeps_its_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
