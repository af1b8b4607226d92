/* SPDX-License-Identifier: MIT */
/* follow.c - subscriptions of screens to what happens in the daemon. */
#include "relay-tui/follow.h"

#include <stdlib.h>

#include "proto/mem.h"

struct following {
	TAILQ_ENTRY(following) link;
	struct app *app;
	struct view *view; /* NULL: it is closed */
	calls_event *event;
	int64_t sub; /* 0: it is being asked for */
};

static void
drop(struct following *f)
{
	TAILQ_REMOVE(&f->app->following, f, link);
	free(f);
}

static void
take_stopped(void *owner, void *user, const struct ctl_frame *f)
{
	(void)owner;
	(void)user;
	(void)f;
}

static void
stop(struct app *a, int64_t sub)
{
	json_say_i64(calls_begin(a->calls, CTL_M_event_stop), "sub", sub);
	/* Without a connection there is no subscription either. */
	(void)!calls_send(a->calls, a, take_stopped, NULL, a->now_ms);
}

static void
take_sub(void *owner, void *user, const struct ctl_frame *f)
{
	struct following *g = user;
	struct app *a = owner;

	if (f->kind == CTL_ERROR ||
	    json_may_i64(f->data, "sub", 1, INT64_MAX, &g->sub, NULL) ||
	    !g->sub) {
		drop(g);
		return;
	}
	if (!g->view) {
		stop(a, g->sub);
		drop(g);
		return;
	}
	calls_follow(a->calls, g->view, g->sub, g->event, NULL);
}

static struct following *
find(const struct app *a, const struct view *v)
{
	struct following *f;

	TAILQ_FOREACH (f, &a->following, link)
		if (f->view == v)
			return f;
	return NULL;
}

bool
follow_is_on(const struct app *a, const struct view *v)
{
	const struct following *f = find(a, v);

	return f && f->sub;
}

void
follow_begin(struct app *a, struct view *v, const char *topics,
    calls_event *event)
{
	struct following *f;

	if (find(a, v))
		return;
	f = xcalloc(1, sizeof(*f));
	*f = (struct following){ .app = a, .view = v, .event = event };
	TAILQ_INSERT_TAIL(&a->following, f, link);
	json_say(calls_begin(a->calls, CTL_M_event_follow), "topic",
	    str_of(topics));
	if (calls_send(a->calls, a, take_sub, f, a->now_ms))
		drop(f);
}

void
follow_end(struct app *a, const struct view *v)
{
	struct following *f = find(a, v);

	if (!f)
		return;
	f->view = NULL;
	if (!f->sub)
		return; /* its answer will find that out */
	stop(a, f->sub);
	drop(f);
}

void
follow_lost(struct app *a)
{
	struct following *f;

	while ((f = TAILQ_FIRST(&a->following))) {
		TAILQ_REMOVE(&a->following, f, link);
		free(f);
	}
}
