/* SPDX-License-Identifier: MIT */
/* link.c - the socket to the daemon in an event loop. */
#include "relay-tui/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"

#include "relay-tui/ctl_client.h"
#include "relay-tui/words.h"

#define RETRY_LEAST_MS 100
#define RETRY_MOST_MS  2000
/* Questions that the daemon has not taken yet. */
#define OUT_MAX (4 * 1024 * 1024)

struct link {
	struct event_base *base;
	char *path;
	link_changed *changed;
	void *user;
	struct calls *calls;
	int fd; /* -1: none */
	struct event *readable, *writable, *retry;
	struct buf out;
	int retry_ms;
	bool broken; /* to be closed when nobody is being called */
};

static void lose(struct link *l, const char *text);

static void
flush(struct link *l)
{
	while (buf_len(&l->out)) {
		struct str s = buf_str(&l->out);
		ssize_t n = send(l->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			/* Reading will tell what is the matter. */
			return;
		}
		if (n < 0) {
			event_add(l->writable, NULL);
			return;
		}
		buf_eat(&l->out, (size_t)n);
	}
	buf_wipe(&l->out);
}

static void
write_line(void *to, struct str line)
{
	struct link *l = to;

	if (l->fd < 0 || buf_add(&l->out, line)) {
		l->broken = true;
		event_active(l->retry, EV_TIMEOUT, 0);
		return;
	}
	flush(l);
}

static void
on_writable(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	flush(user);
}

static void
on_readable(evutil_socket_t fd, short what, void *user)
{
	struct link *l = user;
	char bytes[16384];
	struct why why;
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		lose(l, _("relayd has closed the connection"));
	else if (calls_feed(l->calls, str_at(bytes, (size_t)n), &why))
		lose(l, why.text);
}

static void
unwatch(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

static void
hang_up(struct link *l)
{
	unwatch(&l->readable);
	unwatch(&l->writable);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->broken = false;
	buf_wipe(&l->out);
}

static void
retry_later(struct link *l)
{
	struct timeval wait = { .tv_sec = l->retry_ms / 1000,
		.tv_usec = l->retry_ms % 1000 * 1000 };

	event_add(l->retry, &wait);
	l->retry_ms *= 2;
	if (l->retry_ms > RETRY_MOST_MS)
		l->retry_ms = RETRY_MOST_MS;
}

static void
lose(struct link *l, const char *text)
{
	hang_up(l);
	calls_lost(l->calls);
	l->retry_ms = RETRY_LEAST_MS;
	retry_later(l);
	l->changed(l->user, false, text);
}

static void
try_connecting(struct link *l)
{
	struct why why;

	if (ctl_client_connect(l->path, true, &l->fd, &why)) {
		l->fd = -1;
		retry_later(l);
		l->changed(l->user, false, why.text);
		return;
	}
	l->readable =
	    event_new(l->base, l->fd, EV_READ | EV_PERSIST, on_readable, l);
	l->writable = event_new(l->base, l->fd, EV_WRITE, on_writable, l);
	event_add(l->readable, NULL);
	l->retry_ms = RETRY_LEAST_MS;
	calls_open(l->calls);
	l->changed(l->user, true, "");
}

static void
on_retry(evutil_socket_t fd, short what, void *user)
{
	struct link *l = user;

	(void)fd;
	(void)what;
	if (l->broken)
		lose(l, _("relayd does not take what it is asked"));
	else if (l->fd < 0)
		try_connecting(l);
}

struct link *
link_new(struct event_base *base, const char *path, link_changed *changed,
    void *user)
{
	struct link *l = xcalloc(1, sizeof(*l));

	*l = (struct link){ .base = base,
		.path = path ? xstrdup(path) : NULL,
		.changed = changed,
		.user = user,
		.fd = -1,
		.retry_ms = RETRY_LEAST_MS };
	l->calls = calls_new(write_line, l);
	l->retry = evtimer_new(base, on_retry, l);
	buf_init(&l->out, OUT_MAX);
	return l;
}

void
link_free(struct link *l)
{
	if (!l)
		return;
	hang_up(l);
	unwatch(&l->retry);
	calls_free(l->calls);
	free(l->path);
	free(l);
}

void
link_start(struct link *l)
{
	try_connecting(l);
}

struct calls *
link_calls(struct link *l)
{
	return l->calls;
}
