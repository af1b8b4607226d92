/* SPDX-License-Identifier: MIT */
/* users.c - the people who own keys, and what belongs to who is asking. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column user_columns[] = {
	{ N_("USER"), "user", CELL_OWNER, FIT_CUT },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("KEYS"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ N_("ACTIVE"), "active", CELL_NUMBER, FIT_WHOLE },
	{ N_("USED"), "used_at", CELL_AGO, FIT_WHOLE },
	{ N_("TODAY"), "today_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("COST"), "today_cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("MONTH"), "month_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("COST"), "month_cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("REASON"), "reason", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column user_details[] = {
	{ N_("user"), "user", CELL_OWNER, FIT_WHOLE },
	{ N_("state"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("because"), "reason", CELL_TEXT, FIT_WHOLE },
	{ N_("disabled by"), "disabled_by", CELL_OWNER, FIT_WHOLE },
	{ N_("disabled"), "disabled_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("keys"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ N_("active"), "active", CELL_NUMBER, FIT_WHOLE },
	{ N_("used"), "used_at", CELL_AGO, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column my_details[] = {
	{ N_("you are"), "user", CELL_OWNER, FIT_WHOLE },
	{ N_("role"), "role", CELL_TEXT, FIT_WHOLE },
	{ N_("state"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("keys"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ N_("at most"), "keys_max", CELL_NUMBER, FIT_WHOLE },
	{ N_("made like"), "template", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column today_columns[] = {
	{ N_("today"), "today_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("today"), "today_cost_micro", CELL_MONEY, FIT_WHOLE },
};

static const struct column month_columns[] = {
	{ N_("this month"), "month_requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("this month"), "month_cost_micro", CELL_MONEY, FIT_WHOLE },
};

/* "today   12 requests, $1.25" */
static void
print_sum(struct output *o, const struct column of[2], const struct json *data)
{
	struct str title = str_of(_(of[0].title));
	struct buf text;

	buf_init(&text, 256);
	cell_write(o, &of[0], data, &text);
	buf_must(&text, str_of(_(" requests, ")));
	cell_write(o, &of[1], data, &text);
	out_paint(o, PAINT_DIM, title);
	fprintf(o->to, "%*s%s\n", 13 - text_width(title), "", buf_cstr(&text));
	buf_fini(&text);
}

static void
print_rest(struct output *o, const struct json *data)
{
	const struct json *rows = json_at(data, "rows");
	struct table t;

	print_sum(o, today_columns, data);
	print_sum(o, month_columns, data);
	if (json_count(rows) == 0)
		return;
	fputc('\n', o->to);
	table_init(&t, my_key_columns);
	table_add_all(&t, o, rows);
	table_print(&t, o);
	table_fini(&t);
}

void
print_user(struct output *o, const struct json *data)
{
	record_print(o, user_details, data);
	print_rest(o, data);
}

void
print_my(struct output *o, const struct json *data)
{
	int64_t most = 0;

	record_print(o, my_details, data);
	print_rest(o, data);
	if (json_may_i64(data, "keys_max", 0, INT64_C(1) << 53, &most, NULL) ||
	    !most)
		return;
	if (json_count(json_at(data, "rows")) == 0)
		fprintf(o->to, "\n%s\n",
		    _("`relayctl my key create NAME --env CLIENT` makes a key "
		      "and prints the settings\nof the client that is to use "
		      "it."));
}
