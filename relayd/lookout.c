/* SPDX-License-Identifier: MIT */
/* lookout.c - looks now and then whether store, journal and disk are well.
 *
 * The disk is asked by the store's reader, because even statfs(2) waits on a
 * disk that hangs; one question is under way at most. */
#include "relayd/lookout.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/notice.h"

#define LOOK_MS 5000
/* The journal is told of well before requests are refused for it. */
#define JOURNAL_MUCH (LEDGER_FILL_MAX * 2 / 3)
/* A disk with less than this free, and less than 5 %, is nearly full. */
#define DISK_LITTLE_BYTES (UINT64_C(512) * 1024 * 1024)

struct lookout {
	struct job job; /* the question to the disk */
	struct daemon *daemon;
	char *dir;
	struct timer timer;
	uint64_t failures; /* of the store, that were told */
	uint64_t free_bytes, disk_bytes;
	bool asking, stopped;
};

/* --- the disk -------------------------------------------------------------- */

static enum err
disk_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct lookout *o = (struct lookout *)j;
	struct statvfs s;

	(void)t;
	if (statvfs(o->dir, &s))
		return why_set(out_why, ERR_IO, "state_dir",
		    "the state directory cannot be looked at");
	o->free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
	o->disk_bytes = (uint64_t)s.f_blocks * s.f_frsize;
	return OK;
}

static void
disk_done(struct job *j)
{
	struct lookout *o = (struct lookout *)j;

	o->asking = false;
	if (o->stopped)
		return;
	if (j->result == ERR_CLOSED)
		return;
	if (j->result)
		notice_raise(o->daemon->notices, NOTICE_disk_trouble,
		    STR("state_dir"), "%s", j->why.text);
	else if (o->free_bytes < DISK_LITTLE_BYTES &&
	    o->free_bytes < o->disk_bytes / 20)
		notice_raise(o->daemon->notices, NOTICE_disk_trouble,
		    STR("state_dir"), "%llu MiB are left for %s",
		    (unsigned long long)(o->free_bytes >> 20), o->dir);
}

static void
ask_disk(struct lookout *o)
{
	if (o->asking)
		return;
	o->asking = true;
	o->job = (struct job){ .work = disk_work, .done = disk_done };
	store_post(o->daemon->store, LANE_READ, &o->job);
}

/* --- store and journal ----------------------------------------------------- */

static void
look(void *arg)
{
	struct lookout *o = arg;
	struct daemon *d = o->daemon;
	struct store_stats s;
	unsigned fill = ledger_fill(d->ledger);

	store_get_stats(d->store, &s);
	if (s.failures > o->failures) {
		notice_raise(d->notices, NOTICE_store_trouble, STR(""),
		    "%llu transactions were lost and are made again%s%s",
		    (unsigned long long)(s.failures - o->failures),
		    s.trouble.text[0] ? ": " : "", s.trouble.text);
		o->failures = s.failures;
	}
	if (fill >= JOURNAL_MUCH)
		notice_raise(d->notices, NOTICE_journal_filling, STR(""),
		    "it is %u %% full, and above %d %% requests are refused: "
		    "the disk does not keep up",
		    fill, LEDGER_FILL_MAX);
	ask_disk(o);
	timer_set(d->loop, &o->timer, loop_ms(d->loop) + LOOK_MS);
}

struct lookout *
lookout_new(struct daemon *d)
{
	struct lookout *o = xcalloc(1, sizeof(*o));

	o->daemon = d;
	o->dir = xstrdup(d->conf->state_dir);
	timer_init(&o->timer, look, o);
	timer_set(d->loop, &o->timer, loop_ms(d->loop) + LOOK_MS);
	return o;
}

void
lookout_stop(struct lookout *o)
{
	if (!o)
		return;
	o->stopped = true;
	timer_clear(o->daemon->loop, &o->timer);
}

void
lookout_free(struct lookout *o)
{
	if (!o)
		return;
	free(o->dir);
	free(o);
}
