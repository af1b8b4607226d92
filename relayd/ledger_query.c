/* SPDX-License-Identifier: MIT */
/* ledger_query.c - questions about receipts and their sums.
 *
 * Each is a job of the store's reader.  A transaction that stays open keeps
 * the store from using its free pages, so a long question looks at ROWS_MAX
 * rows, goes back to the queue, and goes on from there in another one.  Only
 * verifying looks at a whole day at once, since its two sides must agree. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/journal.h"
#include "store/store.h"

#include "relayd/ledger.h"
#include "relayd/receipt.h"

#define ROWS_MAX 16384 /* some 20 ms */
#define DAY_MS	 (24 * 60 * 60 * INT64_C(1000))
#define DAY_LAST ((uint32_t)(((INT64_C(1) << 48) - 1) / DAY_MS))
#define DAY_NONE UINT32_MAX

static struct str
id_key(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

static bool
id_is_zero(const struct ulid *id)
{
	static const struct ulid zero;

	return memcmp(id, &zero, sizeof(zero)) == 0;
}

/* The ids right before and after; zero where there is none. */
static struct ulid
id_before(struct ulid id)
{
	if (id_is_zero(&id))
		return id;
	for (unsigned i = 16; i-- > 0 && id.byte[i]-- == 0;)
		continue;
	return id;
}

static struct ulid
id_after(struct ulid id)
{
	for (unsigned i = 16; i-- > 0 && ++id.byte[i] == 0;)
		continue;
	return id;
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

/* --- usage ----------------------------------------------------------------- */

struct usage_job {
	struct job job;
	struct store *store;
	struct usage_query q; /* its name is ours */
	ledger_usage_done *done;
	void *arg;

	struct sums sums; /* by day(4) name */
	struct rollup_key from;
	unsigned looked_at;
	bool more;
	enum err bad;
};

static bool
usage_row_add(void *arg, struct str key, struct str value)
{
	struct usage_job *u = arg;
	struct rollup_rec sum;
	enum dimension of;
	struct str name;
	uint32_t day;

	if (key.len > sizeof(u->from.bytes)) {
		u->bad = ERR_CORRUPT;
		return false;
	}
	if (++u->looked_at > ROWS_MAX) {
		u->more = true;
		u->from.len = key.len;
		memcpy(u->from.bytes, key.at, key.len);
		return false;
	}
	u->bad = rollup_key_read(key, &of, &day, &name);
	if (u->bad || of != u->q.by || day > u->q.until_day)
		return false;
	if (u->q.name.at && !str_eq(name, u->q.name))
		return true;
	u->bad = rollup_rec_read(value, &sum);
	if (u->bad)
		return false;
	/* The key without its letter, and without its day if they do not
	 * matter, sorts as the rows shall. */
	rollup_add(sums_at(&u->sums, u->q.per_day ? str_skip(key, 1) : name),
	    &sum);
	return true;
}

static enum err
usage_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct usage_job *u = (struct usage_job *)j;
	enum err e;

	(void)out_why;
	u->looked_at = 0;
	u->more = false;
	e = txn_scan(t, TABLE_rollup, str_at(u->from.bytes, u->from.len), false,
	    usage_row_add, u);
	return e ? e : u->bad;
}

struct sorted {
	struct str key;
	const struct rollup_rec *sum;
};

static int
sorted_cmp(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return str_cmp(x->key, y->key);
}

static struct usage_row
usage_row_of(const struct usage_job *u, const struct sorted *s)
{
	struct usage_row row = { .name = s->key, .sum = *s->sum };

	if (!u->q.per_day)
		return row;
	for (unsigned i = 0; i < 4; i++)
		row.day = row.day << 8 | (uint8_t)s->key.at[i];
	row.name = str_skip(s->key, 4);
	return row;
}

static void
usage_answer(struct usage_job *u)
{
	size_t count = map_count(&u->sums.by_key), at = 0, n = 0;
	struct usage_row *rows = xcalloc(count + 1, sizeof(*rows));
	struct sorted *all = xcalloc(count + 1, sizeof(*all));
	void *sum;

	while (map_next(&u->sums.by_key, &at, &all[n].key, &sum))
		all[n++].sum = sum;
	qsort(all, count, sizeof(*all), sorted_cmp);
	for (size_t i = 0; i < count; i++)
		rows[i] = usage_row_of(u, &all[i]);
	u->done(u->arg, OK, NULL, rows, count);
	free(rows);
	free(all);
}

static void
usage_done(struct job *j)
{
	struct usage_job *u = (struct usage_job *)j;

	if (!j->result && u->more) {
		store_post(u->store, LANE_READ, j);
		return;
	}
	if (j->result)
		u->done(u->arg, j->result, &j->why, NULL, 0);
	else
		usage_answer(u);
	sums_fini(&u->sums);
	str_free(u->q.name);
	free(u);
}

void
ledger_usage(struct ledger *l, const struct usage_query *q,
    ledger_usage_done *done, void *arg)
{
	struct usage_job *u = xcalloc(1, sizeof(*u));

	*u = (struct usage_job){
		.job = { .work = usage_work, .done = usage_done },
		.store = ledger_store(l),
		.q = *q,
		.done = done,
		.arg = arg,
		.from = rollup_key_of(q->by, q->since_day, STR("")),
	};
	u->q.name = str_keep(str_first(q->name, ROLLUP_NAME_MAX));
	if (u->q.until_day == 0)
		u->q.until_day = UINT32_MAX;
	sums_init(&u->sums);
	store_post(u->store, LANE_READ, &u->job);
}

/* --- receipts -------------------------------------------------------------- */

struct receipts_job {
	struct job job;
	struct store *store;
	struct receipts_query q; /* its texts are ours */
	ledger_receipts_done *done;
	void *arg;

	struct ulid from; /* the newest not looked at; zero: the very last */
	struct buf bytes; /* the rows' records, one after the other */
	struct {
		struct ulid id;
		size_t at, len;
	} found[LEDGER_RECEIPTS_MAX];
	unsigned count, looked_at;
	bool more, is_full;
	enum err bad;
};

static bool
wanted(const struct receipts_query *q, const struct receipt_rec *r)
{
	return (!q->key_id.at || str_eq(q->key_id, r->key_id)) &&
	    (!q->account.at || str_eq(q->account, r->account)) &&
	    (!q->model.at || str_eq(q->model, r->model));
}

static bool
receipts_row_add(void *arg, struct str key, struct str value)
{
	struct receipts_job *r = arg;
	struct receipt_rec rec;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		r->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (memcmp(&id, &r->q.since, sizeof(id)) < 0)
		return false;
	if (++r->looked_at > ROWS_MAX) {
		r->more = true;
		r->from = id;
		return false;
	}
	r->bad = receipt_rec_read(value, &rec);
	if (r->bad)
		return false;
	if (!wanted(&r->q, &rec))
		return true;
	if (r->count == r->q.limit) {
		r->is_full = true;
		return false;
	}
	r->found[r->count].id = id;
	r->found[r->count].at = buf_len(&r->bytes);
	r->found[r->count++].len = value.len;
	buf_must(&r->bytes, value);
	return true;
}

static enum err
receipts_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct receipts_job *r = (struct receipts_job *)j;
	enum err e;

	(void)out_why;
	r->looked_at = 0;
	r->more = false;
	e = txn_scan(t, TABLE_receipt,
	    id_is_zero(&r->from) ? STR("") : id_key(&r->from), true,
	    receipts_row_add, r);
	return e ? e : r->bad;
}

static void
receipts_answer(struct receipts_job *r)
{
	struct receipt_row *rows = xcalloc(r->count + 1, sizeof(*rows));
	struct str all = buf_str(&r->bytes);
	enum err e = OK;

	for (unsigned i = 0; !e && i < r->count; i++) {
		rows[i].id = r->found[i].id;
		e = receipt_rec_read(str_at(all.at + r->found[i].at,
					 r->found[i].len),
		    &rows[i].rec);
	}
	r->done(r->arg, e, &r->job.why, rows, e ? 0 : r->count, r->is_full);
	free(rows);
}

static void
receipts_done(struct job *j)
{
	struct receipts_job *r = (struct receipts_job *)j;

	if (!j->result && r->more) {
		store_post(r->store, LANE_READ, j);
		return;
	}
	if (j->result)
		r->done(r->arg, j->result, &j->why, NULL, 0, false);
	else
		receipts_answer(r);
	str_free(r->q.key_id);
	str_free(r->q.account);
	str_free(r->q.model);
	buf_fini(&r->bytes);
	free(r);
}

void
ledger_receipts(struct ledger *l, const struct receipts_query *q,
    ledger_receipts_done *done, void *arg)
{
	struct receipts_job *r = xcalloc(1, sizeof(*r));

	r->job = (struct job){ .work = receipts_work, .done = receipts_done };
	r->store = ledger_store(l);
	r->q = *q;
	r->done = done;
	r->arg = arg;
	r->q.key_id = str_keep(q->key_id);
	r->q.account = str_keep(q->account);
	r->q.model = str_keep(q->model);
	if (r->q.limit == 0 || r->q.limit > LEDGER_RECEIPTS_MAX)
		r->q.limit = LEDGER_RECEIPTS_MAX;
	r->from = id_before(q->before);
	buf_init(&r->bytes, LEDGER_RECEIPTS_MAX * (size_t)JOURNAL_ENTRY_MAX);
	store_post(r->store, LANE_READ, &r->job);
}

void
ledger_receipt(struct ledger *l, const struct ulid *id,
    ledger_receipts_done *done, void *arg)
{
	struct receipts_query q = {
		.since = *id, .before = id_after(*id), .limit = 1
	};

	ledger_receipts(l, &q, done, arg);
}

/* --- verify: one day after the other --------------------------------------- */

struct verify_job {
	struct job job;
	struct store *store;
	ledger_verify_done *done;
	void *arg;

	struct ledger_check check;
	uint32_t day;	   /* the next one to look for; then this one */
	enum dimension of; /* the one whose sums are looked at */
	struct sums want;  /* of the day's receipts */
	size_t met;	   /* of them, found in the table */
	enum err bad;
};

static bool
note_receipt_day(void *arg, struct str key, struct str value)
{
	uint32_t *day = arg;
	struct ulid id;

	(void)value;
	if (key.len == sizeof(id.byte)) {
		memcpy(id.byte, key.at, sizeof(id.byte));
		*day = receipt_day(&id);
	}
	return false;
}

struct sum_day {
	enum dimension of;
	uint32_t day;
};

static bool
note_sum_day(void *arg, struct str key, struct str value)
{
	struct sum_day *d = arg;
	enum dimension of;
	struct str name;
	uint32_t day;

	(void)value;
	if (!rollup_key_read(key, &of, &day, &name) && of == d->of)
		d->day = day;
	return false;
}

static struct ulid
first_id_of(uint32_t day)
{
	static const uint8_t zeros[10];

	return ulid_make((int64_t)day * DAY_MS, zeros);
}

/* The first day from *io_day on of which there is anything. */
static enum err
find_day(struct txn *t, uint32_t *io_day)
{
	uint32_t nearest = DAY_NONE;
	struct ulid id = first_id_of(*io_day);
	enum err e = OK;

	if (*io_day <= DAY_LAST)
		e = txn_scan(t, TABLE_receipt, id_key(&id), false,
		    note_receipt_day, &nearest);
	for (unsigned i = 0; !e && i < DIMENSION_COUNT; i++) {
		struct sum_day d = { .of = (enum dimension)i, .day = DAY_NONE };
		struct rollup_key k = rollup_key_of(d.of, *io_day, STR(""));

		e = txn_scan(t, TABLE_rollup, str_at(k.bytes, k.len), false,
		    note_sum_day, &d);
		if (d.day < nearest)
			nearest = d.day;
	}
	*io_day = nearest;
	return e;
}

static bool
verify_receipt(void *arg, struct str key, struct str value)
{
	struct verify_job *v = arg;
	struct receipt_rec r;
	struct ulid id;

	if (key.len != sizeof(id.byte)) {
		v->bad = ERR_CORRUPT;
		return false;
	}
	memcpy(id.byte, key.at, sizeof(id.byte));
	if (receipt_day(&id) != v->day)
		return false;
	v->bad = receipt_rec_read(value, &r);
	if (v->bad)
		return false;
	sums_add(&v->want, &id, &r);
	v->check.receipts++;
	return true;
}

static void
differs(struct verify_job *v, enum dimension of, struct str name,
    const char *how)
{
	if (v->check.differences++ > 0)
		return;
	snprintf(v->check.first, sizeof(v->check.first),
	    "day %u, %s \"%.*s\": %s", v->day, dimension_name(of),
	    (int)(name.len < 64 ? name.len : 64), name.at, how);
}

static bool
verify_sum(void *arg, struct str key, struct str value)
{
	struct verify_job *v = arg;
	const struct rollup_rec *want;
	struct rollup_rec have;
	enum dimension of;
	struct str name;
	uint32_t day;

	v->bad = rollup_key_read(key, &of, &day, &name);
	if (v->bad || of != v->of || day != v->day)
		return false;
	v->check.sums++;
	want = map_get(&v->want.by_key, key);
	if (want)
		v->met++;
	if (!want)
		differs(v, of, name, "there are no receipts for it");
	else if (rollup_rec_read(value, &have))
		differs(v, of, name, "it cannot be read");
	else if (memcmp(want, &have, sizeof(have)) != 0)
		differs(v, of, name, "it is not the sum of its receipts");
	return true;
}

static enum err
verify_day(struct verify_job *v, struct txn *t)
{
	struct ulid id = first_id_of(v->day);
	enum err e = OK;

	if (v->day <= DAY_LAST)
		e = txn_scan(t, TABLE_receipt, id_key(&id), false,
		    verify_receipt, v);
	for (unsigned i = 0; !e && !v->bad && i < DIMENSION_COUNT; i++) {
		struct rollup_key k =
		    rollup_key_of((enum dimension)i, v->day, STR(""));

		v->of = (enum dimension)i;
		e = txn_scan(t, TABLE_rollup, str_at(k.bytes, k.len), false,
		    verify_sum, v);
	}
	for (size_t n = map_count(&v->want.by_key); n > v->met; n--)
		differs(v, DIMENSION_ALL, STR(""), "receipts are in no sum");
	return e ? e : v->bad;
}

static enum err
verify_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct verify_job *v = (struct verify_job *)j;
	enum err e;

	(void)out_why;
	v->met = 0;
	e = find_day(t, &v->day);
	if (e || v->day == DAY_NONE)
		return e;
	sums_init(&v->want);
	e = verify_day(v, t);
	sums_fini(&v->want);
	return e;
}

static void
verify_done(struct job *j)
{
	struct verify_job *v = (struct verify_job *)j;

	if (!j->result && v->day != DAY_NONE) {
		v->day++;
		store_post(v->store, LANE_READ, j);
		return;
	}
	v->done(v->arg, j->result, &j->why, &v->check);
	free(v);
}

void
ledger_verify(struct ledger *l, ledger_verify_done *done, void *arg)
{
	struct verify_job *v = xcalloc(1, sizeof(*v));

	v->job = (struct job){ .work = verify_work, .done = verify_done };
	v->store = ledger_store(l);
	v->done = done;
	v->arg = arg;
	store_post(v->store, LANE_READ, &v->job);
}
