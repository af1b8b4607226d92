/* SPDX-License-Identifier: MIT */
/* keybatch.c - new keys with the limits they have from the first moment on. */
#include "relayd/keybatch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/keycopy.h"

#define RECORD_MAX (8 * 1024)
/* Records that one job writes, and that one turn of the loop takes up. */
#define SLICE_RECORDS 64
#define ID_LEN	      9
#define NAME_SIZE     80

/* A record as it is stored, for the loop. */
struct piece {
	bool is_budget;
	char *blob;
	size_t len;
};

struct batch {
	struct job job;
	struct keyring *ring;
	struct budgets *budgets;
	struct audit_who who;
	struct apikey_making making;
	struct budget_rec limits[KEYBATCH_LIMITS];
	char *limit_blobs[KEYBATCH_LIMITS];
	unsigned limits_count;
	char *brought; /* a value; NULL: they get theirs here */
	struct keybatch_made *made;
	unsigned count, at, per_slice, slices;
	struct piece *pieces;
	size_t pieces_count, pieces_kept, pieces_taken;
	bool undone;	/* nothing with our mark is left */
	struct why why; /* why it failed */
	enum err failed;
	keybatch_done *done;
	void *arg;
};

static void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->pieces_count; i++)
		free(b->pieces[i].blob);
	for (unsigned i = 0; i < b->limits_count; i++)
		free(b->limit_blobs[i]);
	free(b->pieces);
	free(b->making.blob);
	if (b->brought)
		sodium_memzero(b->brought, strlen(b->brought));
	free(b->brought);
	sodium_memzero(b->made, b->count * sizeof(*b->made));
	free(b->made);
	free(b);
}

static void
finish(struct batch *b)
{
	TAILQ_REMOVE(&b->ring->making, &b->making, link);
	b->done(b->arg, b->failed, &b->why, b->made, b->count);
	batch_free(b);
}

/* --- marks ----------------------------------------------------------------- */

#define MARK "batch."

/* meta: "batch." id of the first key "." slice -> the ids it wrote */
static struct str
mark_key(const struct batch *b, unsigned slice, char out[40])
{
	int n = snprintf(out, 40, MARK "%s.%03u", b->made[0].id, slice);

	return str_at(out, (size_t)n);
}

static enum err
put_mark(struct batch *b, struct txn *t, const struct buf *ids)
{
	bool last = b->at + b->per_slice >= b->count;
	char key[40];
	enum err e = OK;

	if (!last)
		return txn_put(t, TABLE_meta, mark_key(b, b->slices, key),
		    buf_str(ids));
	for (unsigned i = 0; !e && i < b->slices; i++)
		e = txn_del(t, TABLE_meta, mark_key(b, i, key));
	return e;
}

struct search {
	struct str prefix;
	char *key, *ids;
	size_t key_len, ids_len;
};

static bool
find_mark(void *arg, struct str key, struct str value)
{
	struct search *s = arg;

	if (!str_starts(key, s->prefix))
		return false;
	s->key = xmemdup(key.at, key.len);
	s->key_len = key.len;
	s->ids = xmemdup(value.at, value.len);
	s->ids_len = value.len;
	return false;
}

static enum err
undo_one(struct txn *t, struct str id, const struct audit_who *who,
    struct why *out_why)
{
	bool is_key = id.at[0] == 'k';
	enum err e = txn_del(t, is_key ? TABLE_apikey : TABLE_budget, id);

	if (!e && is_key)
		e = keycopy_forget(t, id);
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	return audit_write_text(t, who, is_key ? "key" : "budget", id,
	    STR("undone: not all of what was made with it could be kept"),
	    out_why);
}

/* What one mark says is taken back, and the mark removed. */
static enum err
undo_slice(struct txn *t, struct str prefix, const struct audit_who *who,
    bool *out_none, struct why *out_why)
{
	struct search s = { .prefix = prefix };
	enum err e = txn_scan(t, TABLE_meta, prefix, false, find_mark, &s);

	*out_none = !s.key;
	for (size_t i = 0; !e && i + ID_LEN <= s.ids_len; i += ID_LEN)
		e = undo_one(t, str_at(s.ids + i, ID_LEN), who, out_why);
	if (!e && s.key)
		e = txn_del(t, TABLE_meta, str_at(s.key, s.key_len));
	free(s.key);
	free(s.ids);
	return e;
}

enum err
keybatch_recover(struct txn *t, struct why *out_why)
{
	const struct audit_who who = {
		.uid = getuid(), .pid = getpid(), .method = "key_create"
	};
	bool none = false;
	enum err e = OK;

	while (!e && !none)
		e = undo_slice(t, STR(MARK), &who, &none, out_why);
	return e;
}

static enum err
undo_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct batch *b = (struct batch *)j;
	char key[40];
	struct str prefix = mark_key(b, 0, key);

	return undo_slice(t, str_first(prefix, prefix.len - 3), &b->who,
	    &b->undone, out_why);
}

/* What cannot be taken back now is at the next start. */
static void
undo_done(struct job *j)
{
	struct batch *b = (struct batch *)j;

	if (j->result || b->undone)
		finish(b);
	else
		store_post(b->ring->store, LANE_WRITE, &b->job);
}

static void
fail(struct batch *b, enum err e, const struct why *why)
{
	b->failed = e;
	b->why = *why;
	if (!b->slices) {
		finish(b);
		return;
	}
	b->job = (struct job){ .work = undo_work, .done = undo_done };
	store_post(b->ring->store, LANE_WRITE, &b->job);
}

/* --- the writer's part ----------------------------------------------------- */

static void
add_piece(struct batch *b, bool is_budget, struct buf *take_bytes)
{
	struct piece *p = &b->pieces[b->pieces_count++];

	p->is_budget = is_budget;
	p->blob = buf_take(take_bytes, &p->len);
}

static enum err
check_free(struct txn *t, enum table table, struct str id, struct why *out_why)
{
	struct str had;
	enum err e = txn_get(t, table, id, &had);

	if (e == ERR_UNKNOWN)
		return OK;
	return e ? e
		 : why_set(out_why, ERR_EXISTS, "",
		       "two got the same id; try again");
}

static enum err
make_limit(struct batch *b, unsigned n, struct str key_id, struct txn *t,
    struct buf *ids, struct why *out_why)
{
	static const struct budget_rec nothing;
	struct budget_rec r = b->limits[n];
	char id[10];
	struct buf out;
	enum err e;

	budget_make_id(id);
	r.id = str_of(id);
	r.subject = key_id;
	buf_init(&out, RECORD_MAX);
	e = check_free(t, TABLE_budget, r.id, out_why);
	if (!e)
		e = budget_put(t, &nothing, &r, &b->who, &out, out_why);
	if (!e)
		e = buf_add(ids, r.id);
	if (!e)
		add_piece(b, true, &out);
	buf_fini(&out);
	return e;
}

/* The one it gets, or has brought along; empty: none, or it was not told. */
static struct str
give_value(const struct batch *b, struct keybatch_made *m,
    struct apikey_rec *io)
{
	struct str value = str_of(b->brought ? b->brought : "");

	if (io->template || io->foreign_salt.len)
		return STR("");
	if (!value.len) {
		apikey_make_value(m->value);
		value = str_of(m->value);
	}
	key_index_of(&b->ring->index, value, io->hash);
	io->value_end = str_skip(value, value.len - 4);
	return value;
}

static int
compare_made(const void *a, const void *b)
{
	const struct keybatch_made *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Keys of one moment are listed by their ids: these in the order of their
 * names. */
static void
give_ids(struct batch *b)
{
	for (unsigned i = 0; i < b->count; i++)
		apikey_make_id(b->made[i].id);
	qsort(b->made, b->count, sizeof(*b->made), compare_made);
}

static enum err
make_key(struct batch *b, unsigned n, struct txn *t, struct buf *ids,
    struct why *out_why)
{
	static const struct apikey_rec nothing;
	struct keybatch_made *m = &b->made[n];
	struct apikey_rec r = b->making.rec;
	char name[NAME_SIZE];
	struct str value;
	struct buf out;
	enum err e;

	r.id = str_of(m->id);
	value = give_value(b, m, &r);
	if (b->count > 1) {
		apikey_number(r.name, b->count, n + 1, name, sizeof(name));
		r.name = str_of(name);
	}
	buf_init(&out, RECORD_MAX);
	e = check_free(t, TABLE_apikey, r.id, out_why);
	if (!e)
		e = apikey_put(t, &nothing, &r, &b->who, &out, out_why);
	if (!e && value.len)
		e = keycopy_keep(t, r.id, value);
	if (!e)
		e = buf_add(ids, r.id);
	if (!e)
		add_piece(b, false, &out);
	buf_fini(&out);
	for (unsigned i = 0; !e && i < b->limits_count; i++)
		e = make_limit(b, i, str_of(m->id), t, ids, out_why);
	return e;
}

static enum err
batch_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct batch *b = (struct batch *)j;
	struct buf ids;
	enum err e = OK;

	/* Of a transaction that was lost nothing is kept. */
	while (b->pieces_count > b->pieces_kept)
		free(b->pieces[--b->pieces_count].blob);
	if (!b->at)
		give_ids(b);
	buf_init(&ids, (size_t)(SLICE_RECORDS + KEYBATCH_LIMITS + 1) * ID_LEN);
	for (unsigned i = 0; !e && i < b->per_slice && b->at + i < b->count;
	     i++)
		e = make_key(b, b->at + i, t, &ids, out_why);
	if (!e)
		e = put_mark(b, t, &ids);
	buf_fini(&ids);
	return e;
}

/* --- the loop's ------------------------------------------------------------ */

static enum err
rest_work(struct job *j, struct txn *t, struct why *out_why)
{
	(void)j;
	(void)t;
	(void)out_why;
	return OK;
}

/* A few in each turn.  Even when the store closes meanwhile, all that it holds
 * is taken up. */
static void
take_up(struct job *j)
{
	struct batch *b = (struct batch *)j;
	struct piece *p;

	for (unsigned n = 0; b->pieces_taken < b->pieces_count &&
	     (j->result || n < SLICE_RECORDS);
	     n++) {
		p = &b->pieces[b->pieces_taken++];
		if (p->is_budget)
			budgets_take_up(b->budgets, p->blob, p->len);
		else
			keyring_take_up(b->ring, p->blob, p->len);
		p->blob = NULL;
	}
	if (b->pieces_taken == b->pieces_count) {
		finish(b);
		return;
	}
	b->job = (struct job){ .work = rest_work, .done = take_up };
	store_post(b->ring->store, LANE_READ, &b->job);
}

static void
batch_done(struct job *j)
{
	struct batch *b = (struct batch *)j;

	if (j->result) {
		fail(b, j->result, &j->why);
		return;
	}
	b->slices++;
	b->at += b->per_slice;
	b->pieces_kept = b->pieces_count;
	if (b->at < b->count)
		store_post(b->ring->store, LANE_WRITE, &b->job);
	else
		take_up(j);
}

/* What they borrow must last until the writer comes to them. */
static enum err
keep_models(struct batch *b, const struct keybatch_ask *ask)
{
	struct apikey_rec like = ask->like;
	struct buf copy;
	size_t len;
	enum err e;

	like.id = str_of(b->made[0].id);
	buf_init(&copy, RECORD_MAX);
	e = apikey_rec_write(&like, &copy);
	if (!e) {
		b->making.blob = buf_take(&copy, &len);
		e = apikey_rec_read(str_at(b->making.blob, len),
		    &b->making.rec);
	}
	for (unsigned i = 0; !e && i < ask->limits_count; i++) {
		e = budget_rec_write(&ask->limits[i], &copy);
		if (e)
			break;
		b->limit_blobs[i] = buf_take(&copy, &len);
		b->limits_count++;
		e = budget_rec_read(str_at(b->limit_blobs[i], len),
		    &b->limits[i]);
	}
	buf_fini(&copy);
	return e;
}

void
keybatch_make(struct keyring *ring, struct budgets *budgets,
    const struct keybatch_ask *ask, const struct audit_who *who,
    keybatch_done *done, void *arg)
{
	struct batch *b = xcalloc(1, sizeof(*b));
	size_t each = 1 + ask->limits_count;
	enum err e;

	assert(ask->count > 0 && ask->count <= KEYBATCH_MAX);
	assert(ask->limits_count <= KEYBATCH_LIMITS);
	assert(ask->count == 1 || !ask->value.len);
	b->job = (struct job){ .work = batch_work, .done = batch_done };
	b->ring = ring;
	b->budgets = budgets;
	b->who = *who;
	b->count = ask->count;
	if (ask->value.len)
		b->brought = xmemdup(ask->value.at, ask->value.len);
	b->per_slice = (unsigned)(SLICE_RECORDS / each);
	b->made = xcalloc(b->count, sizeof(*b->made));
	b->pieces = xcalloc(b->count * each, sizeof(*b->pieces));
	b->done = done;
	b->arg = arg;
	apikey_make_id(b->made[0].id);
	e = keep_models(b, ask);
	/* Their texts have bounds of their own, far below. */
	assert(e == OK);
	b->making.count = b->count;
	TAILQ_INSERT_TAIL(&ring->making, &b->making, link);
	store_post(ring->store, LANE_WRITE, &b->job);
}
