/* SPDX-License-Identifier: MIT */
/* ledger_query.c - questions about receipts.
 *
 * Each is a job of the store's reader.  A transaction that stays open keeps
 * the store from using its free pages, so a long question looks at ROWS_MAX
 * rows, goes back to the queue, and goes on from there in another one. */
#include <stdlib.h>

#include "proto/mem.h"

#include "store/journal.h"
#include "store/store.h"

#include "relayd/ledger.h"
#include "relayd/receipt.h"

#define ROWS_MAX 16384 /* some 20 ms */

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

/* --- receipts -------------------------------------------------------------- */

struct receipts_job {
	struct job job;
	struct store *store;
	struct receipts_query q; /* its texts are ours */
	struct str *keys;	 /* of q */
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
is_listed(const struct receipts_query *q, struct str key_id)
{
	for (size_t i = 0; i < q->key_count; i++)
		if (str_eq(q->keys[i], key_id))
			return true;
	return !q->keys;
}

static bool
has_tag(struct str tags, struct str tag)
{
	struct str member;

	while (str_list_next(&tags, &member))
		if (str_eq(member, tag))
			return true;
	return false;
}

static bool
wanted(const struct receipts_query *q, const struct receipt_rec *r)
{
	return is_listed(q, r->key_id) &&
	    (!q->key_id.at || str_eq(q->key_id, r->key_id)) &&
	    (!q->account.at || str_eq(q->account, r->account)) &&
	    (!q->model.at || str_eq(q->model, r->model)) &&
	    (!q->client.at || str_eq(q->client, r->client)) &&
	    (!q->user.at || str_eq(q->user, r->user)) &&
	    (!q->tag.at || has_tag(r->tags, q->tag)) &&
	    (!q->outcome || r->outcome == (uint64_t)q->outcome - 1);
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
	str_free(r->q.client);
	str_free(r->q.user);
	str_free(r->q.tag);
	for (size_t i = 0; i < r->q.key_count; i++)
		str_free(r->keys[i]);
	free(r->keys);
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
	r->q.client = str_keep(q->client);
	r->q.user = str_keep(q->user);
	r->q.tag = str_keep(q->tag);
	if (q->keys) {
		r->keys = xcalloc(q->key_count + 1, sizeof(*r->keys));
		for (size_t i = 0; i < q->key_count; i++)
			r->keys[i] = str_keep(q->keys[i]);
		r->q.keys = r->keys;
	}
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
