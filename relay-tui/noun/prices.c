/* SPDX-License-Identifier: MIT */
/* prices.c - what models cost, and what was spent, as people see it. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

/* Prices are dollars per million tokens. */
const struct column price_columns[] = {
	{ N_("MODEL"), "name", CELL_TEXT, true },
	{ N_("INPUT"), "input", CELL_DECIMAL, false },
	{ N_("CACHE READ"), "cache_read", CELL_DECIMAL, false },
	{ N_("WRITE 5M"), "cache_write_5m", CELL_DECIMAL, false },
	{ N_("WRITE 1H"), "cache_write_1h", CELL_DECIMAL, false },
	{ N_("OUTPUT"), "output", CELL_DECIMAL, false },
	{ N_("LONG ABOVE"), "above", CELL_NUMBER, false },
	{ N_("FROM"), "origin", CELL_TEXT, false },
	{ .title = NULL },
};

const struct column cost_columns[] = {
	{ N_("PERIOD"), "period", CELL_TEXT, false },
	{ N_("SINCE"), "since_at", CELL_MOMENT, false },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, false },
	{ N_("UNPRICED"), "unpriced", CELL_NUMBER, false },
	{ N_("COST"), "cost_micro", CELL_CENTS, false },
	{ N_("RATED"), "rated_micro", CELL_CENTS, false },
	{ .title = NULL },
};

static const struct column price_details[] = {
	{ N_("name"), "name", CELL_TEXT, false },
	{ N_("from"), "origin", CELL_TEXT, false },
	{ N_("version"), "version", CELL_TEXT, false },
	{ N_("long above"), "above", CELL_NUMBER, false },
	{ N_("fast, times"), "fast", CELL_TEXT, false },
	{ N_("in the US, times"), "us", CELL_TEXT, false },
	{ .title = NULL },
};

static const struct column unit_columns[] = {
	{ N_("OF"), "text", CELL_TEXT, true },
	{ N_("STANDARD"), "standard", CELL_DECIMAL, false },
	{ N_("LONG"), "standard_long", CELL_DECIMAL, false },
	{ N_("PRIORITY"), "priority", CELL_DECIMAL, false },
	{ N_("LONG"), "priority_long", CELL_DECIMAL, false },
	{ N_("FLEX"), "flex", CELL_DECIMAL, false },
	{ N_("LONG"), "flex_long", CELL_DECIMAL, false },
	{ N_("BATCH"), "batch", CELL_DECIMAL, false },
	{ N_("LONG"), "batch_long", CELL_DECIMAL, false },
	{ .title = NULL },
};

static void
print_rows(struct output *o, const struct column *columns,
    const struct json *rows)
{
	struct table t;

	table_init(&t, columns);
	table_add_all(&t, o, rows);
	table_print(&t, o);
	table_fini(&t);
}

void
print_price(struct output *o, const struct json *data)
{
	record_print(o, price_details, data);
	fprintf(o->to, "\n%s\n",
	    _("Dollars per million tokens; of searches, for each:"));
	print_rows(o, unit_columns, json_at(data, "prices"));
}

/* --- changes --------------------------------------------------------------- */

static const struct column difference_columns[] = {
	{ N_("MODEL"), "name", CELL_TEXT, true },
	{ N_("CHANGE"), "change", CELL_TEXT, false },
	{ N_("FROM"), "from", CELL_TEXT, true },
	{ N_("TO"), "to", CELL_TEXT, true },
	{ .title = NULL },
};

static int64_t
number(const struct json *object, const char *key)
{
	int64_t n = 0;

	if (json_may_i64(object, key, -(INT64_C(1) << 53), INT64_C(1) << 53, &n,
		NULL))
		return 0;
	return n;
}

static bool
flag(const struct json *object, const char *key)
{
	bool b = false;

	return json_may_bool(object, key, &b, NULL) == OK && b;
}

void
print_price_changes(struct output *o, const struct json *data)
{
	const struct json *changes = json_at(data, "changes");
	int64_t all = number(data, "added") + number(data, "changed") +
	    number(data, "removed");

	if (json_count(changes))
		print_rows(o, difference_columns, changes);
	if ((int64_t)json_count(changes) < all)
		fprintf(o->to, _("and %lld more\n"),
		    (long long)all - (long long)json_count(changes));
	fprintf(o->to,
	    flag(data, "dry_run")
		? _("%lld would be added, %lld changed, %lld removed; %lld "
		    "models would have a price.\n")
		: _("%lld added, %lld changed, %lld removed; %lld models have "
		    "a price.\n"),
	    (long long)number(data, "added"),
	    (long long)number(data, "changed"),
	    (long long)number(data, "removed"),
	    (long long)number(data, "models"));
}

/* --- checks ---------------------------------------------------------------- */

static const struct column unpriced_columns[] = {
	{ N_("MODEL"), "model", CELL_TEXT, true },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, false },
	{ N_("UNPRICED"), "unpriced", CELL_NUMBER, false },
	{ N_("PRICE NOW"), "price", CELL_TEXT, true },
	{ .title = NULL },
};

static const struct column never_columns[] = {
	{ N_("NEVER MATCHES"), "name", CELL_TEXT, true },
	{ N_("BECAUSE OF"), "shadowed_by", CELL_TEXT, true },
	{ .title = NULL },
};

void
print_price_check(struct output *o, const struct json *data)
{
	const struct json *unpriced = json_at(data, "unpriced");
	const struct json *never = json_at(data, "never");

	if (json_count(unpriced))
		print_rows(o, unpriced_columns, unpriced);
	else
		fprintf(o->to,
		    _("Every model used in the last %lld days has a price.\n"),
		    (long long)number(data, "days"));
	if (json_count(never))
		print_rows(o, never_columns, never);
	if (json_count(unpriced))
		fprintf(o->to, "%s\n",
		    _("`relayctl price override MODEL --input 3 --output 15` "
		      "prices one, in dollars per\nmillion tokens; `relayctl "
		      "usage recompute` then shows what that changes."));
}

void
print_verified(struct output *o, const struct json *data)
{
	struct str first = STR("");

	fprintf(o->to, _("%lld receipts, %lld sums, %lld differences\n"),
	    (long long)number(data, "receipts"),
	    (long long)number(data, "sums"),
	    (long long)number(data, "differences"));
	if (json_may_str(data, "first", &first, NULL) == OK && first.len) {
		out_foreign(o, first);
		fputc('\n', o->to);
	}
}

static const struct column recomputed_details[] = {
	{ N_("receipts"), "receipts", CELL_NUMBER, false },
	{ N_("changed"), "changed", CELL_NUMBER, false },
	{ N_("unpriced before"), "unpriced_before", CELL_NUMBER, false },
	{ N_("unpriced now"), "unpriced_after", CELL_NUMBER, false },
	{ N_("cost before"), "cost_before_micro", CELL_EXACT, false },
	{ N_("cost now"), "cost_after_micro", CELL_EXACT, false },
	{ N_("difference"), "difference_micro", CELL_CHANGE, false },
	{ N_("rated before"), "rated_before_micro", CELL_EXACT, false },
	{ N_("rated now"), "rated_after_micro", CELL_EXACT, false },
	{ .title = NULL },
};

static const struct column recomputed_columns[] = {
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("CHANGED"), "changed", CELL_NUMBER, FIT_WHOLE },
	{ N_("WITHOUT A PRICE NOW"), "lost", CELL_COUNT, FIT_WHOLE },
	{ N_("DIFFERENCE"), "difference_micro", CELL_CHANGE, FIT_WHOLE },
	{ .title = NULL },
};

/* What had a price and would have none is easily done and not easily seen. */
static void
print_lost(struct output *o, const struct json *data)
{
	struct buf text;

	if (!number(data, "lost"))
		return;
	buf_init(&text, 1024);
	buf_mustf(&text,
	    flag(data, "applied")
		? _("%lld requests had a price and have none now: their "
		    "models are in no price list.")
		: _("%lld requests have a price and would have none: their "
		    "models are in no price list now."),
	    (long long)number(data, "lost"));
	out_lines(o, PAINT_BAD, buf_str(&text));
	buf_fini(&text);
}

void
print_recomputed(struct output *o, const struct json *data)
{
	record_print(o, recomputed_details, data);
	if (json_count(json_at(data, "models"))) {
		fputc('\n', o->to);
		print_rows(o, recomputed_columns, json_at(data, "models"));
	}
	print_lost(o, data);
	if (!flag(data, "applied") && number(data, "changed"))
		fprintf(o->to, "%s\n",
		    _("Nothing was written; --apply does that."));
}

/* --- one request ----------------------------------------------------------- */

static const struct column explained_details[] = {
	{ N_("request"), "id", CELL_TEXT, false },
	{ N_("at"), "at", CELL_MOMENT, false },
	{ N_("key"), "key", CELL_TEXT, false },
	{ N_("account"), "account", CELL_TEXT, false },
	{ N_("outcome"), "outcome", CELL_STATE, false },
	{ N_("that is"), "outcome_text", CELL_TEXT, false },
	{ N_("fault"), "fault", CELL_TEXT, false },
	{ N_("model"), "model", CELL_TEXT, false },
	{ N_("answered by"), "upstream_model", CELL_TEXT, false },
	{ N_("price of"), "price", CELL_TEXT, false },
	{ N_("from"), "origin", CELL_TEXT, false },
	{ N_("version"), "version", CELL_TEXT, false },
	{ N_("tier"), "tier", CELL_TEXT, false },
	{ N_("fast"), "fast", CELL_FLAG, false },
	{ N_("in the US"), "us", CELL_FLAG, false },
	{ N_("long input"), "is_long", CELL_FLAG, false },
	{ N_("estimated"), "estimated", CELL_FLAG, false },
	{ N_("unpriced"), "unpriced", CELL_FLAG, false },
	{ .title = NULL },
};

/* A blank is no text to be translated; the empty one is the catalogue itself. */
static const struct column line_columns[] = {
	{ N_("OF"), "text", CELL_TEXT, true },
	{ N_("COUNT"), "count", CELL_NUMBER, false },
	{ " ", "times", CELL_TEXT, false },
	{ N_("PRICE"), "price", CELL_DECIMAL, false },
	{ " ", "per", CELL_TEXT, false },
	{ " ", "is", CELL_TEXT, false },
	{ N_("COST"), "cost", CELL_DECIMAL, false },
	{ .title = NULL },
};

static const struct column total_details[] = {
	{ N_("stored cost"), "cost_micro", CELL_EXACT, false },
	{ N_("times rate"), "rate", CELL_TEXT, false },
	{ N_("rated cost"), "rated_micro", CELL_EXACT, false },
	{ .title = NULL },
};

/* One class of tokens as a small sum: 9947 x 3 per million = 0.029841. */
static void
put_line(struct json_out *j, const struct json *line)
{
	struct str unit = STR(""), price = STR(""), text = STR(""), cost;
	int64_t count = number(line, "count");

	(void)!json_may_str(line, "unit", &unit, NULL);
	(void)!json_may_str(line, "text", &text, NULL);
	json_open(j, '{');
	json_say(j, "text", text);
	json_say_i64(j, "count", count);
	if (json_may_str(line, "price", &price, NULL) == OK && price.len &&
	    json_want_str(line, "cost", &cost, NULL) == OK) {
		json_say(j, "times", STR("x"));
		json_say(j, "price", price);
		json_say(j, "per",
		    str_of(str_eq(unit, STR("search")) ? _("each")
						       : _("per million")));
		json_say(j, "is", STR("="));
		json_say(j, "cost", cost);
	} else {
		json_say(j, "times", str_of(_("no price")));
	}
	json_close(j, '}');
}

static void
put_together(struct json_out *j, const struct json *data)
{
	struct str sum = STR("");

	(void)!json_may_str(data, "sum", &sum, NULL);
	json_open(j, '{');
	json_say(j, "text", str_of(_("together")));
	json_say(j, "is", STR("="));
	json_say(j, "cost", sum);
	json_close(j, '}');
}

static void
print_lines(struct output *o, const struct json *data)
{
	const struct json *lines = json_at(data, "lines"), *row;
	struct json *root = NULL;
	struct json_out j;
	struct buf text;
	struct table t;

	buf_init(&text, 64 * 1024);
	table_init(&t, line_columns);
	json_begin(&j, &text);
	json_open(&j, '[');
	for (row = json_first(lines); row; row = json_next(row))
		put_line(&j, row);
	if (json_at(data, "sum"))
		put_together(&j, data);
	json_close(&j, ']');
	if (json_end(&j) == OK &&
	    json_parse(buf_str(&text), 64 * 1024, &root, NULL) == OK) {
		for (row = json_first(root); row; row = json_next(row))
			if (json_next(row) || !json_at(data, "sum"))
				table_add(&t, o, row);
			else
				table_add_total(&t, o, row);
		table_print(&t, o);
	}
	json_free(root);
	table_fini(&t);
	buf_fini(&text);
}

void
print_explained(struct output *o, const struct json *data)
{
	record_print(o, explained_details, data);
	if (json_count(json_at(data, "lines"))) {
		fputc('\n', o->to);
		print_lines(o, data);
		fputc('\n', o->to);
	}
	record_print(o, total_details, data);
	if (flag(data, "unpriced"))
		out_lines(o, PAINT_PLAIN,
		    str_of(_("It counts as nothing: when it ended, no price "
			     "list had the model, or not all of what it used. "
			     "`relayctl price override` states a price, "
			     "`relayctl usage recompute --apply` then prices "
			     "it.")));
	else if (!json_count(json_at(data, "lines")))
		out_lines(o, PAINT_PLAIN,
		    str_of(_("It used nothing that has a price.")));
	if (json_at(data, "price") && !flag(data, "in_force"))
		out_lines(o, PAINT_DIM,
		    str_of(_("(This price is no longer in force.)")));
	if (json_at(data, "sum") && !flag(data, "adds_up"))
		fprintf(o->to, "%s\n",
		    _("This does not add up to the cost that is stored."));
}
