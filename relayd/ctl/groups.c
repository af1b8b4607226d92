/* SPDX-License-Identifier: MIT */
/* groups.c - control methods about groups of accounts. */
#include <stdlib.h>

#include "relayd/account.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/group.h"
#include "relayd/loop.h"

/* The text of a record's fields, without its members. */
#define TEXT_MAX 8192

/* --- rows ------------------------------------------------------------------ */

static void
put_member(struct ctl_call *c, const struct group_member *m)
{
	const struct account *a = m->account;
	struct json_out *j = &c->out;
	int64_t until;

	json_open(j, '{');
	json_say(j, "account", a->rec.name);
	json_say_i64(j, "priority",
	    m->priority ? (int64_t)m->priority : (int64_t)a->rec.priority);
	json_say_bool(j, "own_priority", m->priority != 0);
	json_say_i64(j, "weight",
	    m->weight ? (int64_t)m->weight : (int64_t)account_weight(a));
	json_say_bool(j, "own_weight", m->weight != 0);
	json_say(j, "kind", a->rec.kind);
	json_say(j, "state",
	    str_of(account_state(a, loop_ms(c->daemon->loop), &until)));
	json_say_i64(j, "in_flight", a->in_flight);
	json_close(j, '}');
}

static void
put_group(struct ctl_call *c, const struct group *g)
{
	struct json_out *j = &c->out;
	int64_t now_ms = loop_ms(c->daemon->loop), until;
	unsigned ready = 0;

	json_open(j, '{');
	ctl_put_rec_but(j, &group_kind, &g->rec, STR("members"));
	json_say_i64(j, "count", g->count);
	for (unsigned i = 0; i < g->count; i++)
		ready += !strcmp(account_state(g->members[i].account, now_ms,
				     &until),
		    "ready");
	json_say_i64(j, "ready", ready);
	json_put_key(j, "accounts");
	json_open(j, '[');
	for (unsigned i = 0; i < g->count; i++)
		json_put_string(j, g->members[i].account->rec.name);
	json_close(j, ']');
	json_put_key(j, "keys");
	json_open(j, '[');
	ctl_put_bound(c, TIER_GROUP, g->rec.name);
	json_close(j, ']');
	json_close(j, '}');
}

static struct group *
find(struct ctl_call *c)
{
	return group_find(c->daemon->groups, ctl_text(c, "name"));
}

static struct group *
find_or_refuse(struct ctl_call *c)
{
	struct group *g = find(c);

	if (!g)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no group \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
	return g;
}

/* --- looking --------------------------------------------------------------- */

void
ctl_group_list(struct ctl_call *c)
{
	struct str last = STR(""), next = STR("");
	const struct group *g;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (g, &c->daemon->groups->list, link) {
		if (c->cursor.len && str_cmp(g->rec.name, c->cursor) <= 0)
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_group(c, g);
		last = g->rec.name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_group_show(struct ctl_call *c)
{
	const struct group *g = find_or_refuse(c);

	if (!g)
		return;
	put_group(c, g);
	ctl_answer(c, g->rec.rev, STR(""));
}

void
ctl_group_members(struct ctl_call *c)
{
	struct str last = STR(""), next = STR("");
	const struct group *g = find_or_refuse(c);
	unsigned n = 0;

	if (!g)
		return;
	json_open(&c->out, '[');
	for (unsigned i = 0; i < g->count; i++) {
		struct str name = g->members[i].account->rec.name;

		if (c->cursor.len && str_cmp(name, c->cursor) <= 0)
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_member(c, &g->members[i]);
		last = name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, g->rec.rev, next);
}

/* --- changing -------------------------------------------------------------- */

/* A record under construction. */
struct draft {
	struct group_rec rec;
	struct buf text, members;
};

/* Records point into the text, so it must not move while it grows. */
static void
draft_begin(struct draft *d)
{
	char *at;
	size_t room;

	*d = (struct draft){ .rec = { .rev = 0 } };
	buf_init(&d->text, TEXT_MAX);
	buf_init(&d->members, GROUP_TEXT_MAX);
	if (buf_room(&d->text, TEXT_MAX, &at, &room))
		abort();
}

static void
draft_end(struct draft *d)
{
	buf_fini(&d->text);
	buf_fini(&d->members);
}

/* In the order of their names, each once; of two words about one account the
 * later counts. */
static enum err
take_members(struct draft *d, struct str said, struct why *out_why)
{
	struct group_said m;
	struct buf next;
	enum err e = OK;

	buf_init(&next, GROUP_TEXT_MAX);
	while (!e && group_said_next(&said, &m)) {
		buf_clear(&next);
		e = group_members_with(buf_str(&d->members), &m, &next);
		if (!e) {
			buf_clear(&d->members);
			e = buf_add(&d->members, buf_str(&next));
		}
	}
	buf_fini(&next);
	if (e)
		return why_set(out_why, e, "members", "these are too many");
	if (said.len)
		return why_set(out_why, ERR_VALUE, "members",
		    "\"%.*s\" is no member; say for example work, spare:90, "
		    "which has the priority 90, or large:10:5, which has five "
		    "turns for one of another",
		    STR_ARG(str_first(said, 40)));
	d->rec.members = buf_str(&d->members);
	return OK;
}

static enum err
draft_take(struct draft *d, const struct ctl_call *c, struct why *out_why)
{
	const struct json *fields = json_at(c->params, "fields");
	enum err e = OK;

	for (const struct json *f = json_first(fields); !e && f;
	     f = json_next(f)) {
		struct str value;

		e = json_as_str(f, &value);
		if (!e)
			e = group_field_set(&d->rec, json_key(f), value,
			    &d->text, out_why);
	}
	if (!e && ctl_has(c, "members"))
		e = take_members(d, ctl_text(c, "members"), out_why);
	return e;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct group *g)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_group(c, g);
	ctl_answer(c, g->rec.rev, STR(""));
}

static void
answer_rehearsal(struct ctl_call *c, const struct group_rec *from,
    const struct draft *d)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "name", d->rec.name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &group_kind, from, &d->rec);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

/* Check the draft, then rehearse or save it: all of the record, so it must be
 * the one that was read. */
static void
finish(struct ctl_call *c, const struct group *g, struct draft *d, enum err e,
    struct why *why)
{
	const struct group_rec nothing = { .rev = 0 };
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = group_check(&d->rec, c->daemon->pool, why);
	if (!e && g)
		e = ctl_check_rev(c, g->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		answer_rehearsal(c, g ? &g->rec : &nothing, d);
	else
		group_save(c->daemon->groups, &d->rec, g != NULL,
		    g ? g->rec.rev : 0, &who, on_saved, c);
	draft_end(d);
}

void
ctl_group_add(struct ctl_call *c)
{
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	draft_begin(&d);
	d.rec.name = ctl_text(c, "name");
	e = draft_take(&d, c, &why);
	if (!e && find(c))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is a group of that name already");
	if (!e && c->daemon->groups->count >= GROUPS_MAX)
		e = why_set(&why, ERR_LIMIT, "name",
		    "there are %d groups, and no more are kept", GROUPS_MAX);
	finish(c, NULL, &d, e, &why);
}

void
ctl_group_set(struct ctl_call *c)
{
	struct group *g = find_or_refuse(c);
	struct why why = { .text = "" };
	struct draft d;
	enum err e;

	if (!g)
		return;
	draft_begin(&d);
	d.rec = g->rec;
	e = draft_take(&d, c, &why);
	finish(c, g, &d, e, &why);
}

/* What it says of a member now; false: it has no such one. */
static bool
find_said(const struct group *g, struct str name, struct group_said *out)
{
	struct str rest = g->rec.members;

	while (group_said_next(&rest, out))
		if (str_eq(out->name, name))
			return true;
	return false;
}

void
ctl_group_member_add(struct ctl_call *c)
{
	struct group *g = find_or_refuse(c);
	struct str name = ctl_text(c, "account");
	struct why why = { .text = "" };
	int64_t priority = ctl_number(c, "priority");
	int64_t weight = ctl_number(c, "weight");
	struct group_said m;
	struct draft d;
	enum err e = OK;

	if (!g)
		return;
	draft_begin(&d);
	d.rec = g->rec;
	if (!find_said(g, name, &m))
		m = (struct group_said){ .name = name };
	if (priority < 0 || priority > 100)
		e = why_set(&why, ERR_VALUE, "priority",
		    "must be 1 to 100, or 0 for the account's own");
	else if (weight < 0 || weight > WEIGHT_MAX)
		e = why_set(&why, ERR_VALUE, "weight",
		    "must be 1 to %d, or 0 for the account's own", WEIGHT_MAX);
	else if (!field_is_name(name))
		e = pool_check_named(c->daemon->pool, name, "account", &why);
	if (ctl_has(c, "priority"))
		m.priority = (uint64_t)priority;
	if (ctl_has(c, "weight"))
		m.weight = (uint64_t)weight;
	if (!e && group_members_with(g->rec.members, &m, &d.members))
		e = why_set(&why, ERR_LIMIT, "account", "these are too many");
	d.rec.members = buf_str(&d.members);
	finish(c, g, &d, e, &why);
}

void
ctl_group_member_rm(struct ctl_call *c)
{
	struct group *g = find_or_refuse(c);
	struct str name = ctl_text(c, "account");
	struct why why = { .text = "" };
	struct group_said m;
	struct draft d;
	enum err e = OK;

	if (!g)
		return;
	draft_begin(&d);
	d.rec = g->rec;
	if (!find_said(g, name, &m))
		e = why_set(&why, ERR_UNKNOWN, "account",
		    "\"%.*s\" is not in the group %.*s",
		    STR_ARG(str_first(name, 60)), STR_ARG(g->rec.name));
	else
		e = group_members_without(g->rec.members, name, &d.members);
	d.rec.members = buf_str(&d.members);
	finish(c, g, &d, e, &why);
}

/* --- removing -------------------------------------------------------------- */

static void
on_removed(void *arg, enum err e, const struct why *why, struct group *g)
{
	struct ctl_call *c = arg;

	(void)g;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", ctl_text(c, "name"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* Nobody's accounts are taken away unsaid, and no limit ends by the way. */
static enum err
check_unused(struct ctl_call *c, const struct group *g, struct why *out_why)
{
	const struct budget *b;
	enum err e = ctl_check_unbound(c, TIER_GROUP, g->rec.name, out_why);

	if (e)
		return e;
	TAILQ_FOREACH (b, &c->daemon->budgets->list, link)
		if (b->scope == BUDGET_GROUP &&
		    str_eq(b->rec.subject, g->rec.name))
			return why_set(out_why, ERR_BUSY, "name",
			    "the budget %.*s counts what it answers: relayctl "
			    "budget rm %.*s",
			    STR_ARG(b->rec.id), STR_ARG(b->rec.id));
	return OK;
}

void
ctl_group_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct group *g = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!g)
		return;
	e = ctl_check_rev(c, g->rec.rev, &why);
	if (!e)
		e = check_unused(c, g, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		group_delete(c->daemon->groups, g->rec.name, c->if_rev, &who,
		    on_removed, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", g->rec.name);
	json_say_i64(&c->out, "count", g->count);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, g->rec.rev, STR(""));
}
