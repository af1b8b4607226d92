/* SPDX-License-Identifier: MIT */
/* audit.c - who changed what. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column audit_columns[] = {
	{ N_("NUMBER"), "number", CELL_NUMBER, FIT_DROP + 3 },
	{ N_("AT"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("WHO"), "uid", CELL_UID, FIT_WHOLE },
	{ N_("PID"), "pid", CELL_NUMBER, FIT_DROP + 2 },
	{ N_("DID"), "method", CELL_METHOD, FIT_WHOLE },
	{ N_("OF"), "type", CELL_TEXT, FIT_DROP + 1 },
	{ N_("OBJECT"), "object", CELL_OWNER, FIT_CUT },
	{ N_("NAME"), "name", CELL_TEXT, FIT_DROP },
	{ N_("CHANGES"), "changes", CELL_CHANGES, FIT_CUT },
	{ .title = NULL },
};

/* Of a check of the whole chain. */
const struct column audit_details[] = {
	{ N_("rows"), "rows", CELL_NUMBER, false },
	{ N_("whole"), "whole", CELL_FLAG, false },
	{ .title = NULL },
};
