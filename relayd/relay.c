/* SPDX-License-Identifier: MIT */
/* relay.c - the machine: events in, moves made, the receipt written once.
 *
 * Everything outside may only post events; relay_run() serves them in order
 * by the table relay_moves.def. */
#include "relayd/relay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/capture.h"
#include "relayd/charge.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/holder.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/notice.h"
#include "relayd/receipt.h"
#include "relayd/reshape.h"
#include "relayd/shape.h"
#include "relayd/tally.h"

typedef enum relay_state move(struct relay *r);

static const char *const state_texts[] = {
#define X(name, text) text,
#include "relayd/relay_states.def"
#undef X
};

static const char *const event_names[] = {
#define X(name) #name,
#include "relayd/relay_events.def"
#undef X
};

const char *
relay_state_text(enum relay_state s)
{
	return state_texts[s];
}

/* --- the table -------------------------------------------------------------------- */

static move do_none, do_bug;

#define X(state, gone, stop, start, spoilt, head, data, fail, end, stored,     \
    shaped, turn, expire)                                                      \
	[R_##state] = { do_##gone, do_##stop, do_##start, do_##spoilt,         \
		do_##head, do_##data, do_##fail, do_##end, do_##stored,        \
		do_##shaped, do_##turn, do_##expire },
static move *const moves[R_COUNT][E_COUNT] = {
#include "relayd/relay_moves.def"
};
#undef X

static enum relay_state
do_none(struct relay *r)
{
	return r->state;
}

/* A broken promise of ours: it costs this request, not the others. */
static enum relay_state
do_bug(struct relay *r)
{
	log_note(LOG_ERROR, "bug", "request %s: impossible event in state %s",
	    r->id_text, relay_state_text(r->state));
	if (r->head_sent)
		return do_cut(r);
	relay_fault(r, FAULT_INTERNAL, "relayd has made a mistake");
	return do_refuse(r);
}

/* --- running ------------------------------------------------------------------------ */

void
relay_post(struct relay *r, enum relay_event e)
{
	r->events |= 1u << e;
	loop_ready(r->d->loop, &r->task);
}

void
relay_wait_until(struct relay *r, int64_t at_ms)
{
	timer_set(r->d->loop, &r->timer, at_ms);
}

void
relay_charge(struct relay *r)
{
	size_t now = r->decoded.size + r->own_body.size + r->shaped.size +
	    (r->shape ? shape_weight(r->shape) : 0) +
	    (r->reshape ? r->reshape->held : 0);

	r->d->counters.body_bytes_now += now;
	r->d->counters.body_bytes_now -= r->charged;
	r->charged = now;
}

static void
on_timer(void *arg)
{
	relay_post(arg, E_EXPIRE);
}

static void
relay_free(void *it)
{
	struct relay *r = it;

	buf_fini(&r->path_text);
	buf_fini(&r->query);
	buf_fini(&r->decoded);
	buf_fini(&r->model);
	buf_fini(&r->alias);
	buf_fini(&r->up_model);
	buf_fini(&r->own_body);
	buf_fini(&r->shaped);
	buf_fini(&r->reshaped);
	buf_fini(&r->fault_text);
	buf_wipe(&r->up_head);
	buf_fini(&r->attempts);
	buf_fini(&r->story);
	buf_fini(&r->held);
	buf_fini(&r->plain);
	decoder_free(r->decoder);
	decoder_free(r->undo);
	reshape_free(r->reshape);
	sse_fini(&r->sse);
	free(r);
}

/* Nothing points at it any more: take it off the lists. */
static void
relay_end(struct relay *r)
{
	struct daemon *d = r->d;

	if (r->up_open)
		attempt_end(r, ATTEMPT_GONE, 0, "");
	answer_forget_seal(r);
	attempt_forget_renewal(r);
	holder_forget(r);
	shape_forget(r);
	waiting_end(r);
	relay_unreserve(r);
	relay_tally(r, OUTCOME_INTERRUPTED);
	if (r->capture)
		capture_end(r);
	timer_clear(d->loop, &r->timer);
	loop_unready(d->loop, &r->task);
	if (r->key) {
		if (!holder_serves(r->op))
			r->key->in_flight--;
		apikey_unref(d->keys, r->key);
	}
	TAILQ_REMOVE(&r->all->live, r, link);
	r->all->count--;
	d->counters.requests_now--;
	d->counters.body_bytes_now -= r->charged;
	loop_bury(d->loop, relay_free, r);
}

/* What the upstream has to say becomes an event. */
static void
listen_up(struct relay *r)
{
	upstream_look(&r->up);
	if (r->state != R_OPENING)
		r->events |= 1u << E_DATA;
	else if (r->up.phase == UP_FAILED)
		r->events |= 1u << E_FAIL;
	else if (r->up.phase == UP_ANSWERING || r->up.phase == UP_ENDED)
		r->events |= 1u << E_HEAD;
}

/* Its receipt tells the end; what was refused on its way in has no phases. */
static void
turn_to(struct relay *r, enum relay_state next)
{
	const struct relay_watcher *w = &r->all->watcher;

	r->state = next;
	if (w->phase && r->key && r->tries_began_ms && !r->settled)
		w->phase(w->arg, r);
}

void
relay_run(void *arg)
{
	struct relay *r = arg;

	if (r->up_open && !r->up.dial)
		listen_up(r);
	while (r->events) {
		enum relay_event e = (enum relay_event)__builtin_ctz(r->events);
		enum relay_state next;

		r->events &= ~(1u << e);
		/* It may have been set anew meanwhile; to a moment that has
		 * passed already when the move only repeated a deadline. */
		if (e == E_EXPIRE && r->timer.at_ms > loop_ms(r->d->loop))
			continue;
		next = moves[r->state][e](r);
		if (log_on(LOG_DEBUG) && next != r->state)
			log_note(LOG_DEBUG, "move", "%s: %s, %s -> %s",
			    r->id_text, event_names[e],
			    relay_state_text(r->state), relay_state_text(next));
		if (next != r->state)
			turn_to(r, next);
		if (next == R_SETTLED) {
			relay_end(r);
			return;
		}
	}
}

struct relay *
relay_new(struct relays *all, struct conn *c)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	struct daemon *d = all->d;

	r->all = all;
	r->d = d;
	r->c = c;
	r->state = R_READING;
	task_init(&r->task, relay_run, r);
	timer_init(&r->timer, on_timer, r);
	buf_init(&r->path_text, HTTP1_HEAD_MAX);
	buf_init(&r->query, HTTP1_HEAD_MAX);
	buf_init(&r->decoded, d->conf->max_body);
	buf_init(&r->model, 512);
	buf_init(&r->alias, 512);
	buf_init(&r->up_model, 512);
	buf_init(&r->own_body, d->conf->max_body);
	buf_init(&r->shaped, d->conf->max_body + SHAPE_GROWTH);
	/* What was kept, and a piece of r->plain. */
	buf_init(&r->reshaped, 2 * SSE_EVENT_MAX + 1024 * 1024);
	buf_init(&r->fault_text, 1024);
	buf_init(&r->up_head, 2 * HTTP1_HEAD_MAX);
	buf_init(&r->attempts, 4096);
	buf_init(&r->story, WHY_MAX);
	buf_init(&r->held, SSE_EVENT_MAX + 1024 * 1024);
	buf_init(&r->plain, SSE_EVENT_MAX);
	sse_init(&r->sse);
	TAILQ_INSERT_TAIL(&all->live, r, link);
	all->count++;
	d->counters.requests_total++;
	d->counters.requests_now++;
	return r;
}

/* --- the receipt --------------------------------------------------------------------- */

void
relay_fault(struct relay *r, enum fault f, const char *fmt, ...)
{
	va_list ap;

	r->fault = f;
	buf_clear(&r->fault_text);
	va_start(ap, fmt);
	if (buf_addv(&r->fault_text, fmt, ap))
		buf_must(&r->fault_text, STR("the request was refused"));
	va_end(ap);
}

/* What the ledger is told; borrows from r. */
void
relay_receipt(const struct relay *r, struct receipt_rec *out)
{
	int64_t now = clock_us();

	*out = (struct receipt_rec){
		.key_id = r->key ? r->key->rec.id : STR(""),
		.user = r->key ? r->key->rec.owner : STR(""),
		.tags = r->key ? r->key->rec.tags : STR(""),
		.account = str_of(r->account_name),
		.client = str_of(r->client),
		.model = buf_str(&r->model),
		.status = r->status,
		.flags = r->flags,
		.wait_us = (uint64_t)r->wait_us,
		.head_us = (uint64_t)r->head_us,
		.first_us = (uint64_t)r->first_us,
		.total_us = (uint64_t)(now - r->began_us),
		.bytes_in = r->bytes_in,
		.bytes_out = r->bytes_out,
		.attempts = buf_str(&r->attempts),
		.session = r->session.id,
	};
	if (buf_len(&r->alias))
		out->asked = buf_str(&r->alias);
	out->route =
	    r->routed.route ? str_of(r->routed.route->pattern) : STR("");
	if (r->fault)
		out->fault = str_of(fault_row(r->fault)->name);
	else if (r->watch.error)
		out->fault = str_of(r->watch.error_type);
	if (buf_len(&r->up_model) &&
	    !str_eq(buf_str(&r->up_model), buf_str(&r->model)))
		out->upstream_model = buf_str(&r->up_model);
	else if (r->watch.model[0] &&
	    !str_eq(str_of(r->watch.model), relay_said_model(r)) &&
	    !str_eq(str_of(r->watch.model), buf_str(&r->model)))
		out->upstream_model = str_of(r->watch.model);
}

/* What relayd itself has added.  The ends of the upstream's answer and of ours
 * lie in the same turn. */
static int64_t
overhead_us(const struct relay *r, const struct receipt_rec *rec)
{
	int64_t now_us = r->began_us + (int64_t)rec->total_us;
	int64_t way_in =
	    r->whole_us ? r->began_us + (int64_t)rec->wait_us - r->whole_us : 0;

	return way_in - r->queued_us + now_us - loop_us(r->d->loop);
}

void
relay_tally(struct relay *r, enum outcome outcome)
{
	struct daemon *d = r->d;
	bool has_op = r->routed.route && !r->is_options;

	if (r->tallied)
		return;
	r->tallied = true;
	r->outcome = outcome;
	tally_request(d->tally, r->dialect, has_op ? r->op : TALLY_NO_OP,
	    outcome);
	switch (outcome) {
	case OUTCOME_REFUSED:
		d->counters.refused_total++;
		break;
	case OUTCOME_FAILED:
		d->counters.failed_total++;
		break;
	case OUTCOME_CUT:
		d->counters.cut_total++;
		break;
	case OUTCOME_GONE:
		d->counters.gone_total++;
		break;
	case OUTCOME_OK:
	case OUTCOME_UPSTREAM:
	case OUTCOME_INTERRUPTED:
	case OUTCOME_COUNT:
		break;
	}
}

void
relay_peer(const struct relay *r, char out[64])
{
	bool told = r->c && memcmp(&r->from, &r->c->from, sizeof(r->from));

	if (told)
		addr_text(&r->from, out);
	else
		snprintf(out, 64, "%s", r->c ? r->c->peer : "");
}

static void
log_receipt(const struct relay *r, const struct receipt_rec *rec)
{
	struct log_line l;
	char peer[64];

	relay_peer(r, peer);
	log_begin(&l, LOG_INFO, "request");
	log_cstr(&l, "id", r->id_text);
	log_str(&l, "key", rec->key_id);
	log_cstr(&l, "peer", peer);
	log_str(&l, "route", rec->route);
	log_str(&l, "model", rec->model);
	log_str(&l, "account", rec->account);
	log_u64(&l, "status", rec->status);
	log_cstr(&l, "outcome", outcome_name(rec->outcome));
	if (rec->fault.len)
		log_str(&l, "fault", rec->fault);
	log_u64(&l, "tries", r->tries);
	log_u64(&l, "head_us", rec->head_us);
	log_u64(&l, "total_us", rec->total_us);
	log_i64(&l, "in", rec->input);
	log_i64(&l, "out", rec->output);
	log_i64(&l, "cost_micro", rec->cost_micro);
	log_u64(&l, "bytes", rec->bytes_out);
	log_end(&l);
}

/* When the upstream never told what it cost, what was seen is counted: about
 * four bytes to a token. */
static void
estimate(struct relay *r)
{
	struct usage *u = &r->watch.usage;

	if (r->op != OP_GENERATE || !r->tries)
		return;
	if (!u->known && (r->head_us || r->bytes_out))
		u->input = (int64_t)(r->bytes_in / 4);
	if ((int64_t)(r->watch.delta_bytes / 4) > u->output)
		u->output = (int64_t)(r->watch.delta_bytes / 4);
	r->flags |= RECEIPT_ESTIMATED;
}

/* What the upstream has told in words that cannot be believed is counted as if
 * it had not told it; more, if the rest of what it told is more. */
static void
estimate_doubted(struct relay *r)
{
	struct usage *u = &r->watch.usage;
	int64_t unread = (int64_t)(r->bytes_in / 4) - usage_read(u);
	int64_t written = (int64_t)(r->watch.delta_bytes / 4);
	struct log_line l;

	if (!u->doubt)
		return;
	if ((u->doubt & USAGE_READ) && unread > 0)
		u->input += unread;
	if ((u->doubt & USAGE_OUTPUT) && written > u->output)
		u->output = written;
	r->flags |= RECEIPT_ESTIMATED;
	log_begin(&l, LOG_WARN, "usage_doubted");
	log_cstr(&l, "id", r->id_text);
	log_str(&l, "model", buf_str(&r->model));
	log_cstr(&l, "account", r->account_name);
	log_end(&l);
}

/* The daemon's rate, those of account and service, and the key's. */
static int64_t
rate_of(const struct relay *r)
{
	int64_t ppm = (int64_t)r->d->settings.rate_ppm;

	if (r->account_ppm)
		ppm = price_rate_times(ppm, r->account_ppm);
	if (r->key && r->key->rec.rate.len)
		ppm = price_rate_times(ppm, charge_rate(r->key->rec.rate));
	return ppm;
}

void
relay_price(const struct relay *r, struct receipt_rec *io_rec)
{
	charge(io_rec, r->d->prices, rate_of(r));
}

void
relay_settle(struct relay *r, enum outcome outcome)
{
	struct receipt_rec rec;
	/* What a terminal event told is the whole of it, even if the connection
	 * broke behind it (Gemini's callers see no difference then). */
	bool told = r->watch.usage.known &&
	    (outcome == OUTCOME_OK || r->watch.terminal);

	if (r->settled)
		return;
	r->settled = true;
	if (outcome == OUTCOME_OK && r->watch.id[0])
		attempt_bind_answer(r);
	if (!r->tries)
		r->wait_us = r->queued_us;
	if (r->tries > 1)
		r->flags |= RECEIPT_RETRIED;
	if (outcome == OUTCOME_GONE)
		r->flags |= RECEIPT_DISCONNECTED;
	if (outcome != OUTCOME_REFUSED && outcome != OUTCOME_FAILED &&
	    (outcome != OUTCOME_UPSTREAM || r->watch.content) && !told)
		estimate(r);
	estimate_doubted(r);
	relay_receipt(r, &rec);
	rec.outcome = outcome;
	receipt_set_usage(&rec, &r->watch.usage);
	relay_price(r, &rec);
	rec.budgets = relay_charges(r);
	if (rec.flags & RECEIPT_UNPRICED)
		notice_raise(r->d->notices, NOTICE_model_unpriced, rec.model,
		    "its requests are counted with a cost of nothing; "
		    "`relayctl price override` gives it a price");
	relay_tally(r, outcome);
	if (r->tries)
		tally_receipt(r->d->tally, r->dialect, &rec,
		    overhead_us(r, &rec));
	r->d->counters.bytes_in_total += r->bytes_in;
	r->d->counters.bytes_out_total += r->bytes_out;
	log_receipt(r, &rec);
	/* Without a key there is nobody to account it to; to ask about a key
	 * is no use of it. */
	if (!r->key || holder_serves(r->op))
		return;
	if (r->opened)
		ledger_end(r->d->ledger, &r->id, &rec);
	else if (ledger_done(r->d->ledger, &r->id, &rec))
		r->d->counters.unbooked_total++;
	relay_spend(r, &rec);
	why_ended(r, &rec);
	if (outcome == OUTCOME_OK && told)
		attempt_note_cached(r, &rec);
	if (r->all->observer)
		r->all->observer(r->all->observer_arg, &r->id, &rec);
}

enum relay_state
do_settle(struct relay *r)
{
	/* Its receipt says how it ended; the client left after that. */
	if (r->up_open)
		attempt_end(r, ATTEMPT_OK, 0, "");
	if (r->c) {
		struct conn *c = r->c;

		r->c = NULL;
		if (c->owner == r)
			conn_finish(c);
	}
	return R_SETTLED;
}

/* --- all of them ----------------------------------------------------------------------- */

/* The same after a restart, so that receipts tell sessions apart over it. */
static void
make_secret(struct relays *all)
{
	uint8_t hash[SEAL_INDEX_BYTES];

	_Static_assert(SESSION_SECRET <= SEAL_INDEX_BYTES, "a part of it");
	key_index_of(&all->d->keys->index, STR("session"), hash);
	memcpy(all->session_secret, hash, SESSION_SECRET);
}

static void
on_account_gone(void *arg, struct account *a)
{
	struct relays *all = arg;

	sticky_forget(&all->sticky, a);
	if (all->watcher.account_gone)
		all->watcher.account_gone(all->watcher.arg, a);
}

/* Those under way end where they are, and are not kept. */
static void
on_account_moved(void *arg, const struct account *a)
{
	struct relays *all = arg;
	char key[160];
	int n = snprintf(key, sizeof(key), "%.*s/", STR_ARG(a->rec.name));

	/* A house without a way out keeps no connections. */
	if (all->d->upstreams)
		upstreams_forget(all->d->upstreams, str_at(key, (size_t)n));
}

static void
on_room(void *arg, struct account *a)
{
	waiting_serve(arg, a);
}

/* All of them are looked at: accounts know their budgets, not the other way. */
static void
on_budget_room(void *arg)
{
	waiting_serve(arg, NULL);
}

static void
on_key_change(void *arg, struct apikey *k)
{
	(void)arg;
	waiting_look_at_key(k);
}

void
relays_new(struct daemon *d, struct relays **out)
{
	struct relays *all = xcalloc(1, sizeof(*all));

	all->d = d;
	all->draw = randombytes_random;
	TAILQ_INIT(&all->live);
	sticky_init(&all->sticky);
	make_secret(all);
	d->pool->on_gone = on_account_gone;
	d->pool->on_gone_arg = all;
	d->pool->on_moved = on_account_moved;
	d->pool->on_moved_arg = all;
	queue_init(&all->line);
	d->pool->on_room = on_room;
	d->pool->on_room_arg = all;
	if (d->budgets) {
		d->budgets->on_room = on_budget_room;
		d->budgets->on_room_arg = all;
	}
	d->keys->on_change = on_key_change;
	d->keys->on_change_arg = all;
	*out = all;
}

void
relays_stop(struct relays *all)
{
	struct relay *r;

	TAILQ_FOREACH (r, &all->live, link) {
		relay_fault(r, FAULT_BUSY,
		    "this relay is being stopped; try again in a moment");
		r->fault_retry_ms = 5000;
		relay_post(r, E_STOP);
	}
}

void
relays_drain(struct relays *all)
{
	struct relay *r;

	TAILQ_FOREACH (r, &all->live, link) {
		if (r->state != R_WAITING)
			continue;
		relay_fault(r, FAULT_BUSY,
		    "this relay is being stopped; try again in a moment");
		r->fault_retry_ms = 5000;
		relay_post(r, E_STOP);
	}
}

bool
relays_kill(struct relays *all, struct str id)
{
	struct relay *r;

	TAILQ_FOREACH (r, &all->live, link) {
		if (!str_eq(str_of(r->id_text), id))
			continue;
		relay_fault(r, FAULT_POLICY,
		    "this request was ended by the operator of this relay");
		relay_post(r, E_STOP);
		return true;
	}
	return false;
}

void
relays_free(struct relays *all)
{
	struct relay *r;

	if (!all)
		return;
	while ((r = TAILQ_FIRST(&all->live))) {
		r->c = NULL;
		relay_end(r);
	}
	sticky_fini(&all->sticky);
	all->d->pool->on_gone = NULL;
	all->d->pool->on_moved = NULL;
	all->d->pool->on_room = NULL;
	all->d->keys->on_change = NULL;
	if (all->d->budgets)
		all->d->budgets->on_room = NULL;
	free(all);
}

void
relays_watch(struct relays *all, const struct relay_watcher *w)
{
	all->watcher = w ? *w : (struct relay_watcher){ .phase = NULL };
}

void
relays_observe(struct relays *all, relay_observer *fn, void *arg)
{
	all->observer = fn;
	all->observer_arg = arg;
}
