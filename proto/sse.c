/* SPDX-License-Identifier: MIT */
/* sse.c - server-sent events: find them in a stream that passes by.
 *
 * An event that lies whole in the bytes fed, with one data line, is handed out
 * as it lies there.  Only what the end of the bytes cuts is kept: the fields
 * seen so far and the unfinished line.  Every byte is looked at once. */
#include "proto/sse.h"

/* The longest line: the most data, its field name and a byte order mark. */
#define LINE_MAX_BYTES (SSE_EVENT_MAX + 9)
/* What a buffer may keep for the next event; one long event must not cost its
 * stream megabytes until the end. */
#define KEEP_BYTES (64 * 1024)

/* An event as far as it is known within one call: its parts lie in the bytes
 * fed, in s->line, or (`kept`) in the buffers of their own. */
struct draft {
	struct str name, data;
	bool name_kept, data_kept;
};

void
sse_init(struct sse *s)
{
	*s = (struct sse){ .has_data = false };
	buf_init(&s->line, LINE_MAX_BYTES);
	buf_init(&s->data, SSE_EVENT_MAX);
	buf_init(&s->name, SSE_EVENT_MAX);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->line);
	buf_fini(&s->data);
	buf_fini(&s->name);
}

/* Where the first CR or LF stands, or -1.  The windows keep the search for
 * the one from running far past the other, again and again. */
static ptrdiff_t
line_end(struct str s)
{
	size_t from = 0, width = 512;

	while (from < s.len) {
		struct str window = str_first(str_skip(s, from), width);
		ptrdiff_t lf = str_chr(window, '\n'), cr;

		if (lf >= 0)
			window.len = (size_t)lf;
		cr = str_chr(window, '\r');
		if (cr >= 0 || lf >= 0)
			return (ptrdiff_t)from + (cr >= 0 ? cr : lf);
		from += width;
		width *= 2;
	}
	return -1;
}

/* Is this line the field, and what is its value? */
static bool
field_is(struct str line, struct str field, struct str *out_value)
{
	if (!str_starts(line, field))
		return false;
	line = str_skip(line, field.len);
	if (line.len && line.at[0] != ':')
		return false;
	line = str_skip(line, 1);
	*out_value = str_skip(line, line.len && line.at[0] == ' ');
	return true;
}

/* A further data line: from the second on they are joined in s->data. */
static enum err
data_join(struct sse *s, struct draft *d, struct str value)
{
	enum err e = OK;

	if (!d->data_kept)
		e = buf_add(&s->data, d->data);
	if (!e)
		e = buf_addc(&s->data, '\n');
	if (!e)
		e = buf_add(&s->data, value);
	d->data_kept = true;
	d->data = buf_str(&s->data);
	return e;
}

static enum err
line_read(struct sse *s, struct draft *d, struct str line)
{
	struct str value;

	/* A comment belongs to no event. */
	if (line.at[0] == ':')
		return OK;
	s->in_event = true;
	if (field_is(line, STR("data"), &value)) {
		if (s->has_data) {
			enum err e = data_join(s, d, value);

			if (e)
				return e;
		} else {
			d->data = value;
			s->has_data = true;
		}
	} else if (field_is(line, STR("event"), &value)) {
		d->name = value;
		d->name_kept = false;
	}
	return d->name.len + d->data.len > SSE_EVENT_MAX ? ERR_LIMIT : OK;
}

/* The bytes end inside an event: keep what lies in them. */
static enum err
draft_keep(struct sse *s, struct draft *d)
{
	enum err e = OK;

	if (s->has_data && !d->data_kept)
		e = buf_add(&s->data, d->data);
	if (!e && !d->name_kept) {
		buf_clear(&s->name);
		e = buf_add(&s->name, d->name);
	}
	return e;
}

/* Forget the event.  Clearing a buffer leaves its memory as it is, so what
 * was handed out of it stays valid until the next call. */
static void
event_end(struct sse *s)
{
	buf_clear(&s->data);
	buf_clear(&s->name);
	s->has_data = s->in_event = false;
}

static void
buf_shed(struct buf *b)
{
	if (buf_len(b) == 0 && b->size > KEEP_BYTES)
		buf_fini(b);
}

/* The next whole line of *rest, without its end; false when there is none, and
 * then what is left belongs to the unfinished line. */
static bool
line_next(struct sse *s, struct str *rest, struct str *out_line, enum err *out)
{
	ptrdiff_t n;

	if (s->after_cr && rest->len) {
		*rest = str_skip(*rest, rest->at[0] == '\n');
		s->after_cr = false;
	}
	n = line_end(*rest);
	if (n < 0)
		return false;
	*out_line = str_first(*rest, (size_t)n);
	s->after_cr = rest->at[n] == '\r';
	*rest = str_skip(*rest, (size_t)n + 1);
	/* An event leads through the LF behind its CR, if that is here. */
	if (s->after_cr && rest->len) {
		*rest = str_skip(*rest, rest->at[0] == '\n');
		s->after_cr = false;
	}
	if (buf_len(&s->line)) {
		*out = buf_add(&s->line, *out_line);
		*out_line = buf_str(&s->line);
		buf_clear(&s->line);
	} else if (n > LINE_MAX_BYTES) {
		*out = ERR_LIMIT;
	}
	if (!s->began) {
		s->began = true;
		if (str_starts(*out_line, STR("\xef\xbb\xbf")))
			*out_line = str_skip(*out_line, 3);
	}
	return true;
}

enum err
sse_feed(struct sse *s, struct str bytes, size_t *out_used,
    struct sse_event *out_event)
{
	struct draft d = { .name = buf_str(&s->name),
		.data = buf_str(&s->data),
		.name_kept = true,
		.data_kept = s->has_data };
	struct str rest = bytes, line;
	enum err e = OK;

	buf_shed(&s->line);
	if (!s->in_event) {
		buf_shed(&s->data);
		buf_shed(&s->name);
	}
	while (line_next(s, &rest, &line, &e)) {
		if (!e && line.len)
			e = line_read(s, &d, line);
		if (e)
			return e;
		if (line.len)
			continue;
		if (s->has_data) {
			*out_event = (struct sse_event){ .name = d.name,
				.data = d.data };
			*out_used = bytes.len - rest.len;
			event_end(s);
			return OK;
		}
		event_end(s);
		d = (struct draft){ .name_kept = false };
	}
	e = draft_keep(s, &d);
	if (!e)
		e = buf_add(&s->line, rest);
	return e ? e : ERR_AGAIN;
}

bool
sse_between(const struct sse *s)
{
	return !s->in_event && buf_len(&s->line) == 0;
}
