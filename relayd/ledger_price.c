/* SPDX-License-Identifier: MIT */
/* ledger_price.c - questions about the cost of receipts, and pricing them
 * anew.
 *
 * As in ledger_query.c a long question goes in pieces.  A piece that writes
 * puts its receipts and their sums into one transaction, so the two agree
 * after every piece; what is folded in between has its price already. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/journal.h"
#include "store/store.h"

#include "relayd/charge.h"
#include "relayd/keeping.h"
#include "relayd/ledger.h"
#include "relayd/receipt.h"

#define ROWS_MAX  16384
#define WRITE_MAX 1024 /* receipts that change in one transaction */

static const uint8_t zeros[10];

static struct str
id_key(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

/* --- pricing anew ---------------------------------------------------------- */

struct changed {
	struct ulid id;
	struct receipt_rec from, to; /* their strs are gone after the scan */
	size_t at, len;		     /* of the new one, in bytes */
};

struct recompute_job {
	struct job job;
	struct store *store;
	struct zones *zones;
	const struct price_table *prices; /* the caller holds it */
	bool apply;
	ledger_recompute_done *done;
	void *arg;

	struct ledger_recompute sum;
	struct ulid from;
	unsigned looked_at;
	bool more;
	enum err bad;
	struct buf bytes;
	struct changed changed[WRITE_MAX];
	unsigned count;
};

static bool
is_unpriced(const struct receipt_rec *r)
{
	return (r->flags & RECEIPT_UNPRICED) != 0;
}

static void
note_change(struct recompute_job *j, const struct ulid *id,
    const struct receipt_rec *from, const struct receipt_rec *to)
{
	struct changed *c = &j->changed[j->count++];

	*c = (struct changed){ .id = *id, .from = *from, .to = *to };
	c->at = buf_len(&j->bytes);
	j->bad = receipt_rec_write(to, &j->bytes);
	c->len = buf_len(&j->bytes) - c->at;
}

/* Nothing beyond so many models: the sums are of all. */
static void
note_model(struct ledger_recompute *s, const struct receipt_rec *from,
    const struct receipt_rec *to)
{
	struct str name = str_first(from->model, sizeof(s->models[0].name) - 1);
	struct recomputed_model *m = s->models;

	while (m < s->models + s->models_count &&
	    !str_eq(name, str_of(m->name)))
		m++;
	if (m == s->models + RECOMPUTE_MODELS)
		return;
	if (m == s->models + s->models_count) {
		s->models_count++;
		snprintf(m->name, sizeof(m->name), "%.*s", STR_ARG(name));
	}
	m->changed++;
	m->lost += is_unpriced(to) && !is_unpriced(from);
	m->difference_micro += to->cost_micro - from->cost_micro;
}

static void
recompute_one(struct recompute_job *j, const struct ulid *id,
    const struct receipt_rec *from)
{
	struct receipt_rec to = *from;
	struct ledger_recompute *s = &j->sum;

	/* The rates are those of that time, as who was asked was. */
	charge(&to, j->prices,
	    from->rate_ppm ? (int64_t)from->rate_ppm : PRICE_RATE_ONE);
	s->receipts++;
	s->cost_before_micro += from->cost_micro;
	s->cost_after_micro += to.cost_micro;
	s->rated_before_micro += from->rated_micro;
	s->rated_after_micro += to.rated_micro;
	s->unpriced_before += is_unpriced(from);
	s->unpriced_after += is_unpriced(&to);
	if (to.cost_micro == from->cost_micro &&
	    to.rated_micro == from->rated_micro &&
	    to.price_id == from->price_id && to.flags == from->flags)
		return;
	s->changed++;
	s->lost += is_unpriced(&to) && !is_unpriced(from);
	note_model(s, from, &to);
	if (j->apply)
		note_change(j, id, from, &to);
}

static bool
recompute_row(void *arg, struct str key, struct str value)
{
	struct recompute_job *j = arg;
	struct receipt_rec r;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		j->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (++j->looked_at > ROWS_MAX || j->count == WRITE_MAX) {
		j->more = true;
		j->from = id;
		return false;
	}
	j->bad = receipt_rec_read(value, &r);
	if (!j->bad)
		recompute_one(j, &id, &r);
	return !j->bad;
}

/* Under the names of the receipt as it was written. */
static enum err
write_one(const struct changed *c, struct str encoded, struct txn *t,
    struct booking *b)
{
	struct receipt_rec to, from;
	enum err e = receipt_rec_read(encoded, &to);

	if (e)
		return e;
	from = to;
	from.flags = c->from.flags;
	from.cost_micro = c->from.cost_micro;
	from.rated_micro = c->from.rated_micro;
	booking_add_price(b, &c->id, &from, &to);
	return txn_put(t, TABLE_receipt, id_key(&c->id), encoded);
}

static enum err
write_changes(struct recompute_job *j, struct txn *t)
{
	struct str all = buf_str(&j->bytes);
	struct booking b;
	enum err e = booking_begin(&b, t, j->zones);

	for (unsigned i = 0; !e && i < j->count; i++)
		e = write_one(&j->changed[i],
		    str_at(all.at + j->changed[i].at, j->changed[i].len), t,
		    &b);
	return booking_end(&b, t, e);
}

static enum err
recompute_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct recompute_job *j = (struct recompute_job *)job;
	enum err e;

	(void)out_why;
	j->looked_at = j->count = 0;
	j->more = false;
	buf_clear(&j->bytes);
	e = txn_scan(t, TABLE_receipt, id_key(&j->from), false, recompute_row,
	    j);
	if (!e)
		e = j->bad;
	if (!e && j->count)
		e = write_changes(j, t);
	return e;
}

static void
recompute_done(struct job *job)
{
	struct recompute_job *j = (struct recompute_job *)job;

	if (!job->result && j->more) {
		store_post(j->store, j->apply ? LANE_WRITE : LANE_READ, job);
		return;
	}
	j->done(j->arg, job->result, &job->why, &j->sum);
	buf_fini(&j->bytes);
	free(j);
}

void
ledger_recompute(struct ledger *l, const struct price_table *prices,
    int64_t from_ms, bool apply, ledger_recompute_done *done, void *arg)
{
	struct recompute_job *j = xcalloc(1, sizeof(*j));

	j->job.work = recompute_work;
	j->job.done = recompute_done;
	j->store = ledger_store(l);
	j->zones = ledger_zones(l);
	j->prices = prices;
	j->apply = apply;
	j->done = done;
	j->arg = arg;
	j->from = ulid_make(from_ms, zeros);
	buf_init(&j->bytes, WRITE_MAX * (size_t)(2 * JOURNAL_ENTRY_MAX));
	store_post(j->store, apply ? LANE_WRITE : LANE_READ, &j->job);
}

/* --- what was spent since a moment ----------------------------------------- */

/* From the next hour on it is in the sums; before that there are receipts. */
struct spent_job {
	struct job job;
	struct store *store;
	ledger_spent_done *done;
	void *arg;

	struct rollup_rec sum;
	struct ulid from, until;
	unsigned looked_at;
	bool more;
	enum err bad;
};

/* Of the hour whose beginning does not count. */
static bool
spent_receipt(void *arg, struct str key, struct str value)
{
	struct spent_job *j = arg;
	struct receipt_rec r;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		j->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (memcmp(&id, &j->until, sizeof(id)) >= 0)
		return false;
	if (++j->looked_at > ROWS_MAX) {
		j->more = true;
		j->from = id;
		return false;
	}
	j->bad = receipt_rec_read(value, &r);
	if (j->bad)
		return false;
	j->sum.requests++;
	j->sum.cost_micro += r.cost_micro;
	j->sum.rated_micro += r.rated_micro;
	j->sum.unpriced += is_unpriced(&r);
	return true;
}

static enum err
spent_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct spent_job *j = (struct spent_job *)job;
	enum err e;

	(void)out_why;
	j->looked_at = 0;
	j->more = false;
	e = txn_scan(t, TABLE_receipt, id_key(&j->from), false, spent_receipt,
	    j);
	return e ? e : j->bad;
}

static void
spent_end(struct spent_job *j, enum err e, const struct why *why)
{
	j->done(j->arg, e, why, &j->sum);
	free(j);
}

static void
spent_done(struct job *job)
{
	struct spent_job *j = (struct spent_job *)job;

	if (!job->result && j->more)
		store_post(j->store, LANE_READ, job);
	else
		spent_end(j, job->result, &job->why);
}

static void
spent_sums(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a)
{
	struct spent_job *j = arg;

	if (a->count)
		j->sum = a->rows[0].sum;
	if (e || memcmp(&j->from, &j->until, sizeof(j->from)) == 0)
		spent_end(j, e, why);
	else
		store_post(j->store, LANE_READ, &j->job);
}

void
ledger_spent(struct ledger *l, int64_t since_ms, ledger_spent_done *done,
    void *arg)
{
	const struct zone *z = ledger_zone(l);
	struct spent_job *j = xcalloc(1, sizeof(*j));
	int64_t hour_ms =
	    (int64_t)zone_begin(z, PERIOD_HOUR, minute_of_ms(since_ms)) * 60000;

	if (hour_ms < since_ms)
		hour_ms =
		    (int64_t)zone_next(z, PERIOD_HOUR, minute_of_ms(since_ms)) *
		    60000;
	j->job.work = spent_work;
	j->job.done = spent_done;
	j->store = ledger_store(l);
	j->done = done;
	j->arg = arg;
	j->from = ulid_make(since_ms, zeros);
	j->until = ulid_make(hour_ms, zeros);
	ledger_usage(l, &(struct usage_query){ .since_ms = hour_ms },
	    spent_sums, j);
}
