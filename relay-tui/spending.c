/* SPDX-License-Identifier: MIT */
/* spending.c - the commands about usage that take more than one question. */
#include "relay-tui/spending.h"

#include "relay-tui/csv.h"
#include "relay-tui/ctl_client.h"
#include "relay-tui/noun.h"
#include "relay-tui/owner.h"
#include "relay-tui/usage_view.h"
#include "relay-tui/words.h"

/* A connection, and what went wrong on it. */
struct asker {
	const struct command *c;
	struct ctl_client *client;
	enum ctl_method method; /* usage.show, or my.usage */
	enum verdict verdict;	/* DONE: nothing */
};

/* --- asking ---------------------------------------------------------------- */

static bool
asker_init(struct asker *a, const struct command *c)
{
	struct why why = { .text = "" };
	enum err e;

	*a = (struct asker){ .c = c, .method = CTL_M_usage_show };
	if (c->match->row == ctl_row(CTL_M_my_usage))
		a->method = CTL_M_my_usage;
	e = ctl_client_open(c->socket, &a->client, &why);
	if (e)
		a->verdict = command_fail_local(c->out, e, &why);
	return !e;
}

static enum verdict
asker_fini(struct asker *a)
{
	ctl_client_close(a->client);
	return a->verdict;
}

static struct str
said(const struct command *c, const char *name)
{
	const struct ctl_arg *arg = ctl_match_arg(c->match, name);

	return arg ? arg->value : STR("");
}

/* What to sum by; empty: as was said. */
struct question {
	const char *by, *per, *since;
	struct str top;
};

/* By name here, by number in the daemon. */
static void
put_person(struct json_out *j, const char *key, struct str who)
{
	char owner[OWNER_TEXT];

	if (who.len && owner_read(who, true, owner, NULL) == OK)
		json_say(j, key, str_of(owner));
}

/* What was said goes along, unless the question says otherwise. */
static void
put_question(const struct asker *a, const struct question *q,
    struct json_out *j)
{
	static const char *const passed[] = { "until", "key", "account",
		"model", "client", "tag" };
	struct str by = q->by ? str_of(q->by) : said(a->c, "by");
	struct str since = said(a->c, "since");
	uint64_t top;

	if (by.len)
		json_say(j, "by", by);
	if (q->per)
		json_say(j, "per", str_of(q->per));
	if (since.len)
		json_say(j, "since", since);
	else if (q->since)
		json_say(j, "since", str_of(q->since));
	if (q->top.len && str_u64(q->top, &top) == OK && top <= INT32_MAX)
		json_say_i64(j, "top", (int64_t)top);
	put_person(j, "user", said(a->c, "user"));
	if (str_eq(by, STR("user")))
		put_person(j, "name", said(a->c, "name"));
	else if (said(a->c, "name").len)
		json_say(j, "name", said(a->c, "name"));
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (said(a->c, passed[i]).len)
			json_say(j, passed[i], said(a->c, passed[i]));
	json_say_i64(j, "limit", CTL_ROWS_MAX);
}

static bool
take_page(struct asker *a, struct ctl_frame *f, struct usage_rows *rows,
    struct buf *cursor)
{
	struct why why = { .text = "" };
	enum err e;

	if (f->kind == CTL_ERROR) {
		a->verdict = command_fail_answer(a->c->out, f);
		return false;
	}
	e = usage_rows_add(rows, f->data, &why);
	buf_clear(cursor);
	if (!e)
		e = buf_add(cursor, f->next);
	if (e)
		a->verdict = command_fail_local(a->c->out, e, &why);
	return !e;
}

/* All pages of it; false when it failed. */
static bool
ask(struct asker *a, const struct question *q, struct usage_rows *out)
{
	struct why why = { .text = "" };
	struct buf cursor;
	bool good = true;

	*out = (struct usage_rows){ .count = 0 };
	buf_init(&cursor, 512);
	do {
		struct json_out *j = ctl_client_begin(a->client, a->method);
		struct ctl_frame f;
		enum err e;

		put_question(a, q, j);
		if (buf_len(&cursor))
			json_say(j, "cursor", buf_str(&cursor));
		e = ctl_client_ask(a->client, &f, &why);
		if (e) {
			a->verdict = command_fail_local(a->c->out, e, &why);
			good = false;
			break;
		}
		good = take_page(a, &f, out, &cursor);
		ctl_frame_fini(&f);
	} while (good && buf_len(&cursor));
	buf_fini(&cursor);
	if (!good)
		usage_rows_fini(out);
	return good;
}

static void
note(struct asker *a, enum err e, const struct why *why)
{
	if (e)
		a->verdict = command_fail(a->c->out, MISUSED, why);
}

static bool
read_of(struct asker *a, enum usage_of *out)
{
	struct str of = said(a->c, "of");
	struct why why;

	*out = OF_COST;
	if (!of.len || usage_of_read(of, out) == OK)
		return true;
	note(a,
	    why_set(&why, ERR_VALUE, "of",
		_("pictures are of cost, requests or tokens")),
	    &why);
	return false;
}

static void
say_nothing_used(struct output *o)
{
	out_lines(o, PAINT_PLAIN,
	    str_of(_("Nothing was used then. `relayctl usage --since 30d` "
		     "looks further back, `relayctl tail` waits for "
		     "requests.")));
}

/* --- usage --chart --------------------------------------------------------- */

/* The first question tells how long the time is, so that the second can ask
 * for fitting periods. */
static void
draw_chart(struct asker *a)
{
	struct question q = { .since = "7d", .top = said(a->c, "top") };
	struct str per_said = said(a->c, "per");
	struct why why = { .text = "" };
	struct usage_rows rows;
	enum calendar_per per;

	if (!ask(a, &q, &rows))
		return;
	per = usage_view_per(rows.since_ms, rows.until_ms);
	usage_rows_fini(&rows);
	if (per_said.len && calendar_per_read(per_said, &per)) {
		note(a,
		    why_set(&why, ERR_VALUE, "per",
			_("a chart is per minute, hour, day, week or month")),
		    &why);
		return;
	}
	q.per = calendar_per_word(per);
	if (!ask(a, &q, &rows))
		return;
	if (rows.count)
		note(a, usage_view_chart(a->c->out, &rows, per, OF_COST, &why),
		    &why);
	else
		say_nothing_used(a->c->out);
	usage_rows_fini(&rows);
}

enum verdict
spending_chart(const struct command *c)
{
	struct why why;
	struct asker a;

	if (c->out->json || c->out->csv)
		return why_set(&why, ERR_VALUE, "chart",
			   _("a chart is for people: say --per day instead"))
		    ? command_fail(c->out, MISUSED, &why)
		    : DONE;
	if (asker_init(&a, c))
		draw_chart(&a);
	return asker_fini(&a);
}

/* --- usage heat ------------------------------------------------------------ */

enum verdict
spending_heat(const struct command *c)
{
	const struct question q = {
		.by = "all", .per = "hour", .since = "28d"
	};
	struct why why = { .text = "" };
	struct usage_rows rows;
	enum usage_of of;
	struct asker a;

	if (!asker_init(&a, c))
		return asker_fini(&a);
	if (read_of(&a, &of) && ask(&a, &q, &rows)) {
		if (rows.count || c->out->json || c->out->csv)
			note(&a, usage_view_heat(c->out, &rows, of, &why),
			    &why);
		else
			say_nothing_used(c->out);
		usage_rows_fini(&rows);
	}
	return asker_fini(&a);
}

/* --- usage top ------------------------------------------------------------- */

static const struct {
	const char *since, *title, *word;
} spans[] = {
	{ "today", N_("today"), "today" },
	{ "7d", N_("7 days"), "7d" },
	{ "30d", N_("30 days"), "30d" },
};

static const struct {
	const char *by, *title;
} parts[] = {
	{ "key", N_("keys") },
	{ "model", N_("models") },
};

#define SPANS (sizeof(spans) / sizeof(spans[0]))
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const char *const of_names[OFS] = { "cost_micro", "requests", "tokens" };

/* One of the largest, for programs. */
static void
put_one(struct json_out *j, const struct usage_rows *r,
    const struct usage_point *p)
{
	json_open(j, '{');
	json_say(j, "name", buf_str(&r->names[p->name]));
	for (unsigned of = 0; of < OFS; of++)
		json_say_i64(j, of_names[of], p->values[of]);
	json_say_i64(j, "unpriced", p->unpriced);
	json_close(j, '}');
}

static void
print_one_csv(struct output *o, const char *span, const char *by,
    const struct usage_rows *r, const struct usage_point *p)
{
	struct buf line;

	buf_init(&line, 64 * 1024);
	buf_mustf(&line, "%s,%s,", span, by);
	csv_text(buf_str(&r->names[p->name]), &line);
	buf_must(&line, STR(","));
	csv_money(p->values[OF_COST], &line);
	buf_mustf(&line, ",%lld,%lld,%lld\r\n",
	    (long long)p->values[OF_REQUESTS], (long long)p->values[OF_TOKENS],
	    (long long)p->unpriced);
	fputs(buf_cstr(&line), o->to);
	buf_fini(&line);
}

static void
print_span_head(struct output *o, size_t span, const struct usage_rows *r,
    enum usage_of of)
{
	struct buf sum;

	buf_init(&sum, 64);
	usage_of_write_rough(of, r->total[of], r->unpriced, &sum);
	if (span)
		fputc('\n', o->to);
	out_paint(o, PAINT_HEAD, str_of(_(spans[span].title)));
	fprintf(o->to, _(": %s, %lld requests\n"), buf_cstr(&sum),
	    (long long)r->total[OF_REQUESTS]);
	usage_view_gaps(o, r->unpriced, r->estimated);
	buf_fini(&sum);
}

static void
show_part(struct asker *a, size_t span, size_t part, const struct usage_rows *r,
    enum usage_of of, struct json_out *j)
{
	struct output *o = a->c->out;

	if (o->json) {
		json_put_key(j, part ? "models" : "keys");
		json_open(j, '[');
		for (size_t i = 0; i < r->count; i++)
			put_one(j, r, &r->points[i]);
		json_close(j, ']');
	} else if (o->csv) {
		for (size_t i = 0; i < r->count; i++)
			print_one_csv(o, spans[span].word, parts[part].by, r,
			    &r->points[i]);
	} else {
		if (part == 0)
			print_span_head(o, span, r, of);
		usage_view_top(o, _(parts[part].title), r, of);
		/* The last span holds the others. */
		if (span + 1 == SPANS && part == 0 && !r->count)
			say_nothing_used(o);
	}
}

static void
show_spans(struct asker *a, enum usage_of of, struct json_out *j)
{
	struct str top = said(a->c, "top");
	struct usage_rows rows;
	struct why why;
	uint64_t n;

	if (top.len && (str_u64(top, &n) || !n || n > 100000)) {
		why_set(&why, ERR_VALUE, "top", "%s",
		    _("say how many of the largest"));
		a->verdict = command_fail(a->c->out, MISUSED, &why);
		return;
	}
	for (size_t span = 0; span < SPANS; span++) {
		if (a->c->out->json) {
			json_open(j, '{');
			json_say(j, "period", str_of(spans[span].word));
		}
		for (size_t part = 0; part < PARTS; part++) {
			const struct question q = { .by = parts[part].by,
				.since = spans[span].since,
				.top = top.len ? top : STR("5") };

			if (!ask(a, &q, &rows))
				return;
			show_part(a, span, part, &rows, of, j);
			usage_rows_fini(&rows);
		}
		if (a->c->out->json)
			json_close(j, '}');
	}
}

enum verdict
spending_top(const struct command *c)
{
	struct json_out j;
	struct asker a;
	struct buf text;

	if (!asker_init(&a, c))
		return asker_fini(&a);
	buf_init(&text, 16 * 1024 * 1024);
	json_begin(&j, &text);
	if (c->out->csv)
		fputs("period,by,name,cost_usd,requests,tokens,unpriced\r\n",
		    c->out->to);
	json_open(&j, '[');
	show_spans(&a, OF_COST, &j);
	if (a.verdict == DONE) {
		json_close(&j, ']');
		if (json_end(&j) == OK && c->out->json)
			fprintf(c->out->to, "%s\n", buf_cstr(&text));
	}
	buf_fini(&text);
	return asker_fini(&a);
}

/* --- cost ------------------------------------------------------------------ */

static const struct column course_columns[] = {
	{ N_("PERIOD"), "period", CELL_TEXT, FIT_WHOLE },
	{ N_("SINCE"), "since_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("UNPRICED"), "unpriced", CELL_COUNT, FIT_DROP },
	{ N_("RATED"), "rated_micro", CELL_CENTS, FIT_DROP + 1 },
	{ N_("COST"), "cost_micro", CELL_CENTS, FIT_WHOLE },
	{ N_("PER"), "per", CELL_TEXT, FIT_WHOLE },
	{ N_("COURSE"), "course", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

static int64_t
number(const struct json *row, const char *key)
{
	int64_t n = 0;

	if (json_may_i64(row, key, 0, INT64_C(1) << 53, &n, NULL))
		return 0;
	return n;
}

/* The row of a period again, with its course. */
static void
add_course(struct table *t, struct output *o, const struct json *row,
    const struct usage_rows *r, enum calendar_per per)
{
	/* Where no rate multiplies anything, the rated cost is the cost. */
	bool is_rated = number(row, "rated_micro") != number(row, "cost_micro");
	struct json *with = NULL;
	struct buf text, spark;
	struct json_out j;

	buf_init(&text, 64 * 1024);
	buf_init(&spark, 16 * 1024);
	if (usage_view_spark(o, r, per, number(row, "since_at"), &spark))
		buf_clear(&spark);
	json_begin(&j, &text);
	json_open(&j, '{');
	for (const struct column *c = course_columns; c->title; c++)
		if (json_at(row, c->key) &&
		    (is_rated || strcmp(c->key, "rated_micro") != 0)) {
			json_put_key(&j, c->key);
			json_put_tree(&j, json_at(row, c->key));
		}
	json_say(&j, "per", str_of(calendar_per_word(per)));
	json_say(&j, "course", buf_str(&spark));
	json_close(&j, '}');
	if (json_end(&j) == OK &&
	    json_parse(buf_str(&text), 64 * 1024, &with, NULL) == OK)
		table_add(t, o, with);
	json_free(with);
	buf_fini(&text);
	buf_fini(&spark);
}

/* Since the earlier of Monday and the first: both are in it. */
static void
draw_cost(struct asker *a, const struct json *periods)
{
	const struct question hours = {
		.by = "all", .per = "hour", .since = "today"
	};
	const struct question days = {
		.by = "all", .per = "day", .since = "31d"
	};
	struct usage_rows by_hour, by_day;
	bool first = true;
	struct table t;

	if (!ask(a, &hours, &by_hour))
		return;
	if (!ask(a, &days, &by_day)) {
		usage_rows_fini(&by_hour);
		return;
	}
	table_init(&t, course_columns);
	for (const struct json *p = json_first(periods); p; p = json_next(p)) {
		add_course(&t, a->c->out, p, first ? &by_hour : &by_day,
		    first ? PER_HOUR : PER_DAY);
		first = false;
	}
	table_print(&t, a->c->out);
	if (!by_day.count)
		out_lines(a->c->out, PAINT_PLAIN,
		    str_of(_("Nothing was spent lately. `relayctl usage "
			     "--since 365d` looks further back, `relayctl env "
			     "CLIENT` points a client here.")));
	table_fini(&t);
	usage_rows_fini(&by_hour);
	usage_rows_fini(&by_day);
}

enum verdict
spending_cost(const struct command *c)
{
	struct why why = { .text = "" };
	struct ctl_frame f;
	struct asker a;
	enum err e;

	if (!asker_init(&a, c))
		return asker_fini(&a);
	command_take_zone(c, a.client);
	e = ctl_client_ask_simple(a.client, CTL_M_cost, &f, &why);
	if (e) {
		a.verdict = command_fail_local(c->out, e, &why);
		return asker_fini(&a);
	}
	if (f.kind == CTL_ERROR)
		a.verdict = command_fail_answer(c->out, &f);
	else
		draw_cost(&a, f.data);
	ctl_frame_fini(&f);
	return asker_fini(&a);
}
