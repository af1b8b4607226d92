/* SPDX-License-Identifier: MIT */
/* rates.c - the factors of services, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column rate_columns[] = {
	{ N_("SERVICE"), "service", CELL_TEXT, FIT_WHOLE },
	{ N_("RATE"), "rate", CELL_DECIMAL, FIT_WHOLE },
	{ N_("KINDS"), "kinds", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column rate_details[] = {
	{ N_("service"), "service", CELL_TEXT, FIT_WHOLE },
	{ N_("rate"), "rate", CELL_TEXT, FIT_WHOLE },
	{ N_("kinds"), "kinds", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};
