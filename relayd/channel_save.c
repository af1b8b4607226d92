/* SPDX-License-Identifier: MIT */
/* channel_save.c - channels to the store and back: loading, saving, removing.
 *
 * The work runs on the store's writer, which alone can seal and open; the list
 * is changed on the loop when the store has committed. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/channel.h"
#include "relayd/loop.h"

/* The most a record may take. */
#define RECORD_MAX (16 * 1024)

static struct seal_place
place_of(struct str name, enum channel_secret s)
{
	return (struct seal_place){ .table = STR("channel"),
		.record = name,
		.field = str_of(channel_secret_name(s)) };
}

static struct str *
sealed_of(struct channel_rec *r, enum channel_secret s)
{
	return s == CHANNEL_SECRET ? &r->secret
	    : s == CHANNEL_SIGN	   ? &r->sign
				   : &r->proxy_password;
}

/* Open what is sealed into the arena; nothing sealed is an empty str. */
static enum err
open_secrets(struct txn *t, struct channel_rec *r,
    struct str out[CHANNEL_SECRETS])
{
	enum err e = OK;

	for (int i = 0; i < CHANNEL_SECRETS; i++)
		out[i] = (struct str){ .at = NULL, .len = 0 };
	for (int i = 0; !e && i < CHANNEL_SECRETS; i++) {
		struct seal_place place =
		    place_of(r->name, (enum channel_secret)i);
		struct str sealed = *sealed_of(r, (enum channel_secret)i);
		struct buf plain;

		if (!sealed.len)
			continue;
		buf_init(&plain, RECORD_MAX);
		e = seal_open(txn_seal(t), &place, sealed, &plain);
		if (!e)
			e = arena_put(txn_arena(t), buf_str(&plain), &out[i]);
		buf_wipe(&plain);
	}
	return e;
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct channels *channels;
	struct txn *txn;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct channel *c = xcalloc(1, sizeof(*c));
	struct str secrets[CHANNEL_SECRETS];
	struct channel_rec rec;
	enum err e;

	e = channel_rec_read(value, &rec);
	if (!e)
		e = open_secrets(l->txn, &rec, secrets);
	if (!e)
		e = channel_adopt(c, xmemdup(value.at, value.len), value.len,
		    secrets);
	if (e) {
		free(c);
		l->job.result = why_set(l->why, e, "channel",
		    "the channel %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	channels_insert(l->channels, c);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->txn = t;
	l->why = out_why;
	e = txn_scan(t, TABLE_channel, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
channels_load(struct channels *cs, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .channels = cs };
	enum err e;

	e = store_now(cs->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- saving ---------------------------------------------------------------- */

struct save {
	struct job job;
	struct channels *channels;
	char *blob; /* the record asked for, then the one stored */
	size_t blob_len;
	char *name;
	char *secrets[CHANNEL_SECRETS]; /* NULL: keep */
	bool must_exist, remove;
	uint64_t if_rev;
	struct audit_who who;		    /* method NULL: nobody */
	struct str opened[CHANNEL_SECRETS]; /* new; then old, to be dropped */
	channel_saved *done;
	void *arg;
};

static void
save_free(struct save *s)
{
	for (int i = 0; i < CHANNEL_SECRETS; i++) {
		if (s->secrets[i])
			explicit_bzero(s->secrets[i], strlen(s->secrets[i]));
		free(s->secrets[i]);
	}
	free(s->blob);
	free(s->name);
	free(s);
}

/* What stands in the store now, as bytes of our own, and whether that allows
 * the save. */
static enum err
take_stored(struct save *s, struct txn *t, char **out_blob,
    struct channel_rec *out_old, struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_blob = NULL;
	*out_old = (struct channel_rec){ .rev = 0 };
	e = txn_get(t, TABLE_channel, str_of(s->name), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no channel %s", s->name);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is a channel %s already", s->name);
	/* Sealing and storing move the pages that it lies in. */
	*out_blob = xmemdup(stored.at, stored.len);
	e = channel_rec_read(str_at(*out_blob, stored.len), out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->name,
		    (unsigned long long)out_old->rev);
	return e;
}

/* Seal what is new, keep what is not. */
static enum err
seal_secrets(struct save *s, struct txn *t, struct channel_rec *old,
    struct channel_rec *r, struct buf sealed[CHANNEL_SECRETS])
{
	enum err e = OK;

	for (int i = 0; !e && i < CHANNEL_SECRETS; i++) {
		struct seal_place place =
		    place_of(r->name, (enum channel_secret)i);
		struct str *to = sealed_of(r, (enum channel_secret)i);

		*to = s->secrets[i] ? STR("")
				    : *sealed_of(old, (enum channel_secret)i);
		if (!s->secrets[i] || !s->secrets[i][0])
			continue;
		e = seal_close(txn_seal(t), &place, str_of(s->secrets[i]),
		    &sealed[i]);
		*to = buf_str(&sealed[i]);
	}
	return e;
}

static enum err
store_record(struct save *s, struct txn *t, struct channel_rec *old,
    struct channel_rec *r)
{
	struct buf sealed[CHANNEL_SECRETS], out;
	enum err e;

	for (int i = 0; i < CHANNEL_SECRETS; i++)
		buf_init(&sealed[i], RECORD_MAX);
	buf_init(&out, RECORD_MAX);
	e = seal_secrets(s, t, old, r, sealed);
	r->rev = old->rev + 1;
	r->changed_at = (uint64_t)clock_wall_ms();
	r->created_at = old->rev ? old->created_at : r->changed_at;
	if (!e)
		e = channel_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_channel, r->name, buf_str(&out));
	if (!e)
		e = open_secrets(t, r, s->opened);
	if (!e) {
		/* r pointed into what is freed here, and into `sealed`. */
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
		e = channel_rec_read(str_at(s->blob, s->blob_len), r);
	}
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		buf_fini(&sealed[i]);
	buf_fini(&out);
	return e;
}

static enum err
change(struct save *s, struct txn *t, struct channel_rec *old,
    struct why *out_why)
{
	const struct audit_who *who = s->who.method ? &s->who : NULL;
	struct channel_rec r;
	enum err e;

	if (s->remove) {
		e = audit_write(t, who, "channel", str_of(s->name),
		    &channel_kind, old, NULL, out_why);
		return e ? e : txn_del(t, TABLE_channel, str_of(s->name));
	}
	e = channel_rec_read(str_at(s->blob, s->blob_len), &r);
	if (!e)
		e = store_record(s, t, old, &r);
	if (!e)
		e = audit_write(t, who, "channel", r.name, &channel_kind,
		    old->rev ? old : NULL, &r, out_why);
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct channel_rec old;
	char *old_blob;
	enum err e;

	e = take_stored(s, t, &old_blob, &old, out_why);
	if (!e)
		e = change(s, t, &old, out_why);
	free(old_blob);
	return e;
}

static enum err
drop_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;

	(void)out_why;
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		if (s->opened[i].len)
			arena_drop(txn_arena(t), s->opened[i]);
	return OK;
}

static void
drop_done(struct job *j)
{
	save_free((struct save *)j);
}

/* Nobody points at these any more: let the writer wipe them. */
static void
drop_secrets(struct save *s, const struct str secrets[CHANNEL_SECRETS])
{
	size_t any = 0;

	for (int i = 0; i < CHANNEL_SECRETS; i++) {
		s->opened[i] = secrets[i];
		any |= secrets[i].len;
	}
	if (!any) {
		save_free(s);
		return;
	}
	s->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(s->channels->store, LANE_WRITE, &s->job);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct channels *cs = s->channels;
	struct channel *c = channel_find(cs, str_of(s->name));
	struct str old[CHANNEL_SECRETS] = { { .at = NULL } };
	bool is_new = !c;
	enum err e = j->result;

	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		memcpy(old, s->opened, sizeof(old));
		drop_secrets(s, old);
		return;
	}
	if (c)
		memcpy(old, c->secrets, sizeof(old));
	if (s->remove) {
		assert(c);
		s->done(s->arg, OK, &j->why, c);
		channels_remove(cs, c);
		drop_secrets(s, old);
		return;
	}
	if (is_new)
		c = xcalloc(1, sizeof(*c));
	e = channel_adopt(c, s->blob, s->blob_len, s->opened);
	/* channel_check() has passed what was written. */
	assert(e == OK);
	s->blob = NULL;
	if (is_new)
		channels_insert(cs, c);
	s->done(s->arg, OK, &j->why, c);
	drop_secrets(s, old);
}

static struct save *
save_new(struct channels *cs, struct str name, uint64_t if_rev,
    const struct audit_who *who, channel_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->channels = cs;
	s->name = xmemdup(name.at, name.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
channel_save(struct channels *cs, const struct channel_rec *r,
    const struct channel_secrets *secrets, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, channel_saved *done, void *arg)
{
	struct save *s = save_new(cs, r->name, if_rev, who, done, arg);
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	buf_init(&blob, RECORD_MAX);
	e = channel_rec_write(r, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		if (secrets->at[i].at)
			s->secrets[i] =
			    xmemdup(secrets->at[i].at, secrets->at[i].len);
	store_post(cs->store, LANE_WRITE, &s->job);
}

void
channel_delete(struct channels *cs, struct str name, uint64_t if_rev,
    const struct audit_who *who, channel_saved *done, void *arg)
{
	struct save *s = save_new(cs, name, if_rev, who, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(cs->store, LANE_WRITE, &s->job);
}
