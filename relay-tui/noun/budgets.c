/* SPDX-License-Identifier: MIT */
/* budgets.c - limits, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column budget_columns[] = {
	{ N_("BUDGET"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("OF"), "of", CELL_OWNER, FIT_CUT },
	{ N_("MODELS"), "class", CELL_TEXT, FIT_CUT },
	{ N_("LIMIT"), "limit", CELL_TEXT, FIT_WHOLE },
	{ N_("PER"), "window", CELL_TEXT, FIT_WHOLE },
	{ N_("USED"), "used_text", CELL_TEXT, FIT_WHOLE },
	{ N_("RESERVED"), "reserved_text", CELL_TEXT, FIT_DROP + 1 },
	{ N_("LEFT"), "left_text", CELL_TEXT, FIT_WHOLE },
	{ N_("STATE"), "state", CELL_STATE, FIT_DROP },
	{ N_("RESETS"), "resets_at", CELL_MOMENT, FIT_DROP },
	{ N_("ACTION"), "action", CELL_TEXT, FIT_DROP },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_DROP + 1 },
	{ .title = NULL },
};

const struct column budget_details[] = {
	{ N_("budget"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("of"), "of", CELL_OWNER, FIT_WHOLE },
	{ N_("models"), "class", CELL_TEXT, FIT_WHOLE },
	{ N_("limit"), "limit", CELL_TEXT, FIT_WHOLE },
	{ N_("per"), "window", CELL_TEXT, FIT_WHOLE },
	{ N_("used"), "used_text", CELL_TEXT, FIT_WHOLE },
	{ N_("reserved"), "reserved_text", CELL_TEXT, FIT_WHOLE },
	{ N_("left"), "left_text", CELL_TEXT, FIT_WHOLE },
	{ N_("state"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("since"), "begins_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("counts only from"), "counts_from", CELL_MOMENT, FIT_WHOLE },
	{ N_("resets"), "resets_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("when reached"), "action", CELL_TEXT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("changed"), "changed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};
