/* SPDX-License-Identifier: MIT */
/* form.h - fields to fill in, one below the other, made from what the daemon
 * says they are (account.kinds, notify.kinds) or by hand.
 *
 * A form lives in the state of a screen, which hands it presses and an area:
 *
 *	switch (form_press(&s->form, p)) {
 *	case FORM_SAVED:	put form_put_fields() into a call; return true;
 *	case FORM_LEFT:		view_back(v); return true;
 *	case FORM_TAKEN:	return true;
 *	case FORM_NOT_TAKEN:	return false;
 *	} */
#ifndef RELAY_TUI_FORM_H
#define RELAY_TUI_FORM_H

#include "proto/json.h"

#include "relay-tui/line_edit.h"

enum form_type {
	FORM_TEXT,
	FORM_COUNT,
	FORM_SECRET,
	FORM_CHOICE, /* one of choices "a|b|c", or none */
	FORM_FLAG,   /* yes or no, or neither */
};

struct form_field {
	char *name, *help, *choices, *preset;
	enum form_type type;
	bool required;
	struct line_edit line;
};

struct form {
	struct form_field *fields;
	size_t count, at, top;
	char error_field[48], error[256]; /* what the daemon did not like */
};

enum form_event {
	FORM_NOT_TAKEN,
	FORM_TAKEN,
	FORM_SAVED, /* everything that is required is there */
	FORM_LEFT,
};

void form_init(struct form *f);
void form_fini(struct form *f);
/* choices: "a|b"; help and choices may be NULL. */
void form_add(struct form *f, const char *name, enum form_type type,
    bool required, const char *choices, const char *help);
/* All that an array of {name, type, required, choices, help} names. */
void form_add_fields(struct form *f, const struct json *fields);
/* What stands in it at first; what is not changed is not put later on. */
void form_preset(struct form *f, const char *name, struct str value);
/* The same as if it was typed. */
void form_set(struct form *f, const char *name, struct str value);
/* It is chosen from these, "a|b", from now on. */
void form_choose_from(struct form *f, const char *name, struct str choices);
/* The members of an object as presets: "max_concurrency" of max-concurrency. */
void form_preset_all(struct form *f, const struct json *object);

enum form_event form_press(struct form *f, const struct press *p);
void form_draw(struct form *f, const struct area *a);
/* Say what was wrong, at its field. */
void form_refuse(struct form *f, struct str field, struct str text);

/* What is there now; empty where there is no such field. */
struct str form_value(const struct form *f, const char *name);
/* Members of an object that is open: all that differs from its preset and is no
 * secret. */
void form_put_fields(const struct form *f, struct json_out *j);
/* Secrets that were typed, as parameters: "proxy_password" of proxy-password. */
void form_put_secrets(const struct form *f, struct json_out *j);

#endif
