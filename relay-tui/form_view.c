/* SPDX-License-Identifier: MIT */
/* form_view.c - a screen that is a form for one method. */
#include "relay-tui/form_view.h"

#include <stdio.h>

#include "relay-tui/content.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

#define MEMBER_SIZE 64

void
form_view_open(struct view *v, const struct form_spec *spec)
{
	struct form_view *s = v->state;

	form_init(&s->form);
	s->spec = spec;
	for (const struct form_row *r = spec->rows; r && r->name; r++)
		form_add(&s->form, r->name, r->type, r->required, r->choices,
		    r->help ? _(r->help) : NULL);
}

void
form_view_close(struct view *v)
{
	struct form_view *s = v->state;

	form_fini(&s->form);
	if (s->now.root)
		ctl_frame_fini(&s->now);
}

/* --- asking ---------------------------------------------------------------- */

static void
preset(struct view *v, const struct json *now)
{
	struct form_view *s = v->state;

	form_preset_all(&s->form, now);
	/* There is one already: empty leaves it as it is. */
	for (size_t i = 0; i < s->form.count; i++)
		if (s->form.fields[i].type == FORM_SECRET)
			s->form.fields[i].required = false;
	if (s->spec->preset)
		s->spec->preset(v, &s->form, now);
}

static void
take_kind(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct form_view *s = v->state;

	(void)user;
	if (view_failed(v, f) || s->filled)
		return;
	s->filled = true;
	form_add_fields(&s->form, json_at(json_first(f->data), "fields"));
	if (s->now.root)
		preset(v, s->now.data);
}

static void
take_shown(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct form_view *s = v->state;

	(void)user;
	/* After a reconnection it is asked again: what was typed stays. */
	if (view_failed(v, f) || s->filled)
		return;
	s->rev = f->rev;
	if (s->spec->kinds != CTL_M_status) {
		struct str kind = STR("");

		if (s->now.root || json_may_str(f->data, "kind", &kind, NULL))
			return;
		view_ask_about(v, s->spec->kinds, "kind", kind, take_kind);
		s->now = view_keep(v);
		return;
	}
	s->filled = true;
	preset(v, f->data);
}

void
form_view_ask(struct view *v)
{
	struct form_view *s = v->state;

	if (s->spec->begin)
		s->spec->begin(v);
	if (s->spec->shows == s->spec->method &&
	    s->spec->kinds != CTL_M_status && !s->filled)
		view_ask_about(v, s->spec->kinds, "kind", str_of(v->about),
		    take_kind);
	else if (s->spec->shows == s->spec->method)
		v->answered = true;
	else if (!s->filled)
		view_ask_about(v, s->spec->shows, s->spec->subject,
		    str_of(v->about), take_shown);
}

/* --- saving ---------------------------------------------------------------- */

static enum err
put_content(struct json_out *j, const char *member, struct str value,
    struct why *out_why)
{
	struct buf packed;
	enum err e;

	buf_init(&packed, CTL_FRAME_MAX);
	e = content_pack(value, &packed);
	if (!e)
		json_say(j, member, buf_str(&packed));
	buf_fini(&packed);
	return e ? why_set(out_why, e, member, _("this is too much")) : OK;
}

/* A number as one, a person as the daemon calls them. */
static enum err
put_value(struct json_out *j, const struct ctl_param *p, const char *member,
    struct str value, struct why *out_why)
{
	char owner[OWNER_TEXT];
	uint64_t n = 0;
	enum err e;

	if (p->type == CTL_FLAG) {
		json_say_bool(j, member, str_eq(value, STR("yes")));
	} else if (p->type == CTL_NUMBER) {
		if (value.len && (str_u64(value, &n) || n > INT32_MAX))
			return why_set(out_why, ERR_VALUE, member,
			    _("this has to be a number"));
		json_say_i64(j, member, (int64_t)n);
	} else if (p->type == CTL_CONTENT) {
		return put_content(j, member, value, out_why);
	} else if (!strcmp(member, "expires") && !value.len) {
		json_say(j, member, STR("never"));
	} else if (!strcmp(member, "owner") && value.len) {
		e = owner_read(value, false, owner, out_why);
		if (e)
			return e;
		json_say(j, member, str_of(owner));
	} else {
		json_say(j, member, value);
	}
	return OK;
}

/* Is a field a parameter of the method, or one of its fields? */
static bool
find_param(const struct form_view *s, const struct form_field *field,
    char member[MEMBER_SIZE], struct ctl_param *out)
{
	snprintf(member, MEMBER_SIZE, "%s", field->name);
	for (char *c = member; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return ctl_param_find(ctl_row((unsigned)s->spec->method),
	    str_of(member), out);
}

static bool
is_changed(const struct form_field *field)
{
	return !str_eq(line_edit_str(&field->line), str_of(field->preset));
}

static enum err
put_params(const struct form_view *s, struct json_out *j, struct why *out_why)
{
	enum err e = OK;

	for (size_t i = 0; !e && i < s->form.count; i++) {
		const struct form_field *field = &s->form.fields[i];
		char member[MEMBER_SIZE];
		struct ctl_param param;

		if (is_changed(field) && find_param(s, field, member, &param))
			e = put_value(j, &param, member,
			    line_edit_str(&field->line), out_why);
	}
	return e;
}

static void
put_fields(const struct form_view *s, struct json_out *j)
{
	bool any = false;

	for (size_t i = 0; i < s->form.count; i++) {
		const struct form_field *field = &s->form.fields[i];
		char member[MEMBER_SIZE];
		struct ctl_param param;

		if (!is_changed(field) || find_param(s, field, member, &param))
			continue;
		if (!any) {
			json_put_key(j, "fields");
			json_open(j, '{');
		}
		any = true;
		json_say(j, field->name, line_edit_str(&field->line));
	}
	if (any)
		json_close(j, '}');
}

static void
take_saved(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct form_view *s = v->state;

	(void)user;
	s->saving = false;
	view_changed(v);
	if (f->kind == CTL_ERROR) {
		form_refuse(&s->form, f->field, f->message);
		return;
	}
	if (s->spec->said)
		view_say(v, PAINT_GOOD, "%s", _(s->spec->said));
	if (!s->spec->stays)
		view_back(v);
	if (s->spec->saved)
		s->spec->saved(v, f);
}

static void
save(struct view *v)
{
	struct form_view *s = v->state;
	struct why why = { .text = "" };
	struct ctl_param param;
	struct json_out *j;

	if (s->saving)
		return;
	j = view_begin(v, s->spec->method);
	if (s->spec->subject)
		json_say(j, s->spec->subject, str_of(v->about));
	if (s->rev &&
	    ctl_param_find(ctl_row((unsigned)s->spec->method), STR("if_rev"),
		&param))
		json_say_i64(j, "if_rev", s->rev);
	if (s->spec->put)
		s->spec->put(v, j);
	put_fields(s, j);
	if (put_params(s, j, &why)) {
		view_drop(v);
		form_refuse(&s->form, str_of(why.field), str_of(why.text));
		return;
	}
	s->saving = true;
	view_send(v, take_saved, NULL);
}

/* The keys are the form's; this is for the footer and the help. */
const struct key form_view_keys[] = {
	{ "C-s", CTL_SELF, N_("save"), N_("save, from any field"), save },
	{ "Tab", CTL_SELF, N_("next"), N_("the next field"), NULL },
	{ "S-Tab", CTL_SELF, "", N_("the field before"), NULL },
	{ "Space", CTL_SELF, N_("choose"), N_("the next choice"), NULL },
	{ .presses = NULL },
};

bool
form_view_press(struct view *v, const struct press *p)
{
	struct form_view *s = v->state;

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

void
form_view_draw(struct view *v, const struct area *a)
{
	struct form_view *s = v->state;
	struct area fields = draw_part(a, 2, 0, a->rows - 2, a->columns);

	draw_textf(a, 0, 0, PAINT_TITLE, "%s %s", _(s->spec->title), v->about);
	form_draw(&s->form, &fields);
}
