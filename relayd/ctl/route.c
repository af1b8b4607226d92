/* SPDX-License-Identifier: MIT */
/* route.c - the control method route.dry.run: whom a request would go to, and
 * why to nobody else.  Nothing is sent, reserved or bound. */
#include <stdio.h>

#include "proto/dialect.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/policy.h"
#include "relayd/relay.h"
#include "relayd/sched.h"

/* An answer has one frame. */
#define ROWS_MAX 400

#define REFUSED_TEXT 160

struct show {
	struct ctl_call *call;
	const struct sched_ask *ask;
	unsigned rows, untold;
};

/* --- what is asked --------------------------------------------------------- */

/* In which language a model is usually asked for. */
static const struct dialect *
usual_dialect(struct str model)
{
	if (str_starts(model, STR("claude")))
		return &dialect_anthropic;
	if (str_starts(model, STR("gemini")))
		return &dialect_gemini;
	return &dialect_openai_chat;
}

static bool
take_dialect(struct ctl_call *c, struct sched_ask *io)
{
	struct str said = ctl_text(c, "dialect");

	io->dialect = said.len ? dialect_find(said) : usual_dialect(io->model);
	if (!io->dialect)
		ctl_refusef(c, ERR_UNKNOWN, "dialect",
		    "there is no dialect \"%.*s\"; say anthropic, openai_chat, "
		    "openai_responses or gemini",
		    STR_ARG(str_first(said, 40)));
	return io->dialect != NULL;
}

static bool
take_session(struct ctl_call *c, struct sched_ask *io)
{
	struct str said = ctl_text(c, "session");
	struct sticky_session *t;
	uint64_t id;

	if (!said.len)
		return true;
	if (session_read(said, &id)) {
		ctl_refusef(c, ERR_VALUE, "session",
		    "a session is 16 hexadecimal digits, as `sticky ls` shows "
		    "them");
		return false;
	}
	t = sticky_find(&c->daemon->relays->sticky, id, io->now_ms);
	io->bound = t ? t->account : NULL;
	return true;
}

/* --- what refuses it before anybody is chosen ----------------------------- */

static bool
is_used_up(const struct budget_view *v, struct str model)
{
	struct str class = v->b->rec.class;

	return v->b->action != BUDGET_WARN &&
	    (!class.len || str_glob(model, class)) &&
	    v->used + v->reserved >= v->amount;
}

/* The key's state, what it is for, and its budgets, as a request would meet
 * them; the model becomes what the key calls it.  True: `out` says why. */
static bool
is_refused(struct daemon *d, struct apikey *k, struct sched_ask *io,
    char out[REFUSED_TEXT])
{
	const char *state = apikey_state(k, io->now_wall_ms);
	enum platform platform = platform_of(NULL, io->dialect);
	struct budget_view v;

	if (!apikey_state_serves(state)) {
		snprintf(out, REFUSED_TEXT, "the key is %s", state);
		return true;
	}
	if (k->policy && !policy_allows_platform(k->policy, platform)) {
		snprintf(out, REFUSED_TEXT, "the key is not for %s",
		    platform_name(platform));
		return true;
	}
	if (k->policy && !policy_allows_model(k->policy, io->model)) {
		snprintf(out, REFUSED_TEXT, "the key is not for that model");
		return true;
	}
	if (k->policy)
		io->model = policy_model(k->policy, io->model);
	for (unsigned i = 0;
	     budgets_view_key(d->budgets, k, i, budgets_now(d->budgets), &v);
	     i++) {
		if (!is_used_up(&v, io->model))
			continue;
		snprintf(out, REFUSED_TEXT, "budget %.*s is used up",
		    STR_ARG(v.b->rec.id));
		return true;
	}
	return false;
}

/* --- the answer ------------------------------------------------------------ */

static void
put_candidate(void *arg, const struct sched_candidate *cand)
{
	struct show *s = arg;
	struct json_out *j = &s->call->out;
	enum strategy st = sched_strategy(s->ask, cand->tier);
	char tier[TIER_TEXT], score[STRATEGY_SCORE];

	if (s->rows++ >= ROWS_MAX) {
		s->untold++;
		return;
	}
	sched_tier_text(s->ask, cand->tier, tier);
	json_open(j, '{');
	json_say(j, "tier", str_of(tier));
	json_say(j, "account", cand->account->rec.name);
	json_say_i64(j, "priority", cand->priority);
	json_say(j, "strategy", str_of(strategy_word(st)));
	if (cand->sieve != SIEVE_COUNT)
		json_say(j, "why_not", str_of(sieve_text(cand->sieve)));
	else if (cand->is_shut)
		json_say(j, "why_not", STR("has failed: only when nobody is"));
	if (cand->until_ms)
		json_say_i64(j, "until_at",
		    clock_wall_ms() + cand->until_ms - s->ask->now_ms);
	strategy_score(st, &cand->rank, loop_us(s->call->daemon->loop), score);
	json_say(j, "score", str_of(score));
	json_close(j, '}');
}

static const char *
bond_text(const struct sched_ask *ask, const struct sched_choice *choice)
{
	switch (choice->bond) {
	case BOND_NEW:
		break;
	case BOND_KEPT:
		return "the session stays";
	case BOND_VISIT:
		return "for this request alone";
	case BOND_MOVED:
		return "the session moves";
	}
	return ask->bound ? "" : "no session";
}

static void
put_choice(struct ctl_call *c, const struct sched_ask *ask,
    const struct sched_choice *choice)
{
	struct json_out *j = &c->out;
	char tier[TIER_TEXT];

	sched_tier_text(ask, choice->tier, tier);
	json_say(j, "account",
	    choice->account ? choice->account->rec.name : STR(""));
	json_say(j, "tier", str_of(tier));
	json_say(j, "session", str_of(bond_text(ask, choice)));
	if (ask->bound) {
		json_say(j, "bound", ask->bound->rec.name);
		if (choice->account != ask->bound)
			json_say(j, "left",
			    str_of(choice->left == SIEVE_COUNT
				    ? "slow"
				    : sieve_text(choice->left)));
	}
	if (!choice->account && choice->soonest_ms)
		json_say_i64(j, "soonest_at",
		    clock_wall_ms() + choice->soonest_ms - ask->now_ms);
}

void
ctl_route_dry_run(struct ctl_call *c)
{
	static const struct budget_need nothing;
	struct daemon *d = c->daemon;
	struct sched_ask ask = { .op = OP_GENERATE,
		.model = str_trim(ctl_text(c, "model")),
		.now_ms = loop_ms(d->loop),
		.now_wall_ms = clock_wall_ms(),
		.strategy = (enum strategy)d->settings.strategy,
		.tier_wait_ms = d->settings.tier_wait_ms,
		.slow_ms = d->settings.sticky_slow_ms,
		.budgets = d->budgets,
		.need = &nothing };
	struct show s = { .call = c, .ask = &ask };
	struct sched_choice choice;
	struct apikey *k = NULL;
	char refused[REFUSED_TEXT];
	struct str said = ask.model;
	bool is_out;

	if (!ask.model.len) {
		ctl_refusef(c, ERR_VALUE, "model", "for which model?");
		return;
	}
	if (ctl_has(c, "key") && !(k = ctl_want_key(c)))
		return;
	if (!take_dialect(c, &ask) || !take_session(c, &ask))
		return;
	if (k)
		ask.binding = binding_of_key(k, d->pool);
	is_out = k && is_refused(d, k, &ask, refused);
	json_open(&c->out, '{');
	json_say(&c->out, "model", said);
	if (!str_eq(said, ask.model))
		json_say(&c->out, "served_as", ask.model);
	json_say(&c->out, "dialect", str_of(ask.dialect->name));
	if (k)
		json_say(&c->out, "key", k->rec.name);
	if (is_out)
		json_say(&c->out, "refused", str_of(refused));
	json_put_key(&c->out, "candidates");
	json_open(&c->out, '[');
	sched_explain(d->pool, &ask, put_candidate, &s, &choice);
	json_close(&c->out, ']');
	if (s.untold)
		json_say_i64(&c->out, "untold", s.untold);
	if (is_out)
		json_say(&c->out, "account", STR(""));
	else
		put_choice(c, &ask, &choice);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}
