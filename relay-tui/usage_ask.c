/* SPDX-License-Identifier: MIT */
/* usage_ask.c - a question about usage that a screen asks, all pages of it. */
#include "relay-tui/usage_ask.h"

#include "relay-tui/words.h"

static void ask_page(struct usage_ask *q, struct view *v, struct str cursor);

void
usage_ask_put(const struct usage_ask *q, struct view *v, struct json_out *j)
{
	json_say(j, "by", str_of(q->by));
	if (q->per)
		json_say(j, "per", str_of(q->per));
	if (q->top)
		json_say_i64(j, "top", q->top);
	q->put_when(v, j);
}

static bool
take_rows(struct usage_ask *q, struct view *v, const struct json *data)
{
	struct why why = { .text = "" };

	if (q->drops_rows || usage_rows_add(&q->coming, data, &why) == OK)
		return true;
	view_say(v, PAINT_BAD, "%s", why.text);
	return false;
}

static void
take_page(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct usage_ask *q = user;

	if (view_failed(v, f) || !take_rows(q, v, f->data)) {
		q->asking = false;
		return;
	}
	if (q->page)
		q->page(v, f->data, !q->had_page);
	q->had_page = true;
	if (f->next.len) {
		ask_page(q, v, f->next);
		return;
	}
	q->asking = false;
	q->loaded = true;
	usage_rows_fini(&q->rows);
	q->rows = q->coming;
	q->coming = (struct usage_rows){ .count = 0 };
	if (q->done)
		q->done(v);
}

static void
ask_page(struct usage_ask *q, struct view *v, struct str cursor)
{
	struct json_out *j = view_begin(v, CTL_M_usage_show);

	usage_ask_put(q, v, j);
	json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_page, q);
}

void
usage_ask(struct usage_ask *q, struct view *v)
{
	if (q->asking)
		return;
	q->asking = true;
	q->had_page = false;
	usage_rows_fini(&q->coming);
	ask_page(q, v, STR(""));
}

void
usage_ask_fini(struct usage_ask *q)
{
	usage_rows_fini(&q->rows);
	usage_rows_fini(&q->coming);
	q->loaded = q->asking = false;
}
