/* SPDX-License-Identifier: MIT */
/* test_buf.c - owned bytes: filled at the end, eaten at the front, never over
 * the ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/buf.h"

#define assert_held(b, literal)                                                \
	do {                                                                   \
		assert_int_equal(buf_len(b), sizeof(literal) - 1);             \
		assert_string_equal(buf_cstr(b), literal);                     \
	} while (0)

static void
an_empty_buffer_owns_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_add(&b, STR("")), OK);
	assert_null(b.mem);
	assert_int_equal(buf_str(&b).len, 0);
	assert_string_equal(buf_cstr(&b), "");
	buf_fini(&b);
}

static void
bytes_come_out_in_the_order_they_went_in(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_add(&b, STR("abc")), OK);
	assert_int_equal(buf_addc(&b, 'd'), OK);
	assert_int_equal(buf_addf(&b, "%d-%s", 42, "e"), OK);
	buf_must(&b, STR("f"));
	buf_mustf(&b, "%c", 'g');
	assert_held(&b, "abcd42-efg");
	buf_eat(&b, 4);
	buf_chop(&b, 3);
	assert_held(&b, "42-");
	buf_clear(&b);
	assert_held(&b, "");
	assert_non_null(b.mem);
	buf_fini(&b);
	assert_null(b.mem);
	/* It may be used again, with the same ceiling. */
	assert_int_equal(buf_add(&b, STR("x")), OK);
	assert_int_equal(b.max, 100);
	buf_fini(&b);
}

static void
the_ceiling_is_an_error_that_changes_nothing(void **state)
{
	struct buf b;
	size_t room;
	char *at;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_add(&b, STR("123456")), ERR_LIMIT);
	assert_held(&b, "");
	assert_int_equal(buf_add(&b, STR("1234")), OK);
	assert_int_equal(buf_add(&b, STR("56")), ERR_LIMIT);
	assert_int_equal(buf_addf(&b, "%s", "56"), ERR_LIMIT);
	assert_int_equal(buf_room(&b, 2, &at, &room), ERR_LIMIT);
	assert_int_equal(buf_room(&b, SIZE_MAX, &at, &room), ERR_LIMIT);
	assert_held(&b, "1234");
	assert_int_equal(buf_addc(&b, '5'), OK);
	assert_int_equal(buf_addc(&b, '6'), ERR_LIMIT);
	assert_held(&b, "12345");
	/* What was eaten makes room again. */
	buf_eat(&b, 2);
	assert_int_equal(buf_addf(&b, "%s", "67"), OK);
	assert_held(&b, "34567");
	assert_int_equal(buf_addc(&b, '8'), ERR_LIMIT);
	buf_fini(&b);
}

static void
a_queue_of_any_length_needs_little_memory(void **state)
{
	struct buf b;
	unsigned in = 0, out = 0;

	(void)state;
	buf_init(&b, 1000);
	while (out < 100000) {
		while (buf_len(&b) + sizeof(in) <= 700) {
			buf_must(&b, str_at((const char *)&in, sizeof(in)));
			in++;
		}
		for (unsigned i = 0; i < 100; i++, out++) {
			unsigned number;

			memcpy(&number, buf_str(&b).at, sizeof(number));
			assert_int_equal(number, out);
			buf_eat(&b, sizeof(number));
		}
	}
	assert_true(b.size <= 1000);
	buf_fini(&b);
}

static void
room_is_filled_by_the_caller(void **state)
{
	struct buf b;
	size_t room;
	char *at;

	(void)state;
	buf_init(&b, 300);
	assert_int_equal(buf_room(&b, 3, &at, &room), OK);
	assert_in_range(room, 3, 300);
	memset(at, 'x', room);
	buf_grew(&b, 2);
	assert_held(&b, "xx");
	buf_must(&b, STR("abc"));
	assert_held(&b, "xxabc");
	assert_int_equal(buf_room(&b, 295, &at, &room), OK);
	assert_int_equal(room, 295);
	memset(at, 'y', room);
	buf_grew(&b, room);
	assert_int_equal(buf_len(&b), 300);
	assert_int_equal(strlen(buf_cstr(&b)), 300);
	buf_fini(&b);
}

static void
taking_leaves_the_buffer_empty(void **state)
{
	struct buf b;
	size_t len;
	char *taken;

	(void)state;
	buf_init(&b, 100);
	taken = buf_take(&b, &len);
	assert_string_equal(taken, "");
	assert_int_equal(len, 0);
	free(taken);
	buf_must(&b, STR("xxa\0b"));
	buf_eat(&b, 2);
	taken = buf_take(&b, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(taken, "a\0b", 4);
	assert_null(b.mem);
	assert_int_equal(b.max, 100);
	free(taken);
	buf_must(&b, STR("again"));
	taken = buf_take(&b, NULL);
	assert_string_equal(taken, "again");
	free(taken);
}

static void
formats_of_any_length_are_whole(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5000);
	assert_int_equal(buf_addf(&b, "%0*d|", 1000, 7), OK);
	assert_int_equal(buf_addf(&b, "%0*d|", 3000, 8), OK);
	assert_int_equal(buf_addf(&b, "%0*d|", 1000, 9), ERR_LIMIT);
	assert_int_equal(buf_len(&b), 4002);
	assert_int_equal(str_find(buf_str(&b), STR("7|0")), 999);
	assert_true(str_ends(buf_str(&b), STR("8|")));
	buf_fini(&b);
}

static void
a_wiped_buffer_may_be_used_again(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_wipe(&b);
	buf_must(&b, STR("secret"));
	buf_wipe(&b);
	assert_null(b.mem);
	buf_must(&b, STR("0123456789"));
	assert_held(&b, "0123456789");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_owns_nothing),
		cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
		cmocka_unit_test(the_ceiling_is_an_error_that_changes_nothing),
		cmocka_unit_test(a_queue_of_any_length_needs_little_memory),
		cmocka_unit_test(room_is_filled_by_the_caller),
		cmocka_unit_test(taking_leaves_the_buffer_empty),
		cmocka_unit_test(formats_of_any_length_are_whole),
		cmocka_unit_test(a_wiped_buffer_may_be_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
