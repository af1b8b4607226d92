/* SPDX-License-Identifier: MIT */
/* codex_body.c - a Responses request as the backend of ChatGPT plans takes it
 * (protocols/codex.md 2.3). */
#include "proto/cursor.h"

#include "relayd/codex.h"

struct work {
	struct buf *out;
	bool first;
	enum err e; /* the first error; nothing is written after it */
};

static void
put(struct work *w, struct str text)
{
	if (!w->e)
		w->e = buf_add(w->out, text);
}

static void
put_key(struct work *w, struct str key)
{
	put(w, w->first ? STR("\"") : STR(",\""));
	w->first = false;
	put(w, key);
	put(w, STR("\":"));
}

static void
put_member(struct work *w, struct str key, struct str value)
{
	put_key(w, key);
	put(w, value);
}

/* The backend refuses a request that has one of these. */
static bool
is_unsupported(const struct member *m)
{
	static const char *const names[] = {
		"max_output_tokens",
		"max_completion_tokens",
		"temperature",
		"top_p",
		"user",
		"truncation",
		"context_management",
		"prompt_cache_options",
		"prompt_cache_retention",
		"safety_identifier",
		"stream_options",
		"metadata",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (member_is(m, str_of(names[i])))
			return true;
	return false;
}

/* Its word for a system message is developer. */
static void
put_item(struct work *w, struct str item)
{
	struct str role = cursor_find(item, STR("role"));

	if (!str_eq(raw_text(role), STR("system"))) {
		put(w, item);
		return;
	}
	put(w, str_first(item, (size_t)(role.at - item.at)));
	put(w, STR("\"developer\""));
	put(w, str_skip(item, (size_t)(role.at - item.at) + role.len));
}

static void
put_input(struct work *w, struct str value)
{
	bool first = true;
	struct cursor c;
	struct member m;

	if (value.len && value.at[0] == '"') {
		put(w,
		    STR("[{\"type\":\"message\",\"role\":\"user\",\"content\":"
			"[{\"type\":\"input_text\",\"text\":"));
		put(w, value);
		put(w, STR("}]}]"));
		return;
	}
	if (!raw_is_array(value)) {
		put(w, value);
		return;
	}
	put(w, STR("["));
	cursor_init(&c, value);
	while (cursor_next(&c, &m)) {
		if (!first)
			put(w, STR(","));
		first = false;
		put_item(w, m.value);
	}
	put(w, STR("]"));
}

static enum err
check(struct str body, struct why *out_why)
{
	struct str before = cursor_find(body, STR("previous_response_id"));
	struct str background = cursor_find(body, STR("background"));

	if (!raw_says_nothing(before))
		return why_set(out_why, ERR_UNSUPPORTED, "previous_response_id",
		    "an account of a ChatGPT plan keeps no responses; send the "
		    "whole conversation as input");
	if (str_eq(background, STR("true")))
		return why_set(out_why, ERR_UNSUPPORTED, "background",
		    "an account of a ChatGPT plan keeps no responses");
	return OK;
}

enum err
codex_body(struct str body, bool compact, struct buf *out, struct why *out_why)
{
	struct work w = { .out = out, .first = true };
	struct cursor c;
	struct member m;
	enum err e = check(body, out_why);

	if (e)
		return e;
	put(&w, STR("{"));
	cursor_init(&c, body);
	while (cursor_next(&c, &m)) {
		if (is_unsupported(&m) || member_is(&m, STR("store")) ||
		    member_is(&m, STR("stream")) ||
		    member_is(&m, STR("background")) ||
		    member_is(&m, STR("previous_response_id")))
			continue;
		put_key(&w, m.key);
		if (member_is(&m, STR("input")))
			put_input(&w, m.value);
		else
			put(&w, m.value);
	}
	if (!cursor_find(body, STR("instructions")).len)
		put_member(&w, STR("instructions"), STR("\"\""));
	if (!compact) {
		put_member(&w, STR("stream"), STR("true"));
		put_member(&w, STR("store"), STR("false"));
	}
	put(&w, STR("}"));
	return w.e;
}
