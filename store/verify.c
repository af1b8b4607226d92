/* SPDX-License-Identifier: MIT */
/* verify.c - read a store in a process of its own, which damage may kill.
 *
 * The child says one byte through a pipe when it came through; silence is
 * damage, whichever way it died.  Exit statuses are not asked: who started us
 * may have SIGCHLD ignored. */
#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define PATIENCE_S 10

struct walk {
	time_t until;
	unsigned char sum; /* so that the values are read, too */
};

static time_t
clock_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static bool
walk_pair(void *arg, struct str key, struct str value)
{
	struct walk *w = arg;

	for (size_t i = 0; i < key.len; i++)
		w->sum ^= (unsigned char)key.at[i];
	for (size_t i = 0; i < value.len; i++)
		w->sum ^= (unsigned char)value.at[i];
	return clock_s() < w->until;
}

static bool
walk_all(const struct store_ops *ops, const char *dir, size_t map_size)
{
	struct walk w = { .until = clock_s() + PATIENCE_S };
	void *db, *txn = NULL;
	enum err e = ops->open(dir, map_size, &db, NULL);

	if (!e)
		e = ops->begin(db, NULL, false, &txn, NULL);
	for (int t = 0; !e && t < TABLE_COUNT; t++)
		e = ops->scan(txn, (enum table)t, STR(""), false, walk_pair,
		    &w);
	return !e;
}

static void
child_main(const struct store_ops *ops, const char *dir, size_t map_size,
    int say)
{
	const struct rlimit none = { 0, 0 };
	bool ok;

	/* Its death is an answer, not something to keep a core of. */
	setrlimit(RLIMIT_CORE, &none);
	ok = walk_all(ops, dir, map_size) && write(say, "", 1) == 1;
	_exit(ok ? 0 : 1);
}

enum err
verify_store(const struct store_ops *ops, const char *dir, size_t map_size,
    struct why *out_why)
{
	int ends[2];
	ssize_t n;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return why_set(out_why, ERR_LIMIT, "store",
		    "no descriptor left to look at the database");
	pid = fork();
	if (pid == 0)
		child_main(ops, dir, map_size, ends[1]);
	close(ends[1]);
	do
		n = pid < 0 ? -1 : read(ends[0], &byte, 1);
	while (n < 0 && pid > 0 && errno == EINTR);
	close(ends[0]);
	if (pid < 0)
		return why_set(out_why, ERR_LIMIT, "store",
		    "cannot start a process to look at the database");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (n != 1)
		return why_set(out_why, ERR_CORRUPT, "store",
		    "the database in %s is damaged: restore a backup", dir);
	return OK;
}
