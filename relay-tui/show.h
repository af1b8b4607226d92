/* SPDX-License-Identifier: MIT */
/* show.h - answers of the daemon, page by page, for people or as JSON. */
#ifndef RELAY_TUI_SHOW_H
#define RELAY_TUI_SHOW_H

#include "proto/ctl.h"

#include "relay-tui/table.h"
#include "relay-tui/usage_table.h"

/* The pages of one answer. */
struct show {
	struct output *out;
	enum ctl_method method;
	struct table table; /* rows of all pages */
	struct buf text;    /* the same as JSON */
	struct json_out json;
	struct column *chosen; /* those of output.columns; or NULL */
	size_t rows, pages;
	bool is_part; /* of a list: there is more before or behind */
	struct usage_table usage;
};

/* ERR_VALUE: rows as CSV, or single columns, are wanted of what has none. */
enum err show_begin(struct show *s, struct output *o, enum ctl_method method,
    struct why *out_why) CHECKED;
/* May come more than once for lists; what is no list is printed at once. */
void show_page(struct show *s, const struct json *data);
void show_end(struct show *s);

/* Rows of a page; of what is no list NULL. */
const struct json *show_rows(enum ctl_method method, const struct json *data);
/* What stands in front of the events of a subscription, and one of them. */
void show_events_begin(struct output *o, enum ctl_method method);
void show_event(struct output *o, enum ctl_method method,
    const struct ctl_frame *event);

#endif
