/* SPDX-License-Identifier: MIT */
/* budget.c - limits: reserved before a request is sent, settled when it ends.
 *
 * Owns budgets, and what keys and accounts remember of them. */
#include "relayd/budget.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/group.h"
#include "relayd/habit.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/spent.h"

/* "account:" and a name; longer ones are no budget's subject. */
#define SUBJECT_MAX 320

/* --- all of them ----------------------------------------------------------- */

void
budgets_init(struct budgets *all, struct loop *l, struct store *s,
    const struct zone *z)
{
	uint8_t seed[MAP_SEED];

	*all = (struct budgets){
		.store = s, .loop = l, .zone = z, .generation = 1
	};
	TAILQ_INIT(&all->list);
	randombytes_buf(seed, sizeof(seed));
	map_init(&all->by_id, seed);
	map_init(&all->by_subject, seed);
	if (l)
		all->steady_base_ms = clock_wall_ms() - loop_ms(l);
}

static void
budget_free(struct budget *b)
{
	free(b->blob);
	free(b);
}

void
budgets_fini(struct budgets *all)
{
	struct reservation *r;
	struct budget *b;

	while ((r = all->spare)) {
		all->spare = r->next;
		buf_fini(&r->text);
		free(r);
	}
	while ((b = TAILQ_FIRST(&all->list))) {
		TAILQ_REMOVE(&all->list, b, link);
		budget_free(b);
	}
	map_fini(&all->by_id);
	map_fini(&all->by_subject);
}

void
budgets_use_zone(struct budgets *all, const struct zone *z)
{
	struct budget *b;

	all->zone = z;
	TAILQ_FOREACH (b, &all->list, link)
		b->zone = z;
	budgets_note_room(all);
}

void
budgets_note_room(struct budgets *all)
{
	if (all->on_room)
		all->on_room(all->on_room_arg);
}

struct budget_now
budgets_now(const struct budgets *all)
{
	return (struct budget_now){ .wall_ms = clock_wall_ms(),
		.steady_ms = loop_ms(all->loop) + all->steady_base_ms };
}

struct budget *
budgets_find(const struct budgets *all, struct str id)
{
	return map_get(&all->by_id, id);
}

struct subject {
	char text[SUBJECT_MAX];
	size_t len;
};

/* False: no budget has such a subject. */
static bool
subject_of(enum budget_scope s, struct str name, struct subject *out)
{
	int n = snprintf(out->text, sizeof(out->text), "%s:%.*s",
	    budget_scope_word(s), STR_ARG(name));

	out->len = (size_t)n;
	return n > 0 && out->len < sizeof(out->text);
}

static void
index_add(struct budgets *all, struct budget *b)
{
	struct subject s;
	struct str key;

	b->next_same = NULL;
	if (budget_scope_is_upstream(b->scope)) {
		all->upstream_count++;
		return;
	}
	if (!subject_of(b->scope, b->rec.subject, &s))
		return;
	key = str_at(s.text, s.len);
	b->next_same = map_get(&all->by_subject, key);
	map_set(&all->by_subject, key, b);
}

void
budgets_insert(struct budgets *all, struct budget *b)
{
	struct budget *before = TAILQ_LAST(&all->list, budget_list);

	/* At the start they come in order. */
	while (before && str_cmp(before->rec.id, b->rec.id) > 0)
		before = TAILQ_PREV(before, budget_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&all->list, before, b, link);
	else
		TAILQ_INSERT_HEAD(&all->list, b, link);
	all->count++;
	map_set(&all->by_id, b->rec.id, b);
	index_add(all, b);
	all->generation++;
}

void
budgets_index(struct budgets *all)
{
	struct budget *b;
	size_t at = 0;
	struct str key;

	while (map_next(&all->by_subject, &at, &key, NULL))
		map_del(&all->by_subject, key);
	all->upstream_count = 0;
	TAILQ_FOREACH (b, &all->list, link)
		index_add(all, b);
	all->generation++;
}

void
budgets_remove(struct budgets *all, struct budget *b)
{
	map_del(&all->by_id, b->rec.id);
	TAILQ_REMOVE(&all->list, b, link);
	all->count--;
	budgets_index(all);
	b->deleted = true;
	if (!b->users)
		budget_free(b);
	budgets_note_room(all);
}

enum err
budget_adopt(struct budget *b, const struct zone *z, char *take_blob,
    size_t len)
{
	struct budget_rec rec;
	struct why why;
	enum err e = budget_rec_read(str_at(take_blob, len), &rec);

	if (!e)
		e = budget_check(&rec, &why);
	if (!e)
		e = budget_scope_read(rec.scope, &b->scope);
	if (!e)
		e = budget_unit_read(rec.unit, &b->unit);
	if (!e)
		e = budget_action_read(rec.action, &b->action);
	if (!e)
		e = cycle_read(rec.window, &b->window, &why);
	if (e) {
		free(take_blob);
		return e;
	}
	/* What was told of another amount may have to be told again. */
	if (b->blob && b->rec.amount != rec.amount)
		b->told = 0;
	free(b->blob);
	b->zone = z;
	b->blob = take_blob;
	b->rec = rec;
	return OK;
}

/* --- windows --------------------------------------------------------------- */

static int64_t
eighth_ms(const struct budget *b)
{
	return b->window.length_ms / BUDGET_EIGHTHS;
}

static void
begin_anew(struct budget *b, int64_t begin_ms, int64_t end_ms)
{
	b->begin_ms = begin_ms;
	b->end_ms = end_ms;
	b->used = b->reserved = 0;
	b->told = 0;
}

/* The highest step that so much is at or above. */
static unsigned
percent_of(const struct budget *b, int64_t used)
{
	int64_t amount = b->rec.amount;

	if (amount <= 0 || used < amount - amount / 5)
		return 0;
	return used >= amount ? 100 : used >= amount - amount / 10 ? 90 : 80;
}

/* An eighth is given back when all of it is older than the window. */
static void
slide(struct budget *b, int64_t steady_ms)
{
	int64_t width = eighth_ms(b), now = steady_ms / width;

	if (b->begin_ms == now * width)
		return;
	b->begin_ms = now * width;
	for (int i = 0; i <= BUDGET_EIGHTHS; i++) {
		if (!b->eighth[i].at_ms ||
		    b->eighth[i].at_ms / width + BUDGET_EIGHTHS >= now)
			continue;
		b->used -= b->eighth[i].used;
		b->eighth[i].at_ms = b->eighth[i].used = 0;
	}
	if (percent_of(b, b->used) < b->told)
		b->told = percent_of(b, b->used);
}

static void
turn(struct budget *b, struct budget_now now)
{
	int64_t begin, end;

	switch (b->window.kind) {
	case CYCLE_HOUR:
	case CYCLE_DAY:
	case CYCLE_WEEK:
	case CYCLE_MONTH:
		/* A wall clock that is set back ends no window early. */
		if (now.wall_ms < b->end_ms)
			return;
		cycle_span(&b->window, b->zone, now.wall_ms, &begin, &end);
		begin_anew(b, begin, end);
		return;
	case CYCLE_FIRST:
		if (b->begin_ms && now.steady_ms >= b->end_ms)
			begin_anew(b, 0, 0);
		return;
	case CYCLE_SLIDING:
		slide(b, now.steady_ms);
		return;
	case CYCLE_LIFE:
		return;
	}
}

/* Does what was reserved at that moment still count against it? */
static bool
counts(const struct budget *b, int64_t at_ms)
{
	return b->window.kind == CYCLE_SLIDING ||
	    b->window.kind == CYCLE_LIFE || b->begin_ms == at_ms;
}

static void
charge_to(struct budget *b, int64_t at_ms, int64_t amount)
{
	int64_t width, nr;
	int slot;

	if (!counts(b, at_ms))
		return;
	if (b->window.kind == CYCLE_SLIDING) {
		width = eighth_ms(b);
		nr = at_ms / width;
		if (nr + BUDGET_EIGHTHS < b->begin_ms / width)
			return;
		slot = (int)(nr % (BUDGET_EIGHTHS + 1));
		b->eighth[slot].at_ms = at_ms;
		b->eighth[slot].used += amount;
	}
	b->used += amount;
}

void
budget_recall(struct budget *b, int64_t at_ms, int64_t sum,
    struct budget_now now)
{
	int64_t width;

	turn(b, now);
	if (b->window.kind == CYCLE_FIRST) {
		/* Rows come oldest first. */
		if (at_ms + b->window.length_ms <= now.steady_ms)
			return;
		begin_anew(b, at_ms, at_ms + b->window.length_ms);
	} else if (b->window.kind == CYCLE_SLIDING) {
		width = eighth_ms(b);
		/* Of a clock that was ahead. */
		if (at_ms > b->begin_ms)
			at_ms = b->begin_ms;
		at_ms -= at_ms % width;
	} else if (cycle_is_calendar(&b->window) && at_ms > b->begin_ms) {
		/* Of a window that began by the clock of another zone. */
		at_ms = b->begin_ms;
	}
	charge_to(b, at_ms, sum);
	b->told = percent_of(b, b->used);
}

/* Where a request of now is charged. */
static int64_t
place_of(struct budget *b, struct budget_now now)
{
	if (b->window.kind == CYCLE_LIFE)
		return 0;
	if (b->window.kind == CYCLE_FIRST && !b->begin_ms)
		begin_anew(b, now.steady_ms,
		    now.steady_ms + b->window.length_ms);
	return b->begin_ms;
}

static int64_t
to_wall(int64_t steady_ms, struct budget_now now)
{
	return steady_ms - now.steady_ms + now.wall_ms;
}

/* When enough of a sliding window is given back. */
static int64_t
slid_at(const struct budget *b, int64_t asked, struct budget_now now)
{
	int64_t width = eighth_ms(b), nr = b->begin_ms / width;
	int64_t over = b->used + b->reserved + asked - b->rec.amount;

	for (int64_t n = nr - BUDGET_EIGHTHS; n <= nr; n++) {
		int slot = (int)(n % (BUDGET_EIGHTHS + 1));

		if (b->eighth[slot].at_ms)
			over -= b->eighth[slot].used;
		if (over <= 0)
			return to_wall((n + BUDGET_EIGHTHS + 1) * width, now);
	}
	/* The rest is reserved, and ends with the requests under way. */
	return 0;
}

/* When it passes what is asked, wall clock; 0: never, or unknown. */
static int64_t
resets_at(const struct budget *b, int64_t asked, struct budget_now now)
{
	if (asked > b->rec.amount || b->window.kind == CYCLE_LIFE)
		return 0;
	if (b->window.kind == CYCLE_SLIDING)
		return slid_at(b, asked, now);
	if (b->window.kind == CYCLE_FIRST)
		return b->begin_ms ? to_wall(b->end_ms, now) : 0;
	return b->end_ms;
}

/* --- what applies to whom -------------------------------------------------- */

void
budget_set_free(struct budget_set *s)
{
	if (!s)
		return;
	habit_free(s->habit);
	free(s);
}

static void
set_add(struct budget_set *s, struct budget *b)
{
	if (s->count == BUDGET_SET_MAX) {
		log_note(LOG_ERROR, "budget",
		    "more than %d budgets for one: %.*s does not count",
		    BUDGET_SET_MAX, STR_ARG(b->rec.id));
		return;
	}
	s->at[s->count++] = b;
}

static void
set_add_subject(struct budgets *all, struct budget_set *s,
    enum budget_scope scope, struct str name)
{
	struct subject key;
	struct budget *b;

	if (!subject_of(scope, name, &key))
		return;
	for (b = map_get(&all->by_subject, str_at(key.text, key.len)); b;
	     b = b->next_same)
		set_add(s, b);
}

/* What it was looked up for is not what it was: begin with an empty one. */
static struct budget_set *
set_renew(struct budgets *all, struct budget_set **io, uint64_t rev)
{
	struct budget_set *s = *io;

	if (!s)
		s = *io = xcalloc(1, sizeof(*s));
	s->generation = all->generation;
	s->rev = rev;
	s->count = 0;
	return s;
}

static bool
is_fresh(const struct budgets *all, const struct budget_set *s, uint64_t rev)
{
	return s && s->generation == all->generation && s->rev == rev;
}

const struct budget_set *
budgets_of_key(struct budgets *all, struct apikey *k)
{
	struct str tags = k->rec.tags, tag;
	struct budget_set *s;

	if (!all->count)
		return NULL;
	if (is_fresh(all, k->budgets, k->rec.rev))
		return k->budgets;
	s = set_renew(all, &k->budgets, k->rec.rev);
	set_add_subject(all, s, BUDGET_KEY, k->rec.id);
	set_add_subject(all, s, BUDGET_ALL, STR(""));
	if (k->rec.owner.len)
		set_add_subject(all, s, BUDGET_USER, k->rec.owner);
	while (str_list_next(&tags, &tag))
		set_add_subject(all, s, BUDGET_TAG, tag);
	if (s->count && !s->habit)
		s->habit = habit_new();
	return s;
}

static bool
is_of_account(const struct budgets *all, const struct budget *b,
    const struct account *a)
{
	const struct group *g = NULL;

	if (b->scope == BUDGET_ACCOUNT)
		return str_eq(b->rec.subject, a->rec.name);
	if (b->scope == BUDGET_PLATFORM)
		return str_glob(a->rec.kind, b->rec.subject);
	if (b->scope == BUDGET_GROUP && all->groups)
		g = group_find(all->groups, b->rec.subject);
	return g && group_member_of(g, a);
}

const struct budget_set *
budgets_of_account(struct budgets *all, struct account *a)
{
	struct budget_set *s;
	struct budget *b;

	if (!all->upstream_count)
		return NULL;
	if (is_fresh(all, a->budgets, a->rec.rev))
		return a->budgets;
	s = set_renew(all, &a->budgets, a->rec.rev);
	TAILQ_FOREACH (b, &all->list, link)
		if (is_of_account(all, b, a))
			set_add(s, b);
	return s;
}

static bool
covers(const struct budget *b, struct str model)
{
	return !b->rec.class.len || str_glob(model, b->rec.class);
}

/* --- reserve --------------------------------------------------------------- */

struct reservation *
reservation_new(struct budgets *all, struct str model)
{
	struct reservation *r = all->spare;

	if (r) {
		all->spare = r->next;
	} else {
		r = xcalloc(1, sizeof(*r));
		buf_init(&r->text, SPENT_TEXT_MAX);
	}
	r->next = NULL;
	r->model = model;
	r->count = r->key_count = 0;
	return r;
}

static void
alert(struct budgets *all, struct budget *b, unsigned percent)
{
	if (percent <= b->told)
		return;
	b->told = percent;
	if (all->alert)
		all->alert(all->alert_arg, b, percent);
}

/* What must be left of it for the request.  Of money at least the smallest
 * coin: what costs nothing may be a model whose price is not known, and that is
 * no way past a budget that is used up. */
static int64_t
least_of(const struct budget *b, const struct budget_need *need)
{
	int64_t asked = need->of[b->unit];

	return asked == 0 && budget_unit_is_money(b->unit) ? 1 : asked;
}

/* Is there room for so much more? */
static bool
fits(const struct budget *b, int64_t asked)
{
	return asked == 0 || b->used + b->reserved + asked <= b->rec.amount;
}

static void
hold(struct reservation *r, struct budget *b, struct budget_now now)
{
	struct budget_hold *h = &r->hold[r->count++];

	h->b = b;
	h->at_ms = place_of(b, now);
	h->amount = r->need.of[b->unit];
	b->reserved += h->amount;
	b->users++;
}

bool
reservation_take_key(struct budgets *all, struct reservation *r,
    const struct budget_set *of, struct budget_now now,
    struct budget_refusal *out)
{
	for (unsigned i = 0; i < of->count; i++) {
		struct budget *b = of->at[i];
		int64_t asked = least_of(b, &r->need);

		if (!covers(b, r->model))
			continue;
		turn(b, now);
		if (b->action == BUDGET_WARN || fits(b, asked))
			continue;
		*out = (struct budget_refusal){ .b = b,
			.amount = b->rec.amount,
			.used = b->used,
			.reserved = b->reserved,
			.asked = asked,
			.resets_at_ms = resets_at(b, asked, now) };
		alert(all, b, BUDGET_REFUSED);
		return false;
	}
	for (unsigned i = 0; i < of->count; i++)
		if (covers(of->at[i], r->model))
			hold(r, of->at[i], now);
	r->key_count = r->count;
	return true;
}

/* Give back what is reserved. */
static void
release(struct budget_hold *h)
{
	struct budget *b = h->b;

	if (counts(b, h->at_ms))
		b->reserved -= h->amount;
	assert(b->reserved >= 0 && b->users > 0);
	b->users--;
	if (b->deleted && !b->users)
		budget_free(b);
}

void
reservation_take_account(struct budgets *all, struct reservation *r,
    const struct budget_set *of, struct budget_now now)
{
	(void)all;
	while (r->count > r->key_count)
		release(&r->hold[--r->count]);
	for (unsigned i = 0; of && i < of->count; i++) {
		if (!covers(of->at[i], r->model))
			continue;
		turn(of->at[i], now);
		hold(r, of->at[i], now);
	}
}

struct str
reservation_text(struct reservation *r)
{
	buf_clear(&r->text);
	for (unsigned i = 0; i < r->count; i++) {
		const struct budget_hold *h = &r->hold[i];
		struct spent_charge c = { .id = h->b->rec.id,
			.at_ms = h->at_ms,
			.unit = h->b->unit };
		enum err e = spent_put(&r->text, &c);

		/* There is room for as many as there can be. */
		assert(e == OK);
	}
	return buf_str(&r->text);
}

void
reservation_settle(struct budgets *all, struct reservation *r,
    const struct budget_need *truth, struct budget_now now)
{
	bool holds = false;

	for (unsigned i = 0; i < r->count; i++) {
		struct budget_hold *h = &r->hold[i];
		struct budget *b = h->b;

		holds = holds || b->action == BUDGET_HOLD;
		turn(b, now);
		if (truth)
			charge_to(b, h->at_ms, spent_clamp(truth->of[b->unit]));
		if (!b->deleted)
			alert(all, b, percent_of(b, b->used));
		release(h);
	}
	r->count = r->key_count = 0;
	r->next = all->spare;
	all->spare = r;
	if (holds)
		budgets_note_room(all);
}

int64_t
budgets_hold_until(struct budgets *all, struct account *a, struct str model,
    const struct budget_need *need, struct budget_now now)
{
	const struct budget_set *of = budgets_of_account(all, a);
	int64_t until = 0, at;

	for (unsigned i = 0; of && i < of->count; i++) {
		struct budget *b = of->at[i];
		int64_t asked = least_of(b, need);

		if (b->action != BUDGET_HOLD || !covers(b, model))
			continue;
		turn(b, now);
		if (fits(b, asked))
			continue;
		alert(all, b, BUDGET_REFUSED);
		at = resets_at(b, asked, now);
		if (!at)
			at = INT64_MAX;
		if (at > until)
			until = at;
	}
	return until;
}

/* --- looking --------------------------------------------------------------- */

void
budget_look(struct budget *b, struct budget_now now, struct budget_view *out)
{
	turn(b, now);
	*out = (struct budget_view){ .b = b,
		.amount = b->rec.amount,
		.used = b->used,
		.reserved = b->reserved };
	if (cycle_is_calendar(&b->window)) {
		out->begin_ms = b->begin_ms;
		out->end_ms = b->end_ms;
	} else if (b->window.kind == CYCLE_FIRST && b->begin_ms) {
		out->begin_ms = to_wall(b->begin_ms, now);
		out->end_ms = to_wall(b->end_ms, now);
	}
}

bool
budgets_view_key(struct budgets *all, struct apikey *k, unsigned i,
    struct budget_now now, struct budget_view *out)
{
	const struct budget_set *of = budgets_of_key(all, k);

	if (!of || i >= of->count)
		return false;
	budget_look(of->at[i], now, out);
	return true;
}
