/* SPDX-License-Identifier: MIT */
/* test_keycopy.c - sealed copies of values: kept only while they are wanted,
 * of the value a key has now, and told to nobody but whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/keycopy.h"
#include "relayd/loop.h"
#include "tests/support/storebox.h"

static const struct audit_who who = { .uid = 7, .method = "key_reveal" };

struct bench {
	struct storebox box;
	struct loop *loop;
	struct keyring keys;
};

static void
open_store(struct bench *b)
{
	assert_int_equal(storebox_open(&b->box, &store_lmdb, NULL), OK);
	assert_int_equal(keyring_init(&b->keys, b->loop, b->box.s), OK);
	assert_int_equal(keyring_load(&b->keys, NULL), OK);
	storebox_start(&b->box);
}

static void
close_store(struct bench *b)
{
	storebox_close(&b->box);
	keyring_fini(&b->keys);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	storebox_init(&b->box);
	assert_int_equal(loop_new(&b->loop, NULL), OK);
	open_store(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	close_store(b);
	loop_turn(b->loop, 0);
	loop_free(b->loop);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

/* --- what a test does ------------------------------------------------------ */

static enum err
put_setting(struct txn *t, void *arg, struct why *out_why)
{
	const char *const *value = arg;

	(void)out_why;
	return txn_put(t, TABLE_setting, STR("reveal"), str_of(*value));
}

static void
set(struct bench *b, const char *value)
{
	assert_int_equal(storebox_run(&b->box, LANE_WRITE, put_setting, &value,
			     NULL),
	    OK);
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	(void)why;
	(void)k;
	assert_int_equal(e, OK);
	*(bool *)arg = true;
}

/* A new key, or a new value of one there is. */
static void
give_value(struct bench *b, const char *id, char value[APIKEY_VALUE_LEN + 1])
{
	struct apikey *k = keyring_id(&b->keys, str_of(id));
	struct apikey_rec r = { .id = str_of(id), .name = str_of(id) };
	bool saved = false;

	apikey_make_value(value);
	apikey_save(&b->keys, k ? &k->rec : &r, str_of(value), k != NULL, 0,
	    &who, on_saved, &saved);
	storebox_wait(&b->box, &saved);
}

struct told {
	bool done;
	enum err e;
	struct why why;
	char value[KEYCOPY_VALUE_MAX + 1];
	unsigned count;
};

static void
on_revealed(void *arg, enum err e, const struct why *why, struct str value)
{
	struct told *t = arg;

	t->done = true;
	t->e = e;
	if (e)
		t->why = *why;
	snprintf(t->value, sizeof(t->value), "%.*s", STR_ARG(value));
}

static struct told
reveal(struct bench *b, const char *id)
{
	struct told t = { .done = false };

	keycopy_reveal(b->box.s, str_of(id), &who, on_revealed, &t);
	storebox_wait(&b->box, &t.done);
	return t;
}

static void
expect_none(struct bench *b, const char *id, const char *advice)
{
	struct told t = reveal(b, id);

	assert_int_equal(t.e, ERR_UNKNOWN);
	assert_non_null(strstr(t.why.text, advice));
	assert_string_equal(t.value, "");
}

static void
on_wiped(void *arg, enum err e, const struct why *why, unsigned count)
{
	struct told *t = arg;

	(void)why;
	t->done = true;
	t->e = e;
	t->count = count;
}

static unsigned
wipe(struct bench *b)
{
	struct told t = { .done = false };

	keycopy_wipe(b->box.s, &who, on_wiped, &t);
	storebox_wait(&b->box, &t.done);
	assert_int_equal(t.e, OK);
	return t.count;
}

static bool
count_one(void *arg, struct str key, struct str value)
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
	return txn_scan(t, TABLE_keycopy, STR(""), false, count_one, arg);
}

static unsigned
copies(struct bench *b)
{
	unsigned n = 0;

	assert_int_equal(storebox_run(&b->box, LANE_READ, count_work, &n, NULL),
	    OK);
	return n;
}

/* --- keeping --------------------------------------------------------------- */

static void
a_value_is_kept_only_while_that_is_wanted(void **state)
{
	struct bench *b = *state;
	char value[APIKEY_VALUE_LEN + 1], other[APIKEY_VALUE_LEN + 1];

	give_value(b, "kold00001", value);
	assert_int_equal(copies(b), 0);
	expect_none(b, "kold00001", "relayctl set reveal sealed");
	set(b, "sealed");
	expect_none(b, "kold00001", "key rotate");
	give_value(b, "knew00001", value);
	assert_string_equal(reveal(b, "knew00001").value, value);
	give_value(b, "kold00001", other);
	assert_string_equal(reveal(b, "kold00001").value, other);
	assert_string_equal(reveal(b, "knew00001").value, value);
	/* The copy of a value that the key has no more says nothing. */
	set(b, "off");
	give_value(b, "knew00001", value);
	assert_int_equal(copies(b), 1);
	expect_none(b, "knew00001", "not kept here");
}

static enum err
swap_copies(struct txn *t, void *arg, struct why *out_why)
{
	struct str sealed;
	char *copy;
	enum err e = txn_get(t, TABLE_keycopy, STR("kone00001"), &sealed);

	(void)arg;
	(void)out_why;
	if (e)
		return e;
	copy = xmemdup(sealed.at, sealed.len);
	e = txn_put(t, TABLE_keycopy, STR("ktwo00001"),
	    str_at(copy, sealed.len));
	free(copy);
	return e;
}

static void
the_copy_of_one_key_opens_for_no_other(void **state)
{
	struct bench *b = *state;
	char value[APIKEY_VALUE_LEN + 1];

	set(b, "sealed");
	give_value(b, "kone00001", value);
	give_value(b, "ktwo00001", value);
	assert_int_equal(storebox_run(&b->box, LANE_WRITE, swap_copies, NULL,
			     NULL),
	    OK);
	assert_int_equal(reveal(b, "ktwo00001").e, ERR_CRYPTO);
	assert_int_equal(reveal(b, "kone00001").e, OK);
}

struct rows {
	bool done;
	unsigned revealed, wiped;
	char value[APIKEY_VALUE_LEN + 1];
};

static void
on_rows(void *arg, enum err e, const struct why *why,
    const struct audit_row *rows, size_t count, bool more)
{
	struct rows *r = arg;

	(void)why;
	(void)more;
	assert_int_equal(e, OK);
	for (size_t i = 0; i < count; i++) {
		r->revealed +=
		    str_find(rows[i].rec.changes, STR("was revealed")) >= 0;
		r->wiped += str_find(rows[i].rec.changes, STR("wiped")) >= 0;
		assert_true(str_find(rows[i].rec.changes, str_of(r->value)) <
		    0);
	}
	r->done = true;
}

static void
each_look_is_a_row_of_the_audit_and_a_vain_one_is_none(void **state)
{
	struct audit_query q = { .limit = AUDIT_ROWS_MAX };
	struct rows r = { .done = false };
	struct bench *b = *state;

	set(b, "sealed");
	give_value(b, "kone00001", r.value);
	for (int i = 0; i < 3; i++)
		assert_int_equal(reveal(b, "kone00001").e, OK);
	assert_int_equal(reveal(b, "knone0001").e, ERR_UNKNOWN);
	audit_list(b->box.s, &q, on_rows, &r);
	storebox_wait(&b->box, &r.done);
	assert_int_equal(r.revealed, 3);
	assert_int_equal(r.wiped, 0);
}

/* --- wiping ---------------------------------------------------------------- */

static void
wiping_takes_all_of_them_and_counts(void **state)
{
	static const unsigned counts[] = { 0, 1, 63, 64, 65, 200 };
	struct bench *b = *state;
	char value[APIKEY_VALUE_LEN + 1], id[16];

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		set(b, "sealed");
		for (unsigned n = 0; n < counts[i]; n++) {
			snprintf(id, sizeof(id), "kmany%04u", n);
			give_value(b, id, value);
		}
		/* Not while they are wanted. */
		assert_int_equal(wipe(b), 0);
		assert_int_equal(copies(b), counts[i]);
		set(b, "off");
		assert_int_equal(wipe(b), counts[i]);
		assert_int_equal(copies(b), 0);
	}
}

static void
what_a_dead_relayd_had_still_to_wipe_is_wiped_at_its_start(void **state)
{
	struct bench *b = *state;
	char value[APIKEY_VALUE_LEN + 1];

	set(b, "sealed");
	give_value(b, "kone00001", value);
	close_store(b);
	open_store(b);
	assert_string_equal(reveal(b, "kone00001").value, value);
	set(b, "off");
	close_store(b);
	open_store(b);
	assert_int_equal(copies(b), 0);
	assert_non_null(keyring_match(&b->keys, str_of(value)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_kept_only_while_that_is_wanted),
		TEST(the_copy_of_one_key_opens_for_no_other),
		TEST(each_look_is_a_row_of_the_audit_and_a_vain_one_is_none),
		TEST(wiping_takes_all_of_them_and_counts),
		TEST(
		    what_a_dead_relayd_had_still_to_wipe_is_wiped_at_its_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
