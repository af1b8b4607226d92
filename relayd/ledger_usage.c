/* SPDX-License-Identifier: MIT */
/* ledger_usage.c - what was used, from the sums.
 *
 * A question is turned into stretches of the table rollup.  One for each
 * period is a single stretch.  A total is put together from the longest
 * periods that fit, so that a year is some dozen months and not 365 days:
 *
 *	since					    until
 *	  |minutes|hours|days|  months  |days|hours|minutes|
 *
 * Inside a stretch the rows of one dimension are a run in each period; what
 * lies between is leapt over.  As in ledger_query.c a long question goes back
 * to the queue now and then. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/keeping.h"
#include "relayd/ledger.h"

/* Rows and leaps in one transaction: some 20 ms. */
#define STEPS_MAX     16384
#define STRETCHES_MAX 8

/* A question is read in up to three laps. */
enum lap {
	LAP_TOTAL, /* what all of it comes to */
	LAP_TOP,   /* whose rows are shown */
	LAP_ROWS,
};

struct stretch {
	enum period period;
	uint32_t from, until; /* minutes */
};

struct usage_job {
	struct job job;
	struct store *store;
	struct zones *zones;
	const struct zone *zone;
	struct usage_query q; /* its texts are ours */
	ledger_usage_done *done;
	void *arg;

	/* Whose sums are read, and how rows are chosen and called. */
	enum dimension of;
	struct str only[PART_COUNT]; /* ours */
	struct str only_first, only_second;
	bool keep_first, keep_second;

	struct stretch stretches[STRETCHES_MAX];
	unsigned stretch_count, stretch;
	uint32_t since, until;
	enum period finest; /* that a total is put together from */

	struct rollup_key from; /* the next to look at */
	struct sums sums; /* by minute(4) name, or minute(4) name 0 name */
	uint32_t minute;  /* of the rows that are being added up */
	struct map *top;  /* names that stay; NULL: all */
	enum lap lap;
	struct rollup_rec total;
	unsigned steps;
	bool more, leaps, ended, begun, is_moving;
	enum err bad;
};

/* --- what is asked for ------------------------------------------------------- */

#define BIT(part) (1u << (part))

static struct str
only_of(const struct usage_query *q, enum part p)
{
	switch (p) {
	case PART_KEY:
		return q->key;
	case PART_ACCOUNT:
		return q->account;
	case PART_MODEL:
		return q->model;
	case PART_CLIENT:
		return q->client;
	case PART_USER:
		return q->user;
	case PART_TAG:
		return q->tag;
	case PART_NONE:
	case PART_COUNT:
		break;
	}
	return (struct str){ .at = NULL };
}

static unsigned
parts_of(enum dimension d)
{
	const struct dimension_row *row = dimension_row(d);

	return (BIT(row->first) | BIT(row->second)) & ~BIT(PART_NONE);
}

/* The sums that tell all parts that the question is about. */
static enum err
choose_dimension(const struct usage_query *q, enum dimension by,
    enum dimension *out)
{
	unsigned need = parts_of(by) | (q->keys ? BIT(PART_KEY) : 0);

	for (unsigned p = PART_NONE + 1; p < PART_COUNT; p++)
		if (only_of(q, (enum part)p).at)
			need |= BIT(p);
	for (unsigned d = 0; d < DIMENSION_COUNT; d++) {
		if ((parts_of((enum dimension)d) & need) == need) {
			*out = (enum dimension)d;
			return OK;
		}
	}
	return ERR_UNSUPPORTED;
}

/* What the sums of a period are made of. */
static enum period
source_of(enum period per)
{
	return per == PERIOD_WEEK ? PERIOD_DAY : per;
}

enum err
usage_query_check(const struct usage_query *q, struct why *out_why)
{
	enum dimension of;

	if (choose_dimension(q, q->by, &of))
		return why_set(out_why, ERR_UNSUPPORTED, "by",
		    "sums are kept of keys with models and of accounts with "
		    "models; of users, tags and clients alone: leave out "
		    "--by, or all but one of what it is of");
	if (!dimension_keeps(of, source_of(q->per)))
		return why_set(out_why, ERR_UNSUPPORTED, "per",
		    "sums by %s are kept by the %s, and no shorter",
		    dimension_name(of), period_name(dimension_row(of)->finest));
	return OK;
}

/* --- where to look ----------------------------------------------------------- */

static void
add_stretch(struct usage_job *u, enum period p, uint32_t from, uint32_t until)
{
	if (from < until)
		u->stretches[u->stretch_count++] = (struct stretch){
			.period = p, .from = from, .until = until
		};
}

static uint32_t
round_up(const struct zone *z, enum period p, uint32_t minute)
{
	uint32_t begin = zone_begin(z, p, minute);

	return minute == ZONE_NEVER || begin == minute
	    ? minute
	    : zone_next(z, p, minute);
}

static uint32_t
round_down(const struct zone *z, enum period p, uint32_t minute)
{
	return minute == ZONE_NEVER ? minute : zone_begin(z, p, minute);
}

/* From the shortest period at both ends to the longest in the middle. */
static void
plan_total(struct usage_job *u)
{
	static const enum period ladder[] = { PERIOD_MINUTE, PERIOD_HOUR,
		PERIOD_DAY, PERIOD_MONTH };
	uint32_t low = u->since, high = u->until;

	if (low == 0 && high == ZONE_NEVER) {
		add_stretch(u, PERIOD_TOTAL, 0, ZONE_NEVER);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		uint32_t in_low, in_high;

		if (ladder[i] < u->finest)
			continue;
		in_low = round_up(u->zone, ladder[i + 1], low);
		in_high = round_down(u->zone, ladder[i + 1], high);
		if (in_low >= in_high) {
			add_stretch(u, ladder[i], low, high);
			return;
		}
		add_stretch(u, ladder[i], low, in_low);
		add_stretch(u, ladder[i], in_high, high);
		low = in_low;
		high = in_high;
	}
	add_stretch(u, PERIOD_MONTH, low, high);
}

/* Where the rows begin: `since`, or the page. */
static uint32_t
page_begin(const struct usage_job *u)
{
	uint32_t page = minute_of_ms(u->q.page_ms);

	return page > u->since ? page : u->since;
}

static void
lap_begin(struct usage_job *u, enum lap lap)
{
	enum dimension by = lap == LAP_TOTAL ? DIMENSION_ALL : u->q.by;
	const struct dimension_row *row;
	unsigned shown = parts_of(by);

	u->lap = lap;
	(void)!choose_dimension(&u->q, by, &u->of);
	row = dimension_row(u->of);
	u->only_first = u->only[row->first];
	u->only_second = u->only[row->second];
	u->keep_first = shown & BIT(row->first);
	u->keep_second = shown & BIT(row->second);
	u->stretch_count = u->stretch = 0;
	u->from.len = 0;
	u->minute = 0;
	u->ended = false;
	if (lap != LAP_ROWS || u->q.per == PERIOD_TOTAL)
		plan_total(u);
	else
		add_stretch(u, source_of(u->q.per), page_begin(u), u->until);
}

/* The lap after it. */
static enum lap
lap_after(const struct usage_job *u, enum lap lap)
{
	return lap == LAP_TOTAL && u->q.top && u->q.per != PERIOD_TOTAL
	    ? LAP_TOP
	    : LAP_ROWS;
}

/* Widened to what there are sums of. */
static void
set_bounds(struct usage_job *u, const struct keeping *k)
{
	enum period unit = u->q.per;
	uint32_t since = minute_of_ms(u->q.since_ms);
	enum dimension of = u->q.by;

	(void)!choose_dimension(&u->q, of, &of);
	u->finest = dimension_row(of)->finest;
	while (u->finest < PERIOD_DAY && k->from[u->finest] > since)
		u->finest++;
	if (u->finest == PERIOD_DAY && k->from[PERIOD_DAY] > since)
		u->finest = PERIOD_MONTH;
	if (unit == PERIOD_TOTAL)
		unit = u->finest;
	u->since = zone_begin(u->zone, unit, since);
	u->until = u->q.until_ms
	    ? zone_next(u->zone, unit, minute_of_ms(u->q.until_ms - 1))
	    : ZONE_NEVER;
}

static enum err
usage_begin(struct usage_job *u, struct txn *t)
{
	struct keeping k;
	enum err e = keeping_read(t, u->zones, &k);

	if (e)
		return e;
	u->begun = true;
	u->is_moving = k.next || k.zone != u->zone;
	set_bounds(u, &k);
	lap_begin(u, u->q.want_total ? LAP_TOTAL : lap_after(u, LAP_TOTAL));
	return OK;
}

/* --- reading ----------------------------------------------------------------- */

static void
look_at(struct usage_job *u, uint32_t minute)
{
	const struct stretch *s = &u->stretches[u->stretch];

	u->from = rollup_key_of(s->period, minute, u->of,
	    u->only_first.at ? u->only_first : STR(""),
	    u->only_first.at && u->only_second.at ? u->only_second : STR(""));
}

static bool
leap_to(struct usage_job *u, uint32_t minute)
{
	look_at(u, minute);
	u->leaps = true;
	return false;
}

static bool
is_one_of(const struct usage_query *q, struct str key)
{
	for (size_t i = 0; i < q->key_count; i++)
		if (str_eq(q->keys[i], key))
			return true;
	return false;
}

static bool
is_wanted(const struct usage_job *u, const struct rollup_at *at)
{
	if (u->q.keys && !is_one_of(&u->q, at->first))
		return false;
	return (!u->only_first.at || str_eq(at->first, u->only_first)) &&
	    (!u->only_second.at || str_eq(at->second, u->only_second));
}

/* The key of a row of the answer: its moment, and what it is called. */
static struct rollup_key
answer_key(const struct usage_job *u, const struct rollup_at *at)
{
	const struct str none = STR("");
	struct rollup_key k = rollup_key_of(PERIOD_TOTAL, u->minute,
	    DIMENSION_KEY_MODEL, u->keep_first ? at->first : none,
	    u->keep_second ? at->second : none);

	memmove(k.bytes, k.bytes + 1, 4);
	memmove(k.bytes + 4, k.bytes + ROLLUP_HEAD, k.len - ROLLUP_HEAD);
	k.len -= 2;
	return k;
}

static enum err
add_row(struct usage_job *u, const struct rollup_at *at, struct str value)
{
	struct rollup_key k = answer_key(u, at);
	struct str key = str_at(k.bytes, k.len);
	struct rollup_rec sum;
	enum err e;

	if (u->lap == LAP_ROWS && u->top && !map_get(u->top, str_skip(key, 4)))
		return OK;
	e = rollup_rec_read(value, &sum);
	if (!e)
		rollup_add(sums_at(&u->sums, key), &sum);
	return e;
}

/* A page is full when a moment begins that is on no row of it. */
static bool
is_full(struct usage_job *u, uint32_t minute)
{
	uint32_t begin;

	if (u->lap != LAP_ROWS || u->q.per == PERIOD_TOTAL)
		return false;
	begin = u->q.per == PERIOD_WEEK
	    ? zone_begin(u->zone, PERIOD_WEEK, minute)
	    : minute;
	if (begin == u->minute)
		return false;
	u->minute = begin;
	return u->q.limit &&
	    map_count(&u->sums.by_key) >= u->q.skip + u->q.limit;
}

static bool
usage_step(void *arg, struct str key, struct str value)
{
	struct usage_job *u = arg;
	const struct stretch *s = &u->stretches[u->stretch];
	char letter = dimension_row(u->of)->letter;
	struct rollup_at at;

	if (++u->steps > STEPS_MAX && key.len <= sizeof(u->from.bytes)) {
		u->more = true;
		u->from.len = key.len;
		memcpy(u->from.bytes, key.at, key.len);
		return false;
	}
	u->bad = rollup_key_read(key, &at);
	if (u->bad || at.period != s->period || at.minute >= s->until)
		return false;
	if ((uint8_t)key.at[5] < (uint8_t)letter)
		return leap_to(u, at.minute);
	if ((uint8_t)key.at[5] > (uint8_t)letter)
		return leap_to(u, at.minute + 1);
	if (!is_wanted(u, &at)) {
		int c = u->only_first.at ? str_cmp(at.first, u->only_first) : 0;

		return c > 0 ? leap_to(u, at.minute + 1)
			     : c == 0 || leap_to(u, at.minute);
	}
	if (is_full(u, at.minute)) {
		u->ended = true;
		return false;
	}
	u->bad = add_row(u, &at, value);
	return !u->bad;
}

/* The rest of a stretch, leap by leap. */
static enum err
read_stretch(struct usage_job *u, struct txn *t)
{
	enum err e;

	if (!u->from.len)
		look_at(u, u->stretches[u->stretch].from);
	do {
		u->leaps = false;
		e = txn_scan(t, TABLE_rollup,
		    str_at(u->from.bytes, u->from.len), false, usage_step, u);
		if (!e)
			e = u->bad;
	} while (!e && u->leaps && !u->more);
	return e;
}

static enum err
usage_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct usage_job *u = (struct usage_job *)j;
	enum err e = usage_query_check(&u->q, out_why);

	u->steps = 0;
	u->more = false;
	if (!e && !u->begun)
		e = usage_begin(u, t);
	while (!e && !u->ended && u->stretch < u->stretch_count) {
		e = read_stretch(u, t);
		if (e || u->more)
			break;
		u->stretch++;
		u->from.len = 0;
	}
	return e;
}

/* --- answering --------------------------------------------------------------- */

struct sorted {
	struct str key;
	const struct rollup_rec *sum;
};

static int
by_key(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return str_cmp(x->key, y->key);
}

static int
by_cost(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int64_t m = x->sum->cost_micro, n = y->sum->cost_micro;

	if (m != n)
		return m < n ? 1 : -1;
	if (x->sum->requests != y->sum->requests)
		return x->sum->requests < y->sum->requests ? 1 : -1;
	return str_cmp(x->key, y->key);
}

static struct sorted *
sort(const struct usage_job *u, int (*cmp)(const void *, const void *),
    size_t *out_count)
{
	size_t count = map_count(&u->sums.by_key), at = 0, n = 0;
	struct sorted *all = xcalloc(count + 1, sizeof(*all));
	void *sum;

	while (map_next(&u->sums.by_key, &at, &all[n].key, &sum))
		all[n++].sum = sum;
	qsort(all, count, sizeof(*all), cmp);
	*out_count = count;
	return all;
}

static struct usage_row
usage_row_of(const struct usage_job *u, const struct sorted *s)
{
	struct usage_row row = { .sum = *s->sum };
	struct str name = str_skip(s->key, 4);
	const char *end = memchr(name.at, 0, name.len);

	for (unsigned i = 0; i < 4; i++)
		row.minute = row.minute << 8 | (uint8_t)s->key.at[i];
	row.name = str_first(name, (size_t)(end - name.at));
	row.model = str_skip(name, row.name.len + 1);
	/* Of a pair, of which only the model was asked for. */
	if (u->keep_second && !u->keep_first) {
		row.name = row.model;
		row.model = STR("");
	}
	return row;
}

static void
usage_answer(struct usage_job *u)
{
	bool is_top = u->q.top && u->q.per == PERIOD_TOTAL;
	size_t count, n = 0;
	struct sorted *all = sort(u, is_top ? by_cost : by_key, &count);
	struct usage_row *rows = xcalloc(count + 1, sizeof(*rows));

	if (is_top && count > u->q.top)
		count = u->q.top;
	for (size_t i = u->q.skip; i < count; i++) {
		if (u->q.limit && n == u->q.limit)
			break;
		rows[n++] = usage_row_of(u, &all[i]);
	}
	u->done(u->arg, OK, NULL,
	    &(struct usage_answer){ .rows = rows,
		.count = n,
		.since = u->since,
		.until = u->until,
		.total = u->total,
		.is_moving = u->is_moving });
	free(rows);
	free(all);
}

/* Only the largest stay. */
static void
choose_top(struct usage_job *u)
{
	size_t count;
	struct sorted *all = sort(u, by_cost, &count);

	u->top = xcalloc(1, sizeof(*u->top));
	map_init(u->top, u->sums.by_key.seed);
	for (size_t i = 0; i < count && i < u->q.top; i++)
		map_set(u->top, str_skip(all[i].key, 4), u);
	free(all);
}

static void
add_total(struct usage_job *u)
{
	size_t at = 0;
	void *sum;

	while (map_next(&u->sums.by_key, &at, NULL, &sum))
		rollup_add(&u->total, sum);
}

static void
lap_end(struct usage_job *u)
{
	if (u->lap == LAP_TOTAL)
		add_total(u);
	else
		choose_top(u);
	sums_fini(&u->sums);
	sums_init(&u->sums, NULL);
	lap_begin(u, lap_after(u, u->lap));
}

/* A copy that lasts; .at NULL stays NULL. */
static struct str
str_keep(struct str s)
{
	return s.at ? str_at(xmemdup(s.at, s.len), s.len) : s;
}

static void
str_free(struct str s)
{
	free((void *)(uintptr_t)s.at);
}

static void
usage_free(struct usage_job *u)
{
	for (size_t i = 0; i < u->q.key_count; i++)
		str_free(u->q.keys[i]);
	free((void *)(uintptr_t)u->q.keys);
	for (unsigned p = 0; p < PART_COUNT; p++)
		str_free(u->only[p]);
	if (u->top)
		map_fini(u->top);
	free(u->top);
	sums_fini(&u->sums);
	free(u);
}

static void
usage_done(struct job *j)
{
	struct usage_job *u = (struct usage_job *)j;

	if (!j->result && !u->more && u->lap != LAP_ROWS) {
		lap_end(u);
		u->more = true;
	}
	if (!j->result && u->more) {
		store_post(u->store, LANE_READ, j);
		return;
	}
	if (j->result)
		u->done(u->arg, j->result, &j->why,
		    &(struct usage_answer){ .rows = NULL });
	else
		usage_answer(u);
	usage_free(u);
}

/* --- asking ------------------------------------------------------------------ */

static void
keep_keys(struct usage_job *u, const struct usage_query *q)
{
	struct str *keys;

	if (!q->keys)
		return;
	keys = xcalloc(q->key_count + 1, sizeof(*keys));
	for (size_t i = 0; i < q->key_count; i++)
		keys[i] = str_keep(q->keys[i]);
	u->q.keys = keys;
}

static struct str
name_keep(struct str s)
{
	return str_keep(s.at ? str_first(s, ROLLUP_NAME_MAX) : s);
}

void
ledger_usage(struct ledger *l, const struct usage_query *q,
    ledger_usage_done *done, void *arg)
{
	struct usage_job *u = xcalloc(1, sizeof(*u));

	*u = (struct usage_job){
		.job = { .work = usage_work, .done = usage_done },
		.store = ledger_store(l),
		.zones = ledger_zones(l),
		.zone = ledger_zone(l),
		.q = *q,
		.done = done,
		.arg = arg,
	};
	for (unsigned p = 0; p < PART_COUNT; p++)
		u->only[p] = name_keep(only_of(q, (enum part)p));
	keep_keys(u, q);
	sums_init(&u->sums, NULL);
	store_post(u->store, LANE_READ, &u->job);
}
