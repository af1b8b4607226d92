/* SPDX-License-Identifier: MIT */
/* account_form.c - an account to be added (about: its kind), or changed (about:
 * its name), by a form made from the fields of its kind. */
#include "relay-tui/form.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

struct state {
	struct form form;
	bool is_new, saving;
	int64_t rev;		  /* of what is changed */
	struct ctl_frame account; /* what is changed, while its kind is asked */
	bool has_account;
};

static void
open_new(struct view *v)
{
	struct state *s = v->state;

	form_init(&s->form);
	s->is_new = true;
}

static void
open_edit(struct view *v)
{
	struct state *s = v->state;

	form_init(&s->form);
}

static void
close_form(struct view *v)
{
	struct state *s = v->state;

	form_fini(&s->form);
	if (s->has_account)
		ctl_frame_fini(&s->account);
}

/* --- asking ---------------------------------------------------------------- */

static void
take_kind(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	/* After a reconnection it is asked again: what was typed stays. */
	if (view_failed(v, f) || s->form.count)
		return;
	if (s->is_new)
		form_add(&s->form, "name", FORM_TEXT, true, NULL,
		    _("what it is called here, for example work"));
	form_add_fields(&s->form, json_at(json_first(f->data), "fields"));
	if (s->has_account) {
		form_preset_all(&s->form, s->account.data);
		/* There is one already: empty leaves it as it is. */
		for (size_t i = 0; i < s->form.count; i++)
			if (s->form.fields[i].type == FORM_SECRET)
				s->form.fields[i].required = false;
	}
}

static void
take_account(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct str kind;

	(void)user;
	if (view_failed(v, f) || s->has_account ||
	    json_as_str(json_at(f->data, "kind"), &kind))
		return;
	s->rev = f->rev;
	s->account = view_keep(v);
	s->has_account = true;
	view_ask_about(v, CTL_M_account_kinds, "kind", kind, take_kind);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->is_new)
		view_ask_about(v, CTL_M_account_kinds, "kind", str_of(v->about),
		    take_kind);
	else if (!s->has_account)
		view_ask_about(v, CTL_M_account_show, "name", str_of(v->about),
		    take_account);
}

/* --- saving ---------------------------------------------------------------- */

static void
take_saved(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	s->saving = false;
	if (f->kind == CTL_ERROR) {
		form_refuse(&s->form, f->field, f->message);
		view_changed(v);
		return;
	}
	view_say(v, PAINT_GOOD, "%s",
	    s->is_new ? _("added; t tests it") : _("changed"));
	if (s->is_new)
		view_open(v, "account", form_value(&s->form, "name"));
	view_back(v);
}

/* The name is a parameter of its own. */
static void
put_fields(const struct state *s, struct json_out *j)
{
	struct form fields = s->form;

	if (s->is_new) {
		fields.fields++;
		fields.count--;
	}
	json_put_key(j, "fields");
	json_open(j, '{');
	form_put_fields(&fields, j);
	json_close(j, '}');
	form_put_secrets(&s->form, j);
}

/* One signs in to it: there is nothing else to prove who one is with. */
static bool
is_signed_in_to(const struct state *s)
{
	for (size_t i = 0; i < s->form.count; i++) {
		const struct form_field *field = &s->form.fields[i];

		if (field->type == FORM_SECRET &&
		    str_eq(str_of(field->name), STR("credential")) &&
		    (field->required || line_edit_str(&field->line).len))
			return false;
	}
	return s->is_new;
}

static void
take_login(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct str id = STR("");

	(void)user;
	s->saving = false;
	view_changed(v);
	if (f->kind == CTL_ERROR) {
		form_refuse(&s->form, f->field, f->message);
		return;
	}
	if (json_may_str(f->data, "id", &id, NULL))
		return;
	view_open(v, "login", id);
	view_back(v);
}

static void
save(struct view *v)
{
	struct state *s = v->state;
	struct json_out *j;

	if (s->saving)
		return;
	s->saving = true;
	j = view_begin(v,
	    is_signed_in_to(s) ? CTL_M_oauth_begin
		: s->is_new    ? CTL_M_account_add
			       : CTL_M_account_set);
	if (s->is_new)
		json_say(j, "kind", str_of(v->about));
	json_say(j, "name",
	    s->is_new ? form_value(&s->form, "name") : str_of(v->about));
	put_fields(s, j);
	if (s->rev)
		json_say_i64(j, "if_rev", s->rev);
	view_send(v, is_signed_in_to(s) ? take_login : take_saved, NULL);
}

/* The keys are the form's; this is for the footer and the help. */
static const struct key keys[] = {
	{ "C-s", CTL_ADMIN, N_("save"), N_("save, from any field"), save },
	{ "Tab", CTL_SELF, N_("next"), N_("the next field"), NULL },
	{ "S-Tab", CTL_SELF, "", N_("the field before"), NULL },
	{ "Space", CTL_SELF, N_("choose"), N_("the next choice"), NULL },
	{ .presses = NULL },
};

static bool
press(struct view *v, const struct press *p)
{
	struct state *s = v->state;

	switch (form_press(&s->form, p)) {
	case FORM_SAVED:
		save(v);
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

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct area fields = draw_part(a, 2, 0, a->rows - 2, a->columns);

	draw_textf(a, 0, 0, PAINT_TITLE, "%s %s",
	    s->is_new ? _("A new account of the kind") : _("Account"),
	    v->about);
	form_draw(&s->form, &fields);
}

const struct screen screen_account_new = {
	.name = "account_new",
	.title = N_("New account"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_new,
	.ask = ask,
	.press = press,
	.draw = draw,
	.close = close_form,
};

const struct screen screen_account_edit = {
	.name = "account_edit",
	.title = N_("Change an account"),
	.role = CTL_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_edit,
	.ask = ask,
	.press = press,
	.draw = draw,
	.close = close_form,
};
