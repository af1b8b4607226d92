/* SPDX-License-Identifier: MIT */
/* settings.c - what can be tuned while the daemon runs, and what the host's
 * file says. */
#include <stdio.h>

#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_settings(struct view *v)
{
	list_view_open(v, CTL_M_setting_list, setting_columns, "name", NULL);
}

static void
edit(struct view *v)
{
	list_view_open_chosen(v, "setting_edit");
}

static void
unset(struct view *v)
{
	if (list_view_chosen(v).len)
		view_confirm(v, N_("Put back to its default:"),
		    CTL_M_setting_unset, "name", list_view_chosen(v),
		    N_("it is as it was made"));
}

static void
show_file(struct view *v)
{
	view_open(v, "config", STR(""));
}

static void
draw(struct view *v, const struct area *a)
{
	static const char *const told[] = { "help", NULL };

	list_view_draw_noted(v, a, told);
}

static const struct key keys[] = {
	{ "Enter l Right e", CTL_ADMIN, N_("edit"), N_("change it, at once"),
	    edit },
	{ "d", CTL_ADMIN, N_("default"), N_("put it back to its default"),
	    unset },
	{ "f", CTL_VIEW, N_("file"),
	    N_("show what the configuration file says"), show_file },
	{ .presses = NULL },
};

const struct screen screen_settings = {
	.name = "settings",
	.title = N_("Settings"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_settings,
	.ask = list_view_ask,
	.every_ms = 2000,
	.draw = draw,
	.close = list_view_close,
};

/* --- one to be changed ----------------------------------------------------- */

struct edit {
	struct form_view view;
	char bounds[256], help[512];
};

static struct str
member(const struct json *o, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(o, key, &s, NULL);
	return s;
}

/* The words of a choice; empty: any text may be right. */
static void
write_choices(const struct json *row, struct buf *out)
{
	struct str least = member(row, "least"), unit = member(row, "unit");

	if (str_find(unit, STR("|")) >= 0)
		buf_must(out, unit);
	else if (least.len && (least.at[0] < '0' || least.at[0] > '9'))
		buf_mustf(out, "%.*s|%.*s", STR_ARG(least),
		    STR_ARG(member(row, "most")));
}

static void
take_row(struct edit *s, const struct json *row)
{
	struct buf choices;

	s->view.filled = true;
	buf_init(&choices, 4096);
	write_choices(row, &choices);
	form_add(&s->view.form, "value",
	    buf_len(&choices) ? FORM_CHOICE : FORM_TEXT, false,
	    buf_len(&choices) ? buf_cstr(&choices) : NULL, NULL);
	form_preset(&s->view.form, "value", member(row, "value"));
	if (buf_len(&choices))
		snprintf(s->bounds, sizeof(s->bounds), _("default %.*s"),
		    STR_ARG(member(row, "default")));
	else
		snprintf(s->bounds, sizeof(s->bounds),
		    _("default %.*s, from %.*s to %.*s %.*s"),
		    STR_ARG(member(row, "default")),
		    STR_ARG(member(row, "least")), STR_ARG(member(row, "most")),
		    STR_ARG(member(row, "unit")));
	snprintf(s->help, sizeof(s->help), "%.*s",
	    STR_ARG(member(row, "help")));
	buf_fini(&choices);
}

static void
take_settings(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct edit *s = v->state;

	(void)user;
	if (view_failed(v, f) || s->view.filled)
		return;
	for (const struct json *r = json_first(f->data); r; r = json_next(r))
		if (str_eq(member(r, "name"), str_of(v->about)))
			take_row(s, r);
}

static const struct form_spec plan = {
	.title = N_("Setting"),
	.said = N_("changed, in force at once"),
	.method = CTL_M_setting_set,
	.shows = CTL_M_setting_set,
	.subject = "name",
};

static void
open_edit(struct view *v)
{
	form_view_open(v, &plan);
	v->answered = false;
}

static void
ask_edit(struct view *v)
{
	view_ask(v, CTL_M_setting_list, take_settings);
}

static void
draw_edit(struct view *v, const struct area *a)
{
	const struct edit *s = v->state;
	struct area form = draw_part(a, 5, 0, a->rows - 5, a->columns);

	draw_lines(a, 0, 0, PAINT_PLAIN, str_of(s->help));
	draw_text(a, 3, 0, PAINT_DIM, str_of(s->bounds));
	form_view_draw(v, &form);
}

const struct screen screen_setting_edit = {
	.name = "setting_edit",
	.title = N_("Change a setting"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct edit),
	.open = open_edit,
	.ask = ask_edit,
	.press = form_view_press,
	.draw = draw_edit,
	.close = form_view_close,
};

/* --- what the host's file says --------------------------------------------- */

struct config {
	struct list_view rows;
	char file[256];
};

static void
open_config(struct view *v)
{
	list_view_open(v, CTL_M_config_show, option_columns, "name", NULL);
}

static void
take_config(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct config *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	snprintf(s->file, sizeof(s->file), "%.*s",
	    STR_ARG(member(f->data, "file")));
	list_begin(v->list);
	list_add_all(v->list, view_output(v), json_at(f->data, "options"));
	list_end(v->list);
}

static void
ask_config(struct view *v)
{
	view_ask(v, CTL_M_config_show, take_config);
}

static void
draw_config(struct view *v, const struct area *a)
{
	static const char *const told[] = { "help", "value", NULL };
	const struct config *s = v->state;
	struct area list = draw_part(a, 2, 0, a->rows - 2, a->columns);

	draw_text(a, 0, 0, PAINT_TITLE, str_of(s->file));
	draw_text(a, 1, 0, PAINT_DIM,
	    str_of(_("These are changed in the host's file, and taken over "
		     "with `relayctl reload`.")));
	list_view_draw_noted(v, &list, told);
}

const struct screen screen_config = {
	.name = "config",
	.title = N_("Configuration"),
	.role = CTL_VIEW,
	.state_size = sizeof(struct config),
	.open = open_config,
	.ask = ask_config,
	.every_ms = 5000,
	.draw = draw_config,
	.close = list_view_close,
};
