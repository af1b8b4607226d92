/* SPDX-License-Identifier: MIT */
/* assist_answer.c - answers of Code Assist taken out of their envelope, and
 * what its refusals say about waiting. */
#include <stdio.h>

#include "proto/cursor.h"
#include "proto/sse.h"

#include "relayd/assist.h"
#include "relayd/rename.h"

/* --- one answer ------------------------------------------------------------------ */

/* What stands in the envelope; the text itself when there is none. */
static struct str
inside(struct str json)
{
	struct str response = cursor_find(json, STR("response"));

	return raw_is_object(response) ? response : json;
}

static enum err
put_inside(const struct reshape *s, struct str json, struct buf *out)
{
	struct str answer = inside(json);

	return s->model.len ? rename_model(answer, s->model, out)
			    : buf_add(out, answer);
}

/* Without the white space of JSON around it. */
static struct str
bare(struct str text)
{
	while (text.len && (unsigned char)text.at[0] <= ' ')
		text = str_skip(text, 1);
	while (text.len && (unsigned char)text.at[text.len - 1] <= ' ')
		text.len--;
	return text;
}

/* --- a stream ---------------------------------------------------------------------- */

struct events {
	struct reshape base;
	bool began;
	struct sse sse;
};

/* Clients read lines: what an answer of several lines has of them is white
 * space of its JSON. */
static enum err
put_event(const struct events *s, struct str data, struct buf *out)
{
	size_t from;
	enum err e = buf_add(out, STR("data: "));

	from = out->end;
	if (!e)
		e = put_inside(&s->base, data, out);
	for (size_t i = from; !e && i < out->end; i++)
		if (out->mem[i] == '\n' || out->mem[i] == '\r')
			out->mem[i] = ' ';
	return e ? e : buf_add(out, STR("\r\n\r\n"));
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
		s->began = true;
	}
	while (!(e = sse_feed(&s->sse, piece, &used, &event))) {
		e = put_event(s, event.data, out);
		if (e)
			break;
		piece = str_skip(piece, used);
	}
	return e == ERR_AGAIN
	    ? OK
	    : why_set(out_why, e, "", "an event is too large");
}

static void
events_fini(struct reshape *base)
{
	struct events *s = (struct events *)base;

	if (s->began)
		sse_fini(&s->sse);
}

const struct reshape_ops assist_events = {
	.content_type = "text/event-stream",
	.size = sizeof(struct events),
	.feed = events_feed,
	.fini = events_fini,
};

/* --- a whole answer ------------------------------------------------------------------ */

static enum err
put_array(const struct reshape *s, struct str array, struct buf *out)
{
	const char *before = "[";
	struct cursor c;
	struct member m;
	enum err e = OK;

	cursor_init(&c, array);
	while (!e && cursor_next(&c, &m)) {
		e = buf_add(out, str_of(before));
		before = ",\r\n";
		if (!e)
			e = put_inside(s, m.value, out);
	}
	if (!e && *before == '[')
		e = buf_addc(out, '[');
	return e ? e : buf_addc(out, ']');
}

/* Does an array end as it should?  One that is cut is not made to look
 * whole. */
static enum err
whole_end(struct reshape *base, struct buf *out, struct why *out_why)
{
	struct str text = bare(buf_str(&((struct reshape_whole *)base)->body));

	if (!raw_is_array(text))
		return put_inside(base, text, out);
	if (!str_ends(text, STR("]")))
		return why_set(out_why, ERR_SYNTAX, "",
		    "the array of answers is cut");
	return put_array(base, text, out);
}

const struct reshape_ops assist_whole = {
	.size = sizeof(struct reshape_whole),
	.feed = reshape_whole_feed,
	.end = whole_end,
	.fini = reshape_whole_fini,
};

const struct reshape_ops *
assist_answer(const struct ask *ask, const struct http1_head *answer)
{
	const struct header *f = http1_find(answer, STR("content-type"));

	/* A count stands in no envelope. */
	if (ask->enveloped || ask->op != OP_GENERATE)
		return NULL;
	if (f && str_istarts(f->value, STR("text/event-stream")))
		return &assist_events;
	return &assist_whole;
}

/* --- refusals ------------------------------------------------------------------------ */

#define DAY_MS	  86400000
#define MINUTE_MS 60000
/* The latest hour, in UTC, at which a day begins in California. */
#define DAY_BEGINS_MS (8 * 3600000)
/* Nobody's quota is longer. */
#define TOLD_MAX_MS (31LL * DAY_MS)

/* "1h2m3.5s", "900ms" as ms; 0: it is none. */
static int64_t
read_span(struct str text)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "h", 3600000 }, { "m", 60000 },
		{ "s", 1000 } };
	double all = 0;

	while (text.len) {
		double n = 0, scale = 1;
		bool any = false, known = false;

		for (; text.len; text = str_skip(text, 1)) {
			char c = text.at[0];

			if (c == '.' && scale >= 1)
				scale = 0.1;
			else if (c < '0' || c > '9')
				break;
			else if (scale >= 1)
				n = n * 10 + (c - '0');
			else
				n += (c - '0') * scale;
			if (scale < 1 && c != '.')
				scale /= 10;
			any = true;
		}
		for (size_t i = 0;
		     any && !known && i < sizeof(units) / sizeof(units[0]);
		     i++) {
			struct str unit = str_of(units[i].unit);

			if (!str_starts(text, unit))
				continue;
			all += n * units[i].ms;
			text = str_skip(text, unit.len);
			known = true;
		}
		if (!known)
			break;
	}
	return all < (double)TOLD_MAX_MS ? (int64_t)all : TOLD_MAX_MS;
}

/* "Please retry in 34.07s." */
static int64_t
read_message(struct str message)
{
	static const char words[] = "retry in ";
	ptrdiff_t at = str_ifind(message, str_of(words));

	return at < 0
	    ? 0
	    : read_span(str_skip(message, (size_t)at + sizeof(words) - 1));
}

/* The day ends at midnight in California; an hour late in summer, so as not
 * to ask too early. */
static int64_t
until_next_day(int64_t wall_ms)
{
	int64_t into = (wall_ms - DAY_BEGINS_MS) % DAY_MS;

	return DAY_MS - (into < 0 ? into + DAY_MS : into);
}

static int64_t
read_violations(struct str violations, int64_t wall_ms)
{
	int64_t told = 0;
	struct cursor c;
	struct member m;

	cursor_init(&c, violations);
	while (cursor_next(&c, &m)) {
		struct str id = raw_text(cursor_find(m.value, STR("quotaId")));

		if (str_find(id, STR("PerDay")) >= 0 ||
		    str_find(id, STR("Daily")) >= 0)
			return until_next_day(wall_ms);
		if (str_find(id, STR("PerMinute")) >= 0)
			told = MINUTE_MS;
	}
	return told;
}

/* One of error.details: RetryInfo, ErrorInfo or QuotaFailure. */
static int64_t
read_detail(struct str detail, int64_t wall_ms, int64_t *io_quota_ms)
{
	struct str metadata = cursor_find(detail, STR("metadata"));
	struct str span = raw_text(cursor_find(detail, STR("retryDelay")));
	struct str stamp =
	    raw_text(cursor_find(metadata, STR("quotaResetTimeStamp")));
	int64_t at, quota;

	if (!span.len)
		span = raw_text(cursor_find(metadata, STR("quotaResetDelay")));
	quota =
	    read_violations(cursor_find(detail, STR("violations")), wall_ms);
	if (quota > *io_quota_ms)
		*io_quota_ms = quota;
	if (span.len)
		return read_span(span);
	at = stamp.len ? window_moment(stamp) : 0;
	if (at - wall_ms > TOLD_MAX_MS)
		return TOLD_MAX_MS;
	return at > wall_ms ? at - wall_ms : 0;
}

int64_t
assist_retry_ms(struct str body, int64_t wall_ms)
{
	struct str text = bare(body), error;
	int64_t told = 0, quota = 0;
	struct cursor c;
	struct member m;

	/* Streams refuse with an array of one. */
	cursor_init(&c, text);
	if (raw_is_array(text) && cursor_next(&c, &m))
		text = m.value;
	error = cursor_find(text, STR("error"));
	cursor_init(&c, cursor_find(error, STR("details")));
	while (cursor_next(&c, &m)) {
		int64_t ms = read_detail(m.value, wall_ms, &quota);

		if (ms > told)
			told = ms;
	}
	/* A day's quota that is used up is not there again in a minute,
	 * whatever delay stands beside it. */
	if (quota > MINUTE_MS || !told)
		told = quota > told ? quota : told;
	return told
	    ? told
	    : read_message(raw_text(cursor_find(error, STR("message"))));
}
