/* SPDX-License-Identifier: MIT */
/* test_backend.c - both backends behave alike. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/mem.h"

#include "store/store.h"

#include "tests/support/storebox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

struct bench {
	const struct store_ops *ops;
	struct storebox box;
	void *db;
};

static int
set_up(void **state, const struct store_ops *ops, size_t map_size)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	storebox_init(&b->box);
	b->ops = ops;
	assert_int_equal(ops->open(b->box.dir, map_size, &b->db, NULL), OK);
	*state = b;
	return 0;
}

static int
set_up_lmdb(void **state)
{
	return set_up(state, &store_lmdb, 0);
}

static int
set_up_small(void **state)
{
	return set_up(state, &store_lmdb, 512 * 1024);
}

static int
set_up_mem(void **state)
{
	return set_up(state, &store_mem, 0);
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	b->ops->close(b->db);
	storebox_fini(&b->box);
	free(b);
	return 0;
}

static void *
begin(struct bench *b, void *parent, bool write)
{
	void *t;

	assert_int_equal(b->ops->begin(b->db, parent, write, &t, NULL), OK);
	return t;
}

static void
commit(struct bench *b, void *t)
{
	assert_int_equal(b->ops->commit(t, NULL), OK);
}

static void
put(struct bench *b, void *t, const char *key, const char *value)
{
	assert_int_equal(b->ops->put(t, TABLE_account, str_of(key),
			     str_of(value)),
	    OK);
}

/* NULL: the key must be unknown. */
static void
expect(struct bench *b, void *t, const char *key, const char *value)
{
	struct str got = STR("untouched");
	enum err e = b->ops->get(t, TABLE_account, str_of(key), &got);

	assert_int_equal(e, value ? OK : ERR_UNKNOWN);
	assert_true(str_eq(got, value ? str_of(value) : STR("untouched")));
}

/* A read transaction that lasts for one look. */
static void
expect_now(struct bench *b, const char *key, const char *value)
{
	void *t = begin(b, NULL, false);

	expect(b, t, key, value);
	b->ops->abort(t);
}

static void
an_empty_store_has_nothing_and_says_so(void **state)
{
	struct bench *b = *state;

	expect_now(b, "a", NULL);
}

static void
what_was_put_is_found_changed_and_deleted(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true);

	put(b, t, "a", "one");
	put(b, t, "b", "");
	expect(b, t, "a", "one");
	put(b, t, "a", "another");
	expect(b, t, "a", "another");
	commit(b, t);
	expect_now(b, "a", "another");
	expect_now(b, "b", "");

	t = begin(b, NULL, true);
	assert_int_equal(b->ops->del(t, TABLE_account, STR("a")), OK);
	assert_int_equal(b->ops->del(t, TABLE_account, STR("a")), ERR_UNKNOWN);
	expect(b, t, "a", NULL);
	commit(b, t);
	expect_now(b, "a", NULL);
	expect_now(b, "b", "");
}

static void
tables_are_apart(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true);
	struct str got;

	put(b, t, "a", "account");
	assert_int_equal(b->ops->put(t, TABLE_setting, STR("a"),
			     STR("setting")),
	    OK);
	assert_int_equal(b->ops->get(t, TABLE_setting, STR("a"), &got), OK);
	assert_true(str_eq(got, STR("setting")));
	assert_int_equal(b->ops->get(t, TABLE_receipt, STR("a"), &got),
	    ERR_UNKNOWN);
	expect(b, t, "a", "account");
	b->ops->abort(t);
}

static void
an_aborted_transaction_leaves_no_trace(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true);

	put(b, t, "a", "one");
	b->ops->abort(t);
	expect_now(b, "a", NULL);
}

static void
a_child_is_taken_in_or_thrown_away_alone(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true), *child;

	put(b, t, "a", "parent");
	child = begin(b, t, true);
	expect(b, child, "a", "parent");
	put(b, child, "a", "child");
	put(b, child, "b", "child");
	b->ops->abort(child);
	expect(b, t, "a", "parent");
	expect(b, t, "b", NULL);

	child = begin(b, t, true);
	assert_int_equal(b->ops->del(child, TABLE_account, STR("a")), OK);
	put(b, child, "c", "child");
	commit(b, child);
	expect(b, t, "a", NULL);
	commit(b, t);
	expect_now(b, "a", NULL);
	expect_now(b, "b", NULL);
	expect_now(b, "c", "child");
}

static void
a_reader_keeps_what_it_saw(void **state)
{
	struct bench *b = *state;
	void *reader, *second, *t = begin(b, NULL, true);

	put(b, t, "a", "old");
	commit(b, t);
	reader = begin(b, NULL, false);
	second = begin(b, NULL, false);
	t = begin(b, NULL, true);
	put(b, t, "a", "new");
	put(b, t, "b", "new");
	expect(b, reader, "a", "old");
	commit(b, t);
	expect(b, reader, "a", "old");
	expect(b, reader, "b", NULL);
	b->ops->abort(reader);
	expect(b, second, "a", "old");
	commit(b, second);
	expect_now(b, "a", "new");
}

struct seen {
	char keys[64];
	size_t len;
	unsigned at_most;
};

static bool
note_key(void *arg, struct str key, struct str value)
{
	struct seen *s = arg;

	/* Each value of the test is its key, twice. */
	assert_int_equal(value.len, 2 * key.len);
	assert_memory_equal(value.at, key.at, key.len);
	memcpy(s->keys + s->len, key.at, key.len);
	s->len += key.len;
	return --s->at_most > 0;
}

static void
a_scan_goes_both_ways_from_any_key(void **state)
{
	static const struct {
		const char *from;
		bool backwards;
		unsigned at_most;
		const char *seen;
	} cases[] = {
		{ "", false, 99, "bbbdf" },
		{ "a", false, 99, "bbbdf" },
		{ "b", false, 99, "bbbdf" },
		{ "ba", false, 99, "bbdf" },
		{ "c", false, 99, "df" },
		{ "f", false, 99, "f" },
		{ "g", false, 99, "" },
		{ "", false, 1, "b" },
		{ "", true, 99, "fdbbb" },
		{ "g", true, 99, "fdbbb" },
		{ "f", true, 99, "fdbbb" },
		{ "e", true, 99, "dbbb" },
		{ "ba", true, 99, "b" },
		{ "b", true, 99, "b" },
		{ "a", true, 99, "" },
		{ "", true, 2, "fd" },
	};
	static const char *const keys[] = { "d", "b", "f", "bb" };
	struct bench *b = *state;
	void *t = begin(b, NULL, true);

	for (size_t i = 0; i < 4; i++) {
		char twice[8];

		snprintf(twice, sizeof(twice), "%s%s", keys[i], keys[i]);
		put(b, t, keys[i], twice);
	}
	commit(b, t);
	/* In a write transaction and in one that reads. */
	for (int write = 0; write < 2; write++) {
		t = begin(b, NULL, write);
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			struct seen seen = { .at_most = cases[i].at_most };

			assert_int_equal(b->ops->scan(t, TABLE_account,
					     str_of(cases[i].from),
					     cases[i].backwards, note_key,
					     &seen),
			    OK);
			assert_string_equal(seen.keys, cases[i].seen);
		}
		b->ops->abort(t);
	}
}

static void
a_scan_of_an_empty_table_sees_nothing(void **state)
{
	struct bench *b = *state;

	for (int write = 0; write < 2; write++) {
		struct seen seen = { .at_most = 99 };
		void *t = begin(b, NULL, write);

		assert_int_equal(b->ops->scan(t, TABLE_flow, STR(""), write,
				     note_key, &seen),
		    OK);
		assert_int_equal(seen.len, 0);
		b->ops->abort(t);
	}
}

static void
a_key_has_1_to_511_bytes(void **state)
{
	static const struct {
		size_t len;
		enum err e;
	} cases[] = {
		{ 0, ERR_VALUE },
		{ 1, OK },
		{ 511, OK },
		{ 512, ERR_VALUE },
		{ 4096, ERR_VALUE },
	};
	struct bench *b = *state;
	char key[4096];

	memset(key, 'k', sizeof(key));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		void *t = begin(b, NULL, true);

		assert_int_equal(b->ops->put(t, TABLE_account,
				     str_at(key, cases[i].len), STR("x")),
		    cases[i].e);
		b->ops->abort(t);
	}
}

/* Against a model: a plain array indexed by the key. */
static void
many_random_writes_come_out_as_in_a_model(void **state)
{
	struct bench *b = *state;
	unsigned model[500] = { 0 }, random = 12345;

	for (int round = 0; round < 40; round++) {
		void *t = begin(b, NULL, true), *in = t;
		unsigned next[500];

		memcpy(next, model, sizeof(next));
		if (round % 2)
			in = begin(b, t, true);
		for (int i = 0; i < 50; i++) {
			char key[8], value[16];
			unsigned k, v;

			random = random * 1103515245 + 12345;
			k = random >> 16;
			v = k % 3 ? k : 0;
			k %= 500;
			snprintf(key, sizeof(key), "%03u", k);
			snprintf(value, sizeof(value), "%u", v);
			if (v)
				put(b, in, key, value);
			else
				assert_int_equal(b->ops->del(in, TABLE_account,
						     str_of(key)),
				    next[k] ? OK : ERR_UNKNOWN);
			next[k] = v;
		}
		if (round % 5 == 4) {
			if (in != t)
				b->ops->abort(in);
			b->ops->abort(t);
			continue;
		}
		if (in != t)
			commit(b, in);
		commit(b, t);
		memcpy(model, next, sizeof(model));
	}
	for (unsigned k = 0; k < 500; k++) {
		char key[8], value[16];

		snprintf(key, sizeof(key), "%03u", k);
		snprintf(value, sizeof(value), "%u", model[k]);
		expect_now(b, key, model[k] ? value : NULL);
	}
}

/* --- only LMDB ------------------------------------------------------------- */

static void
what_was_committed_is_there_after_reopening(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true);

	put(b, t, "a", "one");
	commit(b, t);
	b->ops->close(b->db);
	assert_int_equal(b->ops->open(b->box.dir, 0, &b->db, NULL), OK);
	expect_now(b, "a", "one");
}

static void
files_are_private_and_not_inherited(void **state)
{
	struct bench *b = *state;
	unsigned ours = 0;
	struct stat st;
	char path[512], link[64];

	assert_int_equal(stat(storebox_path(&b->box, "data.mdb", path), &st),
	    0);
	assert_int_equal(st.st_mode & 07777, 0600);
	for (int fd = 0; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path));
		if (n < 0 ||
		    !str_starts(str_at(path, (size_t)n), str_of(b->box.dir)))
			continue;
		ours++;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_true(ours >= 2);
}

static enum err
put_blob(struct bench *b, void *t, unsigned n, size_t len)
{
	char *blob = xmalloc(len), key[16];
	enum err e;

	memset(blob, 'b', len);
	snprintf(key, sizeof(key), "blob%u", n);
	e = b->ops->put(t, TABLE_receipt, str_of(key), str_at(blob, len));
	free(blob);
	return e;
}

static void
a_full_map_refuses_and_takes_again_after_deleting(void **state)
{
	struct bench *b = *state;
	uint64_t used, size;
	unsigned n = 0;
	enum err e;
	void *t;

	do {
		t = begin(b, NULL, true);
		e = put_blob(b, t, n++, 40000);
		if (!e)
			e = b->ops->commit(t, NULL);
		else
			b->ops->abort(t);
		assert_true(n < 100);
	} while (!e);
	assert_int_equal(e, ERR_FULL);
	assert_true(n > 5);
	b->ops->space(b->db, &used, &size);
	assert_int_equal(size, 512 * 1024);
	assert_true(used > size / 2 && used <= size);

	t = begin(b, NULL, true);
	for (unsigned i = 0; i < 3; i++) {
		char key[16];

		snprintf(key, sizeof(key), "blob%u", i);
		assert_int_equal(b->ops->del(t, TABLE_receipt, str_of(key)),
		    OK);
	}
	commit(b, t);
	/* Pages come back two transactions later. */
	for (unsigned i = 0; i < 2; i++) {
		t = begin(b, NULL, true);
		put(b, t, "turn", i ? "one" : "two");
		commit(b, t);
	}
	t = begin(b, NULL, true);
	assert_int_equal(put_blob(b, t, 1000, 40000), OK);
	commit(b, t);
}

static void
a_full_disk_refuses_the_commit_and_nothing_else(void **state)
{
	struct bench *b = *state;
	struct rlimit before, none;
	struct why why = { 0 };
	void *t = begin(b, NULL, true);
	enum err e;

	put(b, t, "a", "kept");
	commit(b, t);
	/* Any write to a file now fails as on a disk without room. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	t = begin(b, NULL, true);
	put(b, t, "a", "lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	e = b->ops->commit(t, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(e, ERR_FULL);
	assert_non_null(strstr(why.text, "commit"));
	expect_now(b, "a", "kept");

	t = begin(b, NULL, true);
	put(b, t, "a", "again");
	commit(b, t);
	expect_now(b, "a", "again");
}

/* LMDB goes on only after a reopening once its root could not be written:
 * jobs must be told so, not left to guess. */
static void
a_root_that_cannot_be_written_closes_the_store(void **state)
{
	struct bench *b = *state;
	char link[64], path[512], data[512];
	struct why why = { 0 };
	void *t = begin(b, NULL, true);
	bool blinded = false;

	put(b, t, "a", "kept");
	commit(b, t);
	storebox_path(&b->box, "data.mdb", data);
	/* Roots go through a descriptor of their own, opened O_DSYNC. */
	for (int fd = 0; fd < 256 && !blinded; fd++) {
		ssize_t n;
		int blind;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path));
		if (n < 0 || !str_eq(str_at(path, (size_t)n), str_of(data)) ||
		    !(fcntl(fd, F_GETFL) & O_DSYNC))
			continue;
		blind = open(data, O_RDONLY | O_CLOEXEC);
		assert_int_equal(dup3(blind, fd, O_CLOEXEC), fd);
		close(blind);
		blinded = true;
	}
	assert_true(blinded);
	t = begin(b, NULL, true);
	put(b, t, "a", "lost");
	assert_int_equal(b->ops->commit(t, &why), ERR_IO);
	for (int i = 0; i < 2; i++) {
		memset(&why, 0, sizeof(why));
		assert_int_equal(b->ops->begin(b->db, NULL, true, &t, &why),
		    ERR_IO);
		assert_non_null(strstr(why.text, "restart relayd"));
	}
	b->ops->close(b->db);
	assert_int_equal(b->ops->open(b->box.dir, 0, &b->db, NULL), OK);
	expect_now(b, "a", "kept");
}

struct reading {
	struct bench *b;
	atomic_bool stop;
	bool failed;
};

/* Reads the first blob over and over, so that it is nearly always inside a
 * transaction when the map is to move. */
static void *
read_on(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->stop)) {
		struct str got = STR("");
		void *t;

		if (r->b->ops->begin(r->b->db, NULL, false, &t, NULL)) {
			r->failed = true;
			return NULL;
		}
		if (r->b->ops->get(t, TABLE_receipt, STR("blob0"), &got))
			r->failed = true;
		for (size_t i = 0; i < got.len; i++)
			r->failed |= got.at[i] != 'b';
		r->b->ops->abort(t);
	}
	return NULL;
}

/* What is put while the disk is full, though the map may grow for it.  Returns
 * whether the commit said so. */
static bool
is_refused(struct bench *b, unsigned n, size_t len)
{
	struct rlimit before, none;
	enum err e = OK;
	void *t;

	getrlimit(RLIMIT_FSIZE, &before);
	none = before;
	none.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	if (!b->ops->begin(b->db, NULL, true, &t, NULL)) {
		e = put_blob(b, t, n, len);
		if (e)
			b->ops->abort(t);
		else
			e = b->ops->commit(t, NULL);
	}
	setrlimit(RLIMIT_FSIZE, &before);
	return e == ERR_FULL;
}

/* In a child process, whose address space is small at first. */
static int
grow(const char *dir)
{
	struct bench b = { .ops = &store_lmdb };
	struct rlimit limit = { .rlim_cur = (rlim_t)72 << 20,
		.rlim_max = RLIM_INFINITY };
	struct reading r = { .b = &b };
	uint64_t used, size, first;
	pthread_t reader = 0;
	void *t;

	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = (rlim_t)72 << 20;
	if (setrlimit(RLIMIT_AS, &limit) || b.ops->open(dir, 0, &b.db, NULL))
		return 1;
	b.ops->space(b.db, &used, &first);
	if (first > (uint64_t)72 << 20)
		return 2;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_AS, &limit))
		return 3;
	for (unsigned n = 0; n < 40; n++) {
		if (n == 1 && pthread_create(&reader, NULL, read_on, &r))
			return 6;
		/* It grows on a full disk as well, and loses nothing. */
		if (n % 3 == 0 && !is_refused(&b, n, (size_t)first / 16))
			return 8;
		if (b.ops->begin(b.db, NULL, true, &t, NULL) ||
		    put_blob(&b, t, n, (size_t)first / 16) ||
		    b.ops->commit(t, NULL))
			return 4;
	}
	atomic_store(&r.stop, true);
	pthread_join(reader, NULL);
	if (r.failed)
		return 7;
	b.ops->space(b.db, &used, &size);
	b.ops->close(b.db);
	return used > first * 2 && size > used ? 0 : 5;
}

static void
a_map_nobody_sized_fits_its_room_and_grows(void **state)
{
	struct storebox box;
	int status;
	pid_t pid;

	(void)state;
	if (SANITIZED)
		skip();
	storebox_init(&box);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(grow(box.dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	storebox_fini(&box);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_file_of_something_else_is_told_apart(void **state)
{
	struct bench *b = *state;
	struct storebox box;
	struct why why = { 0 };
	char path[512], junk[8192];
	void *db;
	FILE *f;

	memset(junk, 'x', sizeof(junk));
	storebox_init(&box);
	f = fopen(storebox_path(&box, "data.mdb", path), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(junk, 1, sizeof(junk), f), sizeof(junk));
	fclose(f);
	assert_int_equal(b->ops->open(box.dir, 0, &db, &why), ERR_CORRUPT);
	assert_string_not_equal(why.text, "");
	storebox_fini(&box);
}

/* --- only memory ----------------------------------------------------------- */

static void
memory_fails_at_the_call_it_was_told_to_once(void **state)
{
	struct bench *b = *state;
	void *t = begin(b, NULL, true);

	store_mem_fail(b->db, 2, ERR_FULL);
	put(b, t, "a", "one");
	assert_int_equal(b->ops->put(t, TABLE_account, STR("b"), STR("x")),
	    ERR_FULL);
	expect(b, t, "b", NULL);
	put(b, t, "b", "two");
	store_mem_fail(b->db, 1, ERR_IO);
	assert_int_equal(b->ops->del(t, TABLE_account, STR("b")), ERR_IO);
	expect(b, t, "b", "two");
	store_mem_fail(b->db, 1, ERR_IO);
	assert_int_equal(b->ops->commit(t, NULL), ERR_IO);
	expect_now(b, "a", NULL);

	t = begin(b, NULL, true);
	store_mem_fail(b->db, 1, ERR_IO);
	store_mem_fail(b->db, 0, ERR_IO);
	put(b, t, "a", "one");
	commit(b, t);
	expect_now(b, "a", "one");
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
		BOTH(an_empty_store_has_nothing_and_says_so),
		BOTH(what_was_put_is_found_changed_and_deleted),
		BOTH(tables_are_apart),
		BOTH(an_aborted_transaction_leaves_no_trace),
		BOTH(a_child_is_taken_in_or_thrown_away_alone),
		BOTH(a_reader_keeps_what_it_saw),
		BOTH(a_scan_goes_both_ways_from_any_key),
		BOTH(a_scan_of_an_empty_table_sees_nothing),
		BOTH(a_key_has_1_to_511_bytes),
		BOTH(many_random_writes_come_out_as_in_a_model),
		ON(what_was_committed_is_there_after_reopening, lmdb),
		ON(files_are_private_and_not_inherited, lmdb),
		ON(a_full_map_refuses_and_takes_again_after_deleting, small),
		ON(a_full_disk_refuses_the_commit_and_nothing_else, lmdb),
		ON(a_root_that_cannot_be_written_closes_the_store, lmdb),
		ON(a_map_nobody_sized_fits_its_room_and_grows, mem),
		ON(a_file_of_something_else_is_told_apart, lmdb),
		ON(memory_fails_at_the_call_it_was_told_to_once, mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
