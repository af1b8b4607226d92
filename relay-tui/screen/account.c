/* SPDX-License-Identifier: MIT */
/* account.c - one account: all that is known of it, and a test. */
#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

struct state {
	struct ctl_frame shown, tested; /* answers that are kept */
	bool is_shown, is_tested, testing;
};

static void
forget(struct ctl_frame *f, bool *is)
{
	if (*is)
		ctl_frame_fini(f);
	*is = false;
}

static void
take_account(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	forget(&s->shown, &s->is_shown);
	s->shown = view_keep(v);
	s->is_shown = true;
}

static void
take_test(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	s->testing = false;
	if (view_failed(v, f))
		return;
	forget(&s->tested, &s->is_tested);
	s->tested = view_keep(v);
	s->is_tested = true;
	v->top = 0;
}

static void
open_account(struct view *v)
{
	v->reads_text = true;
}

static void
ask(struct view *v)
{
	view_ask_about(v, CTL_M_account_show, "name", str_of(v->about),
	    take_account);
}

static void
close_account(struct view *v)
{
	struct state *s = v->state;

	forget(&s->shown, &s->is_shown);
	forget(&s->tested, &s->is_tested);
}

/* --- keys ------------------------------------------------------------------ */

static void
test(struct view *v)
{
	struct state *s = v->state;

	if (s->testing)
		return;
	s->testing = true;
	view_ask_about(v, CTL_M_account_test, "name", str_of(v->about),
	    take_test);
}

static void
edit(struct view *v)
{
	view_open(v, "account_edit", str_of(v->about));
}

static void
hold(struct view *v)
{
	view_do(v, CTL_M_account_hold, "name", str_of(v->about),
	    N_("held: no request goes there until it is released"));
}

static void
release(struct view *v)
{
	view_do(v, CTL_M_account_release, "name", str_of(v->about),
	    N_("released"));
}

static void
reset(struct view *v)
{
	view_do(v, CTL_M_account_reset, "name", str_of(v->about),
	    N_("its failures are forgotten"));
}

static void
again(struct view *v)
{
	view_open(v, "login_again", str_of(v->about));
}

static void
drain(struct view *v)
{
	view_do(v, CTL_M_account_drain, "name", str_of(v->about),
	    N_("it is held; what is under way there may end"));
}

static void
renew(struct view *v)
{
	view_do(v, CTL_M_account_refresh, "name", str_of(v->about),
	    N_("its token is renewed"));
}

static const struct key keys[] = {
	{ "t", CTL_OPS, N_("test"),
	    N_("send a small prompt, show answer and times"), test },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "H", CTL_OPS, N_("hold"), N_("take it out of use"), hold },
	{ "R", CTL_OPS, N_("release"), N_("take it back into use"), release },
	{ "r", CTL_OPS, N_("reset"), N_("forget its failures, use it at once"),
	    reset },
	{ "d", CTL_OPS, N_("drain"),
	    N_("hold it; what is under way there may end"), drain },
	{ "A", CTL_ADMIN, N_("sign in"), N_("sign in to it again"), again },
	{ "f", CTL_OPS, N_("renew"), N_("renew its token now"), renew },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static int
draw_test(const struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	bool ok = false;

	if (s->testing) {
		draw_rule(a, -v->top, str_of(_("test")));
		draw_text(a, 1 - v->top, 0, PAINT_DIM,
		    str_of(_("It is being asked.")));
		return 3;
	}
	if (!s->is_tested)
		return 0;
	draw_rule(a, -v->top, str_of(_("test")));
	if (json_may_bool(s->tested.data, "ok", &ok, NULL))
		ok = false;
	draw_text(a, 1 - v->top, 0, ok ? PAINT_GOOD : PAINT_BAD,
	    str_of(ok ? _("It works.") : _("It does not work.")));
	return 3 +
	    draw_record(a, view_output(v), account_test_details, s->tested.data,
		v->top - 2);
}

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	int at = draw_test(v, a);

	draw_rule(a, at - v->top, str_of(v->about));
	v->lines = at + 1;
	if (s->is_shown)
		v->lines += draw_record(a, view_output(v), account_details,
		    s->shown.data, v->top - at - 1);
	view_status(v, "%s", v->about);
}

const struct screen screen_account = {
	.name = "account",
	.title = N_("Account"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_account,
	.ask = ask,
	.every_ms = 1000,
	.draw = draw,
	.close = close_account,
};
