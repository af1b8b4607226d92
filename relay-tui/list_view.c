/* SPDX-License-Identifier: MIT */
/* list_view.c - a screen that is a list. */
#include "relay-tui/list_view.h"

#include "relay-tui/words.h"

static void ask_page(struct view *v, struct str cursor);

static void
take_page(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct list_view *l = v->state;
	const struct json *rows;

	(void)user;
	if (view_failed(v, f)) {
		l->asking = false;
		return;
	}
	rows = l->rows ? json_at(f->data, l->rows) : f->data;
	list_add_all(&l->list, view_output(v), rows);
	l->more = f->next.len > 0;
	if (l->more && (!l->most || l->list.coming_count < l->most)) {
		ask_page(v, f->next);
		return;
	}
	l->asking = false;
	list_end(&l->list);
}

static void
ask_page(struct view *v, struct str cursor)
{
	struct list_view *l = v->state;
	struct json_out *j = view_begin(v, l->method);
	struct ctl_param param;

	if (l->put)
		l->put(v, j);
	if (ctl_param_find(ctl_row((unsigned)l->method), STR("limit"), &param))
		json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_page, NULL);
}

void
list_view_ask(struct view *v)
{
	struct list_view *l = v->state;

	if (l->asking)
		return;
	l->asking = true;
	list_begin(&l->list);
	ask_page(v, STR(""));
}

void
list_view_draw(struct view *v, const struct area *a)
{
	struct list_view *l = v->state;

	list_draw(&l->list, a);
	buf_clear(&v->status);
	list_status(&l->list, &v->status);
	/* More of them are asked for when their end is reached. */
	if (l->more && l->most)
		buf_must(&v->status, str_of(_(", and more")));
	if (l->more && l->most && !l->asking && l->list.shown_count &&
	    l->list.at + 1 == l->list.shown_count) {
		l->most *= 5;
		view_ask_again(v);
	}
}

#define NOTE_ROWS 5

void
list_view_draw_noted(struct view *v, const struct area *a,
    const char *const *keys)
{
	struct list_view *l = v->state;
	int rows = a->rows - NOTE_ROWS, row = 1;
	struct area list = draw_part(a, 0, 0, rows, a->columns);
	struct area note = draw_part(a, rows, 0, NOTE_ROWS, a->columns);

	if (rows < 4 || !l->list.shown_count) {
		list_view_draw(v, a);
		return;
	}
	list_view_draw(v, &list);
	draw_rule(&note, 0, list_chosen(&l->list));
	for (; *keys && row < NOTE_ROWS; keys++) {
		struct str text = list_cell(&l->list, *keys);

		if (text.len)
			row += draw_lines(&note, row, 0, PAINT_PLAIN, text);
	}
}

struct str
list_view_chosen(const struct view *v)
{
	return list_chosen(v->list);
}

void
list_view_open_chosen(struct view *v, const char *screen)
{
	if (list_view_chosen(v).len)
		view_open(v, screen, list_view_chosen(v));
}

void
list_view_close(struct view *v)
{
	struct list_view *l = v->state;

	list_fini(&l->list);
}

void
list_view_open(struct view *v, enum ctl_method method,
    const struct column *columns, const char *id, const char *empty)
{
	struct list_view *l = v->state;

	list_init(&l->list, columns, id, empty);
	l->method = method;
	v->list = &l->list;
}
