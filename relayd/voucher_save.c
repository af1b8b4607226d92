/* SPDX-License-Identifier: MIT */
/* voucher_save.c - vouchers made and removed, in jobs of the store's writer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/loop.h"
#include "relayd/voucher.h"

/* --- records --------------------------------------------------------------- */

enum err
voucher_get(struct txn *t, struct str id, uint64_t if_rev, char **out_blob,
    struct voucher_rec *out, struct why *out_why)
{
	struct str stored;
	char *blob;
	enum err e = txn_get(t, TABLE_voucher, id, &stored);

	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "voucher", "no voucher %.*s",
		    STR_ARG(str_first(id, 16)));
	if (e)
		return e;
	blob = xmemdup(stored.at, stored.len);
	e = voucher_rec_read(str_at(blob, stored.len), out);
	if (!e && if_rev && out->rev != if_rev)
		e = why_set(out_why, ERR_STALE, "if_rev",
		    "%.*s is at revision %llu by now", STR_ARG(out->id),
		    (unsigned long long)out->rev);
	if (e)
		free(blob);
	else
		*out_blob = blob;
	return e;
}

enum err
voucher_put(struct txn *t, const struct voucher_rec *old,
    struct voucher_rec *io, const struct audit_who *who, struct buf *out,
    struct why *out_why)
{
	enum err e;

	io->rev = old->rev + 1;
	io->changed_at = (uint64_t)clock_wall_ms();
	io->created_at = old->rev ? old->created_at : io->changed_at;
	e = audit_write(t, who, "voucher", io->id, &voucher_kind,
	    old->rev ? old : NULL, io, out_why);
	if (!e)
		e = voucher_rec_write(io, out);
	return e ? e : txn_put(t, TABLE_voucher, io->id, buf_str(out));
}

/* --- making ---------------------------------------------------------------- */

struct piece {
	uint8_t hash[SEAL_INDEX_BYTES];
	char *blob; /* as it is stored */
	size_t len;
};

struct making {
	struct job job;
	struct vouchers *all;
	struct audit_who who;
	char *blob; /* of what they are like */
	struct voucher_rec like;
	struct voucher_made made[VOUCHERS_BATCH];
	struct piece piece[VOUCHERS_BATCH];
	unsigned count;
	vouchers_made *done;
	void *arg;
};

static void
making_free(struct making *m)
{
	for (unsigned i = 0; i < m->count; i++)
		free(m->piece[i].blob);
	free(m->blob);
	sodium_memzero(m, sizeof(*m));
	free(m);
}

static enum err
make_one(struct making *m, unsigned i, struct txn *t, struct why *out_why)
{
	static const struct voucher_rec nothing;
	struct voucher_rec r = m->like;
	struct str had;
	struct buf out;
	enum err e;

	r.id = str_of(m->made[i].id);
	r.code_end = str_of(m->made[i].code + VOUCHER_CODE_LEN - 4);
	memcpy(r.hash, m->piece[i].hash, sizeof(r.hash));
	e = txn_get(t, TABLE_voucher, r.id, &had);
	if (e != ERR_UNKNOWN)
		return e ? e
			 : why_set(out_why, ERR_EXISTS, "voucher",
			       "two got the same name; try again");
	buf_init(&out, VOUCHER_RECORD_MAX);
	e = voucher_put(t, &nothing, &r, &m->who, &out, out_why);
	if (!e)
		m->piece[i].blob = buf_take(&out, &m->piece[i].len);
	buf_fini(&out);
	return e;
}

static enum err
making_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct making *m = (struct making *)j;
	enum err e = OK;

	for (unsigned i = 0; !e && i < m->count; i++)
		e = make_one(m, i, t, out_why);
	return e;
}

static void
making_done(struct job *j)
{
	struct making *m = (struct making *)j;

	for (unsigned i = 0; !j->result && i < m->count; i++) {
		vouchers_take_up(m->all, m->piece[i].blob, m->piece[i].len);
		m->piece[i].blob = NULL;
	}
	m->done(m->arg, j->result, &j->why, m->made, m->count);
	making_free(m);
}

/* What it borrows must last until the writer comes to it. */
static void
keep_model(struct making *m, const struct voucher_rec *like)
{
	struct buf copy;
	size_t len;
	enum err e;

	buf_init(&copy, VOUCHER_RECORD_MAX);
	e = voucher_rec_write(like, &copy);
	/* Its texts have bounds of their own, far below. */
	assert(e == OK);
	m->blob = buf_take(&copy, &len);
	e = voucher_rec_read(str_at(m->blob, len), &m->like);
	assert(e == OK);
	buf_fini(&copy);
}

void
vouchers_make(struct vouchers *all, const struct voucher_rec *like,
    unsigned count, const struct audit_who *who, vouchers_made *done, void *arg)
{
	struct making *m;
	struct why why;

	assert(count > 0 && count <= VOUCHERS_BATCH);
	if (all->count + count > VOUCHERS_MAX) {
		why_set(&why, ERR_LIMIT, "count",
		    "there are %u vouchers, and %d is as many as there can be; "
		    "`voucher rm` removes unused ones",
		    all->count, VOUCHERS_MAX);
		done(arg, ERR_LIMIT, &why, NULL, 0);
		return;
	}
	m = xcalloc(1, sizeof(*m));
	m->job = (struct job){ .work = making_work, .done = making_done };
	m->all = all;
	m->who = *who;
	m->count = count;
	m->done = done;
	m->arg = arg;
	keep_model(m, like);
	for (unsigned i = 0; i < count; i++) {
		apikey_make_id(m->made[i].id);
		m->made[i].id[0] = 'v';
		voucher_make_code(m->made[i].code);
		voucher_code_hash(&all->keys->index, m->made[i].code,
		    m->piece[i].hash);
	}
	store_post(all->store, LANE_WRITE, &m->job);
}

/* --- removing -------------------------------------------------------------- */

struct removal {
	struct job job;
	struct vouchers *all;
	struct audit_who who;
	char *id;
	uint64_t if_rev;
	voucher_saved *done;
	void *arg;
};

static enum err
removal_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct removal *r = (struct removal *)j;
	struct voucher_rec old;
	char *blob;
	enum err e =
	    voucher_get(t, str_of(r->id), r->if_rev, &blob, &old, out_why);

	if (e)
		return e;
	if (old.redeemed_at)
		e = why_set(out_why, ERR_EXISTS, "voucher",
		    "%s was redeemed, and stays as history; `voucher revoke` "
		    "takes back what is left of it",
		    r->id);
	if (!e)
		e = audit_write(t, &r->who, "voucher", old.id, &voucher_kind,
		    &old, NULL, out_why);
	if (!e)
		e = txn_del(t, TABLE_voucher, old.id);
	free(blob);
	return e;
}

static void
removal_done(struct job *j)
{
	struct removal *r = (struct removal *)j;
	struct voucher *v = vouchers_find(r->all, str_of(r->id));

	if (!j->result) {
		assert(v);
		vouchers_drop(r->all, v);
	}
	r->done(r->arg, j->result, &j->why, NULL);
	free(r->id);
	free(r);
}

void
voucher_remove(struct vouchers *all, struct str id, uint64_t if_rev,
    const struct audit_who *who, voucher_saved *done, void *arg)
{
	struct removal *r = xcalloc(1, sizeof(*r));

	r->job = (struct job){ .work = removal_work, .done = removal_done };
	r->all = all;
	r->who = *who;
	r->id = xmemdup(id.at, id.len);
	r->if_rev = if_rev;
	r->done = done;
	r->arg = arg;
	store_post(all->store, LANE_WRITE, &r->job);
}
