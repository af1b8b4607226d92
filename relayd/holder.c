/* SPDX-License-Identifier: MIT */
/* holder.c - requests of a key's holder about the key: whose they are, and how
 * they wait for what the store says.
 *
 *	READING -> (figures are kept) ----------------------> SETTLED
 *		-> ASKING -- STORED: they are there --------> SETTLED
 *			  \- EXPIRE, GONE, STOP ------------> SETTLED */
#include "relayd/holder.h"

#include <stdlib.h>

#include "proto/mem.h"
#include "proto/url.h"

#include "relayd/apikey.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/relay.h"
#include "relayd/voucher.h"

/* How long the store may take before the client is told to come again. */
#define WAIT_MS 10000

struct holder_row {
	holder_write *write;
	bool needs_figures;
};

/* By operation; the others are not ours. */
static const struct holder_row rows[] = {
	[OP_ME] = { .write = holder_write_me },
	[OP_KEY_INFO] = { holder_write_key_info, true },
	[OP_KEY_USAGE] = { holder_write_usage, true },
	[OP_KEY_CREDIT] = { .write = holder_write_credit },
	[OP_STATS] = { holder_write_text, true },
	[OP_STATS_ID] = { .write = holder_write_id },
	[OP_STATS_KEY] = { holder_write_stats, true },
	[OP_STATS_MODELS] = { holder_write_models, true },
	[OP_STATS_BATCH] = { holder_write_batch, true },
	[OP_STATS_BATCH_MODELS] = { holder_write_batch_models, true },
	[OP_REDEEM] = { .write = holder_write_redeemed },
	[OP_REDEEMED] = { .write = holder_write_redeemed },
};

bool
holder_serves(enum op op)
{
	return op < sizeof(rows) / sizeof(rows[0]) && rows[op].write;
}

/* What a relay keeps of such a request. */
struct holder {
	struct holder_ask ask;
	struct figures_wait wait;
	enum err failed;
	struct holder_redeem *redeeming;
};

static struct holder *
holder_of(struct relay *r)
{
	if (!r->holder)
		r->holder = xcalloc(1, sizeof(*r->holder));
	return r->holder;
}

void
holder_forget(struct relay *r)
{
	if (!r->holder)
		return;
	figures_leave(&r->holder->wait);
	holder_redeem_leave(r->holder->redeeming);
	holder_ask_fini(&r->holder->ask);
	free(r->holder);
	r->holder = NULL;
}

/* --- whose it is ----------------------------------------------------------- */

/* A key in the body comes before one in the head: it says which one is meant.
 * An id is no authority: it names, and may only name the key that was sent. */
static bool
find_key(struct relay *r)
{
	const struct holder_ask *a = &r->holder->ask;
	struct apikey *k;

	if (a->api_key.len) {
		k = keyring_match(r->d->keys, a->api_key);
		if (r->key)
			apikey_unref(r->d->keys, r->key);
		r->key = k;
		if (!k) {
			relay_fault(r, FAULT_KEY,
			    "this API key is not known here");
			return false;
		}
		apikey_ref(k);
		if (k->rec.deleted_at) {
			relay_fault(r, FAULT_KEY, "this API key was deleted");
			return false;
		}
	}
	if (!r->key) {
		relay_fault(r, FAULT_KEY,
		    "an API key is needed: as apiKey in the body, or in the "
		    "header x-api-key; an id alone is not enough");
		return false;
	}
	if (a->api_id.len && !str_eq(a->api_id, r->key->rec.id)) {
		relay_fault(r, FAULT_POLICY,
		    "apiId: a key is told about itself only");
		return false;
	}
	return true;
}

static bool
read_body(struct relay *r)
{
	struct why why;

	if (r->decoder) {
		relay_fault(r, FAULT_CODING,
		    "a compressed body is not taken here");
		return false;
	}
	if (holder_ask_read(buf_str(&r->c->body), &r->holder->ask, &why)) {
		relay_fault(r, FAULT_REQUEST,
		    "the body is not acceptable: %s%s%s", why.field,
		    why.field[0] ? ": " : "", why.text);
		return false;
	}
	return find_key(r);
}

/* --- the answer ------------------------------------------------------------ */

static bool
asks_for(const struct http1_head *h, struct str name)
{
	struct str value, rest = h->query;

	if (!h->query.at)
		return false;
	if (url_query_get(h->query, name, &value))
		return true;
	while (rest.at)
		if (str_eq(str_cut(&rest, '&'), name))
			return true;
	return false;
}

static bool
wants_json(const struct http1_head *h)
{
	const struct header *f = http1_find(h, STR("accept"));

	return asks_for(h, STR("json")) ||
	    (f && str_ifind(f->value, STR("application/json")) >= 0);
}

static void
answer_with(struct relay *r, const char *type, struct str body)
{
	relay_tally(r, OUTCOME_OK);
	relay_answer(r, 200, type, "cache-control: no-store\r\n", body);
}

static size_t
find_redeemed(const struct relay *r,
    const struct voucher_rec *out[HOLDER_VOUCHERS_MAX])
{
	const struct voucher *v;
	size_t n = 0;

	TAILQ_FOREACH_REVERSE(v, &r->d->vouchers->list, voucher_list, link)
	if (v->rec.redeemed_at && str_eq(v->rec.key_id, r->key->rec.id) &&
	    n < HOLDER_VOUCHERS_MAX)
		out[n++] = &v->rec;
	return n;
}

static enum relay_state
answer(struct relay *r)
{
	const struct http1_head *h = r->c->head;
	int64_t now_ms = clock_wall_ms();
	const struct holder_row *row = &rows[r->op];
	struct holder_view v = { .key = &r->key->rec,
		.state = apikey_state(r->key, now_ms),
		.now_ms = now_ms,
		.zone = zone_name(ledger_zone(r->d->ledger)),
		.ask = &r->holder->ask,
		.is_ascii = asks_for(h, STR("ascii")) };
	const char *type = "application/json";
	holder_write *write = row->write;
	struct holder_limit limits[HOLDER_LIMITS_MAX];
	const struct voucher_rec *vouchers[HOLDER_VOUCHERS_MAX];
	struct buf body;

	v.limits = limits;
	v.limits_count = holder_limits(r->d, r->key, limits);
	v.vouchers = vouchers;
	if (r->op == OP_REDEEMED)
		v.vouchers_count = find_redeemed(r, vouchers);
	if (row->needs_figures)
		v.figures = figures_of(&r->holder->wait);
	if (r->op == OP_STATS && wants_json(h))
		write = holder_write_usage;
	else if (r->op == OP_STATS)
		type = "text/plain; charset=utf-8";
	buf_init(&body, 256 * 1024);
	write(&v, &body);
	answer_with(r, type, buf_str(&body));
	buf_fini(&body);
	return do_settle(r);
}

static void
on_figures(void *arg, enum err e)
{
	struct relay *r = arg;

	r->holder->failed = e;
	relay_post(r, E_STORED);
}

static enum relay_state
come_again(struct relay *r, const char *text)
{
	relay_fault(r, FAULT_BUSY, "%s", text);
	r->fault_retry_ms = FIGURES_FRESH_MS;
	return do_refuse(r);
}

static enum relay_state
tell_redeemed(struct relay *r)
{
	struct buf body;

	buf_init(&body, 16 * 1024);
	if (holder_redeem_tell(r->holder->redeeming, &body)) {
		buf_fini(&body);
		return do_refuse(r);
	}
	answer_with(r, "application/json", buf_str(&body));
	buf_fini(&body);
	return do_settle(r);
}

static enum relay_state
redeem(struct relay *r)
{
	struct holder *h = r->holder;

	h->redeeming = holder_redeem_begin(r, &h->ask);
	if (holder_redeem_is_done(h->redeeming))
		return tell_redeemed(r);
	relay_wait_until(r, loop_ms(r->d->loop) + WAIT_MS);
	return R_ASKING;
}

/* An id in the query, as in a body, may only name the key that was sent. */
static bool
asks_for_itself(struct relay *r)
{
	struct str id;

	if (!r->c->head->query.at ||
	    !url_query_get(r->c->head->query, STR("apiId"), &id) ||
	    str_eq(id, r->key->rec.id))
		return true;
	relay_fault(r, FAULT_POLICY, "apiId: a key is told about itself only");
	return false;
}

enum relay_state
holder_begin(struct relay *r)
{
	struct holder *h = holder_of(r);
	enum err e;

	if (r->routed.route->in_body && !read_body(r))
		return do_refuse(r);
	if (r->op == OP_REDEEM)
		return redeem(r);
	if (r->op == OP_REDEEMED && !asks_for_itself(r))
		return do_refuse(r);
	if (!rows[r->op].needs_figures)
		return answer(r);
	h->wait.done = on_figures;
	h->wait.arg = r;
	e = figures_ask(r->d->figures, r->key->rec.id, &h->wait);
	if (e == OK)
		return answer(r);
	if (e != ERR_AGAIN)
		return come_again(r,
		    "too many keys are asked about at once; try again soon");
	relay_wait_until(r, loop_ms(r->d->loop) + WAIT_MS);
	return R_ASKING;
}

/* STORED in ASKING. */
enum relay_state
do_tell(struct relay *r)
{
	if (r->holder->redeeming)
		return tell_redeemed(r);
	if (r->holder->failed)
		return come_again(r,
		    "the figures cannot be read just now; try again soon");
	return answer(r);
}

/* ASKING's timer. */
enum relay_state
do_late(struct relay *r)
{
	if (r->holder->redeeming)
		return come_again(r,
		    "the store has not answered in time; the history tells "
		    "whether the voucher was redeemed");
	return come_again(r,
	    "the figures are not there in time; try again soon");
}
