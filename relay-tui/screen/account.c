/* SPDX-License-Identifier: MIT */
/* account.c - one account: all that is known of it, and a test. */
#include "relay-tui/draw_rows.h"
#include "relay-tui/form_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define SLOW_MS	 5000
#define RECEIPTS 50

/* Its use of today, and its requests of late. */
static const struct column today_columns[] = {
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("ERRORS"), "errors", CELL_COUNT, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_WHOLE },
	{ N_("READ"), "cache_read", CELL_COUNT, FIT_DROP },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("COST"), "cost_micro", CELL_CENTS, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column late_columns[] = {
	{ N_("AT"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("OUTCOME"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("FAULT"), "fault", CELL_TEXT, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("KEY"), "key", CELL_TEXT, FIT_CUT },
	{ N_("TOTAL"), "total_us", CELL_US, FIT_DROP },
	{ .title = NULL },
};

enum part {
	PART_WINDOWS,
	PART_TODAY,
	PART_LATE,
	PARTS
};

struct state {
	struct ctl_frame parts[PARTS];
	bool has[PARTS];
	int64_t slow_at_ms;
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
take_part(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	size_t i = (uintptr_t)user;

	if (view_failed(v, f))
		return;
	forget(&s->parts[i], &s->has[i]);
	s->parts[i] = view_keep(v);
	s->has[i] = true;
}

static void
ask_parts(struct view *v)
{
	struct str name = str_of(v->about);
	struct json_out *j = view_begin(v, CTL_M_account_windows);

	json_say(j, "name", name);
	view_send(v, take_part, (void *)(uintptr_t)PART_WINDOWS);
	j = view_begin(v, CTL_M_usage_show);
	json_say(j, "by", STR("account"));
	json_say(j, "per", STR("total"));
	json_say(j, "since", STR("today"));
	json_say(j, "name", name);
	view_send(v, take_part, (void *)(uintptr_t)PART_TODAY);
	j = view_begin(v, CTL_M_receipt_list);
	json_say(j, "account", name);
	json_say_i64(j, "limit", RECEIPTS);
	view_send(v, take_part, (void *)(uintptr_t)PART_LATE);
}

static void
open_account(struct view *v)
{
	v->reads_text = true;
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	view_ask_about(v, CTL_M_account_show, "name", str_of(v->about),
	    take_account);
	if (view_now_ms(v) < s->slow_at_ms)
		return;
	s->slow_at_ms = view_now_ms(v) + SLOW_MS;
	ask_parts(v);
}

static void
close_account(struct view *v)
{
	struct state *s = v->state;

	forget(&s->shown, &s->is_shown);
	forget(&s->tested, &s->is_tested);
	for (int i = 0; i < PARTS; i++)
		forget(&s->parts[i], &s->has[i]);
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
	view_open(v, "account_hold", str_of(v->about));
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

static int
draw_part_rows(const struct view *v, const struct area *a, int row,
    const char *title, const struct column *columns, const struct json *rows)
{
	if (json_count(rows) == 0)
		return 0;
	draw_rule(a, row, str_of(title));
	return draw_rows(a, row + 1, view_output(v), columns, rows) + 2;
}

static const struct json *
part(const struct state *s, enum part i)
{
	return s->has[i] ? s->parts[i].data : NULL;
}

/* What changes stands above what was set. */
static int
draw_parts(const struct view *v, const struct area *a, int row)
{
	const struct state *s = v->state;
	int from = row;

	row += draw_part_rows(v, a, row, _("windows"), window_columns,
	    part(s, PART_WINDOWS));
	row += draw_part_rows(v, a, row, _("gates"), gate_columns,
	    s->is_shown ? json_at(s->shown.data, "gates") : NULL);
	row += draw_part_rows(v, a, row, _("today"), today_columns,
	    json_at(part(s, PART_TODAY), "rows"));
	return row - from;
}

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	int at = draw_test(v, a);

	draw_rule(a, at - v->top, str_of(v->about));
	v->lines = at + 1;
	v->lines += draw_parts(v, a, v->lines - v->top);
	if (s->is_shown)
		v->lines += draw_record(a, view_output(v), account_details,
		    s->shown.data, v->top - v->lines);
	v->lines +=
	    draw_part_rows(v, a, v->lines + 1 - v->top, _("requests of late"),
		late_columns, part(s, PART_LATE)) +
	    1;
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

/* --- holding it, with a reason --------------------------------------------- */

static const struct form_row hold_rows[] = {
	{ "reason", FORM_TEXT, false, NULL,
	    N_("why, for whoever looks at it") },
	{ "until", FORM_TEXT, false, NULL,
	    N_("2h, 18:00, 2026-12-31: released by itself then; empty: held "
	       "until somebody releases it") },
	{ .name = NULL },
};

static void
say_held(struct view *v, const struct ctl_frame *f)
{
	(void)f;
	view_say(v, PAINT_GOOD, "%s",
	    _("held: no request goes there until it is released"));
}

static const struct form_spec hold_spec = {
	.title = N_("Hold the account"),
	.method = CTL_M_account_hold,
	.subject = "name",
	.rows = hold_rows,
	.shows = CTL_M_account_hold,
	.saved = say_held,
};

static void
open_hold(struct view *v)
{
	form_view_open(v, &hold_spec);
}

const struct screen screen_account_hold = {
	.name = "account_hold",
	.title = N_("Hold an account"),
	.role = CTL_OPS,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_hold,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
