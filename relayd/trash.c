/* SPDX-License-Identifier: MIT */
/* trash.c - keys that were deleted, until they are purged. */
#include "relayd/trash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/keycopy.h"
#include "relayd/loop.h"

#define ID_SIZE 10

/* A limit of a key of the slice that is under way. */
struct leftover {
	char id[ID_SIZE];
	unsigned key; /* its place in the slice */
};

struct purge {
	struct job job;
	struct keyring *ring;
	struct budgets *budgets;
	struct audit_who who;
	char (*ids)[ID_SIZE];
	unsigned count, at; /* the slice begins there */
	bool gone[TRASH_SLICE];
	struct leftover *left;
	size_t left_count;
	unsigned purged;
	trash_purged *done;
	void *arg;
};

static unsigned
slice_len(const struct purge *p)
{
	unsigned rest = p->count - p->at;

	return rest < TRASH_SLICE ? rest : TRASH_SLICE;
}

/* --- the writer's part ----------------------------------------------------- */

static enum err
purge_key(struct purge *p, unsigned n, struct txn *t, struct why *out_why)
{
	struct str id = str_of(p->ids[p->at + n]), stored;
	struct apikey_rec old;
	char *blob;
	enum err e = txn_get(t, TABLE_apikey, id, &stored);

	p->gone[n] = false;
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	/* What stands there moves when the audit is written. */
	blob = xmemdup(stored.at, stored.len);
	e = apikey_rec_read(str_at(blob, stored.len), &old);
	if (!e && (old.deleted_at || old.template)) {
		p->gone[n] = true;
		e = audit_write(t, &p->who, "key", id, &apikey_kind, &old, NULL,
		    out_why);
		if (!e)
			e = txn_del(t, TABLE_apikey, id);
		if (!e)
			e = keycopy_forget(t, id);
	}
	free(blob);
	return e;
}

static enum err
purge_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct purge *p = (struct purge *)j;
	enum err e = OK;

	for (unsigned i = 0; !e && i < slice_len(p); i++)
		e = purge_key(p, i, t, out_why);
	for (size_t i = 0; !e && i < p->left_count; i++)
		if (p->gone[p->left[i].key])
			e = budget_del(t, str_of(p->left[i].id), &p->who,
			    out_why);
	return e;
}

/* --- the loop's ------------------------------------------------------------ */

static void
gather_limits(struct purge *p)
{
	const struct budget *b;

	p->left_count = 0;
	TAILQ_FOREACH (b, &p->budgets->list, link) {
		if (b->scope != BUDGET_KEY)
			continue;
		for (unsigned i = 0; i < slice_len(p); i++) {
			struct leftover l = { .key = i };

			if (!str_eq(b->rec.subject, str_of(p->ids[p->at + i])))
				continue;
			snprintf(l.id, sizeof(l.id), "%.*s",
			    STR_ARG(b->rec.id));
			p->left =
			    xrealloc(p->left, (p->left_count + 1) * sizeof(l));
			p->left[p->left_count++] = l;
		}
	}
}

static void
finish(struct purge *p, enum err e, const struct why *why)
{
	if (p->done)
		p->done(p->arg, e, why, p->purged);
	free(p->left);
	free(p->ids);
	free(p);
}

static void
drop_slice(struct purge *p)
{
	struct apikey *k;
	struct budget *b;

	for (size_t i = 0; i < p->left_count; i++) {
		b = budgets_find(p->budgets, str_of(p->left[i].id));
		if (b && p->gone[p->left[i].key])
			budgets_remove(p->budgets, b);
	}
	for (unsigned i = 0; i < slice_len(p); i++) {
		k = keyring_id(p->ring, str_of(p->ids[p->at + i]));
		if (!k || !p->gone[i])
			continue;
		keyring_drop(p->ring, k);
		p->purged++;
	}
}

static void
purge_done(struct job *j)
{
	struct purge *p = (struct purge *)j;

	if (j->result) {
		finish(p, j->result, &j->why);
		return;
	}
	drop_slice(p);
	p->at += slice_len(p);
	if (p->at == p->count) {
		finish(p, OK, NULL);
		return;
	}
	gather_limits(p);
	store_post(p->ring->store, LANE_WRITE, &p->job);
}

void
trash_purge(struct keyring *ring, struct budgets *budgets,
    const struct str *ids, unsigned count, const struct audit_who *who,
    trash_purged *done, void *arg)
{
	struct purge *p = xcalloc(1, sizeof(*p));

	p->job = (struct job){ .work = purge_work, .done = purge_done };
	p->ring = ring;
	p->budgets = budgets;
	p->who = *who;
	p->done = done;
	p->arg = arg;
	p->count = count;
	p->ids = xcalloc(count + 1, sizeof(*p->ids));
	for (unsigned i = 0; i < count; i++)
		snprintf(p->ids[i], ID_SIZE, "%.*s", STR_ARG(ids[i]));
	if (!count) {
		finish(p, OK, NULL);
		return;
	}
	gather_limits(p);
	store_post(ring->store, LANE_WRITE, &p->job);
}

void
trash_purge_before(struct keyring *ring, struct budgets *budgets,
    int64_t wall_ms, const struct audit_who *who, trash_purged *done, void *arg)
{
	const struct apikey *k;
	struct str *ids = NULL;
	unsigned n = 0;

	TAILQ_FOREACH (k, &ring->trash, link)
		n++;
	ids = xcalloc(n + 1, sizeof(*ids));
	n = 0;
	TAILQ_FOREACH (k, &ring->trash, link)
		if ((int64_t)k->rec.deleted_at < wall_ms)
			ids[n++] = k->rec.id;
	trash_purge(ring, budgets, ids, n, who, done, arg);
	free(ids);
}

void
trash_tend(struct keyring *ring, struct budgets *budgets, int64_t keep_ms)
{
	const struct audit_who who = {
		.uid = getuid(), .pid = getpid(), .method = "trash_keep"
	};

	if (keep_ms && !TAILQ_EMPTY(&ring->trash))
		trash_purge_before(ring, budgets, clock_wall_ms() - keep_ms,
		    &who, NULL, NULL);
}
