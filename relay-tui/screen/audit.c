/* SPDX-License-Identifier: MIT */
/* audit.c - who changed what: all rows, those that are asked for, and one with
 * what each field was and is. */
#include <stdio.h>

#include "relay-tui/app.h"
#include "relay-tui/form_page.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

#define ROWS_FIRST 200
#define ROWS_STILL 1000

struct rows {
	struct list_view rows;
	char type[64], object[256]; /* only of these; "": any */
};

static void
put(struct view *v, struct json_out *j)
{
	struct rows *s = v->state;

	if (s->type[0])
		json_say(j, "type", str_of(s->type));
	if (s->object[0])
		json_say(j, "object", str_of(s->object));
}

static void
open_audit(struct view *v)
{
	struct rows *s = v->state;

	list_view_open(v, CTL_M_audit_list, audit_columns, "number",
	    N_("Nothing of that kind was changed. f asks for others."));
	s->rows.put = put;
	s->rows.most = ROWS_FIRST;
}

static void
ask(struct view *v)
{
	struct rows *s = v->state;

	if (s->rows.list.loaded && s->rows.most > ROWS_STILL &&
	    s->rows.list.count >= s->rows.most)
		return;
	list_view_ask(v);
}

/* --- keys ------------------------------------------------------------------ */

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "audit_row", list_chosen(v->list));
}

static void
filter(struct view *v)
{
	view_open(v, "audit_filter", STR(""));
}

static void
take_verified(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	int64_t rows = 0;

	(void)user;
	if (view_failed(v, f))
		return;
	if (json_as_i64(json_at(f->data, "rows"), &rows))
		rows = 0;
	view_say(v, PAINT_GOOD,
	    _("all %lld rows are whole: none was altered or taken away"),
	    (long long)rows);
}

static void
verify(struct view *v)
{
	view_ask(v, CTL_M_audit_verify, take_verified);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_ADMIN, N_("open"),
	    N_("show what each field was and is"), open_one },
	{ "f", CTL_ADMIN, N_("filter"),
	    N_("only rows of a type, or of one object"), filter },
	{ "v", CTL_ADMIN, N_("verify"),
	    N_("check that no row was altered or taken away"), verify },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	struct rows *s = v->state;
	struct area list = draw_part(a, 1, 0, a->rows - 1, a->columns);

	if (!s->type[0] && !s->object[0]) {
		list_view_draw(v, a);
		return;
	}
	draw_textf(a, 0, 0, PAINT_HEAD, _("only of: %s %s"), s->type,
	    s->object);
	list_view_draw(v, &list);
}

const struct screen screen_audit = {
	.name = "audit",
	.title = N_("Audit"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct rows),
	.open = open_audit,
	.ask = ask,
	.every_ms = 5000,
	.draw = draw,
	.close = list_view_close,
};

/* --- which ----------------------------------------------------------------- */

struct filter {
	struct form_page asked;
};

/* People are known by number in the audit. */
static void
save(struct view *v)
{
	struct filter *s = v->state;
	struct view *below = TAILQ_PREV(v, view_list, link);
	struct str type = form_value(&s->asked.form, "type");
	struct str object = form_value(&s->asked.form, "object");
	char owner[OWNER_TEXT];
	struct rows *rows;

	if (below && below->screen == &screen_audit) {
		rows = below->state;
		if (str_eq(type, STR("user")) &&
		    owner_read(object, true, owner, NULL) == OK)
			object = str_of(owner);
		snprintf(rows->type, sizeof(rows->type), "%.*s",
		    STR_ARG(str_first(type, sizeof(rows->type) - 1)));
		snprintf(rows->object, sizeof(rows->object), "%.*s",
		    STR_ARG(str_first(object, sizeof(rows->object) - 1)));
		rows->rows.most = ROWS_FIRST;
		/* What is under way is no answer to this. */
		calls_forget(v->app->calls, below);
		rows->rows.asking = false;
		ask(below);
	}
	view_back(v);
}

static void
open_filter(struct view *v)
{
	struct form *f = form_page_open(v, N_("Which changes?"), save);

	form_add(f, "type", FORM_TEXT, false, NULL,
	    _("what was changed: account, key, setting, price, user; nothing "
	      "is everything"));
	form_add(f, "object", FORM_TEXT, false, NULL,
	    _("which of them: a name, or the id of a key"));
}

const struct screen screen_audit_filter = {
	.name = "audit_filter",
	.title = N_("Which changes"),
	.role = CTL_ADMIN,
	.keys = form_page_plain_keys,
	.state_size = sizeof(struct filter),
	.open = open_filter,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};
