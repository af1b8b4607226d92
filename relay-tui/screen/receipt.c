/* SPDX-License-Identifier: MIT */
/* receipt.c - one request (about: its id): what it cost and how that is put
 * together, its times and tokens, what it went through and why. */
#include "relay-tui/noun.h"
#include "relay-tui/printed.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define LINES_MAX (1024 * 1024)

struct state {
	struct ctl_frame explained, why; /* answers that are kept */
	bool is_explained, has_why;
	struct buf lines; /* as drawn */
};

static void
keep(struct view *v, struct ctl_frame *f, bool *is)
{
	if (*is)
		ctl_frame_fini(f);
	*f = view_keep(v);
	*is = true;
}

/* One that is under way has no receipt yet. */
static void
take_explained(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (f->kind != CTL_ERROR)
		keep(v, &s->explained, &s->is_explained);
	v->answered = true;
	view_changed(v);
}

static void
take_why(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (!view_failed(v, f))
		keep(v, &s->why, &s->has_why);
}

static void
open_receipt(struct view *v)
{
	struct state *s = v->state;

	buf_init(&s->lines, LINES_MAX);
	v->reads_text = true;
}

/* What has ended stays as it is. */
static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->is_explained && s->has_why && !json_at(s->why.data, "session"))
		return;
	view_ask_about(v, CTL_M_usage_explain, "receipt", str_of(v->about),
	    take_explained);
	view_ask_about(v, CTL_M_why, "request", str_of(v->about), take_why);
}

static void
close_receipt(struct view *v)
{
	struct state *s = v->state;

	if (s->is_explained)
		ctl_frame_fini(&s->explained);
	if (s->has_why)
		ctl_frame_fini(&s->why);
	buf_fini(&s->lines);
}

/* --- keys ------------------------------------------------------------------ */

static void
open_account(struct view *v)
{
	struct state *s = v->state;
	struct str name = STR("");

	if (s->is_explained)
		(void)!json_may_str(s->explained.data, "account", &name, NULL);
	if (name.len)
		view_open(v, "account", name);
	else
		view_say(v, PAINT_DIM, "%s", _("it came to no account"));
}

static const struct key keys[] = {
	{ "a", CTL_VIEW, N_("account"), N_("show the account that answered"),
	    open_account },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static int
draw_section(struct view *v, const struct area *a, int at, const char *title,
    printed_by *print, const struct json *data)
{
	struct state *s = v->state;

	if (!data)
		return at;
	buf_clear(&s->lines);
	printed_add(view_output(v), a->columns, print, data, &s->lines);
	draw_rule(a, at - v->top, str_of(title));
	return at + 2 + printed_draw(a, at + 1 - v->top, buf_str(&s->lines));
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	const struct json *why = s->has_why ? s->why.data : NULL;
	bool live = json_at(why, "session") != NULL;
	int at = 0;

	if (s->is_explained)
		at = draw_section(v, a, at, _("cost"), print_explained,
		    s->explained.data);
	if (!live)
		at = draw_section(v, a, at, _("times and tokens"),
		    print_receipt_details, json_at(why, "receipt"));
	at = draw_section(v, a, at, _("why"), live ? print_why : print_steps,
	    why);
	v->lines = at;
	view_status(v, "%s", v->about);
}

const struct screen screen_receipt = {
	.name = "receipt",
	.title = N_("Request"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_receipt,
	.ask = ask,
	.every_ms = 1000,
	.draw = draw,
	.close = close_receipt,
};
