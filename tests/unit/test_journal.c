/* SPDX-License-Identifier: MIT */
/* test_journal.c - what was acknowledged is there after a kill, and damage is
 * never taken for an entry. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/crc32c.h"
#include "store/journal.h"

#define SMALL (64 + 2 * JOURNAL_ENTRY_MAX + 4096)

static int
folder_make(void **state)
{
	char *dir = strdup("/tmp/journal-test.XXXXXX");

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int
folder_remove(void **state)
{
	char *command;

	if (asprintf(&command, "rm -rf '%s'", (char *)*state) < 0 ||
	    system(command) != 0)
		return -1;
	free(command);
	free(*state);
	return 0;
}

static struct journal *
ring(const char *dir, size_t bytes)
{
	struct journal *j;
	struct why why = { .text = "" };

	if (journal_new(dir, bytes, &j, &why))
		fail_msg("%s", why.text);
	return j;
}

/* Entry n: its number, then as many bytes as the number says. */
static size_t
entry_make(uint32_t n, char *out)
{
	size_t len = 4 + n * 37 % 600;

	memcpy(out, &n, 4);
	memset(out + 4, (int)(n & 0xff), len - 4);
	return len;
}

static void
entry_check(uint32_t n, struct str got)
{
	char want[1024];
	size_t len = entry_make(n, want);

	assert_int_equal(got.len, len);
	assert_memory_equal(got.at, want, len);
}

static void
the_checksum_is_castagnolis(void **state)
{
	char bytes[300];

	(void)state;
	assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
	assert_int_equal(crc32c_scalar(0, STR("123456789")), 0xe3069283);
	srand(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)rand();
	for (size_t n = 0; n < sizeof(bytes); n++) {
		struct str s = str_at(bytes, n);
		uint32_t whole = crc32c(0, s);

		assert_int_equal(whole, crc32c_scalar(0, s));
		assert_int_equal(whole,
		    crc32c(crc32c(0, str_first(s, n / 3)), str_skip(s, n / 3)));
	}
}

static void
entries_come_out_as_they_went_in(void **state)
{
	struct journal *j = ring(*state, SMALL);
	uint64_t at = 0;
	struct str got;
	uint8_t kind;

	assert_false(journal_next(j, &at, &kind, &got));
	assert_int_equal(journal_append(j, 1, STR("one")), OK);
	assert_int_equal(journal_append(j, 2, STR("")), OK);
	assert_true(journal_next(j, &at, &kind, &got));
	assert_int_equal(kind, 1);
	assert_true(str_eq(got, STR("one")));
	assert_true(journal_next(j, &at, &kind, &got));
	assert_int_equal(kind, 2);
	assert_int_equal(got.len, 0);
	assert_false(journal_next(j, &at, &kind, &got));
	journal_remove(j);
	journal_close(NULL);
	journal_remove(NULL);
}

static void
a_full_ring_says_so_until_it_is_released(void **state)
{
	char big[JOURNAL_ENTRY_MAX + 1] = { 0 };
	struct journal *j = ring(*state, SMALL);
	struct str got, whole = str_at(big, JOURNAL_ENTRY_MAX);
	uint64_t at = 0;
	uint8_t kind;

	assert_int_equal(journal_append(j, 1, str_at(big, sizeof(big))),
	    ERR_LIMIT);
	assert_int_equal(journal_fill(j), 0);
	assert_int_equal(journal_append(j, 1, whole), OK);
	assert_int_equal(journal_append(j, 1, whole), OK);
	assert_int_equal(journal_append(j, 1, whole), ERR_FULL);
	assert_in_range(journal_fill(j), 70, 90);
	assert_true(journal_next(j, &at, &kind, &got));
	assert_int_equal(journal_append(j, 1, whole), ERR_FULL);
	journal_release(j, at);
	assert_int_equal(journal_append(j, 1, whole), OK);
	assert_true(journal_next(j, &at, &kind, &got));
	assert_true(journal_next(j, &at, &kind, &got));
	assert_false(journal_next(j, &at, &kind, &got));
	journal_release(j, at);
	assert_int_equal(journal_fill(j), 0);
	journal_remove(j);
}

static void
many_laps_lose_and_tear_nothing(void **state)
{
	struct journal *j = ring(*state, SMALL), *again;
	uint32_t in = 0, out = 0, released_n = 0;
	uint64_t at = 0, released = 0;
	char bytes[1024];
	struct str got;
	uint8_t kind;

	srand(3);
	while (out < 20000) {
		while (rand() % 40 != 0) {
			size_t n = entry_make(in, bytes);

			if (journal_append(j, 1, str_at(bytes, n)))
				break;
			in++;
		}
		while (rand() % 40 != 0 && journal_next(j, &at, &kind, &got))
			entry_check(out++, got);
		if (rand() % 2) {
			journal_release(j, at);
			released = at;
			released_n = out;
		}
	}
	/* Another run finds exactly what was not released. */
	assert_int_equal(journal_open(journal_path(j), &again, NULL), OK);
	assert_true(journal_id(again) == journal_id(j));
	at = released;
	for (uint32_t n = released_n; n < in; n++) {
		assert_true(journal_next(again, &at, &kind, &got));
		entry_check(n, got);
	}
	assert_false(journal_next(again, &at, &kind, &got));
	journal_close(again);
	journal_remove(j);
}

static void
an_entry_of_another_ring_is_not_read(void **state)
{
	struct journal *a = ring(*state, SMALL), *b = ring(*state, SMALL);
	char bytes[200];
	struct str got;
	uint64_t at = 0;
	uint8_t kind;
	FILE *f;

	assert_int_equal(journal_append(a, 1, STR("mine")), OK);
	f = fopen(journal_path(a), "r");
	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	fclose(f);
	f = fopen(journal_path(b), "r+");
	assert_non_null(f);
	fseek(f, 64, SEEK_SET);
	assert_int_equal(fwrite(bytes + 64, 1, 100, f), 100);
	fclose(f);
	journal_close(a);
	assert_int_equal(journal_open(journal_path(b), &a, NULL), OK);
	assert_false(journal_next(a, &at, &kind, &got));
	journal_close(a);
	journal_remove(b);
}

static void
every_flipped_bit_ends_the_reading_before_it(void **state)
{
	struct journal *j = ring(*state, SMALL), *r;
	char bytes[1024], *path = strdup(journal_path(j));
	size_t ends[3], end = 64;
	struct str got;
	uint8_t kind;
	int fd;

	for (uint32_t n = 0; n < 3; n++) {
		size_t len = entry_make(n, bytes);

		assert_int_equal(journal_append(j, 1, str_at(bytes, len)), OK);
		ends[n] = end + 17 + len;
		end += (17 + len + 7) / 8 * 8;
	}
	journal_close(j);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (size_t i = 64; i < ends[2]; i++) {
		uint64_t at = 0;
		uint32_t n = 0;
		char byte, bad;

		assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
		bad = (char)(byte ^ 1 << i % 8);
		assert_int_equal(pwrite(fd, &bad, 1, (off_t)i), 1);
		assert_int_equal(journal_open(path, &r, NULL), OK);
		while (journal_next(r, &at, &kind, &got))
			entry_check(n++, got);
		/* The padding between entries says nothing. */
		assert_int_equal(n,
		    i < ends[0]			    ? 0
			: i < (ends[0] + 7) / 8 * 8 ? 3
			: i < ends[1]		    ? 1
			: i < (ends[1] + 7) / 8 * 8 ? 3
						    : 2);
		journal_close(r);
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
	}
	close(fd);
	free(path);
}

static void
what_is_no_ring_is_refused(void **state)
{
	static const struct {
		off_t at; /* which byte of the head is changed; -1: the size */
		enum err want;
	} cases[] = {
		{ 0, ERR_UNSUPPORTED },
		{ 8, ERR_CORRUPT },
		{ 16, ERR_CORRUPT },
		{ 24, ERR_CORRUPT },
		{ -1, ERR_CORRUPT },
	};
	struct why why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal *j = ring(*state, SMALL), *r;
		char *path = strdup(journal_path(j));
		char byte;
		int fd;

		journal_close(j);
		fd = open(path, O_RDWR);
		assert_true(fd >= 0);
		if (cases[i].at < 0) {
			assert_int_equal(ftruncate(fd, SMALL - 100), 0);
		} else {
			assert_int_equal(pread(fd, &byte, 1, cases[i].at), 1);
			byte ^= 4;
			assert_int_equal(pwrite(fd, &byte, 1, cases[i].at), 1);
		}
		close(fd);
		assert_int_equal(journal_open(path, &r, &why), cases[i].want);
		assert_string_not_equal(why.text, "");
		free(path);
	}
}

struct seen {
	uint64_t ids[8];
	unsigned count, stop_after;
};

static enum err
note(void *arg, const char *path, struct why *out_why)
{
	struct seen *s = arg;
	struct journal *j;
	enum err e = journal_open(path, &j, out_why);

	assert_int_equal(e, OK);
	s->ids[s->count++] = journal_id(j);
	journal_close(j);
	return s->count == s->stop_after ? ERR_IO : OK;
}

static void
rings_are_listed_in_the_order_they_were_made(void **state)
{
	struct journal *j[5];
	struct seen all = { .count = 0 }, some = { .stop_after = 2 };
	char *stray;

	for (int i = 0; i < 5; i++)
		j[i] = ring(*state, SMALL);
	assert_true(asprintf(&stray, "%s/journal-xyz.ring", (char *)*state) >
	    0);
	close(open(stray, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(journal_each(*state, j[2], note, &all, NULL), OK);
	assert_int_equal(all.count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(all.ids[i] == journal_id(j[i < 2 ? i : i + 1]));
	assert_int_equal(journal_each(*state, NULL, note, &some, NULL), ERR_IO);
	assert_int_equal(some.count, 2);
	for (int i = 0; i < 5; i++)
		journal_remove(j[i]);
	all.count = 0;
	assert_int_equal(journal_each(*state, NULL, note, &all, NULL), OK);
	assert_int_equal(all.count, 0);
	free(stray);
}

/* --- promises -------------------------------------------------------------- */

/* What a random life keeps of its ring. */
struct life {
	struct journal *j;
	uint32_t made, read;	 /* entries appended, and read back */
	uint64_t at;		 /* how far the reader is */
	unsigned promises, full; /* open now; how often something was refused */
};

static void
life_read(struct life *l, unsigned most)
{
	struct str got;
	uint8_t kind;

	while (most-- && journal_next(l->j, &l->at, &kind, &got)) {
		assert_true(got.len >= 4);
		assert_memory_equal(got.at, &l->read, 4);
		l->read++;
	}
	journal_release(l->j, l->at);
}

/* An entry holds its number; the rest of it does not matter. */
static struct str
life_entry(struct life *l, char *bytes, size_t most)
{
	memcpy(bytes, &l->made, 4);
	return str_at(bytes, 4 + (size_t)rand() % (most - 3));
}

static void
life_step(struct life *l)
{
	char bytes[2000] = "";

	switch (rand() % 4) {
	case 0:
		if (journal_promise(l->j))
			l->full++;
		else
			l->promises++;
		break;
	case 1:
		if (journal_append(l->j, 1,
			life_entry(l, bytes, sizeof(bytes))))
			l->full++;
		else
			l->made++;
		break;
	case 2:
		if (!l->promises)
			break;
		journal_redeem(l->j, 2,
		    life_entry(l, bytes, JOURNAL_PROMISE_MAX));
		l->made++;
		l->promises--;
		break;
	default:
		if (rand() % 8 == 0 && l->promises) {
			journal_forgo(l->j);
			l->promises--;
		}
	}
}

static void
a_promise_is_kept_however_full_the_ring_is(void **state)
{
	unsigned full = 0;

	srand(23);
	for (int round = 0; round < 200; round++) {
		struct life l = { .j = ring(*state, SMALL) };
		char bytes[JOURNAL_PROMISE_MAX] = "";

		for (int i = 0; i < 400; i++) {
			life_step(&l);
			if (rand() % (1 + round % 40) == 0)
				life_read(&l, (unsigned)rand() % 20);
		}
		/* The reader stands still, and all of them come at once, at
		 * their longest. */
		while (l.promises) {
			memcpy(bytes, &l.made, 4);
			journal_redeem(l.j, 2, str_at(bytes, sizeof(bytes)));
			l.promises--;
			l.made++;
		}
		life_read(&l, UINT_MAX);
		assert_int_equal(l.read, l.made);
		assert_int_equal(journal_fill(l.j), 0);
		full += l.full;
		journal_remove(l.j);
	}
	assert_true(full > 1000);
}

static void
a_ring_promises_nearly_all_it_has(void **state)
{
	struct journal *j = ring(*state, JOURNAL_BYTES);
	char bytes[JOURNAL_PROMISE_MAX] = "";
	unsigned n = 0;

	while (!journal_promise(j))
		n++;
	/* More than the streams that one daemon is made for. */
	assert_in_range(n, 14000, 15000);
	assert_int_equal(journal_append(j, 1, str_at(bytes, sizeof(bytes))),
	    ERR_FULL);
	journal_forgo(j);
	assert_int_equal(journal_append(j, 1, str_at(bytes, sizeof(bytes))),
	    OK);
	journal_remove(j);
}

/* --- the kill -------------------------------------------------------------- */

/* Said by the child after each entry: it is in, and reading begins there. */
struct ack {
	uint32_t in, first;
	uint64_t at;
};

static void
child_write(int to, const struct ack *a)
{
	if (write(to, a, sizeof(*a)) != (ssize_t)sizeof(*a))
		_exit(1);
}

/* Appends for ever; drains what it does not announce any more, as the writer
 * does: first told (there: committed), then released. */
static void
child_run(const char *dir, int to)
{
	struct ack a = { .in = 0 };
	char bytes[1024];
	struct journal *j;
	struct str got;
	uint8_t kind;

	if (journal_new(dir, SMALL, &j, NULL))
		_exit(1);
	for (;;) {
		size_t len = entry_make(a.in, bytes);

		if (journal_append(j, 1, str_at(bytes, len)) == OK) {
			a.in++;
			child_write(to, &a);
			continue;
		}
		for (int i = 0; i < 20; i++, a.first++)
			if (!journal_next(j, &a.at, &kind, &got))
				_exit(1);
		child_write(to, &a);
		journal_release(j, a.at);
	}
}

static enum err
read_back(void *arg, const char *path, struct why *out_why)
{
	struct ack *last = arg;
	uint32_t n = last->first;
	uint64_t at = last->at;
	struct journal *j;
	struct str got;
	uint8_t kind;
	enum err e;

	e = journal_open(path, &j, out_why);
	if (e)
		return e;
	while (journal_next(j, &at, &kind, &got))
		entry_check(n++, got);
	/* All that were acknowledged; the one after may have got in too. */
	assert_in_range(n, last->in, last->in + 1);
	journal_remove(j);
	return OK;
}

static void
a_kill_loses_nothing_that_was_acknowledged(void **state)
{
	srand(11);
	for (int round = 0; round < 50; round++) {
		struct ack a, last = { .in = 0 };
		int ends[2], acks = 1 + rand() % 700;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			close(ends[0]);
			child_run(*state, ends[1]);
		}
		close(ends[1]);
		for (int i = 0; i < acks; i++) {
			assert_int_equal(read(ends[0], &a, sizeof(a)),
			    sizeof(a));
			last = a;
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		/* What it still said before it died counts as well. */
		while (read(ends[0], &a, sizeof(a)) == (ssize_t)sizeof(a))
			last = a;
		close(ends[0]);
		assert_int_equal(journal_each(*state, NULL, read_back, &last,
				     NULL),
		    OK);
	}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_castagnolis),
		TEST(entries_come_out_as_they_went_in),
		TEST(a_full_ring_says_so_until_it_is_released),
		TEST(many_laps_lose_and_tear_nothing),
		TEST(an_entry_of_another_ring_is_not_read),
		TEST(every_flipped_bit_ends_the_reading_before_it),
		TEST(what_is_no_ring_is_refused),
		TEST(rings_are_listed_in_the_order_they_were_made),
		TEST(a_promise_is_kept_however_full_the_ring_is),
		TEST(a_ring_promises_nearly_all_it_has),
		TEST(a_kill_loses_nothing_that_was_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
