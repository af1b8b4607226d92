/* SPDX-License-Identifier: MIT */
/* record_view.h - a screen that shows one thing: asks for what view.about names,
 * draws its columns, scrolls.
 *
 *	struct state {
 *		struct record_view record;	first
 *		...
 *	}; */
#ifndef RELAY_TUI_RECORD_VIEW_H
#define RELAY_TUI_RECORD_VIEW_H

#include "relay-tui/view.h"

struct record_view {
	struct ctl_frame shown; /* kept; only where is_shown */
	bool is_shown;
	enum ctl_method method;
	const char *key; /* its parameter that is view.about; or NULL */
	const struct column *columns;
};

void record_view_open(struct view *v, enum ctl_method method, const char *key,
    const struct column *columns);
void record_view_ask(struct view *v);
void record_view_draw(struct view *v, const struct area *a);
void record_view_close(struct view *v);

/* What came back, as relayctl prints it: a text to read, on top. */
void answer_open(struct view *v, const char *title, enum ctl_method method,
    const struct ctl_frame *f);

#endif
