/* SPDX-License-Identifier: MIT */
/* openai_chat.c - the dialect of OpenAI Chat Completions.
 *
 * Spoken by many others, with small differences: usage inside a choice, error
 * objects with numbers for codes, chunks without choices. */
#include "proto/dialect/common.h"

static const struct span_want wants[WANT_COUNT] = {
	[WANT_MODEL] = { "model" },
	[WANT_STREAM] = { "stream" },
	[WANT_MAX_TOKENS] = { "max_tokens" },
	[WANT_MAX_TOKENS_TOO] = { "max_completion_tokens" },
	[WANT_CACHE_KEY] = { "prompt_cache_key" },
	[WANT_SESSION] = { "session_id" },
	[WANT_CONVERSATION_ID] = { "conversation_id" },
	[WANT_TOOLS] = { "tools" },
	[WANT_MESSAGES] = { "messages" },
	[WANT_STREAM_OPTIONS] = { "stream_options" },
	[WANT_INCLUDE_USAGE] = { "stream_options.include_usage" },
};

/* A delta, or a message of a whole answer: is there more than the role? */
static bool
delta(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	bool content = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("role")) || raw_says_nothing(m.value))
			continue;
		common_delta(w, m.value);
		content = true;
	}
	return content;
}

static bool
choice(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	bool content = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("delta")) ||
		    member_is(&m, STR("message")))
			content |= delta(w, m.value);
		else if (member_is(&m, STR("finish_reason")))
			content |= !raw_says_nothing(m.value);
		else if (member_is(&m, STR("usage")))
			usage_from_openai(&w->usage, m.value);
	}
	return content;
}

static bool
choices(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	bool content = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m))
		content |= choice(w, m.value);
	if (content)
		w->content = true;
	return content;
}

/* A chunk, or the whole of an answer. */
static unsigned
chunk(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;
	unsigned seen = 0;
	bool no_choices = true, usage = false;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("choices"))) {
			no_choices = raw_says_nothing(m.value);
			if (choices(w, m.value))
				seen |= WATCH_CONTENT;
		} else if (member_is(&m, STR("usage")) &&
		    raw_is_object(m.value)) {
			usage_from_openai(&w->usage, m.value);
			usage = true;
		} else if (member_is(&m, STR("service_tier"))) {
			usage_tier_from_openai(&w->usage, m.value);
		} else if (member_is(&m, STR("model"))) {
			if (!w->model[0])
				raw_copy(m.value, w->model, sizeof(w->model));
		} else if (member_is(&m, STR("error")) &&
		    !raw_says_nothing(m.value)) {
			seen |= common_openai_error(w, m.value);
		}
	}
	if (no_choices && usage)
		seen |= WATCH_USAGE_ONLY;
	return seen;
}

static unsigned
watch(struct watch *w, const struct sse_event *e)
{
	w->began = true;
	if (str_eq(str_trim(e->data), STR("[DONE]"))) {
		w->terminal = true;
		return WATCH_TERMINAL;
	}
	return chunk(w, e->data);
}

static void
watch_body(struct watch *w, struct str body)
{
	if (!(chunk(w, body) & WATCH_ERROR))
		common_whole(w);
}

static void
write_fault(const struct refusal *r, bool midstream, struct buf *out)
{
	/* No [DONE] behind it: that would be a tidy end. */
	if (midstream)
		common_fault(STR("data: "), common_openai_document, STR("\n\n"),
		    r, out);
	else
		common_fault(STR(""), common_openai_document, STR(""), r, out);
}

const struct dialect dialect_openai_chat = {
	.name = "openai_chat",
	.label = "OpenAI Chat Completions",
	.wants = wants,
	.peek = common_peek,
	.watch = watch,
	.watch_body = watch_body,
	.has_terminal = true,
	.ping = { .at = ": ping\n\n", .len = sizeof(": ping\n\n") - 1 },
	.write_fault = write_fault,
};
