/* SPDX-License-Identifier: MIT */
/* listen.c - listening sockets.
 *
 * When descriptors run out, or the ceiling of connections is reached, all
 * listeners rest for a second instead of spinning: the waiting clients stay
 * in the kernel's queue. */
#include "relayd/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/daemon.h"
#include "relayd/log.h"

/* Connections accepted in one wake-up, so that a flood of them does not keep
 * the open ones waiting. */
#define ACCEPTS_MAX 32
#define REST_MS	    1000
/* Connections of those that are no clients, per kind. */
#define APART_MAX 32
#define BACKLOG	  1024

struct listener {
	struct listeners *all;
	struct event *event;
	int fd;
	char text[64];
};

struct listeners {
	struct daemon *d;
	const struct conn_user *user;
	struct timer rest;
	int reserve; /* given up to accept and close when there is no other */
	uint64_t most;
	bool resting, stopped;
	size_t count;
	struct listener at[];
};

void
address_text(const struct sockaddr_storage *sa, char out[64])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(out, 64, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *in4 = (const void *)sa;

		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(out, 64, "%s:%u", host, ntohs(in4->sin_port));
	} else {
		snprintf(out, 64, "?");
	}
}

bool
listener_text(const struct listeners *l, size_t i, char out[64])
{
	if (i >= l->count)
		return false;
	memcpy(out, l->at[i].text, 64);
	return true;
}

static void
arm_all(struct listeners *l, bool armed)
{
	for (size_t i = 0; i < l->count; i++) {
		if (armed)
			event_add(l->at[i].event, NULL);
		else
			event_del(l->at[i].event);
	}
}

static void
rest(struct listeners *l, const char *why)
{
	if (l->resting)
		return;
	l->resting = true;
	l->d->counters.accept_rests_total++;
	log_note(LOG_WARN, "accept-rest", "%s; listening again in a second",
	    why);
	arm_all(l, false);
	timer_set(l->d->loop, &l->rest, loop_ms(l->d->loop) + REST_MS);
}

static void
on_rested(void *arg)
{
	struct listeners *l = arg;

	l->resting = false;
	if (!l->stopped)
		arm_all(l, true);
}

/* Out of descriptors: one waiting client is let in and closed by means of the
 * reserve, so that it learns of it at once. */
static void
turn_one_away(struct listeners *l, int fd)
{
	int client;

	close(l->reserve);
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		close(client);
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static uint64_t
open_now(const struct listeners *l)
{
	const struct counters *n = &l->d->counters;

	return l->user->apart ? n->scrape_connections_now : n->connections_now;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *at = arg;
	struct listeners *l = at->all;
	const int on = 1;

	(void)what;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof(from);
		int client;

		if (open_now(l) >= l->most) {
			rest(l, "as many connections as allowed");
			return;
		}
		client = accept4(fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE) {
				turn_one_away(l, fd);
				rest(l, "out of file descriptors");
			} else if (errno == ENOBUFS || errno == ENOMEM) {
				rest(l, "out of memory for sockets");
			}
			return;
		}
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		conn_new(l->d, client, &from, l->user);
	}
}

static enum err
open_one(struct listener *at, const struct sockaddr_storage *sa,
    struct why *out_why)
{
	socklen_t len = sa->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						  : sizeof(struct sockaddr_in);
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	const int on = 1;

	address_text(sa, at->text);
	at->fd = socket(sa->ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (at->fd < 0)
		return why_set(out_why, ERR_IO, "listen", "%s: %s", at->text,
		    strerror(errno));
	setsockopt(at->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->ss_family == AF_INET6)
		setsockopt(at->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(at->fd, (const struct sockaddr *)sa, len) ||
	    listen(at->fd, BACKLOG))
		return why_set(out_why, errno == EADDRINUSE ? ERR_BUSY : ERR_IO,
		    "listen", "cannot listen on %s: %s", at->text,
		    strerror(errno));
	len = sizeof(bound);
	getsockname(at->fd, (struct sockaddr *)&bound, &len);
	address_text(&bound, at->text);
	return OK;
}

/* How many connections may be open: what is configured, else what the limit
 * on descriptors leaves when each of them needs a second one to an upstream
 * and a reserve of 5 % stays. */
static uint64_t
most_connections(const struct daemon *d)
{
	struct rlimit lim;
	uint64_t files = 1024;

	if (d->conf->max_connections)
		return d->conf->max_connections;
	if (!getrlimit(RLIMIT_NOFILE, &lim))
		files = lim.rlim_cur;
	files -= files / 20;
	return files > 64 ? (files - 40) / 2 : 8;
}

enum err
listeners_new(struct daemon *d, const struct sockaddr_storage *at, size_t count,
    struct listeners **out, struct why *out_why)
{
	struct listeners *l =
	    xcalloc(1, sizeof(*l) + count * sizeof(struct listener));

	l->d = d;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->most = most_connections(d);
	l->stopped = true;
	timer_init(&l->rest, on_rested, l);
	for (size_t i = 0; i < count; i++) {
		enum err e;

		l->at[i].all = l;
		e = open_one(&l->at[i], &at[i], out_why);
		if (e) {
			if (l->at[i].fd >= 0)
				close(l->at[i].fd);
			listeners_free(l);
			return e;
		}
		l->count++;
		l->at[i].event = event_new(loop_base(d->loop), l->at[i].fd,
		    EV_READ | EV_PERSIST, on_accept, &l->at[i]);
	}
	*out = l;
	return OK;
}

void
listeners_begin(struct listeners *l, const struct conn_user *user)
{
	l->user = user;
	l->stopped = false;
	if (user->apart)
		l->most = APART_MAX;
	arm_all(l, true);
}

void
listeners_reload(struct listeners *l)
{
	l->most = most_connections(l->d);
}

void
listeners_stop(struct listeners *l)
{
	if (l->stopped)
		return;
	l->stopped = true;
	timer_clear(l->d->loop, &l->rest);
	arm_all(l, false);
	for (size_t i = 0; i < l->count; i++) {
		close(l->at[i].fd);
		l->at[i].fd = -1;
	}
}

void
listeners_free(struct listeners *l)
{
	if (!l)
		return;
	timer_clear(l->d->loop, &l->rest);
	for (size_t i = 0; i < l->count; i++) {
		event_free(l->at[i].event);
		if (l->at[i].fd >= 0)
			close(l->at[i].fd);
	}
	if (l->reserve >= 0)
		close(l->reserve);
	free(l);
}
