/* SPDX-License-Identifier: MIT */
/* budgets.c - control methods about limits: making, changing and watching
 * them. */
#include <stdio.h>
#include <stdlib.h>

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_limit.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/decimal.h"
#include "relayd/group.h"
#include "relayd/price_table.h"

#define CLASS_MAX_BYTES 100
#define NOTE_MAX_BYTES	500
/* Of one scope and subject; a key has room for BUDGET_SET_MAX in all. */
#define SAME_MAX 8

/* --- rows ------------------------------------------------------------------ */

/* The number for programs, and without its unit for people: the limit beside
 * it names that. */
static void
say_amount(struct json_out *j, const char *name, const char *text_name,
    enum budget_unit u, int64_t n)
{
	char text[DECIMAL_TEXT];

	decimal_write(n, budget_unit_is_money(u) ? 6 : 0,
	    budget_unit_is_money(u) ? 2 : 0, text);
	json_say_i64(j, name, n);
	json_say(j, text_name, str_of(text));
}

/* "key laptop": names for ids, where there is one. */
static void
say_subject(const struct ctl_call *c, struct json_out *j,
    const struct budget *b)
{
	const struct apikey *k = NULL;
	char text[400];

	if (b->scope == BUDGET_KEY)
		k = keyring_id(c->daemon->keys, b->rec.subject);
	snprintf(text, sizeof(text), "%s%s%.*s%s", budget_scope_word(b->scope),
	    b->rec.subject.len ? " " : "",
	    STR_ARG(k ? k->rec.name : b->rec.subject),
	    b->scope == BUDGET_KEY && !k ? " (gone)" : "");
	json_say(j, "of", str_of(text));
}

static void
put_view(struct ctl_call *c, const struct budget_view *v)
{
	const struct budget *b = v->b;
	int64_t left = v->amount - v->used - v->reserved;
	struct json_out *j = &c->out;
	char limit[BUDGET_TEXT];

	json_open(j, '{');
	ctl_put_rec_but(j, &budget_kind, &b->rec, STR("amount"));
	say_subject(c, j, b);
	budget_amount_text(b->unit, v->amount, limit);
	json_say_i64(j, "amount", v->amount);
	json_say(j, "limit", str_of(limit));
	say_amount(j, "used", "used_text", b->unit, v->used);
	say_amount(j, "reserved", "reserved_text", b->unit, v->reserved);
	say_amount(j, "left", "left_text", b->unit, left > 0 ? left : 0);
	json_say(j, "state", left > 0 ? STR("open") : STR("reached"));
	if (v->end_ms) {
		json_say_i64(j, "begins_at", v->begin_ms);
		json_say_i64(j, "resets_at", v->end_ms);
	}
	/* Its window may be older than it is. */
	if (cycle_is_calendar(&b->window) &&
	    (int64_t)b->rec.created_at > v->begin_ms)
		json_say_i64(j, "counts_from", (int64_t)b->rec.created_at);
	json_close(j, '}');
}

static void
put_budget(struct ctl_call *c, struct budget *b)
{
	struct budget_view v;

	budget_look(b, budgets_now(c->daemon->budgets), &v);
	put_view(c, &v);
}

/* Of one's own keys, and of oneself. */
static bool
may_see(const struct ctl_call *c, const struct budget *b)
{
	const struct apikey *k;

	if (b->scope == BUDGET_USER)
		return ctl_may_see(c, b->rec.subject);
	if (b->scope != BUDGET_KEY)
		return c->peer.role > CTL_SELF;
	k = keyring_id(c->daemon->keys, b->rec.subject);
	return ctl_may_see(c, k ? k->rec.owner : STR(""));
}

static struct budget *
find_or_refuse(struct ctl_call *c)
{
	struct str id = ctl_text(c, "budget");
	struct budget *b = budgets_find(c->daemon->budgets, id);

	if (b && may_see(c, b))
		return b;
	ctl_refusef(c, ERR_UNKNOWN, "budget",
	    "there is no budget \"%.*s\"; `budget ls` shows those there are",
	    STR_ARG(str_first(id, 60)));
	return NULL;
}

/* Does it count requests with this key? */
static bool
is_of_key(struct ctl_call *c, const struct budget *b, struct apikey *k)
{
	const struct budget_set *of = budgets_of_key(c->daemon->budgets, k);

	for (unsigned i = 0; of && i < of->count; i++)
		if (of->at[i] == b)
			return true;
	return false;
}

void
ctl_budget_list(struct ctl_call *c)
{
	struct str scope = ctl_text(c, "scope"), last = STR(""), next = last;
	struct apikey *k = NULL;
	struct budget *b;
	unsigned n = 0;

	if (ctl_has(c, "key") && !(k = ctl_want_key(c)))
		return;
	json_open(&c->out, '[');
	TAILQ_FOREACH (b, &c->daemon->budgets->list, link) {
		if (c->cursor.len && str_cmp(b->rec.id, c->cursor) <= 0)
			continue;
		if (scope.len && !str_eq(scope, b->rec.scope))
			continue;
		/* Whose key it is may know what stands in its way. */
		if (k ? !is_of_key(c, b, k) : !may_see(c, b))
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_budget(c, b);
		last = b->rec.id;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

void
ctl_budget_show(struct ctl_call *c)
{
	struct budget *b = find_or_refuse(c);

	if (!b)
		return;
	put_budget(c, b);
	ctl_answer(c, b->rec.rev, STR(""));
}

/* --- what a new one is of --------------------------------------------------- */

static bool
list_has(struct str list, struct str one)
{
	struct str member;

	while (str_list_next(&list, &member))
		if (str_eq(member, one))
			return true;
	return false;
}

static enum err
check_tag(const struct ctl_call *c, struct str tag, struct why *out_why)
{
	const struct apikey *k;

	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (list_has(k->rec.tags, tag))
			return OK;
	return why_set(out_why, ERR_UNKNOWN, "scope",
	    "no key has the tag \"%.*s\"; give it to one first: key set KEY "
	    "--tags %.*s",
	    STR_ARG(str_first(tag, 60)), STR_ARG(str_first(tag, 60)));
}

static enum err
check_user(const struct ctl_call *c, struct str owner, struct why *out_why)
{
	const struct apikey *k;

	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (str_eq(k->rec.owner, owner))
			return OK;
	return why_set(out_why, ERR_UNKNOWN, "scope",
	    "no key is owned by \"%.*s\"; owners are said as in `key ls`, for "
	    "example user:uid:1000",
	    STR_ARG(str_first(owner, 60)));
}

static enum err
check_platform(struct str glob, struct why *out_why)
{
	const struct provider *p;

	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (str_glob(str_of(p->name), glob))
			return OK;
	return why_set(out_why, ERR_UNKNOWN, "scope",
	    "no kind of account is like \"%.*s\"; `account kinds` lists them, "
	    "and platform:claude* means all of Claude's",
	    STR_ARG(str_first(glob, 60)));
}

/* The record's scope and subject; names become what never changes. */
static enum err
take_scope(const struct ctl_call *c, struct budget_rec *io, struct why *out_why)
{
	struct str subject = ctl_text(c, "scope");
	struct str word = str_cut(&subject, ':');
	enum budget_scope scope;
	const struct apikey *k;

	io->scope = word;
	io->subject = subject;
	if (budget_scope_read(word, &scope))
		return why_set(out_why, ERR_VALUE, "scope",
		    "\"%.*s\" is none; say key:NAME, tag:TAG, user:OWNER, "
		    "account:NAME, group:NAME, platform:KIND or all",
		    STR_ARG(str_first(word, 60)));
	if (*budget_scope_subject(scope) ? !subject.len : subject.len != 0)
		return why_set(out_why, ERR_VALUE, "scope",
		    *budget_scope_subject(scope)
			? "of which? say for example %s:%s"
			: "%s stands alone%s",
		    budget_scope_word(scope), budget_scope_subject(scope));
	switch (scope) {
	case BUDGET_KEY:
		k = ctl_find_key(c, subject);
		if (!k)
			k = keyring_find_template(c->daemon->keys, subject);
		if (!k)
			return why_set(out_why, ERR_UNKNOWN, "scope",
			    "there is no key \"%.*s\"; `key ls` lists them",
			    STR_ARG(str_first(subject, 60)));
		io->subject = k->rec.id;
		return OK;
	case BUDGET_TAG:
		return check_tag(c, subject, out_why);
	case BUDGET_USER:
		return check_user(c, subject, out_why);
	case BUDGET_ACCOUNT:
		if (!pool_find(c->daemon->pool, subject))
			return why_set(out_why, ERR_UNKNOWN, "scope",
			    "there is no account \"%.*s\"; `account ls` lists "
			    "them",
			    STR_ARG(str_first(subject, 60)));
		return OK;
	case BUDGET_GROUP:
		if (!group_find(c->daemon->groups, subject))
			return why_set(out_why, ERR_UNKNOWN, "scope",
			    "there is no group \"%.*s\"; `group ls` lists "
			    "them",
			    STR_ARG(str_first(subject, 60)));
		return OK;
	case BUDGET_PLATFORM:
		return check_platform(subject, out_why);
	case BUDGET_ALL:
	case BUDGET_SCOPES:
		break;
	}
	return OK;
}

/* A glob that no model is like is a typing error. */
static enum err
take_class(const struct ctl_call *c, struct budget_rec *io, struct why *out_why)
{
	struct str class = str_trim(ctl_text(c, "class"));

	if (!ctl_has(c, "class"))
		return OK;
	io->class = class;
	if (!class.len || ctl_is_like_model(c, class))
		return ctl_check_text(class, CLASS_MAX_BYTES, "class", out_why);
	return why_set(out_why, ERR_UNKNOWN, "class",
	    "no model that has a price, or that an account names, is like "
	    "\"%.*s\"; write for example --class 'claude*'",
	    STR_ARG(str_first(class, 60)));
}

/* The limit, in a unit that is kept, or any at first. */
static enum err
take_amount(const struct ctl_call *c, const char *name, bool rated,
    struct budget_rec *io, int64_t *out_amount, struct why *out_why)
{
	enum budget_unit unit, kept;
	enum err e;

	e = budget_amount_read(ctl_text(c, name), &unit, out_amount, out_why);
	if (e) {
		snprintf(out_why->field, sizeof(out_why->field), "%s", name);
		return e;
	}
	if (rated && unit != BUDGET_COST_REAL && unit != BUDGET_COST_RATED)
		return why_set(out_why, ERR_VALUE, "rated",
		    "only money has rates: --limit '20 usd' --rated");
	if (!budget_unit_read(io->unit, &kept)) {
		rated = kept == BUDGET_COST_RATED;
		if (rated && unit == BUDGET_COST_REAL)
			unit = BUDGET_COST_RATED;
		if (unit != kept)
			return why_set(out_why, ERR_VALUE, name,
			    "this budget counts %s; for another unit add "
			    "another budget",
			    budget_unit_word(kept));
	} else if (rated) {
		unit = BUDGET_COST_RATED;
	}
	io->unit = str_of(budget_unit_word(unit));
	return OK;
}

static enum err
take_words(const struct ctl_call *c, struct budget_rec *io, struct why *out_why)
{
	enum err e = OK;

	if (ctl_has(c, "action"))
		io->action = ctl_text(c, "action");
	if (ctl_has(c, "note")) {
		io->note = str_trim(ctl_text(c, "note"));
		e = ctl_check_text(io->note, NOTE_MAX_BYTES, "note", out_why);
	}
	return e ? e : budget_check(io, out_why);
}

/* --- changing -------------------------------------------------------------- */

static void
answer_rehearsal(struct ctl_call *c, const struct budget_rec *from,
    const struct budget_rec *to)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "id", from->id);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &budget_kind, from, to);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct budget *b)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_budget(c, b);
	ctl_answer(c, b->rec.rev, STR(""));
}

static enum err
check_same(const struct ctl_call *c, const struct budget_rec *r,
    struct why *out_why)
{
	const struct budget *b;
	unsigned n = 0;

	TAILQ_FOREACH (b, &c->daemon->budgets->list, link) {
		if (!str_eq(b->rec.scope, r->scope) ||
		    !str_eq(b->rec.subject, r->subject))
			continue;
		n++;
		if (str_eq(b->rec.class, r->class) &&
		    str_eq(b->rec.unit, r->unit) &&
		    str_eq(b->rec.window, r->window) &&
		    str_eq(b->rec.action, r->action))
			return why_set(out_why, ERR_EXISTS, "scope",
			    "%.*s limits the same already; change that one: "
			    "budget set %.*s --limit ...",
			    STR_ARG(b->rec.id), STR_ARG(b->rec.id));
	}
	if (n >= SAME_MAX)
		return why_set(out_why, ERR_LIMIT, "scope",
		    "it has %u budgets already, and there is room for no more",
		    n);
	return OK;
}

static enum err
take_new(const struct ctl_call *c, struct budget_rec *io,
    char window_text[CYCLE_TEXT], struct why *out_why)
{
	enum budget_scope scope;
	struct cycle window;
	enum err e = take_scope(c, io, out_why);

	if (!e && !ctl_has(c, "limit"))
		return why_set(out_why, ERR_VALUE, "limit",
		    "how much? say for example --limit '20 usd', '1.5M "
		    "tokens' or '100 requests'");
	if (!e && !ctl_has(c, "per"))
		return why_set(out_why, ERR_VALUE, "per",
		    "for how long? say for example --per day, week@mon/08:00, "
		    "month, 5h, 5h-sliding or life");
	if (!e)
		e = take_amount(c, "limit", ctl_flag(c, "rated"), io,
		    &io->amount, out_why);
	if (!e)
		e = take_class(c, io, out_why);
	if (!e)
		e = cycle_read(ctl_text(c, "per"), &window, out_why);
	if (e)
		return e;
	cycle_write(&window, window_text);
	io->window = str_of(window_text);
	e = budget_scope_read(io->scope, &scope);
	if (e)
		return e;
	io->action = str_of(budget_action_word(budget_scope_is_upstream(scope)
		? BUDGET_HOLD
		: BUDGET_DENY));
	e = take_words(c, io, out_why);
	return e ? e : check_same(c, io, out_why);
}

void
ctl_budget_add(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct budget_rec nothing = { .rev = 0 };
	struct budget_rec r = nothing;
	char window[CYCLE_TEXT], id[10];
	struct why why;
	enum err e;

	budget_make_id(id);
	r.id = str_of(id);
	e = take_new(c, &r, window, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else if (c->dry_run)
		answer_rehearsal(c, &nothing, &r);
	else
		budget_save(c->daemon->budgets, &r, 0, false, 0, &who, on_saved,
		    c);
}

void
ctl_budget_set(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct budget *b = find_or_refuse(c);
	struct budget_rec r;
	int64_t more = 0;
	struct why why;
	enum err e = OK;

	if (!b)
		return;
	r = b->rec;
	if (ctl_has(c, "limit") && ctl_has(c, "add"))
		e = why_set(&why, ERR_VALUE, "add",
		    "either a new limit, or something on top of the old one");
	if (!e && ctl_has(c, "limit"))
		e = take_amount(c, "limit", false, &r, &r.amount, &why);
	if (!e && ctl_has(c, "add")) {
		e = take_amount(c, "add", false, &r, &more, &why);
		if (c->dry_run)
			r.amount += more;
	}
	if (!e)
		e = take_words(c, &r, &why);
	if (!e)
		e = ctl_check_rev(c, b->rec.rev, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else if (c->dry_run)
		answer_rehearsal(c, &b->rec, &r);
	else
		/* What is added is added to whatever there is by then; all
		 * else must be of the record that was read, or a top-up that
		 * is on its way to the store would be lost. */
		budget_save(c->daemon->budgets, &r, more, true,
		    more ? c->if_rev : b->rec.rev, &who, on_saved, c);
}

static void
on_removed(void *arg, enum err e, const struct why *why, struct budget *b)
{
	struct ctl_call *c = arg;

	(void)b;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "budget", ctl_text(c, "budget"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_budget_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct budget *b = find_or_refuse(c);
	struct why why;
	enum err e;

	if (!b)
		return;
	e = ctl_check_rev(c, b->rec.rev, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (c->dry_run) {
		json_open(&c->out, '{');
		json_say(&c->out, "budget", b->rec.id);
		json_say_bool(&c->out, "dry_run", true);
		json_close(&c->out, '}');
		ctl_answer(c, b->rec.rev, STR(""));
		return;
	}
	budget_delete(c->daemon->budgets, b->rec.id, c->if_rev, &who,
	    on_removed, c);
}
