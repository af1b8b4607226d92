/* SPDX-License-Identifier: MIT */
/* test_reopen.c - who may open a store, and what is there after a kill. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "tests/support/storebox.h"

static int
set_up(void **state)
{
	struct storebox *b = xcalloc(1, sizeof(*b));
	struct why why = { 0 };

	storebox_init(b);
	if (storebox_open(b, &store_lmdb, &why)) {
		print_error("%s: %s\n", why.field, why.text);
		return -1;
	}
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct storebox *b = *state;

	storebox_fini(b);
	free(b);
	return 0;
}

static void
reopen_refused(struct storebox *b, enum err e, const char *field,
    const char *text)
{
	struct why why = { 0 };
	size_t len, len_after;
	char *bytes = storebox_read(b, "data.mdb", &len), *after;

	assert_int_equal(storebox_open(b, &store_lmdb, &why), e);
	assert_string_equal(why.field, field);
	assert_non_null(strstr(why.text, text));
	after = storebox_read(b, "data.mdb", &len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(bytes, after, len);
	free(bytes);
	free(after);
}

static void
a_second_daemon_is_told_who_has_the_store(void **state)
{
	struct storebox *b = *state, second = *b;
	char text[600];

	second.s = NULL;
	snprintf(text, sizeof(text), "another relayd (pid %ld) uses %s",
	    (long)getpid(), b->dir);
	reopen_refused(&second, ERR_BUSY, "state", text);
	storebox_close(b);
	assert_int_equal(storebox_open(b, &store_lmdb, NULL), OK);
}

static void
a_directory_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0755, 0710, 0701, 0770 };
	struct storebox *b = *state;

	storebox_close(b);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(chmod(b->dir, modes[i]), 0);
		reopen_refused(b, ERR_DENIED, "state", "chmod 700");
	}
	assert_int_equal(chmod(b->dir, 0700), 0);
	assert_int_equal(storebox_open(b, &store_lmdb, NULL), OK);
}

static void
a_missing_directory_is_made_for_us_alone(void **state)
{
	struct storebox *b = *state, inner = { 0 };
	struct stat st;

	snprintf(inner.dir, sizeof(inner.dir), "%.200s/inner", b->dir);
	assert_int_equal(storebox_open(&inner, &store_mem, NULL), OK);
	assert_int_equal(stat(inner.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	storebox_fini(&inner);
	snprintf(inner.dir, sizeof(inner.dir), "%.200s/no/inner", b->dir);
	assert_int_equal(storebox_open(&inner, &store_mem, NULL), ERR_UNKNOWN);
}

static void
write_key(struct storebox *b, const char *bytes)
{
	char path[512];
	FILE *f;

	storebox_path(b, "master.key", path);
	unlink(path);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, 32, f), 32);
	fclose(f);
	assert_int_equal(chmod(path, 0400), 0);
}

static void
another_master_key_is_refused(void **state)
{
	struct storebox *b = *state;
	size_t len;
	char *key;

	storebox_close(b);
	key = storebox_read(b, "master.key", &len);
	assert_int_equal(len, 32);
	write_key(b, "thirty-two bytes of another key!");
	reopen_refused(b, ERR_CRYPTO, "master key", "not the master key");
	write_key(b, key);
	free(key);
	assert_int_equal(storebox_open(b, &store_lmdb, NULL), OK);
}

static void
a_lost_master_key_is_not_made_anew(void **state)
{
	struct storebox *b = *state;
	char path[512];
	struct why why = { 0 };

	storebox_close(b);
	assert_int_equal(unlink(storebox_path(b, "master.key", path)), 0);
	assert_int_not_equal(storebox_open(b, &store_lmdb, &why), OK);
	assert_string_not_equal(why.text, "");
	assert_int_equal(access(path, F_OK), -1);
}

static enum err
version_work(struct txn *t, void *arg, struct why *out_why)
{
	(void)out_why;
	return txn_put(t, TABLE_meta, STR("schema"), str_of(arg));
}

static enum err
lose_work(struct txn *t, void *arg, struct why *out_why)
{
	(void)out_why;
	return txn_del(t, TABLE_meta, str_of(arg));
}

static void
a_newer_schema_is_refused(void **state)
{
	struct storebox *b = *state;
	char newer[] = "1000";

	storebox_start(b);
	assert_int_equal(storebox_run(b, LANE_WRITE, version_work, newer, NULL),
	    OK);
	storebox_close(b);
	reopen_refused(b, ERR_UNSUPPORTED, "schema", "newer relayd");
}

static void
a_schema_that_is_no_number_is_refused(void **state)
{
	struct storebox *b = *state;
	char damaged[] = "one";

	storebox_start(b);
	assert_int_equal(storebox_run(b, LANE_WRITE, version_work, damaged,
			     NULL),
	    OK);
	storebox_close(b);
	reopen_refused(b, ERR_CORRUPT, "schema", "not a number");
}

static void
a_store_without_its_check_value_is_refused(void **state)
{
	struct storebox *b = *state;
	char check[] = "check";

	storebox_start(b);
	assert_int_equal(storebox_run(b, LANE_WRITE, lose_work, check, NULL),
	    OK);
	storebox_close(b);
	reopen_refused(b, ERR_CORRUPT, "master key", "check value");
}

/* As a daemon leaves it that the power took with it. */
static void
forge_power_cut(struct storebox *b)
{
	char path[512];
	FILE *f = fopen(storebox_path(b, "lock", path), "wb");

	assert_non_null(f);
	assert_true(fputs("4711\nanother boot\n", f) >= 0);
	fclose(f);
}

static void
after_a_power_cut_a_sound_store_opens(void **state)
{
	struct storebox *b = *state;
	size_t len;
	char *text;

	storebox_close(b);
	forge_power_cut(b);
	assert_int_equal(storebox_open(b, &store_lmdb, NULL), OK);
	text = storebox_read(b, "lock", &len);
	assert_int_equal(strtol(text, NULL, 10), getpid());
	free(text);
	storebox_close(b);
	free(storebox_read(b, "lock", &len));
	assert_int_equal(len, 0);
}

static void
after_a_power_cut_a_damaged_store_is_refused(void **state)
{
	struct storebox *b = *state;
	char path[512], page[4096] = { 0 };
	struct stat st;
	int fd;

	storebox_close(b);
	/* All but the two roots is lost. */
	fd = open(storebox_path(b, "data.mdb", path), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 2 * 4096; at < st.st_size; at += 4096)
		assert_int_equal(pwrite(fd, page, 4096, at), 4096);
	close(fd);
	forge_power_cut(b);
	/* However often one tries. */
	for (int i = 0; i < 2; i++)
		reopen_refused(b, ERR_CORRUPT, "store", "restore a backup");
}

static void
a_first_start_that_failed_is_no_hindrance(void **state)
{
	struct storebox fresh;
	char path[512];
	struct store_conf conf = { .ops = &store_lmdb };
	struct why why = { 0 };
	struct store *s;

	(void)state;
	storebox_init(&fresh);
	conf.dir = fresh.dir;
	conf.key_file = storebox_path(&fresh, "nowhere", path);
	assert_int_not_equal(store_open(&conf, &s, &why), OK);
	assert_string_not_equal(why.text, "");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(storebox_open(&fresh, &store_lmdb, NULL), OK);
	storebox_fini(&fresh);
}

/* --- kill -9 --------------------------------------------------------------- */

enum {
	KILLS = 20,
	IN_FLIGHT = 8
};

/* Puts numbered keys, several at a time, and says each that is acknowledged
 * through the pipe. */
struct number {
	struct job job;
	unsigned n;
	int say;
	struct store *s;
	unsigned *next;
};

static enum err
number_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct number *n = (struct number *)j;
	char key[16];
	int len = snprintf(key, sizeof(key), "%08u", n->n);

	(void)out_why;
	return txn_put(t, TABLE_receipt, str_at(key, (size_t)len), STR("here"));
}

static void
number_done(struct job *j)
{
	struct number *n = (struct number *)j;

	if (j->result ||
	    write(n->say, &n->n, sizeof(n->n)) != (ssize_t)sizeof(n->n))
		_exit(1);
	n->n = (*n->next)++;
	store_post(n->s, LANE_WRITE, j);
}

static void
write_until_killed(struct storebox *b, unsigned from, int say)
{
	struct number numbers[IN_FLIGHT];
	unsigned next = from;
	const bool never = false;

	if (storebox_open(b, &store_lmdb, NULL))
		_exit(1);
	storebox_start(b);
	for (int i = 0; i < IN_FLIGHT; i++) {
		numbers[i] = (struct number){
			.job = { .work = number_work, .done = number_done },
			.n = next++,
			.say = say,
			.s = b->s,
			.next = &next,
		};
		store_post(b->s, LANE_WRITE, &numbers[i].job);
	}
	storebox_wait(b, &never);
}

struct numbers {
	unsigned char *said;
	unsigned count;
};

static enum err
check_work(struct txn *t, void *arg, struct why *out_why)
{
	struct numbers *all = arg;

	(void)out_why;
	for (unsigned n = 0; n < all->count; n++) {
		char key[16];
		int len = snprintf(key, sizeof(key), "%08u", n);
		struct str got;

		if (all->said[n] &&
		    (txn_get(t, TABLE_receipt, str_at(key, (size_t)len),
			 &got) ||
			!str_eq(got, STR("here"))))
			return ERR_CORRUPT;
	}
	return OK;
}

/* One life: killed after it acknowledged `acks` jobs. */
static unsigned
live_and_die(struct storebox *b, struct numbers *all, unsigned acks)
{
	unsigned n, from = all->count, heard = 0;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		write_until_killed(b, from, ends[1]);
	}
	close(ends[1]);
	while (read(ends[0], &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		assert_true(n >= from && n < from + 100000);
		while (all->count <= n) {
			all->said = xrealloc(all->said, all->count + 1);
			all->said[all->count++] = 0;
		}
		all->said[n] = 1;
		if (++heard == acks)
			kill(pid, SIGKILL);
	}
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_true(heard >= acks);
	/* What was under way may be there or not; its numbers are not used
	 * again. */
	for (int i = 0; i < IN_FLIGHT; i++) {
		all->said = xrealloc(all->said, all->count + 1);
		all->said[all->count++] = 0;
	}
	return heard;
}

static void
what_was_acknowledged_outlives_a_kill(void **state)
{
	struct storebox *b = *state;
	struct numbers all = { 0 };
	unsigned seed = (unsigned)getpid(), heard = 0;

	storebox_close(b);
	for (int i = 0; i < KILLS; i++) {
		seed = seed * 1103515245 + 12345;
		heard += live_and_die(b, &all, 1 + (seed >> 16) % 100);
		assert_int_equal(storebox_open(b, &store_lmdb, NULL), OK);
		storebox_start(b);
		assert_int_equal(storebox_run(b, LANE_READ, check_work, &all,
				     NULL),
		    OK);
		storebox_close(b);
	}
	assert_true(heard >= KILLS);
	free(all.said);
}

#define OPENED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPENED(a_second_daemon_is_told_who_has_the_store),
		OPENED(a_directory_open_to_others_is_refused),
		OPENED(a_missing_directory_is_made_for_us_alone),
		OPENED(another_master_key_is_refused),
		OPENED(a_lost_master_key_is_not_made_anew),
		OPENED(a_newer_schema_is_refused),
		OPENED(a_schema_that_is_no_number_is_refused),
		OPENED(a_store_without_its_check_value_is_refused),
		OPENED(after_a_power_cut_a_sound_store_opens),
		OPENED(after_a_power_cut_a_damaged_store_is_refused),
		cmocka_unit_test(a_first_start_that_failed_is_no_hindrance),
		OPENED(what_was_acknowledged_outlives_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
