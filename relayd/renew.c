/* SPDX-License-Identifier: MIT */
/* renew.c - tokens are renewed before they end, and when an upstream no longer
 * takes them.  Never logs a token, and keeps none: a refresh token is in memory
 * from the store's answer to the end of the call that needs it. */
#include "relayd/renew.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notice.h"

#define TOTAL_MS 15000
#define PAUSE_MS 5000
/* Wall clocks jump and accounts change: it is never longer asleep. */
#define LOOK_MS 60000
/* A provider that refuses for so long, and so often in a row, will not change
 * its mind; less may be a wall in front of it that takes us for somebody. */
#define REFUSED_MS    (10 * 60 * 1000)
#define REFUSED_TIMES 3

enum step {
	TAKING,	 /* the store notes it and opens the refresh token */
	ASKING,	 /* the provider */
	PAUSING, /* refused, or the disk fails; once more, after a while */
	PEEKING, /* what is stored by then? */
	PUTTING, /* the store writes new tokens, or that there are none */
};

struct renewal {
	LIST_ENTRY(renewal) link;
	struct renewals *all;
	char *account;
	enum step step;
	struct fetch *fetch;
	struct timer pause;
	struct buf sealed; /* the refresh token as it is stored */
	struct oauth_grant grant;
	int64_t begun_wall_ms; /* of one before, whose end is unknown */
	bool was_refused;
	enum err e; /* what those who wait are told */
	struct why why;
	TAILQ_HEAD(, renew_wait) waits;
};

struct renewals {
	struct daemon *d;
	struct renew_world world;
	LIST_HEAD(, renewal) live;
	struct timer timer;
	bool stopped;
};

/* --- the real world --------------------------------------------------------------- */

static int64_t
real_wall_ms(void *arg)
{
	(void)arg;
	return clock_wall_ms();
}

static struct fetch *
real_fetch(void *arg, const struct fetch_ask *ask, fetch_done *done,
    void *done_arg)
{
	const struct daemon *d = arg;

	return fetch_start(d->dialer, ask, done, done_arg);
}

static void
real_cancel(void *arg, struct fetch *take_fetch)
{
	(void)arg;
	fetch_cancel(take_fetch);
}

static int64_t
wall_ms(const struct renewals *all)
{
	return all->world.wall_ms(all->world.arg);
}

/* --- questions -------------------------------------------------------------------- */

bool
renew_is_possible(const struct account *a)
{
	return a->provider->oauth && a->provider->oauth->renews &&
	    a->rec.refresh_token.len && !a->deleted;
}

bool
renew_is_needed(const struct renewals *all, const struct account *a)
{
	return renew_is_possible(a) && a->rec.expires_at &&
	    (int64_t)a->rec.expires_at <= wall_ms(all);
}

static struct renewal *
find(const struct renewals *all, struct str account)
{
	struct renewal *r;

	LIST_FOREACH (r, &all->live, link)
		if (str_eq(str_of(r->account), account))
			return r;
	return NULL;
}

static struct account *
account_of(const struct renewal *r)
{
	return pool_find(r->all->d->pool, str_of(r->account));
}

/* --- the end of one ----------------------------------------------------------------- */

static void
renewal_free(void *it)
{
	struct renewal *r = it;

	buf_fini(&r->sealed);
	oauth_grant_fini(&r->grant);
	free(r->account);
	free(r);
}

static void
tell(struct renewal *r)
{
	struct renew_wait *w;

	while ((w = TAILQ_FIRST(&r->waits))) {
		TAILQ_REMOVE(&r->waits, w, link);
		w->in = NULL;
		w->done(w->arg, r->e, &r->why);
	}
}

static void
note_end(const struct renewal *r, const struct account *a)
{
	struct log_line l;

	log_begin(&l,
	    !r->e		     ? LOG_INFO
		: r->e == ERR_DENIED ? LOG_ERROR
				     : LOG_WARN,
	    "renew");
	log_cstr(&l, "account", r->account);
	if (r->e)
		log_err(&l, r->e, &r->why);
	if (!r->e && a) {
		log_u64(&l, "expires_at", a->rec.expires_at);
		log_str(&l, "scopes", a->rec.scopes);
	}
	if (r->e && a && a->renew_after_wall_ms)
		log_i64(&l, "again_at", a->renew_after_wall_ms);
	log_end(&l);
}

static void
end(struct renewal *r)
{
	struct renewals *all = r->all;
	struct account *a = account_of(r);

	LIST_REMOVE(r, link);
	timer_clear(all->d->loop, &r->pause);
	if (a && !r->e) {
		a->renew_failures = 0;
		a->renew_after_wall_ms = 0;
		a->renew_refused_wall_ms = 0;
		gate_open(&a->gates, GATE_AUTH);
	} else if (a) {
		a->renew_after_wall_ms =
		    wall_ms(all) + oauth_renew_wait_ms(++a->renew_failures);
	}
	if (!all->stopped)
		note_end(r, a);
	if (a && r->e == ERR_DENIED && account_is_signed_out(&a->rec))
		notice_raise(all->d->notices, NOTICE_sign_in_needed,
		    a->rec.name, "%s", r->why.text);
	tell(r);
	if (all->stopped) {
		renewal_free(r);
		return;
	}
	loop_bury(all->d->loop, renewal_free, r);
	renewals_look(all);
}

static enum err
fail(struct renewal *r, enum err e, const struct why *why)
{
	r->e = e;
	r->why = *why;
	return e;
}

/* --- the store's answers --------------------------------------------------------------- */

static void
pause_for(struct renewal *r)
{
	const struct renewals *all = r->all;

	r->step = PAUSING;
	timer_set(all->d->loop, &r->pause,
	    loop_ms(all->d->loop) + all->world.pause_ms);
}

static void
on_failed(void *arg, enum err e, const struct why *why)
{
	struct renewal *r = arg;

	(void)why;
	/* Somebody has signed in meanwhile: what was refused is gone. */
	if (e == ERR_STALE)
		r->e = ERR_AGAIN;
	end(r);
}

static void
on_put(void *arg, enum err e, const struct why *why)
{
	struct renewal *r = arg;

	/* The tokens that are stored are worth nothing any more: these here
	 * are not given up because a disk fails. */
	if (e && e != ERR_STALE && e != ERR_UNKNOWN && e != ERR_CLOSED &&
	    !r->all->stopped) {
		log_note(LOG_ERROR, "renew",
		    "the new token of %s cannot be written: %s; it is tried "
		    "again",
		    r->account, why->text);
		pause_for(r);
		return;
	}
	r->e = OK;
	if (e && e != ERR_STALE)
		fail(r, e, why);
	end(r);
}

static void
put(struct renewal *r)
{
	r->step = PUTTING;
	account_token_put(r->all->d->pool, str_of(r->account),
	    buf_str(&r->sealed), &r->grant, wall_ms(r->all), on_put, r);
}

/* Nothing came of it; `hold` says that nothing will. */
static void
give_up(struct renewal *r, const char *hold)
{
	r->step = PUTTING;
	account_token_fail(r->all->d->pool, str_of(r->account),
	    buf_str(&r->sealed), hold, wall_ms(r->all), on_failed, r);
}

/* --- the provider's answer --------------------------------------------------------------- */

/* No renewal will come of it, for this reason; what the provider said stands
 * behind it, as far as there is room. */
static void
sign_out(struct renewal *r, const char *reason)
{
	char hold[sizeof(r->why.text)];

	snprintf(hold, sizeof(hold),
	    "auth: %s; sign in again: relayctl account reauth %.40s (%.90s)",
	    reason, r->account, r->why.text);
	r->e = why_set(&r->why, ERR_DENIED, "", "%s", hold);
	give_up(r, hold);
}

/* A refusal that names neither the token nor a passing trouble. */
static bool
is_refused_for_good(const struct renewal *r)
{
	struct account *a = account_of(r);
	int64_t now = wall_ms(r->all);

	if (!a)
		return false;
	/* The clock may have been put back. */
	if (!a->renew_refused_wall_ms || a->renew_refused_wall_ms > now)
		a->renew_refused_wall_ms = now;
	return now - a->renew_refused_wall_ms >= REFUSED_MS &&
	    a->renew_failures + 1 >= REFUSED_TIMES;
}

static void
judge(struct renewal *r, enum err e, const struct why *why)
{
	if (!e) {
		put(r);
		return;
	}
	fail(r, e == ERR_DENIED ? e : ERR_AGAIN, why);
	if (e == ERR_DENIED && !r->was_refused) {
		/* It may have been a moment's trouble, or somebody may be
		 * signing in just now. */
		r->was_refused = true;
		pause_for(r);
	} else if (e == ERR_DENIED) {
		sign_out(r,
		    r->begun_wall_ms
			? "the answer to an earlier renewal was lost, and "
			  "with it the new token"
			: "the provider no longer accepts this sign-in");
	} else if (e == ERR_VALUE && is_refused_for_good(r)) {
		sign_out(r, "the provider refuses to renew this sign-in");
	} else if (e == ERR_IO || e == ERR_TIMEOUT || e == ERR_CLOSED ||
	    e == ERR_SYNTAX) {
		/* It may have been heard all the same: the note stays. */
		end(r);
	} else {
		give_up(r, NULL);
	}
}

static void
on_answer(void *arg, const struct fetch_result *result)
{
	struct renewal *r = arg;
	const struct account *a = account_of(r);
	struct oauth_flow f;
	struct why why = result->why;
	enum err e = result->e;

	r->fetch = NULL;
	if (!a) {
		why_set(&why, ERR_UNKNOWN, "", "the account was removed");
		fail(r, ERR_UNKNOWN, &why);
		end(r);
		return;
	}
	if (e) {
		/* It never got there, so nothing was lost. */
		if (!result->connect_us && e != ERR_TIMEOUT)
			e = ERR_AGAIN;
	} else {
		f = (struct oauth_flow){ .provider = a->provider };
		e = oauth_read(&f, result->status, result->body, &r->grant,
		    &why);
	}
	judge(r, e, &why);
}

/* --- asking ---------------------------------------------------------------------------- */

static void
send_ask(struct renewal *r, const struct account *a, struct oauth_ask *ask)
{
	const char *fields[OAUTH_FIELDS + 1] = { NULL };
	struct fetch_ask to = { .method = ask->method,
		.total_ms = TOTAL_MS,
		.answer_max = OAUTH_ANSWER_MAX };

	for (unsigned i = 0; i < ask->count; i++)
		fields[i] = buf_cstr(&ask->fields[i]);
	to.url = buf_cstr(&ask->url);
	to.fields = fields;
	to.body = buf_str(&ask->body);
	to.way.allow_private = a->rec.allow_private;
	outlet_lead(&a->outlet, &to.way);
	r->step = ASKING;
	r->fetch = r->all->world.fetch(r->all->world.arg, &to, on_answer, r);
}

static void
on_taken(void *arg, enum err e, const struct why *why,
    const struct token_taken *t)
{
	struct renewal *r = arg;
	const struct account *a = account_of(r);
	struct renewals *all = r->all;
	struct oauth_ask ask;
	struct oauth_flow f;
	struct why w = *why;

	if (all->stopped && !e)
		e = ERR_CLOSED;
	if (!e && !a)
		e = ERR_UNKNOWN;
	if (e) {
		fail(r, e, &w);
		end(r);
		return;
	}
	/* After a pause: has somebody signed in, so that it is another one? */
	if (r->was_refused && !str_eq(t->sealed, buf_str(&r->sealed))) {
		fail(r, OK, &w);
		end(r);
		return;
	}
	buf_clear(&r->sealed);
	buf_must(&r->sealed, t->sealed);
	if (!r->was_refused)
		r->begun_wall_ms = t->begun_wall_ms;
	oauth_ask_init(&ask);
	/* The owner may have withdrawn what was allowed during the pause. */
	e = account_check_allowed(a, &w);
	if (!e)
		e = oauth_flow_init(&f, &a->rec, all->d->conf,
		    all->d->client_secrets, &w);
	if (!e)
		e = oauth_renew(&f, t->refresh, &ask);
	if (e) {
		fail(r, e, &w);
		give_up(r, NULL);
	} else {
		send_ask(r, a, &ask);
	}
	oauth_ask_fini(&ask);
}

static void
on_pause(void *arg)
{
	struct renewal *r = arg;

	if (buf_len(&r->grant.access)) {
		put(r);
		return;
	}
	r->step = PEEKING;
	account_token_peek(r->all->d->pool, str_of(r->account), on_taken, r);
}

static struct renewal *
begin(struct renewals *all, const struct account *a)
{
	struct renewal *r = xcalloc(1, sizeof(*r));

	r->all = all;
	r->account = xmemdup(a->rec.name.at, a->rec.name.len);
	r->step = TAKING;
	buf_init(&r->sealed, ACCOUNT_RECORD_MAX);
	oauth_grant_init(&r->grant);
	timer_init(&r->pause, on_pause, r);
	TAILQ_INIT(&r->waits);
	LIST_INSERT_HEAD(&all->live, r, link);
	account_token_take(all->d->pool, a->rec.name, wall_ms(all), on_taken,
	    r);
	return r;
}

/* --- who is due -------------------------------------------------------------------------- */

/* When an account is to be renewed, wall clock; 0: not by itself. */
static int64_t
due_at(const struct account *a)
{
	int64_t at;

	if (!renew_is_possible(a) || a->is_forbidden || a->outlet.no_way ||
	    account_is_signed_out(&a->rec))
		return 0;
	at = oauth_renew_at(a->rec.name, (int64_t)a->rec.renewed_at,
	    (int64_t)a->rec.expires_at);
	return at && at < a->renew_after_wall_ms ? a->renew_after_wall_ms : at;
}

void
renewals_look(struct renewals *all)
{
	int64_t now = wall_ms(all), next = now + LOOK_MS;
	const struct account *a;

	if (all->stopped)
		return;
	TAILQ_FOREACH (a, &all->d->pool->accounts, link) {
		int64_t at = due_at(a);

		if (!at || find(all, a->rec.name))
			continue;
		if (at <= now)
			begin(all, a);
		else if (at < next)
			next = at;
	}
	timer_set(all->d->loop, &all->timer,
	    loop_ms(all->d->loop) + (next - now));
}

static void
on_timer(void *arg)
{
	renewals_look(arg);
}

void
renew_join(struct renewals *all, struct account *a, struct renew_wait *w)
{
	struct renewal *r = find(all, a->rec.name);

	if (!r)
		r = begin(all, a);
	w->in = r;
	TAILQ_INSERT_TAIL(&r->waits, w, link);
}

void
renew_leave(struct renew_wait *w)
{
	if (!w || !w->in)
		return;
	TAILQ_REMOVE(&w->in->waits, w, link);
	w->in = NULL;
}

/* --- birth and death --------------------------------------------------------------------- */

void
renewals_new(struct daemon *d, const struct renew_world *world,
    struct renewals **out)
{
	struct renewals *all = xcalloc(1, sizeof(*all));

	all->d = d;
	all->world = world ? *world
			   : (struct renew_world){ .wall_ms = real_wall_ms,
				     .fetch = real_fetch,
				     .cancel = real_cancel,
				     .arg = d,
				     .pause_ms = PAUSE_MS };
	LIST_INIT(&all->live);
	timer_init(&all->timer, on_timer, all);
	*out = all;
}

void
renewals_stop(struct renewals *all)
{
	struct renewal *r, *next;

	if (!all)
		return;
	all->stopped = true;
	timer_clear(all->d->loop, &all->timer);
	for (r = LIST_FIRST(&all->live); r; r = next) {
		next = LIST_NEXT(r, link);
		r->e = why_set(&r->why, ERR_CLOSED, "", "relayd is stopping");
		tell(r);
		/* The others are with the store, which brings them back. */
		if (r->step == ASKING)
			all->world.cancel(all->world.arg, r->fetch);
		if (r->step == ASKING || r->step == PAUSING)
			end(r);
	}
}

void
renewals_free(struct renewals *all)
{
	struct renewal *r;

	if (!all)
		return;
	while ((r = LIST_FIRST(&all->live))) {
		LIST_REMOVE(r, link);
		renewal_free(r);
	}
	free(all);
}
