/* SPDX-License-Identifier: MIT */
/* why_save.c - stories between the loop and the store: kept in the order in
 * which their requests ended, found by id, pruned.  One job at a time: what
 * waits meanwhile goes with the next one. */
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/setting.h"
#include "relayd/why.h"

/* Rows that one transaction takes away. */
#define PRUNE_MAX 256

struct why_job {
	struct job job;
	struct whys *all;
	struct why_list stories;
	uint64_t before; /* bytes there were */
	uint64_t max;
	int64_t from_ms; /* older ones go; 0: none */
	/* Of the work. */
	uint64_t put, taken;
	size_t count;
	struct ulid gone[PRUNE_MAX];
};

static uint64_t
weight(struct str value)
{
	return sizeof(struct ulid) + value.len;
}

static struct str
key_of(const struct ulid *id)
{
	return str_at((const char *)id->byte, sizeof(id->byte));
}

/* --- the job --------------------------------------------------------------- */

static bool
note_old(void *arg, struct str key, struct str value)
{
	struct why_job *j = arg;
	struct ulid *id = &j->gone[j->count];

	if (key.len != sizeof(id->byte) || j->count == PRUNE_MAX)
		return false;
	memcpy(id->byte, key.at, sizeof(id->byte));
	if (ulid_ms(id) >= j->from_ms &&
	    j->before + j->put - j->taken <= j->max)
		return false;
	j->taken += weight(value);
	return ++j->count < PRUNE_MAX;
}

static enum err
keep_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct why_job *j = (struct why_job *)job;
	struct why_story *s;
	enum err e = OK;

	(void)out_why;
	j->put = j->taken = 0;
	j->count = 0;
	STAILQ_FOREACH(s, &j->stories, link)
	{
		struct str steps = str_at(s->steps, s->len);

		if (!e)
			e = txn_put(t, TABLE_why, key_of(&s->id), steps);
		j->put += weight(steps);
	}
	if (!e)
		e = txn_scan(t, TABLE_why, STR(""), false, note_old, j);
	for (size_t i = 0; !e && i < j->count; i++)
		e = txn_del(t, TABLE_why, key_of(&j->gone[i]));
	return e;
}

static void
list_free(struct why_list *list)
{
	struct why_story *s;

	while ((s = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		free(s);
	}
}

static void write_next(struct whys *w, bool prunes);

static void
keep_done(struct job *job)
{
	struct why_job *j = (struct why_job *)job;
	struct whys *w = j->all;
	bool more = j->count == PRUNE_MAX && !job->result;
	bool closed = job->result == ERR_CLOSED;

	if (w->job == j)
		w->job = NULL;
	if (!job->result)
		w->bytes += j->put - j->taken;
	else if (!closed)
		log_note(LOG_WARN, "why", "stories are not kept: %s",
		    job->why.text);
	list_free(&j->stories);
	free(j);
	if (!closed)
		write_next(w, more);
}

static struct why_job *
make_job(struct whys *w)
{
	struct why_job *j = xcalloc(1, sizeof(*j));
	int64_t keep_ms = w->settings->why_keep_ms;

	j->job = (struct job){ .work = keep_work, .done = keep_done };
	j->all = w;
	j->before = w->bytes;
	j->max = w->settings->why_max_bytes;
	j->from_ms = clock_wall_ms() - keep_ms;
	STAILQ_INIT(&j->stories);
	STAILQ_CONCAT(&j->stories, &w->waiting);
	w->waiting_count = 0;
	return j;
}

static void
write_next(struct whys *w, bool prunes)
{
	if (w->job || (!prunes && !w->waiting_count))
		return;
	w->job = make_job(w);
	store_post(w->store, LANE_WRITE, &w->job->job);
}

void
whys_keep(struct whys *w, const struct ulid *id, struct str steps)
{
	struct why_story *s;

	if (w->waiting_count == WHYS_WAITING_MAX) {
		w->lost++;
		return;
	}
	s = xmalloc(sizeof(*s) + steps.len);
	s->id = *id;
	s->len = steps.len;
	memcpy(s->steps, steps.at, steps.len);
	STAILQ_INSERT_TAIL(&w->waiting, s, link);
	w->waiting_count++;
	write_next(w, false);
}

void
whys_prune(struct whys *w)
{
	if (w->bytes)
		write_next(w, true);
}

/* --- finding --------------------------------------------------------------- */

struct find {
	struct job job;
	struct ulid id;
	struct buf steps;
	why_found *done;
	void *arg;
};

static const struct why_story *
find_in(const struct why_list *list, const struct ulid *id)
{
	const struct why_story *s;

	STAILQ_FOREACH(s, list, link)
	if (!memcmp(&s->id, id, sizeof(*id)))
		return s;
	return NULL;
}

static enum err
find_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct find *f = (struct find *)j;
	struct str steps;
	enum err e = txn_get(t, TABLE_why, key_of(&f->id), &steps);

	(void)out_why;
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	return buf_add(&f->steps, steps);
}

static void
find_done(struct job *j)
{
	struct find *f = (struct find *)j;

	f->done(f->arg, j->result, &j->why, buf_str(&f->steps));
	buf_fini(&f->steps);
	free(f);
}

void
whys_find(struct whys *w, const struct ulid *id, why_found *done, void *arg)
{
	const struct why_story *s = find_in(&w->waiting, id);
	struct find *f;

	if (!s && w->job)
		s = find_in(&w->job->stories, id);
	if (s) {
		done(arg, OK, NULL, str_at(s->steps, s->len));
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->job = (struct job){ .work = find_work, .done = find_done };
	f->id = *id;
	buf_init(&f->steps, 2 * WHY_MAX);
	f->done = done;
	f->arg = arg;
	store_post(w->store, LANE_READ, &f->job);
}

/* --- birth and end --------------------------------------------------------- */

struct load {
	struct job job;
	uint64_t bytes;
};

static bool
weigh_one(void *arg, struct str key, struct str value)
{
	(void)key;
	((struct load *)arg)->bytes += weight(value);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	(void)out_why;
	return txn_scan(t, TABLE_why, STR(""), false, weigh_one, j);
}

enum err
whys_load(struct whys *w, struct why *out_why)
{
	struct load l = { .job = { .work = load_work } };
	enum err e = store_now(w->store, LANE_READ, &l.job);

	if (e && out_why)
		*out_why = l.job.why;
	w->bytes = l.bytes;
	return e;
}

void
whys_init(struct whys *w, struct store *s, const struct settings *set)
{
	*w = (struct whys){ .store = s, .settings = set };
	STAILQ_INIT(&w->waiting);
}

void
whys_stop(struct whys *w)
{
	/* Behind the one under way, if there is one. */
	if (w->waiting_count)
		store_post(w->store, LANE_WRITE, &make_job(w)->job);
}

void
whys_fini(struct whys *w)
{
	list_free(&w->waiting);
}
