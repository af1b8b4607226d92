/* SPDX-License-Identifier: MIT */
/* relaybox.c - a daemon in the test's own process. */
#include "tests/support/relaybox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/figures.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/tally.h"

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "relaybox: %s\n", what);
	abort();
}

void
relaybox_turn(struct relaybox *b)
{
	loop_turn(b->d.loop, 10);
}

static void
wait_for(struct relaybox *b, const bool *flag, const char *what)
{
	for (int i = 0; i < RELAYBOX_PATIENCE && !*flag; i++)
		relaybox_turn(b);
	must(*flag, what);
}

/* --- what the upstream plays ----------------------------------------------- */

/* The next word of the account's script. */
static const char *
next_act(void *arg, struct str path)
{
	struct relaybox *b = arg;
	const char **script = &b->script[str_starts(path, STR("/b/"))];
	struct str word, rest;

	if (b->choose)
		return b->choose(b->choose_arg, path);
	if (!*script || !**script)
		return NULL;
	rest = str_of(*script);
	word = str_cut(&rest, ' ');
	snprintf(b->act, sizeof(b->act), "%.*s", STR_ARG(word));
	*script = rest.at ? rest.at : "";
	return b->act;
}

/* --- receipts -------------------------------------------------------------- */

static void
note_tries(struct boxreceipt *r, const struct receipt_rec *rec)
{
	struct str rest = rec->attempts;
	struct attempt_rec a;
	size_t at = 0;

	while (receipt_attempts_next(rec, &rest, &a)) {
		r->tries_count++;
		if (at < sizeof(r->tries))
			at += (size_t)snprintf(r->tries + at,
			    sizeof(r->tries) - at, "%s%.*s:%s/%u",
			    at ? " " : "", STR_ARG(a.account),
			    attempt_outcome_name(a.outcome),
			    (unsigned)a.status);
	}
}

static void
on_receipt(void *arg, const struct ulid *id, const struct receipt_rec *rec)
{
	struct relaybox *b = arg;
	struct boxreceipt *r;

	if (b->receipts_count == b->receipts_max) {
		b->receipts_max = b->receipts_max ? b->receipts_max * 2 : 64;
		b->receipts = xrealloc(b->receipts,
		    b->receipts_max * sizeof(*b->receipts));
	}
	r = &b->receipts[b->receipts_count++];
	b->receipts_ever++;
	*r = (struct boxreceipt){ .id = *id,
		.status = (unsigned)rec->status,
		.outcome = (unsigned)rec->outcome,
		.flags = (unsigned)rec->flags,
		.input = rec->input,
		.output = rec->output };
	snprintf(r->fault, sizeof(r->fault), "%.*s", STR_ARG(rec->fault));
	note_tries(r, rec);
}

const struct boxreceipt *
relaybox_receipt(const struct relaybox *b, const struct ulid *id)
{
	for (size_t i = 0; i < b->receipts_count; i++)
		if (!memcmp(&b->receipts[i].id, id, sizeof(*id)))
			return &b->receipts[i];
	return NULL;
}

struct verified {
	bool done;
	uint64_t receipts;
};

static void
on_verified(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check)
{
	struct verified *v = arg;

	must(e == OK, why->text);
	must(check->differences == 0, check->first);
	v->receipts = check->receipts;
	v->done = true;
}

static uint64_t
stored(struct relaybox *b)
{
	struct verified v = { .done = false };

	ledger_verify(b->d.ledger, on_verified, &v);
	wait_for(b, &v.done, "the ledger does not answer");
	return v.receipts;
}

void
relaybox_wait_stored(struct relaybox *b)
{
	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		uint64_t count = stored(b);

		must(count <= b->receipts_ever, "a receipt is there twice");
		if (count == b->receipts_ever)
			return;
		relaybox_turn(b);
	}
	must(false, "receipts are missing");
}

/* --- birth ----------------------------------------------------------------- */

static void
on_collect(evutil_socket_t fd, short what, void *arg)
{
	struct relaybox *b = arg;

	(void)fd;
	(void)what;
	store_collect(b->box.s);
}

void
relaybox_hold_store(struct relaybox *b, bool held)
{
	if (held)
		event_del(b->collect);
	else
		event_add(b->collect, NULL);
}

static const struct conf *
conf_of(const char *text)
{
	char file[] = "/nonexistent/relayd.conf", state[] = "/nonexistent";
	char control[] = "/nonexistent/c";
	const struct places places = {
		.file = file, .state_dir = state, .control = control
	};
	const struct conf *c = NULL;
	struct why why = { .text = "" };

	must(!conf_parse(str_of(text), file, &places, &c, &why), why.text);
	return c;
}

static void
on_account(void *arg, enum err e, const struct why *why, struct account *a)
{
	must(e == OK, why->text);
	(void)a;
	*(bool *)arg = true;
}

static struct account *
add_account(struct relaybox *b, const char *name, uint64_t priority)
{
	const struct account_secrets secrets = { .credential =
						     STR("of-the-account") };
	struct account_rec r;
	bool done = false;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s",
	    player_port(b->player), name);
	account_rec_init(&r);
	r.name = str_of(name);
	r.kind = STR("anthropic-compat");
	r.url = str_of(url);
	r.priority = priority;
	r.allow_private = true;
	account_save(&b->pool, &r, &secrets, false, 0, NULL, on_account, &done);
	wait_for(b, &done, "the account is not saved");
	return pool_find(&b->pool, str_of(name));
}

static void
on_key(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	must(e == OK, why->text);
	(void)k;
	*(bool *)arg = true;
}

static void
add_key(struct relaybox *b)
{
	struct apikey_rec r = { .id = STR("kbox00001"), .name = STR("box") };
	bool done = false;

	apikey_make_value(b->key);
	apikey_save(&b->keys, &r, str_of(b->key), false, 0, NULL, on_key,
	    &done);
	wait_for(b, &done, "the key is not saved");
}

static void
bear_store(struct relaybox *b)
{
	struct daemon *d = &b->d;

	storebox_init(&b->box);
	must(!storebox_open(&b->box, &store_mem, NULL), "no store");
	d->store = b->box.s;
	d->pool = &b->pool;
	d->keys = &b->keys;
	pool_init(&b->pool, d->loop, d->store);
	must(!pool_load(&b->pool, NULL), "no pool");
	must(!keyring_init(&b->keys, d->loop, d->store), "no keys");
	must(!keyring_load(&b->keys, NULL), "no keys");
	d->clients = &b->clients;
	clients_init(&b->clients, d->store);
	must(!ledger_new(d->store, b->box.dir, &d->ledger, NULL), "no ledger");
	d->budgets = &b->budgets;
	budgets_init(d->budgets, d->loop, d->store, ledger_zone(d->ledger));
	must(!budgets_load(d->budgets, NULL), "no budgets");
	d->vouchers = &b->vouchers;
	vouchers_init(d->vouchers, d->loop, d->store, d->keys, d->budgets,
	    &d->settings);
	must(!vouchers_load(d->vouchers, NULL), "no vouchers");
	d->traces = &b->traces;
	traces_init(d->traces, d->loop, d->store, &d->settings);
	must(!traces_load(d->traces, NULL), "no traces");
	storebox_start(&b->box);
	b->collect = event_new(loop_base(d->loop), store_fd(b->box.s),
	    EV_READ | EV_PERSIST, on_collect, b);
	event_add(b->collect, NULL);
}

struct relaybox *
relaybox_new(const char *conf)
{
	struct dialer_conf dialer = { .connect_wait_ms = 5000 };
	struct relaybox *b = xcalloc(1, sizeof(*b));
	struct daemon *d = &b->d;

	log_set_level(LOG_ERROR);
	LIST_INIT(&d->conns);
	d->tally = xcalloc(1, sizeof(*d->tally));
	d->conf = conf_of(conf);
	settings_default(&d->settings);
	/* What tests ask begins alike, and is no conversation. */
	d->settings.sticky_content = 1;
	must(!loop_new(&d->loop, NULL), "no loop");
	bear_store(b);
	dialer.ca_file = d->conf->ca_file;
	must(!dns_new(d->loop, "127.0.0.1:1", &d->dns, NULL), "no dns");
	must(!dialer_new(d->loop, d->dns, &dialer, &d->dialer, NULL),
	    "no dialer");
	upstreams_new(d, &d->upstreams);
	figures_new(d, &d->figures);
	relays_new(d, &d->relays);
	relays_observe(d->relays, on_receipt, b);
	b->player = player_new(d->loop, next_act, b);
	b->a = add_account(b, "a", 1);
	b->b = add_account(b, "b", 2);
	add_key(b);
	return b;
}

void
relaybox_free(struct relaybox *b)
{
	struct daemon *d = &b->d;
	struct conn *c;

	relays_free(d->relays);
	while ((c = LIST_FIRST(&d->conns))) {
		c->owner = NULL;
		conn_kill(c);
	}
	upstreams_free(d->upstreams);
	player_free(b->player);
	dialer_free(d->dialer);
	dns_free(d->dns);
	traces_stop(&b->traces);
	storebox_close(&b->box);
	traces_fini(&b->traces);
	figures_free(d->figures);
	ledger_free(d->ledger);
	vouchers_fini(&b->vouchers);
	budgets_fini(&b->budgets);
	keyring_fini(&b->keys);
	clients_fini(&b->clients);
	pool_fini(&b->pool);
	event_free(b->collect);
	loop_free(d->loop);
	conf_unref(d->conf);
	storebox_fini(&b->box);
	free(d->tally);
	free(b->receipts);
	free(b);
}

void
relaybox_reset(struct relaybox *b)
{
	struct account *a;

	settings_default(&b->d.settings);
	b->d.settings.sticky_content = 1;
	/* Storms are for the test that wants one. */
	b->d.settings.retry_budget_floor = 1000 * 1000;
	TAILQ_FOREACH (a, &b->pool.accounts, link)
		account_open(a);
	b->script[0] = b->script[1] = NULL;
	b->receipts_count = 0;
}

void
relaybox_hurry(struct relaybox *b, enum relay_state s)
{
	struct relay *r;

	TAILQ_FOREACH (r, &b->d.relays->live, link)
		if (r->state == s && r->timer.at_ms)
			relay_wait_until(r, loop_ms(b->d.loop));
}

/* --- clients --------------------------------------------------------------- */

void
boxclient_init(struct boxclient *c, struct relaybox *b)
{
	const struct sockaddr_storage nowhere = { .ss_family = AF_UNIX };
	int fds[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
	    "no socketpair");
	*c = (struct boxclient){ .b = b, .fd = fds[1] };
	buf_init(&c->in, 64 * 1024 * 1024);
	buf_init(&c->body, 64 * 1024 * 1024);
	conn_new(&b->d, fds[0], &nowhere, &relay_conn_user);
}

void
boxclient_leave(struct boxclient *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void
boxclient_fini(struct boxclient *c)
{
	boxclient_leave(c);
	buf_fini(&c->in);
	buf_fini(&c->body);
}

void
boxclient_say(struct boxclient *c, struct str s)
{
	for (int i = 0; s.len && i < RELAYBOX_PATIENCE; i++) {
		ssize_t n = send(c->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n > 0)
			s = str_skip(s, (size_t)n);
		else if (errno == EAGAIN)
			relaybox_turn(c->b);
		else
			return;
	}
	must(s.len == 0, "relayd does not read");
}

void
boxclient_ask(struct boxclient *c, bool stream)
{
	char text[512], body[256];

	snprintf(body, sizeof(body),
	    "{\"model\":\"claude-x\",\"max_tokens\":9,\"stream\":%s,"
	    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
	    stream ? "true" : "false");
	snprintf(text, sizeof(text),
	    "POST /v1/messages HTTP/1.1\r\nHost: box\r\nx-api-key: %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    c->b->key, strlen(body), body);
	boxclient_say(c, str_of(text));
}

static void
note_head(struct boxclient *c, const struct http1_head *h)
{
	const struct header *f = http1_find(h, STR("x-relay-request-id"));

	if (!f)
		f = http1_find(h, STR("request-id"));
	if (f && str_starts(f->value, STR("req_")))
		must(!ulid_read(str_skip(f->value, 4), &c->id),
		    "the request's id is none");
	c->has_head = true;
	c->status = h->status;
	http1_body_init(&c->framing, h);
}

static void
read_answer(struct boxclient *c)
{
	struct http1_head head;
	struct str piece;
	size_t seen = 0, used;
	struct why why;
	enum err e;

	if (!c->has_head) {
		e = http1_response(buf_str(&c->in), &seen, false, &head, &used,
		    &why);
		if (e == ERR_AGAIN)
			return;
		must(e == OK, "that is no HTTP answer");
		note_head(c, &head);
		buf_eat(&c->in, used);
	}
	while (buf_len(&c->in) && !c->framing.done) {
		e = http1_body_feed(&c->framing, buf_str(&c->in), &piece,
		    &used);
		must(e == OK, "the answer's framing is broken");
		buf_must(&c->body, piece);
		buf_eat(&c->in, used);
	}
	if (c->closed && !http1_body_end(&c->framing))
		c->framing.done = true;
	c->whole = c->framing.done;
}

void
boxclient_look(struct boxclient *c)
{
	if (c->fd < 0 || c->closed)
		return;
	for (;;) {
		size_t room;
		ssize_t n;
		char *at;

		must(!buf_room(&c->in, 16 * 1024, &at, &room), "no room");
		n = recv(c->fd, at, room, 0);
		if (n > 0) {
			buf_grew(&c->in, (size_t)n);
			continue;
		}
		c->closed = n == 0 || errno != EAGAIN;
		break;
	}
	if (buf_len(&c->in) || c->has_head)
		read_answer(c);
}

void
boxclient_wait(struct boxclient *c)
{
	for (int i = 0; i < RELAYBOX_PATIENCE; i++) {
		boxclient_look(c);
		if (c->whole || c->closed)
			return;
		relaybox_turn(c->b);
	}
	must(false, "no answer ends");
}
