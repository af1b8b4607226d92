/* SPDX-License-Identifier: MIT */
/* about.c - who you are here, and what answers. */
#include "proto/version.h"

#include "relay-tui/app.h"
#include "relay-tui/noun.h"
#include "relay-tui/owner.h"
#include "relay-tui/record_view.h"
#include "relay-tui/words.h"

static const struct column details[] = {
	{ N_("your name"), "uid", CELL_UID, FIT_WHOLE },
	{ N_("uid"), "uid", CELL_NUMBER, FIT_WHOLE },
	{ N_("role"), "role", CELL_TEXT, FIT_WHOLE },
	{ N_("listening at"), "listeners", CELL_TEXT, FIT_WHOLE },
	{ N_("time zone"), "zone", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

static const char *const roles[] = {
	N_("self: your own keys, what they used, and their requests"),
	N_("view: all there is, but no secret and no change"),
	N_("ops: and use or hold accounts, end requests, clear and test"),
	N_("admin: and add, change and remove"),
};

static void
open_about(struct view *v)
{
	record_view_open(v, CTL_M_whoami, NULL, details);
}

static int
draw_roles(const struct view *v, const struct area *a, int row)
{
	for (int r = CTL_SELF; r <= CTL_ADMIN; r++) {
		bool has = r <= (int)view_role(v);

		draw_text(a, row, 0, has ? PAINT_GOOD : PAINT_DIM,
		    has ? STR("+") : STR("-"));
		draw_text(a, row++, 2, has ? PAINT_PLAIN : PAINT_DIM,
		    str_of(_(roles[r])));
	}
	return row;
}

static void
draw(struct view *v, const struct area *a)
{
	const struct record_view *s = v->state;
	int row = 2 - v->top;

	draw_textf(a, -v->top, 0, PAINT_TITLE,
	    _("relay-tui %s, talking to relayd %s"), relayd_version,
	    v->app->version);
	if (s->is_shown)
		row += draw_record(a, view_output(v), details, s->shown.data,
		    -row);
	draw_rule(a, row + 1, str_of(_("what your role may")));
	row = draw_roles(v, a, row + 2);
	draw_rule(a, row + 1, str_of(_("where more is told")));
	row += 2;
	draw_text(a, row++, 0, PAINT_PLAIN,
	    str_of(_("?        the keys of a screen")));
	draw_text(a, row++, 0, PAINT_PLAIN, str_of(_("m        all screens")));
	draw_text(a, row++, 0, PAINT_PLAIN,
	    str_of(_(":help    the commands, which : takes as relayctl does")));
	draw_text(a, row++, 0, PAINT_PLAIN,
	    str_of(_("man      relay-tui(1), relayctl(8), relayd.conf(5)")));
	v->lines = row + v->top;
	view_status(v, "relayd %s", v->app->version);
}

static void
show_commands(struct view *v)
{
	app_command(v->app, STR("help"));
}

static const struct key keys[] = {
	{ "H", CTL_SELF, N_("commands"), N_("list what : takes"),
	    show_commands },
	{ .presses = NULL },
};

const struct screen screen_about = {
	.name = "about",
	.title = N_("About"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct record_view),
	.open = open_about,
	.ask = record_view_ask,
	.draw = draw,
	.close = record_view_close,
};
