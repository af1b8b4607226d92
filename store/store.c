/* SPDX-License-Identifier: MIT */
/* store.c - the service: two threads, their queues, and what comes back.
 *
 * Each thread sleeps on a condition of its own.  The writer takes everything
 * that waits into one transaction, so the fsync is shared:
 *
 *	parent [ child: fold | child: job | child: job, fails, is aborted | ... ]
 *	  commit + fsync -> settled(), completions
 *
 * After a commit was lost the feed rests for a while and jobs go alone: one
 * of them may be the very deletion that makes room. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/identity.h"
#include "store/migrate.h"
#include "store/seal.h"
#include "store/statedir.h"
#include "store/verify.h"

#define KEY_MAX	      511
#define ARENA_DEFAULT ((size_t)1 << 20)
#define GATHER_NS     (10 * 1000000)
#define REST_NS	      (250 * 1000000)
#define NEVER	      INT64_MAX

struct queue {
	struct job *first, **tail;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue jobs; /* under the lock, as is stop */
	bool stop;
};

struct store {
	const struct store_ops *ops;
	void *db;
	struct statedir dir;
	int event_fd;
	uint64_t waiting; /* the loop's: posted and not yet collected */
	struct seal *seal;
	struct arena *arena;
	struct worker workers[2]; /* by lane */
	unsigned running;	  /* how many threads of them */

	struct store_feed feed;
	bool has_feed;
	atomic_bool poked;

	pthread_mutex_t done_lock;
	struct queue done; /* under it, as are the numbers */
	struct store_stats stats;
};

struct txn {
	struct store *s;
	void *inner; /* the backend's */
	bool write, scanning;
	enum err failed; /* the first error of the storage itself */
};

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- queues ---------------------------------------------------------------- */

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->tail = &q->first;
}

static void
queue_add(struct queue *q, struct job *j)
{
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
}

static void
queue_move(struct queue *to, struct queue *from)
{
	if (!from->first)
		return;
	*to->tail = from->first;
	to->tail = from->tail;
	queue_init(from);
}

/* Hand jobs back to the loop. */
static void
complete(struct store *s, struct queue *jobs)
{
	const uint64_t one = 1;
	bool was_empty;

	if (!jobs->first)
		return;
	pthread_mutex_lock(&s->done_lock);
	was_empty = !s->done.first;
	queue_move(&s->done, jobs);
	pthread_mutex_unlock(&s->done_lock);
	if (was_empty && write(s->event_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

/* --- inside a job ---------------------------------------------------------- */

/* A job that goes on after the storage failed must not look like a success. */
static enum err
latch(struct txn *t, enum err e)
{
	if (!t->failed && (e == ERR_FULL || e == ERR_IO || e == ERR_CORRUPT))
		t->failed = e;
	return e;
}

enum err
txn_get(struct txn *t, enum table table, struct str key, struct str *out_value)
{
	if (key.len == 0 || key.len > KEY_MAX)
		return ERR_UNKNOWN;
	return latch(t, t->s->ops->get(t->inner, table, key, out_value));
}

enum err
txn_put(struct txn *t, enum table table, struct str key, struct str value)
{
	assert(t->write && !t->scanning);
	if (key.len == 0 || key.len > KEY_MAX)
		return ERR_VALUE;
	return latch(t, t->s->ops->put(t->inner, table, key, value));
}

enum err
txn_del(struct txn *t, enum table table, struct str key)
{
	assert(t->write && !t->scanning);
	if (key.len == 0 || key.len > KEY_MAX)
		return ERR_UNKNOWN;
	return latch(t, t->s->ops->del(t->inner, table, key));
}

enum err
txn_scan(struct txn *t, enum table table, struct str from, bool backwards,
    store_scan_fn *fn, void *arg)
{
	bool outer = t->scanning;
	enum err e;

	t->scanning = true;
	e = latch(t,
	    t->s->ops->scan(t->inner, table, from, backwards, fn, arg));
	t->scanning = outer;
	return e;
}

struct seal *
txn_seal(struct txn *t)
{
	assert(t->write);
	return t->s->seal;
}

struct arena *
txn_arena(struct txn *t)
{
	assert(t->write);
	return t->s->arena;
}

/* Run the work in a transaction of its own: a child when there is a parent. */
static enum err
run_work(struct store *s, void *parent, bool write, struct job *j)
{
	struct txn t = { .s = s, .write = write };
	enum err e;

	j->why = (struct why){ 0 };
	e = s->ops->begin(s->db, parent, write, &t.inner, &j->why);
	if (e)
		return e;
	e = j->work(j, &t, &j->why);
	if (!e && t.failed)
		e = why_set(&j->why, t.failed, "store", "%s",
		    err_text(t.failed));
	if (e) {
		s->ops->abort(t.inner);
		if (!j->why.text[0])
			why_set(&j->why, e, j->why.field, "%s", err_text(e));
		return e;
	}
	return s->ops->commit(t.inner, &j->why);
}

/* --- the writer ------------------------------------------------------------ */

/* The feed's part of a batch, in the shape of a job. */
struct fold {
	struct job job;
	const struct store_feed *feed;
};

static enum err
fold_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct fold *f = (struct fold *)j;

	return f->feed->fold(f->feed->arg, t, out_why);
}

static void
count_batch(struct store *s, int64_t began_ns, uint64_t jobs, bool ok,
    const struct why *why)
{
	uint64_t took_ns = (uint64_t)(clock_ns() - began_ns);
	uint64_t used, size;

	s->ops->space(s->db, &used, &size);
	pthread_mutex_lock(&s->done_lock);
	s->stats.jobs += jobs;
	s->stats.busy_ns += took_ns;
	s->stats.used_bytes = used;
	s->stats.map_bytes = size;
	if (ok) {
		s->stats.commits++;
		s->stats.commit_ns_last = took_ns;
		histogram_add(&s->stats.commit_took, (int64_t)(took_ns / 1000));
		if (took_ns > s->stats.commit_ns_max)
			s->stats.commit_ns_max = took_ns;
	} else {
		s->stats.failures++;
		s->stats.trouble = *why;
	}
	pthread_mutex_unlock(&s->done_lock);
}

static bool
feed_waits(struct store *s)
{
	return s->has_feed && s->feed.waiting(s->feed.arg);
}

static void
trouble_over(struct store *s)
{
	pthread_mutex_lock(&s->done_lock);
	s->stats.trouble = (struct why){ .text = "" };
	pthread_mutex_unlock(&s->done_lock);
}

/* The transaction of these jobs was lost.  What failed by itself keeps its own
 * reason. */
static void
fail_jobs(struct queue *jobs, enum err e, const struct why *why)
{
	for (struct job *j = jobs->first; j; j = j->next) {
		if (j->result)
			continue;
		j->result = e;
		j->why = *why;
	}
}

/* All jobs, and the feed when `fold`, in one transaction.  Returns false when
 * the storage lost something: the commit, or the fold. */
static bool
run_batch(struct store *s, struct queue *jobs, bool fold)
{
	struct fold f = { .job.work = fold_work, .feed = &s->feed };
	int64_t began_ns = clock_ns();
	struct why why = { 0 };
	uint64_t count = 0;
	void *parent;
	enum err e = s->ops->begin(s->db, NULL, true, &parent, &why);
	bool ok;

	if (!e) {
		if (fold)
			f.job.result = run_work(s, parent, true, &f.job);
		for (struct job *j = jobs->first; j; j = j->next, count++)
			j->result = run_work(s, parent, true, j);
		e = s->ops->commit(parent, &why);
	}
	if (e)
		fail_jobs(jobs, e, &why);
	ok = !e && !f.job.result;
	/* Jobs that found room alone do not show that the feed would. */
	if (ok && (fold || !feed_waits(s)))
		trouble_over(s);
	if (fold)
		s->feed.settled(s->feed.arg, ok);
	count_batch(s, began_ns, count, ok, e ? &why : &f.job.why);
	complete(s, jobs);
	return ok;
}

/* Sleep until the moment, or until woken.  With the lock held. */
static void
sleep_until(struct worker *w, int64_t at_ns)
{
	struct timespec ts = { .tv_sec = at_ns / 1000000000,
		.tv_nsec = at_ns % 1000000000 };

	if (at_ns == NEVER)
		pthread_cond_wait(&w->wake, &w->lock);
	else
		pthread_cond_timedwait(&w->wake, &w->lock, &ts);
}

/* Wait for jobs, for the end, or for the moment *io_fold_at_ns, which a poke
 * sets when nothing else has; take all jobs.  Returns whether it is the end. */
static bool
writer_wait(struct store *s, int64_t *io_fold_at_ns, struct queue *out_jobs)
{
	struct worker *w = &s->workers[LANE_WRITE];
	bool stop;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		if (*io_fold_at_ns == NEVER && atomic_load(&s->poked))
			*io_fold_at_ns = clock_ns() + GATHER_NS;
		if (w->jobs.first || w->stop || *io_fold_at_ns <= clock_ns())
			break;
		sleep_until(w, *io_fold_at_ns);
	}
	queue_move(out_jobs, &w->jobs);
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

/* From within: naming another thread would need /proc. */
static void
name_self(const char *name)
{
	(void)pthread_setname_np(pthread_self(), name);
}

static void *
writer_main(void *arg)
{
	struct store *s = arg;
	int64_t fold_at_ns = feed_waits(s) ? 0 : NEVER;
	bool resting = false;

	name_self("store-writer");
	for (;;) {
		struct queue jobs;
		bool fold = false, ok = true, stop;

		queue_init(&jobs);
		stop = writer_wait(s, &fold_at_ns, &jobs);
		if (!resting || stop || fold_at_ns <= clock_ns()) {
			/* Cleared first: what is fed from here on pokes. */
			atomic_exchange(&s->poked, false);
			fold_at_ns = NEVER;
			resting = false;
			fold = feed_waits(s);
		}
		if (jobs.first || fold)
			ok = run_batch(s, &jobs, fold);
		if (fold && !ok) {
			resting = true;
			fold_at_ns = clock_ns() + REST_NS;
		} else if (fold && feed_waits(s) && !atomic_load(&s->poked)) {
			fold_at_ns = 0;
		}
		/* What could not be folded now stays where it came from. */
		if (stop && (!fold || !ok))
			return NULL;
	}
}

/* --- the reader ------------------------------------------------------------ */

static void *
reader_main(void *arg)
{
	struct store *s = arg;
	struct worker *w = &s->workers[LANE_READ];

	name_self("store-reader");
	for (;;) {
		struct queue one;
		struct job *j;

		pthread_mutex_lock(&w->lock);
		while (!w->jobs.first && !w->stop)
			pthread_cond_wait(&w->wake, &w->lock);
		j = w->jobs.first;
		if (!j) {
			pthread_mutex_unlock(&w->lock);
			return NULL;
		}
		w->jobs.first = j->next;
		if (!j->next)
			w->jobs.tail = &w->jobs.first;
		pthread_mutex_unlock(&w->lock);

		j->result = run_work(s, NULL, false, j);
		queue_init(&one);
		queue_add(&one, j);
		complete(s, &one);
	}
}

/* --- opening --------------------------------------------------------------- */

/* The steps of opening, in the shape of jobs. */
struct opening {
	struct job job;
	struct seal *seal;
	bool is_fresh;
};

static enum err
look_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct opening *o = (struct opening *)j;

	return identity_look(t, &o->is_fresh, out_why);
}

static enum err
check_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct opening *o = (struct opening *)j;

	return identity_check(t, o->seal, out_why);
}

static enum err
schema_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct opening *o = (struct opening *)j;
	enum err e = o->is_fresh ? identity_write(t, o->seal, out_why) : OK;

	return e ? e : migrate_run(t, &migrations, out_why);
}

/* Everything that can refuse comes before anything that writes. */
static enum err
prepare(struct store *s, const struct store_conf *conf, struct why *out_why)
{
	struct opening o = { .job.work = look_work };
	enum err e = store_now(s, LANE_READ, &o.job);

	if (e)
		goto out;
	e = seal_new(conf->dir, conf->key_file, o.is_fresh, &s->seal,
	    &o.job.why);
	if (e)
		goto out;
	o.seal = s->seal;
	if (!o.is_fresh) {
		o.job.work = check_work;
		e = store_now(s, LANE_READ, &o.job);
		if (e)
			goto out;
	}
	o.job.work = schema_work;
	e = store_now(s, LANE_WRITE, &o.job);
	if (!e && o.is_fresh)
		e = statedir_sync(conf->dir, &o.job.why);
out:
	if (e && out_why)
		*out_why = o.job.why;
	return e;
}

static void
worker_init(struct worker *w)
{
	pthread_condattr_t attr;

	queue_init(&w->jobs);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
}

enum err
store_open(const struct store_conf *conf, struct store **out,
    struct why *out_why)
{
	struct store *s = xcalloc(1, sizeof(*s));
	enum err e;

	s->ops = conf->ops;
	s->dir.lock_fd = s->event_fd = -1;
	worker_init(&s->workers[LANE_WRITE]);
	worker_init(&s->workers[LANE_READ]);
	pthread_mutex_init(&s->done_lock, NULL);
	queue_init(&s->done);
	/* Before anything is made that would then be left behind. */
	e = seal_try(conf->dir, conf->key_file, out_why);
	if (!e)
		e = statedir_lock(conf->dir, &s->dir, out_why);
	if (e)
		goto out_close;
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event_fd < 0) {
		e = why_set(out_why, ERR_LIMIT, "store",
		    "no descriptor left for the store");
		goto out_close;
	}
	e = arena_new(conf->arena_size ? conf->arena_size : ARENA_DEFAULT,
	    &s->arena, out_why);
	if (e)
		goto out_close;
	if (s->dir.is_suspect) {
		e = verify_store(s->ops, conf->dir, conf->map_size, out_why);
		if (e)
			goto out_close;
		statedir_trust(&s->dir);
	}
	e = s->ops->open(conf->dir, conf->map_size, &s->db, out_why);
	if (e)
		goto out_close;
	e = prepare(s, conf, out_why);
	if (e)
		goto out_close;
	*out = s;
	return OK;

out_close:
	store_close(s);
	return e;
}

enum err
store_now(struct store *s, enum lane lane, struct job *j)
{
	int64_t began_ns = clock_ns();

	assert(s->running == 0);
	j->result = run_work(s, NULL, lane == LANE_WRITE, j);
	if (lane == LANE_WRITE)
		count_batch(s, began_ns, 1, j->result == OK, &j->why);
	return j->result;
}

void
store_set_feed(struct store *s, const struct store_feed *feed)
{
	assert(s->running == 0);
	s->feed = *feed;
	s->has_feed = true;
}

enum err
store_start(struct store *s, struct why *out_why)
{
	static void *(*const mains[])(void *) = {
		[LANE_WRITE] = writer_main,
		[LANE_READ] = reader_main,
	};
	sigset_t all, before;
	int rc = 0;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; s->running < 2; s->running++) {
		struct worker *w = &s->workers[s->running];

		rc = pthread_create(&w->thread, NULL, mains[s->running], s);
		if (rc)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return why_set(out_why, ERR_LIMIT, "store",
		    "cannot start the store's threads: %s", strerror(rc));
	return OK;
}

/* --- from the loop --------------------------------------------------------- */

int
store_fd(const struct store *s)
{
	return s->event_fd;
}

void
store_post(struct store *s, enum lane lane, struct job *take_job)
{
	struct worker *w = &s->workers[lane];
	struct queue refused;

	queue_init(&refused);
	take_job->result = OK;
	s->waiting++;
	pthread_mutex_lock(&w->lock);
	if (w->stop) {
		take_job->result = why_set(&take_job->why, ERR_CLOSED, "store",
		    "the store is being closed");
		queue_add(&refused, take_job);
	} else {
		queue_add(&w->jobs, take_job);
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	complete(s, &refused);
}

unsigned
store_collect(struct store *s)
{
	struct queue taken;
	struct job *j;
	uint64_t ignored;
	unsigned count = 0;

	/* Read before taking: what comes in between wakes us once too often,
	 * never once too seldom. */
	if (read(s->event_fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN);
	queue_init(&taken);
	pthread_mutex_lock(&s->done_lock);
	queue_move(&taken, &s->done);
	pthread_mutex_unlock(&s->done_lock);
	while ((j = taken.first)) {
		taken.first = j->next;
		s->waiting--;
		j->done(j);
		count++;
	}
	return count;
}

void
store_poke(struct store *s)
{
	struct worker *w = &s->workers[LANE_WRITE];

	/* An exchange, not a look: it orders what was fed before it against
	 * the writer's clearing, so one of the two sees the other. */
	if (atomic_exchange(&s->poked, true))
		return;
	pthread_mutex_lock(&w->lock);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void
store_get_stats(struct store *s, struct store_stats *out)
{
	pthread_mutex_lock(&s->done_lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->done_lock);
	out->waiting = s->waiting;
}

/* --- closing --------------------------------------------------------------- */

static void
stop_threads(struct store *s)
{
	for (unsigned lane = 0; lane < 2; lane++) {
		struct worker *w = &s->workers[lane];

		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
	}
	for (unsigned lane = 0; lane < s->running; lane++)
		pthread_join(s->workers[lane].thread, NULL);
	s->running = 0;
}

/* Jobs that no thread has run, because none was ever started. */
static void
refuse_rest(struct store *s)
{
	for (unsigned lane = 0; lane < 2; lane++) {
		struct queue *q = &s->workers[lane].jobs;

		for (struct job *j = q->first; j; j = j->next)
			j->result = why_set(&j->why, ERR_CLOSED, "store",
			    "the store is being closed");
		complete(s, q);
	}
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	stop_threads(s);
	if (s->event_fd >= 0) {
		refuse_rest(s);
		/* A completion may post, and is then told that it is late. */
		while (store_collect(s))
			continue;
		close(s->event_fd);
	}
	if (s->db)
		s->ops->close(s->db);
	arena_free(s->arena);
	seal_free(s->seal);
	for (unsigned lane = 0; lane < 2; lane++) {
		pthread_cond_destroy(&s->workers[lane].wake);
		pthread_mutex_destroy(&s->workers[lane].lock);
	}
	pthread_mutex_destroy(&s->done_lock);
	/* Last: from here on another daemon may open the directory. */
	statedir_unlock(&s->dir);
	free(s);
}
