/* SPDX-License-Identifier: MIT */
/* audit.c - who changed what. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column audit_columns[] = {
	{ N_("NUMBER"), "number", CELL_NUMBER, false },
	{ N_("AT"), "at", CELL_MOMENT, false },
	{ N_("WHO"), "uid", CELL_UID, false },
	{ N_("PID"), "pid", CELL_NUMBER, false },
	{ N_("METHOD"), "method", CELL_TEXT, false },
	{ N_("OF"), "type", CELL_TEXT, false },
	{ N_("OBJECT"), "object", CELL_OWNER, true },
	{ N_("CHANGES"), "changes", CELL_TEXT, true },
	{ .title = NULL },
};

/* Of a check of the whole chain. */
const struct column audit_details[] = {
	{ N_("rows"), "rows", CELL_NUMBER, false },
	{ N_("whole"), "whole", CELL_FLAG, false },
	{ .title = NULL },
};
