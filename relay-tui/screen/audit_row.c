/* SPDX-License-Identifier: MIT */
/* audit_row.c - one change (about: its number): who made it, and what each field
 * was and is. */
#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

struct state {
	struct ctl_frame shown; /* an answer that is kept */
	bool is_shown;
};

static const struct column details[] = {
	{ N_("number"), "number", CELL_NUMBER, FIT_WHOLE },
	{ N_("at"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("who"), "uid", CELL_UID, FIT_WHOLE },
	{ N_("process"), "pid", CELL_NUMBER, FIT_WHOLE },
	{ N_("did"), "method", CELL_METHOD, FIT_WHOLE },
	{ N_("of"), "type", CELL_TEXT, FIT_WHOLE },
	{ N_("object"), "object", CELL_OWNER, FIT_WHOLE },
	{ N_("name"), "name", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

static void
take_row(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	if (s->is_shown)
		ctl_frame_fini(&s->shown);
	s->shown = view_keep(v);
	s->is_shown = true;
}

static void
open_row(struct view *v)
{
	v->reads_text = true;
}

/* Pages go on below a number: behind the next one stands this. */
static void
ask(struct view *v)
{
	struct json_out *j;
	uint64_t number;
	struct buf cursor;

	if (str_u64(str_of(v->about), &number) || number >= INT64_MAX)
		return;
	buf_init(&cursor, 32);
	buf_mustf(&cursor, "%llu", (unsigned long long)number + 1);
	j = view_begin(v, CTL_M_audit_list);
	json_say(j, "cursor", buf_str(&cursor));
	json_say_i64(j, "limit", 1);
	view_send(v, take_row, NULL);
	buf_fini(&cursor);
}

static void
close_row(struct view *v)
{
	struct state *s = v->state;

	if (s->is_shown)
		ctl_frame_fini(&s->shown);
}

/* --- drawing --------------------------------------------------------------- */

/* A line "field: was -> is"; other lines are said as they are. */
static void
draw_change(const struct area *a, int row, int name, struct str line)
{
	ptrdiff_t colon = str_find(line, STR(": "));
	ptrdiff_t arrow = str_find(line, STR(" -> "));
	int half = (a->columns - name) / 2;

	if (colon < 0 || arrow < colon) {
		draw_text(a, row, 0, PAINT_PLAIN, line);
		return;
	}
	draw_field(a, row, 0, name - 2, false, PAINT_DIM,
	    str_first(line, (size_t)colon));
	draw_field(a, row, name, half - 2, false, PAINT_PLAIN,
	    arrow > colon + 2 ? str_first(str_skip(line, (size_t)colon + 2),
				    (size_t)(arrow - colon) - 2)
			      : STR(""));
	draw_text(a, row, name + half, PAINT_HEAD,
	    str_skip(line, (size_t)arrow + 4));
}

static int
draw_changes(const struct area *a, int at, struct str changes)
{
	int name = a->columns < 60 ? 16 : 24;
	int half = (a->columns - name) / 2;

	draw_text(a, at, 0, PAINT_HEAD, str_of(_("FIELD")));
	draw_text(a, at, name, PAINT_HEAD, str_of(_("BEFORE")));
	draw_text(a, at, name + half, PAINT_HEAD, str_of(_("AFTER")));
	for (at++; changes.len; at++)
		draw_change(a, at, name, str_cut(&changes, '\n'));
	return at;
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	const struct json *row = s->is_shown ? json_first(s->shown.data) : NULL;
	struct str changes = STR("");
	int at;

	view_status(v, "%s", v->about);
	if (!row)
		return;
	at = draw_record(a, view_output(v), details, row, v->top) + 1;
	if (json_may_str(row, "changes", &changes, NULL) == OK && changes.len)
		at = draw_changes(a, at - v->top, changes) + v->top;
	v->lines = at;
}

const struct screen screen_audit_row = {
	.name = "audit_row",
	.title = N_("Change"),
	.role = CTL_ADMIN,
	.state_size = sizeof(struct state),
	.open = open_row,
	.ask = ask,
	.draw = draw,
	.close = close_row,
};
