/* SPDX-License-Identifier: MIT */
/* admit.c - the way in: a table of steps, cheapest first, that look at a
 * request's head before its body is read, and at the whole of it after.
 *
 * The path is matched before the key for one reason: to know in which words
 * to say no.  Steps do not wait. */
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"
#include "proto/url.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/capture.h"
#include "relayd/client.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/holder.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/models.h"
#include "relayd/outbound.h"
#include "relayd/price_table.h"
#include "relayd/relay.h"
#include "relayd/shape.h"
#include "relayd/source.h"
#include "relayd/trace.h"

/* The longest wait that is named to a client. */
#define RETRY_MAX_S 3600

/* --- refusing and answering ---------------------------------------------------------- */

static unsigned
retry_after_s(const struct relay *r)
{
	int64_t s = (r->fault_retry_ms + 999) / 1000;

	/* A window of requests is as long as it is. */
	if (s > RETRY_MAX_S && r->fault != FAULT_RATE)
		s = RETRY_MAX_S;
	/* A 429 of ours always says when; others when it is known. */
	if (s < 1)
		s = r->fault == FAULT_RATE ? 1 : 0;
	return (unsigned)s;
}

static void
put_answer_head(struct relay *r, unsigned status, const char *type,
    size_t length, struct buf *out)
{
	bool keeps = conn_keeps(r->c);

	if (http1_put_status(out, status))
		return;
	buf_mustf(out,
	    "content-type: %s\r\ncontent-length: %zu\r\n"
	    "request-id: %s\r\n%s",
	    type, length, r->id_text, keeps ? "" : "connection: close\r\n");
}

/* Write what is to be said instead of an answer, and let the client go. */
enum relay_state
do_refuse(struct relay *r)
{
	const struct fault_row *row = fault_row(r->fault);
	struct refusal refusal = { .fault = r->fault,
		.text = buf_cstr(&r->fault_text),
		.retry_after_s = retry_after_s(r),
		.request_id = r->id_text };
	struct buf *out = conn_out(r->c), body;
	bool tried = r->tries > 0;
	size_t from;

	if (r->capture)
		capture_asked(r);
	shape_forget(r);
	if (r->up_open)
		attempt_end(r, ATTEMPT_GONE, 0, buf_cstr(&r->fault_text));
	if (r->head_sent)
		return do_cut(r);
	buf_init(&body, 64 * 1024);
	r->dialect->write_fault(&refusal, false, &body);
	r->status = row->status;
	/* Who wanted another protocol does not speak this one on. */
	if (r->fault == FAULT_UPGRADE)
		r->c->keeps = false;
	from = buf_len(out);
	put_answer_head(r, row->status, "application/json", buf_len(&body),
	    out);
	if (row->retry == RETRY_NO)
		buf_must(out, STR("x-should-retry: false\r\n"));
	if (refusal.retry_after_s)
		buf_mustf(out, "retry-after: %u\r\n", refusal.retry_after_s);
	buf_must(out, STR("\r\n"));
	if (!str_eq(r->c->head->method, STR("HEAD")))
		buf_must(out, buf_str(&body));
	r->bytes_out = buf_len(&body);
	buf_fini(&body);
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
	relay_settle(r, tried ? OUTCOME_FAILED : OUTCOME_REFUSED);
	return do_settle(r);
}

void
relay_answer(struct relay *r, unsigned status, const char *type,
    const char *more, struct str body)
{
	struct buf *out = conn_out(r->c);
	size_t from = buf_len(out);

	r->status = status;
	put_answer_head(r, status, type, body.len, out);
	buf_mustf(out, "%s\r\n", more);
	if (!str_eq(r->c->head->method, STR("HEAD")))
		buf_must(out, body);
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
}

/* --- steps on the head ------------------------------------------------------------------- */

/* A step says FAULT_NONE to go on.  Others have called relay_fault(). */
typedef enum fault step(struct relay *r);

static enum fault
refuse(struct relay *r, enum fault f, const char *text)
{
	relay_fault(r, f, "%s", text);
	return f;
}

static enum fault
step_upgrade(struct relay *r)
{
	if (!r->c->head->upgrade.len)
		return FAULT_NONE;
	/* Codex falls back to POST at once on 426 and on nothing else
	 * (protocols/clients.md 1.2). */
	return refuse(r, FAULT_UPGRADE,
	    "websockets are not supported here; use plain requests");
}

static enum fault
step_route(struct relay *r)
{
	const struct http1_head *h = r->c->head;
	enum fault f;

	f = route_find(h->method, h->path, h->query, &r->path_text, &r->routed,
	    &r->dialect);
	r->op = r->routed.op;
	/* The path is one of POST, which is just what is said of it. */
	if (f == FAULT_METHOD && h->upgrade.len)
		return step_upgrade(r);
	if (f == FAULT_METHOD)
		relay_fault(r, f, "%.*s is not served with this method",
		    STR_ARG(str_first(h->path, 200)));
	else if (f)
		relay_fault(r, f,
		    "no such path: %.*s; `relayctl routes` lists those there "
		    "are",
		    STR_ARG(str_first(h->path, 200)));
	return f;
}

static enum fault
step_drain(struct relay *r)
{
	if (!r->d->draining)
		return FAULT_NONE;
	r->fault_retry_ms = 5000;
	return refuse(r, FAULT_BUSY,
	    "this relay is being stopped; try again soon");
}

static struct str
without_bearer(struct str value)
{
	if (str_istarts(value, STR("Bearer ")))
		return str_trim(str_skip(value, 7));
	return value;
}

/* Every place where a key may be; the first that is ours wins: Claude Code
 * sends two different ones (protocols/clients.md 1.9). */
static struct apikey *
find_key(struct relay *r, bool *out_any)
{
	const struct http1_head *h = r->c->head;
	struct apikey *k;
	struct str value;

	*out_any = false;
	for (size_t i = 0; i < h->count; i++) {
		if (!is_credential_field(h->fields[i].name))
			continue;
		value = without_bearer(h->fields[i].value);
		if (!value.len)
			continue;
		*out_any = true;
		k = keyring_match(r->d->keys, value);
		if (k)
			return k;
	}
	/* Google's way; elsewhere an address is no place for a secret. */
	if (r->dialect == &dialect_gemini && h->query.at &&
	    url_query_get(h->query, STR("key"), &value)) {
		*out_any = true;
		return keyring_match(r->d->keys, value);
	}
	return NULL;
}

static const char was_deleted[] = "this API key was deleted";

static enum fault
step_key(struct relay *r)
{
	int64_t wall_ms = clock_wall_ms();
	struct apikey *k;
	const char *state;
	bool any;

	if (r->routed.route->open)
		return FAULT_NONE;
	k = find_key(r, &any);
	if (!k && r->routed.route->in_body)
		return FAULT_NONE;
	if (!k)
		return refuse(r, FAULT_KEY,
		    any ? "this API key is not known here"
			: "an API key is needed: send it as x-api-key, "
			  "x-goog-api-key or Authorization: Bearer");
	state = apikey_state(k, wall_ms);
	r->key = k;
	apikey_ref(k);
	/* Its holder may look while it is there, and that is no use of it. */
	if (holder_serves(r->op))
		return k->rec.deleted_at ? refuse(r, FAULT_KEY, was_deleted)
					 : FAULT_NONE;
	k->in_flight++;
	k->requests++;
	k->used_wall_ms = wall_ms;
	if (apikey_state_serves(state))
		return FAULT_NONE;
	if (!strcmp(state, "owner-disabled"))
		return refuse(r, FAULT_KEY,
		    "the owner of this API key is disabled here; ask whoever "
		    "runs this relay");
	if (!strcmp(state, "deleted"))
		return refuse(r, FAULT_KEY, was_deleted);
	relay_fault(r, FAULT_KEY, "this API key is %s", state);
	return FAULT_KEY;
}

static bool
is_local(enum op op)
{
	return op == OP_PROBE || op == OP_HEALTH || op == OP_SINK ||
	    op == OP_LIST_MODELS || op == OP_SHOW_MODEL || holder_serves(op);
}

/* A prefix that stands for one kind of account, which does not speak so. */
static enum fault
step_offered(struct relay *r)
{
	const struct provider *p =
	    r->routed.kind ? provider_find(str_of(r->routed.kind)) : NULL;
	bool lists = r->op == OP_LIST_MODELS || r->op == OP_SHOW_MODEL;

	if (!p || (is_local(r->op) && !lists) ||
	    p->serves(r->dialect, lists ? OP_GENERATE : r->op))
		return FAULT_NONE;
	relay_fault(r, FAULT_NOT_OFFERED,
	    "accounts of the kind %s, which this path stands for, do not serve "
	    "%s (%s)",
	    p->name, r->dialect->label, op_name(r->op));
	return FAULT_NOT_OFFERED;
}

static enum fault
step_room(struct relay *r)
{
	const struct http1_head *h = r->c->head;
	struct daemon *d = r->d;

	if (h->framing == HTTP1_LENGTH && h->length > d->conf->max_body) {
		relay_fault(r, FAULT_TOO_BIG,
		    "the request body is larger than %llu bytes",
		    (unsigned long long)d->conf->max_body);
		return FAULT_TOO_BIG;
	}
	r->fault_retry_ms = 2000;
	if (d->counters.body_bytes_now + h->length > d->conf->body_budget)
		return refuse(r, FAULT_BUSY,
		    "too many large requests at once; try again soon");
	if (r->key && ledger_is_tight(d->ledger))
		return refuse(r, FAULT_BUSY,
		    "the disk cannot keep up with the accounting; try again "
		    "soon");
	r->fault_retry_ms = 0;
	return FAULT_NONE;
}

static enum fault
step_encoding(struct relay *r)
{
	const struct header *f =
	    http1_find(r->c->head, STR("content-encoding"));
	enum coding coding = coding_of(f ? f->value : STR(""));

	if (coding == CODING_OTHER)
		return refuse(r, FAULT_CODING,
		    "this Content-Encoding is not understood; gzip, deflate "
		    "and zstd are");
	r->decoder = decoder_new(coding, r->d->conf->max_body);
	return FAULT_NONE;
}

static step *const head_steps[] = {
	step_route,
	step_drain,
	step_upgrade,
	step_key,
	relay_policy_head,
	step_offered,
	step_room,
	step_encoding,
};

/* --- the connection's calls --------------------------------------------------------------- */

static void
make_id(struct relay *r)
{
	struct relays *all = r->all;
	uint8_t *random;

	if (!all->random_left) {
		randombytes_buf(all->random, sizeof(all->random));
		all->random_left = sizeof(all->random);
	}
	all->random_left -= ULID_RANDOM;
	random = all->random + all->random_left;
	r->id = ulid_make(clock_wall_ms(), random);
	memcpy(r->id_text, "req_", 4);
	ulid_text(&r->id, r->id_text + 4);
}

static void
note_client(struct relay *r)
{
	const struct header *f = http1_find(r->c->head, STR("user-agent"));
	struct str product = f ? f->value : STR("");

	product = str_cut(&product, ' ');
	for (size_t i = 0; i < product.len && i < sizeof(r->client) - 1; i++)
		r->client[i] = product.at[i] > ' ' && product.at[i] < 0x7f
		    ? product.at[i]
		    : '?';
}

/* Preflight of browsers and extensions (Cherry Studio's web build). */
static enum relay_state
answer_options(struct relay *r)
{
	struct buf *out = conn_out(r->c);

	r->status = 204;
	relay_tally(r, OUTCOME_OK);
	buf_must(out,
	    STR("HTTP/1.1 204 No Content\r\n"
		"access-control-allow-origin: *\r\n"
		"access-control-allow-methods: GET, POST, OPTIONS\r\n"
		"access-control-allow-headers: *, authorization\r\n"
		"access-control-max-age: 86400\r\n"));
	if (!conn_keeps(r->c))
		buf_must(out, STR("connection: close\r\n"));
	buf_must(out, STR("\r\n"));
	return do_settle(r);
}

/* Bodies of requests that relayd answers itself are read and forgotten. */
#define LOCAL_BODY_MAX (1024 * 1024)

static uint64_t
body_max(const struct relay *r)
{
	if (r->routed.route->in_body)
		return HOLDER_BODY_MAX;
	return is_local(r->op) ? LOCAL_BODY_MAX : r->d->conf->max_body;
}

static bool
take_head_steps(struct relay *r)
{
	for (size_t i = 0; i < sizeof(head_steps) / sizeof(head_steps[0]); i++)
		if (head_steps[i](r))
			return false;
	return true;
}

/* What was refused before its key was looked at may be of a traced one. */
static void
look_for_trace(struct relay *r)
{
	bool any;

	capture_look(r, r->key ? r->key : find_key(r, &any));
}

/* For whoever writes rules about clients; strangers are nobody's. */
static void
see_client(struct relay *r)
{
	const struct header *f = http1_find(r->c->head, STR("user-agent"));

	clients_see(r->d->clients, f ? f->value : STR(""), clock_wall_ms());
}

static void
on_head(struct conn *c)
{
	struct relay *r = relay_new(c->d->relays, c);
	bool passes;

	c->owner = r;
	r->dialect = &dialect_anthropic;
	r->began_us = clock_us();
	make_id(r);
	note_client(r);
	r->from = source_of(r->d->conf, &c->from, c->head);
	if (str_eq(c->head->method, STR("OPTIONS"))) {
		r->is_options = c->forgets = true;
		conn_accept(c, LOCAL_BODY_MAX);
		return;
	}
	passes = take_head_steps(r);
	if (r->key)
		see_client(r);
	if (r->d->traces->active)
		look_for_trace(r);
	if (!passes) {
		relay_post(r, E_SPOILT);
		return;
	}
	scan_init(&r->scan, r->dialect->wants, WANT_COUNT);
	c->forgets = is_local(r->op) && !r->routed.route->in_body;
	conn_accept(c, body_max(r));
}

/* The JSON is scanned while it arrives; what is wrong with it is said when it
 * is whole (the client would not listen before). */
static void
on_body(struct conn *c, struct str piece)
{
	struct relay *r = c->owner;
	size_t before = buf_len(&r->decoded);
	struct why why;
	enum err e;

	if (r->fault || r->is_options || is_local(r->op))
		return;
	if (r->d->counters.body_bytes_now > r->d->conf->body_budget) {
		r->fault_retry_ms = 2000;
		refuse(r, FAULT_BUSY,
		    "too many large requests at once; try again soon");
		relay_post(r, E_SPOILT);
		return;
	}
	if (r->decoder) {
		e = decoder_feed(r->decoder, piece, &r->decoded);
		relay_charge(r);
		if (e) {
			refuse(r,
			    e == ERR_LIMIT ? FAULT_TOO_BIG : FAULT_REQUEST,
			    e == ERR_LIMIT
				? "the request body grows too large when "
				  "decompressed"
				: "the compressed request body is damaged");
			relay_post(r, E_SPOILT);
			return;
		}
		piece = str_skip(buf_str(&r->decoded), before);
	}
	e = scan_feed(&r->scan, piece, &why);
	if (e)
		relay_fault(r, FAULT_REQUEST,
		    "the body is not acceptable: %s%s%s", why.field,
		    why.field[0] ? ": " : "", why.text);
}

static void
on_whole(struct conn *c)
{
	struct relay *r = c->owner;

	r->whole_us = loop_us(r->d->loop);
	relay_post(r, E_START);
}

static void
on_spoiled(struct conn *c, enum fault fault, const char *text)
{
	struct relay *r = c->owner;

	relay_fault(r, fault, "%s", text);
	relay_post(r, E_SPOILT);
}

static void
on_gone(struct conn *c)
{
	struct relay *r = c->owner;

	/* At once: the connection ends when this returns. */
	r->c = c;
	r->events |= 1u << E_GONE;
	loop_unready(r->d->loop, &r->task);
	relay_run(r);
}

static void
on_room(struct conn *c)
{
	struct relay *r = c->owner;

	if (r->up_open)
		upstream_hold(&r->up, false);
}

const struct conn_user relay_conn_user = {
	.head = on_head,
	.body = on_body,
	.whole = on_whole,
	.spoiled = on_spoiled,
	.gone = on_gone,
	.room = on_room,
};

/* --- the whole request ---------------------------------------------------------------------- */

static enum relay_state
answer_locally(struct relay *r)
{
	const struct binding *bound_to = binding_of_key(r->key, r->d->pool);
	struct buf body;

	buf_init(&body, 1024 * 1024);
	switch (r->op) {
	case OP_HEALTH:
		health_write(r->d, &body);
		break;
	case OP_SINK:
		buf_must(&body, STR("{\"success\":true}"));
		break;
	case OP_LIST_MODELS:
		models_list(r->d->pool, r->key->policy, bound_to,
		    r->routed.kind, r->dialect, r->c->head, &body);
		break;
	case OP_SHOW_MODEL:
		if (relay_policy_model(r)) {
			buf_fini(&body);
			return do_refuse(r);
		}
		if (!models_show(r->d->pool, r->key->policy, bound_to,
			r->routed.kind, r->dialect, r->c->head, r->routed.model,
			&body)) {
			buf_fini(&body);
			relay_fault(r, FAULT_MODEL,
			    "no account has a model %.*s",
			    STR_ARG(str_first(r->routed.model, 100)));
			return do_refuse(r);
		}
		break;
	case OP_PROBE:
		buf_must(&body, STR("{}"));
		break;
	case OP_GENERATE:
	case OP_COUNT_TOKENS:
	case OP_COMPACT:
	case OP_EMBED:
	case OP_ASSIST:
	case OP_ME:
	case OP_KEY_INFO:
	case OP_KEY_USAGE:
	case OP_KEY_CREDIT:
	case OP_STATS:
	case OP_STATS_ID:
	case OP_STATS_KEY:
	case OP_STATS_MODELS:
	case OP_STATS_BATCH:
	case OP_STATS_BATCH_MODELS:
	case OP_REDEEM:
	case OP_REDEEMED:
		break;
	}
	relay_tally(r, OUTCOME_OK);
	relay_answer(r, 200, "application/json", "", buf_str(&body));
	buf_fini(&body);
	return do_settle(r);
}

static enum fault
step_decoded(struct relay *r)
{
	r->bytes_in = buf_len(&r->c->body);
	if (!r->fault && r->decoder && decoder_end(r->decoder))
		refuse(r, FAULT_REQUEST, "the compressed request body is cut");
	r->body = r->decoder ? buf_str(&r->decoded) : buf_str(&r->c->body);
	return r->fault;
}

static enum fault
step_read(struct relay *r)
{
	struct why why;

	if (str_eq(r->c->head->method, STR("GET")))
		return FAULT_NONE;
	if (scan_end(&r->scan, &why) ||
	    r->dialect->peek(&r->scan, r->body, &r->asked, &why)) {
		relay_fault(r, FAULT_REQUEST,
		    "the body is not acceptable: %s%s%s", why.field,
		    why.field[0] ? ": " : "", why.text);
		return FAULT_REQUEST;
	}
	if (r->routed.action.at)
		r->asked.stream = r->routed.stream;
	if (r->asked.stream)
		r->flags |= RECEIPT_STREAM;
	return FAULT_NONE;
}

/* "ccr,MODEL" asks for the accounts of that kind alone. */
static void
take_vendor(struct relay *r)
{
	struct str vendor = STR("ccr,");

	if (!str_starts(buf_str(&r->model), vendor))
		return;
	buf_eat(&r->model, vendor.len);
	r->routed.kind = "ccr";
	r->says_vendor = true;
}

static enum fault
step_model(struct relay *r)
{
	enum err e = OK;

	/* Of no model in particular. */
	if (r->op == OP_ASSIST)
		return FAULT_NONE;
	if (r->routed.model.at)
		e = buf_add(&r->model, r->routed.model);
	else if (r->asked.model_span.type == SPAN_STRING)
		e = span_text(r->body, &r->asked.model_span, &r->model);
	take_vendor(r);
	/* Tokens are counted for "models/MODEL". */
	if (r->routed.enveloped &&
	    str_starts(buf_str(&r->model), STR("models/")))
		buf_eat(&r->model, strlen("models/"));
	if (e || !buf_len(&r->model))
		return refuse(r, FAULT_REQUEST,
		    "model: the name of a model is needed");
	return FAULT_NONE;
}

static enum fault
step_price(struct relay *r)
{
	if (!r->d->settings.unpriced || r->op != OP_GENERATE ||
	    price_find(r->d->prices, buf_str(&r->model)))
		return FAULT_NONE;
	relay_fault(r, FAULT_POLICY,
	    "model %.*s has no price here, and this relay serves only models "
	    "that have one; its operator can give it one (relayctl price "
	    "override)",
	    STR_ARG(str_first(buf_str(&r->model), 100)));
	return FAULT_POLICY;
}

static enum fault
step_query(struct relay *r)
{
	struct str query = r->c->head->query;

	if (query.at && url_query_without(&r->query, query, STR("key")))
		return refuse(r, FAULT_REQUEST, "the query is malformed");
	return FAULT_NONE;
}

/* A request that was refused is no use of its key. */
static enum fault
step_activate(struct relay *r)
{
	if (apikey_is_unused(&r->key->rec))
		apikey_activate(r->d->keys, r->key, clock_wall_ms());
	return FAULT_NONE;
}

static step *const whole_steps[] = {
	step_decoded,
	step_read,
	step_model,
	relay_policy_model,
	step_price,
	step_query,
	relay_reserve,
	step_activate,
};

enum relay_state
do_begin(struct relay *r)
{
	if (r->is_options)
		return answer_options(r);
	if (holder_serves(r->op))
		return holder_begin(r);
	if (is_local(r->op))
		return answer_locally(r);
	for (size_t i = 0; i < sizeof(whole_steps) / sizeof(whole_steps[0]);
	     i++)
		if (whole_steps[i](r))
			return do_refuse(r);
	if (r->capture)
		capture_asked(r);
	r->ask = (struct sched_ask){ .dialect = r->dialect,
		.kind = r->routed.kind,
		.op = r->op,
		.model = buf_str(&r->model),
		.head = r->c->head };
	if (r->reserved) {
		r->ask.budgets = r->d->budgets;
		r->ask.need = &r->reserved->need;
	}
	why_reserved(r);
	attempt_session(r);
	return waiting_begin(r);
}
