/* SPDX-License-Identifier: MIT */
/* decode.h - takes the content-encoding off a request body. */
#ifndef TESTS_UPSTREAM_DECODE_H
#define TESTS_UPSTREAM_DECODE_H

#include "proto/buf.h"

/* The body without gzip, deflate or zstd.  Identity is returned as it is;
 * else the text is in `out`.  What cannot be decoded is { NULL, 0 }. */
struct str body_decode(struct str encoding, struct str body, struct buf *out);

#endif
