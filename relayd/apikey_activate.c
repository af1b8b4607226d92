/* SPDX-License-Identifier: MIT */
/* apikey_activate.c - keys whose time begins with their first use.
 *
 * The writer compares what lies in the store and swaps it, so the first of
 * several uses counts, and the moment is the same ever after.  Requests do not
 * wait for it: until it is stored the key is used as it was, and a crash in
 * between leaves it to the next use. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/loop.h"

#define RECORD_MAX (8 * 1024)

struct activation {
	struct job job;
	struct keyring *ring;
	char id[16];
	uint64_t at_wall_ms;
	struct buf out; /* empty: nothing was to be done any more */
};

static enum err
activate(struct activation *a, struct txn *t, const struct apikey_rec *old,
    struct why *out_why)
{
	struct apikey_rec r = *old;

	if (old->deleted_at || !apikey_is_unused(old))
		return OK;
	r.activated_at = a->at_wall_ms;
	r.expires_at = a->at_wall_ms + r.expires_after;
	return apikey_put(t, old, &r, NULL, &a->out, out_why);
}

static enum err
activate_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct activation *a = (struct activation *)j;
	struct apikey_rec old;
	struct str stored;
	char *blob;
	enum err e;

	e = txn_get(t, TABLE_apikey, str_of(a->id), &stored);
	if (e)
		return e;
	/* Writing moves the page that it lies in. */
	blob = xmemdup(stored.at, stored.len);
	e = apikey_rec_read(str_at(blob, stored.len), &old);
	if (!e)
		e = activate(a, t, &old, out_why);
	free(blob);
	return e;
}

static void
activate_done(struct job *j)
{
	struct activation *a = (struct activation *)j;
	struct apikey *k = keyring_id(a->ring, str_of(a->id));
	size_t len;
	char *blob;

	if (k)
		k->activating = false;
	if (k && !j->result && buf_len(&a->out)) {
		blob = buf_take(&a->out, &len);
		keyring_take_up(a->ring, blob, len);
	}
	buf_fini(&a->out);
	free(a);
}

void
apikey_activate(struct keyring *ring, struct apikey *k, int64_t wall_ms)
{
	struct activation *a;

	if (k->activating || k->deleted || !apikey_is_unused(&k->rec))
		return;
	a = xcalloc(1, sizeof(*a));
	a->job = (struct job){ .work = activate_work, .done = activate_done };
	a->ring = ring;
	a->at_wall_ms = (uint64_t)wall_ms;
	snprintf(a->id, sizeof(a->id), "%.*s", STR_ARG(k->rec.id));
	buf_init(&a->out, RECORD_MAX);
	k->activating = true;
	store_post(ring->store, LANE_WRITE, &a->job);
}
