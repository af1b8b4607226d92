/* SPDX-License-Identifier: MIT */
/* login.c - signing in: what a provider wants known, the address to open (as
 * text, in the clipboard, as a QR code), and the answer that is pasted, or a
 * code that is waited for.  It is about a sign-in's id, or about an account that
 * somebody signs in to again; it can be left and gone on with. */
#include "relay-tui/line_edit.h"
#include "relay-tui/noun.h"
#include "relay-tui/qr.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define QR_MAX (256 * 1024)

struct state {
	struct ctl_frame begun, done; /* answers that are kept */
	bool has_begun, is_done, asking, is_again, shows_qr, pastes;
	struct line_edit answer;
	int64_t poll_at_ms;
	struct buf error;
};

static void
open_login(struct view *v)
{
	struct state *s = v->state;

	line_edit_init(&s->answer, false);
	buf_init(&s->error, 64 * 1024);
	s->pastes = true;
}

static void
open_again(struct view *v)
{
	struct state *s = v->state;

	open_login(v);
	s->is_again = true;
}

static void
close_login(struct view *v)
{
	struct state *s = v->state;

	line_edit_fini(&s->answer);
	buf_fini(&s->error);
	if (s->has_begun)
		ctl_frame_fini(&s->begun);
	if (s->is_done)
		ctl_frame_fini(&s->done);
}

static struct str
text_at(const struct state *s, const char *key)
{
	struct str text = STR("");

	if (!s->has_begun || json_may_str(s->begun.data, key, &text, NULL))
		return STR("");
	return text;
}

/* --- asking ---------------------------------------------------------------- */

static void
set_error(struct state *s, struct str text)
{
	buf_clear(&s->error);
	if (buf_add(&s->error, text))
		buf_clear(&s->error);
}

static void
pace(struct view *v, const struct json *data)
{
	struct state *s = v->state;
	int64_t pace_s = 5;

	if (json_may_i64(data, "interval_s", 1, 3600, &pace_s, NULL))
		pace_s = 5;
	s->poll_at_ms = view_now_ms(v) + pace_s * 1000;
}

static void
take_begun(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	s->asking = false;
	v->answered = true;
	view_changed(v);
	if (f->kind == CTL_ERROR) {
		set_error(s, f->message);
		return;
	}
	s->begun = view_keep(v);
	s->has_begun = true;
	if (json_may_bool(s->begun.data, "pastes", &s->pastes, NULL))
		s->pastes = true;
	pace(v, s->begun.data);
}

static void
take_done(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	bool pending = false;

	(void)user;
	s->asking = false;
	view_changed(v);
	if (f->kind == CTL_ERROR) {
		set_error(s, f->message);
		return;
	}
	if (json_may_bool(f->data, "pending", &pending, NULL) == OK &&
	    pending) {
		pace(v, f->data);
		return;
	}
	set_error(s, STR(""));
	s->done = view_keep(v);
	s->is_done = true;
	line_edit_set(&s->answer, STR(""));
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->asking || s->is_done)
		return;
	if (!s->has_begun && !buf_len(&s->error)) {
		s->asking = true;
		view_ask_about(v,
		    s->is_again ? CTL_M_oauth_again : CTL_M_oauth_resume,
		    s->is_again ? "name" : "id", str_of(v->about), take_begun);
	} else if (s->has_begun && !s->pastes && !buf_len(&s->error) &&
	    view_now_ms(v) >= s->poll_at_ms) {
		s->asking = true;
		view_ask_about(v, CTL_M_oauth_poll, "id", text_at(s, "id"),
		    take_done);
	}
}

/* --- keys ------------------------------------------------------------------ */

static void
finish(struct view *v)
{
	struct state *s = v->state;
	struct json_out *j;

	if (s->is_done) {
		struct str name = STR("");

		if (json_may_str(s->done.data, "name", &name, NULL) == OK &&
		    name.len)
			view_open(v, "account", name);
		view_back(v);
		return;
	}
	if (!s->has_begun || !s->pastes || s->asking ||
	    !str_trim(line_edit_str(&s->answer)).len)
		return;
	s->asking = true;
	j = view_begin(v, CTL_M_oauth_finish);
	json_say(j, "id", text_at(s, "id"));
	json_say(j, "answer", str_trim(line_edit_str(&s->answer)));
	view_send(v, take_done, NULL);
}

static void
copy(struct view *v)
{
	view_copy(v, text_at(v->state, "url"));
	view_say(v, PAINT_DIM, "%s",
	    _("given to your terminal's clipboard, if that is allowed there"));
}

static void
turn_qr(struct view *v)
{
	struct state *s = v->state;

	s->shows_qr = !s->shows_qr;
	v->top = 0;
}

static void
give_up(struct view *v)
{
	const struct state *s = v->state;

	if (s->has_begun && !s->is_done)
		view_do(v, CTL_M_oauth_cancel, "id", text_at(s, "id"),
		    N_("given up; nothing was stored"));
	view_back(v);
}

static void
leave(struct view *v)
{
	const struct state *s = v->state;

	if (s->has_begun && !s->is_done)
		view_say(v, PAINT_DIM, "%s",
		    _("it stays open for ten minutes: L in Accounts goes on"));
	view_back(v);
}

static const struct key keys[] = {
	{ "Enter", CTL_ADMIN, N_("sign in"), N_("hand in what was pasted"),
	    finish },
	{ "C-y", CTL_ADMIN, N_("copy"), N_("copy the address"), copy },
	{ "C-r", CTL_ADMIN, N_("QR"), N_("show the address as a QR code"),
	    turn_qr },
	{ "C-x", CTL_ADMIN, N_("give up"), N_("give it up; nothing is stored"),
	    give_up },
	{ "Esc", CTL_ADMIN, N_("back"),
	    N_("go back; it can be gone on with for ten minutes"), leave },
	{ .presses = NULL },
};

static bool
press(struct view *v, const struct press *p)
{
	struct state *s = v->state;

	for (const struct key *k = keys; k->presses; k++)
		if (key_is(k, p)) {
			k->does(v);
			return true;
		}
	if (p->kind == PRESS_KEY &&
	    (p->code == PRESS_PAGE_DOWN || p->code == PRESS_PAGE_UP)) {
		int by = v->rows > 2 ? v->rows - 2 : 1;

		v->top += p->code == PRESS_PAGE_DOWN ? by : -by;
		if (v->top > v->lines - v->rows)
			v->top = v->lines - v->rows;
		v->top = v->top < 0 ? 0 : v->top;
		return true;
	}
	if (s->pastes && !s->is_done)
		line_edit_press(&s->answer, p);
	return p->kind != PRESS_KEY || p->code != PRESS_F1;
}

/* --- drawing --------------------------------------------------------------- */

/* The whole of it, in pieces as long as the rows: it can be selected. */
static int
draw_url(const struct area *a, int row, struct str url)
{
	int rows = 0;

	while (url.len && a->columns > 0) {
		struct str piece = str_first(url, (size_t)a->columns);

		draw_text(a, row + rows++, 0, PAINT_KEY, piece);
		url = str_skip(url, piece.len);
	}
	return rows;
}

static void
draw_qr(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	struct why why = { .text = "" };
	struct buf lines;
	struct str rest;
	int line = 0, widest = 0;

	buf_init(&lines, QR_MAX);
	if (qr_draw(text_at(s, "url"), a->columns, 0, &lines, &why)) {
		draw_lines(a, 0, 0, PAINT_WARN, str_of(why.text));
		buf_fini(&lines);
		return;
	}
	rest = buf_str(&lines);
	while (rest.len) {
		struct str row = str_cut(&rest, '\n');
		int end = draw_text(a, line++ - v->top, 0, PAINT_PLAIN, row);

		widest = end > widest ? end : widest;
	}
	v->lines = line;
	buf_fini(&lines);
	if (line > a->rows)
		view_status(v,
		    _("%d lines, of which %d are seen: PgDn, or smaller "
		      "letters"),
		    line, a->rows);
}

static int
draw_steps(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct str code = text_at(s, "user_code");
	int row = 0;

	if (text_at(s, "notice").len)
		row +=
		    draw_lines(a, row, 0, PAINT_WARN, text_at(s, "notice")) + 1;
	row += draw_lines(a, row, 0, PAINT_PLAIN,
	    str_of(_("Open this address in a browser, on any machine, and sign "
		     "in there:")));
	row += draw_url(a, row, text_at(s, "url")) + 1;
	if (code.len) {
		int at = draw_text(a, row, 0, PAINT_PLAIN,
		    str_of(_("Type this code there: ")));

		draw_text(a, row, at, PAINT_TITLE, code);
		row += 2;
	}
	if (!s->pastes)
		return row +
		    draw_lines(a, row, 0, PAINT_DIM,
			str_of(buf_len(&s->error)
				? ""
				: _("Waiting for you to do that there.")));
	row += draw_lines(a, row, 0, PAINT_PLAIN,
	    str_of(_("Then paste here what the page shows, or the whole "
		     "address it sent the browser to, and press Enter.")));
	line_edit_draw(&s->answer, a, row, 0, a->columns, true);
	return row + 1;
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	int row = 0;

	v->lines = 0;
	view_status(v, "%s", v->about);
	if (s->is_done) {
		struct area rest = draw_part(a, 2, 0, a->rows, a->columns);

		draw_text(a, 0, 0, PAINT_GOOD, str_of(_("Signed in.")));
		draw_record(&rest, view_output(v), identity_details,
		    s->done.data, 0);
		return;
	}
	if (s->has_begun && s->shows_qr) {
		draw_qr(v, a);
		return;
	}
	if (s->has_begun)
		row = draw_steps(v, a) + 1;
	if (buf_len(&s->error))
		draw_lines(a, row, 0, PAINT_BAD, buf_str(&s->error));
	else if (s->asking)
		draw_text(a, row, 0, PAINT_DIM,
		    str_of(_("It is being asked.")));
}

const struct screen screen_login = {
	.name = "login",
	.title = N_("Sign in"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_login,
	.ask = ask,
	.every_ms = 250,
	.press = press,
	.draw = draw,
	.close = close_login,
};

const struct screen screen_login_again = {
	.name = "login_again",
	.title = N_("Sign in again"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_again,
	.ask = ask,
	.every_ms = 250,
	.press = press,
	.draw = draw,
	.close = close_login,
};
