/* SPDX-License-Identifier: MIT */
/* budget_save.c - budgets between the store and the loop: loading, changing,
 * removing. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/budget.h"
#include "relayd/loop.h"
#include "relayd/spent.h"

#define RECORD_MAX (8 * 1024)

void
budget_make_id(char out[10])
{
	apikey_make_id(out);
	out[0] = 'b';
}

enum err
budget_check(const struct budget_rec *r, struct why *out_why)
{
	enum budget_scope scope;
	enum budget_unit unit;
	enum budget_action action;
	struct cycle window;
	bool upstream;

	if (r->id.len != BUDGET_ID_LEN)
		return why_set(out_why, ERR_VALUE, "id", "is no budget's id");
	if (budget_scope_read(r->scope, &scope))
		return why_set(out_why, ERR_VALUE, "scope",
		    "is none; write for example key:NAME, tag:TAG, user:OWNER, "
		    "account:NAME, group:NAME, platform:KIND or all");
	if (budget_unit_read(r->unit, &unit))
		return why_set(out_why, ERR_VALUE, "limit", "has no unit");
	if (budget_action_read(r->action, &action))
		return why_set(out_why, ERR_VALUE, "action",
		    "is deny, warn, or for accounts hold");
	upstream = budget_scope_is_upstream(scope);
	if (upstream && action == BUDGET_DENY)
		return why_set(out_why, ERR_VALUE, "action",
		    "a budget of accounts does not refuse requests: use hold "
		    "(others answer meanwhile) or warn");
	if (!upstream && action == BUDGET_HOLD)
		return why_set(out_why, ERR_VALUE, "action",
		    "only accounts are held: use deny or warn, or the scope "
		    "account:NAME");
	if (r->amount < 0 || r->amount > SPENT_MAX)
		return why_set(out_why, ERR_VALUE, "limit", "is out of range");
	return cycle_read(r->window, &window, out_why);
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct budgets *all;
	struct budget_now now;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct budget *b = xcalloc(1, sizeof(*b));
	enum err e = budget_adopt(b, l->all->zone, xmemdup(value.at, value.len),
	    value.len);

	if (e) {
		free(b);
		l->job.result = why_set(l->why, e, "budget",
		    "the budget %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	budgets_insert(l->all, b);
	return true;
}

struct recall {
	struct budget *b;
	struct budget_now now;
};

static void
recall_row(void *arg, int64_t at_ms, int64_t sum)
{
	struct recall *r = arg;

	budget_recall(r->b, at_ms, sum, r->now);
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	struct recall r = { .now = l->now };
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_budget, STR(""), false, load_one, l);
	if (!e)
		e = l->job.result;
	TAILQ_FOREACH (r.b, &l->all->list, link)
		if (!e)
			e = spent_each(t, r.b->rec.id, recall_row, &r);
	return e;
}

enum err
budgets_load(struct budgets *all, struct why *out_why)
{
	struct load l = {
		.job.work = load_work, .all = all, .now = budgets_now(all)
	};
	enum err e = store_now(all->store, LANE_READ, &l.job);

	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- changing -------------------------------------------------------------- */

struct save {
	struct job job;
	struct budgets *all;
	char *blob;
	size_t blob_len;
	char *id;
	int64_t add;
	bool must_exist, remove;
	uint64_t if_rev;
	struct audit_who who; /* method NULL: nobody */
	budget_saved *done;
	void *arg;
};

static void
save_free(struct save *s)
{
	free(s->blob);
	free(s->id);
	free(s);
}

static enum err
check_stored(struct save *s, struct txn *t, struct budget_rec *out_old,
    char **out_blob, struct why *out_why)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_budget, str_of(s->id), &stored);

	*out_old = (struct budget_rec){ .rev = 0 };
	if (e == ERR_UNKNOWN && !s->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "budget", "no budget %s", s->id);
	if (e)
		return e;
	if (!s->must_exist)
		return why_set(out_why, ERR_EXISTS, "budget",
		    "there is a budget %s already", s->id);
	/* What stands there moves when the audit is written. */
	*out_blob = xmemdup(stored.at, stored.len);
	e = budget_rec_read(str_at(*out_blob, stored.len), out_old);
	if (!e && s->if_rev && out_old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->id,
		    (unsigned long long)out_old->rev);
	return e;
}

static enum err
remove_record(struct txn *t, const struct budget_rec *old,
    const struct audit_who *who, struct why *out_why)
{
	enum err e = audit_write(t, who, "budget", old->id, &budget_kind, old,
	    NULL, out_why);

	if (!e)
		e = txn_del(t, TABLE_budget, old->id);
	return e ? e : spent_drop(t, old->id);
}

enum err
budget_del(struct txn *t, struct str id, const struct audit_who *who,
    struct why *out_why)
{
	struct budget_rec old;
	struct str stored;
	char *blob;
	enum err e = txn_get(t, TABLE_budget, id, &stored);

	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	blob = xmemdup(stored.at, stored.len);
	e = budget_rec_read(str_at(blob, stored.len), &old);
	if (!e)
		e = remove_record(t, &old, who, out_why);
	free(blob);
	return e;
}

enum err
budget_put(struct txn *t, const struct budget_rec *old, struct budget_rec *io,
    const struct audit_who *who, struct buf *out, struct why *out_why)
{
	enum err e;

	io->rev = old->rev + 1;
	io->changed_at = (uint64_t)clock_wall_ms();
	io->created_at = old->rev ? old->created_at : io->changed_at;
	e = budget_check(io, out_why);
	if (!e)
		e = audit_write(t, who, "budget", io->id, &budget_kind,
		    old->rev ? old : NULL, io, out_why);
	if (!e)
		e = budget_rec_write(io, out);
	return e ? e : txn_put(t, TABLE_budget, io->id, buf_str(out));
}

static enum err
put_record(struct save *s, struct txn *t, const struct budget_rec *old,
    struct why *out_why)
{
	struct budget_rec r;
	struct buf out;
	enum err e = budget_rec_read(str_at(s->blob, s->blob_len), &r);

	if (e)
		return e;
	if (s->add)
		r.amount = old->amount + s->add;
	buf_init(&out, RECORD_MAX);
	e = budget_put(t, old, &r, s->who.method ? &s->who : NULL, &out,
	    out_why);
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&out);
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct budget_rec old;
	char *old_blob = NULL;
	enum err e = check_stored(s, t, &old, &old_blob, out_why);

	if (!e && s->remove)
		e = remove_record(t, &old, s->who.method ? &s->who : NULL,
		    out_why);
	else if (!e)
		e = put_record(s, t, &old, out_why);
	free(old_blob);
	return e;
}

struct budget *
budgets_take_up(struct budgets *all, char *take_blob, size_t len)
{
	struct budget_rec r;
	struct budget *b = NULL, *fresh;
	bool moves;
	enum err e = budget_rec_read(str_at(take_blob, len), &r);

	if (!e)
		b = budgets_find(all, r.id);
	fresh = b ? b : xcalloc(1, sizeof(*b));
	moves = b && !str_eq(b->rec.subject, r.subject);
	/* Its id in the map is the map's copy; all else may move. */
	e = budget_adopt(fresh, all->zone, take_blob, len);
	/* The writer has just checked and encoded it. */
	assert(e == OK);
	if (!b)
		budgets_insert(all, fresh);
	else if (moves)
		budgets_index(all);
	budgets_note_room(all);
	return fresh;
}

static void
take_up(struct save *s)
{
	struct budget *b = budgets_take_up(s->all, s->blob, s->blob_len);

	s->blob = NULL;
	s->done(s->arg, OK, &s->job.why, b);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct budget *b;

	if (j->result) {
		s->done(s->arg, j->result, &j->why, NULL);
	} else if (s->remove) {
		b = budgets_find(s->all, str_of(s->id));
		assert(b);
		budgets_remove(s->all, b);
		s->done(s->arg, OK, &j->why, NULL);
	} else {
		take_up(s);
	}
	save_free(s);
}

static struct save *
save_new(struct budgets *all, struct str id, uint64_t if_rev,
    const struct audit_who *who, budget_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->all = all;
	s->id = xmemdup(id.at, id.len);
	s->if_rev = if_rev;
	if (who)
		s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

void
budget_save(struct budgets *all, const struct budget_rec *r, int64_t add,
    bool must_exist, uint64_t if_rev, const struct audit_who *who,
    budget_saved *done, void *arg)
{
	struct save *s = save_new(all, r->id, if_rev, who, done, arg);
	struct buf blob;
	struct why why;
	enum err e;

	s->must_exist = must_exist;
	s->add = add;
	buf_init(&blob, RECORD_MAX);
	e = budget_rec_write(r, &blob);
	if (e) {
		why_set(&why, e, "", "the record is too large");
		buf_fini(&blob);
		done(arg, e, &why, NULL);
		save_free(s);
		return;
	}
	s->blob = buf_take(&blob, &s->blob_len);
	store_post(all->store, LANE_WRITE, &s->job);
}

void
budget_delete(struct budgets *all, struct str id, uint64_t if_rev,
    const struct audit_who *who, budget_saved *done, void *arg)
{
	struct save *s = save_new(all, id, if_rev, who, done, arg);

	s->must_exist = true;
	s->remove = true;
	store_post(all->store, LANE_WRITE, &s->job);
}
