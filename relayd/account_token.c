/* SPDX-License-Identifier: MIT */
/* account_token.c - tokens of accounts that somebody has signed in to: taken
 * out of the store for a renewal, and the new ones put back.
 *
 *	take	note "a renewal begins", open the refresh token	   (on disk)
 *		... the provider is asked ...
 *	put	new tokens in, note out				   (on disk)
 *	fail	note out, the account held when there is a reason  (on disk)
 *
 * A note that is found later tells that an answer may have been lost.  Refresh
 * tokens are opened here alone, for the one call that needs them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/account.h"

struct token_job {
	struct job job;
	struct pool *pool;
	char *name;
	bool notes; /* take: leave a note */
	int64_t now_wall_ms, begun_wall_ms;
	struct buf sealed, refresh; /* taken; or the one that was taken */
	struct oauth_grant grant;
	char reason[256]; /* fail: hold it; empty: do not */
	char *blob;	  /* the record as it is now */
	size_t blob_len;
	struct str access; /* new, in the arena */
	struct str old;	   /* to be dropped */
	token_taken_fn *taken;
	token_done_fn *done;
	void *arg;
};

static struct token_job *
job_new(struct pool *p, struct str name, int64_t now_wall_ms, void *arg)
{
	struct token_job *t = xcalloc(1, sizeof(*t));

	t->pool = p;
	t->name = xmemdup(name.at, name.len);
	t->now_wall_ms = now_wall_ms;
	t->arg = arg;
	buf_init(&t->sealed, ACCOUNT_RECORD_MAX);
	buf_init(&t->refresh, ACCOUNT_RECORD_MAX);
	oauth_grant_init(&t->grant);
	return t;
}

static void
job_free(struct token_job *t)
{
	buf_fini(&t->sealed);
	buf_wipe(&t->refresh);
	oauth_grant_fini(&t->grant);
	free(t->name);
	free(t->blob);
	free(t);
}

static enum err
get(const struct token_job *j, struct txn *t, struct account_rec *out,
    struct why *out_why)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_account, str_of(j->name), &stored);

	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no account %s", j->name);
	return e ? e : account_rec_read(stored, out);
}

static enum err
forget_note(const struct token_job *j, struct txn *t)
{
	enum err e = txn_del(t, TABLE_renewal, str_of(j->name));

	return e == ERR_UNKNOWN ? OK : e;
}

/* --- taking ---------------------------------------------------------------------- */

static enum err
read_note(struct token_job *j, struct txn *t)
{
	struct str note;
	enum err e = txn_get(t, TABLE_renewal, str_of(j->name), &note);

	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	return str_i64(note, &j->begun_wall_ms) ? ERR_CORRUPT : OK;
}

static enum err
write_note(const struct token_job *j, struct txn *t)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld",
	    (long long)(j->begun_wall_ms ? j->begun_wall_ms : j->now_wall_ms));

	return txn_put(t, TABLE_renewal, str_of(j->name),
	    str_at(text, (size_t)n));
}

static enum err
take_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct token_job *j = (struct token_job *)job;
	struct seal_place place =
	    account_place(str_of(j->name), "refresh_token");
	struct account_rec r;
	enum err e = get(j, t, &r, out_why);

	if (!e && !r.refresh_token.len)
		e = why_set(out_why, ERR_UNKNOWN, "name",
		    "%s has no refresh token", j->name);
	if (!e)
		e = buf_add(&j->sealed, r.refresh_token);
	if (!e)
		e = seal_open(txn_seal(t), &place, buf_str(&j->sealed),
		    &j->refresh);
	if (!e)
		e = read_note(j, t);
	if (!e && j->notes)
		e = write_note(j, t);
	return e;
}

static void
take_done(struct job *job)
{
	struct token_job *j = (struct token_job *)job;
	struct token_taken t = { .refresh = buf_str(&j->refresh),
		.sealed = buf_str(&j->sealed),
		.begun_wall_ms = j->begun_wall_ms };

	j->taken(j->arg, j->job.result, &j->job.why, &t);
	job_free(j);
}

static void
take(struct token_job *j, bool notes, token_taken_fn *done)
{
	j->job = (struct job){ .work = take_work, .done = take_done };
	j->notes = notes;
	j->taken = done;
	store_post(j->pool->store, LANE_WRITE, &j->job);
}

void
account_token_take(struct pool *p, struct str name, int64_t now_wall_ms,
    token_taken_fn *done, void *arg)
{
	take(job_new(p, name, now_wall_ms, arg), true, done);
}

void
account_token_peek(struct pool *p, struct str name, token_taken_fn *done,
    void *arg)
{
	take(job_new(p, name, 0, arg), false, done);
}

/* --- putting back ------------------------------------------------------------------ */

static enum err
drop_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct token_job *j = (struct token_job *)job;

	(void)out_why;
	arena_drop(txn_arena(t), j->old);
	return OK;
}

static void
drop_done(struct job *job)
{
	job_free((struct token_job *)job);
}

/* Nobody reads this secret any more: let the writer wipe it. */
static void
drop(struct token_job *j, struct str secret)
{
	if (!secret.len) {
		job_free(j);
		return;
	}
	j->old = secret;
	j->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(j->pool->store, LANE_WRITE, &j->job);
}

/* Write the changed record, and keep its bytes for the pool. */
static enum err
write_record(struct token_job *j, struct txn *t, struct account_rec *r)
{
	struct buf out;
	enum err e;

	r->rev++;
	r->changed_at = (uint64_t)j->now_wall_ms;
	buf_init(&out, ACCOUNT_RECORD_MAX);
	e = account_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_account, str_of(j->name), buf_str(&out));
	if (!e)
		j->blob = buf_take(&out, &j->blob_len);
	buf_fini(&out);
	return e;
}

static enum err
seal_token(const struct token_job *j, struct txn *t, const char *field,
    const struct buf *plain, struct buf *room, struct str *io_sealed)
{
	struct seal_place place = account_place(str_of(j->name), field);
	enum err e;

	if (!buf_len(plain))
		return OK;
	e = seal_close(txn_seal(t), &place, buf_str(plain), room);
	if (!e)
		*io_sealed = buf_str(room);
	return e;
}

static void
let_go(struct account_rec *r)
{
	if (!account_is_signed_out(r))
		return;
	r->held = false;
	r->held_reason = r->held_by = STR("");
	r->held_at = 0;
}

static enum err
put_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct token_job *j = (struct token_job *)job;
	struct buf access, refresh;
	struct account_rec r;
	struct str token = buf_str(&j->grant.access);
	enum err e = get(j, t, &r, out_why);

	if (e)
		return e;
	if (!str_eq(r.refresh_token, buf_str(&j->sealed)))
		return why_set(out_why, ERR_STALE, "name",
		    "somebody signed in to %s meanwhile", j->name);
	buf_init(&access, ACCOUNT_RECORD_MAX);
	buf_init(&refresh, ACCOUNT_RECORD_MAX);
	oauth_grant_note(&j->grant, j->now_wall_ms, &r);
	let_go(&r);
	r.credential_end =
	    token.len >= 16 ? str_skip(token, token.len - 4) : STR("");
	e = seal_token(j, t, "credential", &j->grant.access, &access,
	    &r.credential);
	if (!e)
		e = seal_token(j, t, "refresh_token", &j->grant.refresh,
		    &refresh, &r.refresh_token);
	if (!e)
		e = write_record(j, t, &r);
	if (!e)
		e = forget_note(j, t);
	if (!e)
		e = account_open_field(t, str_of(j->name), "credential",
		    buf_str(&access), &j->access);
	buf_fini(&access);
	buf_fini(&refresh);
	return e;
}

static enum err
fail_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct token_job *j = (struct token_job *)job;
	struct account_rec r;
	enum err e = get(j, t, &r, out_why);

	if (e || !str_eq(r.refresh_token, buf_str(&j->sealed)))
		return e ? e : ERR_STALE;
	e = forget_note(j, t);
	if (e || !j->reason[0] || r.held)
		return e;
	r.held = true;
	r.held_reason = str_of(j->reason);
	r.held_by = STR("relayd");
	r.held_at = (uint64_t)j->now_wall_ms;
	r.held_until = 0;
	return write_record(j, t, &r);
}

/* The account goes on with the record as it is now, and its connections: they
 * do not depend on a token. */
static void
put_done(struct job *job)
{
	struct token_job *j = (struct token_job *)job;
	struct account *a = pool_find(j->pool, str_of(j->name));
	struct str spare = j->access, credential;
	enum err e = j->job.result;
	unsigned generation;

	if (!e && a && j->blob) {
		generation = a->generation;
		credential = a->credential;
		if (j->access.len) {
			spare = credential;
			credential = j->access;
		}
		e = account_adopt(j->pool, a, j->blob, j->blob_len, credential,
		    a->proxy_password);
		assert(e == OK);
		j->blob = NULL;
		a->generation = generation;
	}
	j->done(j->arg, j->job.result, &j->job.why);
	drop(j, spare);
}

static void
copy_text(struct buf *to, const struct buf *from)
{
	buf_must(to, buf_str(from));
}

void
account_token_put(struct pool *p, struct str name, struct str sealed,
    const struct oauth_grant *g, int64_t now_wall_ms, token_done_fn *done,
    void *arg)
{
	struct token_job *j = job_new(p, name, now_wall_ms, arg);

	buf_must(&j->sealed, sealed);
	copy_text(&j->grant.access, &g->access);
	copy_text(&j->grant.refresh, &g->refresh);
	for (unsigned i = 0; i < GRANT_COUNT; i++)
		copy_text(&j->grant.text[i], &g->text[i]);
	j->grant.life_s = g->life_s;
	j->grant.until_wall_ms = g->until_wall_ms;
	j->job = (struct job){ .work = put_work, .done = put_done };
	j->done = done;
	store_post(p->store, LANE_WRITE, &j->job);
}

void
account_token_fail(struct pool *p, struct str name, struct str sealed,
    const char *reason, int64_t now_wall_ms, token_done_fn *done, void *arg)
{
	struct token_job *j = job_new(p, name, now_wall_ms, arg);

	buf_must(&j->sealed, sealed);
	snprintf(j->reason, sizeof(j->reason), "%s", reason ? reason : "");
	j->job = (struct job){ .work = fail_work, .done = put_done };
	j->done = done;
	store_post(p->store, LANE_WRITE, &j->job);
}
