/* SPDX-License-Identifier: MIT */
/* conn.c - one connection: bytes in, a request, steps of a wire out.
 *
 * Reading is never switched off: that is how the moment is known at which the
 * client goes away. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/mem.h"

#include "tests/upstream/server.h"

#define READ_STEP      ((size_t)16 * 1024)
#define READ_STEP_BIG  ((size_t)512 * 1024)
#define LINGER_US      2000000
#define STAMP_STEP_MAX 1024
/* A body in chunks of one byte is six times as long on the wire. */
#define MAX_IN (HTTP_MAX_HEAD + 6 * HTTP_MAX_BODY)

void
conn_accept(struct server *s, int take_fd)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP,
		.data.ptr = &c->source };
	int on = 1;

	c->source = (struct source){ .what = SOURCE_CONN, .fd = take_fd };
	c->server = s;
	c->id = ++s->last_conn;
	buf_init(&c->in, MAX_IN);
	http_init(&c->req);
	setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	TAILQ_INSERT_TAIL(&s->conns, c, entry);
	s->open++;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, take_fd, &e))
		abort();
}

void
conn_free(struct conn *c)
{
	if (c->source.fd >= 0)
		close(c->source.fd);
	timer_clear(&c->server->timers, &c->timer);
	wire_unref(c->wire);
	buf_fini(&c->in);
	http_fini(&c->req);
	free(c->path_name);
	free(c->id_name);
	free(c->watch_for);
	free(c);
}

/* Close now; the memory goes after the batch. */
static void
conn_close(struct conn *c)
{
	if (c->source.fd < 0)
		return;
	close(c->source.fd);
	c->source.fd = -1;
	timer_clear(&c->server->timers, &c->timer);
	if (c->state == CONN_WATCHING)
		TAILQ_REMOVE(&c->server->watchers, c, watcher);
	TAILQ_REMOVE(&c->server->conns, c, entry);
	TAILQ_INSERT_TAIL(&c->server->dead, c, entry);
	c->server->open--;
}

static void
conn_reset(struct conn *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->source.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	execute_end(c, "reset");
	conn_close(c);
}

/* Send a FIN and wait for the client's: closing while its bytes are unread
 * would turn our FIN into a reset, and eat what was sent. */
static void
conn_fin(struct conn *c, const char *how)
{
	execute_end(c, how);
	shutdown(c->source.fd, SHUT_WR);
	if (c->peer_done) {
		conn_close(c);
		return;
	}
	c->state = CONN_LINGERING;
	timer_set(&c->server->timers, &c->timer, c->server->now_us + LINGER_US);
}

static void
conn_gone(struct conn *c)
{
	if (c->state == CONN_SENDING || c->state == CONN_SILENT)
		execute_end(c, "client_gone");
	conn_close(c);
}

static void
want_write(struct conn *c, bool want)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP,
		.data.ptr = &c->source };

	if (c->wants_write == want)
		return;
	c->wants_write = want;
	if (want)
		e.events |= EPOLLOUT;
	if (epoll_ctl(c->server->epoll_fd, EPOLL_CTL_MOD, c->source.fd, &e))
		abort();
}

/* The wire is sent: end as it says.  Returns whether the connection lives on
 * for a next request. */
static bool
conn_finish(struct conn *c)
{
	enum finish finish = c->wire->finish;

	switch (finish) {
	case FINISH_RST:
		conn_reset(c);
		return false;
	case FINISH_HANG:
		c->state = CONN_SILENT;
		return false;
	case FINISH_FIN:
		conn_fin(c, "done");
		return false;
	case FINISH_CUT:
		conn_fin(c, "cut");
		return false;
	case FINISH_KEEP:
		break;
	}
	execute_end(c, "done");
	if (c->wire->keep_ms >= 0)
		timer_set(&c->server->timers, &c->timer,
		    c->server->now_us + c->wire->keep_ms * 1000);
	wire_unref(c->wire);
	c->wire = NULL;
	buf_eat(&c->in, c->eat);
	if (buf_len(&c->in) == 0 && c->in.size > READ_STEP_BIG)
		buf_fini(&c->in);
	http_next(&c->req);
	c->continued = false;
	c->state = CONN_READING;
	return true;
}

/* A copy of a step that says when it was sent; a long one goes as it is. */
static struct str
stamp_step(struct conn *c, struct str step, char room[STAMP_STEP_MAX])
{
	static const char mark[] = "@@@@@@@@@@@@@@@@";
	char digits[sizeof(mark)];
	ptrdiff_t at;

	if (!c->wire->stamped || step.len > STAMP_STEP_MAX)
		return step;
	at = str_find(step, STR(mark));
	if (at < 0)
		return step;
	memcpy(room, step.at, step.len);
	snprintf(digits, sizeof(digits), "%016lld", (long long)clock_us());
	memcpy(room + at, digits, sizeof(digits) - 1);
	return str_at(room, step.len);
}

/* Bytes of the current step.  Returns false when the socket is full or the
 * client is gone. */
static bool
send_step(struct conn *c, size_t end)
{
	const char *bytes = c->wire->bytes.mem + c->wire->bytes.start;
	char room[STAMP_STEP_MAX];
	struct str step;
	ssize_t n;

	while (c->sent < end) {
		step =
		    stamp_step(c, str_at(bytes + c->sent, end - c->sent), room);
		n = send(c->source.fd, step.at, step.len, MSG_NOSIGNAL);
		if (n > 0) {
			c->sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			want_write(c, true);
		else
			conn_gone(c);
		return false;
	}
	return true;
}

/* Send what is due.  Returns whether a next request may be read. */
static bool
conn_pump(struct conn *c)
{
	const struct pieces *steps = &c->wire->steps;

	while (c->step < steps->used) {
		if (c->step_due_us > c->server->now_us) {
			timer_set(&c->server->timers, &c->timer,
			    c->step_due_us);
			return false;
		}
		if (!send_step(c, steps->at[c->step].end))
			return false;
		c->step++;
		if (c->step < steps->used)
			c->step_due_us += steps->at[c->step].wait_ms * 1000;
		else if (c->wire->repeat) {
			/* A pause, because a reader that is fast enough
			 * would keep us here. */
			c->step = c->sent = 0;
			c->step_due_us = c->server->now_us + 1000;
		}
	}
	want_write(c, false);
	return conn_finish(c);
}

void
conn_send(struct conn *c, struct wire *take_wire)
{
	timer_clear(&c->server->timers, &c->timer);
	c->wire = take_wire;
	c->state = CONN_SENDING;
	c->step = c->sent = 0;
	c->step_due_us =
	    c->server->now_us + take_wire->steps.at[0].wait_ms * 1000;
}

static void
say_continue(struct conn *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (c->continued || !c->req.expect_continue)
		return;
	c->continued = true;
	/* The buffer of a socket that has sent nothing yet has this room. */
	if (send(c->source.fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
		conn_gone(c);
}

/* Read one request if it is whole, and answer as many as are there. */
static void
conn_advance(struct conn *c)
{
	const char *why = NULL;
	enum err e;

	while (c->state == CONN_READING && c->source.fd >= 0 &&
	    buf_len(&c->in)) {
		e = http_read(&c->req, buf_str(&c->in), &c->eat, &why);
		if (e == ERR_AGAIN && c->req.head_len && execute_wants_early(c))
			execute(c, true);
		else if (e == ERR_AGAIN) {
			if (c->req.head_len)
				say_continue(c);
			return;
		} else if (e)
			execute_bad(c, why);
		else
			execute(c, false);
		if (c->state != CONN_SENDING || !conn_pump(c))
			return;
	}
}

/* Returns false when the connection is over. */
static bool
conn_read(struct conn *c)
{
	size_t room, step;
	ssize_t n;
	char *at;

	do {
		step = c->req.head_len ? READ_STEP_BIG : READ_STEP;
		if (c->state == CONN_LINGERING)
			buf_clear(&c->in);
		if (buf_room(&c->in, step, &at, &room))
			return false;
		n = recv(c->source.fd, at, room, 0);
		if (n > 0)
			buf_grew(&c->in, (size_t)n);
	} while (n == (ssize_t)room || (n < 0 && errno == EINTR));
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return true;
	c->peer_done = true;
	return false;
}

void
conn_event(struct conn *c, uint32_t events)
{
	bool alive = true;

	if (c->source.fd < 0)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		alive = conn_read(c);
	/* What came with the FIN may be a whole request all the same. */
	if (c->state == CONN_READING)
		conn_advance(c);
	if (c->source.fd < 0)
		return;
	if (!alive || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		conn_gone(c);
		return;
	}
	if ((events & EPOLLOUT) && c->state == CONN_SENDING && conn_pump(c))
		conn_advance(c);
}

void
conn_timer(struct conn *c)
{
	switch (c->state) {
	case CONN_SENDING:
		if (conn_pump(c))
			conn_advance(c);
		break;
	case CONN_LINGERING:
		conn_close(c);
		break;
	case CONN_WATCHING:
		conn_watch(c, true);
		break;
	case CONN_READING:
		conn_fin(c, "done");
		break;
	case CONN_SILENT:
		break;
	}
}

void
conn_watch(struct conn *c, bool give_up)
{
	struct answer a;
	struct script s;
	bool found;

	answer_init(&a);
	script_init(&s);
	found = log_since(&c->server->log, c->watch_since, str_of(c->watch_for),
	    &a.body);
	if (found || give_up) {
		TAILQ_REMOVE(&c->server->watchers, c, watcher);
		timer_clear(&c->server->timers, &c->timer);
		answer_header(&a, "content-type: application/x-ndjson");
		answer_header(&a, "x-practice-found: %d", found);
		conn_send(c, wire_make(&a, &s));
		if (conn_pump(c))
			conn_advance(c);
	}
	answer_fini(&a);
}
