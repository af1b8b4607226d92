/* SPDX-License-Identifier: MIT */
/* test_trace.c - traces: what there is room for, when they end and go, and what
 * of them is in the store, also after a restart and when the disk fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/setting.h"
#include "relayd/trace.h"
#include "tests/support/storebox.h"

#define MINUTE INT64_C(60000)
#define START  INT64_C(1795190400000)

/* The clock of the test. */
static int64_t now_ms;

static int64_t
wall_ms(void)
{
	return now_ms;
}

struct box {
	struct storebox store;
	struct settings settings;
	struct traces all;
	unsigned requests;
};

static void
open_all(struct box *b)
{
	struct why why;

	assert_int_equal(storebox_open(&b->store, &store_lmdb, NULL), OK);
	traces_init(&b->all, NULL, b->store.s, &b->settings);
	b->all.wall_ms = wall_ms;
	if (traces_load(&b->all, &why))
		fail_msg("%s", why.text);
	storebox_start(&b->store);
}

static void
close_all(struct box *b)
{
	traces_stop(&b->all);
	storebox_close(&b->store);
	traces_fini(&b->all);
}

static int
setup(void **state)
{
	struct box *b = xcalloc(1, sizeof(*b));

	now_ms = START;
	settings_default(&b->settings);
	storebox_init(&b->store);
	open_all(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct box *b = *state;

	close_all(b);
	storebox_fini(&b->store);
	free(b);
	return 0;
}

/* --- acting ------------------------------------------------------------------ */

static const struct audit_who who = { .method = "trace_test" };

struct answer {
	bool done;
	enum err e;
	struct trace *t;
};

static void
on_done(void *arg, enum err e, const struct why *why, struct trace *t)
{
	(void)why;
	*(struct answer *)arg = (struct answer){ true, e, t };
}

static struct trace *
start(struct box *b, const char *key, const char *account, uint64_t max)
{
	const struct trace_rec r = { .key_id = str_of(key),
		.account = str_of(account),
		.bodies = true,
		.max = max,
		.started_at = (uint64_t)now_ms,
		.until_at = (uint64_t)(now_ms + 10 * MINUTE) };
	struct answer a = { .done = false };

	trace_start(&b->all, &r, STR("started"), &who, on_done, &a);
	storebox_wait(&b->store, &a.done);
	assert_int_equal(a.e, OK);
	return a.t;
}

/* The stores's answers come one by one: whatever waits has come. */
static enum err
nothing(struct txn *t, void *arg, struct why *out_why)
{
	(void)t;
	(void)arg;
	(void)out_why;
	return OK;
}

static void
settle(struct box *b)
{
	do
		assert_int_equal(storebox_run(&b->store, LANE_WRITE, nothing,
				     NULL, NULL),
		    OK);
	while (b->all.writing);
}

static struct ulid
next_id(struct box *b)
{
	const uint8_t random[ULID_RANDOM] = { 0 };

	return ulid_make(START + ++b->requests, random);
}

/* A request with a body of so many bytes of c. */
static struct capture *
capture(struct box *b, struct trace *t, size_t size, char c)
{
	const struct receipt_rec rec = { .status = 200 };
	struct ulid id = next_id(b);
	struct capture *it = capture_new(&b->all, t, &id);
	char *body = xmalloc(size + 1);

	memset(body, c, size);
	assert_int_equal(receipt_rec_write(&rec, &it->receipt), OK);
	capture_add(it, capture_part(it, TRACED_CLIENT_HEAD),
	    STR("GET / HTTP/1.1\r\n\r\n"));
	capture_add(it, capture_part(it, TRACED_CLIENT_BODY),
	    str_at(body, size));
	free(body);
	return it;
}

static void
keep(struct box *b, struct trace *t, size_t size)
{
	capture_keep(capture(b, t, size, 'x'));
	settle(b);
}

struct count {
	unsigned rows, bytes;
	bool has_word;
	struct str word;
};

static bool
count_row(void *arg, struct str key, struct str value)
{
	struct count *n = arg;

	n->rows++;
	n->bytes += (unsigned)(key.len + value.len);
	n->has_word = n->has_word || str_find(value, n->word) >= 0;
	return true;
}

static enum err
count_work(struct txn *t, void *arg, struct why *out_why)
{
	(void)out_why;
	return txn_scan(t, TABLE_trace, STR(""), false, count_row, arg);
}

static struct count
stored(struct box *b, const char *word)
{
	struct count n = { .word = str_of(word) };

	assert_int_equal(storebox_run(&b->store, LANE_READ, count_work, &n,
			     NULL),
	    OK);
	return n;
}

/* What a look has found of one part, copied. */
struct seen {
	bool done;
	enum err e;
	size_t rows, parts;
	uint64_t whole, same;
	char bytes[600], coding[16];
};

static void
on_looked(void *arg, enum err e, const struct why *why,
    const struct trace_found *f)
{
	struct seen *s = arg;

	(void)why;
	s->done = true;
	s->e = e;
	if (e)
		return;
	s->rows = f->rows_count;
	s->parts = f->parts_count;
	if (!f->parts_count)
		return;
	s->whole = f->parts[0].rec.whole;
	s->same = f->parts[0].rec.same;
	snprintf(s->bytes, sizeof(s->bytes), "%.*s",
	    STR_ARG(f->parts[0].rec.bytes));
	snprintf(s->coding, sizeof(s->coding), "%.*s",
	    STR_ARG(f->parts[0].rec.coding));
}

static struct seen
look(struct box *b, struct str trace, const struct ulid *id, unsigned part)
{
	struct trace_look q = {
		.trace = trace, .lists = !id, .part = part, .most = 500
	};
	struct seen s = { .done = false };

	if (id)
		q.request = *id;
	trace_look(&b->all, &q, &who, on_looked, &s);
	storebox_wait(&b->store, &s.done);
	return s;
}

/* --- names ------------------------------------------------------------------- */

static void
every_part_has_a_name_of_its_own(void **state)
{
	char name[TRACED_TEXT], other[TRACED_TEXT];
	unsigned found, heads = 0, count = 0;

	(void)state;
	for (unsigned n = 0; n < TRACED_NUMBERS + 10; n++) {
		if (!traced_name(n, name))
			continue;
		count++;
		heads += traced_is_head(n);
		assert_int_equal(traced_find(str_of(name), &found), OK);
		assert_int_equal(found, n);
		assert_int_equal(traced_is_head(n),
		    str_ends(str_of(name), STR(".head")));
		for (unsigned k = 0; k < n; k++)
			if (traced_name(k, other))
				assert_string_not_equal(name, other);
	}
	assert_int_equal(count, CAPTURE_PARTS);
	assert_int_equal(heads, count / 2);
	assert_int_equal(traced_find(STR("receipt"), &found), ERR_UNKNOWN);
	assert_int_equal(traced_find(STR(""), &found), ERR_UNKNOWN);
}

/* --- whose requests ---------------------------------------------------------- */

static void
the_oldest_trace_that_wants_it_takes_a_request(void **state)
{
	const struct str none = { .at = NULL, .len = 0 };
	struct box *b = *state;
	struct trace *key, *account, *all;

	assert_int_equal(b->all.active, 0);
	key = start(b, "kaaaaaaaa", "", 9);
	account = start(b, "", "main", 9);
	assert_ptr_equal(traces_match(&b->all, STR("kbbbbbbbb"), none), NULL);
	all = start(b, "", "", 9);
	assert_int_equal(b->all.active, 3);
	assert_ptr_equal(traces_match(&b->all, STR("kaaaaaaaa"), none), key);
	assert_ptr_equal(traces_match(&b->all, STR("kaaaaaaaa"), STR("main")),
	    key);
	assert_ptr_equal(traces_match(&b->all, STR(""), STR("main")), account);
	assert_ptr_equal(traces_match(&b->all, STR(""), STR("")), all);
	assert_ptr_equal(traces_match(&b->all, none, none), all);
}

static void
it_ends_by_its_time_its_count_or_a_word(void **state)
{
	struct box *b = *state;
	struct answer a = { .done = false };
	struct trace *t = start(b, "kaaaaaaaa", "", 2);

	keep(b, t, 10);
	assert_int_equal(trace_state(&b->all, t), TRACE_ACTIVE);
	keep(b, t, 10);
	assert_int_equal(trace_state(&b->all, t), TRACE_DONE);
	assert_int_equal(b->all.active, 0);
	t = start(b, "kbbbbbbbb", "", 2);
	assert_int_equal(b->all.active, 1);
	trace_stop(&b->all, t, &who, on_done, &a);
	storebox_wait(&b->store, &a.done);
	assert_int_equal(trace_state(&b->all, t), TRACE_STOPPED);
	assert_int_equal(trace_ends_at(t), START);
	t = start(b, "kcccccccc", "", 2);
	now_ms += 10 * MINUTE - 1;
	traces_turn(&b->all);
	assert_int_equal(b->all.active, 1);
	now_ms++;
	/* Also before anybody has looked. */
	assert_ptr_equal(traces_match(&b->all, STR("kcccccccc"), STR("")),
	    NULL);
	traces_turn(&b->all);
	assert_int_equal(b->all.active, 0);
	assert_int_equal(trace_state(&b->all, t), TRACE_ENDED);
}

/* --- bounds ------------------------------------------------------------------ */

static void
a_part_is_cut_where_it_ends(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 9);
	struct capture *c;
	struct part_bytes *p;

	b->settings.trace_part_bytes = 1000;
	c = capture(b, t, 999, 'x');
	p = capture_part(c, TRACED_CLIENT_BODY);
	capture_add(c, p, STR("yz"));
	/* What comes after a gap is not the beginning any more. */
	capture_add(c, p, STR("w"));
	assert_int_equal(buf_len(&p->bytes), 1000);
	assert_int_equal(p->bytes.mem[p->bytes.end - 1], 'y');
	assert_int_equal(p->whole, 1002);
	assert_false(t->full);
	capture_free(c);
	assert_int_equal(t->held, 0);
	assert_int_equal(b->all.bytes, 0);
}

static void
nothing_is_kept_above_what_a_trace_may_hold(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 100);
	struct count n;

	b->settings.trace_size_bytes = 64 * 1024;
	for (unsigned i = 0; i < 20; i++) {
		struct capture *c = capture(b, t, 10000, (char)('a' + i));

		assert_true(t->rec.bytes + t->held <= 64 * 1024);
		capture_keep(c);
	}
	settle(b);
	assert_int_equal(trace_state(&b->all, t), TRACE_FULL);
	assert_int_equal(b->all.active, 0);
	assert_true(t->rec.lost > 0);
	assert_true(t->rec.bytes > 50000);
	assert_int_equal(t->held, 0);
	assert_int_equal(b->all.bytes, t->rec.bytes);
	n = stored(b, "aaaaaaaa");
	assert_true(n.bytes < 64 * 1024 + 1024);
	assert_false(n.has_word);
}

static void
all_together_have_a_bound_too(void **state)
{
	struct box *b = *state;
	struct trace *one = start(b, "kaaaaaaaa", "", 100);
	struct trace *two = start(b, "kbbbbbbbb", "", 100);

	b->settings.trace_total_bytes = 64 * 1024;
	keep(b, one, 40000);
	keep(b, two, 40000);
	assert_int_equal(trace_state(&b->all, two), TRACE_FULL);
	assert_true(b->all.bytes <= 64 * 1024);
	assert_int_equal(b->all.bytes, one->rec.bytes + two->rec.bytes);
}

/* --- the store --------------------------------------------------------------- */

static void
what_is_like_another_part_is_kept_once(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 9);
	struct capture *c = capture(b, t, 400, 'x');
	struct ulid id = c->id;
	struct seen s;

	capture_add(c, capture_part(c, TRACED_UP_ANSWER_BODY), STR("said"));
	capture_add(c, capture_part(c, TRACED_ANSWER_BODY), STR("said"));
	capture_keep(c);
	settle(b);
	s = look(b, t->rec.id, &id, TRACED_ANSWER_BODY);
	assert_int_equal(s.same, TRACED_UP_ANSWER_BODY);
	s = look(b, t->rec.id, &id, TRACED_UP_ANSWER_BODY);
	assert_string_equal(s.bytes, "said");
	assert_int_equal(s.same, 0);
	s = look(b, t->rec.id, &id, 0);
	assert_int_equal(s.parts, 4);
	s = look(b, t->rec.id, NULL, 0);
	assert_int_equal(s.rows, 1);
	s = look(b, t->rec.id, &id, TRACED_UP_BODY);
	assert_int_equal(s.e, ERR_UNKNOWN);
}

static void
credentials_are_masked_before_they_are_sealed(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 9);
	struct capture *c = capture(b, t, 5, 'x');
	struct part_bytes *p = capture_part(c, TRACED_UP_ANSWER_BODY);
	struct ulid id = c->id;

	capture_secret(c, STR("sk-canary-0123456789-wxyz"));
	capture_secret(c, STR(""));
	capture_secret(c, STR("another-canary-4711"));
	capture_add(c, p, STR("no: sk-canary-01"));
	capture_add(c, p, STR("23456789-wxyz, another-canary-4711"));
	capture_keep(c);
	settle(b);
	assert_string_equal(look(b, t->rec.id, &id,
				p ? TRACED_UP_ANSWER_BODY : 0)
				.bytes,
	    "no: *********************wxyz, ***************4711");
}

static void
what_cannot_be_decoded_is_not_kept(void **state)
{
	static const enum coding codings[] = { CODING_GZIP, CODING_ZSTD,
		CODING_OTHER };
	struct box *b = *state;
	struct trace *t = start(b, "", "", 9);

	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		struct capture *c = capture(b, t, 5, 'x');
		struct part_bytes *p = capture_part(c, TRACED_UP_ANSWER_BODY);
		struct ulid id = c->id;
		struct seen s;

		p->coding = codings[i];
		capture_add(c, p, STR("this is none of them"));
		capture_keep(c);
		settle(b);
		s = look(b, t->rec.id, &id, TRACED_UP_ANSWER_BODY);
		assert_string_equal(s.bytes, "");
		assert_true(s.whole > 0);
	}
	assert_int_equal(t->held, 0);
}

static void
it_is_there_after_a_restart_and_goes_on(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "kaaaaaaaa", "", 2);
	uint64_t bytes;
	char id[16];

	snprintf(id, sizeof(id), "%.*s", STR_ARG(t->rec.id));
	keep(b, t, 100);
	bytes = t->rec.bytes;
	close_all(b);
	open_all(b);
	t = traces_find(&b->all, str_of(id));
	assert_non_null(t);
	assert_int_equal(t->rec.count, 1);
	assert_int_equal(t->rec.bytes, bytes);
	assert_int_equal(b->all.bytes, bytes);
	assert_int_equal(b->all.active, 1);
	keep(b, t, 100);
	assert_int_equal(trace_state(&b->all, t), TRACE_DONE);
}

static void
what_waits_at_the_end_is_written(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 9);

	for (unsigned i = 0; i < 5; i++)
		capture_keep(capture(b, t, 100, 'x'));
	close_all(b);
	open_all(b);
	assert_int_equal(TAILQ_FIRST(&b->all.list)->rec.count, 5);
}

static void
it_goes_by_itself_and_all_of_it(void **state)
{
	struct box *b = *state;
	struct trace *t = start(b, "", "", 200);

	/* More rows than one slice takes away. */
	for (unsigned i = 0; i < 60; i++)
		keep(b, t, 10);
	assert_int_equal(stored(b, "x").rows, 1 + 3 * 60);
	now_ms += 10 * MINUTE + b->settings.trace_keep_ms - 1;
	traces_turn(&b->all);
	assert_int_equal(b->all.count, 1);
	now_ms++;
	traces_turn(&b->all);
	assert_int_equal(b->all.count, 0);
	assert_int_equal(b->all.bytes, 0);
	while (stored(b, "x").rows)
		settle(b);
}

static void
a_removal_goes_on_after_a_restart(void **state)
{
	struct box *b = *state;
	struct answer a = { .done = false };
	struct trace *t = start(b, "", "", 200);

	for (unsigned i = 0; i < 60; i++)
		keep(b, t, 10);
	trace_remove(&b->all, t, &who, on_done, &a);
	storebox_wait(&b->store, &a.done);
	assert_int_equal(a.e, OK);
	/* Its slices that were not begun are not, any more. */
	close_all(b);
	open_all(b);
	assert_int_equal(b->all.count, 0);
	while (stored(b, "x").rows)
		settle(b);
}

static void
a_request_of_a_removed_trace_is_forgotten(void **state)
{
	struct box *b = *state;
	struct answer a = { .done = false };
	struct trace *t = start(b, "", "", 9);
	struct capture *c = capture(b, t, 100, 'x');

	trace_remove(&b->all, t, &who, on_done, &a);
	capture_keep(c);
	storebox_wait(&b->store, &a.done);
	settle(b);
	while (stored(b, "x").rows)
		settle(b);
	assert_int_equal(b->all.bytes, 0);
}

/* On a disk that has no room the trace says so, and nothing else happens. */
static void
a_full_store_loses_the_request_and_no_more(void **state)
{
	struct box *b = *state;
	struct trace *t;

	close_all(b);
	b->store.map_size = 256 * 1024;
	b->settings.trace_part_bytes = 1024 * 1024;
	open_all(b);
	t = start(b, "", "", 9);
	keep(b, t, 900 * 1024);
	assert_int_equal(t->rec.lost, 1);
	assert_int_equal(t->rec.count, 0);
	assert_true(t->trouble[0]);
	assert_int_equal(t->held, 0);
	assert_int_equal(b->all.bytes, 0);
	keep(b, t, 100);
	assert_int_equal(t->rec.count, 1);
}

int
main(void)
{
#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_has_a_name_of_its_own),
		IN_BOX(the_oldest_trace_that_wants_it_takes_a_request),
		IN_BOX(it_ends_by_its_time_its_count_or_a_word),
		IN_BOX(a_part_is_cut_where_it_ends),
		IN_BOX(nothing_is_kept_above_what_a_trace_may_hold),
		IN_BOX(all_together_have_a_bound_too),
		IN_BOX(what_is_like_another_part_is_kept_once),
		IN_BOX(credentials_are_masked_before_they_are_sealed),
		IN_BOX(what_cannot_be_decoded_is_not_kept),
		IN_BOX(it_is_there_after_a_restart_and_goes_on),
		IN_BOX(what_waits_at_the_end_is_written),
		IN_BOX(it_goes_by_itself_and_all_of_it),
		IN_BOX(a_removal_goes_on_after_a_restart),
		IN_BOX(a_request_of_a_removed_trace_is_forgotten),
		IN_BOX(a_full_store_loses_the_request_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
