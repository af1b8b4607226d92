/* SPDX-License-Identifier: MIT */
/* storebox.h - a store in a directory of its own, for tests.
 *
 * Jobs are run to their end, so a test reads from top to bottom. */
#ifndef TESTS_SUPPORT_STOREBOX_H
#define TESTS_SUPPORT_STOREBOX_H

#include "store/store.h"

struct storebox {
	char dir[256];
	struct store *s;
	size_t map_size; /* for the next open; 0: default */
};

/* A new empty directory; the store is not opened yet. */
void storebox_init(struct storebox *b);
/* Close what is open and remove the directory. */
void storebox_fini(struct storebox *b);

enum err storebox_open(struct storebox *b, const struct store_ops *ops,
    struct why *out_why) CHECKED;
void storebox_start(struct storebox *b);
void storebox_close(struct storebox *b);

/* What a test does inside a job. */
typedef enum err storebox_fn(struct txn *t, void *arg, struct why *out_why);

/* Post it and wait for its completion (on a store that was started). */
enum err storebox_run(struct storebox *b, enum lane lane, storebox_fn *fn,
    void *arg, struct why *out_why);
/* Wait until completions have made *flag true. */
void storebox_wait(struct storebox *b, const bool *flag);

/* A path inside the directory, and the bytes of such a file (free them). */
const char *
storebox_path(const struct storebox *b, const char *name, char out[512]);
char *
storebox_read(const struct storebox *b, const char *name, size_t *out_len);

#endif
