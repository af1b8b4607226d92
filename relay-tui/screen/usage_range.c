/* SPDX-License-Identifier: MIT */
/* usage_range.c - from when until when is usage to be shown? */
#include "relay-tui/app.h"
#include "relay-tui/form_page.h"
#include "relay-tui/screen/common.h"
#include "relay-tui/words.h"

struct state {
	struct form_page asked;
};

static void
save(struct view *v)
{
	struct state *s = v->state;
	struct view *below = TAILQ_PREV(v, view_list, link);

	if (below && below->screen == screen_find(STR("usage")))
		screen_usage_take_range(below,
		    form_value(&s->asked.form, "since"),
		    form_value(&s->asked.form, "until"));
	view_back(v);
}

static void
open_range(struct view *v)
{
	struct form *f = form_page_open(v, N_("Usage of which time?"), save);

	form_add(f, "since", FORM_TEXT, true, NULL,
	    _("2026-11-01, \"2026-11-01 13:30\", today, yesterday, or how long "
	      "ago: 24h, 14d"));
	form_add(f, "until", FORM_TEXT, false, NULL,
	    _("the same; a day is meant with all of it, nothing is until now"));
}

const struct screen screen_usage_range = {
	.name = "usage_range",
	.title = N_("Range of time"),
	.role = CTL_SELF,
	.keys = form_page_plain_keys,
	.state_size = sizeof(struct state),
	.open = open_range,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};
