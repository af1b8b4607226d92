/* SPDX-License-Identifier: MIT */
/* sessions.c - requests under way, and what sessions are bound to, as people
 * see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column session_columns[] = {
	{ N_("REQUEST"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("PHASE"), "phase", CELL_TEXT, FIT_CUT },
	{ N_("KEY"), "key", CELL_NAME, FIT_CUT },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("AGE"), "age_us", CELL_US, FIT_WHOLE },
	{ N_("WAIT"), "wait_us", CELL_US, FIT_DROP + 2 },
	{ N_("FIRST"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP + 3 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("TOK/S"), "speed", CELL_COUNT, FIT_DROP },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_DROP + 1 },
	{ N_("ADDRESS"), "peer", CELL_TEXT, FIT_DROP + 4 },
	{ .title = NULL },
};

/* Of those under way and of those that have ended, side by side: what is not
 * known of one of them has no key. */
const struct column live_columns[] = {
	{ N_("PHASE"), "phase", CELL_STATE, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_NAME, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("AGE"), "at", CELL_SINCE, FIT_WHOLE },
	{ N_("WAIT"), "wait_us", CELL_US, FIT_DROP + 2 },
	{ N_("FIRST"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP + 1 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("TOK/S"), "speed", CELL_COUNT, FIT_DROP },
	{ N_("COST"), "cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_DROP + 3 },
	{ N_("ADDRESS"), "peer", CELL_TEXT, FIT_DROP + 4 },
	{ N_("REQUEST"), "id", CELL_TEXT, FIT_DROP + 5 },
	{ .title = NULL },
};

const struct column ended_columns[] = {
	{ N_("PHASE"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_NAME, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("AGE"), "total_us", CELL_US, FIT_WHOLE },
	{ N_("WAIT"), "wait_us", CELL_US, FIT_DROP + 2 },
	{ N_("FIRST"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP + 1 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("TOK/S"), "", CELL_COUNT, FIT_DROP },
	{ N_("COST"), "cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_DROP + 3 },
	{ N_("ADDRESS"), "", CELL_TEXT, FIT_DROP + 4 },
	{ N_("REQUEST"), "id", CELL_TEXT, FIT_DROP + 5 },
	{ .title = NULL },
};

const struct column queue_columns[] = {
	{ N_("REQUEST"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_NAME, FIT_CUT },
	{ N_("FOR"), "for", CELL_TEXT, FIT_WHOLE },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("POSITION"), "position", CELL_NUMBER, FIT_WHOLE },
	{ N_("WAITED"), "waited_us", CELL_US, FIT_WHOLE },
	{ N_("EXPECTED"), "expected_ms", CELL_MS, FIT_WHOLE },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column sticky_columns[] = {
	{ N_("SESSION"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_NAME, FIT_CUT },
	{ N_("BY"), "source", CELL_TEXT, FIT_CUT },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("MOVES"), "moves", CELL_NUMBER, FIT_WHOLE },
	{ N_("PINNED"), "pinned", CELL_FLAG, FIT_WHOLE },
	{ N_("SWITCH"), "switch_micro", CELL_CENTS, FIT_DROP },
	{ N_("USED"), "used_at", CELL_AGO, FIT_WHOLE },
	{ .title = NULL },
};

const struct column sticky_details[] = {
	{ N_("session"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("account"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("key"), "key", CELL_NAME, FIT_WHOLE },
	{ N_("dialect"), "dialect", CELL_TEXT, FIT_WHOLE },
	{ N_("named by"), "source", CELL_TEXT, FIT_WHOLE },
	{ N_("requests"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("moves"), "moves", CELL_NUMBER, FIT_WHOLE },
	{ N_("pinned"), "pinned", CELL_FLAG, FIT_WHOLE },
	{ N_("cost of switching"), "switch_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("used"), "used_at", CELL_AGO, FIT_WHOLE },
	{ N_("until"), "until_at", CELL_MOMENT, FIT_WHOLE },
	{ .title = NULL },
};

const struct column cleared_details[] = {
	{ N_("cleared"), "cleared", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

const struct column ended_details[] = {
	{ N_("request"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("ended"), "ended", CELL_FLAG, FIT_WHOLE },
	{ .title = NULL },
};
