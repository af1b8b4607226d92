/* SPDX-License-Identifier: MIT */
/* anthropic.c - Messages, streamed and whole, and count_tokens. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

static void
add_usage(struct buf *b, const struct ask *q, int64_t out)
{
	const struct script *s = q->script;
	const struct tokens *t = &q->tokens;

	buf_mustf(b,
	    "{\"input_tokens\":%" PRId64
	    ",\"cache_creation_input_tokens\":%" PRId64
	    ",\"cache_read_input_tokens\":%" PRId64
	    ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":%" PRId64
	    ",\"ephemeral_1h_input_tokens\":%" PRId64
	    "},\"output_tokens\":%" PRId64 ",\"service_tier\":",
	    t->in, t->cache_5m + t->cache_1h, t->cache_read, t->cache_5m,
	    t->cache_1h, out);
	json_add_c(b, s->tier ? s->tier : "standard");
	if (s->speed) {
		buf_must(b, STR(",\"speed\":"));
		json_add_c(b, s->speed);
	}
	if (s->geo) {
		buf_must(b, STR(",\"inference_geo\":"));
		json_add_c(b, s->geo);
	}
	if (s->searches != NONE)
		buf_mustf(b,
		    ",\"server_tool_use\":{\"web_search_requests\":%" PRId64
		    "}",
		    s->searches);
	buf_must(b, STR("}"));
}

/* The members of a message up to `content`. */
static void
add_message_start(struct buf *b, const struct ask *q)
{
	buf_mustf(b,
	    "{\"id\":\"msg_practice_%012" PRIu64
	    "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":",
	    q->seq);
	json_add_c(b, q->model);
}

static void
event_start(struct buf *b, const char *name)
{
	buf_mustf(b, "event: %s\ndata: {\"type\":\"%s\"", name, name);
}

static void
event_end(struct answer *a, int64_t wait_ms)
{
	buf_must(&a->body, STR("}\n\n"));
	answer_piece(a, wait_ms);
}

static void
add_delta(struct answer *a, int index, const char *type, const char *member,
    struct str text, int64_t wait_ms)
{
	event_start(&a->body, "content_block_delta");
	buf_mustf(&a->body,
	    ",\"index\":%d,\"delta\":{\"type\":\"%s\",\"%s\":", index, type,
	    member);
	json_add(&a->body, text);
	buf_must(&a->body, STR("}"));
	event_end(a, wait_ms);
}

static void
block_start(struct answer *a, int index, const char *block)
{
	event_start(&a->body, "content_block_start");
	buf_mustf(&a->body, ",\"index\":%d,\"content_block\":%s", index, block);
	event_end(a, 0);
}

static void
block_stop(struct answer *a, int index)
{
	event_start(&a->body, "content_block_stop");
	buf_mustf(&a->body, ",\"index\":%d", index);
	event_end(a, 0);
}

static void
stream_start(const struct ask *q, struct answer *a)
{
	event_start(&a->body, "message_start");
	buf_must(&a->body, STR(",\"message\":"));
	add_message_start(&a->body, q);
	buf_must(&a->body,
	    STR(",\"content\":[],\"stop_reason\":null,"
		"\"stop_sequence\":null,\"usage\":"));
	add_usage(&a->body, q, 1);
	buf_must(&a->body, STR("}"));
	event_end(a, 0);
}

static void
stream_thinking(const struct ask *q, struct answer *a)
{
	block_start(a, 0,
	    "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
	add_delta(a, 0, "thinking_delta", "thinking", STR("Practice thinks: "),
	    q->interval_ms);
	add_delta(a, 0, "thinking_delta", "thinking",
	    STR("there is nothing to think about."), q->interval_ms);
	add_delta(a, 0, "signature_delta", "signature", STR("cHJhY3RpY2U="), 0);
	block_stop(a, 0);
}

static void
stream_error(const struct ask *q, struct answer *a)
{
	event_start(&a->body, "error");
	buf_must(&a->body, STR(",\"error\":{\"type\":"));
	json_add_c(&a->body, q->script->errorevent);
	buf_must(&a->body, STR(",\"message\":"));
	json_add_c(&a->body,
	    q->script->message ? q->script->message : "Overloaded");
	buf_must(&a->body, STR("}"));
	event_end(a, q->interval_ms);
}

/* Returns false when the error event ended it. */
static bool
stream_text(const struct ask *q, struct answer *a, int index)
{
	block_start(a, index, "{\"type\":\"text\",\"text\":\"\"}");
	event_start(&a->body, "ping");
	event_end(a, 0);
	for (size_t i = 0; i < q->deltas; i++) {
		if (error_is_due(q, i)) {
			stream_error(q, a);
			return false;
		}
		add_delta(a, index, "text_delta", "text", ask_delta(q, i),
		    q->interval_ms);
	}
	if (error_is_due(q, q->deltas)) {
		stream_error(q, a);
		return false;
	}
	if (ending_is_due(q, ENDING_USUAL))
		block_stop(a, index);
	return true;
}

static void
stream_tool(const struct ask *q, struct answer *a, int index)
{
	struct str input = str_of(q->tool_input);
	struct buf block;

	buf_init(&block, 4096);
	buf_mustf(&block,
	    "{\"type\":\"tool_use\",\"id\":\"toolu_practice_%012" PRIu64
	    "\",\"name\":",
	    q->seq);
	json_add_c(&block, q->script->tool);
	buf_must(&block, STR(",\"input\":{}}"));
	block_start(a, index, buf_cstr(&block));
	buf_fini(&block);
	add_delta(a, index, "input_json_delta", "partial_json", STR(""), 0);
	add_delta(a, index, "input_json_delta", "partial_json",
	    str_first(input, input.len / 2), q->interval_ms);
	add_delta(a, index, "input_json_delta", "partial_json",
	    str_skip(input, input.len / 2), q->interval_ms);
	block_stop(a, index);
}

static void
stream_end(const struct ask *q, struct answer *a)
{
	if (!ending_is_due(q, ENDING_USUAL))
		return;
	event_start(&a->body, "message_delta");
	buf_mustf(&a->body,
	    ",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
	    "\"usage\":{\"output_tokens\":%" PRId64 "}",
	    q->call_tool ? "tool_use" : "end_turn", q->tokens.out);
	event_end(a, 0);
	if (!ending_is_due(q, ENDING_TERMINAL))
		return;
	event_start(&a->body, "message_stop");
	event_end(a, 0);
}

static void
message_stream(const struct ask *q, struct answer *a)
{
	int index = 0;

	a->stream = true;
	answer_header(a, "content-type: text/event-stream; charset=utf-8");
	answer_header(a, "cache-control: no-cache");
	/* The provider may fail before it has said anything at all. */
	if (error_is_due(q, 0)) {
		stream_error(q, a);
		return;
	}
	stream_start(q, a);
	if (script_num(q->script->thinking, 0)) {
		stream_thinking(q, a);
		index++;
	}
	if (q->call_tool)
		stream_tool(q, a, index);
	else if (!stream_text(q, a, index))
		return;
	stream_end(q, a);
}

static void
add_content(struct buf *b, const struct ask *q)
{
	buf_must(b, STR("["));
	if (script_num(q->script->thinking, 0))
		buf_must(b,
		    STR("{\"type\":\"thinking\",\"thinking\":\"Practice "
			"thinks: there is nothing to think about.\","
			"\"signature\":\"cHJhY3RpY2U=\"},"));
	if (q->call_tool) {
		buf_mustf(b,
		    "{\"type\":\"tool_use\",\"id\":\"toolu_practice_%012" PRIu64
		    "\",\"name\":",
		    q->seq);
		json_add_c(b, q->script->tool);
		buf_mustf(b, ",\"input\":%s}", q->tool_input);
	} else {
		buf_must(b, STR("{\"type\":\"text\",\"text\":"));
		json_add_c(b, q->text);
		buf_must(b, STR("}"));
	}
	buf_must(b, STR("]"));
}

void
anthropic_message(const struct ask *q, struct answer *a)
{
	if (q->stream) {
		message_stream(q, a);
		return;
	}
	answer_header(a, "content-type: application/json");
	add_message_start(&a->body, q);
	buf_must(&a->body, STR(",\"content\":"));
	add_content(&a->body, q);
	buf_mustf(&a->body,
	    ",\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":",
	    q->call_tool ? "tool_use" : "end_turn");
	add_usage(&a->body, q, q->tokens.out);
	buf_must(&a->body, STR("}"));
}

void
anthropic_count(const struct ask *q, struct answer *a)
{
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body, "{\"input_tokens\":%" PRId64 "}", q->tokens.in);
}
