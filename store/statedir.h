/* SPDX-License-Identifier: MIT */
/* statedir.h - the state directory: made, found to be ours alone, and locked
 * against a second daemon. */
#ifndef STORE_STATEDIR_H
#define STORE_STATEDIR_H

#include <stdbool.h>

#include "proto/err.h"

struct statedir {
	int lock_fd; /* -1: not locked */
	/* The last daemon here neither ended in order nor in this boot: what
	 * it wrote may have been cut by the power. */
	bool is_suspect;
};

/* Make dir (mode 0700) when it is missing, check that it belongs to us and is
 * closed to others, and take the exclusive lock of dir/lock.  ERR_BUSY:
 * another process has it; ERR_DENIED: it is not ours or others may enter. */
enum err statedir_lock(const char *dir, struct statedir *out,
    struct why *out_why) CHECKED;
/* It was suspect and is found to be sound. */
void statedir_trust(struct statedir *d);
/* The end in order; what is still suspect stays so for the next. */
void statedir_unlock(struct statedir *d);
/* Files made in dir are there after a power cut. */
enum err statedir_sync(const char *dir, struct why *out_why) CHECKED;

#endif
