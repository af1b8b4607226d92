/* SPDX-License-Identifier: MIT */
/* drain.c - taking no more requests, by command.  The end itself is main's: it
 * is asked for with the signal that everybody else would send. */
#include "relayd/drain.h"

#include <signal.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/conn.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"

#define LOOK_MS 50

struct drain {
	struct daemon *d;
	struct timer look;
	int64_t since_wall_ms; /* 0: not asked for */
	int64_t until_ms;
	bool leaves;
};

static void
on_look(void *arg)
{
	struct drain *r = arg;
	struct daemon *d = r->d;

	if (!d->counters.requests_now || loop_ms(d->loop) >= r->until_ms) {
		r->leaves = true;
		raise(SIGTERM);
		return;
	}
	timer_set(d->loop, &r->look, loop_ms(d->loop) + LOOK_MS);
}

static enum err
check_not_leaving(const struct drain *r, struct why *out_why)
{
	if (r->leaves)
		return why_set(out_why, ERR_BUSY, "", "relayd is ending");
	return OK;
}

enum err
drain_begin(struct drain *r, struct why *out_why)
{
	struct daemon *d = r->d;
	struct conn *c, *next;
	enum err e = check_not_leaving(r, out_why);

	if (e)
		return e;
	if (r->since_wall_ms)
		return why_set(out_why, ERR_EXISTS, "",
		    "no more requests are taken already; `drain --undo` takes "
		    "that back");
	r->since_wall_ms = clock_wall_ms();
	r->until_ms = loop_ms(d->loop) + d->settings.drain_max_ms;
	d->draining = true;
	/* Those that idle. */
	for (c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		conn_drain(c);
	}
	/* Not at once: who asked is told so before. */
	timer_set(d->loop, &r->look, loop_ms(d->loop) + LOOK_MS);
	return OK;
}

enum err
drain_undo(struct drain *r, struct why *out_why)
{
	enum err e = check_not_leaving(r, out_why);

	if (e)
		return e;
	if (!r->since_wall_ms)
		return why_set(out_why, ERR_UNKNOWN, "",
		    "requests are taken: there is nothing to undo");
	timer_clear(r->d->loop, &r->look);
	r->since_wall_ms = r->until_ms = 0;
	r->d->draining = false;
	return OK;
}

int64_t
drain_since(const struct drain *r)
{
	return r->since_wall_ms;
}

int64_t
drain_until(const struct drain *r)
{
	return r->until_ms;
}

void
drain_leave(struct drain *r)
{
	r->leaves = true;
	timer_clear(r->d->loop, &r->look);
}

struct drain *
drain_new(struct daemon *d)
{
	struct drain *r = xcalloc(1, sizeof(*r));

	r->d = d;
	timer_init(&r->look, on_look, r);
	return r;
}

void
drain_free(struct drain *r)
{
	if (!r)
		return;
	timer_clear(r->d->loop, &r->look);
	free(r);
}
