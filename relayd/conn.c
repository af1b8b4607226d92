/* SPDX-License-Identifier: MIT */
/* conn.c - one client connection.
 *
 * Owns its descriptor, events, buffers and parser; never looks inside a body.
 * The read event stays armed while an answer is under way, because that is
 * how a client is noticed that leaves; what it sends meanwhile is kept up to
 * a mark and then left in the socket. */
#include "relayd/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"
#include "proto/proxyproto.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/listen.h"
#include "relayd/log.h"
#include "relayd/source.h"

/* One receive, and the most taken from one connection in a turn. */
#define READ_SIZE (64 * 1024)
#define TURN_MAX  (256 * 1024)
/* A receive that is to bring a head: what comes with it is copied, the rest of
 * a body is received where it belongs. */
#define HEAD_READ_SIZE (8 * 1024)
/* Bytes of the next request kept while this one is answered. */
#define PIPELINE_MAX (16 * 1024)
/* After an early answer: how much is read away, and how long, so that the
 * client sees the answer and not a reset. */
#define LINGER_BYTES (256 * 1024)
#define LINGER_MS    2000

static void conn_run(void *arg);
static void conn_close(struct conn *c);

static uint64_t *
open_now(struct conn *c)
{
	struct counters *n = &c->d->counters;

	return c->user->apart ? &n->scrape_connections_now
			      : &n->connections_now;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	c->noted |= what;
	loop_ready(c->d->loop, &c->task);
}

static void
arm_read(struct conn *c, bool armed)
{
	if (c->read_armed == armed)
		return;
	/* Without EV_READ the hang-up is still told. */
	event_del(c->reads);
	event_assign(c->reads, loop_base(c->d->loop), c->fd,
	    (short)((armed ? EV_READ : 0) | EV_CLOSED | EV_PERSIST), on_event,
	    c);
	event_add(c->reads, NULL);
	c->read_armed = armed;
}

static void
arm_write(struct conn *c, bool armed)
{
	if (c->write_armed == armed)
		return;
	if (armed)
		event_add(c->writes, NULL);
	else
		event_del(c->writes);
	c->write_armed = armed;
}

static void
set_timer(struct conn *c, int64_t in_ms)
{
	timer_set(c->d->loop, &c->timer, loop_ms(c->d->loop) + in_ms);
}

/* --- birth and death ------------------------------------------------------------- */

static void
conn_free(void *it)
{
	struct conn *c = it;

	event_free(c->reads);
	event_free(c->writes);
	buf_fini(&c->in);
	buf_fini(&c->head_bytes);
	buf_fini(&c->body);
	buf_fini(&c->out);
	free(c->head);
	free(c);
}

static void
conn_close(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	c->phase = CONN_DEAD;
	conn_drop_body(c);
	event_del(c->reads);
	event_del(c->writes);
	timer_clear(c->d->loop, &c->timer);
	timer_clear(c->d->loop, &c->stall);
	loop_unready(c->d->loop, &c->task);
	close(c->fd);
	LIST_REMOVE(c, link);
	--*open_now(c);
	loop_bury(c->d->loop, conn_free, c);
}

/* The client is gone: say so if somebody works for it. */
static void
conn_lost(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	if (c->owner)
		c->user->gone(c);
	c->owner = NULL;
	conn_close(c);
}

void
conn_kill(struct conn *c)
{
	conn_lost(c);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;

	switch (c->phase) {
	case CONN_IDLE:
	case CONN_LINGER:
	case CONN_HEAD:
		/* No answer: a client that cannot finish a head in ten
		 * seconds would not read it. */
		conn_close(c);
		return;
	case CONN_BODY: {
		int64_t rated_ms = loop_ms(c->d->loop) - c->body_began_ms -
		    c->d->settings.body_rate_grace_ms;
		uint64_t due = (uint64_t)rated_ms *
		    c->d->settings.body_rate_min_bytes / 1000;

		/* The grace may have been made longer meanwhile. */
		if (rated_ms <= 0 || c->body_got >= due) {
			set_timer(c, 1000);
			return;
		}
		c->keeps = false;
		if (c->owner)
			c->user->spoiled(c, FAULT_SLOW,
			    "the request body arrived too slowly");
		else
			conn_close(c);
		return;
	}
	case CONN_BUSY:
	case CONN_DEAD:
		return;
	}
}

static void
on_stall(void *arg)
{
	/* The client has taken nothing for too long. */
	conn_lost(arg);
}

void
conn_new(struct daemon *d, int take_fd, const struct sockaddr_storage *peer,
    const struct conn_user *user)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->d = d;
	c->fd = take_fd;
	c->user = user;
	address_text(peer, c->peer);
	c->from = addr_of((const struct sockaddr *)peer);
	c->awaits_proxy = d->conf->proxy_protocol && !user->apart &&
	    source_is_trusted(d->conf, &c->from);
	buf_init(&c->in, HTTP1_HEAD_MAX + READ_SIZE);
	buf_init(&c->head_bytes, HTTP1_HEAD_MAX + READ_SIZE);
	buf_init(&c->body, 0);
	buf_init(&c->out, 64 * 1024 * 1024);
	task_init(&c->task, conn_run, c);
	timer_init(&c->timer, on_timer, c);
	timer_init(&c->stall, on_stall, c);
	c->reads = event_new(loop_base(d->loop), take_fd,
	    EV_READ | EV_CLOSED | EV_PERSIST, on_event, c);
	c->writes = event_new(loop_base(d->loop), take_fd,
	    EV_WRITE | EV_PERSIST, on_event, c);
	event_add(c->reads, NULL);
	c->read_armed = true;
	LIST_INSERT_HEAD(&d->conns, c, link);
	++*open_now(c);
	d->counters.connections_total += !user->apart;
	/* A connection that never says anything gets as long as a head. */
	set_timer(c, d->settings.request_head_wait_ms);
}

void
conn_drain(struct conn *c)
{
	c->keeps = false;
	if (c->phase == CONN_IDLE)
		conn_close(c);
}

/* --- reading ---------------------------------------------------------------------- */

/* Receive into the shared scratch; 0: nothing now, -1: the end. */
static ssize_t
receive(struct conn *c, char *at, size_t room)
{
	ssize_t n = recv(c->fd, at, room, 0);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -1;
}

static void
budget(struct conn *c)
{
	size_t now = c->body.mem ? c->body.size : 0;

	c->d->counters.body_bytes_now += now;
	c->d->counters.body_bytes_now -= c->body_charged;
	c->body_charged = now;
}

void
conn_drop_body(struct conn *c)
{
	buf_fini(&c->body);
	budget(c);
}

/* Bytes of the body have come to stand at its end. */
static void
body_grew(struct conn *c, struct str piece)
{
	c->body_got += piece.len;
	budget(c);
	if (piece.len && c->owner)
		c->user->body(c, piece);
	if (c->forgets)
		conn_drop_body(c);
}

static void
body_spoiled(struct conn *c, enum err e)
{
	c->keeps = false;
	/* The first word counts. */
	c->accepted = false;
	if (e == ERR_LIMIT)
		c->user->spoiled(c, FAULT_TOO_BIG,
		    "the request body is larger than this relay accepts");
	else
		c->user->spoiled(c, FAULT_REQUEST,
		    "the chunked framing of the request body is malformed");
}

/* Body bytes that came with other bytes: decode their framing. */
static enum err
body_take(struct conn *c, struct str bytes, size_t *out_used)
{
	size_t total = 0, from = buf_len(&c->body);
	enum err e = OK;

	while (!e && bytes.len && !c->framing.done) {
		struct str piece;
		size_t used;

		e = http1_body_feed(&c->framing, bytes, &piece, &used);
		if (!e)
			e = buf_add(&c->body, piece);
		if (e)
			break;
		bytes = str_skip(bytes, used);
		total += used;
	}
	if (!e && c->body_got + buf_len(&c->body) - from > c->body.max)
		e = ERR_LIMIT;
	*out_used = total;
	if (!e)
		body_grew(c, str_skip(buf_str(&c->body), from));
	return e;
}

static void
body_whole(struct conn *c)
{
	timer_clear(c->d->loop, &c->timer);
	c->phase = CONN_BUSY;
	if (c->owner)
		c->user->whole(c);
}

/* Straight into the body: nothing is copied. */
static bool
read_length_body(struct conn *c)
{
	size_t turn = 0;

	while (c->phase == CONN_BODY && !c->framing.done && turn < TURN_MAX) {
		uint64_t left = c->framing.left;
		size_t want = left < TURN_MAX ? (size_t)left : TURN_MAX, room;
		struct str piece;
		size_t used;
		ssize_t n;
		char *at;

		if (c->body_got + want > c->body.max ||
		    buf_room(&c->body, want, &at, &room)) {
			body_spoiled(c, ERR_LIMIT);
			return true;
		}
		if (room > left)
			room = (size_t)left;
		n = receive(c, at, room);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		if (http1_body_feed(&c->framing, str_at(at, (size_t)n), &piece,
			&used) ||
		    used != (size_t)n)
			return false;
		buf_grew(&c->body, (size_t)n);
		turn += (size_t)n;
		body_grew(c, str_at(at, (size_t)n));
		if ((size_t)n < room)
			break;
	}
	if (c->phase == CONN_BODY && c->framing.done)
		body_whole(c);
	return true;
}

static bool
read_into(struct conn *c)
{
	size_t most = c->phase == CONN_BUSY ? PIPELINE_MAX : c->in.max, room;
	size_t share = c->phase == CONN_BODY ? READ_SIZE : HEAD_READ_SIZE;
	ssize_t n;
	char *at;

	if (buf_len(&c->in) >= most) {
		arm_read(c, false);
		return true;
	}
	room = most - buf_len(&c->in);
	if (room > share)
		room = share;
	n = receive(c, c->d->scratch, room);
	if (n <= 0)
		return n == 0;
	at = c->d->scratch;
	if (buf_add(&c->in, str_at(at, (size_t)n)))
		return false;
	/* There is more of it: no need to ask the kernel. */
	if ((size_t)n == share && c->phase != CONN_BUSY) {
		c->noted |= EV_READ;
		loop_ready(c->d->loop, &c->task);
	}
	return true;
}

static void
linger_read(struct conn *c)
{
	for (int i = 0; i < 4; i++) {
		ssize_t n = receive(c, c->d->scratch, READ_SIZE);

		if (n == 0)
			return;
		if (n < 0) {
			conn_close(c);
			return;
		}
		c->seen += (size_t)n;
		if (c->seen > LINGER_BYTES) {
			conn_close(c);
			return;
		}
	}
}

/* --- understanding ----------------------------------------------------------------- */

static void
refuse_head(struct conn *c, unsigned status)
{
	/* There is no request to speak of, hence no dialect either. */
	buf_mustf(&c->out,
	    "HTTP/1.1 %u %s\r\ncontent-type: text/plain\r\n"
	    "content-length: %zu\r\nconnection: close\r\n\r\n%s\n",
	    status, http1_phrase(status), strlen(http1_phrase(status)) + 1,
	    http1_phrase(status));
	c->keeps = false;
	c->phase = CONN_BUSY;
	if (!c->user->apart) {
		c->d->counters.bad_heads_total++;
		c->d->counters.refused_total++;
	}
	conn_finish(c);
}

/* The head's bytes get a home of their own, so that it stays put. */
static void
take_head(struct conn *c, size_t used)
{
	struct buf whole = c->in;
	struct str rest = str_skip(buf_str(&whole), used);

	c->in = c->head_bytes;
	buf_clear(&c->in);
	c->head_bytes = whole;
	buf_must(&c->in, rest);
	c->seen = 0;
}

/* The first bytes of a head, or of what stands before it, are there. */
static void
head_begins(struct conn *c)
{
	if (c->phase != CONN_IDLE || !buf_len(&c->in))
		return;
	c->phase = CONN_HEAD;
	set_timer(c, c->d->settings.request_head_wait_ms);
}

/* A trusted proxy says first whose connection this is; false: not yet. */
static bool
understand_proxy(struct conn *c)
{
	char text[ADDR_TEXT];
	struct proxyproto p;
	size_t used;
	enum err e = proxyproto_read(buf_str(&c->in), &p, &used);

	if (e == ERR_AGAIN) {
		head_begins(c);
		return false;
	}
	if (e) {
		log_note(LOG_INFO, "proxy-protocol",
		    "%s is a trusted proxy and did not begin with a PROXY "
		    "header (proxy_protocol)",
		    c->peer);
		refuse_head(c, 400);
		return false;
	}
	buf_eat(&c->in, used);
	c->awaits_proxy = false;
	if (!p.relays)
		return true;
	c->from = p.from;
	addr_text(&p.from, text);
	snprintf(c->peer, sizeof(c->peer),
	    strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, p.port);
	return true;
}

/* Try to make a request of what has arrived. */
static void
understand_head(struct conn *c)
{
	unsigned status;
	struct why why;
	size_t used;
	enum err e;

	if (c->awaits_proxy && !understand_proxy(c))
		return;
	if (!c->head)
		c->head = xmalloc(sizeof(*c->head));
	e = http1_request(buf_str(&c->in), &c->seen, c->head, &used, &status,
	    &why);
	if (e == ERR_AGAIN) {
		head_begins(c);
		return;
	}
	timer_clear(c->d->loop, &c->timer);
	if (e) {
		refuse_head(c, status);
		return;
	}
	take_head(c, used);
	http1_body_init(&c->framing, c->head);
	c->keeps = c->head->keep_alive && !c->d->draining;
	c->answered = c->accepted = c->forgets = false;
	c->body_got = 0;
	c->phase = CONN_BODY;
	c->body_began_ms = loop_ms(c->d->loop);
	c->user->head(c);
}

void
conn_accept(struct conn *c, uint64_t max)
{
	c->accepted = true;
	buf_init(&c->body, (size_t)max);
	if (c->head->expect_continue && !buf_len(&c->in) && !c->framing.done) {
		buf_must(&c->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		conn_flush(c);
	}
	set_timer(c, c->d->settings.body_rate_grace_ms + 1000);
}

static void
understand_body(struct conn *c)
{
	size_t used;
	enum err e;

	if (!c->accepted)
		return;
	if (!c->framing.done && buf_len(&c->in)) {
		e = body_take(c, buf_str(&c->in), &used);
		if (c->phase != CONN_BODY)
			return;
		if (e) {
			body_spoiled(c, e);
			return;
		}
		buf_eat(&c->in, used);
	}
	if (c->framing.done)
		body_whole(c);
}

static void
understand(struct conn *c)
{
	if (c->phase == CONN_IDLE || c->phase == CONN_HEAD)
		understand_head(c);
	if (c->phase == CONN_BODY)
		understand_body(c);
	if (c->phase == CONN_IDLE && !buf_len(&c->in)) {
		buf_fini(&c->in);
		buf_fini(&c->head_bytes);
	}
}

static bool
read_more(struct conn *c)
{
	if (c->phase == CONN_LINGER) {
		linger_read(c);
		return true;
	}
	if (c->phase == CONN_BODY && c->accepted &&
	    c->framing.framing == HTTP1_LENGTH && !buf_len(&c->in))
		return read_length_body(c);
	return read_into(c);
}

static void
conn_run(void *arg)
{
	struct conn *c = arg;
	short noted = c->noted;

	c->noted = 0;
	if (noted & EV_WRITE)
		conn_flush(c);
	if (c->phase == CONN_DEAD)
		return;
	if (noted & EV_READ && !read_more(c)) {
		conn_lost(c);
		return;
	}
	if (c->phase == CONN_DEAD)
		return;
	understand(c);
	/* A client that closes its side while it waits is gone: none of the
	 * real ones half-closes, and an answer nobody reads costs money. */
	if (noted & EV_CLOSED && c->phase != CONN_DEAD &&
	    (c->phase == CONN_BUSY || !(noted & EV_READ)))
		conn_lost(c);
}

/* --- answering ------------------------------------------------------------------- */

bool
conn_keeps(const struct conn *c)
{
	return c->keeps && c->framing.done;
}

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

size_t
conn_backlog(const struct conn *c)
{
	return buf_len(&c->out);
}

/* The close is a reset then, which drops what the client has not taken yet. */
static void
reset_at_close(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* The answer has left: what comes now? */
static void
conn_next(struct conn *c)
{
	conn_drop_body(c);
	free(c->head);
	c->head = NULL;
	if (conn_keeps(c) && !c->d->draining) {
		c->phase = CONN_IDLE;
		arm_read(c, true);
		set_timer(c, c->d->settings.keepalive_idle_ms);
		if (buf_len(&c->in)) {
			loop_ready(c->d->loop, &c->task);
		} else {
			buf_fini(&c->in);
			buf_fini(&c->head_bytes);
			buf_fini(&c->out);
		}
		return;
	}
	if (c->resets)
		reset_at_close(c->fd);
	if (c->resets || (c->framing.done && !buf_len(&c->in))) {
		conn_close(c);
		return;
	}
	shutdown(c->fd, SHUT_WR);
	c->phase = CONN_LINGER;
	c->seen = 0;
	arm_read(c, true);
	set_timer(c, LINGER_MS);
}

void
conn_flush(struct conn *c)
{
	bool sent = false;

	if (c->phase == CONN_DEAD)
		return;
	while (buf_len(&c->out)) {
		struct str s = buf_str(&c->out);
		ssize_t n =
		    send(c->fd, s.at, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			arm_write(c, true);
			if (sent || !c->stall.at_ms)
				timer_set(c->d->loop, &c->stall,
				    loop_ms(c->d->loop) +
					c->d->settings.write_stall_ms);
			break;
		}
		if (n < 0) {
			/* Not from inside the user's own call. */
			c->noted |= EV_CLOSED;
			buf_clear(&c->out);
			loop_ready(c->d->loop, &c->task);
			return;
		}
		sent = true;
		buf_eat(&c->out, (size_t)n);
	}
	if (!buf_len(&c->out)) {
		arm_write(c, false);
		timer_clear(c->d->loop, &c->stall);
		if (c->answered) {
			c->answered = false;
			conn_next(c);
			return;
		}
	}
	if (c->told_room && buf_len(&c->out) <= CONN_OUT_LOW) {
		c->told_room = false;
		if (c->owner)
			c->user->room(c);
	}
}

void
conn_finish(struct conn *c)
{
	c->owner = NULL;
	c->answered = true;
	/* What still comes of the body has no reader any more, also while the
	 * answer waits for a client that does not read. */
	c->accepted = false;
	timer_clear(c->d->loop, &c->timer);
	conn_flush(c);
}

void
conn_break(struct conn *c, bool reset)
{
	c->keeps = false;
	c->resets = reset;
	/* What is still unread of the request would turn the close into a
	 * reset that overtakes the answer; conn_next() lingers then. */
	conn_finish(c);
}
