/* SPDX-License-Identifier: MIT */
/* server.c - listeners and the loop: epoll, timers, one thread. */
#include "tests/upstream/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#define BATCH 256

int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
watch(struct server *s, struct source *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, source->fd, &e))
		abort();
}

static enum err
listen_at(const char *address, struct source *out, struct why *out_why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(address, ':');
	int on = 1, rc, fd;
	char host[256];

	if (!colon || (size_t)(colon - address) >= sizeof(host))
		return why_set(out_why, ERR_VALUE, "listen",
		    "%s is not "
		    "ADDR:PORT",
		    address);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found);
	if (rc)
		return why_set(out_why, ERR_VALUE, "listen", "%s: %s", address,
		    gai_strerror(rc));
	fd = socket(found->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) ||
	    listen(fd, 4096)) {
		freeaddrinfo(found);
		return why_set(out_why, ERR_IO, "listen", "%s: %s", address,
		    strerror(errno));
	}
	freeaddrinfo(found);
	*out = (struct source){ .what = SOURCE_LISTENER, .fd = fd };
	return OK;
}

static int
port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char port[16];

	if (getsockname(fd, (struct sockaddr *)&a, &len) ||
	    getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof(port),
		NI_NUMERICSERV))
		abort();
	return (int)strtol(port, NULL, 10);
}

/* Whoever waits for the file finds all of it or nothing. */
static enum err
write_ports(const struct server *s, struct why *out_why)
{
	const char *path = s->options->port_file;
	char *fresh;
	FILE *f;
	bool well;

	if (!path)
		return OK;
	fresh = xasprintf("%s.new", path);
	f = fopen(fresh, "we");
	well = f != NULL;
	for (size_t i = 0; well && i < s->options->listeners; i++)
		well = fprintf(f, "%d\n", port_of(s->listener[i].fd)) > 0;
	if (f && fclose(f))
		well = false;
	if (well && rename(fresh, path))
		well = false;
	free(fresh);
	return well ? OK
		    : why_set(out_why, ERR_IO, "port-file", "%s: %s", path,
			  strerror(errno));
}

static void
take_signals(struct server *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = (struct source){ .what = SOURCE_SIGNAL,
		.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) };
	watch(s, &s->signals);
}

static void
raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

enum err
server_open(struct server *s, const struct options *options,
    struct why *out_why)
{
	enum err e;

	*s = (struct server){ .options = options };
	TAILQ_INIT(&s->conns);
	TAILQ_INIT(&s->watchers);
	TAILQ_INIT(&s->dead);
	raise_limit();
	e = log_open(&s->log, options->log, options->bodies);
	if (e)
		return why_set(out_why, e, "log", "%s: %s", options->log,
		    strerror(errno));
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return why_set(out_why, ERR_IO, "epoll", "%s", strerror(errno));
	take_signals(s);
	for (size_t i = 0; i < options->listeners; i++) {
		e = listen_at(options->listen[i], &s->listener[i], out_why);
		if (e)
			return e;
		watch(s, &s->listener[i]);
	}
	return write_ports(s, out_why);
}

static void
accept_all(struct server *s, int listener)
{
	int fd;

	for (int i = 0; i < BATCH; i++) {
		fd =
		    accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_accept(s, fd);
			continue;
		}
		/* The connection waits in the backlog until one of ours
		 * ends; a pause keeps the loop from spinning on it. */
		if (errno == EMFILE || errno == ENFILE)
			usleep(10000);
		return;
	}
}

static void
dispatch(struct server *s, struct epoll_event *e)
{
	struct source *source = e->data.ptr;

	switch (source->what) {
	case SOURCE_LISTENER:
		accept_all(s, source->fd);
		break;
	case SOURCE_SIGNAL:
		s->stop = true;
		break;
	case SOURCE_CONN:
		conn_event((struct conn *)(void *)source, e->events);
		break;
	}
}

static void
tell_watchers(struct server *s)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&s->watchers); c; c = next) {
		next = TAILQ_NEXT(c, watcher);
		conn_watch(c, false);
	}
}

/* Connections end inside an event, and are freed after the batch: a later
 * event of the same batch may still point at them. */
static void
bury(struct server *s)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&s->dead)) != NULL) {
		TAILQ_REMOVE(&s->dead, c, entry);
		conn_free(c);
	}
}

void
server_run(struct server *s)
{
	struct epoll_event events[BATCH];
	struct timer *t;
	uint64_t lines;
	int n;

	s->now_us = clock_us();
	while (!s->stop) {
		lines = s->log.first + s->log.used;
		n = epoll_wait(s->epoll_fd, events, BATCH,
		    timer_wait_ms(&s->timers, s->now_us));
		s->now_us = clock_us();
		for (int i = 0; i < n; i++)
			dispatch(s, &events[i]);
		while ((t = timer_take(&s->timers, s->now_us)) != NULL)
			conn_timer((struct conn *)(void *)((char *)t -
			    offsetof(struct conn, timer)));
		if (lines != s->log.first + s->log.used)
			tell_watchers(s);
		bury(s);
		s->now_us = clock_us();
	}
}

void
server_close(struct server *s)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&s->conns)) != NULL) {
		TAILQ_REMOVE(&s->conns, c, entry);
		conn_free(c);
	}
	bury(s);
	for (size_t i = 0; i < s->options->listeners; i++)
		if (s->listener[i].fd > 0)
			close(s->listener[i].fd);
	for (size_t i = 0; i < ROUTES; i++) {
		wire_unref(s->canned[i][0]);
		wire_unref(s->canned[i][1]);
	}
	close(s->signals.fd);
	close(s->epoll_fd);
	timers_fini(&s->timers);
	log_close(&s->log);
	rules_fini(&s->rules);
	grants_fini(&s->grants);
	tally_fini(&s->paths);
	tally_fini(&s->ids);
	tally_fini(&s->once);
}
