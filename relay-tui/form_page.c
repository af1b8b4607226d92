/* SPDX-License-Identifier: MIT */
/* form_page.c - a screen that is a form whose answers it takes itself. */
#include "relay-tui/form_page.h"

#include "relay-tui/app.h"
#include "relay-tui/words.h"

struct form *
form_page_open(struct view *v, const char *title, void (*save)(struct view *v))
{
	struct form_page *s = v->state;

	form_init(&s->form);
	s->title = title;
	s->save = save;
	return &s->form;
}

static void
try_to_save(struct view *v)
{
	struct form_page *s = v->state;

	if (!s->saving)
		s->save(v);
}

/* The keys are the form's; this is for the footer and the help. */
const struct key form_page_keys[] = {
	{ "C-s", CTL_ADMIN, N_("save"), N_("save, from any field"),
	    try_to_save },
	{ "Tab", CTL_SELF, N_("next"), N_("the next field"), NULL },
	{ "S-Tab", CTL_SELF, "", N_("the field before"), NULL },
	{ "Space", CTL_SELF, N_("choose"), N_("the next choice"), NULL },
	{ .presses = NULL },
};

const struct key form_page_plain_keys[] = {
	{ "C-s", CTL_SELF, N_("done"), N_("done, from any field"),
	    try_to_save },
	{ "Tab", CTL_SELF, N_("next"), N_("the next field"), NULL },
	{ "S-Tab", CTL_SELF, "", N_("the field before"), NULL },
	{ "Space", CTL_SELF, N_("choose"), N_("the next choice"), NULL },
	{ .presses = NULL },
};

/* --- saving ---------------------------------------------------------------- */

bool
form_page_took(struct view *v, const struct ctl_frame *f)
{
	struct form_page *s = v->state;

	s->saving = false;
	view_changed(v);
	if (f->kind != CTL_ERROR)
		return true;
	form_refuse(&s->form, f->field, f->message);
	return false;
}

static void
take_saved(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner, *below = TAILQ_PREV(v, view_list, link);
	struct form_page *s = v->state;

	(void)user;
	if (!form_page_took(v, f))
		return;
	view_say(v, PAINT_GOOD, "%s", _(s->said));
	if (below)
		view_ask_again(below);
	view_back(v);
}

void
form_page_send(struct view *v, const char *said)
{
	struct form_page *s = v->state;

	s->saving = true;
	s->said = said;
	view_send(v, take_saved, NULL);
}

/* --- keys and drawing ------------------------------------------------------ */

bool
form_page_press(struct view *v, const struct press *p)
{
	struct form_page *s = v->state;

	switch (form_press(&s->form, p)) {
	case FORM_SAVED:
		try_to_save(v);
		return true;
	case FORM_LEFT:
		view_back(v);
		return true;
	case FORM_TAKEN:
		return true;
	case FORM_NOT_TAKEN:
		break;
	}
	/* Nothing typed into a form is a command. */
	return p->kind != PRESS_KEY || p->code != PRESS_F1;
}

void
form_page_draw(struct view *v, const struct area *a)
{
	struct form_page *s = v->state;
	struct area fields = draw_part(a, 2, 0, a->rows - 2, a->columns);

	draw_textf(a, 0, 0, PAINT_TITLE, "%s %s", _(s->title), v->about);
	form_draw(&s->form, &fields);
}

void
form_page_close(struct view *v)
{
	struct form_page *s = v->state;

	form_fini(&s->form);
}
