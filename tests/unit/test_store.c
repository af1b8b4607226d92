/* SPDX-License-Identifier: MIT */
/* test_store.c - the service over both backends: jobs, completions and
 * the feed. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "tests/support/storebox.h"

/* --- a store under test ---------------------------------------------------- */

/* The memory backend, with its db known and a turnstile before each commit
 * to it, where a test can hold the writer. */
static void *spy_db;
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned came, may_pass; /* commits since it was shut */
	bool shut;
} turnstile = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0,
	false };

static enum err
spy_open(const char *dir, size_t map_size, void **out_db, struct why *out_why)
{
	enum err e = store_mem.open(dir, map_size, out_db, out_why);

	spy_db = *out_db;
	return e;
}

static enum err
spy_commit(void *txn, struct why *out_why)
{
	unsigned number;

	pthread_mutex_lock(&turnstile.lock);
	number = ++turnstile.came;
	pthread_cond_broadcast(&turnstile.changed);
	while (turnstile.shut && number > turnstile.may_pass)
		pthread_cond_wait(&turnstile.changed, &turnstile.lock);
	pthread_mutex_unlock(&turnstile.lock);
	return store_mem.commit(txn, out_why);
}

/* Let so many commits pass and hold the next. */
static void
turnstile_shut(unsigned may_pass)
{
	pthread_mutex_lock(&turnstile.lock);
	turnstile.shut = true;
	turnstile.came = 0;
	turnstile.may_pass = may_pass;
	pthread_mutex_unlock(&turnstile.lock);
}

/* Wait until one is held. */
static void
turnstile_wait(void)
{
	pthread_mutex_lock(&turnstile.lock);
	while (turnstile.came <= turnstile.may_pass)
		pthread_cond_wait(&turnstile.changed, &turnstile.lock);
	pthread_mutex_unlock(&turnstile.lock);
}

static void
turnstile_open(void)
{
	pthread_mutex_lock(&turnstile.lock);
	turnstile.shut = false;
	pthread_cond_broadcast(&turnstile.changed);
	pthread_mutex_unlock(&turnstile.lock);
}

static int
set_up(void **state, const struct store_ops *ops)
{
	struct storebox *b = xcalloc(1, sizeof(*b));
	struct why why = { 0 };

	storebox_init(b);
	if (storebox_open(b, ops, &why)) {
		print_error("%s: %s\n", why.field, why.text);
		return -1;
	}
	*state = b;
	return 0;
}

static int
set_up_lmdb(void **state)
{
	return set_up(state, &store_lmdb);
}

static int
set_up_mem(void **state)
{
	static struct store_ops spy;

	spy = store_mem;
	spy.open = spy_open;
	spy.commit = spy_commit;
	return set_up(state, &spy);
}

static int
tear_down(void **state)
{
	struct storebox *b = *state;

	storebox_fini(b);
	free(b);
	return 0;
}

/* --- jobs ------------------------------------------------------------------ */

/* Put a key and fail with `fail` after it. */
struct edit {
	struct job job;
	const char *key, *value;
	enum err fail;
	bool is_deaf; /* goes on after a put that failed */
	bool done;
};

static enum err
edit_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct edit *e = (struct edit *)j;
	enum err put =
	    txn_put(t, TABLE_account, str_of(e->key), str_of(e->value));

	if (put && !e->is_deaf)
		return put;
	return e->fail ? why_set(out_why, e->fail, "horse", "it limps") : OK;
}

static void
edit_done(struct job *j)
{
	struct edit *e = (struct edit *)j;

	e->done = true;
}

static struct edit
edit_of(const char *key, const char *value, enum err fail)
{
	return (struct edit){ .job = { .work = edit_work, .done = edit_done },
		.key = key,
		.value = value,
		.fail = fail };
}

struct question {
	const char *key;
	char value[64];
};

static enum err
ask_work(struct txn *t, void *arg, struct why *out_why)
{
	struct question *q = arg;
	struct str got;
	enum err e = txn_get(t, TABLE_account, str_of(q->key), &got);

	(void)out_why;
	if (!e)
		snprintf(q->value, sizeof(q->value), "%.*s", STR_ARG(got));
	return e;
}

/* What the reader thread sees; NULL: nothing. */
static void
expect(struct storebox *b, const char *key, const char *value)
{
	struct question q = { .key = key };

	assert_int_equal(storebox_run(b, LANE_READ, ask_work, &q, NULL),
	    value ? OK : ERR_UNKNOWN);
	assert_string_equal(q.value, value ? value : "");
}

static uint64_t
commits(struct storebox *b)
{
	struct store_stats stats;

	store_get_stats(b->s, &stats);
	return stats.commits;
}

static void
a_failing_job_disturbs_no_other_one_of_its_batch(void **state)
{
	struct storebox *b = *state;
	struct edit one = edit_of("a", "1", OK),
		    two = edit_of("b", "2", ERR_STALE),
		    three = edit_of("c", "3", OK),
		    four = edit_of("a", "4", ERR_VALUE);
	uint64_t before = commits(b);

	/* Posted before the start, so all of them are one batch. */
	store_post(b->s, LANE_WRITE, &one.job);
	store_post(b->s, LANE_WRITE, &two.job);
	store_post(b->s, LANE_WRITE, &three.job);
	store_post(b->s, LANE_WRITE, &four.job);
	storebox_start(b);
	storebox_wait(b, &four.done);
	assert_true(one.done && two.done && three.done);
	assert_int_equal(one.job.result, OK);
	assert_int_equal(two.job.result, ERR_STALE);
	assert_string_equal(two.job.why.field, "horse");
	assert_string_equal(two.job.why.text, "it limps");
	assert_int_equal(three.job.result, OK);
	assert_int_equal(four.job.result, ERR_VALUE);
	assert_int_equal(commits(b), before + 1);
	expect(b, "a", "1");
	expect(b, "b", NULL);
	expect(b, "c", "3");
}

static void
an_error_without_words_gets_the_usual_ones(void **state)
{
	struct storebox *b = *state;
	struct edit e = edit_of("", "1", OK);

	storebox_start(b);
	store_post(b->s, LANE_WRITE, &e.job);
	storebox_wait(b, &e.done);
	assert_int_equal(e.job.result, ERR_VALUE);
	assert_string_equal(e.job.why.text, err_text(ERR_VALUE));
}

static void
jobs_before_the_start_run_at_once(void **state)
{
	struct storebox *b = *state;
	struct edit one = edit_of("a", "1", OK),
		    two = edit_of("a", "2", ERR_STALE);

	assert_int_equal(store_now(b->s, LANE_WRITE, &one.job), OK);
	assert_int_equal(store_now(b->s, LANE_WRITE, &two.job), ERR_STALE);
	assert_false(one.done || two.done);
	storebox_start(b);
	expect(b, "a", "1");
}

static bool
count_pair(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return true;
}

static enum err
count_work(struct txn *t, void *arg, struct why *out_why)
{
	(void)out_why;
	return txn_scan(t, TABLE_account, STR(""), false, count_pair, arg);
}

/* What keys of odd lengths get: cmocka's asserts must not be reached on
 * another thread than the test's. */
struct limits {
	size_t len;
	enum err put, get, del;
};

static enum err
limits_work(struct txn *t, void *arg, struct why *out_why)
{
	struct limits *l = arg;
	char bytes[512] = { 'k' };
	struct str key = str_at(bytes, l->len), got;

	(void)out_why;
	l->put = txn_put(t, TABLE_account, key, STR("v"));
	l->get = txn_get(t, TABLE_account, key, &got);
	l->del = txn_del(t, TABLE_account, key);
	return OK;
}

static void
keys_over_the_limit_are_refused_before_the_backend(void **state)
{
	static const struct limits cases[] = {
		{ 0, ERR_VALUE, ERR_UNKNOWN, ERR_UNKNOWN },
		{ 1, OK, OK, OK },
		{ 511, OK, OK, OK },
		{ 512, ERR_VALUE, ERR_UNKNOWN, ERR_UNKNOWN },
	};
	struct storebox *b = *state;

	storebox_start(b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct limits l = { .len = cases[i].len };

		assert_int_equal(storebox_run(b, LANE_WRITE, limits_work, &l,
				     NULL),
		    OK);
		assert_int_equal(l.put, cases[i].put);
		assert_int_equal(l.get, cases[i].get);
		assert_int_equal(l.del, cases[i].del);
	}
}

static enum err
services_work(struct txn *t, void *arg, struct why *out_why)
{
	bool *there = arg;

	(void)out_why;
	*there = txn_seal(t) && txn_arena(t);
	return OK;
}

static void
a_job_of_the_writer_has_the_key_and_the_arena(void **state)
{
	struct storebox *b = *state;
	bool there = false;

	storebox_start(b);
	assert_int_equal(storebox_run(b, LANE_WRITE, services_work, &there,
			     NULL),
	    OK);
	assert_true(there);
}

static void
many_jobs_of_both_lanes_all_complete(void **state)
{
	enum {
		COUNT = 400
	};
	struct storebox *b = *state;
	struct edit *edits = xcalloc(COUNT, sizeof(*edits));
	char keys[COUNT][16];
	struct store_stats stats;
	unsigned found = 0;

	storebox_start(b);
	for (int i = 0; i < COUNT; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%d", i);
		edits[i] = edit_of(keys[i], "x", i % 7 ? OK : ERR_STALE);
		store_post(b->s, LANE_WRITE, &edits[i].job);
		if (i % 50 == 0)
			assert_int_equal(storebox_run(b, LANE_READ, count_work,
					     &found, NULL),
			    OK);
	}
	for (int i = 0; i < COUNT; i++) {
		storebox_wait(b, &edits[i].done);
		assert_int_equal(edits[i].job.result, i % 7 ? OK : ERR_STALE);
	}
	found = 0;
	assert_int_equal(storebox_run(b, LANE_READ, count_work, &found, NULL),
	    OK);
	assert_int_equal(found, COUNT - (COUNT + 6) / 7);
	store_get_stats(b->s, &stats);
	assert_int_equal(stats.jobs, COUNT + 1); /* and the schema's */
	assert_true(stats.commits <= COUNT + 1);
	assert_int_equal(stats.failures, 0);
	assert_true(stats.used_bytes > 0 && stats.map_bytes > stats.used_bytes);
	assert_true(stats.commit_ns_max >= stats.commit_ns_last);
	free(edits);
}

static bool
is_readable(struct storebox *b)
{
	struct pollfd p = { .fd = store_fd(b->s), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
a_completion_waits_for_its_commit(void **state)
{
	struct storebox *b = *state;
	struct edit e = edit_of("a", "1", OK);

	storebox_start(b);
	/* The job's own passes, the batch's is held. */
	turnstile_shut(1);
	store_post(b->s, LANE_WRITE, &e.job);
	turnstile_wait();
	assert_false(is_readable(b));
	assert_int_equal(store_collect(b->s), 0);
	assert_false(e.done);
	turnstile_open();
	storebox_wait(b, &e.done);
	expect(b, "a", "1");
	assert_false(is_readable(b));
}

/* --- closing --------------------------------------------------------------- */

struct chain {
	struct edit first, second;
	struct store *s;
};

static void
chain_done(struct job *j)
{
	struct chain *c = (struct chain *)j;

	c->first.done = true;
	store_post(c->s, LANE_WRITE, &c->second.job);
}

static void
closing_finishes_what_was_posted_and_refuses_what_comes(void **state)
{
	struct storebox *b = *state;
	struct chain c = { .first = edit_of("a", "1", OK),
		.second = edit_of("b", "2", OK),
		.s = b->s };

	c.first.job.done = chain_done;
	storebox_start(b);
	store_post(b->s, LANE_WRITE, &c.first.job);
	storebox_close(b);
	assert_true(c.first.done && c.second.done);
	assert_int_equal(c.first.job.result, OK);
	assert_int_equal(c.second.job.result, ERR_CLOSED);
}

static void
closing_what_never_started_tells_its_jobs(void **state)
{
	struct storebox *b = *state;
	struct edit e = edit_of("a", "1", OK);

	store_post(b->s, LANE_WRITE, &e.job);
	storebox_close(b);
	assert_true(e.done);
	assert_int_equal(e.job.result, ERR_CLOSED);
}

/* --- the feed -------------------------------------------------------------- */

/* Numbers come in; their sum is what the store must have. */
struct source {
	struct store *s;
	atomic_uint fed;
	unsigned kept, folded; /* writer only */
	unsigned fail_folds;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned settled, lost; /* under the lock */
	unsigned settled_sum;
};

static bool
source_waiting(void *arg)
{
	struct source *f = arg;

	return atomic_load(&f->fed) != f->kept;
}

static enum err
source_fold(void *arg, struct txn *t, struct why *out_why)
{
	struct source *f = arg;
	char text[16];
	int len;
	enum err e;

	f->folded = atomic_load(&f->fed);
	len = snprintf(text, sizeof(text), "%u", f->folded);
	e = txn_put(t, TABLE_account, STR("sum"), str_at(text, (size_t)len));
	if (e)
		return e;
	if (f->fail_folds > 0) {
		f->fail_folds--;
		return why_set(out_why, ERR_CORRUPT, "", "bad fodder");
	}
	return OK;
}

static void
source_settled(void *arg, bool ok)
{
	struct source *f = arg;

	if (ok)
		f->kept = f->folded;
	pthread_mutex_lock(&f->lock);
	if (ok) {
		f->settled++;
		f->settled_sum = f->kept;
	} else {
		f->lost++;
	}
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void
source_init(struct source *f, struct storebox *b)
{
	const struct store_feed feed = { .arg = f,
		.waiting = source_waiting,
		.fold = source_fold,
		.settled = source_settled };

	*f = (struct source){ .s = b->s };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	store_set_feed(b->s, &feed);
}

static void
source_feed(struct source *f, unsigned n)
{
	atomic_fetch_add(&f->fed, n);
	store_poke(f->s);
}

static void
source_wait(struct source *f, unsigned sum)
{
	pthread_mutex_lock(&f->lock);
	while (f->settled_sum != sum)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void
what_is_fed_is_folded_and_settled(void **state)
{
	struct storebox *b = *state;
	struct source f;

	source_init(&f, b);
	storebox_start(b);
	source_feed(&f, 5);
	source_wait(&f, 5);
	expect(b, "sum", "5");
	for (unsigned i = 0; i < 1000; i++)
		source_feed(&f, 1);
	source_wait(&f, 1005);
	expect(b, "sum", "1005");
	assert_int_equal(f.lost, 0);
	/* They gathered: far fewer transactions than pokes. */
	assert_true(f.settled < 500);
	storebox_close(b);
}

static void
the_feed_shares_the_transaction_of_the_jobs(void **state)
{
	struct storebox *b = *state;
	struct edit e = edit_of("a", "1", OK);
	uint64_t before = commits(b);
	struct source f;

	source_init(&f, b);
	source_feed(&f, 7);
	store_post(b->s, LANE_WRITE, &e.job);
	storebox_start(b);
	storebox_wait(b, &e.done);
	expect(b, "sum", "7");
	assert_int_equal(commits(b), before + 1);
	storebox_close(b);
	assert_int_equal(f.settled, 1);
}

static void
what_waits_at_the_start_needs_no_poke(void **state)
{
	struct storebox *b = *state;
	struct source f;

	source_init(&f, b);
	atomic_store(&f.fed, 3);
	storebox_start(b);
	source_wait(&f, 3);
	expect(b, "sum", "3");
	storebox_close(b);
}

static void
a_fold_that_fails_spares_the_jobs_and_is_tried_again(void **state)
{
	struct storebox *b = *state;
	struct edit e = edit_of("a", "1", OK);
	struct source f;

	source_init(&f, b);
	f.fail_folds = 1;
	atomic_store(&f.fed, 4);
	store_post(b->s, LANE_WRITE, &e.job);
	storebox_start(b);
	storebox_wait(b, &e.done);
	assert_int_equal(e.job.result, OK);
	expect(b, "a", "1");
	source_wait(&f, 4);
	assert_int_equal(f.lost, 1);
	expect(b, "sum", "4");
	storebox_close(b);
}

static void
closing_folds_what_is_left(void **state)
{
	struct storebox *b = *state;
	struct source f;

	source_init(&f, b);
	storebox_start(b);
	source_feed(&f, 9);
	storebox_close(b);
	assert_int_equal(f.settled_sum, 9);
	assert_int_equal(f.lost, 0);
}

static void
closing_does_not_wait_for_a_feed_that_fails(void **state)
{
	struct storebox *b = *state;
	struct source f;

	source_init(&f, b);
	f.fail_folds = UINT32_MAX;
	storebox_start(b);
	source_feed(&f, 9);
	storebox_close(b);
	assert_int_equal(f.settled, 0);
	assert_true(f.lost >= 1);
}

/* --- memory that fails ----------------------------------------------------- */

static void
a_lost_commit_is_told_to_all_and_settles_nothing(void **state)
{
	struct storebox *b = *state;
	struct edit one = edit_of("a", "1", OK),
		    two = edit_of("b", "2", ERR_STALE),
		    three = edit_of("c", "3", OK),
		    later = edit_of("d", "4", OK);
	struct store_stats stats;
	struct source f;

	source_init(&f, b);
	atomic_store(&f.fed, 6);
	store_post(b->s, LANE_WRITE, &one.job);
	store_post(b->s, LANE_WRITE, &two.job);
	store_post(b->s, LANE_WRITE, &three.job);
	/* Put and commit of the fold, of one, put of two, both of three; then
	 * the parent's. */
	store_mem_fail(spy_db, 8, ERR_FULL);
	storebox_start(b);
	storebox_wait(b, &three.done);
	assert_int_equal(one.job.result, ERR_FULL);
	assert_non_null(strstr(one.job.why.text, "commit"));
	assert_int_equal(two.job.result, ERR_STALE);
	assert_int_equal(three.job.result, ERR_FULL);
	expect(b, "a", NULL);
	expect(b, "c", NULL);
	store_get_stats(b->s, &stats);
	assert_int_equal(stats.failures, 1);

	store_post(b->s, LANE_WRITE, &later.job);
	storebox_wait(b, &later.done);
	assert_int_equal(later.job.result, OK);
	expect(b, "d", "4");
	source_wait(&f, 6);
	expect(b, "sum", "6");
	assert_int_equal(f.lost, 1);
	storebox_close(b);
}

static void
a_job_cannot_ignore_that_the_storage_failed(void **state)
{
	static const struct {
		enum err fault, result;
	} cases[] = {
		{ ERR_FULL, ERR_FULL },
		{ ERR_IO, ERR_IO },
		{ ERR_CORRUPT, ERR_CORRUPT },
		/* This one is about the value, which is the job's business. */
		{ ERR_VALUE, OK },
	};
	struct storebox *b = *state;

	storebox_start(b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct edit e = edit_of("a", "1", OK);

		e.is_deaf = true;
		store_mem_fail(spy_db, 1, cases[i].fault);
		store_post(b->s, LANE_WRITE, &e.job);
		storebox_wait(b, &e.done);
		assert_int_equal(e.job.result, cases[i].result);
		expect(b, "a", NULL);
	}
}

#define ON(test, backend)                                                      \
	{                                                                      \
#test " (" #backend ")", test, set_up_##backend, tear_down,    \
		    NULL                                                       \
	}
#define BOTH(test) ON(test, lmdb), ON(test, mem)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_failing_job_disturbs_no_other_one_of_its_batch),
		BOTH(an_error_without_words_gets_the_usual_ones),
		BOTH(jobs_before_the_start_run_at_once),
		BOTH(keys_over_the_limit_are_refused_before_the_backend),
		BOTH(a_job_of_the_writer_has_the_key_and_the_arena),
		BOTH(many_jobs_of_both_lanes_all_complete),
		ON(a_completion_waits_for_its_commit, mem),
		BOTH(closing_finishes_what_was_posted_and_refuses_what_comes),
		BOTH(closing_what_never_started_tells_its_jobs),
		BOTH(what_is_fed_is_folded_and_settled),
		BOTH(the_feed_shares_the_transaction_of_the_jobs),
		BOTH(what_waits_at_the_start_needs_no_poke),
		BOTH(a_fold_that_fails_spares_the_jobs_and_is_tried_again),
		BOTH(closing_folds_what_is_left),
		BOTH(closing_does_not_wait_for_a_feed_that_fails),
		ON(a_lost_commit_is_told_to_all_and_settles_nothing, mem),
		ON(a_job_cannot_ignore_that_the_storage_failed, mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
