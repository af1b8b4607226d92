/* SPDX-License-Identifier: MIT */
/* groups.c - groups of accounts, and whom a request would go to, as people see
 * them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column group_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("STRATEGY"), "strategy", CELL_TEXT, FIT_WHOLE },
	{ N_("COUNT"), "count", CELL_NUMBER, FIT_WHOLE },
	{ N_("READY"), "ready", CELL_NUMBER, FIT_WHOLE },
	{ N_("ACCOUNTS"), "accounts", CELL_TEXT, FIT_CUT },
	{ N_("KEYS"), "keys", CELL_TEXT, FIT_CUT },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column group_details[] = {
	{ N_("name"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("strategy"), "strategy", CELL_TEXT, FIT_WHOLE },
	{ N_("accounts"), "accounts", CELL_TEXT, FIT_WHOLE },
	{ N_("ready"), "ready", CELL_NUMBER, FIT_WHOLE },
	{ N_("keys bound to it"), "keys", CELL_TEXT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("changed"), "changed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

const struct column member_columns[] = {
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("KIND"), "kind", CELL_TEXT, FIT_WHOLE },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("PRIO"), "priority", CELL_NUMBER, FIT_WHOLE },
	{ N_("OWN"), "own_priority", CELL_FLAG, FIT_WHOLE },
	{ N_("WEIGHT"), "weight", CELL_NUMBER, FIT_WHOLE },
	{ N_("OWN"), "own_weight", CELL_FLAG, FIT_WHOLE },
	{ N_("NOW"), "in_flight", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column way_details[] = {
	{ N_("model"), "model", CELL_TEXT, FIT_WHOLE },
	{ N_("dialect"), "dialect", CELL_TEXT, FIT_WHOLE },
	{ N_("served as"), "served_as", CELL_TEXT, FIT_WHOLE },
	{ N_("key"), "key", CELL_TEXT, FIT_WHOLE },
	{ N_("refused because"), "refused", CELL_TEXT, FIT_WHOLE },
	{ N_("would go to"), "account", CELL_NAME, FIT_WHOLE },
	{ N_("of"), "tier", CELL_TEXT, FIT_WHOLE },
	{ N_("session"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("bound to"), "bound", CELL_TEXT, FIT_WHOLE },
	{ N_("which it leaves"), "left", CELL_TEXT, FIT_WHOLE },
	{ N_("somebody free"), "soonest_at", CELL_AGO, FIT_WHOLE },
	{ N_("not told"), "untold", CELL_COUNT, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column candidate_columns[] = {
	{ N_("TIER"), "tier", CELL_TEXT, FIT_CUT },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("PRIO"), "priority", CELL_NUMBER, FIT_WHOLE },
	{ N_("STRATEGY"), "strategy", CELL_TEXT, FIT_DROP },
	{ N_("SCORE"), "score", CELL_TEXT, FIT_CUT },
	{ N_("WHY NOT"), "why_not", CELL_TEXT, FIT_WHOLE },
	{ N_("UNTIL"), "until_at", CELL_AGO, FIT_WHOLE },
	{ .title = NULL },
};

void
print_way(struct output *o, const struct json *data)
{
	struct table t;

	record_print(o, way_details, data);
	fputc('\n', o->to);
	table_init(&t, candidate_columns);
	table_add_all(&t, o, json_at(data, "candidates"));
	table_print(&t, o);
	table_fini(&t);
}
