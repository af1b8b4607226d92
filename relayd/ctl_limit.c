/* SPDX-License-Identifier: MIT */
/* ctl_limit.c - limits that are said with a key that is made. */
#include "relayd/ctl_limit.h"

#include <stdio.h>

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/price_table.h"

#define OPUS "claude-opus*"

/* --- gathering ------------------------------------------------------------- */

static bool
is_same(const struct budget_rec *a, const struct budget_rec *b)
{
	return str_eq(a->class, b->class) && str_eq(a->unit, b->unit) &&
	    str_eq(a->window, b->window) && str_eq(a->action, b->action);
}

static enum err
add(struct ctl_limits *io, const struct budget_rec *r, const char *field,
    struct why *out_why)
{
	unsigned n = 0;

	while (n < io->count && !is_same(&io->at[n], r))
		n++;
	if (n == KEYBATCH_LIMITS)
		return why_set(out_why, ERR_LIMIT, field,
		    "a key has at most %d limits of its own", KEYBATCH_LIMITS);
	io->at[n] = *r;
	snprintf(io->windows[n], CYCLE_TEXT, "%.*s", STR_ARG(r->window));
	io->at[n].window = str_of(io->windows[n]);
	io->count += n == io->count;
	return OK;
}

enum err
ctl_copy_limits(const struct ctl_call *c, struct str key_id,
    struct ctl_limits *io, struct why *out_why)
{
	const struct budget *b;
	enum err e = OK;

	TAILQ_FOREACH (b, &c->daemon->budgets->list, link)
		if (!e && b->scope == BUDGET_KEY &&
		    str_eq(b->rec.subject, key_id))
			e = add(io, &b->rec, "like", out_why);
	return e;
}

/* --- short names ----------------------------------------------------------- */

struct said {
	const char *name; /* of the parameter */
	struct str amount, window, class;
	bool money; /* and nothing else */
};

static enum err
add_said(const struct ctl_call *c, const struct said *s, struct ctl_limits *io,
    struct why *out_why)
{
	struct budget_rec r = { .class = s->class,
		.scope = str_of(budget_scope_word(BUDGET_KEY)),
		.action = str_of(budget_action_word(BUDGET_DENY)) };
	char window[CYCLE_TEXT];
	enum budget_unit unit;
	struct cycle cycle;
	struct why why;
	enum err e = budget_amount_read(s->amount, &unit, &r.amount, &why);

	if (!e)
		e = cycle_read(s->window, &cycle, &why);
	if (e)
		return why_set(out_why, e, s->name, "%s", why.text);
	if (s->money && !budget_unit_is_money(unit))
		return why_set(out_why, ERR_VALUE, s->name,
		    "is said in money; write for example '20 usd'");
	if (unit == BUDGET_COST_REAL && ctl_flag(c, "rated"))
		unit = BUDGET_COST_RATED;
	cycle_write(&cycle, window);
	r.window = str_of(window);
	r.unit = str_of(budget_unit_word(unit));
	return add(io, &r, s->name, out_why);
}

static enum err
take_simple(const struct ctl_call *c, const char *name, const char *window,
    struct ctl_limits *io, struct why *out_why)
{
	const struct said s = { .name = name,
		.amount = ctl_text(c, name),
		.window = str_of(window) };

	return ctl_has(c, name) ? add_said(c, &s, io, out_why) : OK;
}

static enum err
take_opus(const struct ctl_call *c, struct ctl_limits *io, struct why *out_why)
{
	struct str at = ctl_text(c, "weekly_at");
	char window[2 * CYCLE_TEXT];
	struct said s = { .name = "weekly_opus",
		.amount = ctl_text(c, "weekly_opus"),
		.class = STR(OPUS),
		.money = true };

	if (!ctl_has(c, "weekly_opus"))
		return at.len ? why_set(out_why, ERR_VALUE, "weekly_at",
				    "it is when the week of --weekly-opus "
				    "begins; say that too")
			      : OK;
	snprintf(window, sizeof(window), "week%s%.*s", at.len ? "@" : "",
	    STR_ARG(str_first(at, CYCLE_TEXT)));
	s.window = str_of(window);
	return add_said(c, &s, io, out_why);
}

static enum err
take_rpm(const struct ctl_call *c, struct ctl_limits *io, struct why *out_why)
{
	char amount[40];
	const struct said s = { .name = "rpm",
		.amount = str_at(amount,
		    (size_t)snprintf(amount, sizeof(amount), "%lld requests",
			(long long)ctl_number(c, "rpm"))),
		.window = STR("1m-sliding") };

	return ctl_has(c, "rpm") ? add_said(c, &s, io, out_why) : OK;
}

/* "5h: 10 usd, 1000 requests", "day@08:00: 5 usd". */
static enum err
take_window(const struct ctl_call *c, struct ctl_limits *io,
    struct why *out_why)
{
	struct str text = ctl_text(c, "window"), amounts = text;
	struct said s = { .name = "window" };
	size_t n = text.len;
	enum err e = OK;

	if (!ctl_has(c, "window"))
		return OK;
	while (n && text.at[n - 1] != ':')
		n--;
	s.window = str_trim(str_first(text, n ? n - 1 : 0));
	amounts = str_skip(text, n);
	if (!s.window.len || !str_trim(amounts).len)
		return why_set(out_why, ERR_VALUE, "window",
		    "is a span of time and what there is for it, for example "
		    "'5h: 10 usd, 1000 requests'");
	while (!e && str_list_next(&amounts, &s.amount))
		e = add_said(c, &s, io, out_why);
	return e;
}

enum err
ctl_take_limits(const struct ctl_call *c, struct ctl_limits *io,
    struct why *out_why)
{
	unsigned had = io->count;
	enum err e = take_simple(c, "daily", "day", io, out_why);

	if (!e)
		e = take_simple(c, "total", "life", io, out_why);
	if (!e)
		e = take_opus(c, io, out_why);
	if (!e)
		e = take_rpm(c, io, out_why);
	if (!e)
		e = take_window(c, io, out_why);
	if (!e && ctl_flag(c, "rated") && io->count == had &&
	    !ctl_has(c, "daily") && !ctl_has(c, "total") &&
	    !ctl_has(c, "weekly_opus") && !ctl_has(c, "window"))
		e = why_set(out_why, ERR_VALUE, "rated",
		    "is said of limits in money, for example --daily '5 usd'");
	return e;
}

void
ctl_put_limits(struct json_out *j, const struct ctl_limits *l)
{
	char text[BUDGET_TEXT];
	enum budget_unit unit;

	json_open(j, '[');
	for (unsigned i = 0; i < l->count; i++) {
		if (budget_unit_read(l->at[i].unit, &unit))
			continue;
		budget_amount_text(unit, l->at[i].amount, text);
		json_open(j, '{');
		json_say(j, "limit", str_of(text));
		json_say(j, "window", l->at[i].window);
		json_say(j, "class", l->at[i].class);
		json_close(j, '}');
	}
	json_close(j, ']');
}

enum err
ctl_put_template(struct ctl_call *c, const struct apikey *k,
    struct why *out_why)
{
	struct ctl_limits limits = { .count = 0 };
	enum err e = ctl_copy_limits(c, k->rec.id, &limits, out_why);

	if (e)
		return e;
	json_open(&c->out, '{');
	ctl_put_key_members(c, k);
	json_put_key(&c->out, "limits");
	ctl_put_limits(&c->out, &limits);
	json_close(&c->out, '}');
	return OK;
}

/* --- what they may be of ---------------------------------------------------- */

static bool
is_named(struct str models, struct str glob)
{
	struct str item, name;

	while (str_list_next(&models, &item)) {
		name = item;
		item = str_trim(str_cut(&name, '='));
		name = str_trim(name);
		if (str_glob(item, glob) || str_glob(glob, item) ||
		    (name.len && str_glob(name, glob)))
			return true;
	}
	return false;
}

bool
ctl_is_like_model(const struct ctl_call *c, struct str glob)
{
	const struct price_table *t = c->daemon->prices;
	const struct account *a;

	if (price_find(t, glob))
		return true;
	for (size_t i = 0; i < price_count(t); i++)
		if (str_glob(price_at(t, i)->name, glob))
			return true;
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link)
		if (is_named(a->rec.models, glob))
			return true;
	return false;
}
