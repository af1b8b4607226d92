/* SPDX-License-Identifier: MIT */
/* verify.h - is what lies on the disk readable at all? */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stddef.h>

#include "proto/err.h"

struct store_ops;

/* Read every pair of the store in dir, for at most ten seconds, in a process
 * of its own: a database library meets damage with assertions and signals.
 * ERR_CORRUPT: it did not come through.  Not while this process or another has
 * the store open. */
enum err verify_store(const struct store_ops *ops, const char *dir,
    size_t map_size, struct why *out_why) CHECKED;

#endif
