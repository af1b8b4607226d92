/* SPDX-License-Identifier: MIT */
/* figures.c - what was used with one key: asked for together, kept a moment.
 *
 * An entry is one key's.  It lives while somebody waits for it, reads it, or
 * it is fresh; a timer takes away what is none of these. */
#include "relayd/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/loop.h"

TAILQ_HEAD(figures_waits, figures_wait);

/* What is asked of the ledger, one after the other. */
enum question {
	ASK_DAYS,	/* of the month, or of the last FIGURES_DAYS */
	ASK_MODELS,	/* of all time */
	ASK_MODEL_DAYS, /* of the month */
	ASK_TOTAL,	/* last: it is never less than its parts */
	QUESTIONS
};
_Static_assert(QUESTIONS == FIGURES_QUESTIONS, "as the header says");

enum entry_state {
	ENTRY_IDLE,   /* nothing is known, or it has failed */
	ENTRY_QUEUED, /* for its turn at the store */
	ENTRY_BUSY,
	ENTRY_KNOWN,
};

struct figures_entry {
	TAILQ_ENTRY(figures_entry) link; /* while queued */
	struct figures_desk *desk;
	struct figures_waits waits; /* who was not told yet */
	struct figures known;
	struct figures *next; /* while it is busy */
	int64_t known_ms;
	uint32_t since_day; /* what the first question begins with */
	uint32_t month_day; /* the first of the month */
	uint32_t today;
	enum entry_state state;
	enum question asks;
	unsigned users; /* between figures_ask() and figures_leave() */
	char key_id[16];
};

TAILQ_HEAD(figures_queue, figures_entry);

struct figures_desk {
	struct daemon *d;
	struct map entries; /* by key's id */
	struct figures_queue queue;
	struct timer sweep;
	unsigned busy;
	uint64_t questions;
};

static void serve_queue(struct figures_desk *desk);

/* --- the days -------------------------------------------------------------- */

static uint32_t
first_of_month(uint32_t day)
{
	time_t t = (time_t)day * 86400;
	struct tm tm;

	gmtime_r(&t, &tm);
	return day - (uint32_t)(tm.tm_mday - 1);
}

static void
write_date(uint32_t day, char out[11])
{
	time_t t = (time_t)day * 86400;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 11, "%Y-%m-%d", &tm);
}

static void
choose_days(struct figures_entry *e)
{
	uint32_t today = zone_day(ledger_zone(e->desk->d->ledger),
	    minute_of_ms(clock_wall_ms()));

	e->next = xcalloc(1, sizeof(*e->next));
	e->today = today;
	for (unsigned i = 0; i < FIGURES_DAYS; i++)
		write_date(today - (FIGURES_DAYS - 1) + i, e->next->dates[i]);
	e->month_day = first_of_month(today);
	e->since_day = today - (FIGURES_DAYS - 1);
	if (e->month_day < e->since_day)
		e->since_day = e->month_day;
}

static void
take_day(struct figures_entry *e, const struct usage_row *row)
{
	uint32_t day = zone_day(ledger_zone(e->desk->d->ledger), row->minute);
	struct figures *f = e->next;

	if (day >= e->month_day)
		rollup_add(&f->month, &row->sum);
	if (day + FIGURES_DAYS > e->today && day <= e->today)
		rollup_add(&f->days[day + FIGURES_DAYS - 1 - e->today],
		    &row->sum);
}

static void
take_model(struct figures_entry *e, const struct usage_row *row)
{
	struct figures *f = e->next;
	struct figures_model *m = &f->models[f->models_count];

	/* What was refused has no model. */
	if (f->models_count == FIGURES_MODELS || !row->model.len)
		return;
	snprintf(m->name, sizeof(m->name), "%.*s", STR_ARG(row->model));
	m->total = row->sum;
	f->models_count++;
}

static void
take_model_day(struct figures_entry *e, const struct usage_row *row)
{
	uint32_t day = zone_day(ledger_zone(e->desk->d->ledger), row->minute);
	struct figures *f = e->next;

	for (unsigned i = 0; i < f->models_count; i++) {
		struct figures_model *m = &f->models[i];

		if (!str_eq(str_of(m->name), row->model))
			continue;
		rollup_add(&m->month, &row->sum);
		if (day == e->today)
			rollup_add(&m->today, &row->sum);
	}
}

static void
take_row(struct figures_entry *e, const struct usage_row *row)
{
	switch (e->asks) {
	case ASK_DAYS:
		take_day(e, row);
		break;
	case ASK_MODELS:
		take_model(e, row);
		break;
	case ASK_MODEL_DAYS:
		take_model_day(e, row);
		break;
	case ASK_TOTAL:
		rollup_add(&e->next->total, &row->sum);
		break;
	case QUESTIONS:
		break;
	}
}

/* --- asking ---------------------------------------------------------------- */

static bool
is_fresh(const struct figures_entry *e)
{
	return e->state == ENTRY_KNOWN &&
	    loop_ms(e->desk->d->loop) < e->known_ms + FIGURES_FRESH_MS;
}

static void
tell(struct figures_entry *e, enum err err)
{
	struct figures_wait *w;

	while ((w = TAILQ_FIRST(&e->waits))) {
		TAILQ_REMOVE(&e->waits, w, link);
		w->is_told = true;
		w->done(w->arg, err);
	}
}

static void
end_asking(struct figures_entry *e, enum err err)
{
	struct figures_desk *desk = e->desk;

	desk->busy--;
	e->state = ENTRY_IDLE;
	if (!err) {
		e->state = ENTRY_KNOWN;
		e->known = *e->next;
		e->known_ms = loop_ms(desk->d->loop);
	}
	free(e->next);
	e->next = NULL;
	tell(e, err);
	serve_queue(desk);
}

static void on_rows(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a);

static int64_t
day_ms(const struct figures_entry *e, uint32_t day)
{
	return (int64_t)zone_day_begin(ledger_zone(e->desk->d->ledger), day) *
	    60000;
}

static void
ask_next(struct figures_entry *e)
{
	struct usage_query q = { .by = DIMENSION_KEY,
		.key = str_of(e->key_id) };

	switch (e->asks) {
	case ASK_DAYS:
		q.per = PERIOD_DAY;
		q.since_ms = day_ms(e, e->since_day);
		break;
	case ASK_MODELS:
		q.by = DIMENSION_KEY_MODEL;
		q.top = FIGURES_MODELS;
		break;
	case ASK_MODEL_DAYS:
		q.by = DIMENSION_KEY_MODEL;
		q.per = PERIOD_DAY;
		q.since_ms = day_ms(e, e->month_day);
		break;
	case ASK_TOTAL:
		break;
	case QUESTIONS:
		end_asking(e, OK);
		return;
	}
	e->desk->questions++;
	ledger_usage(e->desk->d->ledger, &q, on_rows, e);
}

static void
on_rows(void *arg, enum err err, const struct why *why,
    const struct usage_answer *a)
{
	struct figures_entry *e = arg;

	if (err) {
		log_note(LOG_WARN, "figures", "of key %s: %s", e->key_id,
		    why->text);
		end_asking(e, err);
		return;
	}
	for (size_t i = 0; i < a->count; i++)
		take_row(e, &a->rows[i]);
	e->next->is_moving = e->next->is_moving || a->is_moving;
	e->asks++;
	ask_next(e);
}

static void
serve_queue(struct figures_desk *desk)
{
	struct figures_entry *e;

	while (desk->busy < FIGURES_BUSY_MAX &&
	    (e = TAILQ_FIRST(&desk->queue))) {
		TAILQ_REMOVE(&desk->queue, e, link);
		e->state = ENTRY_IDLE;
		/* Who wanted it may have left. */
		if (TAILQ_EMPTY(&e->waits))
			continue;
		e->state = ENTRY_BUSY;
		e->asks = ASK_DAYS;
		desk->busy++;
		choose_days(e);
		ask_next(e);
	}
}

/* --- entries --------------------------------------------------------------- */

static void
on_sweep(void *arg)
{
	struct figures_desk *desk = arg;
	size_t at = 0;
	struct str key;
	void *it;

	while (map_next(&desk->entries, &at, &key, &it)) {
		struct figures_entry *e = it;

		if (e->users || e->state == ENTRY_QUEUED ||
		    e->state == ENTRY_BUSY || is_fresh(e))
			continue;
		map_del(&desk->entries, key);
		free(e);
	}
	if (map_count(&desk->entries))
		timer_set(desk->d->loop, &desk->sweep,
		    loop_ms(desk->d->loop) + FIGURES_FRESH_MS);
}

static struct figures_entry *
entry_of(struct figures_desk *desk, struct str key_id)
{
	struct figures_entry *e = map_get(&desk->entries, key_id);

	if (e)
		return e;
	if (map_count(&desk->entries) >= FIGURES_KEYS_MAX)
		return NULL;
	e = xcalloc(1, sizeof(*e));
	e->desk = desk;
	TAILQ_INIT(&e->waits);
	if (key_id.len >= sizeof(e->key_id)) {
		free(e);
		return NULL;
	}
	memcpy(e->key_id, key_id.at, key_id.len);
	if (!map_count(&desk->entries))
		timer_set(desk->d->loop, &desk->sweep,
		    loop_ms(desk->d->loop) + FIGURES_FRESH_MS);
	map_set(&desk->entries, key_id, e);
	return e;
}

enum err
figures_ask(struct figures_desk *desk, struct str key_id,
    struct figures_wait *w)
{
	struct figures_entry *e = entry_of(desk, key_id);

	if (!e)
		return ERR_FULL;
	e->users++;
	w->of = e;
	w->is_told = is_fresh(e);
	if (w->is_told)
		return OK;
	TAILQ_INSERT_TAIL(&e->waits, w, link);
	if (e->state == ENTRY_IDLE || e->state == ENTRY_KNOWN) {
		e->state = ENTRY_QUEUED;
		TAILQ_INSERT_TAIL(&desk->queue, e, link);
		serve_queue(desk);
	}
	return ERR_AGAIN;
}

const struct figures *
figures_of(const struct figures_wait *w)
{
	return &w->of->known;
}

void
figures_leave(struct figures_wait *w)
{
	struct figures_entry *e = w->of;

	if (!e)
		return;
	if (!w->is_told)
		TAILQ_REMOVE(&e->waits, w, link);
	e->users--;
	w->of = NULL;
}

/* --- birth and death ------------------------------------------------------- */

void
figures_new(struct daemon *d, struct figures_desk **out)
{
	struct figures_desk *desk = xcalloc(1, sizeof(*desk));
	uint8_t seed[MAP_SEED];

	desk->d = d;
	randombytes_buf(seed, sizeof(seed));
	map_init(&desk->entries, seed);
	TAILQ_INIT(&desk->queue);
	timer_init(&desk->sweep, on_sweep, desk);
	*out = desk;
}

void
figures_free(struct figures_desk *desk)
{
	size_t at = 0;
	void *it;

	if (!desk)
		return;
	timer_clear(desk->d->loop, &desk->sweep);
	while (map_next(&desk->entries, &at, NULL, &it))
		free(it);
	map_fini(&desk->entries);
	free(desk);
}

uint64_t
figures_questions(const struct figures_desk *desk)
{
	return desk->questions;
}

size_t
figures_kept(const struct figures_desk *desk)
{
	return map_count(&desk->entries);
}
