/* SPDX-License-Identifier: MIT */
/* usage_table.c - a table of usage for people: periods in which nothing was
 * used are there too, the largest come first, and a total stands below. */
#include "relay-tui/usage_table.h"

#include <time.h>

#include "relay-tui/usage_view.h"
#include "relay-tui/words.h"

#define TOTAL_MAX (64 * 1024)

void
usage_table_init(struct usage_table *t)
{
	*t = (struct usage_table){ .rows = 0 };
	buf_init(&t->total, TOTAL_MAX);
}

void
usage_table_fini(struct usage_table *t)
{
	table_fini(&t->table);
	calendar_fini(&t->calendar);
	buf_fini(&t->total);
}

static struct str
text_at(const struct json *object, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(object, key, &s, NULL);
	return s;
}

static int64_t
number_at(const struct json *object, const char *key)
{
	int64_t n = 0;

	if (json_may_i64(object, key, 0, INT64_C(1) << 53, &n, NULL))
		return 0;
	return n;
}

/* --- over the table -------------------------------------------------------- */

static bool
is_midnight(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	return tm.tm_hour == 0 && tm.tm_min == 0;
}

/* Without an end the daemon says the minute of its answer. */
static bool
until_is_now(const struct output *o, int64_t until_ms)
{
	return until_ms > o->now_ms - 120000 && until_ms <= o->now_ms + 60000;
}

/* "2026-11-14 to 2026-11-20 (Europe/Berlin)"; what goes on until now has no
 * other end. */
static void
print_span(struct output *o, int64_t since_ms, int64_t until_ms,
    struct str zone)
{
	enum calendar_per finest =
	    is_midnight(since_ms) && is_midnight(until_ms) ? PER_DAY
							   : PER_MINUTE;
	bool goes_on = until_is_now(o, until_ms);
	struct buf text;

	buf_init(&text, 1024);
	if (goes_on) {
		buf_must(&text, str_of(_("since ")));
		calendar_write(is_midnight(since_ms) ? PER_DAY : PER_MINUTE,
		    since_ms, &text);
	} else {
		calendar_write_span(finest, since_ms,
		    until_ms - (finest == PER_DAY), &text);
	}
	if (zone.len) {
		buf_must(&text, STR(" ("));
		text_clean(str_first(zone, 64), &text);
		buf_must(&text, STR(")"));
	}
	out_paint(o, PAINT_DIM, buf_str(&text));
	fputc('\n', o->to);
	buf_fini(&text);
}

/* --- columns --------------------------------------------------------------- */

static const struct {
	const char *by, *title;
} titles[] = {
	{ "key", N_("ID") },
	{ "key-model", N_("ID") },
	{ "account", N_("ACCOUNT") },
	{ "account-model", N_("ACCOUNT") },
	{ "model", N_("MODEL") },
	{ "client", N_("CLIENT") },
	{ "user", N_("USER") },
	{ "tag", N_("TAG") },
};

#define TITLES (sizeof(titles) / sizeof(titles[0]))

static const char *
title_of(struct str by)
{
	for (size_t i = 0; i < TITLES; i++)
		if (str_eq(by, str_of(titles[i].by)))
			return titles[i].title;
	return N_("OF");
}

bool
usage_table_is_by(struct str word)
{
	for (size_t i = 0; i < TITLES; i++)
		if (str_ieq(word, str_of(titles[i].by)) ||
		    str_ieq(word, str_of(_(titles[i].title))))
			return true;
	return false;
}

static bool
has_key(const struct column *columns, const char *key)
{
	for (; columns->title; columns++)
		if (!strcmp(columns->key, key))
			return true;
	return false;
}

static enum cell
cell_of(enum calendar_per per)
{
	return per == PER_MONTH			   ? CELL_ISO_MONTH
	    : per == PER_HOUR || per == PER_MINUTE ? CELL_ISO
						   : CELL_ISO_DAY;
}

/* Where no rate multiplies anything, the rated cost is the cost: it is shown
 * to those who ask for it. */
static bool
says_nothing(const struct column *c, const struct json *total)
{
	int64_t cost = 0, rated = 0, most = INT64_C(1) << 53;

	return c->fit >= FIT_DROP && !strcmp(c->key, "rated_micro") &&
	    json_may_i64(total, "cost_micro", 0, most, &cost, NULL) == OK &&
	    json_may_i64(total, "rated_micro", 0, most, &rated, NULL) == OK &&
	    cost == rated;
}

void
usage_table_columns(const struct column *columns, const struct json *data,
    struct column out[USAGE_COLUMNS_MAX + 1])
{
	struct str by = text_at(data, "by");
	enum calendar_per per = PER_DAY;
	/* What the rows are of says the model already. */
	bool is_twice = str_eq(by, STR("model")) && has_key(columns, "name");
	unsigned n = 0;

	if (calendar_per_read(text_at(data, "per"), &per))
		per = PER_DAY;
	for (; columns->title && n < USAGE_COLUMNS_MAX; columns++) {
		struct column *c = &out[n];

		if (says_nothing(columns, json_at(data, "total")) ||
		    (is_twice && !strcmp(columns->key, "model")))
			continue;
		*c = *columns;
		n++;
		if (!strcmp(c->key, "at"))
			c->kind = cell_of(per);
		if (!strcmp(c->key, "model"))
			c->kind = CELL_NAME;
		if (strcmp(c->key, "name") != 0)
			continue;
		/* What never came to an account, for one, has none. */
		c->kind = str_eq(by, STR("user")) ? CELL_PERSON : CELL_NAME;
		c->title = title_of(by);
		/* Whose name is known needs no id where it is narrow. */
		if (str_starts(by, STR("key")))
			c->fit = FIT_DROP + 1;
	}
	out[n] = (struct column){ .title = NULL };
}

/* The row that says "total" where the others say of whom or when. */
static void
keep_total(struct usage_table *t, const struct json *total, bool has_periods,
    bool has_labels)
{
	struct json_out j;

	if (!total)
		return;
	json_begin(&j, &t->total);
	json_open(&j, '{');
	json_say(&j,
	    has_periods	     ? "at"
		: has_labels ? "label"
			     : "name",
	    str_of(_("total")));
	for (const struct json *m = json_first(total); m; m = json_next(m)) {
		char key[64];

		snprintf(key, sizeof(key), "%.*s", STR_ARG(json_key(m)));
		json_put_key(&j, key);
		json_put_tree(&j, m);
	}
	json_close(&j, '}');
	if (json_end(&j))
		buf_clear(&t->total);
}

void
usage_table_begin(struct usage_table *t, struct output *o,
    const struct column *columns, const struct json *data, bool is_part)
{
	struct str by = text_at(data, "by");
	enum calendar_per per = PER_DAY;
	bool has_periods = calendar_per_read(text_at(data, "per"), &per) == OK;
	int64_t since = 0, until = 0;

	calendar_set_zone(text_at(data, "zone"));
	if (calendar_read(text_at(data, "since"), &since) == OK &&
	    calendar_read(text_at(data, "until"), &until) == OK) {
		print_span(o, since, until, text_at(data, "zone"));
		/* The period that is going on has begun. */
		if (until_is_now(o, until))
			until = o->now_ms + 1;
		t->fills = has_periods && !is_part && str_eq(by, STR("all")) &&
		    calendar_fill(per, since, until - 1, &t->calendar) == OK;
	}
	t->ranks = !has_periods;
	t->unpriced = number_at(json_at(data, "total"), "unpriced");
	t->estimated = number_at(json_at(data, "total"), "estimated");
	usage_table_columns(columns, data, t->columns);
	keep_total(t, json_at(data, "total"), has_periods,
	    str_starts(by, STR("key")));
	table_init(&t->table, t->columns);
}

/* --- rows ------------------------------------------------------------------ */

static void
add_nothing(struct usage_table *t, const struct output *o, int64_t at_ms)
{
	struct json *row = NULL;
	struct buf text;

	buf_init(&text, 256);
	buf_must(&text, STR("{\"at\":\""));
	calendar_write(PER_MINUTE, at_ms, &text);
	buf_must(&text, STR("\",\"requests\":0,\"cost_micro\":0}"));
	if (json_parse(buf_str(&text), 256, &row, NULL) == OK)
		table_add(&t->table, o, row);
	json_free(row);
	buf_fini(&text);
}

static void
fill_up_to(struct usage_table *t, const struct output *o, size_t period)
{
	while (t->next < period)
		add_nothing(t, o, t->calendar.begins_ms[t->next++]);
}

void
usage_table_add(struct usage_table *t, const struct output *o,
    const struct json *row)
{
	int64_t at;

	t->rows++;
	if (t->fills && calendar_read(text_at(row, "at"), &at) == OK) {
		ptrdiff_t period = calendar_find(&t->calendar, at);

		if (period >= 0) {
			fill_up_to(t, o, (size_t)period);
			t->next = (size_t)period + 1;
		}
	}
	table_add(&t->table, o, row);
}

/* What has not begun yet is no period without use. */
static void
fill_rest(struct usage_table *t, const struct output *o)
{
	size_t end = t->calendar.count;

	while (end > t->next && t->calendar.begins_ms[end - 1] > o->now_ms)
		end--;
	fill_up_to(t, o, end);
}

void
usage_table_print(struct usage_table *t, struct output *o)
{
	struct json *total = NULL;

	if (t->fills && t->rows)
		fill_rest(t, o);
	if (t->ranks)
		table_rank(&t->table);
	if (table_rows(&t->table) > 1 && buf_len(&t->total) &&
	    json_parse(buf_str(&t->total), TOTAL_MAX, &total, NULL) == OK)
		table_add_total(&t->table, o, total);
	json_free(total);
	table_print(&t->table, o);
	usage_view_gaps(o, t->unpriced, t->estimated);
}
