/* SPDX-License-Identifier: MIT */
/* notices.c - the telling of notices.
 *
 * A channel tells one at a time.  After a failure it rests, longer each time,
 * so that a receiver that is down is asked once in a while and not once for
 * each notice.  The store follows behind: one job at a time takes over what
 * has changed, and what changes meanwhile waits for the next one. */
#include "relayd/notices.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/mem.h"
#include "proto/ulid.h"

#include "store/store.h"

#include "relayd/delivery.h"
#include "relayd/log.h"

/* Changes that one job of the store takes. */
#define FLUSH_MAX 64
/* A store that failed is tried again after that. */
#define FLUSH_AGAIN_MS 5000
/* The wall clock may be set: look at least so often. */
#define LOOK_MAX_MS 60000
/* A receiver may ask for less than its wish to be left alone is honoured. */
#define ASKED_MAX_MS INT64_C(3600000)

/* --- the store ------------------------------------------------------------- */

struct flush {
	struct job job;
	struct notices *notices; /* NULL: nobody waits for it */
	unsigned count;
	struct {
		uint64_t number;
		char *record; /* NULL: to be deleted */
		size_t len;
	} changes[FLUSH_MAX];
};

static void
key_of(uint64_t number, char out[8])
{
	for (int i = 7; i >= 0; i--) {
		out[i] = (char)(number & 0xff);
		number >>= 8;
	}
}

static enum err
flush_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct flush *f = (struct flush *)j;
	enum err e = OK;

	for (unsigned i = 0; !e && i < f->count; i++) {
		char key[8];

		key_of(f->changes[i].number, key);
		if (f->changes[i].record)
			e = txn_put(t, TABLE_notice, str_at(key, 8),
			    str_at(f->changes[i].record, f->changes[i].len));
		else
			e = txn_del(t, TABLE_notice, str_at(key, 8));
		if (e == ERR_UNKNOWN)
			e = OK;
	}
	if (e)
		return why_set(out_why, e, "notice",
		    "the queue of notices cannot be written: %s", err_text(e));
	return OK;
}

static void
flush_done(struct job *j)
{
	struct flush *f = (struct flush *)j;
	struct notices *n = f->notices;

	if (n) {
		n->flush = NULL;
		if (j->result) {
			log_note(LOG_ERROR, "notice", "%s", j->why.text);
			notice_queue_unsure(&n->queue);
			timer_set(n->loop, &n->write_again,
			    loop_ms(n->loop) + FLUSH_AGAIN_MS);
		} else {
			loop_ready(n->loop, &n->write);
		}
	}
	for (unsigned i = 0; i < f->count; i++)
		free(f->changes[i].record);
	free(f);
}

/* As many changes as fit; NULL: there are none. */
static struct flush *
flush_new(struct notices *n)
{
	struct flush *f = xcalloc(1, sizeof(*f));
	struct buf record;

	buf_init(&record, NOTICE_RECORD_MAX);
	while (f->count < FLUSH_MAX &&
	    notice_queue_flush(&n->queue, &f->changes[f->count].number,
		&record)) {
		if (buf_len(&record))
			f->changes[f->count].record =
			    buf_take(&record, &f->changes[f->count].len);
		f->count++;
	}
	buf_fini(&record);
	if (!f->count) {
		free(f);
		return NULL;
	}
	f->job = (struct job){ .work = flush_work, .done = flush_done };
	return f;
}

static void
write_changes(void *arg)
{
	struct notices *n = arg;

	if (n->flush || !n->store || n->write_again.at_ms)
		return;
	n->flush = flush_new(n);
	if (!n->flush)
		return;
	n->flush->notices = n;
	store_post(n->store, LANE_WRITE, &n->flush->job);
}

static void
fire_write(void *arg)
{
	struct notices *n = arg;

	loop_ready(n->loop, &n->write);
}

static void
fire_look(void *arg)
{
	struct notices *n = arg;

	loop_ready(n->loop, &n->look);
}

static void
changed(struct notices *n)
{
	loop_ready(n->loop, &n->write);
	loop_ready(n->loop, &n->look);
}

struct load {
	struct job job;
	struct notices *notices;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	uint64_t number = 0;

	for (size_t i = 0; i < key.len; i++)
		number = number << 8 | (unsigned char)key.at[i];
	/* A notice that is damaged is not worth a daemon that does not start. */
	if (key.len != 8 ||
	    notice_queue_load(&l->notices->queue, number, value))
		log_note(LOG_WARN, "notice",
		    "a notice that was to be told cannot be read");
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;

	(void)out_why;
	return txn_scan(t, TABLE_notice, STR(""), false, load_one, l);
}

enum err
notices_load(struct notices *n, struct store *s, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .notices = n };
	enum err e;

	n->store = s;
	channels_init(&n->channels, s);
	e = channels_load(&n->channels, out_why);
	if (e)
		return e;
	e = store_now(s, LANE_READ, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- what came of it ------------------------------------------------------- */

static void
note_error(struct channel *c, int64_t wall_ms, const struct delivered *d)
{
	if (d->status && !c->messenger->is_mail)
		snprintf(c->error, sizeof(c->error), "%u: %s", d->status,
		    d->text);
	else
		snprintf(c->error, sizeof(c->error), "%s", d->text);
	c->error_at_ms = wall_ms;
}

static void
was_told(struct notices *n, struct channel *c, struct notice_entry *e,
    int64_t wall_ms)
{
	c->sent++;
	c->sent_at_ms = wall_ms;
	c->failures = 0;
	c->rest_until_ms = 0;
	log_note(LOG_INFO, "notice", "%.*s was told at %.*s",
	    STR_ARG(e->rec.id), STR_ARG(c->rec.name));
	notice_queue_remove(&n->queue, e);
}

static void
was_refused(struct notices *n, struct channel *c, struct notice_entry *e,
    int64_t wall_ms)
{
	c->failed++;
	log_note(LOG_WARN, "notice", "%.*s was refused by %.*s: %s",
	    STR_ARG(e->rec.id), STR_ARG(c->rec.name), c->error);
	e->rec.attempts++;
	notice_queue_fail(&n->queue, e, wall_ms, c->error);
}

static void
try_later(struct notices *n, struct channel *c, struct notice_entry *e,
    int64_t wall_ms, const struct delivered *d)
{
	int64_t wait_ms = notice_wait_ms(++c->failures, randombytes_random());

	if (d->wait_ms > wait_ms)
		wait_ms = d->wait_ms < ASKED_MAX_MS ? d->wait_ms : ASKED_MAX_MS;
	log_note(LOG_WARN, "notice",
	    "%.*s could not be told at %.*s, again in %lld s: %s",
	    STR_ARG(e->rec.id), STR_ARG(c->rec.name),
	    (long long)(wait_ms / 1000), c->error);
	c->rest_until_ms = wall_ms + wait_ms;
	/* Somebody who answers and does not want this one may want others. */
	e->refusals += d->heard && d->status != 429;
	notice_queue_later(&n->queue, e, c->rest_until_ms, c->error);
	c->failed +=
	    notice_queue_expire(&n->queue, c->rec.name, wall_ms, c->error);
}

static void
on_delivered(void *arg, const struct delivered *d)
{
	struct channel *c = arg;
	struct notices *n = c->notices;
	struct notice_entry *e = c->going;
	int64_t wall_ms = clock_wall_ms();

	c->delivery = NULL;
	c->going = NULL;
	e->is_going = false;
	if (d->how != DELIVERED)
		note_error(c, wall_ms, d);
	if (d->how == DELIVERED)
		was_told(n, c, e, wall_ms);
	else if (d->how == DELIVERY_REFUSED)
		was_refused(n, c, e, wall_ms);
	else
		try_later(n, c, e, wall_ms, d);
	changed(n);
}

/* --- telling --------------------------------------------------------------- */

static enum notice_event
event_of(const struct notice_entry *e)
{
	for (int i = 0; i < NOTICE_EVENTS; i++)
		if (str_eq(e->rec.event,
			str_of(notice_row((enum notice_event)i)->name)))
			return (enum notice_event)i;
	return NOTICE_EVENTS;
}

static void
tell(struct notices *n, struct channel *c, struct notice_entry *e)
{
	char id[ULID_TEXT + 1];
	struct notice notice = { .id = id,
		.event = event_of(e),
		.object = e->rec.object,
		.text = e->rec.text,
		.at_ms = (int64_t)e->rec.at,
		.missed = e->rec.missed,
		.attempt = e->rec.attempts + 1,
		.host = n->host };

	snprintf(id, sizeof(id), "%.*s", STR_ARG(e->rec.id));
	c->going = e;
	e->is_going = true;
	c->delivery = delivery_start(n->dialer, c, &notice, on_delivered, c);
}

static int64_t
sooner(int64_t a_ms, int64_t b_ms)
{
	return !a_ms || (b_ms && b_ms < a_ms) ? b_ms : a_ms;
}

/* Tell what is due at a channel; returns when there may be more, 0: unknown. */
static int64_t
look_at(struct notices *n, struct channel *c, int64_t wall_ms)
{
	struct notice_entry *e;
	int64_t next_ms, quiet_ms = 0;
	bool is_quiet = quiet_at(&c->quiet, wall_ms, &quiet_ms);

	if (c->delivery || c->rec.held)
		return 0;
	/* A clock that was set back is no reason to rest for ever. */
	if (c->rest_until_ms > wall_ms &&
	    c->rest_until_ms <= wall_ms + 2 * ASKED_MAX_MS)
		return c->rest_until_ms;
	e = notice_queue_pick(&n->queue, c->rec.name, wall_ms, is_quiet,
	    &next_ms);
	/* Events of a later version, after a step back to this one. */
	while (e && event_of(e) == NOTICE_EVENTS) {
		notice_queue_fail(&n->queue, e, wall_ms, "an unknown event");
		loop_ready(n->loop, &n->write);
		e = notice_queue_pick(&n->queue, c->rec.name, wall_ms, is_quiet,
		    &next_ms);
	}
	if (e)
		tell(n, c, e);
	return is_quiet ? sooner(next_ms, quiet_ms) : next_ms;
}

static void
look(void *arg)
{
	struct notices *n = arg;
	int64_t wall_ms = clock_wall_ms(), next_ms = 0, wait_ms;
	struct channel *c;

	if (!n->dialer || !n->queue.waiting)
		return;
	TAILQ_FOREACH (c, &n->channels.list, link)
		next_ms = sooner(next_ms, look_at(n, c, wall_ms));
	if (!next_ms)
		return;
	wait_ms = next_ms - wall_ms;
	if (wait_ms > LOOK_MAX_MS)
		wait_ms = LOOK_MAX_MS;
	timer_set(n->loop, &n->timer, loop_ms(n->loop) + wait_ms + 1);
}

void
notices_queue(struct notices *n, enum notice_event event, struct str object,
    struct str text, uint64_t missed)
{
	uint8_t random[ULID_RANDOM];
	char id[ULID_TEXT + 1];
	struct notice_rec r = { .event = str_of(notice_row(event)->name),
		.object = object,
		.text = text,
		.at = (uint64_t)clock_wall_ms(),
		.missed = missed,
		.error = STR("") };
	struct ulid ulid;
	struct channel *c;

	n->raised[event]++;
	randombytes_buf(random, sizeof(random));
	ulid = ulid_make((int64_t)r.at, random);
	ulid_text(&ulid, id);
	r.id = str_of(id);
	TAILQ_FOREACH (c, &n->channels.list, link) {
		if (!channel_wants(c, event))
			continue;
		r.channel = c->rec.name;
		notice_queue_add(&n->queue, &r);
	}
	changed(n);
}

/* --- channels -------------------------------------------------------------- */

void
notices_channel_changed(struct notices *n, struct channel *c)
{
	c->notices = n;
	c->failures = 0;
	c->rest_until_ms = 0;
	notice_queue_hurry(&n->queue, c->rec.name);
	changed(n);
}

void
notices_channel_gone(struct notices *n, struct channel *c)
{
	delivery_cancel(c->delivery);
	c->delivery = NULL;
	if (c->going)
		c->going->is_going = false;
	c->going = NULL;
	notice_queue_clear(&n->queue, c->rec.name, true);
	changed(n);
}

unsigned
notices_clear(struct notices *n, struct str channel, bool all)
{
	unsigned count = notice_queue_clear(&n->queue, channel, all);

	changed(n);
	return count;
}

bool
notices_have(const struct notices *n, enum notice_event event)
{
	int64_t until_ms, wall_ms = clock_wall_ms();
	const struct notice_entry *e;
	const struct channel *c;

	if (!n || !n->dialer)
		return false;
	TAILQ_FOREACH (e, &n->queue.entries, link) {
		if (e->rec.failed_at || event_of(e) != event)
			continue;
		c = channel_find(&n->channels, e->rec.channel);
		if (c && !strcmp(channel_state(c, wall_ms, &until_ms), "ready"))
			return true;
	}
	return false;
}

/* --- life ------------------------------------------------------------------ */

struct notices *
notices_new(struct loop *l, const struct settings *s)
{
	struct notices *n = xcalloc(1, sizeof(*n));

	n->loop = l;
	n->settings = s;
	repeats_init(&n->repeats, NOTICE_EVENTS);
	channels_init(&n->channels, NULL);
	notice_queue_init(&n->queue);
	task_init(&n->look, look, n);
	task_init(&n->write, write_changes, n);
	timer_init(&n->timer, fire_look, n);
	timer_init(&n->write_again, fire_write, n);
	if (gethostname(n->host, sizeof(n->host) - 1) || !n->host[0])
		snprintf(n->host, sizeof(n->host), "localhost");
	return n;
}

/* A kill may have come between the end of a channel and that of its queue. */
static void
drop_orphans(struct notices *n)
{
	struct notice_entry *e, *next;

	for (e = TAILQ_FIRST(&n->queue.entries); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (!channel_find(&n->channels, e->rec.channel))
			notice_queue_remove(&n->queue, e);
	}
}

void
notices_run(struct notices *n, struct dialer *d)
{
	struct channel *c;

	n->dialer = d;
	drop_orphans(n);
	TAILQ_FOREACH (c, &n->channels.list, link)
		c->notices = n;
	changed(n);
}

void
notices_stop(struct notices *n)
{
	struct channel *c;
	struct flush *f;

	if (!n)
		return;
	n->dialer = NULL;
	TAILQ_FOREACH (c, &n->channels.list, link) {
		delivery_cancel(c->delivery);
		c->delivery = NULL;
		c->going = NULL;
	}
	loop_unready(n->loop, &n->look);
	loop_unready(n->loop, &n->write);
	timer_clear(n->loop, &n->timer);
	timer_clear(n->loop, &n->write_again);
	if (n->flush)
		n->flush->notices = NULL;
	n->flush = NULL;
	/* Nobody waits for these: the store ends when it has done them. */
	while (n->store && (f = flush_new(n)))
		store_post(n->store, LANE_WRITE, &f->job);
	n->store = NULL;
}

void
notices_free(struct notices *n)
{
	if (!n)
		return;
	/* A job that came back late may have asked for them. */
	loop_unready(n->loop, &n->look);
	loop_unready(n->loop, &n->write);
	repeats_fini(&n->repeats);
	notice_queue_fini(&n->queue);
	channels_fini(&n->channels);
	free(n);
}
