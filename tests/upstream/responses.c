/* SPDX-License-Identifier: MIT */
/* responses.c - OpenAI's Responses: the whole sequence of events as codex
 * reads it, function calls, custom tool calls, compaction. */
#include <inttypes.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

static void
add_usage(struct buf *b, const struct tokens *t)
{
	buf_mustf(b,
	    "{\"input_tokens\":%" PRId64
	    ",\"input_tokens_details\":{\"cached_tokens\":%" PRId64
	    ",\"cache_write_tokens\":%" PRId64 "},\"output_tokens\":%" PRId64
	    ",\"output_tokens_details\":{\"reasoning_tokens\":%" PRId64
	    "},\"total_tokens\":%" PRId64 "}",
	    t->in, t->cache_read, t->cache_5m, t->out, t->reasoning,
	    t->in + t->out);
}

enum item {
	ITEM_REASONING,
	ITEM_MESSAGE,
	ITEM_CALL,
	ITEM_COMPACTION
};

static enum item
item_of(const struct ask *q)
{
	const cJSON *input = cJSON_GetObjectItem(q->inner, "input"), *last;
	const char *type;

	last = cJSON_GetArrayItem(input, cJSON_GetArraySize(input) - 1);
	type = json_string(last, "type");
	if (type && !strcmp(type, "compaction_trigger"))
		return ITEM_COMPACTION;
	return q->call_tool ? ITEM_CALL : ITEM_MESSAGE;
}

static void
add_message(struct buf *b, const struct ask *q, bool whole)
{
	buf_mustf(b,
	    "{\"id\":\"msg_practice_%012" PRIu64
	    "\",\"type\":\"message\",\"status\":\"%s\",\"role\":"
	    "\"assistant\",\"content\":[",
	    q->seq, whole ? "completed" : "in_progress");
	if (whole) {
		buf_must(b,
		    STR("{\"type\":\"output_text\",\"annotations\":[],"
			"\"text\":"));
		json_add_c(b, q->text);
		buf_must(b, STR("}"));
	}
	buf_must(b, STR("]}"));
}

static void
add_call(struct buf *b, const struct ask *q, bool whole)
{
	buf_mustf(b,
	    "{\"id\":\"%s_practice_%012" PRIu64
	    "\",\"type\":\"%s\",\"status\":\"%s\",\"call_id\":"
	    "\"call_practice_%012" PRIu64 "\",\"name\":",
	    q->tool_is_custom ? "ctc" : "fc", q->seq,
	    q->tool_is_custom ? "custom_tool_call" : "function_call",
	    whole ? "completed" : "in_progress", q->seq);
	json_add_c(b, q->script->tool);
	buf_mustf(b, ",\"%s\":", q->tool_is_custom ? "input" : "arguments");
	json_add_c(b, whole ? q->tool_input : "");
	buf_must(b, STR("}"));
}

static void
add_item(struct buf *b, const struct ask *q, enum item item, bool whole)
{
	switch (item) {
	case ITEM_REASONING:
		buf_mustf(b,
		    "{\"id\":\"rs_practice_%012" PRIu64
		    "\",\"type\":\"reasoning\",\"summary\":[%s],"
		    "\"encrypted_content\":\"cHJhY3RpY2U=\"}",
		    q->seq,
		    whole ? "{\"type\":\"summary_text\",\"text\":"
			    "\"Practice thinks.\"}"
			  : "");
		break;
	case ITEM_MESSAGE:
		add_message(b, q, whole);
		break;
	case ITEM_CALL:
		add_call(b, q, whole);
		break;
	case ITEM_COMPACTION:
		buf_mustf(b,
		    "{\"id\":\"cmp_practice_%012" PRIu64
		    "\",\"type\":\"compaction\",\"encrypted_content\":"
		    "\"cHJhY3RpY2U=\"}",
		    q->seq);
		break;
	}
}

/* The response object: status null means that it goes on. */
static void
add_response(struct buf *b, const struct ask *q, bool whole)
{
	buf_mustf(b,
	    "{\"id\":\"resp_practice_%012" PRIu64
	    "\",\"object\":\"response\",\"created_at\":1767225600,"
	    "\"status\":\"%s\",\"error\":null,\"incomplete_details\":null,"
	    "\"instructions\":null,\"metadata\":{},\"parallel_tool_calls\":"
	    "true,\"tool_choice\":\"auto\",\"tools\":[],\"service_tier\":",
	    q->seq, whole ? "completed" : "in_progress");
	json_add_c(b, whole && q->script->tier ? q->script->tier : "default");
	buf_must(b, STR(",\"model\":"));
	json_add_c(b, q->model);
	buf_must(b, STR(",\"output\":["));
	if (whole && script_num(q->script->thinking, 0)) {
		add_item(b, q, ITEM_REASONING, true);
		buf_must(b, STR(","));
	}
	if (whole)
		add_item(b, q, item_of(q), true);
	buf_must(b, STR("],\"usage\":"));
	if (whole)
		add_usage(b, &q->tokens);
	else
		buf_must(b, STR("null"));
	buf_must(b, STR("}"));
}

/* A stream of events, numbered. */
struct stream {
	const struct ask *q;
	struct answer *a;
	unsigned sequence;
};

static struct buf *
event_start(struct stream *s, const char *name)
{
	buf_mustf(&s->a->body,
	    "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u", name,
	    name, s->sequence++);
	return &s->a->body;
}

static void
event_end(struct stream *s, int64_t wait_ms)
{
	buf_must(&s->a->body, STR("}\n\n"));
	answer_piece(s->a, wait_ms);
}

static void
response_event(struct stream *s, const char *name, bool whole)
{
	struct buf *b = event_start(s, name);

	buf_must(b, STR(",\"response\":"));
	add_response(b, s->q, whole);
	event_end(s, 0);
}

static void
item_event(struct stream *s, const char *name, int index, enum item item,
    bool whole)
{
	struct buf *b = event_start(s, name);

	buf_mustf(b, ",\"output_index\":%d,\"item\":", index);
	add_item(b, s->q, item, whole);
	event_end(s, 0);
}

/* What an event is about: the item, and the place of the part within it
 * (calls have no parts). */
static void
add_place(struct buf *b, const struct stream *s, int index, const char *prefix)
{
	buf_mustf(b,
	    ",\"item_id\":\"%s_practice_%012" PRIu64 "\",\"output_index\":%d",
	    prefix, s->q->seq, index);
	if (!strcmp(prefix, "msg"))
		buf_must(b, STR(",\"content_index\":0"));
	else if (!strcmp(prefix, "rs"))
		buf_must(b, STR(",\"summary_index\":0"));
}

static void
text_event(struct stream *s, const char *name, int index, const char *prefix,
    const char *member, struct str text, int64_t wait_ms)
{
	struct buf *b = event_start(s, name);

	add_place(b, s, index, prefix);
	buf_mustf(b, ",\"%s\":", member);
	json_add(b, text);
	event_end(s, wait_ms);
}

static void
part_event(struct stream *s, const char *name, int index, const char *prefix,
    const char *text)
{
	struct buf *b = event_start(s, name);

	add_place(b, s, index, prefix);
	buf_must(b,
	    !strcmp(prefix, "rs")
		? STR(",\"part\":{\"type\":\"summary_text\",\"text\":")
		: STR(",\"part\":{\"type\":\"output_text\","
		      "\"annotations\":[],\"text\":"));
	json_add_c(b, text);
	buf_must(b, STR("}"));
	event_end(s, 0);
}

static void
error_event(struct stream *s)
{
	const struct ask *q = s->q;
	const char *message =
	    q->script->message ? q->script->message : "practice error";
	struct buf *b;

	b = event_start(s, "response.failed");
	buf_mustf(b,
	    ",\"response\":{\"id\":\"resp_practice_%012" PRIu64
	    "\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],"
	    "\"usage\":null,\"model\":",
	    q->seq);
	json_add_c(b, q->model);
	buf_must(b, STR(",\"error\":{\"code\":"));
	json_add_c(b, q->script->errorevent);
	buf_must(b, STR(",\"message\":"));
	json_add_c(b, message);
	buf_must(b, STR("}}"));
	event_end(s, q->interval_ms);
}

static void
stream_thinking(struct stream *s)
{
	static const char said[] = "Practice thinks.";

	item_event(s, "response.output_item.added", 0, ITEM_REASONING, false);
	part_event(s, "response.reasoning_summary_part.added", 0, "rs", "");
	text_event(s, "response.reasoning_summary_text.delta", 0, "rs", "delta",
	    STR(said), s->q->interval_ms);
	text_event(s, "response.reasoning_summary_text.done", 0, "rs", "text",
	    STR(said), 0);
	part_event(s, "response.reasoning_summary_part.done", 0, "rs", said);
	item_event(s, "response.output_item.done", 0, ITEM_REASONING, true);
}

/* Returns false when the error event ended it. */
static bool
stream_message(struct stream *s, int index)
{
	const struct ask *q = s->q;

	item_event(s, "response.output_item.added", index, ITEM_MESSAGE, false);
	part_event(s, "response.content_part.added", index, "msg", "");
	for (size_t i = 0; i <= q->deltas; i++) {
		if (error_is_due(q, i)) {
			error_event(s);
			return false;
		}
		if (i < q->deltas)
			text_event(s, "response.output_text.delta", index,
			    "msg", "delta", ask_delta(q, i), q->interval_ms);
	}
	if (!ending_is_due(q, ENDING_USUAL))
		return false;
	text_event(s, "response.output_text.done", index, "msg", "text",
	    str_of(q->text), 0);
	part_event(s, "response.content_part.done", index, "msg", q->text);
	item_event(s, "response.output_item.done", index, ITEM_MESSAGE, true);
	return true;
}

static void
stream_call(struct stream *s, int index)
{
	const struct ask *q = s->q;
	const char *prefix = q->tool_is_custom ? "ctc" : "fc";
	struct str input = str_of(q->tool_input);

	item_event(s, "response.output_item.added", index, ITEM_CALL, false);
	text_event(s,
	    q->tool_is_custom ? "response.custom_tool_call_input.delta"
			      : "response.function_call_arguments.delta",
	    index, prefix, "delta", str_first(input, input.len / 2),
	    q->interval_ms);
	text_event(s,
	    q->tool_is_custom ? "response.custom_tool_call_input.delta"
			      : "response.function_call_arguments.delta",
	    index, prefix, "delta", str_skip(input, input.len / 2),
	    q->interval_ms);
	text_event(s,
	    q->tool_is_custom ? "response.custom_tool_call_input.done"
			      : "response.function_call_arguments.done",
	    index, prefix, q->tool_is_custom ? "input" : "arguments", input, 0);
	item_event(s, "response.output_item.done", index, ITEM_CALL, true);
}

static void
stream_all(const struct ask *q, struct answer *a)
{
	struct stream s = { .q = q, .a = a };
	enum item item = item_of(q);
	int index = 0;

	a->stream = true;
	answer_header(a, "content-type: text/event-stream; charset=utf-8");
	if (error_is_due(q, 0)) {
		error_event(&s);
		return;
	}
	response_event(&s, "response.created", false);
	response_event(&s, "response.in_progress", false);
	if (script_num(q->script->thinking, 0)) {
		stream_thinking(&s);
		index++;
	}
	if (item == ITEM_MESSAGE) {
		if (!stream_message(&s, index))
			return;
	} else if (item == ITEM_CALL) {
		stream_call(&s, index);
	} else {
		item_event(&s, "response.output_item.added", index, item, true);
		item_event(&s, "response.output_item.done", index, item, true);
	}
	if (ending_is_due(q, ENDING_TERMINAL))
		response_event(&s, "response.completed", true);
}

void
responses_answer(const struct ask *q, struct answer *a)
{
	if (q->stream) {
		stream_all(q, a);
		return;
	}
	answer_header(a, "content-type: application/json");
	add_response(&a->body, q, true);
}

void
responses_compact(const struct ask *q, struct answer *a)
{
	answer_header(a, "content-type: application/json");
	buf_mustf(&a->body,
	    "{\"id\":\"resp_practice_%012" PRIu64
	    "\",\"object\":\"response.compaction\",\"created_at\":1767225600,"
	    "\"output\":[",
	    q->seq);
	add_item(&a->body, q, ITEM_COMPACTION, true);
	buf_must(&a->body, STR("],\"usage\":"));
	add_usage(&a->body, &q->tokens);
	buf_must(&a->body, STR("}"));
}

/* codex falls back to POST at once on this status and on no other. */
void
responses_websocket(const struct ask *q, struct answer *a)
{
	(void)q;
	a->status = 426;
	answer_header(a, "content-type: application/json");
	buf_must(&a->body,
	    STR("{\"error\":{\"message\":\"The practice upstream speaks no "
		"WebSocket.\",\"type\":\"invalid_request_error\","
		"\"param\":null,\"code\":\"upgrade_required\"}}"));
}
