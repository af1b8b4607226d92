/* SPDX-License-Identifier: MIT */
/* waiting.c - requests that wait for a place: one of their key, then one at an
 * account.
 *
 * A place that becomes free is given away at once, to whoever's turn it is
 * (queue.h), and counted as taken from then on: nobody who comes later can
 * slip in.  The one whose turn it is looks again when it runs, for the account
 * may have failed in between; then it waits where it stood before.  Nobody
 * asks again and again: a timer is only set for moments that are known. */
#include "relayd/waiting.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/tally.h"
#include "relayd/why.h"

/* Nobody is told to come back sooner, or later, than that. */
#define RETRY_MIN_S 1
#define RETRY_MAX_S 60
/* So many requests of a session wait for its account; more go elsewhere. */
#define STICK_WAITERS 3
/* What a request is thought to last before one was seen. */
#define HOLD_GUESS_MS 5000

/* --- the line -------------------------------------------------------------- */

static struct key_line *
line_of(struct apikey *k)
{
	if (!k->line) {
		k->line = xcalloc(1, sizeof(*k->line));
		queue_init(&k->line->own);
		queue_flow_init(&k->line->own_flow);
		queue_flow_init(&k->line->account_flow);
	}
	k->line->account_flow.weight =
	    k->rec.weight ? (unsigned)k->rec.weight : 1;
	return k->line;
}

static uint64_t *
waiting_now(const struct relay *r)
{
	struct counters *n = &r->d->counters;

	return r->waiter.in == &r->all->line ? &n->queue_accounts_now
					     : &n->queue_keys_now;
}

/* A request that comes back from a turn that was none stands where it stood. */
static void
enter(struct relay *r, bool for_key)
{
	struct key_line *line = line_of(r->key);
	struct queue *q = for_key ? &line->own : &r->all->line;
	struct queue_flow *f = for_key ? &line->own_flow : &line->account_flow;

	r->waiter.owner = r;
	if (!for_key && r->waiter.nr)
		queue_again(q, f, &r->waiter);
	else
		queue_enter(q, f, &r->waiter);
	r->wait_began_us = clock_us();
	(*waiting_now(r))++;
}

/* It waits no more: it was taken out, or leaves. */
static void
note_left(struct relay *r, bool for_key)
{
	struct counters *n = &r->d->counters;
	int64_t took_us = clock_us() - r->wait_began_us;

	r->waits_for = NULL;
	(*(for_key ? &n->queue_keys_now : &n->queue_accounts_now))--;
	histogram_add(&r->d->tally->took[TALLY_H_queue], took_us);
	why_waits(r,
	    for_key ? "a place of its key"
		: r->stick_until_ms * 1000 > r->wait_began_us
		? "the account of its session"
		: r->for_turn ? "its turn at an account"
			      : "a place at an account",
	    took_us);
	/* After a failure it waits in the time that there is for all tries. */
	if (r->tries)
		return;
	r->queued_us += took_us;
	r->tries_began_ms += took_us / 1000;
}

static void
leave(struct relay *r)
{
	bool for_key = r->waiter.in != &r->all->line;

	if (!r->waiter.in)
		return;
	queue_leave(&r->waiter);
	note_left(r, for_key);
}

/* The first of them comes first.  A place is its own from now on. */
static void
call(struct queue_waiter *w, bool for_key)
{
	struct relay *r = w->owner;

	note_left(r, for_key);
	r->d->counters.queue_served_total++;
	relay_post(r, E_TURN);
}

/* --- what is waited for ---------------------------------------------------- */

/* Could it be that account, if that had a place?  What else speaks against it
 * is asked when it has one. */
static bool
is_for(const struct relay *r, const struct account *a)
{
	const struct sched_ask *ask = &r->ask;

	if ((r->waits_for && r->waits_for != a) ||
	    (ask->must_stay && ask->bound && ask->bound != a))
		return false;
	if (ask->kind && strcmp(a->provider->name, ask->kind) != 0)
		return false;
	return a->provider->serves(ask->dialect, ask->op) && !a->rec.held &&
	    !a->is_forbidden && account_has_model(a, ask->model) &&
	    (!ask->head || account_serves_client(a, ask->head));
}

/* All that it could have. */
struct room {
	uint64_t places;
	int64_t hold_ms;  /* how long one is taken, on average */
	int64_t opens_ms; /* when one that rests may be used; 0: unknown */
	bool is_busy;	  /* an account of them has no place left */
};

static void
add_room(struct room *io, uint64_t more, int64_t hold_ms, bool is_busy)
{
	if (!more)
		return;
	io->is_busy = io->is_busy || is_busy;
	io->hold_ms = (int64_t)(((uint64_t)io->hold_ms * io->places +
				    (uint64_t)hold_ms * more) /
	    (io->places + more));
	io->places += more;
}

struct view {
	const struct relay *r;
	int64_t now_ms;
	struct room room;
};

static void
see(void *arg, const struct sched_candidate *c)
{
	const struct account *a = c->account;
	uint64_t places = a->rec.max_concurrency;
	struct view *v = arg;

	if (v->r->waits_for && v->r->waits_for != a)
		return;
	if (c->sieve == SIEVE_BUSY || c->sieve == SIEVE_COUNT)
		add_room(&v->room, places,
		    a->hold_ms ? a->hold_ms : HOLD_GUESS_MS,
		    a->in_flight >= places);
	else if (c->sieve == SIEVE_TURN && a->turn)
		add_room(&v->room, 1,
		    (a->ttft_ms ? a->ttft_ms : HOLD_GUESS_MS) +
			SCHED_TURN_GAP_MS,
		    true);
	else if (c->until_ms > v->now_ms &&
	    (!v->room.opens_ms || c->until_ms < v->room.opens_ms))
		v->room.opens_ms = c->until_ms;
}

static struct room
room_of(const struct relay *r)
{
	struct view v = { .r = r, .now_ms = loop_ms(r->d->loop) };
	struct sched_choice choice;

	sched_explain(r->d->pool, &r->ask, see, &v, &choice);
	return v.room;
}

static struct room
room_of_key(const struct apikey *k)
{
	return (struct room){ .places = k->rec.max_concurrency,
		.hold_ms = k->hold_ms ? k->hold_ms : HOLD_GUESS_MS,
		.is_busy = true };
}

static struct room
room_now(const struct relay *r)
{
	return r->waiter.in == &r->all->line ? room_of(r) : room_of_key(r->key);
}

/* How long until its turn, as things go. */
static int64_t
expected_ms(const struct relay *r, const struct room *room)
{
	int64_t now_ms = loop_ms(r->d->loop);

	if (room->is_busy)
		return queue_wait_ms(queue_position(&r->waiter), room->hold_ms,
		    room->places);
	return room->opens_ms > now_ms ? room->opens_ms - now_ms : 0;
}

/* --- refusing -------------------------------------------------------------- */

/* It waits, and shall not any longer: say when it is worth coming back. */
static enum relay_state
refuse(struct relay *r, const char *how)
{
	struct room room = room_now(r);
	int64_t wait_s = (expected_ms(r, &room) + 999) / 1000;
	bool for_key = r->waiter.in != &r->all->line;
	unsigned position = queue_position(&r->waiter);

	wait_s = wait_s < RETRY_MIN_S ? RETRY_MIN_S : wait_s;
	r->fault_retry_ms =
	    1000 * (wait_s > RETRY_MAX_S ? RETRY_MAX_S : wait_s);
	if (for_key)
		relay_fault(r, FAULT_RATE,
		    "this key has as many requests under way as it may (%llu), "
		    "and %s",
		    (unsigned long long)r->key->rec.max_concurrency, how);
	else if (!room.is_busy)
		attempt_say_unusable(r);
	else
		relay_fault(r, FAULT_RATE,
		    "no account for %.*s has a place just now, and %s "
		    "(position %u)",
		    STR_ARG(str_first(buf_str(&r->model), 100)), how, position);
	leave(r);
	return do_refuse(r);
}

/* When it is refused, if it waits from now on. */
static int64_t
deadline(const struct relay *r)
{
	const struct settings *s = &r->d->settings;

	int64_t at_ms, last_ms = r->tries_began_ms + s->attempts_time_ms;

	if (r->wait_until_ms && !r->tries)
		return r->wait_until_ms;
	at_ms = loop_ms(r->d->loop) +
	    (r->asked.stream ? s->queue_wait_stream_ms : s->queue_wait_ms);
	return r->tries && last_ms < at_ms ? last_ms : at_ms;
}

static int64_t
earlier(int64_t at_ms, int64_t other_ms, int64_t now_ms)
{
	return other_ms > now_ms && other_ms < at_ms ? other_ms : at_ms;
}

/* The moments at which something is different for it. */
static void
set_timer(struct relay *r)
{
	int64_t now_ms = loop_ms(r->d->loop), at_ms = r->wait_until_ms;

	if (r->waiter.in == &r->all->line) {
		at_ms = earlier(at_ms, room_of(r).opens_ms, now_ms);
		at_ms = earlier(at_ms, r->stick_until_ms, now_ms);
		at_ms = earlier(at_ms, r->tier_until_ms, now_ms);
	}
	relay_wait_until(r, attempt_ping(r, at_ms));
}

/* Too many wait: it never waited. */
static bool
is_full(const struct relay *r)
{
	struct room room = room_now(r);

	return r->waiter.flow->count >
	    queue_room(r->d->settings.queue_size, room.places);
}

/* In the line from now on, if there is room in it. */
static enum relay_state
begin(struct relay *r, bool for_key)
{
	struct counters *n = &r->d->counters;
	bool is_new = for_key || !r->waiter.nr;

	r->wait_until_ms = deadline(r);
	if (is_new)
		r->waiter.yields = r->d->settings.turn_boost &&
		    !session_is_turn(&r->scan, r->body);
	enter(r, for_key);
	if (is_new && is_full(r)) {
		n->queue_full_total++;
		return refuse(r, "too many wait already");
	}
	n->queue_entered_total++;
	if (loop_ms(r->d->loop) >= r->wait_until_ms) {
		n->queue_late_total++;
		return refuse(r, "none became free in time");
	}
	set_timer(r);
	return R_WAITING;
}

/* --- a place of the key ---------------------------------------------------- */

static bool
any(void *arg, struct queue_waiter *w)
{
	(void)arg;
	(void)w;
	return true;
}

static bool
has_place(const struct apikey *k)
{
	return !k->rec.max_concurrency || k->running < k->rec.max_concurrency;
}

static void
serve_key(struct apikey *k)
{
	struct queue_waiter *w;

	while (has_place(k) && (w = queue_next(&k->line->own, any, NULL))) {
		((struct relay *)w->owner)->is_running = true;
		k->running++;
		call(w, true);
	}
}

static enum relay_state
go_on(struct relay *r)
{
	r->waiter.nr = 0;
	r->tries_began_ms = loop_ms(r->d->loop);
	return attempt_open(r);
}

enum relay_state
waiting_begin(struct relay *r)
{
	if (r->key) {
		if (!has_place(r->key))
			return begin(r, true);
		r->is_running = true;
		r->key->running++;
	}
	return go_on(r);
}

static void
refuse_all(struct queue_flow *f, const char *state)
{
	struct queue_waiter *w;

	TAILQ_FOREACH (w, &f->waiters, link) {
		struct relay *r = w->owner;

		relay_fault(r, FAULT_KEY, "this API key is %s", state);
		relay_post(r, E_STOP);
	}
}

void
waiting_look_at_key(struct apikey *k)
{
	const char *state =
	    k->deleted ? "removed" : apikey_state(k, clock_wall_ms());

	if (!k->line)
		return;
	line_of(k);
	if (strcmp(state, "active") != 0) {
		refuse_all(&k->line->own_flow, state);
		refuse_all(&k->line->account_flow, state);
	}
	serve_key(k);
}

/* --- a place at an account ------------------------------------------------- */

static bool
fits(void *arg, struct queue_waiter *w)
{
	struct relay *r = w->owner;
	const struct account *a = arg;
	struct sched_choice choice;

	if (a && !is_for(r, a))
		return false;
	attempt_choose(r, &choice);
	if (!choice.account)
		return false;
	attempt_take_place(r, choice.account);
	return true;
}

void
waiting_serve(struct relays *all, struct account *a)
{
	struct queue_waiter *w;

	while (all->line.count && (w = queue_next(&all->line, fits, a)))
		call(w, false);
}

/* Nothing else tells those that wait for it when the gap is over. */
void
waiting_turn_over(struct relays *all, const struct account *a)
{
	const struct queue_waiter *w = NULL;

	while ((w = queue_walk(&all->line, w))) {
		struct relay *r = w->owner;

		if (r->ask.turn && is_for(r, a) &&
		    r->timer.at_ms > a->turn_free_ms)
			relay_wait_until(r, a->turn_free_ms);
	}
}

/* --- a session's account --------------------------------------------------- */

/* How many of the session wait already, this one not counted. */
static unsigned
session_waiters(const struct relay *r)
{
	const struct queue_waiter *w;
	unsigned n = 0;

	if (!r->key || !r->key->line)
		return 0;
	TAILQ_FOREACH (w, &r->key->line->account_flow.waiters, link) {
		const struct relay *other = w->owner;

		n += other != r && other->session.id == r->session.id;
	}
	return n;
}

/* Until when it would wait for that one; 0: not at all. */
static int64_t
stick_until(const struct relay *r, const struct sched_choice *c)
{
	int64_t now_ms = loop_ms(r->d->loop), opens_ms;
	int64_t wait_ms = r->d->settings.sticky_wait_ms;
	int64_t rest_ms = r->ask.stay_ms ? r->ask.stay_ms : SCHED_SHORT_MS;
	enum gate which;

	if (c->bond != BOND_VISIT || !r->key || !wait_ms)
		return 0;
	if (wait_ms < r->ask.stay_ms)
		wait_ms = r->ask.stay_ms;
	if (c->left == SIEVE_BUSY || c->left == SIEVE_TURN)
		return now_ms + wait_ms;
	if (c->left != SIEVE_GATED)
		return 0;
	opens_ms = gate_until(&r->ask.bound->gates, now_ms, &which);
	return opens_ms - now_ms <= rest_ms ? opens_ms : 0;
}

void
waiting_stick(struct relay *r, struct sched_choice *io)
{
	int64_t until_ms = stick_until(r, io), now_ms = loop_ms(r->d->loop);

	if (!r->stick_until_ms && until_ms > now_ms &&
	    session_waiters(r) < STICK_WAITERS)
		r->stick_until_ms =
		    until_ms < deadline(r) ? until_ms : deadline(r);
	if (until_ms && r->stick_until_ms > now_ms) {
		r->waits_for = r->ask.bound;
		io->account = NULL;
		io->fell[io->left]++;
		return;
	}
	/* It has waited for nothing. */
	if (r->stick_until_ms &&
	    (io->left == SIEVE_BUSY || io->left == SIEVE_TURN))
		io->bond = BOND_MOVED;
	r->waits_for = NULL;
}

bool
waiting_for_tier(const struct relay *r)
{
	int64_t now_ms = loop_ms(r->d->loop);

	return r->key && now_ms < deadline(r) &&
	    (!r->tier_until_ms || now_ms < r->tier_until_ms);
}

/* Is it worth it, for as long as it may? */
static bool
has_hope(const struct relay *r, const struct sched_choice *c)
{
	struct room room;

	if (!r->key)
		return false;
	if (r->waits_for || c->fell[SIEVE_BUSY] || c->fell[SIEVE_TURN] ||
	    c->is_worth_waiting)
		return true;
	room = room_of(r);
	return room.opens_ms &&
	    room.opens_ms - loop_ms(r->d->loop) <= SCHED_SHORT_MS;
}

bool
waiting_may_help(struct relay *r, const struct sched_choice *c)
{
	return loop_ms(r->d->loop) < deadline(r) && has_hope(r, c);
}

bool
waiting_helps(struct relay *r, const struct sched_choice *c,
    enum relay_state *out_next)
{
	if (!has_hope(r, c))
		return false;
	if (c->is_worth_waiting && !r->tier_until_ms)
		r->tier_until_ms = loop_ms(r->d->loop) + r->ask.tier_wait_ms;
	r->for_turn = c->fell[SIEVE_TURN] && !c->fell[SIEVE_BUSY];
	*out_next = begin(r, false);
	return true;
}

/* --- moves ----------------------------------------------------------------- */

/* There is a place, and it is counted as its own. */
enum relay_state
do_turn(struct relay *r)
{
	const char *state = apikey_state(r->key, clock_wall_ms());

	if (r->key->deleted || strcmp(state, "active") != 0) {
		relay_fault(r, FAULT_KEY, "this API key is %s",
		    r->key->deleted ? "removed" : state);
		return do_refuse(r);
	}
	return r->place ? attempt_open(r) : go_on(r);
}

/* Of those that are due at the same moment the first one looks for all. */
static void
look_for_all(struct relay *r)
{
	int64_t now_ms = loop_ms(r->d->loop);

	if (r->all->line_seen_ms == now_ms)
		return;
	r->all->line_seen_ms = now_ms;
	waiting_serve(r->all, NULL);
}

/* WAITING's timer: a moment has come at which something is different. */
enum relay_state
do_overdue(struct relay *r)
{
	if (r->waiter.in == &r->all->line)
		look_for_all(r);
	/* It has its turn now. */
	if (!r->waiter.in)
		return R_WAITING;
	if (loop_ms(r->d->loop) >= r->wait_until_ms) {
		r->d->counters.queue_late_total++;
		return refuse(r, "none became free in time");
	}
	set_timer(r);
	return R_WAITING;
}

/* Requests that are over tell how long the next ones may last. */
static void
note_hold(struct apikey *k, int64_t took_ms)
{
	k->hold_ms = k->hold_ms ? (4 * k->hold_ms + took_ms) / 5 : took_ms;
}

void
waiting_end(struct relay *r)
{
	if (r->waiter.in) {
		r->d->counters.queue_left_total++;
		leave(r);
	}
	attempt_give_back(r);
	if (!r->is_running)
		return;
	r->is_running = false;
	r->key->running--;
	note_hold(r->key, loop_ms(r->d->loop) - r->tries_began_ms);
	if (r->key->line)
		serve_key(r->key);
}

/* --- for people ------------------------------------------------------------ */

bool
waiting_row(struct relay *r, struct waiting_row *out)
{
	struct room room;

	if (!r->waiter.in)
		return false;
	room = room_now(r);
	*out = (struct waiting_row){
		.is_for_key = r->waiter.in != &r->all->line,
		.is_for_turn = r->for_turn,
		.position = queue_position(&r->waiter),
		.since_us = r->wait_began_us,
		.expected_ms = expected_ms(r, &room),
		.until_ms = r->wait_until_ms,
	};
	if (r->waits_for)
		out->account = r->ask.bound;
	return true;
}
