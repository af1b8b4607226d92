/* SPDX-License-Identifier: MIT */
/* unit.h - amounts as people write them: "45s", "2m", "64K".
 *
 * Time:  ms s m h d, one unit, a whole number: "500ms".  A bare number is
 *        refused (seconds? milliseconds?), but for 0.
 * Bytes: K M G T are powers of 1024, with or without "iB" or "B"; a bare number
 *        is bytes. */
#ifndef RELAYD_UNIT_H
#define RELAYD_UNIT_H

#include "proto/str.h"

/* The longest text the two writers make, its NUL included. */
#define UNIT_TEXT 32

enum err
unit_read_ms(struct str s, int64_t *out_ms, struct why *out_why) CHECKED;
enum err
unit_read_bytes(struct str s, uint64_t *out_bytes, struct why *out_why) CHECKED;

/* In the largest unit that divides it: 120000 is "2m", 1000 bytes "1000". What
 * they write reads back as the same amount. */
void unit_write_ms(int64_t ms, char out[UNIT_TEXT]);
void unit_write_bytes(uint64_t bytes, char out[UNIT_TEXT]);

#endif
