/* SPDX-License-Identifier: MIT */
/* list_view.h - a screen that is a list: asks page by page, draws, remembers.
 *
 *	struct state {
 *		struct list_view rows;	first
 *		...
 *	};
 *	static void
 *	open(struct view *v)
 *	{
 *		list_view_open(v, CTL_M_key_list, key_columns, "id", N_("..."));
 *	}
 *	.ask = list_view_ask, .draw = list_view_draw, .close = list_view_close,
 */
#ifndef RELAY_TUI_LIST_VIEW_H
#define RELAY_TUI_LIST_VIEW_H

#include "relay-tui/view.h"

struct list_view {
	struct list list;
	enum ctl_method method;
	const char *rows; /* the member that holds them; NULL: all of it */
	/* Puts parameters; NULL: there are none. */
	void (*put)(struct view *v, struct json_out *j);
	bool asking;
	size_t most; /* rows; 0: all there are */
	bool more;   /* there are further ones */
};

/* `id` and `empty` as list_init(). */
void list_view_open(struct view *v, enum ctl_method method,
    const struct column *columns, const char *id, const char *empty);
void list_view_ask(struct view *v);
void list_view_draw(struct view *v, const struct area *a);
/* With these members of what is chosen in full below the list, a line or two
 * each; NULL ends. */
void list_view_draw_noted(struct view *v, const struct area *a,
    const char *const *keys);
void list_view_close(struct view *v);
/* What is chosen; empty: nothing is. */
struct str list_view_chosen(const struct view *v);
/* Open a screen about it. */
void list_view_open_chosen(struct view *v, const char *screen);

#endif
