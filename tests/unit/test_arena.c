/* SPDX-License-Identifier: MIT */
/* test_arena.c - secrets are kept apart, wiped, and their room used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/arena.h"

/* The address sanitizer replaces mlock(2) by nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define MLOCK_IS_IDLE true
#elif defined(__has_feature)
#define MLOCK_IS_IDLE __has_feature(address_sanitizer)
#else
#define MLOCK_IS_IDLE false
#endif

static void
a_secret_is_a_copy_and_wiped_when_dropped(void **state)
{
	char mine[] = "sk-ant-1234";
	struct arena *a;
	struct str got;

	(void)state;
	assert_int_equal(arena_new(1, &a, NULL), OK);
	assert_int_equal(arena_put(a, str_of(mine), &got), OK);
	memset(mine, 'x', sizeof(mine) - 1);
	assert_true(str_eq(got, STR("sk-ant-1234")));
	arena_drop(a, got);
	for (size_t i = 0; i < got.len; i++)
		assert_int_equal(got.at[i], 0);
	arena_free(a);
}

static void
an_empty_secret_costs_nothing(void **state)
{
	struct str got = STR("x");
	struct arena *a;

	(void)state;
	assert_int_equal(arena_new(4096, &a, NULL), OK);
	assert_int_equal(arena_put(a, STR(""), &got), OK);
	assert_int_equal(got.len, 0);
	arena_drop(a, got);
	arena_free(a);
	arena_free(NULL);
}

static void
a_full_arena_says_so_and_works_on(void **state)
{
	char big[4096] = { 'b' };
	struct str all[200];
	struct arena *a;
	size_t n = 0;

	(void)state;
	assert_int_equal(arena_new(4096, &a, NULL), OK);
	assert_int_equal(arena_put(a, str_at(big, sizeof(big)), &all[0]),
	    ERR_FULL);
	while (arena_put(a, STR("0123456789abcdef"), &all[n]) == OK)
		n++;
	assert_int_equal(n, 4096 / 32);
	/* Every second one gives no room for a longer one, both do. */
	for (size_t i = 0; i < n; i += 2)
		arena_drop(a, all[i]);
	assert_int_equal(arena_put(a, str_at(big, 48), &all[199]), ERR_FULL);
	arena_drop(a, all[1]);
	assert_int_equal(arena_put(a, str_at(big, 80), &all[199]), OK);
	arena_drop(a, all[199]);
	for (size_t i = 3; i < n; i += 2)
		arena_drop(a, all[i]);
	assert_int_equal(arena_put(a, str_at(big, 4080), &all[0]), OK);
	arena_free(a);
}

static void
secrets_never_overlap_whatever_the_order(void **state)
{
	struct {
		struct str at;
		char fill;
	} held[64] = { { .fill = 0 } };
	char bytes[700];
	struct arena *a;

	(void)state;
	srand(7);
	assert_int_equal(arena_new(16384, &a, NULL), OK);
	for (int step = 0; step < 20000; step++) {
		size_t i = (size_t)rand() % 64;

		for (size_t k = 0; k < held[i].at.len; k++)
			assert_int_equal(held[i].at.at[k], held[i].fill);
		arena_drop(a, held[i].at);
		held[i].at.len = 0;
		held[i].fill = (char)('a' + step % 26);
		memset(bytes, held[i].fill, sizeof(bytes));
		if (arena_put(a, str_at(bytes, (size_t)rand() % 700),
			&held[i].at) != OK)
			held[i].at.len = 0;
	}
	for (size_t i = 0; i < 64; i++)
		arena_drop(a, held[i].at);
	assert_int_equal(arena_put(a, str_at(bytes, 700), &held[0].at), OK);
	arena_free(a);
}

static void
a_forked_child_finds_nothing(void **state)
{
	struct arena *a;
	struct str got;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(arena_new(4096, &a, NULL), OK);
	assert_int_equal(arena_put(a, STR("secret"), &got), OK);
	pid = fork();
	if (pid == 0)
		_exit(got.at[0] == 0 && got.at[5] == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(str_eq(got, STR("secret")));
	arena_free(a);
}

/* VmFlags of the mapping: "lo" locked, "dd" not dumped, "wf" wiped on fork. */
static void
the_kernel_was_told_all_three_things(void **state)
{
	char line[512], flags[512] = "", *end;
	bool inside = false;
	struct arena *a;
	struct str got;
	FILE *f;

	(void)state;
	assert_int_equal(arena_new(8192, &a, NULL), OK);
	assert_int_equal(arena_put(a, STR("secret"), &got), OK);
	f = fopen("/proc/self/smaps", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		uintptr_t from = strtoul(line, &end, 16);

		if (*end == '-')
			inside = (uintptr_t)got.at >= from &&
			    (uintptr_t)got.at < strtoul(end + 1, NULL, 16);
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			memcpy(flags, line, sizeof(flags));
	}
	fclose(f);
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	if (!MLOCK_IS_IDLE)
		assert_int_equal(strstr(flags, " lo") != NULL,
		    arena_is_locked(a));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_a_copy_and_wiped_when_dropped),
		cmocka_unit_test(an_empty_secret_costs_nothing),
		cmocka_unit_test(a_full_arena_says_so_and_works_on),
		cmocka_unit_test(secrets_never_overlap_whatever_the_order),
		cmocka_unit_test(a_forked_child_finds_nothing),
		cmocka_unit_test(the_kernel_was_told_all_three_things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
