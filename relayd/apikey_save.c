/* SPDX-License-Identifier: MIT */
/* apikey_save.c - keys between the store and the loop: loading and changing
 * them. */
#include <assert.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/keybatch.h"
#include "relayd/keycopy.h"
#include "relayd/loop.h"

#define RECORD_MAX (8 * 1024)

struct load {
	struct job job;
	struct keyring *ring;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct apikey *k = xcalloc(1, sizeof(*k));
	enum err e;

	e = apikey_adopt(k, xmemdup(value.at, value.len), value.len);
	if (e) {
		free(k);
		l->job.result =
		    why_set(l->why, e, "key", "the key %.*s cannot be read: %s",
			STR_ARG(key), err_text(e));
		return false;
	}
	keyring_insert(l->ring, k);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	seal_key_index(txn_seal(t), &l->ring->index);
	/* First the people, whom the keys ask as they come. */
	e = users_load(&l->ring->users, t, out_why);
	if (!e)
		e = salts_load(&l->ring->salts, t, out_why);
	if (!e)
		e = keybatch_recover(t, out_why);
	if (!e)
		e = keycopy_recover(t, out_why);
	if (!e)
		e = txn_scan(t, TABLE_apikey, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
keyring_load(struct keyring *k, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .ring = k };
	enum err e;

	e = store_now(k->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

struct save {
	struct job job;
	struct keyring *ring;
	char *blob;
	size_t blob_len;
	char *id;
	char *value; /* a new one; NULL: it has the one it had */
	bool must_exist;
	uint64_t if_rev;
	struct audit_who who; /* method NULL: nobody */
	apikey_saved *done;
	void *arg;
	/* Of a new one.  The blob above is the writer's to replace. */
	struct apikey_making making;
};

static void
making_begin(struct save *s)
{
	struct apikey_making *m = &s->making;
	enum err e;

	m->count = 1;
	m->blob = xmemdup(s->blob, s->blob_len);
	e = apikey_rec_read(str_at(m->blob, s->blob_len), &m->rec);
	/* It has just been encoded. */
	assert(e == OK);
	TAILQ_INSERT_TAIL(&s->ring->making, m, link);
}

static void
making_end(struct save *s)
{
	if (!s->making.blob)
		return;
	TAILQ_REMOVE(&s->ring->making, &s->making, link);
	free(s->making.blob);
	s->making.blob = NULL;
}

static void
save_free(struct save *s)
{
	if (s->value)
		sodium_memzero(s->value, strlen(s->value));
	free(s->value);
	free(s->blob);
	free(s->id);
	free(s);
}

static enum err
check_stored(struct save *s, struct txn *t, struct apikey_rec *out_old,
    struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_old = (struct apikey_rec){ .rev = 0 };
	e = txn_get(t, TABLE_apikey, str_of(s->id), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "id", "no key %s", s->id);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "id",
		    "there is a key %s already", s->id);
	e = apikey_rec_read(stored, out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->id,
		    (unsigned long long)out_old->rev);
	return e;
}

/* A home of its own for a record that lies in the store. */
static enum err
copy_record(struct apikey_rec *io, char **out_blob)
{
	struct buf copy;
	size_t len;
	enum err e;

	buf_init(&copy, RECORD_MAX);
	e = apikey_rec_write(io, &copy);
	if (!e) {
		*out_blob = buf_take(&copy, &len);
		e = apikey_rec_read(str_at(*out_blob, len), io);
	}
	buf_fini(&copy);
	return e;
}

enum err
apikey_put(struct txn *t, const struct apikey_rec *old, struct apikey_rec *io,
    const struct audit_who *who, struct buf *out, struct why *out_why)
{
	enum err e;

	io->rev = old->rev + 1;
	io->changed_at = (uint64_t)clock_wall_ms();
	io->created_at = old->rev ? old->created_at : io->changed_at;
	e = audit_write(t, who, "key", io->id, &apikey_kind,
	    old->rev ? old : NULL, io, out_why);
	if (!e)
		e = apikey_rec_write(io, out);
	return e ? e : txn_put(t, TABLE_apikey, io->id, buf_str(out));
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct apikey_rec old, r;
	char *old_blob = NULL;
	struct buf out;
	enum err e;

	e = check_stored(s, t, &old, out_why);
	if (e)
		return e;
	e = apikey_rec_read(str_at(s->blob, s->blob_len), &r);
	if (e)
		return e;
	buf_init(&out, RECORD_MAX);
	/* Of what stood there: writing the audit moves it. */
	if (old.rev)
		e = copy_record(&old, &old_blob);
	if (!e)
		e = apikey_put(t, &old, &r, s->who.method ? &s->who : NULL,
		    &out, out_why);
	if (!e && s->value)
		e = keycopy_keep(t, r.id, str_of(s->value));
	free(old_blob);
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&out);
	return e;
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct keyring *ring = s->ring;
	struct apikey *k;
	enum err e = j->result;

	making_end(s);
	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		save_free(s);
		return;
	}
	k = keyring_take_up(ring, s->blob, s->blob_len);
	s->blob = NULL;
	s->done(s->arg, OK, &j->why, k);
	save_free(s);
}

static struct save *
save_new(struct keyring *k, struct str id, uint64_t if_rev,
    const struct audit_who *who, apikey_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->ring = k;
	s->id = xmemdup(id.at, id.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
apikey_save(struct keyring *k, const struct apikey_rec *r, struct str value,
    bool must_exist, uint64_t if_rev, const struct audit_who *who,
    apikey_saved *done, void *arg)
{
	struct save *s = save_new(k, r->id, if_rev, who, done, arg);
	struct apikey_rec rec = *r;
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	if (value.len) {
		key_index_of(&k->index, value, rec.hash);
		rec.value_end = str_skip(value, value.len - 4);
		s->value = xmemdup(value.at, value.len);
	}
	buf_init(&blob, RECORD_MAX);
	e = apikey_rec_write(&rec, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	if (!must_exist)
		making_begin(s);
	store_post(k->store, LANE_WRITE, &s->job);
}
