/* SPDX-License-Identifier: MIT */
/* account_save.c - accounts to the store and back: loading, saving, removing.
 *
 * The work runs on the store's writer, which alone can seal and open; the
 * pool is changed on the loop when the store has committed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/account.h"
#include "relayd/audit.h"
#include "relayd/group.h"
#include "relayd/loop.h"

#define RECORD_MAX ACCOUNT_RECORD_MAX

struct seal_place
account_place(struct str name, const char *field)
{
	return (struct seal_place){
		.table = STR("account"), .record = name, .field = str_of(field)
	};
}

enum err
account_open_field(struct txn *t, struct str name, const char *field,
    struct str sealed, struct str *out)
{
	struct seal_place place = account_place(name, field);
	struct buf plain;
	enum err e;

	*out = (struct str){ .at = NULL, .len = 0 };
	if (!sealed.len)
		return OK;
	buf_init(&plain, RECORD_MAX);
	e = seal_open(txn_seal(t), &place, sealed, &plain);
	if (!e)
		e = arena_put(txn_arena(t), buf_str(&plain), out);
	buf_wipe(&plain);
	return e;
}

struct load {
	struct job job;
	struct pool *pool;
	struct txn *txn;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct account *a = xcalloc(1, sizeof(*a));
	struct str credential = STR(""), password = STR("");
	struct account_rec rec;
	enum err e;

	e = account_rec_read(value, &rec);
	if (!e)
		e = account_open_field(l->txn, key, "credential",
		    rec.credential, &credential);
	if (!e)
		e = account_open_field(l->txn, key, "proxy_password",
		    rec.proxy_password, &password);
	if (!e)
		e = account_adopt(l->pool, a, xmemdup(value.at, value.len),
		    value.len, credential, password);
	if (e) {
		free(a);
		l->job.result = why_set(l->why, e, "account",
		    "the account %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	pool_insert(l->pool, a);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->txn = t;
	l->why = out_why;
	e = txn_scan(t, TABLE_account, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
pool_load(struct pool *p, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .pool = p };
	enum err e;

	e = store_now(p->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* One save or deletion on its way to the store and back. */
struct save {
	struct job job;
	struct pool *pool;
	char *blob; /* the record asked for, then the one stored */
	size_t blob_len;
	char *name;
	char *credential, *proxy_password; /* NULL: keep */
	char *refresh_token;
	bool signed_in;
	bool must_exist, remove;
	uint64_t if_rev;
	struct audit_who who;	   /* method NULL: nobody */
	struct str old_secrets[2]; /* to be dropped once replaced */
	struct str new_secrets[2];
	account_saved *done;
	void *arg;
};

static void
wipe(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void
save_free(struct save *s)
{
	free(s->blob);
	free(s->name);
	wipe(s->credential);
	wipe(s->proxy_password);
	wipe(s->refresh_token);
	free(s);
}

/* Seal a new secret, or keep what the old record has. */
static enum err
seal_field(struct txn *t, struct str name, const char *field, const char *plain,
    struct str old, struct buf *out, struct str *out_sealed)
{
	struct seal_place place = account_place(name, field);
	size_t before = buf_len(out);
	enum err e = OK;

	if (plain && *plain)
		e = seal_close(txn_seal(t), &place, str_of(plain), out);
	else if (!plain && old.len)
		e = buf_add(out, old);
	if (!e)
		*out_sealed = str_skip(buf_str(out), before);
	return e;
}

/* What stands in the store now, and whether that allows the save. */
static enum err
check_stored(struct save *s, struct txn *t, struct account_rec *out_old,
    struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_old = (struct account_rec){ .rev = 0 };
	e = txn_get(t, TABLE_account, str_of(s->name), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no account %s", s->name);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is an account %s already", s->name);
	e = account_rec_read(stored, out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->name,
		    (unsigned long long)out_old->rev);
	return e;
}

/* What a sign-in told belongs to the tokens: both are the store's, where a
 * renewal may have been since the record was drafted, or both are new. */
static void
keep_signed_in(const struct save *s, const struct account_rec *old,
    struct account_rec *r)
{
	if (s->signed_in)
		return;
#define X(name) r->name = old->name;
#include "relayd/grant.def"
#undef X
	r->renewed_at = s->credential ? 0 : old->renewed_at;
	r->expires_at = s->credential ? 0 : old->expires_at;
}

static enum err
store_record(struct save *s, struct txn *t, const struct account_rec *old,
    struct account_rec *r)
{
	struct buf sealed[3], out;
	enum err e;

	buf_init(&sealed[0], RECORD_MAX);
	buf_init(&sealed[1], RECORD_MAX);
	buf_init(&sealed[2], RECORD_MAX);
	buf_init(&out, RECORD_MAX);
	e = seal_field(t, r->name, "credential", s->credential, old->credential,
	    &sealed[0], &r->credential);
	if (!e)
		e = seal_field(t, r->name, "proxy_password", s->proxy_password,
		    old->proxy_password, &sealed[1], &r->proxy_password);
	if (!e)
		e = seal_field(t, r->name, "refresh_token", s->refresh_token,
		    old->refresh_token, &sealed[2], &r->refresh_token);
	keep_signed_in(s, old, r);
	r->rev = old->rev + 1;
	r->changed_at = (uint64_t)clock_wall_ms();
	r->created_at = old->rev ? old->created_at : r->changed_at;
	if (!e)
		e = account_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_account, r->name, buf_str(&out));
	if (!e)
		e = account_open_field(t, r->name, "credential", r->credential,
		    &s->new_secrets[0]);
	if (!e)
		e = account_open_field(t, r->name, "proxy_password",
		    r->proxy_password, &s->new_secrets[1]);
	if (!e) {
		/* r pointed into what is freed here, and into `sealed`. */
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
		e = account_rec_read(str_at(s->blob, s->blob_len), r);
	}
	buf_fini(&sealed[0]);
	buf_fini(&sealed[1]);
	buf_fini(&sealed[2]);
	buf_fini(&out);
	return e;
}

static enum err
remove_record(struct save *s, struct txn *t, const struct account_rec *old,
    struct why *out_why)
{
	enum err e;

	e = audit_write(t, s->who.method ? &s->who : NULL, "account",
	    str_of(s->name), &account_kind, old, NULL, out_why);
	if (!e)
		e = txn_del(t, TABLE_renewal, str_of(s->name));
	if (!e || e == ERR_UNKNOWN)
		e = txn_del(t, TABLE_account, str_of(s->name));
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct account_rec old, r;
	char ends[5] = "";
	char *old_blob = NULL;
	enum err e;

	e = check_stored(s, t, &old, out_why);
	if (e)
		return e;
	if (s->remove)
		return remove_record(s, t, &old, out_why);
	e = account_rec_read(str_at(s->blob, s->blob_len), &r);
	if (e)
		return e;
	r.credential_end = old.credential_end;
	if (s->credential) {
		size_t n = strlen(s->credential);

		/* Enough to recognise it, too little to be of use. */
		snprintf(ends, sizeof(ends), "%s",
		    n >= 16 ? s->credential + n - 4 : "");
		r.credential_end = str_of(ends);
	}
	/* Sealing and storing move the pages that `old` points into. */
	if (old.rev) {
		struct buf copy;

		buf_init(&copy, RECORD_MAX);
		e = account_rec_write(&old, &copy);
		if (!e) {
			size_t len;

			old_blob = buf_take(&copy, &len);
			e = account_rec_read(str_at(old_blob, len), &old);
		}
		buf_fini(&copy);
		if (!e && !s->credential)
			r.credential_end = old.credential_end;
	}
	if (!e)
		e = store_record(s, t, &old, &r);
	if (!e && s->signed_in) {
		/* What became of a renewal no longer matters. */
		e = txn_del(t, TABLE_renewal, r.name);
		if (e == ERR_UNKNOWN)
			e = OK;
	}
	if (!e)
		e = audit_write(t, s->who.method ? &s->who : NULL, "account",
		    r.name, &account_kind, old.rev ? &old : NULL, &r, out_why);
	free(old_blob);
	return e;
}

static enum err
drop_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;

	(void)out_why;
	arena_drop(txn_arena(t), s->old_secrets[0]);
	arena_drop(txn_arena(t), s->old_secrets[1]);
	return OK;
}

static void
drop_done(struct job *j)
{
	save_free((struct save *)j);
}

/* The pool no longer points at these: let the writer wipe them. */
static void
drop_secrets(struct save *s, struct str a, struct str b)
{
	if (!a.len && !b.len) {
		save_free(s);
		return;
	}
	s->old_secrets[0] = a;
	s->old_secrets[1] = b;
	s->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(s->pool->store, LANE_WRITE, &s->job);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct pool *p = s->pool;
	struct account *a = pool_find(p, str_of(s->name));
	struct str old[2] = { { .at = NULL }, { .at = NULL } };
	enum err e = j->result;

	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		drop_secrets(s, s->new_secrets[0], s->new_secrets[1]);
		return;
	}
	if (a) {
		old[0] = a->credential;
		old[1] = a->proxy_password;
	}
	if (s->remove) {
		assert(a);
		TAILQ_REMOVE(&p->accounts, a, link);
		p->count--;
		if (p->on_gone)
			p->on_gone(p->on_gone_arg, a);
		pool_moved(p, a);
		p->generation++;
		if (p->groups)
			groups_forget(p->groups, a);
		s->done(s->arg, OK, &j->why, NULL);
		a->deleted = true;
		if (!a->in_flight)
			loop_bury(p->loop, account_free, a);
		drop_secrets(s, old[0], old[1]);
		return;
	}
	if (!a) {
		a = xcalloc(1, sizeof(*a));
		e = account_adopt(p, a, s->blob, s->blob_len, s->new_secrets[0],
		    s->new_secrets[1]);
		if (!e)
			pool_insert(p, a);
	} else {
		e = account_adopt(p, a, s->blob, s->blob_len, s->new_secrets[0],
		    s->new_secrets[1]);
		pool_moved(p, a);
	}
	s->blob = NULL;
	if (!e)
		pool_note_room(p, a);
	/* account_check() has passed what was written. */
	assert(e == OK);
	s->done(s->arg, OK, &j->why, a);
	drop_secrets(s, old[0], old[1]);
}

static struct save *
save_new(struct pool *p, struct str name, uint64_t if_rev,
    const struct audit_who *who, account_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->pool = p;
	s->name = xmemdup(name.at, name.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
account_save(struct pool *p, const struct account_rec *r,
    const struct account_secrets *secrets, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, account_saved *done, void *arg)
{
	struct save *s = save_new(p, r->name, if_rev, who, done, arg);
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	buf_init(&blob, RECORD_MAX);
	e = account_rec_write(r, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	if (secrets && secrets->credential.at)
		s->credential =
		    xmemdup(secrets->credential.at, secrets->credential.len);
	if (secrets && secrets->proxy_password.at)
		s->proxy_password = xmemdup(secrets->proxy_password.at,
		    secrets->proxy_password.len);
	if (secrets && secrets->refresh_token.at)
		s->refresh_token = xmemdup(secrets->refresh_token.at,
		    secrets->refresh_token.len);
	s->signed_in = secrets && secrets->signed_in;
	store_post(p->store, LANE_WRITE, &s->job);
}

void
account_delete(struct pool *p, struct str name, uint64_t if_rev,
    const struct audit_who *who, account_saved *done, void *arg)
{
	struct save *s = save_new(p, name, if_rev, who, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(p->store, LANE_WRITE, &s->job);
}
