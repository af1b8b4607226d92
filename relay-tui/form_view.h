/* SPDX-License-Identifier: MIT */
/* form_view.h - a screen that is a form for one method of the daemon: asks what
 * is so now, lets it be changed, sends what was changed.
 *
 *	static const struct form_spec spec = { .method = CTL_M_x_set, ... };
 *	static void
 *	open(struct view *v)
 *	{
 *		form_view_open(v, &spec);
 *	}
 *	.state_size = sizeof(struct form_view), .keys = form_view_keys,
 *	.ask = form_view_ask, .press = form_view_press, .draw = form_view_draw,
 *	.close = form_view_close,
 *
 * Fields bear the names of the method's parameters, with '-' for '_'; each is
 * sent as the type that ctl.def gives it.  What is no parameter is put among the
 * method's `fields`. */
#ifndef RELAY_TUI_FORM_VIEW_H
#define RELAY_TUI_FORM_VIEW_H

#include "relay-tui/form.h"
#include "relay-tui/view.h"

struct form_row {
	const char *name;
	enum form_type type;
	bool required;
	const char *choices; /* "a|b"; or NULL */
	const char *help;    /* N_() */
};

struct form_spec {
	const char *title; /* N_(): in front of view.about */
	enum ctl_method method;
	const char *subject; /* the parameter that view.about is; or NULL */
	const struct form_row *rows; /* ends with a name NULL; or NULL */
	/* Further fields, of a kind (account.kinds, notify.kinds): of the one
	 * that view.about is, or of what there is; CTL_M_status: none. */
	enum ctl_method kinds;
	/* Asked first, about the same subject, for what stands in the fields;
	 * or `method` itself: nothing is asked. */
	enum ctl_method shows;
	/* More than members that are called as fields are; or NULL. */
	void (*preset)(struct view *v, struct form *f, const struct json *now);
	/* Choices that are to be asked for, and the like, whenever there is a
	 * connection; or NULL. */
	void (*begin)(struct view *v);
	/* Parameters that are neither subject nor field; or NULL. */
	void (*put)(struct view *v, struct json_out *j);
	const char *said; /* N_(): when it is done; or NULL */
	bool stays;	  /* for more of the same; else the view goes back */
	/* It is done; or NULL. */
	void (*saved)(struct view *v, const struct ctl_frame *f);
};

/* The state of such a screen. */
struct form_view {
	struct form form;
	const struct form_spec *spec;
	bool filled, saving;
	struct ctl_frame now; /* kept while its kind is asked; or no root */
	int64_t rev;	      /* of what is changed; 0: nothing is */
};

extern const struct key form_view_keys[];

void form_view_open(struct view *v, const struct form_spec *spec);
void form_view_ask(struct view *v);
bool form_view_press(struct view *v, const struct press *p);
void form_view_draw(struct view *v, const struct area *a);
void form_view_close(struct view *v);

#endif
