/* SPDX-License-Identifier: MIT */
/* attempt_bind.c - the session of a request, and the account it is bound to.
 *
 * A session is bound when an account is chosen, not when it has answered: the
 * requests that a client sends at once (Claude Code's first two) go to one. */
#include "relayd/apikey.h"
#include "relayd/charge.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/relay.h"

/* While Codex sends back what an account has said in this turn, no other one
 * can go on with it. */
#define TURN_STATE "x-codex-turn-state"

static struct session_ask
ask_of(const struct relay *r)
{
	return (struct session_ask){ .secret = r->all->session_secret,
		.head = r->c ? r->c->head : NULL,
		.dialect = r->dialect,
		.scan = &r->scan,
		.body = r->body,
		.key_id = r->key ? r->key->rec.id : STR(""),
		.by_content = r->d->settings.sticky_content == 0 };
}

void
attempt_session(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	const struct session_ask ask = ask_of(r);
	uint64_t previous;

	if ((!s->sticky_ttl_ms || !s->sticky_max) && !r->d->pool->has_serial)
		return;
	previous = session_of_previous(&ask);
	if (previous &&
	    sticky_find(&r->all->sticky, previous, loop_ms(r->d->loop))) {
		r->session.id = previous;
		r->session.source = SESSION_ANSWER;
	} else {
		r->session = session_of(&ask);
	}
	/* To look for the last message is dear.  What looks alike may be
	 * several conversations, and must not wait for each other. */
	if (r->d->pool->has_serial && r->op == OP_GENERATE && r->session.id &&
	    r->session.source != SESSION_CONTENT &&
	    session_is_turn(&r->scan, r->body))
		r->ask.turn = r;
	r->ask.slow_ms = s->sticky_slow_ms;
}

/* Is what it would cost to go elsewhere more than what the guard lets pass? */
static bool
is_dear(const struct relay *r, const struct sticky_session *t)
{
	uint64_t guard = r->d->settings.sticky_cost_guard_micro;

	return guard && t->switch_micro > guard;
}

void
attempt_ask_bound(const struct relay *r, struct sched_ask *ask)
{
	struct sticky_session *t;

	ask->now_wall_ms = clock_wall_ms();
	ask->strategy = (enum strategy)r->d->settings.strategy;
	ask->tier_wait_ms = r->d->settings.tier_wait_ms;
	ask->binding = binding_of_key(r->key, r->d->pool);
	ask->bound = NULL;
	ask->stay_ms = 0;
	ask->must_stay = ask->may_escape = false;
	if (!r->session.id)
		return;
	t = sticky_find(&r->all->sticky, r->session.id, ask->now_ms);
	if (!t)
		return;
	ask->bound = t->account;
	ask->stay_ms = is_dear(r, t) ? SCHED_DEAR_MS : 0;
	/* No other account knows what this one has said. */
	ask->must_stay = r->session.source == SESSION_ANSWER ||
	    (r->c && http1_find(r->c->head, STR(TURN_STATE)) != NULL);
	/* To look for the last message is dear; slow accounts are rare. */
	ask->may_escape = !t->pinned &&
	    sched_is_slow(t->account, ask->slow_ms) && r->body.len &&
	    session_is_turn(&r->scan, r->body);
}

void
attempt_note_cached(struct relay *r, const struct receipt_rec *rec)
{
	int64_t micro;
	struct sticky_session *t;

	if (!r->session.id)
		return;
	t = sticky_find(&r->all->sticky, r->session.id, loop_ms(r->d->loop));
	if (!t || t->account != r->account)
		return;
	micro = charge_switch(rec, r->d->prices);
	t->switch_micro = micro < UINT32_MAX ? (uint32_t)micro : UINT32_MAX;
}

static void
note_move(const struct relay *r, const struct account *from,
    const struct sched_choice *choice)
{
	char session[SESSION_TEXT];
	enum gate which;

	session_text(r->session.id, session);
	log_note(LOG_INFO, "sticky",
	    "%s: session %s moves from account %.*s (%s) to %.*s", r->id_text,
	    session, STR_ARG(from->rec.name),
	    choice->left == SIEVE_COUNT &&
		    !gate_until(&from->gates, r->ask.now_ms, &which)
		? "slow"
		: sieve_text(choice->left == SIEVE_COUNT ? SIEVE_GATED
							 : choice->left),
	    STR_ARG(choice->account->rec.name));
}

static uint8_t
dialect_nr(const struct dialect *d)
{
	const struct dialect *const all[] = {
#define X(name) &dialect_##name,
#include "proto/dialect.def"
#undef X
	};
	uint8_t i = 0;

	while (all[i] != d)
		i++;
	return i;
}

static void
note_session(const struct relay *r, struct sticky_session *t,
    enum session_source source)
{
	struct str key_id = r->key ? r->key->rec.id : STR("");

	t->source = (uint8_t)source;
	t->dialect = dialect_nr(r->dialect);
	key_id = str_first(key_id, sizeof(t->key_id));
	memcpy(t->key_id, key_id.at, key_id.len);
}

void
attempt_bind(struct relay *r, const struct sched_choice *choice)
{
	const struct settings *s = &r->d->settings;
	struct sticky *all = &r->all->sticky;
	int64_t now_ms = loop_ms(r->d->loop);
	struct sticky_session *t;

	if (!r->session.id)
		return;
	sticky_limit(all, s->sticky_max, s->sticky_ttl_ms);
	t = sticky_find(all, r->session.id, now_ms);
	if (!t && choice->bond != BOND_NEW)
		return;
	if (!t) {
		t = sticky_bind(all, r->session.id, choice->account, now_ms);
		if (!t)
			return;
		note_session(r, t, r->session.source);
	} else if (choice->bond == BOND_MOVED && !t->pinned) {
		note_move(r, t->account, choice);
		sticky_bind(all, t->id, choice->account, now_ms);
	} else {
		sticky_touch(all, t, now_ms);
	}
	if (!r->tries)
		t->requests++;
}

void
attempt_bind_answer(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	const struct session_ask ask = ask_of(r);
	struct sticky_session *t;
	uint64_t id = session_of_answer(&ask, str_of(r->watch.id));

	if (!id || !r->up_open || r->account->deleted ||
	    r->scan.found[WANT_STORE].type == SPAN_FALSE)
		return;
	sticky_limit(&r->all->sticky, s->sticky_max, s->sticky_ttl_ms);
	t = sticky_bind(&r->all->sticky, id, r->account, loop_ms(r->d->loop));
	if (t)
		note_session(r, t, SESSION_ANSWER);
}
