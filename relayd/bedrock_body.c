/* SPDX-License-Identifier: MIT */
/* bedrock_body.c - a request of Anthropic's as Bedrock takes it.
 *
 * The text is walked once and copied as it is but for what Bedrock would
 * refuse (protocols/bedrock.md 3): members it calls extra inputs, marks of
 * caches it does not know, betas it has not.  What stands inside a tool's
 * input is the user's and never touched. */
#include <string.h>

#include "proto/cursor.h"
#include "proto/enc.h"
#include "proto/json.h"

#include "relayd/bedrock.h"

/* A plan is one letter for each of these, then the betas as a JSON array. */
enum {
	PLAN_COUNT,  /* 'c': wrapped for being counted */
	PLAN_TTL,    /* 't': the model knows caches of an hour */
	PLAN_EFFORT, /* 'e': the model knows output_config */
	PLAN_TOOLS,  /* 's': tools may say what tool search wants of them */
	PLAN_BETAS,
};

struct work {
	struct str plan;
	struct buf *out;
	enum err e; /* the first error; nothing is written after it */
	bool is_call, is_result; /* of a tool: the block being written */
};

/* --- the plan ------------------------------------------------------------------- */

/* What Bedrock knows of the betas of Anthropic's API; a token it does not know
 * would be its 400 (3.1). */
static const struct {
	const char *from, *to;
} betas[] = {
	{ "computer-use-2025-01-24", "computer-use-2025-01-24" },
	{ "computer-use-2025-11-24", "computer-use-2025-11-24" },
	{ "context-1m-2025-08-07", "context-1m-2025-08-07" },
	{ "compact-2026-01-12", "compact-2026-01-12" },
	{ "tool-search-tool-2025-10-19", "tool-search-tool-2025-10-19" },
	{ "tool-examples-2025-10-29", "tool-examples-2025-10-29" },
	{ "advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19" },
	{ "advanced-tool-use-2025-11-20", "tool-examples-2025-10-29" },
};

#define BETAS (sizeof(betas) / sizeof(betas[0]))

static bool
has_beta(const struct http1_head *head, const char *token)
{
	return http1_has_token(head, STR("anthropic-beta"), str_of(token));
}

/* Was it made before that generation of models? */
static bool
is_before_4_5(struct str model)
{
	return str_find(model, STR("claude-3")) >= 0 ||
	    str_find(model, STR("-4-2025")) >= 0 ||
	    str_find(model, STR("-4-0")) >= 0 ||
	    str_find(model, STR("-4-1")) >= 0;
}

enum err
bedrock_plan(const struct http1_head *head, struct str model, bool count,
    struct buf *out)
{
	bool old = is_before_4_5(model), searches;
	bool older = old || str_find(model, STR("-4-5")) >= 0;
	const char *last = "";
	enum err e;

	searches = has_beta(head, "advanced-tool-use-2025-11-20") ||
	    has_beta(head, "tool-search-tool-2025-10-19");
	e = buf_addf(out, "%c%c%c%c[", count ? 'c' : '-', old ? '-' : 't',
	    older ? '-' : 'e', searches ? 's' : '-');
	for (size_t i = 0; i < BETAS && !e; i++) {
		bool told = false;

		if (!has_beta(head, betas[i].from))
			continue;
		/* Two of them may stand for one. */
		for (size_t k = 0; k < i; k++)
			told = told ||
			    (!strcmp(betas[k].to, betas[i].to) &&
				has_beta(head, betas[k].from));
		if (!told)
			e = buf_addf(out, "%s\"%s\"", last, betas[i].to);
		last = ",";
	}
	return e ? e : buf_addc(out, ']');
}

static bool
plans(const struct work *w, size_t what)
{
	return w->plan.at[what] != '-';
}

/* --- writing --------------------------------------------------------------------- */

static void
put(struct work *w, struct str text)
{
	if (!w->e)
		w->e = buf_add(w->out, text);
}

/* Before a member or an element: a comma, but for the first. */
static void
put_comma(struct work *w, bool *io_first)
{
	if (!*io_first)
		put(w, STR(","));
	*io_first = false;
}

static void
put_key(struct work *w, bool *io_first, struct str key)
{
	put_comma(w, io_first);
	put(w, STR("\""));
	put(w, key);
	put(w, STR("\":"));
}

static void
put_member(struct work *w, bool *io_first, const struct member *m)
{
	put_key(w, io_first, m->key);
	put(w, m->value);
}

typedef void put_value(struct work *w, struct str value);

/* An array, each element by `each`. */
static void
put_array(struct work *w, struct str value, put_value *each)
{
	bool first = true;
	struct cursor c;
	struct member m;

	if (!raw_is_array(value)) {
		put(w, value);
		return;
	}
	put(w, STR("["));
	cursor_init(&c, value);
	while (cursor_next(&c, &m)) {
		put_comma(w, &first);
		each(w, m.value);
	}
	put(w, STR("]"));
}

/* What becomes of one member of an object: written after put_key(), or not. */
typedef void put_each(struct work *w, bool *io_first, const struct member *m);

/* An object, member by member; what is none, as it is. */
static void
put_object(struct work *w, struct str value, put_each *each)
{
	bool first = true;
	struct cursor c;
	struct member m;

	if (!raw_is_object(value)) {
		put(w, value);
		return;
	}
	put(w, STR("{"));
	cursor_init(&c, value);
	while (cursor_next(&c, &m))
		each(w, &first, &m);
	put(w, STR("}"));
}

/* --- parts ---------------------------------------------------------------------------- */

/* Bedrock knows a type and, of newer models, a ttl. */
static void
put_mark(struct work *w, bool *io_first, const struct member *m)
{
	if (member_is(m, STR("type")) ||
	    (member_is(m, STR("ttl")) && plans(w, PLAN_TTL)))
		put_member(w, io_first, m);
}

/* A member whose value is no more than passed on, but for marks of caches. */
static void
put_marked(struct work *w, bool *io_first, const struct member *m)
{
	put_key(w, io_first, m->key);
	if (member_is(m, STR("cache_control")))
		put_object(w, m->value, put_mark);
	else
		put(w, m->value);
}

/* The id of a call: other characters than these are refused. */
static void
put_tool_id(struct work *w, struct str value)
{
	char id[128];

	if (value.len > sizeof(id) || value.len < 2) {
		put(w, value);
		return;
	}
	memcpy(id, value.at, value.len);
	for (size_t i = 1; i + 1 < value.len; i++) {
		char c = id[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			id[i] = '_';
	}
	put(w, str_at(id, value.len));
}

/* A block inside a tool's result. */
static void
put_inner_block(struct work *w, struct str value)
{
	put_object(w, value, put_marked);
}

static void
put_block_member(struct work *w, bool *io_first, const struct member *m)
{
	bool id = (w->is_call && member_is(m, STR("id"))) ||
	    (w->is_result && member_is(m, STR("tool_use_id")));

	if (!id && !(w->is_result && member_is(m, STR("content")))) {
		put_marked(w, io_first, m);
		return;
	}
	put_key(w, io_first, m->key);
	if (id)
		put_tool_id(w, m->value);
	else
		put_array(w, m->value, put_inner_block);
}

/* A block of the system prompt or of a message. */
static void
put_block(struct work *w, struct str value)
{
	struct str type = raw_text(cursor_find(value, STR("type")));

	w->is_call = str_eq(type, STR("tool_use"));
	w->is_result = str_eq(type, STR("tool_result"));
	put_object(w, value, put_block_member);
}

static void
put_message_member(struct work *w, bool *io_first, const struct member *m)
{
	put_key(w, io_first, m->key);
	if (member_is(m, STR("content")))
		put_array(w, m->value, put_block);
	else
		put(w, m->value);
}

static void
put_message(struct work *w, struct str value)
{
	put_object(w, value, put_message_member);
}

static void
put_tool_member(struct work *w, bool *io_first, const struct member *m)
{
	if (member_is(m, STR("custom")) ||
	    member_is(m, STR("eager_input_streaming")))
		return;
	if (!plans(w, PLAN_TOOLS) &&
	    (member_is(m, STR("defer_loading")) ||
		member_is(m, STR("input_examples"))))
		return;
	put_marked(w, io_first, m);
}

static void
put_tool(struct work *w, struct str value)
{
	put_object(w, value, put_tool_member);
}

/* The one edit of a context that Bedrock makes; false: there is none. */
static bool
has_compact_edit(struct str value)
{
	struct cursor c;
	struct member m;

	cursor_init(&c, cursor_find(value, STR("edits")));
	while (cursor_next(&c, &m))
		if (str_eq(raw_text(cursor_find(m.value, STR("type"))),
			STR("compact_20260112")))
			return true;
	return false;
}

static void
put_context(struct work *w, struct str value)
{
	bool first = true;
	struct cursor c;
	struct member m;

	put(w, STR("{\"edits\":["));
	cursor_init(&c, cursor_find(value, STR("edits")));
	while (cursor_next(&c, &m)) {
		if (!str_eq(raw_text(cursor_find(m.value, STR("type"))),
			STR("compact_20260112")))
			continue;
		put_comma(w, &first);
		put(w, m.value);
	}
	put(w, STR("]}"));
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Members of the request that Bedrock calls extra inputs, or that stand
 * elsewhere there. */
static bool
is_dropped(const struct work *w, const struct member *m)
{
	static const char *const names[] = {
		"anthropic_version",
		"anthropic_beta",
		"model",
		"stream",
		"service_tier",
		"inference_geo",
		"mcp_servers",
		"container",
		"speed",
		"betas",
		"output_format",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (member_is(m, str_of(names[i])))
			return true;
	if (member_is(m, STR("output_config")))
		return !plans(w, PLAN_EFFORT);
	return member_is(m, STR("context_management")) &&
	    !has_compact_edit(m->value);
}

/* The betas of the head, or those that the body names in Bedrock's own way. */
static void
put_betas(struct work *w, struct str body)
{
	struct str told = str_skip(w->plan, PLAN_BETAS);

	if (raw_says_nothing(told))
		told = cursor_find(body, STR("anthropic_beta"));
	if (!raw_is_array(told) || raw_says_nothing(told))
		return;
	put(w, STR(",\"anthropic_beta\":"));
	put(w, told);
}

static void
put_request(struct work *w, struct str body)
{
	bool first = false;
	struct cursor c;
	struct member m;

	put(w, STR("{\"anthropic_version\":\"bedrock-2023-05-31\""));
	put_betas(w, body);
	cursor_init(&c, body);
	while (cursor_next(&c, &m)) {
		if (is_dropped(w, &m))
			continue;
		put_key(w, &first, m.key);
		if (member_is(&m, STR("messages")))
			put_array(w, m.value, put_message);
		else if (member_is(&m, STR("system")))
			put_array(w, m.value, put_block);
		else if (member_is(&m, STR("tools")))
			put_array(w, m.value, put_tool);
		else if (member_is(&m, STR("context_management")))
			put_context(w, m.value);
		else
			put(w, m.value);
	}
	/* To be counted it must be one that could be sent. */
	if (plans(w, PLAN_COUNT) && !cursor_find(body, STR("max_tokens")).len)
		put(w, STR(",\"max_tokens\":1"));
	put(w, STR("}"));
}

enum err
bedrock_body(struct str plan, struct str body, struct buf *out,
    struct why *out_why)
{
	struct work w = { .plan = plan, .out = out };
	struct buf inner;

	(void)out_why;
	if (!plans(&w, PLAN_COUNT)) {
		put_request(&w, body);
		return w.e;
	}
	buf_init(&inner, out->max);
	w.out = &inner;
	put_request(&w, body);
	w.out = out;
	put(&w, STR("{\"input\":{\"invokeModel\":{\"body\":\""));
	if (!w.e)
		w.e = enc_base64(out, buf_str(&inner), ENC_BASE64);
	put(&w, STR("\"}}}"));
	buf_fini(&inner);
	return w.e;
}
