/* SPDX-License-Identifier: MIT */
/* test_map.c - what was set is found, what was deleted is not, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/map.h"

static const uint8_t seed[MAP_SEED] = "sixteen bytes...";

/* A key for a number, valid until the next call. */
static struct str
key_of(unsigned number)
{
	static char text[16];
	int n = snprintf(text, sizeof(text), "key %u", number);

	return str_at(text, (size_t)n);
}

static void
an_empty_map_finds_nothing(void **state)
{
	struct map m;
	size_t at = 0;

	(void)state;
	map_init(&m, seed);
	assert_null(map_get(&m, STR("a")));
	assert_null(map_del(&m, STR("a")));
	assert_false(map_next(&m, &at, NULL, NULL));
	assert_int_equal(map_count(&m), 0);
	map_fini(&m);
}

static void
setting_replaces_and_deleting_returns(void **state)
{
	int a, b, c;
	struct map m;

	(void)state;
	map_init(&m, seed);
	assert_null(map_set(&m, STR("x"), &a));
	assert_null(map_set(&m, STR("y"), &b));
	assert_ptr_equal(map_set(&m, STR("x"), &c), &a);
	assert_int_equal(map_count(&m), 2);
	assert_ptr_equal(map_get(&m, STR("x")), &c);
	assert_ptr_equal(map_del(&m, STR("x")), &c);
	assert_null(map_get(&m, STR("x")));
	assert_null(map_del(&m, STR("x")));
	assert_ptr_equal(map_get(&m, STR("y")), &b);
	assert_int_equal(map_count(&m), 1);
	map_fini(&m);
	/* It is empty after it, and may be used again. */
	assert_null(map_get(&m, STR("y")));
	assert_null(map_set(&m, STR("y"), &b));
	map_fini(&m);
}

static void
keys_are_bytes_and_copied(void **state)
{
	char key[] = "abc";
	int a, b, c;
	struct map m;

	(void)state;
	map_init(&m, seed);
	map_set(&m, str_of(key), &a);
	key[0] = 'X';
	assert_ptr_equal(map_get(&m, STR("abc")), &a);
	assert_null(map_get(&m, str_of(key)));
	map_set(&m, STR("a\0b"), &b);
	map_set(&m, STR(""), &c);
	assert_ptr_equal(map_get(&m, STR("a\0b")), &b);
	assert_null(map_get(&m, STR("a\0c")));
	assert_ptr_equal(map_get(&m, STR("")), &c);
	assert_ptr_equal(map_get(&m, str_of(NULL)), &c);
	map_fini(&m);
}

/* Against a table that cannot be wrong: deletions and returns of 500 keys in
 * an order that covers all of them again and again. */
static void
a_long_life_loses_nothing(void **state)
{
	static int values[500];
	bool there[500] = { false };
	size_t count = 0;
	unsigned long dice = 1;
	struct map m;

	(void)state;
	map_init(&m, seed);
	for (unsigned step = 0; step < 100000; step++) {
		unsigned n;
		void *old;

		dice = dice * 6364136223846793005ul + 1442695040888963407ul;
		n = (unsigned)(dice >> 40) % 500;
		if (dice >> 63) {
			old = map_set(&m, key_of(n), &values[n]);
			count += !there[n];
		} else {
			old = map_del(&m, key_of(n));
			count -= there[n];
		}
		assert_ptr_equal(old, there[n] ? &values[n] : NULL);
		there[n] = dice >> 63;
		assert_int_equal(map_count(&m), count);
	}
	for (unsigned n = 0; n < 500; n++)
		assert_ptr_equal(map_get(&m, key_of(n)),
		    there[n] ? &values[n] : NULL);
	/* What went has not been kept. */
	assert_true(m.size <= 1024);
	map_fini(&m);
}

static void
entries_are_walked_in_the_order_they_came(void **state)
{
	static int values[100];
	size_t at = 0;
	unsigned next = 0;
	struct str key;
	struct map m;
	void *value;

	(void)state;
	map_init(&m, seed);
	for (unsigned n = 0; n < 100; n++)
		map_set(&m, key_of(n), &values[n]);
	for (unsigned n = 0; n < 100; n += 3)
		map_del(&m, key_of(n));
	while (map_next(&m, &at, &key, &value)) {
		next += next % 3 == 0;
		assert_true(str_eq(key, key_of(next)));
		assert_ptr_equal(value, &values[next]);
		next++;
	}
	assert_int_equal(next, 99);
	map_fini(&m);
}

static void
entries_may_be_deleted_on_the_way(void **state)
{
	static int values[100];
	size_t at = 0, seen = 0;
	struct str key;
	struct map m;

	(void)state;
	map_init(&m, seed);
	for (unsigned n = 0; n < 100; n++)
		map_set(&m, key_of(n), &values[n]);
	while (map_next(&m, &at, &key, NULL)) {
		assert_non_null(map_del(&m, key));
		seen++;
	}
	assert_int_equal(seen, 100);
	assert_int_equal(map_count(&m), 0);
	map_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(setting_replaces_and_deleting_returns),
		cmocka_unit_test(keys_are_bytes_and_copied),
		cmocka_unit_test(a_long_life_loses_nothing),
		cmocka_unit_test(entries_are_walked_in_the_order_they_came),
		cmocka_unit_test(entries_may_be_deleted_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
