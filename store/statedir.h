/* SPDX-License-Identifier: MIT */
/* statedir.h - the state directory: made, found to be ours alone, and locked
 * against a second daemon. */
#ifndef STORE_STATEDIR_H
#define STORE_STATEDIR_H

#include "proto/err.h"

/* Make dir (mode 0700) when it is missing, check that it belongs to us and is
 * closed to others, and take the exclusive lock of dir/lock.  The lock lasts
 * until *out_fd is closed.  ERR_BUSY: another process has it; ERR_DENIED: the
 * directory is not ours or others may enter it. */
enum err
statedir_lock(const char *dir, int *out_fd, struct why *out_why) CHECKED;

#endif
