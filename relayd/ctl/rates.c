/* SPDX-License-Identifier: MIT */
/* rates.c - control methods about the factors that services have.  A factor is
 * in force, for requests that are sent to an account from then on, when the
 * store has it; what receipts say of it stays. */
#include "relayd/rates.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/price.h"
#include "relayd/provider.h"

/* --- rows ------------------------------------------------------------------ */

/* The kinds that it is of: those that a better fitting one has are not. */
static void
say_kinds(struct json_out *j, const struct rates *r, const struct rate *of)
{
	const struct provider *p;
	struct buf kinds;

	buf_init(&kinds, 4096);
	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (rates_at(r, str_of(p->name)) == of)
			buf_mustf(&kinds, "%s%s", buf_len(&kinds) ? ", " : "",
			    p->name);
	json_say(j, "kinds", buf_str(&kinds));
	buf_fini(&kinds);
}

static void
put_rate(struct ctl_call *c, const struct rates *r, const struct rate *rate)
{
	char text[DECIMAL_TEXT];
	struct json_out *j = &c->out;

	decimal_write(rate->ppm, PRICE_RATE_DIGITS, 2, text);
	json_open(j, '{');
	json_say(j, "service", str_of(rate->service));
	json_say(j, "rate", str_of(text));
	say_kinds(j, r, rate);
	json_close(j, '}');
}

void
ctl_rate_list(struct ctl_call *c)
{
	const struct rates *r = &c->daemon->rates;

	json_open(&c->out, '[');
	for (unsigned i = 0; i < r->count; i++)
		put_rate(c, r, &r->at[i]);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

/* --- changing -------------------------------------------------------------- */

struct change {
	struct job job;
	struct ctl_call *call;
	struct audit_who who;
	char service[RATE_SERVICE_MAX + 1];
	int64_t ppm; /* 0: it goes */
};

/* "1.2", or "1" where there is none. */
static void
say_factor(int64_t ppm, char out[DECIMAL_TEXT])
{
	decimal_write(ppm ? ppm : PRICE_RATE_ONE, PRICE_RATE_DIGITS, 0, out);
}

static enum err
read_stored(struct txn *t, struct str service, int64_t *out_ppm)
{
	struct str text;
	enum err e = txn_get(t, TABLE_rate, service, &text);

	*out_ppm = 0;
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	return price_rate_read(text, out_ppm);
}

static enum err
change_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	struct str service = str_of(ch->service);
	char from[DECIMAL_TEXT], to[DECIMAL_TEXT], text[3 * DECIMAL_TEXT];
	int64_t before;
	enum err e = read_stored(t, service, &before);

	if (e)
		return e;
	say_factor(before, from);
	say_factor(ch->ppm, to);
	snprintf(text, sizeof(text), "rate: %s -> %s%s", from, to,
	    ch->ppm ? "" : " (removed)");
	e = audit_write_text(t, &ch->who, "rate", service, str_of(text),
	    out_why);
	return e ? e : rates_write(t, service, ch->ppm);
}

static enum err
apply(struct rates *r, const struct change *ch)
{
	if (ch->ppm)
		return rates_put(r, str_of(ch->service), ch->ppm);
	rates_drop(r, str_of(ch->service));
	return OK;
}

/* In `r` it is as it will be. */
static void
answer(struct ctl_call *c, const struct rates *r, const struct change *ch)
{
	if (ch->ppm) {
		put_rate(c, r, rates_find(r, str_of(ch->service)));
	} else {
		json_open(&c->out, '{');
		json_say(&c->out, "service", str_of(ch->service));
		json_say_bool(&c->out, "removed", true);
		json_close(&c->out, '}');
	}
	ctl_answer(c, 0, STR(""));
}

static void
change_done(struct job *j)
{
	struct change *ch = (struct change *)j;
	struct ctl_call *c = ch->call;
	enum err e = j->result;

	if (!e && (e = apply(&c->daemon->rates, ch)))
		why_set(&j->why, e, "service", "there is no room for it");
	if (e)
		ctl_refuse(c, e, &j->why);
	else
		answer(c, &c->daemon->rates, ch);
	free(ch);
}

static enum err
take_service(const struct ctl_call *c, struct change *ch, struct why *out_why)
{
	struct str service = ctl_text(c, "service");
	const struct provider *p;

	if (!service.len || service.len > RATE_SERVICE_MAX)
		return why_set(out_why, ERR_VALUE, "service",
		    "a service is a kind of account, or a glob of some: "
		    "claude-api, claude*");
	snprintf(ch->service, sizeof(ch->service), "%.*s", STR_ARG(service));
	/* One that was set once may be removed in any case. */
	if (!ch->ppm) {
		if (rates_find(&c->daemon->rates, service))
			return OK;
		return why_set(out_why, ERR_UNKNOWN, "service",
		    "\"%s\" has no rate; `rate ls` lists those there are",
		    ch->service);
	}
	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (str_glob(str_of(p->name), service))
			return OK;
	return why_set(out_why, ERR_UNKNOWN, "service",
	    "no kind of account is like \"%s\"; `account kinds` lists them, "
	    "and claude* means all of Claude's",
	    ch->service);
}

static void
change(struct ctl_call *c, int64_t ppm)
{
	struct change *ch = xcalloc(1, sizeof(*ch));
	struct rates rehearsal = c->daemon->rates;
	struct why why;
	enum err e;

	ch->job = (struct job){ .work = change_work, .done = change_done };
	ch->call = c;
	ch->who = ctl_who(c);
	ch->ppm = ppm;
	e = take_service(c, ch, &why);
	if (!e && (e = apply(&rehearsal, ch)))
		why_set(&why, e, "service",
		    "there are %d rates already, and room for no more",
		    RATES_MAX);
	if (!e && !c->dry_run) {
		store_post(c->daemon->store, LANE_WRITE, &ch->job);
		return;
	}
	if (e)
		ctl_refuse(c, e, &why);
	else
		answer(c, &rehearsal, ch);
	free(ch);
}

void
ctl_rate_set(struct ctl_call *c)
{
	struct str rate = str_trim(ctl_text(c, "rate"));
	int64_t ppm;

	if (!rate.len || price_rate_read(rate, &ppm))
		ctl_refusef(c, ERR_VALUE, "rate",
		    "a rate is a factor above 0 and at most 1000, for example "
		    "1.25");
	else
		change(c, ppm);
}

void
ctl_rate_rm(struct ctl_call *c)
{
	change(c, 0);
}
