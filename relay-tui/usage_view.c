/* SPDX-License-Identifier: MIT */
/* usage_view.c - pictures of usage: what was asked is drawn, nothing is asked
 * here. */
#include "relay-tui/usage_view.h"

#include <langinfo.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/csv.h"
#include "relay-tui/words.h"

#define HOUR_MS	  INT64_C(3600000)
#define NAMES_MAX 24 /* columns for them, at most */
#define NUMBERS	  10 /* columns of an amount */
#define TEXT_MAX  (256 * 1024)

/* --- parts of lines -------------------------------------------------------- */

static void
print_left(struct output *o, enum paint p, struct str s, int width)
{
	struct str shown = s;
	bool cut = text_width(s) > width;

	if (cut)
		shown = text_fit(s, width - 1);
	out_paint(o, p, shown);
	if (cut)
		fputs(o->ascii ? "~" : "\xe2\x80\xa6", o->to);
	fprintf(o->to, "%*s", width - text_width(shown) - cut, "");
}

static void
print_right(struct output *o, enum paint p, struct str s, int width)
{
	int is = text_width(s);

	fprintf(o->to, "%*s", is < width ? width - is : 0, "");
	out_paint(o, p, s);
}

static void
print_value(struct output *o, enum paint p, enum usage_of of, int64_t n)
{
	struct buf text;

	buf_init(&text, 64);
	usage_of_write(of, n, &text);
	print_right(o, p, buf_str(&text), NUMBERS);
	buf_fini(&text);
}

/* "2026-11-14 to 2026-11-20, per hour (Europe/Berlin)" */
static void
print_span(struct output *o, const struct usage_rows *r, enum calendar_per per,
    const char *what)
{
	struct buf text;

	buf_init(&text, 512);
	calendar_write_span(per, r->since_ms, r->until_ms - 1, &text);
	buf_mustf(&text, ", %s", what);
	if (r->zone[0])
		buf_mustf(&text, " (%s)", r->zone);
	out_paint(o, PAINT_DIM, buf_str(&text));
	fputc('\n', o->to);
	buf_fini(&text);
}

static int
widest_name(const struct usage_rows *r)
{
	int widest = text_width(str_of(_("total")));

	for (size_t i = 0; i < r->names_count; i++) {
		int is = text_width(buf_str(&r->names[i]));

		widest = is > widest ? is : widest;
	}
	return widest < NAMES_MAX ? widest : NAMES_MAX;
}

/* --- sparklines ------------------------------------------------------------ */

enum calendar_per
usage_view_per(int64_t since_ms, int64_t until_ms)
{
	int64_t hours = (until_ms - since_ms) / HOUR_MS;

	return hours <= 2	  ? PER_MINUTE
	    : hours <= 24 * 8 + 1 ? PER_HOUR
	    : hours <= 24 * 93	  ? PER_DAY
	    : hours <= 24 * 750	  ? PER_WEEK
				  : PER_MONTH;
}

/* How many periods make a column so that all fit: whole parts of an hour or a
 * day, where they are shorter. */
static size_t
merged(const struct calendar *c, int room)
{
	static const size_t minutes[] = { 1, 2, 5, 10, 15, 30, 60, 120, 240 };
	static const size_t hours[] = { 1, 2, 3, 4, 6, 8, 12, 24, 48 };
	size_t each = (c->count + (size_t)room - 1) / (size_t)room;

	for (size_t i = 0; i < 9; i++) {
		if (c->per == PER_MINUTE && minutes[i] >= each)
			return minutes[i];
		if (c->per == PER_HOUR && hours[i] >= each)
			return hours[i];
	}
	return each ? each : 1;
}

static int64_t
largest(const int64_t *values, size_t count)
{
	int64_t most = 0;

	for (size_t i = 0; i < count; i++)
		most = values[i] > most ? values[i] : most;
	return most;
}

static void
print_chart_line(struct output *o, const struct usage_rows *r, size_t name,
    enum usage_of of, const struct calendar *c, int names, int room,
    size_t each)
{
	int64_t *values = xcalloc(c->count, sizeof(*values)), sum = 0, most;
	size_t count = c->count;
	struct buf line;

	buf_init(&line, TEXT_MAX);
	usage_rows_series(r, name, of, c, values);
	for (size_t i = 0; i < count; i++)
		sum += values[i];
	chart_merge(values, &count, each);
	most = largest(values, count);
	chart_spark(&line, values, count, most, o->ascii);
	print_left(o, PAINT_PLAIN, buf_str(&r->names[name]), names);
	fputs("  ", o->to);
	print_left(o, PAINT_PLAIN, buf_str(&line), room);
	print_value(o, PAINT_DIM, of, most);
	print_value(o, PAINT_PLAIN, of, sum);
	fputc('\n', o->to);
	free(values);
	buf_fini(&line);
}

/* Over the lines: where they begin and end, and what the numbers are. */
static void
print_chart_head(struct output *o, const struct calendar *c, int names,
    int room)
{
	struct buf line, begin, end;

	buf_init(&line, TEXT_MAX);
	buf_init(&begin, 64);
	buf_init(&end, 64);
	calendar_write(c->per, c->begins_ms[0], &begin);
	calendar_write(c->per, c->begins_ms[c->count - 1], &end);
	if (c->count > 1 &&
	    text_width(buf_str(&begin)) + text_width(buf_str(&end)) + 2 <= room)
		chart_ends(&line, buf_str(&begin), buf_str(&end), room);
	fprintf(o->to, "%*s", names + 2, "");
	print_left(o, PAINT_HEAD, buf_str(&line), room);
	print_right(o, PAINT_HEAD, str_of(_("MOST")), NUMBERS);
	print_right(o, PAINT_HEAD, str_of(_("TOTAL")), NUMBERS);
	fputc('\n', o->to);
	buf_fini(&begin);
	buf_fini(&end);
	buf_fini(&line);
}

/* "(each column is 6 hours)" */
static void
print_merged(struct output *o, const struct calendar *c, size_t each)
{
	struct buf line;

	if (each < 2)
		return;
	buf_init(&line, 256);
	buf_mustf(&line, _("(each column is %zu %ss)"), each,
	    calendar_per_word(c->per));
	out_lines(o, PAINT_DIM, buf_str(&line));
	buf_fini(&line);
}

static void
print_series(struct output *o, const struct usage_rows *r, enum usage_of of,
    const struct calendar *c)
{
	int64_t *sums = xcalloc(r->names_count + 1, sizeof(*sums));
	size_t *order = xcalloc(r->names_count + 1, sizeof(*order));
	int names = widest_name(r);
	int room = output_columns(o) - names - 2 - 2 * NUMBERS;
	size_t each = merged(c, room < 8 ? 8 : room);

	room = (int)((c->count + each - 1) / each);
	room = room < 8 ? 8 : room;
	usage_rows_sums(r, of, sums);
	usage_rows_rank(r, sums, order);
	print_chart_head(o, c, names, room);
	for (size_t i = 0; i < r->names_count; i++)
		print_chart_line(o, r, order[i], of, c, names, room, each);
	print_left(o, PAINT_HEAD, str_of(_("total")), names + 2 + room);
	fprintf(o->to, "%*s", NUMBERS, "");
	print_value(o, PAINT_HEAD, of, r->total[of]);
	fputc('\n', o->to);
	print_merged(o, c, each);
	free(sums);
	free(order);
}

enum err
usage_view_chart(struct output *o, const struct usage_rows *r,
    enum calendar_per per, enum usage_of of, struct why *out_why)
{
	struct calendar c;
	char what[64];

	if (calendar_fill(per, r->since_ms, r->until_ms - 1, &c))
		return why_set(out_why, ERR_LIMIT, "per",
		    _("that would be too many periods: say --per day"));
	snprintf(what, sizeof(what), _("per %s"), calendar_per_word(per));
	print_span(o, r, PER_DAY, what);
	print_series(o, r, of, &c);
	calendar_fini(&c);
	return OK;
}

enum err
usage_view_spark(struct output *o, const struct usage_rows *r,
    enum calendar_per per, int64_t since_ms, struct buf *out)
{
	int64_t *values;
	struct calendar c;
	enum err e = calendar_fill(per, since_ms, r->until_ms - 1, &c);

	if (e)
		return e;
	values = xcalloc(c.count, sizeof(*values));
	if (r->names_count)
		usage_rows_series(r, 0, OF_COST, &c, values);
	chart_spark(out, values, c.count, largest(values, c.count), o->ascii);
	free(values);
	calendar_fini(&c);
	return OK;
}

/* --- columns --------------------------------------------------------------- */

static int64_t *
sum_names(const struct usage_rows *r, enum usage_of of,
    const struct calendar *c)
{
	int64_t *sums = xcalloc(c->count + 1, sizeof(*sums));

	for (size_t i = 0; i < r->count; i++) {
		ptrdiff_t at = calendar_find(c, r->points[i].at_ms);

		if (at >= 0)
			sums[at] += r->points[i].values[of];
	}
	return sums;
}

/* The lines of the columns, the first with what the axis goes to. */
static void
print_columns(struct output *o, enum usage_of of, const int64_t *values,
    size_t count, int rows, int width)
{
	int64_t most = chart_scale(largest(values, count));
	struct buf lines;
	struct str rest;

	buf_init(&lines, TEXT_MAX);
	chart_columns(&lines, values, count, most, rows, width, o->ascii);
	rest = buf_str(&lines);
	for (int row = 0; row < rows; row++) {
		if (row == 0)
			print_value(o, PAINT_DIM, of, most);
		else if (row == rows / 2)
			print_value(o, PAINT_DIM, of, most / 2);
		else
			fprintf(o->to, "%*s", NUMBERS, "");
		fputs(o->ascii ? " |" : " \xe2\x94\x82", o->to);
		out_paint(o, PAINT_BAR, str_cut(&rest, '\n'));
		fputc('\n', o->to);
	}
	buf_fini(&lines);
}

/* Below: where the time begins and ends. */
static void
print_axis(struct output *o, const struct calendar *c, int columns)
{
	struct buf line, begin, end;

	buf_init(&line, TEXT_MAX);
	buf_init(&begin, 64);
	buf_init(&end, 64);
	calendar_write(c->per, c->begins_ms[0], &begin);
	calendar_write(c->per, c->begins_ms[c->count - 1], &end);
	fprintf(o->to, "%*s", NUMBERS, "0");
	fputs(o->ascii ? " +" : " \xe2\x94\x94", o->to);
	for (int i = 0; i < columns; i++)
		buf_must(&line, o->ascii ? STR("-") : STR("\xe2\x94\x80"));
	out_paint(o, PAINT_FRAME, buf_str(&line));
	buf_clear(&line);
	if (text_width(buf_str(&begin)) + text_width(buf_str(&end)) + 2 <=
	    columns)
		chart_ends(&line, buf_str(&begin), buf_str(&end), columns);
	else
		buf_must(&line, buf_str(&begin));
	fprintf(o->to, "\n%*s", NUMBERS + 2, "");
	out_paint(o, PAINT_DIM, buf_str(&line));
	fputc('\n', o->to);
	buf_fini(&begin);
	buf_fini(&end);
	buf_fini(&line);
}

enum err
usage_view_bars(struct output *o, const struct usage_rows *r,
    enum calendar_per per, enum usage_of of, int rows, struct why *out_why)
{
	int room = output_columns(o) - NUMBERS - 2, width;
	size_t each, count;
	struct calendar c;
	int64_t *values;

	if (calendar_fill(per, r->since_ms, r->until_ms - 1, &c))
		return why_set(out_why, ERR_LIMIT, "per",
		    _("that would be too many periods: say --per day"));
	values = sum_names(r, of, &c);
	room = room < 8 ? 8 : room;
	each = merged(&c, room);
	count = c.count;
	chart_merge(values, &count, each);
	width = count ? room / (int)count : 1;
	width = width < 1 ? 1 : width > 6 ? 6 : width;
	print_columns(o, of, values, count, rows < 2 ? 2 : rows, width);
	print_axis(o, &c, (int)count * width);
	print_merged(o, &c, each);
	free(values);
	calendar_fini(&c);
	return OK;
}

/* --- heat ------------------------------------------------------------------ */

static void
write_cost(int64_t n, struct buf *out)
{
	usage_of_write(OF_COST, n, out);
}

static void
write_count(int64_t n, struct buf *out)
{
	usage_of_write(OF_REQUESTS, n, out);
}

/* Weeks begin on Monday; the C library's on Sunday. */
static const nl_item day_names[7] = { ABDAY_2, ABDAY_3, ABDAY_4, ABDAY_5,
	ABDAY_6, ABDAY_7, ABDAY_1 };

static void
place(const struct usage_rows *r, enum usage_of of, const struct calendar *c,
    struct chart_week *w)
{
	struct tm tm;
	time_t t;

	for (size_t i = 0; i < c->count; i++) {
		t = (time_t)(c->begins_ms[i] / 1000);
		localtime_r(&t, &tm);
		w->hours[(tm.tm_wday + 6) % 7][tm.tm_hour]++;
	}
	for (size_t i = 0; i < r->count; i++) {
		t = (time_t)(r->points[i].at_ms / 1000);
		localtime_r(&t, &tm);
		w->values[(tm.tm_wday + 6) % 7][tm.tm_hour] +=
		    r->points[i].values[of];
	}
}

static void
print_week_csv(struct output *o, const struct chart_week *w, enum usage_of of)
{
	static const char *const names[OFS] = { "cost_usd", "requests",
		"tokens" };

	fprintf(o->to, "weekday,hour,%s\r\n", names[of]);
	for (int d = 0; d < 7; d++)
		for (int h = 0; h < 24; h++) {
			struct buf n;

			buf_init(&n, 64);
			if (of == OF_COST)
				csv_money(w->values[d][h], &n);
			else
				buf_mustf(&n, "%lld",
				    (long long)w->values[d][h]);
			fprintf(o->to, "%d,%d,%s\r\n", d + 1, h, buf_cstr(&n));
			buf_fini(&n);
		}
}

static void
say_moment(struct json_out *j, const char *key, int64_t ms)
{
	struct buf text;

	buf_init(&text, 64);
	csv_moment(ms, &text);
	json_say(j, key, buf_str(&text));
	buf_fini(&text);
}

/* Seven arrays of 24, from Monday and midnight on. */
static void
print_week_json(struct output *o, const struct usage_rows *r,
    const struct chart_week *w, enum usage_of of)
{
	static const char *const names[OFS] = { "cost_micro", "requests",
		"tokens" };
	struct json_out j;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	json_begin(&j, &text);
	json_open(&j, '{');
	json_say(&j, "zone", str_of(r->zone));
	say_moment(&j, "since", r->since_ms);
	say_moment(&j, "until", r->until_ms);
	json_put_key(&j, names[of]);
	json_open(&j, '[');
	for (int d = 0; d < 7; d++) {
		json_open(&j, '[');
		for (int h = 0; h < 24; h++)
			json_put_i64(&j, w->values[d][h]);
		json_close(&j, ']');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	if (json_end(&j) == OK)
		fprintf(o->to, "%s\n", buf_cstr(&text));
	buf_fini(&text);
}

enum err
usage_view_heat(struct output *o, const struct usage_rows *r, enum usage_of of,
    struct why *out_why)
{
	static const char *const what[OFS] = {
		N_("cost per hour and weekday"),
		N_("requests per hour and weekday"),
		N_("tokens per hour and weekday"),
	};
	struct chart_week w = { .write =
				    of == OF_COST ? write_cost : write_count };
	struct calendar c;
	struct buf text;

	if (calendar_fill(PER_HOUR, r->since_ms, r->until_ms - 1, &c))
		return why_set(out_why, ERR_LIMIT, "since",
		    _("that is too long ago"));
	place(r, of, &c, &w);
	calendar_fini(&c);
	for (int d = 0; d < 7; d++)
		w.days[d] = str_of(nl_langinfo(day_names[d]));
	if (o->csv) {
		print_week_csv(o, &w, of);
		return OK;
	}
	if (o->json) {
		print_week_json(o, r, &w, of);
		return OK;
	}
	print_span(o, r, PER_DAY, _(what[of]));
	buf_init(&text, TEXT_MAX);
	chart_heat(&text, &w, output_columns(o), o->ascii);
	out_paint(o, PAINT_PLAIN, buf_str(&text));
	buf_fini(&text);
	return OK;
}

/* --- gaps ------------------------------------------------------------------ */

void
usage_view_gaps(struct output *o, int64_t unpriced, int64_t estimated)
{
	struct buf text;

	if (unpriced <= 0 && estimated <= 0)
		return;
	buf_init(&text, 1024);
	if (unpriced > 0)
		buf_mustf(&text,
		    _("(without a price: %lld, see `relayctl price check`"),
		    (long long)unpriced);
	if (estimated > 0)
		buf_mustf(&text, _("%sestimated: %lld"),
		    buf_len(&text) ? "; " : "(", (long long)estimated);
	buf_must(&text, STR(")"));
	out_lines(o, PAINT_DIM, buf_str(&text));
	buf_fini(&text);
}

/* --- the largest ----------------------------------------------------------- */

/* "42%  ####", or nothing where there is no part. */
static void
print_share(struct output *o, int64_t part, int64_t whole, int room)
{
	struct buf percent, bar;

	if (part <= 0 || whole <= 0)
		return;
	buf_init(&percent, 64);
	buf_init(&bar, TEXT_MAX);
	chart_percent(&percent, part, whole);
	chart_bar(&bar, part, whole, room > 60 ? 60 : room, o->ascii);
	print_right(o, PAINT_PLAIN, buf_str(&percent), 6);
	fputs("  ", o->to);
	out_paint(o, PAINT_PLAIN, buf_str(&bar));
	buf_fini(&percent);
	buf_fini(&bar);
}

static int64_t
unpriced_of(const struct usage_rows *r, size_t name)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->points[i].name == name)
			n += r->points[i].unpriced;
	return n;
}

static void
print_rough(struct output *o, enum usage_of of, int64_t n, int64_t unpriced)
{
	struct buf text;

	buf_init(&text, 64);
	usage_of_write_rough(of, n, unpriced, &text);
	print_right(o, PAINT_PLAIN, buf_str(&text), NUMBERS);
	buf_fini(&text);
}

void
usage_view_top(struct output *o, const char *title, const struct usage_rows *r,
    enum usage_of of)
{
	int64_t *sums = xcalloc(r->names_count + 1, sizeof(*sums));
	size_t *order = xcalloc(r->names_count + 1, sizeof(*order));
	int room = output_columns(o) - 10 - NAMES_MAX - NUMBERS - 8;

	usage_rows_sums(r, of, sums);
	usage_rows_rank(r, sums, order);
	for (size_t i = 0; i < r->names_count; i++) {
		fputs("  ", o->to);
		print_left(o, PAINT_DIM, str_of(i ? "" : title), 8);
		print_left(o, PAINT_PLAIN, buf_str(&r->names[order[i]]),
		    NAMES_MAX);
		print_rough(o, of, sums[order[i]], unpriced_of(r, order[i]));
		print_share(o, sums[order[i]], r->total[of], room);
		fputc('\n', o->to);
	}
	free(sums);
	free(order);
}
