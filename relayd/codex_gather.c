/* SPDX-License-Identifier: MIT */
/* codex_gather.c - a stream of Responses gathered into one answer, for callers
 * who do not stream: the backend of ChatGPT plans only streams. */
#include <stdlib.h>

#include "proto/cursor.h"
#include "proto/json.h"
#include "proto/span.h"
#include "proto/sse.h"

#include "relayd/codex.h"
#include "relayd/verdict.h"

/* An answer beyond this is none that anybody waits for whole. */
#define GATHER_MAX   SSE_EVENT_MAX
#define RETRY_MAX_MS (31LL * 86400 * 1000)

struct gather {
	struct reshape base;
	bool began, told;
	struct sse sse;
	struct buf items; /* finished ones, joined by commas */
};

/* The response, with the items that were told one by one when its own list is
 * empty (protocols/codex.md 3). */
static enum err
put_response(const struct gather *g, struct str response, struct buf *out)
{
	struct str output = cursor_find(response, STR("output"));
	struct splice s = { .with = buf_str(&g->items) };

	if (!raw_is_array(output) || !raw_says_nothing(output) || !s.with.len)
		return buf_add(out, response);
	s.from = (size_t)(output.at - response.at) + 1;
	s.to = s.from + output.len - 2;
	return splice_apply(response, &s, 1, out);
}

/* A string of the error, or what to say instead. */
static struct str
said(struct str error, struct str key, struct str instead)
{
	struct str value = cursor_find(error, key);

	return value.len > 2 && value.at[0] == '"' ? value : instead;
}

/* As a refusal says it, with the status that it stands for. */
static enum err
put_error(struct gather *g, struct str error, struct buf *out)
{
	struct str code = said(error, STR("code"), STR("null"));
	struct str type = said(error, STR("type"), STR("\"server_error\""));
	struct json_out j;

	/* Of an event its own type is no error's. */
	if (str_eq(type, STR("\"error\"")))
		type = STR("\"server_error\"");
	g->base.status = verdict_status_of(raw_text(code).len ? raw_text(code)
							      : raw_text(type));
	json_begin(&j, out);
	json_open(&j, '{');
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_put_key(&j, "message");
	json_put_raw(&j,
	    said(error, STR("message"), STR("\"the answer failed\"")));
	json_put_key(&j, "type");
	json_put_raw(&j, type);
	json_put_key(&j, "param");
	json_put_null(&j);
	json_put_key(&j, "code");
	json_put_raw(&j, code);
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j);
}

static enum err
take_event(struct gather *g, const struct sse_event *e, struct buf *out)
{
	struct str type = raw_text(cursor_find(e->data, STR("type")));
	struct str response = cursor_find(e->data, STR("response"));
	enum err err = OK;

	if (g->told)
		return OK;
	if (str_eq(type, STR("response.output_item.done"))) {
		if (buf_len(&g->items))
			err = buf_addc(&g->items, ',');
		if (!err)
			err = buf_add(&g->items,
			    cursor_find(e->data, STR("item")));
		return err;
	}
	if (str_eq(type, STR("response.completed")) ||
	    str_eq(type, STR("response.incomplete")) ||
	    str_eq(type, STR("response.done"))) {
		g->told = true;
		return put_response(g, response, out);
	}
	if (str_eq(type, STR("response.failed"))) {
		g->told = true;
		return put_error(g, cursor_find(response, STR("error")), out);
	}
	if (str_eq(type, STR("error"))) {
		struct str error = cursor_find(e->data, STR("error"));

		g->told = true;
		return put_error(g, raw_is_object(error) ? error : e->data,
		    out);
	}
	return OK;
}

static enum err
gather_feed(struct reshape *base, struct str piece, struct buf *out,
    struct why *out_why)
{
	struct gather *g = (struct gather *)base;
	struct sse_event event;
	size_t used;
	enum err e;

	if (!g->began) {
		sse_init(&g->sse);
		buf_init(&g->items, GATHER_MAX);
		g->began = true;
	}
	while (!(e = sse_feed(&g->sse, piece, &used, &event))) {
		e = take_event(g, &event, out);
		if (e)
			break;
		piece = str_skip(piece, used);
	}
	base->held = g->items.size;
	if (e == ERR_AGAIN)
		return OK;
	return why_set(out_why, e, "", "the answer is too large");
}

static enum err
gather_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct gather *g = (struct gather *)base;

	(void)out;
	if (g->told)
		return OK;
	return why_set(out_why, ERR_SYNTAX, "",
	    "the stream ended without its last event");
}

static void
gather_fini(struct reshape *base)
{
	struct gather *g = (struct gather *)base;

	if (!g->began)
		return;
	sse_fini(&g->sse);
	buf_fini(&g->items);
}

const struct reshape_ops codex_gather = {
	.content_type = "application/json",
	.size = sizeof(struct gather),
	.feed = gather_feed,
	.end = gather_end,
	.fini = gather_fini,
};

/* --- refusals ----------------------------------------------------------------- */

int64_t
codex_retry_ms(struct str body, int64_t wall_ms)
{
	struct str error = cursor_find(body, STR("error"));
	int64_t n, wait_ms = 0;

	if (!raw_count(cursor_find(error, STR("resets_at")), &n) &&
	    n < UINT32_MAX && n * 1000 > wall_ms)
		wait_ms = n * 1000 - wall_ms;
	else if (!raw_count(cursor_find(error, STR("resets_in_seconds")), &n) &&
	    n < RETRY_MAX_MS / 1000)
		wait_ms = n * 1000;
	return wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS;
}
