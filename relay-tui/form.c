/* SPDX-License-Identifier: MIT */
/* form.c - fields to fill in, one below the other. */
#include "relay-tui/form.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define NAME_WIDTH_MOST 24
#define HELP_ROWS	3

void
form_init(struct form *f)
{
	*f = (struct form){ .count = 0 };
}

void
form_fini(struct form *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->fields[i].name);
		free(f->fields[i].help);
		free(f->fields[i].choices);
		free(f->fields[i].preset);
		line_edit_fini(&f->fields[i].line);
	}
	free(f->fields);
	form_init(f);
}

static char *
copy(struct str s)
{
	return xmemdup(s.len ? s.at : "", s.len);
}

static struct form_field *
add(struct form *f, struct str name, enum form_type type)
{
	struct form_field *field;

	f->fields = xrealloc(f->fields, (f->count + 1) * sizeof(*f->fields));
	field = &f->fields[f->count++];
	*field = (struct form_field){ .name = copy(name),
		.type = type,
		.help = copy(STR("")),
		.choices = copy(STR("")),
		.preset = copy(STR("")) };
	line_edit_init(&field->line, type == FORM_SECRET);
	return field;
}

static void
set(char **text, struct str by)
{
	free(*text);
	*text = copy(by);
}

void
form_add(struct form *f, const char *name, enum form_type type, bool required,
    const char *choices, const char *help)
{
	struct form_field *field = add(f, str_of(name), type);

	field->required = required;
	set(&field->choices, str_of(choices));
	set(&field->help, str_of(help));
	if (type == FORM_FLAG)
		set(&field->choices, STR("yes|no"));
}

static enum form_type
type_of(struct str word)
{
	return str_eq(word, STR("secret")) ? FORM_SECRET
	    : str_eq(word, STR("choice"))  ? FORM_CHOICE
	    : str_eq(word, STR("flag"))	   ? FORM_FLAG
	    : str_eq(word, STR("count"))   ? FORM_COUNT
					   : FORM_TEXT;
}

void
form_add_fields(struct form *f, const struct json *fields)
{
	for (const struct json *o = json_first(fields); o; o = json_next(o)) {
		struct str name, type = STR(""), s = STR("");
		struct form_field *field;

		if (json_as_str(json_at(o, "name"), &name))
			continue;
		if (json_may_str(o, "type", &type, NULL))
			continue;
		field = add(f, name, type_of(type));
		if (json_may_bool(o, "required", &field->required, NULL))
			field->required = false;
		if (json_may_str(o, "help", &s, NULL) == OK)
			set(&field->help, s);
		s = STR("");
		if (json_may_str(o, "choices", &s, NULL) == OK)
			set(&field->choices, s);
		if (field->type == FORM_FLAG)
			set(&field->choices, STR("yes|no"));
	}
}

/* --- values ---------------------------------------------------------------- */

static struct form_field *
find(const struct form *f, struct str name)
{
	for (size_t i = 0; i < f->count; i++)
		if (str_eq(str_of(f->fields[i].name), name))
			return &f->fields[i];
	return NULL;
}

void
form_preset(struct form *f, const char *name, struct str value)
{
	struct form_field *field = find(f, str_of(name));

	if (!field || field->type == FORM_SECRET)
		return;
	set(&field->preset, value);
	line_edit_set(&field->line, value);
}

void
form_set(struct form *f, const char *name, struct str value)
{
	struct form_field *field = find(f, str_of(name));

	if (field)
		line_edit_set(&field->line, value);
}

void
form_choose_from(struct form *f, const char *name, struct str choices)
{
	struct form_field *field = find(f, str_of(name));

	if (!field)
		return;
	set(&field->choices, choices);
	field->type = FORM_CHOICE;
}

/* '-' in names of fields is '_' on the wire. */
static void
write_member(const struct form_field *field, char out[64])
{
	snprintf(out, 64, "%s", field->name);
	for (char *c = out; *c; c++)
		*c = *c == '-' ? '_' : *c;
}

void
form_preset_all(struct form *f, const struct json *object)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct json *value;
		char member[64], number[32];
		struct str s;
		int64_t n;
		bool b;

		write_member(&f->fields[i], member);
		value = json_at(object, member);
		if (json_as_str(value, &s) == OK) {
			form_preset(f, f->fields[i].name, s);
		} else if (json_as_i64(value, &n) == OK) {
			snprintf(number, sizeof(number), "%lld", (long long)n);
			form_preset(f, f->fields[i].name, str_of(number));
		} else if (json_as_bool(value, &b) == OK) {
			form_preset(f, f->fields[i].name,
			    b ? STR("yes") : STR("no"));
		}
	}
}

struct str
form_value(const struct form *f, const char *name)
{
	const struct form_field *field = find(f, str_of(name));

	return field ? line_edit_str(&field->line) : STR("");
}

void
form_put_fields(const struct form *f, struct json_out *j)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct form_field *field = &f->fields[i];
		struct str value = line_edit_str(&field->line);

		if (field->type != FORM_SECRET &&
		    !str_eq(value, str_of(field->preset)))
			json_say(j, field->name, value);
	}
}

void
form_put_secrets(const struct form *f, struct json_out *j)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct form_field *field = &f->fields[i];
		struct str value = line_edit_str(&field->line);
		char member[64];

		write_member(field, member);
		if (field->type == FORM_SECRET && value.len)
			json_say(j, member, value);
	}
}

void
form_refuse(struct form *f, struct str field, struct str text)
{
	struct form_field *found;

	snprintf(f->error, sizeof(f->error), "%.*s",
	    STR_ARG(str_first(text, 255)));
	snprintf(f->error_field, sizeof(f->error_field), "%.*s",
	    STR_ARG(str_first(field, 47)));
	for (char *c = f->error_field; *c; c++)
		*c = *c == '_' ? '-' : *c;
	found = find(f, str_of(f->error_field));
	if (found)
		f->at = (size_t)(found - f->fields);
}

/* --- presses --------------------------------------------------------------- */

static void
choose(struct form_field *field, int by)
{
	struct str rest = str_of(field->choices), all[32];
	struct str now = line_edit_str(&field->line);
	int count = 0, at = 0;

	/* Nothing is the first of them. */
	all[count++] = STR("");
	while (rest.at && count < 32)
		all[count++] = str_cut(&rest, '|');
	for (int i = 0; i < count; i++)
		if (str_eq(all[i], now))
			at = i;
	line_edit_set(&field->line, all[(at + by + count) % count]);
}

static enum form_event
save(struct form *f)
{
	f->error[0] = f->error_field[0] = '\0';
	for (size_t i = 0; i < f->count; i++)
		if (f->fields[i].required &&
		    !line_edit_str(&f->fields[i].line).len) {
			form_refuse(f, str_of(f->fields[i].name),
			    str_of(_("this has to be filled in")));
			return FORM_TAKEN;
		}
	return FORM_SAVED;
}

static bool
is_chosen(const struct form_field *field)
{
	return field->type == FORM_CHOICE || field->type == FORM_FLAG;
}

static enum form_event
press_field(struct form *f, const struct press *p)
{
	struct form_field *field = &f->fields[f->at];

	if (!is_chosen(field))
		return line_edit_press(&field->line, p) ? FORM_TAKEN
							: FORM_NOT_TAKEN;
	if (p->kind != PRESS_KEY)
		return FORM_TAKEN;
	if (p->code == ' ' || p->code == PRESS_RIGHT)
		choose(field, 1);
	else if (p->code == PRESS_LEFT)
		choose(field, -1);
	else if (p->code == PRESS_BACKSPACE)
		line_edit_set(&field->line, STR(""));
	/* Letters mean nothing here, but neither do they leave the form. */
	return p->code >= ' ' && p->code < PRESS_NONE	      ? FORM_TAKEN
	    : p->code == PRESS_RIGHT || p->code == PRESS_LEFT ? FORM_TAKEN
							      : FORM_NOT_TAKEN;
}

enum form_event
form_press(struct form *f, const struct press *p)
{
	bool last = f->at + 1 >= f->count;

	if (f->count == 0)
		return p->kind == PRESS_KEY && p->code == PRESS_ESC
		    ? FORM_LEFT
		    : FORM_NOT_TAKEN;
	if (p->kind != PRESS_KEY)
		return press_field(f, p);
	if (p->code == PRESS_ESC)
		return FORM_LEFT;
	if (p->code == PRESS_CTRL('s') || (p->code == PRESS_ENTER && last))
		return save(f);
	if (p->code == PRESS_ENTER || p->code == PRESS_TAB ||
	    p->code == PRESS_DOWN) {
		f->at = last ? (p->code == PRESS_TAB ? 0 : f->at) : f->at + 1;
		return FORM_TAKEN;
	}
	if (p->code == PRESS_BACK_TAB || p->code == PRESS_UP) {
		f->at = f->at		  ? f->at - 1
		    : p->code == PRESS_UP ? 0
					  : f->count - 1;
		return FORM_TAKEN;
	}
	return press_field(f, p);
}

/* --- drawing --------------------------------------------------------------- */

static int
names_width(const struct form *f)
{
	int widest = 0;

	for (size_t i = 0; i < f->count; i++) {
		int width = text_width(str_of(f->fields[i].name)) + 1;

		widest = width > widest ? width : widest;
	}
	return widest > NAME_WIDTH_MOST ? NAME_WIDTH_MOST : widest;
}

static void
draw_value(struct form_field *field, const struct area *a, int row, int at,
    bool active)
{
	struct str value = line_edit_str(&field->line);

	if (!is_chosen(field)) {
		line_edit_draw(&field->line, a, row, at, a->columns - at,
		    active);
		return;
	}
	draw_textf(a, row, at, PAINT_INPUT, "%s %.*s %s",
	    a->grid->ascii ? "<" : "\xe2\x80\xb9", STR_ARG(value),
	    a->grid->ascii ? ">" : "\xe2\x80\xba");
	if (active)
		draw_cursor(a, row, at + 2);
}

static void
draw_field_row(struct form *f, size_t i, const struct area *a, int row,
    int names)
{
	struct form_field *field = &f->fields[i];
	bool wrong =
	    f->error[0] && str_eq(str_of(f->error_field), str_of(field->name));

	draw_field(a, row, 0, names, false,
	    wrong	     ? PAINT_BAD
		: i == f->at ? PAINT_HEAD
			     : PAINT_PLAIN,
	    str_of(field->name));
	if (field->required)
		draw_text(a, row, text_width(str_of(field->name)), PAINT_WARN,
		    STR("*"));
	draw_value(field, a, row, names + COLUMNS_GAP, i == f->at);
}

/* Below the fields: what the one means that is being filled in. */
static void
draw_help(const struct form *f, const struct area *a)
{
	const struct form_field *field = &f->fields[f->at];
	int row = 1;

	draw_rule(a, 0, str_of(field->name));
	if (f->error[0])
		row += draw_lines(a, row, 0, PAINT_BAD, str_of(f->error));
	if (row < a->rows)
		draw_lines(a, row, 0, PAINT_DIM, str_of(field->help));
}

void
form_draw(struct form *f, const struct area *a)
{
	struct area fields, help;
	int names = names_width(f), rows;

	if (f->count == 0)
		return;
	rows = a->rows - HELP_ROWS - 1;
	rows = rows < 1 ? 1 : rows;
	fields = draw_part(a, 0, 0, rows, a->columns);
	if (f->at < f->top)
		f->top = f->at;
	if (f->at >= f->top + (size_t)rows)
		f->top = f->at - (size_t)rows + 1;
	for (size_t i = f->top; i < f->count && i < f->top + (size_t)rows; i++)
		draw_field_row(f, i, &fields, (int)(i - f->top), names);
	if ((size_t)rows > f->count)
		rows = (int)f->count;
	help = draw_part(a, rows, 0, HELP_ROWS + 1, a->columns);
	draw_help(f, &help);
}
