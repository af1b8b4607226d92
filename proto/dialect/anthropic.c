/* SPDX-License-Identifier: MIT */
/* anthropic.c - the dialect of Anthropic Messages. */
#include "proto/dialect/common.h"
#include "proto/json.h"

static const struct span_want wants[WANT_COUNT] = {
	[WANT_MODEL] = { "model" },
	[WANT_STREAM] = { "stream" },
	[WANT_MAX_TOKENS] = { "max_tokens" },
	[WANT_USER_ID] = { "metadata.user_id" },
	[WANT_SYSTEM] = { "system" },
	[WANT_TOOLS] = { "tools" },
	[WANT_MESSAGES] = { "messages" },
};

static void
message(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("usage")))
			usage_from_anthropic(&w->usage, m.value);
		else if (member_is(&m, STR("model")))
			raw_copy(m.value, w->model, sizeof(w->model));
	}
}

/* Text, thinking or tool input: of a delta, or of a block of a whole answer. */
static void
block(struct watch *w, struct str json)
{
	struct cursor c;
	struct member m;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("text")) ||
		    member_is(&m, STR("thinking")) ||
		    member_is(&m, STR("partial_json")) ||
		    member_is(&m, STR("input")))
			common_delta(w, m.value);
	}
}

/* The members of an event that matter are named in only one kind of it. */
static unsigned
told_error(struct watch *w, struct str json)
{
	return common_error(w,
	    cursor_find(cursor_find(json, STR("error")), STR("type")));
}

static unsigned
watch(struct watch *w, const struct sse_event *e)
{
	/* Some who speak this dialect leave the names of events away. */
	struct str kind =
	    e->name.len ? e->name : raw_text(cursor_find(e->data, STR("type")));

	w->began = true;
	if (str_eq(kind, STR("content_block_delta"))) {
		block(w, cursor_find(e->data, STR("delta")));
		w->content = true;
		return WATCH_CONTENT;
	}
	if (str_starts(kind, STR("content_block_"))) {
		w->content = true;
		return WATCH_CONTENT;
	}
	if (str_eq(kind, STR("message_start"))) {
		message(w, cursor_find(e->data, STR("message")));
	} else if (str_eq(kind, STR("message_delta"))) {
		usage_from_anthropic(&w->usage,
		    cursor_find(e->data, STR("usage")));
	} else if (str_eq(kind, STR("message_stop"))) {
		/* Some hosts tell it last, or once more. */
		usage_from_anthropic(&w->usage,
		    cursor_find(e->data, STR("usage")));
		w->terminal = true;
		return WATCH_TERMINAL;
	} else if (str_eq(kind, STR("error"))) {
		return told_error(w, e->data);
	}
	return 0;
}

static void
watch_body(struct watch *w, struct str body)
{
	struct cursor c;
	struct member m;

	if (str_eq(raw_text(cursor_find(body, STR("type"))), STR("error"))) {
		told_error(w, body);
		return;
	}
	message(w, body);
	cursor_init(&c, cursor_find(body, STR("content")));
	while (cursor_next(&c, &m))
		block(w, m.value);
	common_whole(w);
}

static enum err
document(const struct refusal *r, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "type", STR("error"));
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say(&j, "type", str_of(fault_row(r->fault)->anthropic));
	json_say(&j, "message", str_of(r->text));
	json_close(&j, '}');
	if (r->request_id)
		json_say(&j, "request_id", str_of(r->request_id));
	json_close(&j, '}');
	return json_end(&j);
}

static void
write_fault(const struct refusal *r, bool midstream, struct buf *out)
{
	if (midstream)
		common_fault(STR("event: error\ndata: "), document, STR("\n\n"),
		    r, out);
	else
		common_fault(STR(""), document, STR(""), r, out);
}

const struct dialect dialect_anthropic = {
	.name = "anthropic",
	.label = "Anthropic Messages",
	.wants = wants,
	.peek = common_peek,
	.watch = watch,
	.watch_body = watch_body,
	.has_terminal = true,
	.ping = { .at = "event: ping\ndata: {\"type\":\"ping\"}\n\n",
	    .len = sizeof("event: ping\ndata: {\"type\":\"ping\"}\n\n") - 1 },
	.write_fault = write_fault,
};
