/* SPDX-License-Identifier: MIT */
/* curl.c - libcurl's multi interface on the loop.
 *
 * Owns the multi handle, one event per socket libcurl waits for, and the one
 * timer of all.  An event is deleted the moment libcurl says REMOVE, before
 * the descriptor can be closed or taken over by somebody else. */
#include "relayd/curl.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/loop.h"

struct curl_socket {
	TAILQ_ENTRY(curl_socket) link;
	struct curl_loop *of;
	struct event *event;
	curl_socket_t fd;
	int ready; /* CURL_CSELECT_*; not 0: in the list */
};

TAILQ_HEAD(curl_sockets, curl_socket);

struct curl_loop {
	struct loop *loop;
	CURLM *multi;
	struct curl_sockets ready;
	struct timer timer;
	struct task drive;
	bool is_due; /* libcurl's own clock, or a new handle */
};

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct curl_socket *s = arg;

	(void)fd;
	if (!s->ready)
		TAILQ_INSERT_TAIL(&s->of->ready, s, link);
	if (what & EV_READ)
		s->ready |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		s->ready |= CURL_CSELECT_OUT;
	loop_ready(s->of->loop, &s->of->drive);
}

static void
socket_free(struct curl_socket *s)
{
	if (s->ready)
		TAILQ_REMOVE(&s->of->ready, s, link);
	event_free(s->event);
	free(s);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
	struct curl_loop *c = arg;
	struct curl_socket *s = socketp;
	short wanted = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			socket_free(s);
		return 0;
	}
	if (what & CURL_POLL_IN)
		wanted |= EV_READ;
	if (what & CURL_POLL_OUT)
		wanted |= EV_WRITE;
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->of = c;
		s->fd = fd;
		s->event =
		    event_new(loop_base(c->loop), fd, wanted, on_ready, s);
		curl_multi_assign(c->multi, fd, s);
	} else {
		event_del(s->event);
		event_assign(s->event, loop_base(c->loop), fd, wanted, on_ready,
		    s);
	}
	event_add(s->event, NULL);
	return 0;
}

static void
be_due(struct curl_loop *c)
{
	c->is_due = true;
	loop_ready(c->loop, &c->drive);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct curl_loop *c = arg;

	(void)multi;
	if (timeout_ms < 0) {
		timer_clear(c->loop, &c->timer);
	} else if (timeout_ms == 0) {
		be_due(c);
	} else {
		/* One more, as both clocks round down: coming a moment early
		 * libcurl would find nothing to do and not ask again. */
		timer_set(c->loop, &c->timer,
		    clock_us() / 1000 + timeout_ms + 1);
	}
	return 0;
}

static void
fire(void *arg)
{
	be_due(arg);
}

static void
drive(void *arg)
{
	struct curl_loop *c = arg;
	struct curl_socket *s;
	CURLMsg *m;
	int running, left;

	while ((s = TAILQ_FIRST(&c->ready))) {
		int bits = s->ready;

		TAILQ_REMOVE(&c->ready, s, link);
		s->ready = 0;
		curl_multi_socket_action(c->multi, s->fd, bits, &running);
	}
	if (c->is_due) {
		c->is_due = false;
		curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0,
		    &running);
	}
	/* Whoever is told may remove other jobs; libcurl drops their messages
	 * then, so that each is looked up afresh. */
	while ((m = curl_multi_info_read(c->multi, &left))) {
		struct curl_job *job = NULL;
		CURLcode code = m->data.result;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &job);
		assert(job);
		job->done(job->arg, code);
	}
}

enum err
curl_loop_new(struct loop *l, struct curl_loop **out, struct why *out_why)
{
	struct curl_loop *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->multi = curl_multi_init();
	if (!c->multi) {
		free(c);
		return why_set(out_why, ERR_IO, "libcurl",
		    "libcurl could not be started");
	}
	TAILQ_INIT(&c->ready);
	timer_init(&c->timer, fire, c);
	task_init(&c->drive, drive, c);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	/* To libcurl a connection made for us is idle, and it would close the
	 * oldest of them when there are more than this. */
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 1000000L);
	*out = c;
	return OK;
}

void
curl_loop_free(struct curl_loop *c)
{
	if (!c)
		return;
	curl_multi_cleanup(c->multi);
	timer_clear(c->loop, &c->timer);
	loop_unready(c->loop, &c->drive);
	free(c);
}

enum err
curl_loop_add(struct curl_loop *c, struct curl_job *job)
{
	curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job);
	if (curl_multi_add_handle(c->multi, job->easy) != CURLM_OK)
		return ERR_IO;
	be_due(c);
	return OK;
}

void
curl_loop_remove(struct curl_loop *c, struct curl_job *job)
{
	curl_multi_remove_handle(c->multi, job->easy);
}
