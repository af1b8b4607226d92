/* SPDX-License-Identifier: MIT */
/* proxy_save.c - proxies to the store and back: loading, saving, removing.
 *
 * The work runs on the store's writer, which alone can seal and open; the list
 * is changed on the loop when the store has committed, and then the accounts
 * find their way anew before the old password is wiped. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/loop.h"
#include "relayd/proxy.h"

/* The most a record may take. */
#define RECORD_MAX (16 * 1024)

/* What a proxy wants to know of who comes: open in the arena, sealed in the
 * record. */
enum secret {
	SECRET_LOGIN,
	SECRET_PASSWORD,
	SECRETS,
};

static struct seal_place
place_of(struct str name, enum secret which)
{
	return (struct seal_place){ .table = STR("proxy"),
		.record = name,
		.field =
		    which == SECRET_LOGIN ? STR("login") : STR("password") };
}

/* Open what is sealed into the arena; nothing sealed is an empty str. */
static enum err
open_secret(struct txn *t, const struct proxy_rec *r, enum secret which,
    struct str *out)
{
	struct str sealed = which == SECRET_LOGIN ? r->login : r->password;
	struct seal_place place = place_of(r->name, which);
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

static enum err
open_secrets(struct txn *t, const struct proxy_rec *r, struct str out[SECRETS])
{
	enum err e = open_secret(t, r, SECRET_LOGIN, &out[SECRET_LOGIN]);

	return e ? e
		 : open_secret(t, r, SECRET_PASSWORD, &out[SECRET_PASSWORD]);
}

/* The user moves out of the record's plain text.  One that is sealed already
 * stays as it is sealed: nothing has changed. */
static enum err
seal_user(struct txn *t, const struct proxy_rec *old, struct proxy_rec *io,
    struct buf *sealed)
{
	struct seal_place place = place_of(io->name, SECRET_LOGIN);
	enum err e = OK;
	bool is_same;

	if (old->login.len)
		e = seal_open(txn_seal(t), &place, old->login, sealed);
	is_same = !e && str_eq(buf_str(sealed), io->user);
	buf_wipe(sealed);
	if (!e && is_same)
		e = buf_add(sealed, old->login);
	else if (!e && io->user.len)
		e = seal_close(txn_seal(t), &place, io->user, sealed);
	io->login = buf_str(sealed);
	io->user = STR("");
	return e;
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct proxies *proxies;
	struct txn *txn;
	struct why *why;
};

/* A record of before there was a sealed user. */
static enum err
conceal(struct txn *t, struct proxy *p)
{
	struct proxy_rec r = p->rec;
	struct str secrets[SECRETS];
	struct buf sealed, out;
	enum err e;

	buf_init(&sealed, RECORD_MAX);
	buf_init(&out, RECORD_MAX);
	e = seal_user(t, &r, &r, &sealed);
	if (!e)
		e = proxy_rec_write(&r, &out);
	if (!e)
		e = txn_put(t, TABLE_proxy, r.name, buf_str(&out));
	if (!e)
		e = open_secret(t, &r, SECRET_LOGIN, &secrets[SECRET_LOGIN]);
	if (!e) {
		size_t len;
		char *blob = buf_take(&out, &len);

		/* r points into what is wiped and freed here. */
		explicit_bzero(p->blob, p->blob_len);
		e = proxy_adopt(p, blob, len, secrets[SECRET_LOGIN],
		    p->password);
	}
	buf_fini(&sealed);
	buf_fini(&out);
	return e;
}

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct proxy *p = xcalloc(1, sizeof(*p));
	struct str secrets[SECRETS] = { STR(""), STR("") };
	struct proxy_rec rec;
	enum err e;

	e = proxy_rec_read(value, &rec);
	if (!e)
		e = open_secrets(l->txn, &rec, secrets);
	if (!e)
		e = proxy_adopt(p, xmemdup(value.at, value.len), value.len,
		    secrets[SECRET_LOGIN], secrets[SECRET_PASSWORD]);
	if (e) {
		free(p);
		l->job.result = why_set(l->why, e, "proxy",
		    "the proxy %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	proxies_insert(l->proxies, p);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	struct proxy *p;
	enum err e;

	l->txn = t;
	l->why = out_why;
	e = txn_scan(t, TABLE_proxy, STR(""), false, load_one, l);
	if (!e)
		e = l->job.result;
	TAILQ_FOREACH (p, &l->proxies->list, link)
		if (!e && p->rec.user.len)
			e = conceal(t, p);
	return e;
}

enum err
proxies_load(struct proxies *ps, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .proxies = ps };
	enum err e;

	e = store_now(ps->store, LANE_WRITE, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- saving ---------------------------------------------------------------- */

struct save {
	struct job job;
	struct proxies *proxies;
	char *blob; /* the record asked for, then the one stored */
	size_t blob_len;
	char *name;
	char *password; /* NULL: keep */
	bool must_exist, remove;
	uint64_t if_rev;
	struct audit_who who;	    /* method NULL: nobody */
	struct str opened[SECRETS]; /* new; then old, to be dropped */
	proxy_saved *done;
	void *arg;
};

static void
save_free(struct save *s)
{
	if (s->password)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	/* Until it is stored the user stands in it. */
	if (s->blob)
		explicit_bzero(s->blob, s->blob_len);
	free(s->blob);
	free(s->name);
	free(s);
}

/* What stands in the store now, as bytes of our own, and whether that allows
 * the save. */
static enum err
take_stored(struct save *s, struct txn *t, char **out_blob,
    struct proxy_rec *out_old, struct why *out_why)
{
	struct str stored;
	enum err e;

	*out_blob = NULL;
	*out_old = (struct proxy_rec){ .rev = 0 };
	e = txn_get(t, TABLE_proxy, str_of(s->name), &stored);
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no proxy %s", s->name);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is a proxy %s already", s->name);
	/* Sealing and storing move the pages that it lies in. */
	*out_blob = xmemdup(stored.at, stored.len);
	e = proxy_rec_read(str_at(*out_blob, stored.len), out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->name,
		    (unsigned long long)out_old->rev);
	return e;
}

/* The password sealed as the record will hold it: new, kept, or none. */
static enum err
seal_password(const struct save *s, struct txn *t, const struct proxy_rec *old,
    struct proxy_rec *r, struct buf *sealed)
{
	struct seal_place place = place_of(r->name, SECRET_PASSWORD);
	enum err e;

	r->password = s->password ? STR("") : old->password;
	if (!s->password || !s->password[0])
		return OK;
	e = seal_close(txn_seal(t), &place, str_of(s->password), sealed);
	r->password = buf_str(sealed);
	return e;
}

static enum err
store_record(struct save *s, struct txn *t, const struct proxy_rec *old,
    struct proxy_rec *r)
{
	struct buf sealed, login, out;
	enum err e;

	buf_init(&sealed, RECORD_MAX);
	buf_init(&login, RECORD_MAX);
	buf_init(&out, RECORD_MAX);
	e = seal_password(s, t, old, r, &sealed);
	if (!e)
		e = seal_user(t, old, r, &login);
	r->rev = old->rev + 1;
	r->changed_at = (uint64_t)clock_wall_ms();
	r->created_at = old->rev ? old->created_at : r->changed_at;
	if (!e)
		e = proxy_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_proxy, r->name, buf_str(&out));
	if (!e)
		e = open_secrets(t, r, s->opened);
	if (!e) {
		/* r pointed into what is freed here, and into both bufs. */
		explicit_bzero(s->blob, s->blob_len);
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
		e = proxy_rec_read(str_at(s->blob, s->blob_len), r);
	}
	buf_fini(&sealed);
	buf_fini(&login);
	buf_fini(&out);
	return e;
}

static enum err
change(struct save *s, struct txn *t, const struct proxy_rec *old,
    struct why *out_why)
{
	const struct audit_who *who = s->who.method ? &s->who : NULL;
	struct proxy_rec r;
	enum err e;

	if (s->remove) {
		e = audit_write(t, who, "proxy", str_of(s->name), &proxy_kind,
		    old, NULL, out_why);
		return e ? e : txn_del(t, TABLE_proxy, str_of(s->name));
	}
	e = proxy_rec_read(str_at(s->blob, s->blob_len), &r);
	if (!e)
		e = store_record(s, t, old, &r);
	if (!e)
		e = audit_write(t, who, "proxy", r.name, &proxy_kind,
		    old->rev ? old : NULL, &r, out_why);
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct proxy_rec old;
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
	for (unsigned i = 0; i < SECRETS; i++)
		arena_drop(txn_arena(t), s->opened[i]);
	return OK;
}

static void
drop_done(struct job *j)
{
	save_free((struct save *)j);
}

/* Nobody points at them any more: let the writer wipe them. */
static void
drop_secrets(struct save *s, struct str user, struct str password)
{
	if (!user.len && !password.len) {
		save_free(s);
		return;
	}
	s->opened[SECRET_LOGIN] = user;
	s->opened[SECRET_PASSWORD] = password;
	s->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(s->proxies->store, LANE_WRITE, &s->job);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct proxies *ps = s->proxies;
	struct proxy *p = proxy_find(ps, str_of(s->name));
	struct str user = { .at = NULL }, password = { .at = NULL };
	bool is_new = !p;
	enum err e = j->result;

	if (e) {
		s->done(s->arg, e, &j->why, NULL);
		drop_secrets(s, s->opened[SECRET_LOGIN],
		    s->opened[SECRET_PASSWORD]);
		return;
	}
	if (p) {
		user = p->user;
		password = p->password;
	}
	if (s->remove) {
		assert(p);
		proxies_remove(ps, p);
		p = NULL;
	} else {
		if (is_new)
			p = xcalloc(1, sizeof(*p));
		e = proxy_adopt(p, s->blob, s->blob_len,
		    s->opened[SECRET_LOGIN], s->opened[SECRET_PASSWORD]);
		/* proxy_check() has passed what was written. */
		assert(e == OK);
		s->blob = NULL;
		/* What failed may have been mended. */
		proxy_mend(p);
		if (is_new)
			proxies_insert(ps, p);
		proxies_changed(ps);
	}
	s->done(s->arg, OK, &j->why, p);
	drop_secrets(s, user, password);
}

static struct save *
save_new(struct proxies *ps, struct str name, uint64_t if_rev,
    const struct audit_who *who, proxy_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->proxies = ps;
	s->name = xmemdup(name.at, name.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
proxy_save(struct proxies *ps, const struct proxy_rec *r, struct str password,
    bool must_exist, uint64_t if_rev, const struct audit_who *who,
    proxy_saved *done, void *arg)
{
	struct save *s = save_new(ps, r->name, if_rev, who, done, arg);
	struct buf blob;
	enum err e;

	s->must_exist = must_exist;
	buf_init(&blob, RECORD_MAX);
	e = proxy_rec_write(r, &blob);
	if (e) {
		struct why why;

		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	if (password.at)
		s->password = xmemdup(password.at, password.len);
	store_post(ps->store, LANE_WRITE, &s->job);
}

void
proxy_delete(struct proxies *ps, struct str name, uint64_t if_rev,
    const struct audit_who *who, proxy_saved *done, void *arg)
{
	struct save *s = save_new(ps, name, if_rev, who, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(ps->store, LANE_WRITE, &s->job);
}
