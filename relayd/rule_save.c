/* SPDX-License-Identifier: MIT */
/* rule_save.c - operators' rules to the store and back. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/record.h"
#include "relayd/rule.h"

#define RECORD_MAX 4096

struct load {
	struct job job;
	struct rules *rules;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct rule *r = xcalloc(1, sizeof(*r));
	enum err e = rule_adopt(r, xmemdup(value.at, value.len), value.len);

	if (e) {
		free(r);
		l->job.result = why_set(l->why, e, "rule",
		    "the rule %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	rules_insert(l->rules, r);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_rule, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
rules_load(struct rules *rs, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .rules = rs };
	enum err e = store_now(rs->store, LANE_READ, &l.job);

	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

struct save {
	struct rules *rules;
	rule_saved *done;
	void *arg;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct str key,
    char *take_blob, size_t len)
{
	struct save *s = arg;
	struct rules *rs = s->rules;
	struct rule *old = e ? NULL : rule_find(rs, key), *r = NULL;

	if (!e && take_blob) {
		r = xcalloc(1, sizeof(*r));
		e = rule_adopt(r, take_blob, len);
		/* rule_check() has passed what was written. */
		assert(e == OK);
		r->judged = old ? old->judged : 0;
	}
	/* Its place may be another one. */
	if (old)
		rules_remove(rs, old);
	if (r)
		rules_insert(rs, r);
	s->done(s->arg, e, why, r);
	free(s);
}

static void
save(struct rules *rs, struct record_order *o, const struct audit_who *who,
    rule_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	*s = (struct save){ .rules = rs, .done = done, .arg = arg };
	o->store = rs->store;
	o->table = TABLE_rule;
	o->kind = &rule_kind;
	o->noun = "rule";
	o->size_max = RECORD_MAX;
	o->who = who;
	record_save(o, on_saved, s);
}

void
rule_save(struct rules *rs, const struct rule_rec *r, bool must_exist,
    uint64_t if_rev, const struct audit_who *who, rule_saved *done, void *arg)
{
	struct record_order o = { .key = r->id,
		.rec = r,
		.must_exist = must_exist,
		.if_rev = if_rev };

	save(rs, &o, who, done, arg);
}

void
rule_delete(struct rules *rs, struct str id, uint64_t if_rev,
    const struct audit_who *who, rule_saved *done, void *arg)
{
	struct record_order o = {
		.key = id, .must_exist = true, .if_rev = if_rev
	};

	save(rs, &o, who, done, arg);
}
