/* SPDX-License-Identifier: MIT */
/* mem.c - the tests' backend: sorted arrays in memory, failures on demand.
 *
 * A snapshot is one shelf per table; a shelf is a sorted array of pairs.
 * Both are shared by counting and never changed once they are shared, so a
 * reader keeps what it saw while the writer goes on, as with LMDB:
 *
 *	db ---> shelf(meta) shelf(account) ...
 *	          ^            the first write of a transaction to a table
 *	txn ------+----> its own copy of shelf(account)
 *
 * A commit hands the transaction's shelves to its parent or to the db. */
#include "proto/mem.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/store.h"

#define KEY_MAX 511

/* Key and value, in one piece: what was lent dies with the pair, so that a
 * sanitizer sees who keeps it too long. */
struct pair {
	unsigned refs;
	size_t key_len, value_len;
	char bytes[];
};

struct shelf {
	unsigned refs;
	size_t count, size;
	struct pair **pairs;
};

struct mem {
	pthread_mutex_t lock; /* all counts, shelves, fail_at */
	pthread_mutex_t writing;
	struct shelf *shelves[TABLE_COUNT];
	unsigned fail_at;
	enum err fail_with;
};

struct mem_txn {
	struct mem *db;
	struct mem_txn *parent;
	bool write;
	struct shelf *shelves[TABLE_COUNT];
};

/* --- pairs and shelves; all with the lock held ----------------------------- */

static struct str
pair_key(const struct pair *p)
{
	return str_at(p->bytes, p->key_len);
}

static struct str
pair_value(const struct pair *p)
{
	return str_at(p->bytes + p->key_len, p->value_len);
}

static struct pair *
pair_new(struct str key, struct str value)
{
	struct pair *p = xmalloc(sizeof(*p) + key.len + value.len);

	*p = (struct pair){
		.refs = 1, .key_len = key.len, .value_len = value.len
	};
	memcpy(p->bytes, key.at, key.len);
	if (value.len > 0)
		memcpy(p->bytes + key.len, value.at, value.len);
	return p;
}

static void
pair_unref(struct pair *p)
{
	if (--p->refs == 0)
		free(p);
}

static struct shelf *
shelf_ref(struct shelf *s)
{
	s->refs++;
	return s;
}

static void
shelf_unref(struct shelf *s)
{
	if (--s->refs > 0)
		return;
	for (size_t i = 0; i < s->count; i++)
		pair_unref(s->pairs[i]);
	free(s->pairs);
	free(s);
}

/* Eats one reference of a shared shelf and gives one nobody else has. */
static struct shelf *
shelf_own(struct shelf *s)
{
	struct shelf *copy;

	if (s->refs == 1)
		return s;
	copy = xcalloc(1, sizeof(*copy));
	copy->refs = 1;
	copy->count = copy->size = s->count;
	if (s->count > 0)
		copy->pairs = xcalloc(s->count, sizeof(struct pair *));
	for (size_t i = 0; i < s->count; i++) {
		copy->pairs[i] = s->pairs[i];
		copy->pairs[i]->refs++;
	}
	shelf_unref(s);
	return copy;
}

/* The first place whose key is >= key. */
static size_t
shelf_find(const struct shelf *s, struct str key, bool *out_same)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (str_cmp(pair_key(s->pairs[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*out_same = low < s->count && str_eq(pair_key(s->pairs[low]), key);
	return low;
}

static void
shelf_insert(struct shelf *s, size_t at, struct pair *take_pair)
{
	if (s->count == s->size) {
		s->size = s->size ? s->size * 2 : 16;
		s->pairs = xrealloc(s->pairs, s->size * sizeof(struct pair *));
	}
	memmove(s->pairs + at + 1, s->pairs + at,
	    (s->count - at) * sizeof(struct pair *));
	s->pairs[at] = take_pair;
	s->count++;
}

static void
shelf_remove(struct shelf *s, size_t at)
{
	pair_unref(s->pairs[at]);
	s->count--;
	memmove(s->pairs + at, s->pairs + at + 1,
	    (s->count - at) * sizeof(struct pair *));
}

/* --- the backend ----------------------------------------------------------- */

static enum err
mem_open(const char *dir, size_t map_size, void **out_db, struct why *out_why)
{
	struct mem *db = xcalloc(1, sizeof(*db));

	(void)dir;
	(void)map_size;
	(void)out_why;
	pthread_mutex_init(&db->lock, NULL);
	pthread_mutex_init(&db->writing, NULL);
	for (int t = 0; t < TABLE_COUNT; t++) {
		db->shelves[t] = xcalloc(1, sizeof(struct shelf));
		db->shelves[t]->refs = 1;
	}
	*out_db = db;
	return OK;
}

static void
mem_close(void *arg)
{
	struct mem *db = arg;

	for (int t = 0; t < TABLE_COUNT; t++)
		shelf_unref(db->shelves[t]);
	pthread_mutex_destroy(&db->writing);
	pthread_mutex_destroy(&db->lock);
	free(db);
}

void
store_mem_fail(void *db, unsigned n, enum err e)
{
	struct mem *m = db;

	pthread_mutex_lock(&m->lock);
	m->fail_at = n;
	m->fail_with = e;
	pthread_mutex_unlock(&m->lock);
}

/* With the lock held. */
static enum err
due_failure(struct mem *db)
{
	if (db->fail_at == 0 || --db->fail_at > 0)
		return OK;
	return db->fail_with;
}

static enum err
mem_begin(void *arg, void *parent, bool write, void **out_txn,
    struct why *out_why)
{
	struct mem *db = arg;
	struct mem_txn *t = xcalloc(1, sizeof(*t));
	struct shelf **from;

	(void)out_why;
	if (write && !parent)
		pthread_mutex_lock(&db->writing);
	t->db = db;
	t->parent = parent;
	t->write = write;
	from = parent ? t->parent->shelves : db->shelves;
	pthread_mutex_lock(&db->lock);
	for (int i = 0; i < TABLE_COUNT; i++)
		t->shelves[i] = shelf_ref(from[i]);
	pthread_mutex_unlock(&db->lock);
	*out_txn = t;
	return OK;
}

static void
txn_end(struct mem_txn *t)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		shelf_unref(t->shelves[i]);
	pthread_mutex_unlock(&t->db->lock);
	if (t->write && !t->parent)
		pthread_mutex_unlock(&t->db->writing);
	free(t);
}

static void
mem_abort(void *arg)
{
	struct mem_txn *t = arg;

	pthread_mutex_lock(&t->db->lock);
	txn_end(t);
}

static enum err
mem_commit(void *arg, struct why *out_why)
{
	struct mem_txn *t = arg;
	struct shelf **to = t->parent ? t->parent->shelves : t->db->shelves;
	enum err e = OK;

	pthread_mutex_lock(&t->db->lock);
	if (t->write)
		e = due_failure(t->db);
	for (int i = 0; t->write && !e && i < TABLE_COUNT; i++) {
		struct shelf *old = to[i];

		to[i] = t->shelves[i];
		t->shelves[i] = old;
	}
	txn_end(t);
	return e
	    ? why_set(out_why, e, "store", "cannot commit: %s", err_text(e))
	    : OK;
}

static enum err
mem_get(void *arg, enum table table, struct str key, struct str *out_value)
{
	struct mem_txn *t = arg;
	bool same;
	size_t at = shelf_find(t->shelves[table], key, &same);

	if (!same)
		return ERR_UNKNOWN;
	*out_value = pair_value(t->shelves[table]->pairs[at]);
	return OK;
}

static enum err
mem_put(void *arg, enum table table, struct str key, struct str value)
{
	struct mem_txn *t = arg;
	struct shelf *s;
	bool same;
	size_t at;
	enum err e;

	if (key.len == 0 || key.len > KEY_MAX)
		return ERR_VALUE;
	pthread_mutex_lock(&t->db->lock);
	e = due_failure(t->db);
	if (!e) {
		/* Copied first: the value may be one that was lent. */
		struct pair *fresh = pair_new(key, value);

		s = t->shelves[table] = shelf_own(t->shelves[table]);
		at = shelf_find(s, key, &same);
		if (same)
			shelf_remove(s, at);
		shelf_insert(s, at, fresh);
	}
	pthread_mutex_unlock(&t->db->lock);
	return e;
}

static enum err
mem_del(void *arg, enum table table, struct str key)
{
	struct mem_txn *t = arg;
	struct shelf *s;
	bool same;
	size_t at;
	enum err e;

	pthread_mutex_lock(&t->db->lock);
	e = due_failure(t->db);
	if (!e) {
		s = t->shelves[table] = shelf_own(t->shelves[table]);
		at = shelf_find(s, key, &same);
		if (same)
			shelf_remove(s, at);
		else
			e = ERR_UNKNOWN;
	}
	pthread_mutex_unlock(&t->db->lock);
	return e;
}

static enum err
mem_scan(void *arg, enum table table, struct str from, bool backwards,
    store_scan_fn *fn, void *fn_arg)
{
	struct mem_txn *t = arg;
	const struct shelf *s = t->shelves[table];
	bool same;
	size_t at = shelf_find(s, from, &same);

	/* Backwards, `at` counts the pairs that are still to come. */
	if (backwards && from.len == 0)
		at = s->count;
	else if (backwards && same)
		at++;
	while (backwards ? at > 0 : at < s->count) {
		const struct pair *p = s->pairs[backwards ? --at : at++];

		if (!fn(fn_arg, pair_key(p), pair_value(p)))
			break;
	}
	return OK;
}

static void
mem_space(void *arg, uint64_t *out_used, uint64_t *out_size)
{
	struct mem *db = arg;
	uint64_t used = 0;

	pthread_mutex_lock(&db->lock);
	for (int t = 0; t < TABLE_COUNT; t++) {
		const struct shelf *s = db->shelves[t];

		for (size_t i = 0; i < s->count; i++)
			used += s->pairs[i]->key_len + s->pairs[i]->value_len;
	}
	pthread_mutex_unlock(&db->lock);
	*out_used = used;
	*out_size = UINT64_MAX;
}

const struct store_ops store_mem = {
	.name = "mem",
	.open = mem_open,
	.close = mem_close,
	.begin = mem_begin,
	.commit = mem_commit,
	.abort = mem_abort,
	.get = mem_get,
	.put = mem_put,
	.del = mem_del,
	.scan = mem_scan,
	.space = mem_space,
};
