/* SPDX-License-Identifier: MIT */
/* chat.c - OpenAI's Chat Completions, streamed and whole. */
#include <inttypes.h>

#include "tests/upstream/ask.h"
#include "tests/upstream/json.h"

static void
add_usage(struct buf *b, const struct tokens *t)
{
	buf_mustf(b,
	    "{\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64
	    ",\"total_tokens\":%" PRId64
	    ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRId64
	    ",\"cache_write_tokens\":%" PRId64
	    ",\"audio_tokens\":0},\"completion_tokens_details\":"
	    "{\"reasoning_tokens\":%" PRId64 ",\"audio_tokens\":0}}",
	    t->in, t->out, t->in + t->out, t->cache_read, t->cache_5m,
	    t->reasoning);
}

static void
add_start(struct buf *b, const struct ask *q, const char *object)
{
	buf_mustf(b,
	    "{\"id\":\"chatcmpl-practice-%012" PRIu64
	    "\",\"object\":\"%s\",\"created\":1767225600,\"model\":",
	    q->seq, object);
	json_add_c(b, q->model);
	if (q->script->tier) {
		buf_must(b, STR(",\"service_tier\":"));
		json_add_c(b, q->script->tier);
	}
}

static void
add_call(struct buf *b, const struct ask *q, struct str input)
{
	buf_mustf(b,
	    "{\"id\":\"call_practice_%012" PRIu64
	    "\",\"type\":\"function\",\"function\":{\"name\":",
	    q->seq);
	json_add_c(b, q->script->tool);
	buf_must(b, STR(",\"arguments\":"));
	json_add(b, input);
	buf_must(b, STR("}}"));
}

static bool
wants_usage(const struct ask *q)
{
	const cJSON *options = cJSON_GetObjectItem(q->root, "stream_options");

	return cJSON_IsTrue(cJSON_GetObjectItem(options, "include_usage"));
}

static void
chunk_start(struct buf *b, const struct ask *q)
{
	buf_must(b, STR("data: "));
	add_start(b, q, "chat.completion.chunk");
	buf_must(b, STR(",\"choices\":["));
}

/* With include_usage every chunk but the last carries a null. */
static void
chunk_end(struct answer *a, const struct ask *q, int64_t wait_ms)
{
	buf_must(&a->body, STR("]"));
	if (wants_usage(q))
		buf_must(&a->body, STR(",\"usage\":null"));
	buf_must(&a->body, STR("}\n\n"));
	answer_piece(a, wait_ms);
}

static void
delta_start(struct buf *b, const struct ask *q)
{
	chunk_start(b, q);
	buf_must(b, STR("{\"index\":0,\"delta\":{"));
}

static void
delta_end(struct answer *a, const struct ask *q, const char *reason,
    int64_t wait_ms)
{
	if (reason)
		buf_mustf(&a->body,
		    "},\"logprobs\":null,\"finish_reason\":"
		    "\"%s\"}",
		    reason);
	else
		buf_must(&a->body,
		    STR("},\"logprobs\":null,\"finish_reason\":null}"));
	chunk_end(a, q, wait_ms);
}

static void
error_event(const struct ask *q, struct answer *a)
{
	const char *message = q->script->message;

	buf_must(&a->body, STR("data: {\"error\":{\"message\":"));
	json_add_c(&a->body, message ? message : "practice error");
	buf_must(&a->body, STR(",\"type\":"));
	json_add_c(&a->body, q->script->errorevent);
	buf_must(&a->body, STR(",\"param\":null,\"code\":null}}\n\n"));
	answer_piece(a, q->interval_ms);
}

/* Returns false when the error event ended it. */
static bool
stream_text(const struct ask *q, struct answer *a)
{
	for (size_t i = 0; i <= q->deltas; i++) {
		if (error_is_due(q, i)) {
			error_event(q, a);
			return false;
		}
		if (i == q->deltas)
			break;
		delta_start(&a->body, q);
		buf_must(&a->body, STR("\"content\":"));
		json_add(&a->body, ask_delta(q, i));
		delta_end(a, q, NULL, q->interval_ms);
	}
	return true;
}

static void
stream_call(const struct ask *q, struct answer *a)
{
	struct str input = str_of(q->tool_input);

	delta_start(&a->body, q);
	buf_mustf(&a->body,
	    "\"tool_calls\":[{\"index\":0,\"id\":\"call_practice_%012" PRIu64
	    "\",\"type\":\"function\",\"function\":{\"name\":",
	    q->seq);
	json_add_c(&a->body, q->script->tool);
	buf_must(&a->body, STR(",\"arguments\":\"\"}}]"));
	delta_end(a, q, NULL, q->interval_ms);
	for (int half = 0; half < 2; half++) {
		delta_start(&a->body, q);
		buf_must(&a->body,
		    STR("\"tool_calls\":[{\"index\":0,\"function\":"
			"{\"arguments\":"));
		json_add(&a->body,
		    half ? str_skip(input, input.len / 2)
			 : str_first(input, input.len / 2));
		buf_must(&a->body, STR("}}]"));
		delta_end(a, q, NULL, q->interval_ms);
	}
}

static void
stream_end(const struct ask *q, struct answer *a)
{
	if (!ending_is_due(q, ENDING_USUAL))
		return;
	delta_start(&a->body, q);
	delta_end(a, q, q->call_tool ? "tool_calls" : "stop", 0);
	if (wants_usage(q)) {
		chunk_start(&a->body, q);
		buf_must(&a->body, STR("],\"usage\":"));
		add_usage(&a->body, &q->tokens);
		buf_must(&a->body, STR("}\n\n"));
		answer_piece(a, 0);
	}
	if (ending_is_due(q, ENDING_TERMINAL))
		buf_must(&a->body, STR("data: [DONE]\n\n"));
	answer_piece(a, 0);
}

static void
stream_all(const struct ask *q, struct answer *a)
{
	a->stream = true;
	answer_header(a, "content-type: text/event-stream; charset=utf-8");
	if (error_is_due(q, 0)) {
		error_event(q, a);
		return;
	}
	delta_start(&a->body, q);
	buf_must(&a->body, STR("\"role\":\"assistant\",\"content\":\"\""));
	delta_end(a, q, NULL, 0);
	if (q->call_tool)
		stream_call(q, a);
	else if (!stream_text(q, a))
		return;
	stream_end(q, a);
}

void
chat_answer(const struct ask *q, struct answer *a)
{
	struct buf *b = &a->body;

	if (q->stream) {
		stream_all(q, a);
		return;
	}
	answer_header(a, "content-type: application/json");
	add_start(b, q, "chat.completion");
	buf_must(b,
	    STR(",\"choices\":[{\"index\":0,\"message\":{\"role\":"
		"\"assistant\",\"refusal\":null,\"content\":"));
	if (q->call_tool) {
		buf_must(b, STR("null,\"tool_calls\":["));
		add_call(b, q, str_of(q->tool_input));
		buf_must(b, STR("]"));
	} else {
		json_add_c(b, q->text);
	}
	buf_mustf(b,
	    "},\"logprobs\":null,\"finish_reason\":\"%s\"}],\"usage\":",
	    q->call_tool ? "tool_calls" : "stop");
	add_usage(b, &q->tokens);
	buf_must(b, STR("}"));
}
