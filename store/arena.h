/* SPDX-License-Identifier: MIT */
/* arena.h - opened secrets in locked memory that is never dumped.
 *
 * One thread puts and drops (the writer); another reads what it was given.
 * The strs stay valid until dropped. */
#ifndef STORE_ARENA_H
#define STORE_ARENA_H

#include "proto/str.h"

struct arena;

/* mlock(2)ed (when RLIMIT_MEMLOCK allows it), MADV_DONTDUMP, MADV_WIPEONFORK. */
enum err
arena_new(size_t size, struct arena **out, struct why *out_why) CHECKED;
/* Wipes everything. */
void arena_free(struct arena *a);
/* A copy of the secret; ERR_FULL. */
enum err arena_put(struct arena *a, struct str secret, struct str *out) CHECKED;
/* Wipe and give back. An empty str is fine. */
void arena_drop(struct arena *a, struct str secret);
bool arena_is_locked(const struct arena *a);

#endif
