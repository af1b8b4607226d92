/* SPDX-License-Identifier: MIT */
/* upstream.c - one HTTP/1.1 exchange, and the connections kept between them.
 *
 * A link is a wire with its events.  It belongs to an exchange or is idle; an
 * idle one that becomes readable has been closed by the peer or is talking
 * out of turn, and is closed either way. */
#include "relayd/upstream.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <sodium.h>

#include "proto/map.h"
#include "proto/mem.h"

#include "relayd/daemon.h"

#define READ_SIZE (64 * 1024)
/* What is taken from one upstream in one turn, so that a fast one does not
 * keep the others waiting. */
#define TURN_MAX (64 * 1024)
/* Interim answers (1xx) that are skipped before we give up. */
#define INTERIMS_MAX 16

struct link {
	TAILQ_ENTRY(link) idle;
	struct upstreams *all;
	struct upstream *user; /* NULL: idle */
	struct shelf *shelf;
	struct wire *wire;
	struct event *reads, *writes;
	struct timer timer;
	bool read_armed, write_armed;
};

TAILQ_HEAD(link_list, link);

/* The connections of one key; gone with the last of them. */
struct shelf {
	struct link_list idle; /* the last one used first */
	unsigned count;	       /* of them */
	unsigned users;	       /* links, and exchanges that begin */
	bool is_over;	       /* nothing is put here any more */
	char *key;
};

struct upstreams {
	struct daemon *d;
	struct map shelves; /* key -> struct shelf */
};

void
upstreams_new(struct daemon *d, struct upstreams **out)
{
	struct upstreams *u = xcalloc(1, sizeof(*u));
	uint8_t seed[MAP_SEED];

	u->d = d;
	randombytes_buf(seed, sizeof(seed));
	map_init(&u->shelves, seed);
	*out = u;
}

static void
shelf_unref(struct upstreams *all, struct shelf *s)
{
	if (--s->users)
		return;
	map_del(&all->shelves, str_of(s->key));
	free(s->key);
	free(s);
}

static void
link_free(void *it)
{
	struct link *l = it;

	event_free(l->reads);
	event_free(l->writes);
	free(l);
}

static void
link_close(struct link *l)
{
	struct daemon *d = l->all->d;

	if (!l->user) {
		TAILQ_REMOVE(&l->shelf->idle, l, idle);
		l->shelf->count--;
		d->counters.upstream_idle_now--;
	}
	event_del(l->reads);
	event_del(l->writes);
	timer_clear(d->loop, &l->timer);
	wire_close(l->wire);
	d->counters.upstream_now--;
	shelf_unref(l->all, l->shelf);
	loop_bury(d->loop, link_free, l);
}

static void
close_shelf(struct shelf *s)
{
	struct link *l, *next;

	s->is_over = true;
	/* The shelf goes with its last link. */
	for (l = TAILQ_FIRST(&s->idle); l; l = next) {
		next = TAILQ_NEXT(l, idle);
		link_close(l);
	}
}

void
upstreams_forget(struct upstreams *u, struct str key)
{
	size_t at = 0;
	struct str name;
	void *shelf;

	while (map_next(&u->shelves, &at, &name, &shelf))
		if (str_starts(name, key))
			close_shelf(shelf);
}

void
upstreams_free(struct upstreams *u)
{
	size_t at = 0;
	struct str name;
	void *shelf;

	if (!u)
		return;
	while (map_next(&u->shelves, &at, &name, &shelf))
		close_shelf(shelf);
	map_fini(&u->shelves);
	free(u);
}

/* --- links --------------------------------------------------------------------- */

static void
arm(struct event *e, bool *armed, bool want)
{
	if (*armed == want)
		return;
	if (want)
		event_add(e, NULL);
	else
		event_del(e);
	*armed = want;
}

static void
on_link(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	(void)what;
	if (l->user)
		l->user->note(l->user->arg);
	else
		link_close(l);
}

static void
on_idle_over(void *arg)
{
	link_close(arg);
}

static struct link *
link_new(struct upstreams *all, struct wire *wire, struct shelf *shelf)
{
	struct event_base *base = loop_base(all->d->loop);
	struct link *l = xcalloc(1, sizeof(*l));

	l->all = all;
	l->wire = wire;
	l->shelf = shelf;
	shelf->users++;
	l->reads =
	    event_new(base, wire_fd(wire), EV_READ | EV_PERSIST, on_link, l);
	l->writes =
	    event_new(base, wire_fd(wire), EV_WRITE | EV_PERSIST, on_link, l);
	timer_init(&l->timer, on_idle_over, l);
	all->d->counters.upstream_now++;
	return l;
}

/* Counted; give it back with shelf_unref(). */
static struct shelf *
shelf_of(struct upstreams *all, struct str key)
{
	struct shelf *s = map_get(&all->shelves, key);

	if (!s) {
		s = xcalloc(1, sizeof(*s));
		TAILQ_INIT(&s->idle);
		s->key = xmemdup(key.at, key.len);
		map_set(&all->shelves, key, s);
	}
	s->users++;
	return s;
}

static void
link_rest(struct link *l)
{
	struct daemon *d = l->all->d;

	if (d->draining || l->shelf->is_over ||
	    l->shelf->count >= d->settings.upstream_idle_max ||
	    !d->settings.upstream_idle_ms) {
		link_close(l);
		return;
	}
	l->user = NULL;
	TAILQ_INSERT_HEAD(&l->shelf->idle, l, idle);
	l->shelf->count++;
	d->counters.upstream_idle_now++;
	arm(l->writes, &l->write_armed, false);
	arm(l->reads, &l->read_armed, true);
	timer_set(d->loop, &l->timer,
	    loop_ms(d->loop) + d->settings.upstream_idle_ms);
}

static struct link *
link_take(struct shelf *s)
{
	struct link *l = TAILQ_FIRST(&s->idle);

	if (!l)
		return NULL;
	TAILQ_REMOVE(&s->idle, l, idle);
	s->count--;
	l->all->d->counters.upstream_idle_now--;
	timer_clear(l->all->d->loop, &l->timer);
	return l;
}

/* --- the exchange: asking --------------------------------------------------------- */

static void
fail(struct upstream *u, enum upstream_fault fault, const char *text)
{
	if (u->phase == UP_FAILED)
		return;
	u->phase = UP_FAILED;
	u->fault = fault;
	why_set(&u->why, ERR_IO, "", "%s", text);
	if (u->link)
		link_close(u->link);
	u->link = NULL;
}

/* The connection broke while it was used. */
static void
broken(struct upstream *u)
{
	bool silent = !buf_len(&u->in) && !u->interims;

	if (u->phase == UP_ANSWERING)
		fail(u, UP_CUT, "the connection broke inside the answer");
	else if (u->reused && silent)
		fail(u, UP_STALE, "a kept connection had been closed");
	else
		fail(u, UP_RESET, "the connection broke before the answer");
}

static void
send_request(struct upstream *u)
{
	size_t total = u->head.len + u->body.len;

	while (u->sent < total) {
		struct str head = str_skip(u->head, u->sent);
		struct str body = u->sent > u->head.len
		    ? str_skip(u->body, u->sent - u->head.len)
		    : u->body;
		struct iovec iov[2];
		int n = 0;
		size_t sent;
		enum err e;

		if (head.len)
			iov[n++] = (struct iovec){ .iov_len = head.len,
				.iov_base = (void *)(uintptr_t)head.at };
		if (body.len)
			iov[n++] = (struct iovec){ .iov_len = body.len,
				.iov_base = (void *)(uintptr_t)body.at };
		e = wire_send(u->link->wire, iov, n, &sent);
		if (e == ERR_AGAIN) {
			arm(u->link->writes, &u->link->write_armed, true);
			return;
		}
		if (e) {
			/* An early answer may be waiting to be read (413). */
			u->sent_all = false;
			u->sent = total;
			arm(u->link->writes, &u->link->write_armed, false);
			return;
		}
		u->sent += sent;
	}
	u->sent_all = true;
	arm(u->link->writes, &u->link->write_armed, false);
}

static void
begin_asking(struct upstream *u, struct link *l)
{
	u->link = l;
	l->user = u;
	u->phase = UP_ASKING;
	u->connected_us = clock_us();
	arm(l->reads, &l->read_armed, !u->held);
	send_request(u);
}

static enum upstream_fault
fault_of(const struct dial_result *r)
{
	switch (r->step) {
	case DIAL_NAME:
		return UP_NO_NAME;
	case DIAL_ADDRESS:
		return UP_DENIED;
	case DIAL_PROXY:
		return UP_NO_PROXY;
	case DIAL_TLS:
		return UP_NO_TLS;
	case DIAL_CONNECT:
		break;
	}
	return UP_NO_CONNECTION;
}

static void
on_dialled(void *arg, struct dial_result *result)
{
	struct upstream *u = arg;

	u->dial = NULL;
	if (result->wire)
		begin_asking(u, link_new(u->all, result->wire, u->shelf));
	else
		fail(u, fault_of(result), result->why.text);
	u->note(u->arg);
}

void
upstream_start(struct upstreams *all, struct upstream *u,
    const struct upstream_ask *ask)
{
	struct link *l;

	memset(u, 0, offsetof(struct upstream, answer));
	u->all = all;
	u->head = ask->head;
	u->body = ask->body;
	u->to_head = ask->to_head;
	u->note = ask->note;
	u->arg = ask->arg;
	u->began_us = clock_us();
	u->head_us = 0;
	u->connected_us = 0;
	buf_init(&u->in, HTTP1_HEAD_MAX + 2 * TURN_MAX);
	buf_init(&u->head_bytes, HTTP1_HEAD_MAX + 2 * TURN_MAX);
	u->shelf = shelf_of(all, ask->key);
	l = ask->fresh ? NULL : link_take(u->shelf);
	if (l) {
		u->reused = true;
		begin_asking(u, l);
		return;
	}
	all->d->counters.upstream_dials_total++;
	u->phase = UP_DIALLING;
	u->dial = dial_start(all->d->dialer, &ask->to, on_dialled, u);
}

void
upstream_cancel(struct upstream *u)
{
	dial_cancel(u->dial);
	u->dial = NULL;
	if (u->link) {
		bool whole = u->phase == UP_ENDED && u->sent_all &&
		    u->answer.keep_alive && !buf_len(&u->in) &&
		    u->framing.framing != HTTP1_UNTIL_CLOSE;

		if (whole)
			link_rest(u->link);
		else
			link_close(u->link);
	}
	u->link = NULL;
	buf_fini(&u->in);
	buf_fini(&u->head_bytes);
	u->answer.count = 0; /* they lay there */
	shelf_unref(u->all, u->shelf);
	u->shelf = NULL;
}

/* --- the exchange: listening -------------------------------------------------------- */

/* Take what has arrived; false when the peer has ended. */
static bool
receive(struct upstream *u)
{
	size_t turn = 0;

	while (turn < TURN_MAX && buf_len(&u->in) < TURN_MAX) {
		struct daemon *d = u->all->d;
		size_t got;
		enum err e;

		e = wire_recv(u->link->wire, d->scratch, READ_SIZE, &got);
		if (e == ERR_AGAIN)
			return true;
		if (e)
			return false;
		buf_must(&u->in, str_at(d->scratch, got));
		turn += got;
		/* A short read of a plain socket has emptied it. */
		if (got < READ_SIZE && !wire_may_hold(u->link->wire))
			return true;
	}
	/* There may be more that nobody will wake us for. */
	u->note(u->arg);
	return true;
}

/* The head's bytes get a home of their own, so that it stays put. */
static void
take_head(struct upstream *u, size_t used)
{
	struct buf whole = u->in;

	u->in = u->head_bytes;
	buf_clear(&u->in);
	u->head_bytes = whole;
	buf_must(&u->in, str_skip(buf_str(&whole), used));
}

static void
read_head(struct upstream *u)
{
	size_t used;
	enum err e;

	for (;;) {
		e = http1_response(buf_str(&u->in), &u->seen, u->to_head,
		    &u->answer, &used, &u->why);
		if (e == ERR_AGAIN)
			return;
		if (e) {
			fail(u, UP_BAD_HEAD, "it did not answer in HTTP/1.1");
			return;
		}
		u->seen = 0;
		if (u->answer.status >= 200)
			break;
		buf_eat(&u->in, used);
		if (++u->interims > INTERIMS_MAX) {
			fail(u, UP_BAD_HEAD, "too many interim answers");
			return;
		}
	}
	take_head(u, used);
	u->head_us = clock_us();
	http1_body_init(&u->framing, &u->answer);
	u->phase = u->framing.done ? UP_ENDED : UP_ANSWERING;
}

void
upstream_look(struct upstream *u)
{
	bool open;

	if (!u->link)
		return;
	if (u->sent < u->head.len + u->body.len)
		send_request(u);
	open = u->held || receive(u);
	if (u->phase == UP_ASKING && buf_len(&u->in))
		read_head(u);
	if (open || !u->link || u->phase == UP_ENDED)
		return;
	/* The peer has ended: what is held still counts. */
	u->closed = true;
	arm(u->link->reads, &u->link->read_armed, false);
	if (u->phase == UP_ASKING)
		broken(u);
}

bool
upstream_piece(struct upstream *u, struct str *out)
{
	while (u->phase == UP_ANSWERING) {
		struct str held = str_skip(buf_str(&u->in), u->given);
		size_t used;
		enum err e;

		if (!held.len) {
			buf_eat(&u->in, u->given);
			u->given = 0;
			if (!u->closed)
				return false;
			if (http1_body_end(&u->framing))
				broken(u);
			else
				u->phase = UP_ENDED;
			return false;
		}
		e = http1_body_feed(&u->framing, held, out, &used);
		if (e) {
			fail(u, UP_BAD_BODY,
			    "the framing of the answer is malformed");
			return false;
		}
		/* Eaten at the next call: the piece points into it. */
		u->given += used;
		if (u->framing.done) {
			buf_eat(&u->in, u->given);
			u->given = 0;
			u->phase = UP_ENDED;
			return out->len > 0;
		}
		if (out->len)
			return true;
	}
	return false;
}

bool
upstream_drop_request(struct upstream *u)
{
	if (u->sent < u->head.len + u->body.len)
		return false;
	u->head = u->body = STR("");
	u->sent = 0;
	return true;
}

void
upstream_hold(struct upstream *u, bool held)
{
	if (u->held == held)
		return;
	u->held = held;
	if (!u->link || u->closed)
		return;
	arm(u->link->reads, &u->link->read_armed, !held);
	/* TLS may hold what the socket no longer shows. */
	if (!held)
		u->note(u->arg);
}

const char *
upstream_fault_text(enum upstream_fault f)
{
	static const char *const texts[] = {
		[UP_OK] = "",
		[UP_NO_NAME] = "name not found",
		[UP_NO_CONNECTION] = "no connection",
		[UP_NO_PROXY] = "proxy failed",
		[UP_NO_TLS] = "TLS failed",
		[UP_DENIED] = "address not allowed",
		[UP_STALE] = "kept connection was closed",
		[UP_RESET] = "closed before the answer",
		[UP_BAD_HEAD] = "not an HTTP answer",
		[UP_CUT] = "cut inside the answer",
		[UP_BAD_BODY] = "malformed answer",
	};

	return texts[f];
}
