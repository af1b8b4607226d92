/* SPDX-License-Identifier: MIT */
/* rename.c - answers that name the model as its client does.
 *
 * What is too large to be held until it is whole is passed on as it is: an
 * answer under the upstream's name is better than none. */
#include "relayd/rename.h"

#include "proto/cursor.h"
#include "proto/json.h"
#include "proto/span.h"
#include "proto/sse.h"

#define NAME_MAX_BYTES 4096
/* Names in one answer, and one more that no dialect has. */
#define NAMES_MAX 4

/* The JSON string under a key of an object, as a splice of `json`. */
static void
note_name(struct str json, struct str value, struct splice *at, size_t *io_n)
{
	if (value.len < 2 || value.at[0] != '"' || *io_n == NAMES_MAX)
		return;
	at[*io_n].from = (size_t)(value.at - json.at);
	at[*io_n].to = at[*io_n].from + value.len;
	++*io_n;
}

/* A message of Anthropic's, a response of OpenAI's or in Google's envelope. */
static void
note_inner(struct str json, struct str value, struct splice *at, size_t *io_n)
{
	note_name(json, cursor_find(value, STR("model")), at, io_n);
	note_name(json, cursor_find(value, STR("modelVersion")), at, io_n);
}

static size_t
find_names(struct str json, struct splice at[NAMES_MAX])
{
	struct cursor c;
	struct member m;
	size_t n = 0;

	cursor_init(&c, json);
	while (cursor_next(&c, &m)) {
		if (member_is(&m, STR("model")) ||
		    member_is(&m, STR("modelVersion")))
			note_name(json, m.value, at, &n);
		else if (member_is(&m, STR("message")) ||
		    member_is(&m, STR("response")))
			note_inner(json, m.value, at, &n);
	}
	return n;
}

enum err
rename_model(struct str json, struct str name, struct buf *out)
{
	struct splice at[NAMES_MAX];
	size_t n = find_names(json, at);
	struct json_out j;
	struct buf quoted;
	struct str text;
	enum err e;

	if (!n)
		return buf_add(out, json);
	buf_init(&quoted, NAME_MAX_BYTES);
	json_begin(&j, &quoted);
	json_open(&j, '[');
	json_put_string(&j, name);
	json_close(&j, ']');
	e = json_end(&j);
	text = buf_str(&quoted);
	for (size_t i = 0; !e && i < n; i++)
		at[i].with = str_at(text.at + 1, text.len - 2);
	if (!e)
		e = splice_apply(json, at, n, out);
	buf_fini(&quoted);
	return e;
}

/* --- a stream ---------------------------------------------------------------- */

struct events {
	struct reshape base;
	bool began;
	bool passes; /* nothing is looked at any more */
	struct sse sse;
	struct buf raw; /* of the event that is not whole yet */
};

/* The bytes of a whole event: its data, when that is one line, renamed. */
static enum err
put_event(const struct events *s, struct str event, struct buf *out)
{
	struct str mark = STR("data:"), head, data, tail;
	ptrdiff_t at = str_find(event, mark), end;

	while (at > 0 && event.at[at - 1] != '\n' && event.at[at - 1] != '\r') {
		struct str rest = str_skip(event, (size_t)at + mark.len);
		ptrdiff_t next = str_find(rest, mark);

		at = next < 0 ? next : at + (ptrdiff_t)mark.len + next;
	}
	if (at < 0)
		return buf_add(out, event);
	head = str_first(event, (size_t)at + mark.len);
	data = str_skip(event, head.len);
	for (end = 0; (size_t)end < data.len; end++)
		if (data.at[end] == '\n' || data.at[end] == '\r')
			break;
	tail = str_skip(data, (size_t)end);
	data = str_first(data, (size_t)end);
	/* Data of several lines is nobody's habit: as it is. */
	if (str_find(tail, mark) >= 0)
		return buf_add(out, event);
	if (buf_add(out, head) || rename_model(data, s->base.model, out))
		return ERR_LIMIT;
	return buf_add(out, tail);
}

static enum err
pass_piece(struct str piece, struct buf *out, struct why *out_why)
{
	enum err e = buf_add(out, piece);

	return e ? why_set(out_why, e, "", "the answer is too large") : OK;
}

/* From here on as it comes: what was kept, and this. */
static enum err
pass_on(struct reshape *base, struct buf *kept, struct str piece,
    struct buf *out, struct why *out_why)
{
	enum err e = pass_piece(buf_str(kept), out, out_why);

	buf_fini(kept);
	base->held = 0;
	return e ? e : pass_piece(piece, out, out_why);
}

static enum err
events_feed(struct reshape *base, struct str piece, struct buf *out,
    struct why *out_why)
{
	struct events *s = (struct events *)base;
	struct sse_event event;
	size_t used;
	enum err e;

	if (!s->began) {
		sse_init(&s->sse);
		buf_init(&s->raw, SSE_EVENT_MAX);
		s->began = true;
	}
	if (s->passes)
		return pass_piece(piece, out, out_why);
	while (!(e = sse_feed(&s->sse, piece, &used, &event))) {
		if (buf_add(&s->raw, str_first(piece, used))) {
			e = ERR_LIMIT;
			break;
		}
		if (put_event(s, buf_str(&s->raw), out))
			return why_set(out_why, ERR_LIMIT, "",
			    "an event is too large");
		buf_clear(&s->raw);
		piece = str_skip(piece, used);
	}
	if (e == ERR_AGAIN)
		e = buf_add(&s->raw, piece);
	if (e) {
		s->passes = true;
		return pass_on(base, &s->raw, piece, out, out_why);
	}
	/* Comments and empty lines need not wait for an event. */
	if (sse_between(&s->sse)) {
		e = pass_piece(buf_str(&s->raw), out, out_why);
		buf_clear(&s->raw);
	}
	base->held = s->raw.size;
	return e;
}

static enum err
events_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct events *s = (struct events *)base;

	(void)out_why;
	return s->began ? buf_add(out, buf_str(&s->raw)) : OK;
}

static void
events_fini(struct reshape *base)
{
	struct events *s = (struct events *)base;

	if (!s->began)
		return;
	sse_fini(&s->sse);
	buf_fini(&s->raw);
}

const struct reshape_ops rename_events = {
	.size = sizeof(struct events),
	.feed = events_feed,
	.end = events_end,
	.fini = events_fini,
};

/* --- a whole answer ------------------------------------------------------------ */

struct whole {
	struct reshape_whole whole;
	bool passes;
};

static enum err
whole_feed(struct reshape *base, struct str piece, struct buf *out,
    struct why *out_why)
{
	struct whole *s = (struct whole *)base;

	if (s->passes)
		return pass_piece(piece, out, out_why);
	if (!reshape_whole_feed(base, piece, out, out_why))
		return OK;
	s->passes = true;
	return pass_on(base, &s->whole.body, piece, out, out_why);
}

static enum err
whole_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct reshape_whole *s = (struct reshape_whole *)base;

	(void)out_why;
	if (((struct whole *)base)->passes)
		return OK;
	return rename_model(buf_str(&s->body), s->base.model, out);
}

const struct reshape_ops rename_whole = {
	.size = sizeof(struct whole),
	.feed = whole_feed,
	.end = whole_end,
	.fini = reshape_whole_fini,
};
