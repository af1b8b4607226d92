/* SPDX-License-Identifier: MIT */
/* test_salt.c - keys of other relays: found by what those kept of them, as long
 * as they have no value of ours, and by nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/enc.h"
#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/loop.h"
#include "tests/support/storebox.h"

static const struct audit_who who = { .uid = 7, .method = "key_import" };

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

struct saved {
	bool done;
	enum err e;
};

static void
on_salt(void *arg, enum err e, const struct why *why)
{
	(void)why;
	*(struct saved *)arg = (struct saved){ .done = true, .e = e };
}

static enum err
add_salt(struct bench *b, const char *name, const char *value)
{
	struct saved s = { .done = false };

	salt_add(&b->keys.salts, b->box.s, str_of(name), str_of(value), &who,
	    on_salt, &s);
	storebox_wait(&b->box, &s.done);
	return s.e;
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	(void)why;
	(void)k;
	*(struct saved *)arg = (struct saved){ .done = true, .e = e };
}

static void
save(struct bench *b, const struct apikey_rec *r, const char *value)
{
	bool exists = keyring_id(&b->keys, r->id) != NULL;
	struct saved s = { .done = false };

	apikey_save(&b->keys, r, str_of(value), exists, 0, &who, on_saved, &s);
	storebox_wait(&b->box, &s.done);
	assert_int_equal(s.e, OK);
}

/* As the other relay has it: made by its salt, here under that name. */
static void
import(struct bench *b, const char *id, const char *value, const char *salt)
{
	struct apikey_rec r = { .id = str_of(id),
		.name = str_of(id),
		.foreign_salt = str_of(salt) };

	salt_hash(salts_find(&b->keys.salts, str_of(salt)), str_of(value),
	    r.foreign_hash);
	assert_false(keyring_has_value(&b->keys, &r));
	save(b, &r, "");
	assert_true(keyring_has_value(&b->keys, &r));
}

static void
expect_found(struct bench *b, const char *value, const char *id)
{
	struct apikey *k = keyring_match(&b->keys, str_of(value));

	if (id)
		assert_ptr_equal(k, keyring_id(&b->keys, str_of(id)));
	else
		assert_null(k);
}

/* --- hashes ---------------------------------------------------------------- */

static void
a_hash_is_that_of_the_value_and_then_the_salt(void **state)
{
	static const struct {
		const char *value, *salt, *hash;
	} cases[] = {
		/* printf %s VALUE SALT | sha256sum */
		{ "abc", "",
		    "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad" },
		{ "a", "bc",
		    "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad" },
		{ "cr_0123456789abcdef", "an-encryption-key-of-32-letters.",
		    "8e90749da0b57dcb6b9bffa52f98d8eb"
		    "cfccf2f9ce08fd14944dd571f310d4be" },
	};
	uint8_t hash[SALT_HASH];
	struct salt salt = { .name = "x" };
	struct buf hex;

	(void)state;
	buf_init(&hex, 2 * SALT_HASH);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		salt.value = str_of(cases[i].salt);
		salt_hash(&salt, str_of(cases[i].value), hash);
		buf_clear(&hex);
		assert_int_equal(enc_hex(&hex,
				     str_at((const char *)hash, sizeof(hash))),
		    OK);
		assert_true(str_eq(buf_str(&hex), str_of(cases[i].hash)));
	}
	buf_fini(&hex);
}

static void
names_of_salts_are_plain_words(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} cases[] = { { "imported", true }, { "old-relay_2.b", true },
		{ "", false }, { "a b", false }, { "a/b", false },
		{ "12345678901234567890123456789012", true },
		{ "123456789012345678901234567890123", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(salt_check_name(str_of(cases[i].name), NULL),
		    cases[i].ok ? OK : ERR_VALUE);
}

/* --- keys ------------------------------------------------------------------ */

static void
a_key_of_another_relay_is_found_by_its_value_also_after_a_restart(void **state)
{
	struct bench *b = *state;

	expect_found(b, "cr_of-another-relay", NULL);
	assert_int_equal(add_salt(b, "one", "salt-1"), OK);
	assert_int_equal(add_salt(b, "two", "salt-2"), OK);
	import(b, "kone00001", "cr_of-another-relay", "one");
	import(b, "ktwo00001", "sk-of-a-third-one", "two");
	for (int i = 0; i < 2; i++) {
		expect_found(b, "cr_of-another-relay", "kone00001");
		expect_found(b, "sk-of-a-third-one", "ktwo00001");
		expect_found(b, "sk-of-a-third-on", NULL);
		/* What two that have no value of ours have in common. */
		expect_found(b, "cr_of-another-relaysalt-1", NULL);
		assert_int_equal(keyring_salted(&b->keys, STR("one")), 1);
		close_store(b);
		open_store(b);
	}
}

static void
a_hash_is_found_with_its_own_salt_alone(void **state)
{
	struct bench *b = *state;
	struct apikey_rec r = { .id = STR("kmix00001"),
		.name = STR("mix"),
		.foreign_salt = STR("two") };

	assert_int_equal(add_salt(b, "one", "salt-1"), OK);
	assert_int_equal(add_salt(b, "two", "salt-2"), OK);
	salt_hash(salts_find(&b->keys.salts, STR("one")),
	    STR("cr_of-another-relay"), r.foreign_hash);
	save(b, &r, "");
	expect_found(b, "cr_of-another-relay", NULL);
}

static void
a_new_value_ends_the_foreign_one_at_once_or_with_its_grace(void **state)
{
	struct bench *b = *state;
	struct apikey *k;
	struct apikey_rec r;

	assert_int_equal(add_salt(b, "one", "salt-1"), OK);
	import(b, "kone00001", "cr_of-another-relay", "one");
	import(b, "ktwo00001", "cr_and-one-more-of-it", "one");
	k = keyring_id(&b->keys, STR("kone00001"));
	r = k->rec;
	apikey_retire(&r, INT64_MAX);
	save(b, &r, "a-value-of-ours-1");
	expect_found(b, "cr_of-another-relay", "kone00001");
	expect_found(b, "a-value-of-ours-1", "kone00001");
	/* The next one ends the older of both. */
	r = k->rec;
	apikey_retire(&r, INT64_MAX);
	save(b, &r, "a-value-of-ours-2");
	expect_found(b, "cr_of-another-relay", NULL);
	expect_found(b, "a-value-of-ours-1", "kone00001");
	/* Without a grace, and in one that is over. */
	k = keyring_id(&b->keys, STR("ktwo00001"));
	r = k->rec;
	apikey_retire(&r, 1000);
	assert_true(apikey_is_foreign(&r, 999));
	save(b, &r, "a-value-of-ours-3");
	expect_found(b, "cr_and-one-more-of-it", NULL);
	assert_int_equal(keyring_salted(&b->keys, STR("one")), 0);
	import(b, "kthree001", "cr_and-one-more-of-it", "one");
	r = keyring_id(&b->keys, STR("kthree001"))->rec;
	apikey_retire(&r, 0);
	save(b, &r, "a-value-of-ours-4");
	expect_found(b, "cr_and-one-more-of-it", NULL);
	assert_int_equal(map_count(&b->keys.by_foreign), 0);
}

static void
another_is_not_like_it_in_its_hash(void **state)
{
	const struct apikey_rec model = { .foreign_salt = STR("one"),
		.foreign_hash = { 1 },
		.note = STR("n") };
	struct apikey_rec r = { .id = STR("k") };

	(void)state;
	apikey_like(&r, &model);
	assert_true(str_eq(r.note, STR("n")));
	assert_int_equal(r.foreign_salt.len, 0);
	assert_int_equal(r.foreign_hash[0], 0);
}

/* --- salts ----------------------------------------------------------------- */

static void
a_salt_is_kept_until_it_is_removed_and_there_are_not_many(void **state)
{
	struct bench *b = *state;
	struct saved s = { .done = false };
	char name[8];

	for (int i = 0; i < SALTS_MAX; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(add_salt(b, name, "x"), OK);
	}
	assert_int_equal(add_salt(b, "s3", "y"), ERR_EXISTS);
	assert_int_equal(add_salt(b, "more", "x"), ERR_LIMIT);
	salt_remove(&b->keys.salts, b->box.s, STR("s3"), &who, on_salt, &s);
	storebox_wait(&b->box, &s.done);
	assert_int_equal(s.e, OK);
	s.done = false;
	salt_remove(&b->keys.salts, b->box.s, STR("s3"), &who, on_salt, &s);
	storebox_wait(&b->box, &s.done);
	assert_int_equal(s.e, ERR_UNKNOWN);
	assert_int_equal(add_salt(b, "more", "of it"), OK);
	close_store(b);
	open_store(b);
	assert_int_equal(b->keys.salts.count, SALTS_MAX);
	assert_null(salts_find(&b->keys.salts, STR("s3")));
	assert_true(str_eq(salts_find(&b->keys.salts, STR("more"))->value,
	    STR("of it")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_that_of_the_value_and_then_the_salt),
		cmocka_unit_test(names_of_salts_are_plain_words),
		TEST(
		    a_key_of_another_relay_is_found_by_its_value_also_after_a_restart),
		TEST(a_hash_is_found_with_its_own_salt_alone),
		TEST(
		    a_new_value_ends_the_foreign_one_at_once_or_with_its_grace),
		cmocka_unit_test(another_is_not_like_it_in_its_hash),
		TEST(a_salt_is_kept_until_it_is_removed_and_there_are_not_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
