/* SPDX-License-Identifier: MIT */
/* ulid.h - identifiers that sort by time: 48 bits of Unix milliseconds, then
 * 80 random bits; 26 characters of Crockford's base 32 (github.com/ulid/spec). */
#ifndef PROTO_ULID_H
#define PROTO_ULID_H

#include "proto/str.h"

#define ULID_TEXT   26
#define ULID_RANDOM 10

struct ulid {
	uint8_t byte[16];
};

/* From a wall clock in ms and ten random bytes. */
struct ulid ulid_make(int64_t wall_ms, const uint8_t random[ULID_RANDOM]);
int64_t ulid_ms(const struct ulid *u);
/* 26 characters and a NUL. */
void ulid_text(const struct ulid *u, char out[ULID_TEXT + 1]);
enum err ulid_read(struct str text, struct ulid *out) CHECKED;

#endif
