/* SPDX-License-Identifier: MIT */
/* rules.c - what failures mean, and who rests for them, as people see it. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column rule_columns[] = {
	{ N_("RULE"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("PLACE"), "place", CELL_NUMBER, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_TEXT, FIT_WHOLE },
	{ N_("KIND"), "kind", CELL_TEXT, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("TEXT"), "text", CELL_TEXT, FIT_CUT },
	{ N_("HEADER"), "header", CELL_TEXT, FIT_CUT },
	{ N_("ACTION"), "action", CELL_TEXT, FIT_WHOLE },
	{ N_("FOR"), "for", CELL_TEXT, FIT_WHOLE },
	{ N_("SCOPE"), "scope", CELL_TEXT, FIT_WHOLE },
	{ N_("JUDGED"), "judged", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

const struct column rule_details[] = {
	{ N_("rule"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("place"), "place", CELL_NUMBER, FIT_WHOLE },
	{ N_("status"), "status", CELL_TEXT, FIT_WHOLE },
	{ N_("kind"), "kind", CELL_TEXT, FIT_WHOLE },
	{ N_("model"), "model", CELL_TEXT, FIT_WHOLE },
	{ N_("text"), "text", CELL_TEXT, FIT_WHOLE },
	{ N_("header"), "header", CELL_TEXT, FIT_WHOLE },
	{ N_("action"), "action", CELL_TEXT, FIT_WHOLE },
	{ N_("for"), "for", CELL_TEXT, FIT_WHOLE },
	{ N_("scope"), "scope", CELL_TEXT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("judged"), "judged", CELL_NUMBER, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("changed"), "changed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

const struct column verdict_details[] = {
	{ N_("judged by"), "row", CELL_TEXT, FIT_WHOLE },
	{ N_("rule"), "rule", CELL_TEXT, FIT_WHOLE },
	{ N_("next"), "next", CELL_TEXT, FIT_WHOLE },
	{ N_("scope"), "scope", CELL_TEXT, FIT_WHOLE },
	{ N_("gate"), "gate", CELL_TEXT, FIT_WHOLE },
	{ N_("at first"), "first", CELL_TEXT, FIT_WHOLE },
	{ N_("at most"), "most", CELL_TEXT, FIT_WHOLE },
	{ N_("shown"), "shown", CELL_FLAG, FIT_WHOLE },
	{ .title = NULL },
};

const struct column cooldown_columns[] = {
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("KIND"), "kind", CELL_TEXT, FIT_WHOLE },
	{ N_("GATE"), "gate", CELL_STATE, FIT_WHOLE },
	{ N_("OF"), "family", CELL_TEXT, FIT_CUT },
	{ N_("OPENS"), "until_at", CELL_AGO, FIT_WHOLE },
	{ N_("REASON"), "reason", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};
