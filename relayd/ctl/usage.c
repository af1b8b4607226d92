/* SPDX-License-Identifier: MIT */
/* usage.c - control methods about what was used: sums, and single receipts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/ctl_receipt.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/receipt.h"

/* What a key's id is called; empty when the key is gone. */
static struct str
key_name(const struct ctl_call *c, struct str id)
{
	const struct apikey *k =
	    id.len ? keyring_id(c->daemon->keys, id) : NULL;

	return k ? k->rec.name : STR("");
}

/* A key by id or name as its id; one that is gone can still be asked for by
 * id, except by those who may see only their own. */
static enum err
find_key_id(const struct ctl_call *c, struct str said, struct str *out_id,
    struct why *out_why)
{
	const struct apikey *k = ctl_find_key(c, said);

	if (k) {
		*out_id = k->rec.id;
		return OK;
	}
	if (c->peer.role > CTL_SELF && said.len == 9 && said.at[0] == 'k') {
		*out_id = said;
		return OK;
	}
	return why_set(out_why, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
	    STR_ARG(str_first(said, 60)));
}

/* --- sums ------------------------------------------------------------------ */

struct question {
	struct ctl_call *call;
	const struct zone *zone;
	struct usage_query q;
	struct str *keys; /* of those who see only their own */
};

static void
question_free(struct question *q)
{
	free(q->keys);
	free(q);
}

static void
put_moment(const struct question *q, const char *key, uint32_t minute)
{
	char text[ZONE_TEXT];

	zone_text(q->zone, minute, text);
	json_say(&q->call->out, key, str_of(text));
}

static void
put_usage(const struct question *q, const struct usage_row *row)
{
	const struct dimension_row *by = dimension_row(q->q.by);
	struct ctl_call *c = q->call;
	struct json_out *j = &c->out;

	json_open(j, '{');
	if (by->first)
		json_say(j, "name", row->name);
	if (by->first == PART_KEY)
		json_say(j, "label", key_name(c, row->name));
	if (by->second || by->first == PART_MODEL)
		json_say(j, "model", by->second ? row->model : row->name);
	if (q->q.per != PERIOD_TOTAL)
		put_moment(q, "at", row->minute);
	ctl_put_rec(j, &rollup_kind, &row->sum);
	json_close(j, '}');
}

/* A page goes on at a moment, behind so many of its rows. */
static void
next_page(const struct question *q, const struct usage_answer *a, size_t n,
    char out[32])
{
	uint32_t minute = a->rows[n].minute;
	uint32_t page = minute_of_ms(q->q.page_ms);
	size_t before = 0;

	while (before < n && a->rows[n - 1 - before].minute == minute)
		before++;
	if (before == n && minute == page)
		before += q->q.skip;
	snprintf(out, 32, "%u.%zu", minute, before);
}

static void
on_usage(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a)
{
	struct question *q = arg;
	struct ctl_call *c = q->call;
	struct json_out *j = &c->out;
	char next[32] = "";
	size_t n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		question_free(q);
		return;
	}
	json_open(j, '{');
	json_say(j, "by", str_of(dimension_name(q->q.by)));
	json_say(j, "per", str_of(period_name(q->q.per)));
	json_say(j, "zone", zone_name(q->zone));
	put_moment(q, "since", a->since);
	put_moment(q, "until",
	    a->until == ZONE_NEVER ? minute_of_ms(clock_wall_ms()) : a->until);
	json_say_bool(j, "moving", a->is_moving);
	json_put_key(j, "total");
	json_open(j, '{');
	ctl_put_rec(j, &rollup_kind, &a->total);
	json_close(j, '}');
	json_put_key(j, "rows");
	json_open(j, '[');
	for (; n < a->count && ctl_has_room(c, (unsigned)n); n++)
		put_usage(q, &a->rows[n]);
	json_close(j, ']');
	json_close(j, '}');
	if (n < a->count)
		next_page(q, a, n, next);
	ctl_answer(c, 0, str_of(next));
	question_free(q);
}

/* By what, when nobody says: by that of which one is asked for, else by key. */
static enum dimension
unsaid_by(const struct ctl_call *c)
{
	static const enum dimension others[] = { DIMENSION_ACCOUNT,
		DIMENSION_CLIENT, DIMENSION_USER, DIMENSION_TAG };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ctl_text(c, dimension_name(others[i])).len)
			return others[i];
	return DIMENSION_KEY;
}

/* "day" is said by people, but no dimension: it is all, per day. */
static enum err
read_by(const struct ctl_call *c, struct usage_query *q, struct why *out_why)
{
	struct str by = ctl_text(c, "by"), per = ctl_text(c, "per");
	char words[160];

	q->by = by.len ? DIMENSION_KEY : unsaid_by(c);
	if (str_eq(by, STR("day"))) {
		q->by = DIMENSION_ALL;
		q->per = PERIOD_DAY;
	} else if (by.len && dimension_read(by, &q->by)) {
		dimension_words(words, sizeof(words));
		return why_set(out_why, ERR_VALUE, "by",
		    "usage is summed by %s", words);
	}
	if (per.len && period_read(per, &q->per))
		return why_set(out_why, ERR_VALUE, "per",
		    "usage is told per total, minute, hour, day, week or "
		    "month");
	return OK;
}

/* The ids of the keys that the caller may see. */
static struct str *
own_keys(const struct ctl_call *c, size_t *out_count)
{
	const struct keyring *ring = c->daemon->keys;
	struct str *keys = xcalloc(ring->count + 1, sizeof(*keys));
	const struct apikey *k;

	*out_count = 0;
	TAILQ_FOREACH (k, &ring->keys, link)
		if (ctl_may_see(c, k->rec.owner))
			keys[(*out_count)++] = k->rec.id;
	return keys;
}

/* Whose role shows their own only: of their keys, and of nothing that others
 * have a part in. */
static enum err
narrow_to_own(struct question *q, struct why *out_why)
{
	const struct dimension_row *by = dimension_row(q->q.by);

	if (q->call->peer.role > CTL_SELF)
		return OK;
	if ((by->first && by->first != PART_KEY && by->first != PART_MODEL) ||
	    q->q.account.at || q->q.client.at || q->q.user.at || q->q.tag.at)
		return why_set(out_why, ERR_DENIED, "by",
		    "your role shows the usage of your own keys only: by key, "
		    "model, key-model or all");
	q->keys = own_keys(q->call, &q->q.key_count);
	q->q.keys = q->keys;
	return OK;
}

static enum err
read_filter(const struct ctl_call *c, const char *param, enum part part,
    struct usage_query *q, struct why *out_why)
{
	struct str said = ctl_text(c, param);

	if (!said.len)
		return OK;
	if (part == PART_KEY)
		return find_key_id(c, said, &q->key, out_why);
	if (part == PART_ACCOUNT)
		q->account = said;
	else if (part == PART_MODEL)
		q->model = said;
	else if (part == PART_CLIENT)
		q->client = said;
	else if (part == PART_USER)
		q->user = said;
	else if (part == PART_TAG)
		q->tag = said;
	else
		return why_set(out_why, ERR_VALUE, param,
		    "all of it has no name; say what it is by");
	return OK;
}

static enum err
read_filters(const struct ctl_call *c, struct usage_query *q,
    struct why *out_why)
{
	static const enum part parts[] = { PART_KEY, PART_ACCOUNT, PART_MODEL,
		PART_CLIENT, PART_USER, PART_TAG };
	enum err e =
	    read_filter(c, "name", dimension_row(q->by)->first, q, out_why);

	for (unsigned i = 0; !e && i < sizeof(parts) / sizeof(parts[0]); i++)
		e = read_filter(c, part_name(parts[i]), parts[i], q, out_why);
	return e;
}

/* "7d" is the last seven days with today; "24h" is a moment. */
static enum err
read_since(const struct ctl_call *c, const struct zone *zone, int64_t now,
    int64_t *out, struct why *out_why)
{
	struct str s = ctl_text(c, "since");
	uint32_t day;
	enum err e;

	if (!s.len)
		s = STR("today");
	e = ctl_read_when(s, now, false, "since", out, out_why);
	if (e || (s.at[s.len - 1] != 'd' && s.at[s.len - 1] != 'w'))
		return e;
	day = zone_begin(zone, PERIOD_DAY, minute_of_ms(*out));
	*out = (int64_t)zone_next(zone, PERIOD_DAY, day) * 60000;
	return OK;
}

/* A day is meant with all of it. */
static bool
is_day(struct str s)
{
	return str_eq(s, STR("today")) || str_eq(s, STR("yesterday")) ||
	    (s.len == 10 && s.at[4] == '-');
}

static enum err
read_until(const struct ctl_call *c, const struct zone *zone, int64_t now,
    int64_t *out, struct why *out_why)
{
	struct str s = ctl_text(c, "until");
	enum err e;

	if (!s.len)
		return OK;
	e = ctl_read_when(s, now, false, "until", out, out_why);
	if (!e && is_day(s))
		*out =
		    (int64_t)zone_next(zone, PERIOD_DAY, minute_of_ms(*out)) *
		    60000;
	return e;
}

static enum err
read_cursor(const struct ctl_call *c, struct usage_query *q,
    struct why *out_why)
{
	ptrdiff_t dot = str_find(c->cursor, STR("."));
	uint64_t minute, skip;

	if (!c->cursor.len)
		return OK;
	if (dot < 0 || str_u64(str_first(c->cursor, (size_t)dot), &minute) ||
	    str_u64(str_skip(c->cursor, (size_t)dot + 1), &skip) ||
	    minute >= ZONE_NEVER)
		return why_set(out_why, ERR_VALUE, "cursor", "no such page");
	q->skip = skip;
	if (q->per != PERIOD_TOTAL)
		q->page_ms = (int64_t)minute * 60000;
	return OK;
}

static enum err
read_top(const struct ctl_call *c, struct usage_query *q, struct why *out_why)
{
	int64_t top = ctl_number(c, "top");

	if (top < 0 || top > 100000 || (!top && ctl_has(c, "top")))
		return why_set(out_why, ERR_VALUE, "top",
		    "say how many of the largest");
	q->top = (unsigned)top;
	return OK;
}

/* A range that nothing can be in was not meant. */
static enum err
check_range(const struct ctl_call *c, int64_t now, int64_t since, int64_t until,
    struct why *out_why)
{
	if (ctl_text(c, "until").len && until <= since)
		return why_set(out_why, ERR_VALUE, "until",
		    "the end is before the beginning");
	if (since > now)
		return why_set(out_why, ERR_VALUE, "since",
		    "the beginning lies in the future");
	return OK;
}

static enum err
read_question(const struct ctl_call *c, struct question *out,
    struct why *out_why)
{
	struct usage_query *q = &out->q;
	int64_t now = clock_wall_ms();
	enum err e = read_by(c, q, out_why);

	if (!e)
		e = read_since(c, out->zone, now, &q->since_ms, out_why);
	if (!e)
		e = read_until(c, out->zone, now, &q->until_ms, out_why);
	if (!e)
		e = check_range(c, now, q->since_ms, q->until_ms, out_why);
	if (!e)
		e = read_filters(c, q, out_why);
	if (!e)
		e = narrow_to_own(out, out_why);
	if (!e)
		e = read_top(c, q, out_why);
	if (!e)
		e = read_cursor(c, q, out_why);
	q->limit = c->limit + 1;
	q->want_total = true;
	return e ? e : usage_query_check(q, out_why);
}

void
ctl_usage_show(struct ctl_call *c)
{
	struct question *q = xcalloc(1, sizeof(*q));
	struct why why;
	enum err e;

	q->call = c;
	q->zone = ledger_zone(c->daemon->ledger);
	e = read_question(c, q, &why);
	if (!e) {
		ledger_usage(c->daemon->ledger, &q->q, on_usage, q);
		return;
	}
	ctl_refuse(c, e, &why);
	question_free(q);
}

/* --- receipts -------------------------------------------------------------- */

static void
on_receipts(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more)
{
	struct ctl_call *c = arg;
	char next[ULID_TEXT + 1] = "";
	size_t n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '[');
	for (; n < count && ctl_has_room(c, (unsigned)n); n++)
		ctl_put_receipt(&c->out, &rows[n].id, &rows[n].rec,
		    key_name(c, rows[n].rec.key_id));
	json_close(&c->out, ']');
	if (n > 0 && (more || n < count))
		ulid_text(&rows[n - 1].id, next);
	ctl_answer(c, 0, str_of(next));
}

static const uint8_t no_random[10];

static enum err
read_span(const struct ctl_call *c, struct receipts_query *q,
    struct why *out_why)
{
	struct str since = ctl_text(c, "since"), until = ctl_text(c, "until");
	int64_t now = clock_wall_ms(), ms = 0, end = now;
	enum err e = OK;

	if (since.len) {
		e = ctl_read_when(since, now, false, "since", &ms, out_why);
		if (!e)
			q->since = ulid_make(ms, no_random);
	}
	if (!e && until.len) {
		e = read_until(c, ledger_zone(c->daemon->ledger), now, &end,
		    out_why);
		if (!e)
			q->before = ulid_make(end, no_random);
	}
	if (!e)
		e = check_range(c, now, ms, end, out_why);
	if (!e && c->cursor.len && ulid_read(c->cursor, &q->before))
		e = why_set(out_why, ERR_VALUE, "cursor", "no such page");
	return e;
}

/* Said and empty are those that have none. */
static struct str
if_said(const struct ctl_call *c, const char *name)
{
	struct str s = ctl_text(c, name);

	if (!ctl_has(c, name))
		return (struct str){ .at = NULL };
	return s.len ? s : STR("");
}

static enum err
read_outcome(const struct ctl_call *c, int *out, struct why *out_why)
{
	struct str said = ctl_text(c, "outcome");
	struct buf all;
	enum err e;

	if (!said.len)
		return OK;
	for (int i = 0; i < OUTCOME_COUNT; i++)
		if (str_eq(said, str_of(outcome_name((uint64_t)i)))) {
			*out = i + 1;
			return OK;
		}
	buf_init(&all, 1024);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		buf_mustf(&all, "%s%s", i ? ", " : "",
		    outcome_name((uint64_t)i));
	e = why_set(out_why, ERR_VALUE, "outcome", "there are %s",
	    buf_cstr(&all));
	buf_fini(&all);
	return e;
}

void
ctl_receipt_list(struct ctl_call *c)
{
	struct receipts_query q = { .limit = c->limit };
	struct str key = ctl_text(c, "key"), *keys = NULL;
	struct why why;
	enum err e = read_span(c, &q, &why);

	if (!e && key.len)
		e = find_key_id(c, key, &q.key_id, &why);
	else if (!e && c->peer.role == CTL_SELF)
		q.keys = keys = own_keys(c, &q.key_count);
	else if (!e && ctl_has(c, "key"))
		q.key_id = STR("");
	if (!e)
		e = read_outcome(c, &q.outcome, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		free(keys);
		return;
	}
	q.account = if_said(c, "account");
	q.model = if_said(c, "model");
	q.client = if_said(c, "client");
	q.user = if_said(c, "user");
	q.tag = if_said(c, "tag");
	ledger_receipts(c->daemon->ledger, &q, on_receipts, c);
	free(keys);
}
