/* SPDX-License-Identifier: MIT */
/* gemini.c - the dialect of Google's Gemini, plain or within the envelope of
 * Code Assist ({"response":{...}}).
 *
 * A stream is events, or (without alt=sse) one array of the same objects.
 * Nothing in it says that it has ended. */
#include <stdio.h>

#include "proto/dialect/common.h"
#include "proto/json.h"

static const struct span_want wants[WANT_COUNT] = {
	[WANT_MODEL] = { "model" },
	[WANT_MODEL_TOO] = { "request.model" },
	[WANT_MAX_TOKENS] = { "generationConfig.maxOutputTokens" },
	[WANT_MAX_TOKENS_TOO] = { "request.generationConfig.maxOutputTokens" },
	[WANT_SESSION] = { "request.session_id" },
	[WANT_PROMPT_ID] = { "user_prompt_id" },
	[WANT_SYSTEM] = { "systemInstruction" },
	[WANT_SYSTEM_TOO] = { "request.systemInstruction" },
	[WANT_TOOLS] = { "tools" },
	[WANT_TOOLS_TOO] = { "request.tools" },
	[WANT_MESSAGES] = { "contents" },
	[WANT_MESSAGES_TOO] = { "request.contents" },
};

static bool
parts(struct watch *w, struct str json)
{
	struct cursor c, in;
	struct member part, m;
	bool any = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &part)) {
		any = true;
		cursor_init(&in, part.value);
		while (cursor_next(&in, &m)) {
			if (member_is(&m, STR("text")) ||
			    member_is(&m, STR("functionCall")))
				common_delta(w, m.value);
		}
	}
	return any;
}

static bool
candidate(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	bool content = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("content"))) {
			content |= parts(w, cursor_find(m.value, STR("parts")));
		} else if (member_is(&m, STR("finishReason")) &&
		    !raw_says_nothing(m.value)) {
			w->terminal = content = true;
		}
	}
	return content;
}

static bool
candidates(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	bool content = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m))
		content |= candidate(w, m.value);
	return content;
}

/* One member of an answer; returns WATCH_ bits. */
static unsigned
answer_member(struct watch *w, const struct member *m)
{
	bool content = false;

	if (member_is(m, STR("candidates"))) {
		content = candidates(w, m->value);
	} else if (member_is(m, STR("usageMetadata"))) {
		usage_from_gemini(&w->usage, m->value);
	} else if (member_is(m, STR("modelVersion"))) {
		raw_copy(m->value, w->model, sizeof(w->model));
	} else if (member_is(m, STR("promptFeedback"))) {
		/* A refusal is an answer, and all of it. */
		content = cursor_find(m->value, STR("blockReason")).len > 0;
		w->terminal |= content;
	} else if (member_is(m, STR("error")) && !raw_says_nothing(m->value)) {
		return common_error(w, cursor_find(m->value, STR("status")));
	}
	w->content |= content;
	return content ? WATCH_CONTENT : 0;
}

/* One object of a stream, in the envelope or plain. */
static unsigned
object(struct watch *w, struct str json)
{
	struct cursor c, in;
	struct member m, inner;
	unsigned seen = 0;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (!member_is(&m, STR("response"))) {
			seen |= answer_member(w, &m);
			continue;
		}
		cursor_init(&in, m.value);
		while (cursor_next(&in, &inner))
			seen |= answer_member(w, &inner);
	}
	return seen;
}

static unsigned
watch(struct watch *w, const struct sse_event *e)
{
	w->began = true;
	return object(w, e->data);
}

static void
watch_body(struct watch *w, struct str body)
{
	struct cursor c;
	struct member m;
	struct str text = body;

	while (text.len && (unsigned char)text.at[0] <= ' ')
		text = str_skip(text, 1);
	if (raw_is_array(text)) {
		cursor_init(&c, text);
		while (cursor_next(&c, &m))
			object(w, m.value);
	} else {
		object(w, text);
	}
	if (!w->error)
		common_whole(w);
}

static enum err
document(const struct refusal *r, struct buf *out)
{
	const struct fault_row *row = fault_row(r->fault);
	char delay[16];
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say_i64(&j, "code", row->status);
	json_say(&j, "message", str_of(r->text));
	json_say(&j, "status", str_of(row->google));
	if (r->retry_after_s) {
		/* Its clients do not read the retry-after header. */
		snprintf(delay, sizeof(delay), "%us", r->retry_after_s);
		json_put_key(&j, "details");
		json_open(&j, '[');
		json_open(&j, '{');
		json_say(&j, "@type",
		    STR("type.googleapis.com/google.rpc.RetryInfo"));
		json_say(&j, "retryDelay", str_of(delay));
		json_close(&j, '}');
		json_close(&j, ']');
	}
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}

static void
write_fault(const struct refusal *r, bool midstream, struct buf *out)
{
	if (!midstream)
		common_fault(STR(""), document, STR(""), r, out);
}

/* The ping is an empty line, and not a comment: Google's SDK for Python takes
 * every line that is neither empty nor data for the text of an error. */
const struct dialect dialect_gemini = {
	.name = "gemini",
	.label = "Google Gemini",
	.wants = wants,
	.peek = common_peek,
	.watch = watch,
	.watch_body = watch_body,
	.ping = { .at = "\n", .len = sizeof("\n") - 1 },
	.write_fault = write_fault,
};
