/* SPDX-License-Identifier: MIT */
/* traces.c - traces, and requests as they hold them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column trace_columns[] = {
	{ N_("TRACE"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("OF"), "of", CELL_TEXT, FIT_CUT },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("BODIES"), "bodies", CELL_FLAG, FIT_DROP },
	{ N_("REQUESTS"), "count", CELL_NUMBER, FIT_WHOLE },
	{ N_("OF MAX"), "max", CELL_NUMBER, FIT_DROP + 1 },
	{ N_("LEFT OUT"), "lost", CELL_COUNT, FIT_DROP },
	{ N_("BYTES"), "bytes", CELL_BYTES, FIT_WHOLE },
	{ N_("BY"), "uid", CELL_UID, FIT_DROP + 2 },
	{ N_("STARTED"), "started_at", CELL_MOMENT, FIT_DROP + 2 },
	{ N_("ENDS"), "ends_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("REMOVED"), "goes_at", CELL_MOMENT, FIT_DROP },
	{ N_("TROUBLE"), "trouble", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column trace_details[] = {
	{ N_("trace"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("of"), "of", CELL_TEXT, FIT_WHOLE },
	{ N_("state"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("with bodies"), "bodies", CELL_FLAG, FIT_WHOLE },
	{ N_("requests"), "count", CELL_NUMBER, FIT_WHOLE },
	{ N_("at most"), "max", CELL_NUMBER, FIT_WHOLE },
	{ N_("left out"), "lost", CELL_COUNT, FIT_WHOLE },
	{ N_("bytes"), "bytes", CELL_BYTES, FIT_WHOLE },
	{ N_("started by"), "uid", CELL_UID, FIT_WHOLE },
	{ N_("started"), "started_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("ends"), "ends_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("removed"), "goes_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("trouble"), "trouble", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

const struct column traced_details[] = {
	{ N_("request"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("at"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("key"), "key", CELL_TEXT, FIT_WHOLE },
	{ N_("client"), "client", CELL_TEXT, FIT_WHOLE },
	{ N_("route"), "route", CELL_TEXT, FIT_WHOLE },
	{ N_("model"), "model", CELL_TEXT, FIT_WHOLE },
	{ N_("account"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("status"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("outcome"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("fault"), "fault", CELL_TEXT, FIT_WHOLE },
	{ N_("until it was sent"), "wait_us", CELL_US, FIT_WHOLE },
	{ N_("first head"), "head_us", CELL_US, FIT_WHOLE },
	{ N_("first byte told"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("in all"), "total_us", CELL_US, FIT_WHOLE },
	{ N_("cost"), "cost_micro", CELL_EXACT, FIT_WHOLE },
	{ .title = NULL },
};

const struct column try_columns[] = {
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("STATUS"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("OUTCOME"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("BEGAN"), "begin_us", CELL_US, FIT_WHOLE },
	{ N_("CONNECTED"), "connect_us", CELL_US, FIT_DROP },
	{ N_("HEAD"), "head_us", CELL_US, FIT_WHOLE },
	{ N_("ENDED"), "end_us", CELL_US, FIT_WHOLE },
	{ N_("ERROR"), "error", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};
