/* SPDX-License-Identifier: MIT */
/* ledger.c - from the ring into the store.
 *
 * Owns this run's ring.  The loop appends to it; all else here runs on the
 * store's writer thread, or before that is started.
 *
 *	entry	OPEN, DONE or END (entry.h)
 *	meta	"ring" id(8): position(8), big-endian, of what is in the store
 *
 * A batch is folded in two looks: the first notes which requests are done,
 * so that the second need not put a row into flow for those that were opened
 * a moment before, which is nearly all of them.  Sums are added up in memory
 * and written once for the batch. */
#include "relayd/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/journal.h"
#include "store/store.h"

#include "relayd/charge.h"
#include "relayd/entry.h"
#include "relayd/keeping.h"
#include "relayd/ledger_tend.h"
#include "relayd/log.h"
#include "relayd/receipt.h"

/* In one transaction: some 0.1 s of the most that a machine can do. */
#define BATCH_MAX 2048
#define SLOTS	  (2 * BATCH_MAX)

struct entry {
	struct ulid id;
	struct str rec;
	enum entry_kind kind;
};

/* What one fold works with; kept, because it is large. */
struct batch {
	struct entry entries[BATCH_MAX];
	unsigned count;
	uint16_t done[SLOTS]; /* 1 + index of a DONE, by ulid */
	struct buf whole;     /* an END with what it was opened with */
};

struct ledger {
	struct store *store;
	struct zones zones;
	const struct zone *zone; /* the loop's: of what is asked and answered */
	struct tending *tending;
	struct journal *ring;
	struct buf encoded; /* the loop's: an entry on its way */
	/* The writer's. */
	uint64_t settled_at, folded_at;
	struct batch batch;
	struct ledger_found found;
};

struct store *
ledger_store(struct ledger *l)
{
	return l->store;
}

const struct zone *
ledger_zone(const struct ledger *l)
{
	return l->zone;
}

struct zones *
ledger_zones(struct ledger *l)
{
	return &l->zones;
}

enum err
ledger_use_zone(struct ledger *l, struct str name)
{
	const struct zone *z = zones_need(&l->zones, name);

	if (!z)
		return ERR_LIMIT;
	l->zone = z;
	tending_move(l->tending, z);
	return OK;
}

void
ledger_prune(struct ledger *l, const struct ledger_keep *keep, int64_t now_ms)
{
	tending_prune(l->tending, keep, now_ms);
}

bool
ledger_is_tended(const struct ledger *l)
{
	return tending_busy(l->tending);
}

/* --- the loop's side ------------------------------------------------------- */

static enum err
append(struct ledger *l, enum entry_kind kind, const struct ulid *id,
    const struct receipt_rec *r)
{
	enum err e;

	entry_write(&l->encoded, id, r);
	e = journal_append(l->ring, (uint8_t)kind, buf_str(&l->encoded));
	if (!e)
		store_poke(l->store);
	return e;
}

bool
ledger_is_tight(const struct ledger *l)
{
	return journal_fill(l->ring) > LEDGER_FILL_MAX;
}

enum err
ledger_open(struct ledger *l, const struct ulid *id,
    const struct receipt_rec *r)
{
	enum err e = ledger_is_tight(l) ? ERR_FULL : journal_promise(l->ring);

	if (e)
		return e;
	e = append(l, ENTRY_OPEN, id, r);
	if (e)
		journal_forgo(l->ring);
	return e;
}

void
ledger_end(struct ledger *l, const struct ulid *id, const struct receipt_rec *r)
{
	enum entry_kind kind = ENTRY_DONE;

	entry_write(&l->encoded, id, r);
	if (buf_len(&l->encoded) > JOURNAL_PROMISE_MAX) {
		if (!journal_append(l->ring, ENTRY_DONE,
			buf_str(&l->encoded))) {
			journal_forgo(l->ring);
			store_poke(l->store);
			return;
		}
		kind = ENTRY_END;
		entry_write_short(&l->encoded, id, r);
	}
	journal_redeem(l->ring, (uint8_t)kind, buf_str(&l->encoded));
	store_poke(l->store);
}

enum err
ledger_done(struct ledger *l, const struct ulid *id,
    const struct receipt_rec *r)
{
	/* A client that is refused and asks again at once must not take the
	 * room of answers that were paid for. */
	if (r->outcome == OUTCOME_REFUSED && ledger_is_tight(l))
		return ERR_FULL;
	return append(l, ENTRY_DONE, id, r);
}

unsigned
ledger_fill(const struct ledger *l)
{
	return journal_fill(l->ring);
}

/* --- a batch --------------------------------------------------------------- */

/* The end of an ulid is random and ours, so it is its own hash. */
static unsigned
slot_of(const struct ulid *id)
{
	return ((unsigned)id->byte[14] << 8 | id->byte[15]) % SLOTS;
}

/* The slot of that id's DONE, or the empty one where it would be. */
static uint16_t *
done_slot(struct batch *b, const struct ulid *id)
{
	unsigned at = slot_of(id);

	while (b->done[at] &&
	    memcmp(&b->entries[b->done[at] - 1].id, id, sizeof(*id)) != 0)
		at = (at + 1) % SLOTS;
	return &b->done[at];
}

/* Entries from *io_at on, as many as one transaction takes. */
static void
batch_read(struct batch *b, struct journal *ring, uint64_t *io_at)
{
	struct str payload;
	uint8_t kind;

	b->count = 0;
	memset(b->done, 0, sizeof(b->done));
	while (b->count < BATCH_MAX &&
	    journal_next(ring, io_at, &kind, &payload)) {
		struct entry *n = &b->entries[b->count++];

		*n = (struct entry){ .kind = ENTRY_FOREIGN };
		if (payload.len < sizeof(n->id.byte))
			continue;
		memcpy(n->id.byte, payload.at, sizeof(n->id.byte));
		n->rec = str_skip(payload, sizeof(n->id.byte));
		n->kind = (enum entry_kind)kind;
		if (kind == ENTRY_DONE)
			*done_slot(b, &n->id) = (uint16_t)b->count;
	}
}

static struct str
id_key(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

/* ERR_EXISTS: the request has its receipt. */
static enum err
not_booked(struct txn *t, const struct ulid *id)
{
	struct str kept;
	enum err e = txn_get(t, TABLE_receipt, id_key(id), &kept);

	return !e ? ERR_EXISTS : e == ERR_UNKNOWN ? OK : e;
}

/* The only way into the table receipt: with its sums, and once. */
static enum err
book(struct txn *t, const struct ulid *id, struct str encoded,
    struct booking *to)
{
	struct budget_need need;
	struct receipt_rec r;
	enum err e;

	e = not_booked(t, id);
	if (e)
		return e == ERR_EXISTS ? OK : e;
	e = receipt_rec_read(encoded, &r);
	if (e)
		return e;
	if (r.budgets.len) {
		charge_need(&r, &need);
		spent_add(&to->sums.spent, r.budgets, &need);
	}
	return booking_add(to, t, id, &r);
}

/* What it had no room for stands where it was opened: earlier in the ring, and
 * so in flow by now.  Without that, which cannot be, the numbers count. */
static enum err
book_end(struct batch *b, const struct entry *n, struct txn *t,
    struct booking *to)
{
	struct receipt_rec end, opened;
	struct str kept;
	enum err e = receipt_rec_read(n->rec, &end);

	if (e)
		return e;
	e = txn_get(t, TABLE_flow, id_key(&n->id), &kept);
	if (e && e != ERR_UNKNOWN)
		return e;
	if (!e && !receipt_rec_read(kept, &opened))
		entry_complete(&end, &opened);
	buf_clear(&b->whole);
	e = receipt_rec_write(&end, &b->whole);
	if (!e)
		e = txn_del(t, TABLE_flow, id_key(&n->id));
	if (e && e != ERR_UNKNOWN)
		return e;
	return book(t, &n->id, buf_str(&b->whole), to);
}

static enum err
entry_fold(struct batch *b, const struct entry *n, struct txn *t,
    struct booking *to)
{
	enum err e;

	switch (n->kind) {
	case ENTRY_OPEN:
		if (*done_slot(b, &n->id))
			return OK;
		e = not_booked(t, &n->id);
		if (e)
			return e == ERR_EXISTS ? OK : e;
		return txn_put(t, TABLE_flow, id_key(&n->id), n->rec);
	case ENTRY_DONE:
		e = txn_del(t, TABLE_flow, id_key(&n->id));
		if (e && e != ERR_UNKNOWN)
			return e;
		return book(t, &n->id, n->rec, to);
	case ENTRY_END:
		return book_end(b, n, t, to);
	case ENTRY_FOREIGN:
		break;
	}
	return ERR_UNSUPPORTED;
}

struct ring_key {
	char bytes[12];
};

static void
put_be64(char *to, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (char)(n >> (56 - 8 * i));
}

static struct ring_key
ring_key_of(uint64_t id)
{
	struct ring_key k = { .bytes = "ring" };

	put_be64(k.bytes + 4, id);
	return k;
}

static enum err
position_put(struct txn *t, uint64_t ring_id, uint64_t at)
{
	struct ring_key k = ring_key_of(ring_id);
	char value[8];

	put_be64(value, at);
	return txn_put(t, TABLE_meta, str_at(k.bytes, sizeof(k.bytes)),
	    str_at(value, sizeof(value)));
}

static enum err
position_get(struct txn *t, uint64_t ring_id, uint64_t *out)
{
	struct ring_key k = ring_key_of(ring_id);
	uint64_t at = 0;
	struct str kept;
	enum err e;

	e = txn_get(t, TABLE_meta, str_at(k.bytes, sizeof(k.bytes)), &kept);
	if (e && e != ERR_UNKNOWN)
		return e;
	for (unsigned i = 0; !e && i < kept.len; i++)
		at = at << 8 | (uint8_t)kept.at[i];
	*out = at;
	return OK;
}

static enum err
batch_fold(struct ledger *l, const struct journal *ring, uint64_t at,
    struct txn *t, struct why *out_why)
{
	struct batch *b = &l->batch;
	struct booking to;
	enum err e = booking_begin(&to, t, &l->zones);

	for (unsigned i = 0; !e && i < b->count; i++)
		e = entry_fold(b, &b->entries[i], t, &to);
	e = booking_end(&to, t, e);
	if (!e)
		e = position_put(t, journal_id(ring), at);
	if (e == ERR_UNSUPPORTED)
		why_set(out_why, e, "ledger",
		    "%s is of a newer relayd; run that one once more",
		    journal_path(ring));
	return e;
}

/* --- the store's feed ------------------------------------------------------ */

static bool
feed_waiting(void *arg)
{
	struct ledger *l = arg;
	uint64_t at = l->settled_at;
	struct str payload;
	uint8_t kind;

	return journal_next(l->ring, &at, &kind, &payload);
}

static enum err
feed_fold(void *arg, struct txn *t, struct why *out_why)
{
	struct ledger *l = arg;

	l->folded_at = l->settled_at;
	batch_read(&l->batch, l->ring, &l->folded_at);
	return batch_fold(l, l->ring, l->folded_at, t, out_why);
}

static void
feed_settled(void *arg, bool ok)
{
	struct ledger *l = arg;

	if (!ok)
		return;
	l->settled_at = l->folded_at;
	journal_release(l->ring, l->settled_at);
}

/* --- what earlier runs left ------------------------------------------------ */

/* One batch of an old ring. */
struct replay {
	struct job job;
	struct ledger *l;
	struct journal *ring;
	uint64_t at;
	bool begun;
};

static enum err
replay_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct replay *r = (struct replay *)j;
	enum err e;

	if (!r->begun) {
		e = position_get(t, journal_id(r->ring), &r->at);
		if (e)
			return e;
		r->begun = true;
	}
	batch_read(&r->l->batch, r->ring, &r->at);
	if (r->l->batch.count == 0)
		return OK;
	return batch_fold(r->l, r->ring, r->at, t, out_why);
}

/* A ring that cannot be read must not keep the daemon from starting, and is
 * not thrown away either. */
static enum err
set_aside(struct ledger *l, const char *path, const struct why *because,
    struct why *out_why)
{
	char *aside = xasprintf("%s.bad", path);
	struct log_line line;
	enum err e = OK;

	log_begin(&line, LOG_ERROR, "ledger");
	log_cstr(&line, "ring", path);
	log_cstr(&line, "why", because->text);
	log_cstr(&line, "kept_as", aside);
	log_end(&line);
	if (rename(path, aside) != 0)
		e = why_set(out_why, ERR_IO, "ledger", "cannot rename %s: %s",
		    path, strerror(errno));
	l->found.damaged++;
	free(aside);
	return e;
}

static enum err
replay_ring(void *arg, const char *path, struct why *out_why)
{
	struct replay r = { .job.work = replay_work, .l = arg };
	struct why why;
	enum err e;

	r.l->found.rings++;
	e = journal_open(path, &r.ring, &why);
	if (e == ERR_CORRUPT || e == ERR_UNSUPPORTED)
		return set_aside(r.l, path, &why, out_why);
	if (e) {
		if (out_why)
			*out_why = why;
		return e;
	}
	do {
		e = store_now(r.l->store, LANE_WRITE, &r.job);
		r.l->found.entries += r.l->batch.count;
	} while (!e && r.l->batch.count > 0);
	if (e && out_why)
		*out_why = r.job.why;
	journal_close(r.ring);
	return e;
}

/* All rings are in the store, this one too. */
static enum err
remove_ring(void *arg, const char *path, struct why *out_why)
{
	(void)arg;
	if (remove(path) != 0)
		return why_set(out_why, ERR_IO, "ledger",
		    "cannot remove %s: %s", path, strerror(errno));
	return OK;
}

/* The first rows of a table whose keys start with `prefix`, copied out of a
 * scan, because nothing may be written during one. */
struct rows {
	struct str prefix;
	struct {
		char *key, *value;
		size_t key_len, value_len;
	} row[256];
	unsigned count;
};

static bool
rows_add(void *arg, struct str key, struct str value)
{
	struct rows *r = arg;

	if (!str_starts(key, r->prefix) || r->count == 256)
		return false;
	r->row[r->count].key = xmemdup(key.at, key.len);
	r->row[r->count].key_len = key.len;
	r->row[r->count].value = xmemdup(value.at, value.len);
	r->row[r->count++].value_len = value.len;
	return true;
}

static void
rows_fini(struct rows *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		free(r->row[i].key);
		free(r->row[i].value);
	}
}

/* Rows of flow, or positions of rings that are gone, until none is left. */
struct clean {
	struct job job;
	struct ledger *l;
	struct buf encoded;
	unsigned count;
};

/* What the request has cost is a guess: it was sent, so it was read. */
static void
interrupt(struct receipt_rec *r)
{
	r->outcome = OUTCOME_INTERRUPTED;
	r->flags |= RECEIPT_ESTIMATED | RECEIPT_INTERRUPTED;
	if (r->input == 0)
		r->input = (int64_t)(r->bytes_in / 4);
}

static enum err
interrupt_one(struct clean *c, struct txn *t, struct str key, struct str value,
    struct booking *to)
{
	struct receipt_rec r;
	struct ulid id;
	enum err e;

	e = txn_del(t, TABLE_flow, key);
	if (!e)
		e = key.len == sizeof(id.byte) ? receipt_rec_read(value, &r)
					       : ERR_CORRUPT;
	if (e)
		return e;
	memcpy(id.byte, key.at, sizeof(id.byte));
	interrupt(&r);
	buf_clear(&c->encoded);
	e = receipt_rec_write(&r, &c->encoded);
	return e ? e : book(t, &id, buf_str(&c->encoded), to);
}

static enum err
interrupt_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct clean *c = (struct clean *)j;
	struct rows rows = { .count = 0 };
	struct booking to;
	enum err e;

	(void)out_why;
	e = booking_begin(&to, t, &c->l->zones);
	if (!e)
		e = txn_scan(t, TABLE_flow, STR(""), false, rows_add, &rows);
	for (unsigned i = 0; !e && i < rows.count; i++)
		e = interrupt_one(c, t,
		    str_at(rows.row[i].key, rows.row[i].key_len),
		    str_at(rows.row[i].value, rows.row[i].value_len), &to);
	e = booking_end(&to, t, e);
	c->count = rows.count;
	rows_fini(&rows);
	return e;
}

static enum err
forget_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct clean *c = (struct clean *)j;
	struct rows rows = { .prefix = STR("ring") };
	enum err e;

	(void)out_why;
	e = txn_scan(t, TABLE_meta, rows.prefix, false, rows_add, &rows);
	for (unsigned i = 0; !e && i < rows.count; i++)
		e = txn_del(t, TABLE_meta,
		    str_at(rows.row[i].key, rows.row[i].key_len));
	c->count = rows.count;
	rows_fini(&rows);
	return e;
}

/* The work again and again, until it finds nothing more to do. */
static enum err
clean_all(struct ledger *l,
    enum err (*work)(struct job *, struct txn *, struct why *),
    uint64_t *out_count, struct why *out_why)
{
	struct clean c = { .job.work = work, .l = l };
	enum err e;

	buf_init(&c.encoded, JOURNAL_ENTRY_MAX + 64);
	*out_count = 0;
	do {
		e = store_now(l->store, LANE_WRITE, &c.job);
		*out_count += c.count;
	} while (!e && c.count > 0);
	if (e && out_why)
		*out_why = c.job.why;
	buf_fini(&c.encoded);
	return e;
}

/* In this order: a kill between any two of these leaves what the next start
 * does again, without counting anything twice. */
static enum err
take_over(struct ledger *l, const char *dir, struct why *out_why)
{
	uint64_t forgotten;
	enum err e;

	e = journal_each(dir, NULL, replay_ring, l, out_why);
	if (e)
		return e;
	e = clean_all(l, interrupt_work, &l->found.interrupted, out_why);
	if (e)
		return e;
	e = journal_each(dir, NULL, remove_ring, NULL, out_why);
	if (e)
		return e;
	return clean_all(l, forget_work, &forgotten, out_why);
}

struct knowing {
	struct job job;
	struct ledger *l;
};

static enum err
know_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct ledger *l = ((struct knowing *)j)->l;
	struct keeping k;
	enum err e = keeping_zones(t, &l->zones);

	(void)out_why;
	if (!e)
		e = keeping_read(t, &l->zones, &k);
	if (!e)
		l->zone = k.next ? k.next : k.zone;
	return e;
}

/* Until somebody says another one it is the zone that sums are of. */
static enum err
know_zones(struct ledger *l, struct why *out_why)
{
	struct knowing k = { .job.work = know_work, .l = l };
	enum err e = store_now(l->store, LANE_READ, &k.job);

	if (e && out_why)
		*out_why = k.job.why;
	return e;
}

enum err
ledger_new(struct store *s, const char *dir, struct ledger **out,
    struct why *out_why)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	enum err e;

	l->store = s;
	l->tending = tending_new(s, &l->zones);
	buf_init(&l->encoded, JOURNAL_ENTRY_MAX);
	buf_init(&l->batch.whole, (size_t)2 * JOURNAL_ENTRY_MAX);
	e = know_zones(l, out_why);
	if (!e)
		e = take_over(l, dir, out_why);
	if (!e)
		e = journal_new(dir, JOURNAL_BYTES, &l->ring, out_why);
	if (e) {
		ledger_free(l);
		return e;
	}
	store_set_feed(s,
	    &(struct store_feed){ .arg = l,
		.waiting = feed_waiting,
		.fold = feed_fold,
		.settled = feed_settled });
	*out = l;
	return OK;
}

void
ledger_free(struct ledger *l)
{
	if (!l)
		return;
	if (l->ring && !feed_waiting(l))
		journal_remove(l->ring);
	else
		journal_close(l->ring);
	buf_fini(&l->encoded);
	buf_fini(&l->batch.whole);
	tending_free(l->tending);
	zones_fini(&l->zones);
	free(l);
}

const struct ledger_found *
ledger_found(const struct ledger *l)
{
	return &l->found;
}
