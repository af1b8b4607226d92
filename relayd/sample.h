/* SPDX-License-Identifier: MIT */
/* sample.h - the beginning of a foreign body, to be kept and shown: inert, and
 * without credentials.
 *
 * Those that are known are taken out wherever they stand, also written as JSON
 * writes them and also the parts of one that has several; what looks like one
 * is taken out as well.  "***" stands where they were. */
#ifndef RELAYD_SAMPLE_H
#define RELAYD_SAMPLE_H

#include "proto/str.h"

#define SAMPLE_MAX 512

/* At most SAMPLE_MAX bytes and an end. */
void sample_take(struct str body, const struct str *secrets, size_t count,
    char out[SAMPLE_MAX + 1]);

#endif
