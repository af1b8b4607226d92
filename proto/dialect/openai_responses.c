/* SPDX-License-Identifier: MIT */
/* openai_responses.c - the dialect of OpenAI Responses.
 *
 * Every event names itself in `event:` and in "type"; the answer as a whole
 * travels in the first and in the last one. */
#include "proto/dialect/common.h"
#include "proto/json.h"

static const struct span_want wants[WANT_COUNT] = {
	[WANT_MODEL] = { "model" },
	[WANT_STREAM] = { "stream" },
	[WANT_MAX_TOKENS] = { "max_output_tokens" },
	[WANT_CACHE_KEY] = { "prompt_cache_key" },
	[WANT_SESSION] = { "session_id" },
	[WANT_CONVERSATION_ID] = { "conversation_id" },
	[WANT_CONVERSATION] = { "conversation" },
	[WANT_PREVIOUS] = { "previous_response_id" },
	[WANT_STORE] = { "store" },
	[WANT_SYSTEM] = { "instructions" },
	[WANT_TOOLS] = { "tools" },
	[WANT_MESSAGES] = { "input" },
};

/* The response object: in an event, or as the body. */
static unsigned
response(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	unsigned seen = 0;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("usage")))
			usage_from_openai(&w->usage, m.value);
		else if (member_is(&m, STR("model")))
			raw_copy(m.value, w->model, sizeof(w->model));
		else if (member_is(&m, STR("id")))
			raw_copy(m.value, w->id, sizeof(w->id));
		else if (member_is(&m, STR("service_tier")))
			usage_tier_from_openai(&w->usage, m.value);
		else if (member_is(&m, STR("error")) &&
		    !raw_says_nothing(m.value))
			seen |= common_openai_error(w, m.value);
	}
	return seen;
}

/* An `error` event has its code at the top, or in an object as a body has. */
static unsigned
told_error(struct watch *w, struct str json)
{
	struct str error = cursor_find(json, STR("error"));
	struct str code = cursor_find(json, STR("code"));

	if (raw_is_object(error))
		return common_openai_error(w, error);
	return common_error(w, raw_text(error).len ? error : code);
}

static bool
is_terminal(struct str kind)
{
	return str_eq(kind, STR("response.completed")) ||
	    str_eq(kind, STR("response.incomplete")) ||
	    str_eq(kind, STR("response.failed")) ||
	    str_eq(kind, STR("response.done"));
}

static unsigned
ended(struct watch *w, struct str kind, struct str json)
{
	unsigned seen = WATCH_TERMINAL;

	seen |= response(w, cursor_find(json, STR("response")));
	if (str_eq(kind, STR("response.failed"))) {
		/* Failed without a word of content, it may yet be tried with
		 * another account. */
		w->error = true;
		seen |= WATCH_ERROR;
	} else {
		w->content = true;
		seen |= WATCH_CONTENT;
	}
	w->terminal = true;
	return seen;
}

static unsigned
watch(struct watch *w, const struct sse_event *e)
{
	struct str kind =
	    e->name.len ? e->name : raw_text(cursor_find(e->data, STR("type")));

	w->began = true;
	if (str_ends(kind, STR(".delta"))) {
		common_delta(w, cursor_find(e->data, STR("delta")));
		return WATCH_CONTENT;
	}
	if (str_eq(kind, STR("error")))
		return told_error(w, e->data);
	/* What is not about the response (limits, keep-alives) commits to
	 * nothing. */
	if (!str_starts(kind, STR("response.")) ||
	    str_eq(kind, STR("response.queued")) ||
	    str_eq(kind, STR("response.in_progress")))
		return 0;
	if (str_eq(kind, STR("response.created")))
		return response(w, cursor_find(e->data, STR("response")));
	if (is_terminal(kind))
		return ended(w, kind, e->data);
	w->content = true;
	return WATCH_CONTENT;
}

static void
watch_body(struct watch *w, struct str body)
{
	struct str output = cursor_find(body, STR("output"));

	if (response(w, body) & WATCH_ERROR)
		return;
	if (raw_is_array(output))
		common_delta(w, output);
	common_whole(w);
}

/* response.failed and not `error`: all versions of codex know it, tell the
 * code to the user and try again; the SDKs take it for the end.  Of `error`
 * some say only that the stream was cut. */
static enum err
failed_document(const struct refusal *r, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "type", STR("response.failed"));
	json_say_i64(&j, "sequence_number", 0);
	json_put_key(&j, "response");
	json_open(&j, '{');
	json_say(&j, "id", str_of(r->request_id ? r->request_id : ""));
	json_say(&j, "object", STR("response"));
	json_say_i64(&j, "created_at", 0);
	json_say(&j, "status", STR("failed"));
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say(&j, "code", str_of(fault_row(r->fault)->openai_code));
	json_say(&j, "message", str_of(r->text));
	json_close(&j, '}');
	json_say_null(&j, "incomplete_details");
	json_put_key(&j, "output");
	json_open(&j, '[');
	json_close(&j, ']');
	json_say_null(&j, "usage");
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}

static void
write_fault(const struct refusal *r, bool midstream, struct buf *out)
{
	if (midstream)
		common_fault(STR("event: response.failed\ndata: "),
		    failed_document, STR("\n\n"), r, out);
	else
		common_fault(STR(""), common_openai_document, STR(""), r, out);
}

const struct dialect dialect_openai_responses = {
	.name = "openai_responses",
	.label = "OpenAI Responses",
	.wants = wants,
	.peek = common_peek,
	.watch = watch,
	.watch_body = watch_body,
	.has_terminal = true,
	.ping = { .at = ": ping\n\n", .len = sizeof(": ping\n\n") - 1 },
	.write_fault = write_fault,
};
