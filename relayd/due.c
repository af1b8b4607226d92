/* SPDX-License-Identifier: MIT */
/* due.c - what happens to accounts by the clock.
 *
 * Owns one timer, set for the next thing that is due, and looks after a minute
 * at the latest: the wall clock can be set. */
#include "relayd/due.h"

#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/audit.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notice.h"

#define LOOK_MS 60000
/* After a store that did not take a release. */
#define AGAIN_MS 5000

struct due {
	struct daemon *daemon;
	struct timer timer;
	bool stopped;
};

static void
on_released(void *arg, enum err e, const struct why *why, struct account *a)
{
	struct due *u = arg;

	if (u->stopped)
		return;
	/* ERR_STALE: somebody has changed it meanwhile, and it is looked at
	 * again because of that. */
	if (e && e != ERR_STALE && e != ERR_UNKNOWN) {
		log_note(LOG_ERROR, "due", "a hold has ended, but stays: %s",
		    why->text);
		timer_set(u->daemon->loop, &u->timer,
		    loop_ms(u->daemon->loop) + AGAIN_MS);
	}
	if (a)
		notice_raise(u->daemon->notices, NOTICE_account_released,
		    a->rec.name, "by relayd: the time of its hold is over");
}

static void
release(struct due *u, const struct account *a)
{
	const struct audit_who who = {
		.uid = getuid(), .pid = getpid(), .method = "account_release"
	};
	struct account_rec r = a->rec;

	r.held = false;
	r.held_reason = r.held_by = STR("");
	r.held_at = r.held_until = 0;
	account_save(u->daemon->pool, &r, NULL, true, a->rec.rev, &who,
	    on_released, u);
}

static void
note_next(int64_t *io_next, uint64_t at_wall_ms, int64_t now_wall_ms)
{
	int64_t in_ms = (int64_t)at_wall_ms - now_wall_ms;

	if (in_ms > 0 && in_ms < *io_next)
		*io_next = in_ms;
}

static void
look(void *arg)
{
	struct due *u = arg;
	int64_t now = clock_wall_ms(), next = LOOK_MS;
	struct account *a;

	TAILQ_FOREACH (a, &u->daemon->pool->accounts, link) {
		bool is_over = a->rec.ends_at && (int64_t)a->rec.ends_at <= now;

		if (is_over && !a->is_expired)
			log_note(LOG_INFO, "due", "account %.*s has expired",
			    STR_ARG(a->rec.name));
		a->is_expired = is_over;
		note_next(&next, a->rec.ends_at, now);
		if (!a->rec.held || !a->rec.held_until)
			continue;
		if ((int64_t)a->rec.held_until <= now)
			release(u, a);
		note_next(&next, a->rec.held_until, now);
	}
	timer_set(u->daemon->loop, &u->timer, loop_ms(u->daemon->loop) + next);
}

/* A record has changed: what it says is looked at when this turn is over. */
static void
on_changed(void *arg)
{
	struct due *u = arg;

	timer_set(u->daemon->loop, &u->timer, loop_ms(u->daemon->loop));
}

struct due *
due_new(struct daemon *d)
{
	struct due *u = xcalloc(1, sizeof(*u));

	u->daemon = d;
	timer_init(&u->timer, look, u);
	d->pool->on_changed = on_changed;
	d->pool->on_changed_arg = u;
	look(u);
	return u;
}

void
due_stop(struct due *u)
{
	if (!u)
		return;
	u->stopped = true;
	u->daemon->pool->on_changed = NULL;
	timer_clear(u->daemon->loop, &u->timer);
}

void
due_free(struct due *u)
{
	free(u);
}
