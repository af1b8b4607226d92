/* SPDX-License-Identifier: MIT */
/* overview.h - what the overview knows, between who asks (overview.c) and who
 * draws (overview_draw.c). */
#ifndef RELAY_TUI_OVERVIEW_H
#define RELAY_TUI_OVERVIEW_H

#include "relay-tui/recent.h"
#include "relay-tui/usage_rows.h"
#include "relay-tui/view.h"

#define OVERVIEW_TROUBLES 32

struct overview_answer {
	struct ctl_frame frame;
	bool is;
};

/* A request that did not end well. */
struct overview_trouble {
	int64_t at_ms;
	char text[240];
};

struct overview {
	struct list list; /* accounts */
	int64_t in_flight, queue, requests, failed, refused;
	int64_t accounts, ready, keys;
	int64_t cost_micro[3]; /* today, week, month */
	int64_t minutes[OFS][60];
	struct recent recent;
	struct overview_answer windows, top;
	struct overview_trouble troubles[OVERVIEW_TROUBLES]; /* a ring */
	size_t trouble_count;				     /* ever */
	char store_trouble[240];
	bool has_status, has_history, happened;
	int64_t status_at_ms, slow_at_ms, sums_at_ms; /* when to ask again */
};

void overview_draw(struct view *v, const struct area *a);

#endif
