/* SPDX-License-Identifier: MIT */
/* group_save.c - groups to the store and back: loading, saving, removing. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/audit.h"
#include "relayd/group.h"
#include "relayd/log.h"
#include "relayd/record.h"

/* The most a record may take. */
#define RECORD_MAX (GROUP_TEXT_MAX + 4096)

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct groups *groups;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct group *g = xcalloc(1, sizeof(*g));
	enum err e;

	e = group_adopt(g, l->groups->pool, xmemdup(value.at, value.len),
	    value.len);
	if (e) {
		free(g);
		l->job.result = why_set(l->why, e, "group",
		    "the group %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	groups_insert(l->groups, g);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_group, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
groups_load(struct groups *gs, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .groups = gs };
	enum err e;

	e = store_now(gs->store, LANE_READ, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- saving ---------------------------------------------------------------- */

struct save {
	struct groups *groups;
	group_saved *done;
	void *arg;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct str key,
    char *take_blob, size_t len)
{
	struct save *s = arg;
	struct groups *gs = s->groups;
	struct group *g = e ? NULL : group_find(gs, key);
	bool is_new = !g;

	if (!e && take_blob) {
		if (is_new)
			g = xcalloc(1, sizeof(*g));
		e = group_adopt(g, gs->pool, take_blob, len);
		/* group_check() has passed what was written. */
		assert(e == OK);
		if (is_new)
			groups_insert(gs, g);
		groups_changed(gs);
	} else if (g) {
		groups_remove(gs, g);
		g = NULL;
	}
	s->done(s->arg, e, why, g);
	free(s);
	/* An account may have gone while this was on its way. */
	if (g)
		groups_tidy(gs);
}

static void
save(struct groups *gs, struct record_order *o, const struct audit_who *who,
    group_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	*s = (struct save){ .groups = gs, .done = done, .arg = arg };
	o->store = gs->store;
	o->table = TABLE_group;
	o->kind = &group_kind;
	o->noun = "group";
	o->size_max = RECORD_MAX;
	o->who = who;
	record_save(o, on_saved, s);
}

void
group_save(struct groups *gs, const struct group_rec *r, bool must_exist,
    uint64_t if_rev, const struct audit_who *who, group_saved *done, void *arg)
{
	struct record_order o = { .key = r->name,
		.rec = r,
		.must_exist = must_exist,
		.if_rev = if_rev };

	save(gs, &o, who, done, arg);
}

void
group_delete(struct groups *gs, struct str name, uint64_t if_rev,
    const struct audit_who *who, group_saved *done, void *arg)
{
	struct record_order o = {
		.key = name, .must_exist = true, .if_rev = if_rev
	};

	save(gs, &o, who, done, arg);
}

static const struct audit_who ourselves = { .method = "account_rm" };

/* --- without those that have gone ------------------------------------------ */

static void
on_tidied(void *arg, enum err e, const struct why *why, struct group *g)
{
	(void)arg;
	(void)g;
	/* Who came before is tidied up behind. */
	if (e && e != ERR_STALE && e != ERR_UNKNOWN && e != ERR_CLOSED)
		log_note(LOG_ERROR, "group",
		    "a removed account stays in the record of a group: %s",
		    why->text);
}

static bool
lacks_some(const struct group *g)
{
	struct str rest = g->rec.members;
	struct group_said m;
	unsigned said = 0;

	while (group_said_next(&rest, &m))
		said++;
	return said > g->count;
}

static void
tidy(struct groups *gs, const struct group *g)
{
	struct str rest = g->rec.members;
	struct group_rec r = g->rec;
	struct group_said m;
	struct buf there;
	enum err e = OK;

	buf_init(&there, GROUP_TEXT_MAX);
	while (!e && group_said_next(&rest, &m))
		if (pool_find(gs->pool, m.name))
			e = group_said_put(&there, &m);
	r.members = buf_str(&there);
	/* It is what it was, and less. */
	assert(e == OK);
	group_save(gs, &r, true, g->rec.rev, &ourselves, on_tidied, NULL);
	buf_fini(&there);
}

void
groups_tidy(struct groups *gs)
{
	const struct group *g;

	TAILQ_FOREACH (g, &gs->list, link)
		if (lacks_some(g))
			tidy(gs, g);
}
