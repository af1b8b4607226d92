/* SPDX-License-Identifier: MIT */
/* storebox.c - a store in a directory of its own, for tests. */
#include "tests/support/storebox.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

/* Longer than any test takes; reaching it is a failure, told by abort(). */
#define PATIENCE_MS 60000

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "storebox: %s\n", what);
	abort();
}

void
storebox_init(struct storebox *b)
{
	const char *tmp = getenv("TMPDIR");

	*b = (struct storebox){ 0 };
	snprintf(b->dir, sizeof(b->dir), "%s/relayd-store-XXXXXX",
	    tmp ? tmp : "/tmp");
	must(mkdtemp(b->dir) != NULL, "no directory for the test");
}

void
storebox_fini(struct storebox *b)
{
	struct dirent *entry;
	char path[512];
	DIR *dir;

	storebox_close(b);
	dir = opendir(b->dir);
	must(dir != NULL, "the directory is gone");
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlink(storebox_path(b, entry->d_name, path));
	closedir(dir);
	must(rmdir(b->dir) == 0, "the directory cannot be removed");
}

enum err
storebox_open(struct storebox *b, const struct store_ops *ops,
    struct why *out_why)
{
	const struct store_conf conf = {
		.ops = ops,
		.dir = b->dir,
		.map_size = b->map_size,
		.arena_size = 64 * 1024,
	};

	must(!b->s, "it is open already");
	return store_open(&conf, &b->s, out_why);
}

void
storebox_start(struct storebox *b)
{
	must(store_start(b->s, NULL) == OK, "the store does not start");
}

void
storebox_close(struct storebox *b)
{
	store_close(b->s);
	b->s = NULL;
}

struct call {
	struct job job;
	storebox_fn *fn;
	void *arg;
	bool done;
};

static enum err
call_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct call *c = (struct call *)j;

	return c->fn(t, c->arg, out_why);
}

static void
call_done(struct job *j)
{
	struct call *c = (struct call *)j;

	c->done = true;
}

enum err
storebox_run(struct storebox *b, enum lane lane, storebox_fn *fn, void *arg,
    struct why *out_why)
{
	struct call c = { .job = { .work = call_work, .done = call_done },
		.fn = fn,
		.arg = arg };

	store_post(b->s, lane, &c.job);
	storebox_wait(b, &c.done);
	if (out_why)
		*out_why = c.job.why;
	return c.job.result;
}

void
storebox_wait(struct storebox *b, const bool *flag)
{
	while (!*flag) {
		struct pollfd p = { .fd = store_fd(b->s), .events = POLLIN };

		must(poll(&p, 1, PATIENCE_MS) == 1, "no completion comes");
		store_collect(b->s);
	}
}

const char *
storebox_path(const struct storebox *b, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", b->dir, name);
	return out;
}

char *
storebox_read(const struct storebox *b, const char *name, size_t *out_len)
{
	char path[512], *bytes;
	FILE *f = fopen(storebox_path(b, name, path), "rbe");
	long len;

	must(f && fseek(f, 0, SEEK_END) == 0, "the file cannot be read");
	len = ftell(f);
	rewind(f);
	bytes = xmalloc((size_t)len + 1);
	*out_len = fread(bytes, 1, (size_t)len, f);
	fclose(f);
	return bytes;
}
