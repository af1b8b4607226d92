/* SPDX-License-Identifier: MIT */
/* test_rec.c - records come back as they went, and damage is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/rec.h"

/* A kind in two versions of the program: the newer knows two fields more, one
 * of them in the middle. */
struct old_rec {
	struct str name;
	uint64_t size;
};
struct new_rec {
	struct str name;
	int64_t balance;
	uint64_t size;
	bool held;
	uint8_t mark[16];
	uint8_t hash[32];
};

static const struct rec_field old_fields[] = {
	{ "name", REC_T_TEXT, 1, offsetof(struct old_rec, name) },
	{ "size", REC_T_U64, 1, offsetof(struct old_rec, size) },
};
static const struct rec_field new_fields[] = {
	{ "name", REC_T_TEXT, 1, offsetof(struct new_rec, name) },
	{ "balance", REC_T_I64, 2, offsetof(struct new_rec, balance) },
	{ "size", REC_T_U64, 1, offsetof(struct new_rec, size) },
	{ "held", REC_T_FLAG, 2, offsetof(struct new_rec, held) },
	{ "mark", REC_T_BYTES16, 2, offsetof(struct new_rec, mark) },
	{ "hash", REC_T_BYTES32, 2, offsetof(struct new_rec, hash) },
};
static const struct rec_kind old_kind = { "thing", 1, old_fields, 2,
	sizeof(struct old_rec) };
static const struct rec_kind new_kind = { "thing", 2, new_fields, 6,
	sizeof(struct new_rec) };

static const struct new_rec example = {
	.name = { "abc", 3 },
	.balance = -3,
	.size = 300,
	.held = true,
	.mark = { 1, 2, 3 },
	.hash = { 9, 8, 7 },
};

static void
an_old_record_lacks_what_came_later(void **state)
{
	struct new_rec got;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&old_kind,
			     &(struct old_rec){
				 .name = STR("abc"), .size = 300 },
			     &b),
	    OK);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(rec_read(&new_kind, buf_str(&b), &got), OK);
	assert_true(str_eq(got.name, STR("abc")));
	assert_int_equal(got.size, 300);
	assert_int_equal(got.balance, 0);
	assert_false(got.held);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(got.mark[i % 16] | got.hash[i], 0);
	buf_fini(&b);
}

static void
a_record_of_a_newer_version_is_not_guessed_at(void **state)
{
	struct old_rec got;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	assert_int_equal(rec_read(&old_kind, buf_str(&b), &got),
	    ERR_UNSUPPORTED);
	buf_fini(&b);
}

static void
the_encoding_is_as_documented(void **state)
{
	static const char want[] = "\x02\x03"
				   "abc"
				   "\x05"
				   "\xac\x02"
				   "\x01";
	struct new_rec got;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	assert_int_equal(buf_len(&b), sizeof(want) - 1 + 16 + 32);
	assert_memory_equal(b.mem, want, sizeof(want) - 1);
	assert_int_equal(rec_read(&new_kind, buf_str(&b), &got), OK);
	assert_int_equal(got.balance, -3);
	assert_true(got.held);
	assert_memory_equal(got.mark, example.mark, 16);
	assert_memory_equal(got.hash, example.hash, 32);
	buf_fini(&b);
}

static void
every_cut_and_every_tail_is_damage(void **state)
{
	struct new_rec got;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_int_equal(rec_read(&new_kind, str_first(buf_str(&b), n),
				     &got),
		    ERR_CORRUPT);
	buf_must(&b, STR("\0"));
	assert_int_equal(rec_read(&new_kind, buf_str(&b), &got), ERR_CORRUPT);
	buf_fini(&b);
}

static void
only_the_shortest_form_is_read(void **state)
{
	const struct {
		struct str bytes;
		enum err want;
	} cases[] = {
		{ STR(""), ERR_CORRUPT },
		{ STR("\0"), ERR_CORRUPT },
		{ STR("\0\0\0"), ERR_CORRUPT },
		{ STR("\x01\0\0"), OK },
		{ STR("\x01\x80\0\0"), ERR_CORRUPT },
		{ STR("\x01\0\x80\0"), ERR_CORRUPT },
		{ STR("\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), OK },
		{ STR("\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		    ERR_CORRUPT },
		{ STR("\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		    ERR_CORRUPT },
		{ STR("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"),
		    ERR_CORRUPT },
		{ STR("\x01\x02x"), ERR_CORRUPT },
		{ STR("\x02\0\0"), ERR_UNSUPPORTED },
	};
	struct old_rec got;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rec_read(&old_kind, cases[i].bytes, &got),
		    cases[i].want);
}

static void
a_flag_is_zero_or_one(void **state)
{
	struct new_rec got;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	assert_int_equal(b.mem[8], 1);
	b.mem[8] = 2;
	assert_int_equal(rec_read(&new_kind, buf_str(&b), &got), ERR_CORRUPT);
	buf_fini(&b);
}

static void
numbers_at_their_edges_come_back(void **state)
{
	static const int64_t signed_ones[] = { 0, 1, -1, 63, -64, 64, -65,
		INT64_MAX, INT64_MIN };
	static const uint64_t unsigned_ones[] = { 0, 127, 128, 16383, 16384,
		UINT32_MAX, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		for (size_t k = 0; k < 7; k++) {
			struct receipt_rec r = { .input = signed_ones[i],
				.total_us = unsigned_ones[k] };
			struct receipt_rec got;
			struct buf b;

			buf_init(&b, 200);
			assert_int_equal(receipt_rec_write(&r, &b), OK);
			assert_int_equal(receipt_rec_read(buf_str(&b), &got),
			    OK);
			assert_int_equal(got.input, signed_ones[i]);
			assert_true(got.total_us == unsigned_ones[k]);
			buf_fini(&b);
		}
	}
}

static void
a_record_over_the_ceiling_leaves_the_buffer_alone(void **state)
{
	size_t whole;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	whole = buf_len(&b);
	buf_fini(&b);
	buf_init(&b, whole);
	assert_int_equal(rec_write(&new_kind, &example, &b), OK);
	assert_int_equal(rec_write(&new_kind, &example, &b), ERR_LIMIT);
	assert_int_equal(buf_len(&b), whole);
	buf_fini(&b);
}

static void
a_failed_read_leaves_the_record_alone(void **state)
{
	struct rollup_rec r = { .requests = 77 };

	(void)state;
	assert_int_equal(rollup_rec_read(STR("\x01\x05"), &r), ERR_CORRUPT);
	assert_int_equal(r.requests, 77);
}

static void
every_kind_comes_back_field_by_field(void **state)
{
	static const struct rec_kind *const kinds[] = { &account_kind,
		&apikey_kind, &receipt_kind, &attempt_kind, &rollup_kind };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const struct rec_kind *k = kinds[i];
		char *in = calloc(2, k->size), *again = in + k->size;
		struct buf b, c;

		assert_in_range(k->version, 1, 255);
		for (size_t f = 0; f < k->count; f++) {
			void *at = in + k->fields[f].offset;

			assert_in_range(k->fields[f].since, 1, k->version);
			if (k->fields[f].type <= REC_T_SEALED)
				*(struct str *)at = str_of(k->fields[f].name);
			else if (k->fields[f].type <= REC_T_I64)
				*(uint64_t *)at = f * 1000 + 1;
			else
				*(bool *)at = true;
		}
		buf_init(&b, 4096);
		buf_init(&c, 4096);
		assert_int_equal(rec_write(k, in, &b), OK);
		assert_int_equal(rec_read(k, buf_str(&b), again), OK);
		assert_int_equal(rec_write(k, again, &c), OK);
		assert_true(str_eq(buf_str(&b), buf_str(&c)));
		for (size_t f = 0; f < k->count; f++)
			if (k->fields[f].type <= REC_T_SEALED)
				assert_true(str_eq(*(struct str *)(again +
						       k->fields[f].offset),
				    str_of(k->fields[f].name)));
		buf_fini(&b);
		buf_fini(&c);
		free(in);
	}
}

static void
attempts_come_out_in_order(void **state)
{
	struct attempt_rec a;
	struct str rest;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(rec_attempts_add(&b,
				     &(struct attempt_rec){
					 .account = STR("north"),
					 .status = 500 + i }),
		    OK);
	rest = buf_str(&b);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_true(rec_attempts_next(&rest, &a));
		assert_int_equal(a.status, 500 + i);
		assert_true(str_eq(a.account, STR("north")));
	}
	assert_int_equal(rest.len, 0);
	assert_false(rec_attempts_next(&rest, &a));
	for (size_t cut = 0; cut < buf_len(&b); cut++) {
		unsigned n = 0;

		rest = str_first(buf_str(&b), cut);
		while (rec_attempts_next(&rest, &a))
			n++;
		assert_int_equal(n, cut / (buf_len(&b) / 3));
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_record_lacks_what_came_later),
		cmocka_unit_test(a_record_of_a_newer_version_is_not_guessed_at),
		cmocka_unit_test(the_encoding_is_as_documented),
		cmocka_unit_test(every_cut_and_every_tail_is_damage),
		cmocka_unit_test(only_the_shortest_form_is_read),
		cmocka_unit_test(a_flag_is_zero_or_one),
		cmocka_unit_test(numbers_at_their_edges_come_back),
		cmocka_unit_test(
		    a_record_over_the_ceiling_leaves_the_buffer_alone),
		cmocka_unit_test(a_failed_read_leaves_the_record_alone),
		cmocka_unit_test(every_kind_comes_back_field_by_field),
		cmocka_unit_test(attempts_come_out_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
