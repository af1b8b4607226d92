/* SPDX-License-Identifier: MIT */
/* setting.h - what can be tuned while relayd runs: setting.def as a struct.
 *
 * The store keeps each changed setting as the text that was given; this
 * module turns text into values and knows the defaults.  A struct settings is
 * a plain value: copy it, compare it, no life cycle. */
#ifndef RELAYD_SETTING_H
#define RELAYD_SETTING_H

#include "proto/str.h"

#include "relayd/unit.h"

#define SETTING_TIME(name)  int64_t name##_ms
#define SETTING_BYTES(name) uint64_t name##_bytes
#define SETTING_COUNT(name) uint64_t name
/* Millionths. */
#define SETTING_RATE(name) uint64_t name##_ppm
/* Micro-dollars. */
#define SETTING_MONEY(name) uint64_t name##_micro
/* The number of the word. */
#define SETTING_CHOICE(name) uint64_t name
/* A line of as many bytes as `least` to `most` say. */
#define SETTING_TEXT(name) char name[SETTING_VALUE]

/* Any value as text, with its NUL. */
#define SETTING_VALUE 72

struct settings {
#define X(kind, name, value, least, most, unit, help) SETTING_##kind(name);
#include "relayd/setting.def"
#undef X
};

enum setting {
#define X(kind, name, value, least, most, unit, help) SETTING_NR_##name,
#include "relayd/setting.def"
#undef X
	SETTING_NR
};

/* One row of setting.def. */
struct setting_row {
	const char *name, *value, *least, *most, *unit, *help;
};

/* Of nr < SETTING_NR: for (nr = 0; nr < SETTING_NR; nr++). */
const struct setting_row *setting_row(enum setting nr);
/* ERR_UNKNOWN; the reason names the nearest one. */
enum err
setting_find(struct str name, enum setting *out, struct why *out_why) CHECKED;

void settings_default(struct settings *out);
/* ERR_UNKNOWN, ERR_VALUE; s is left as it was.  out_why->field is the name. */
enum err settings_set(struct settings *s, struct str name, struct str value,
    struct why *out_why) CHECKED;
/* In the shortest form that reads back the same: "2m", "64K", "3". */
void settings_text(const struct settings *s, enum setting nr,
    char out[SETTING_VALUE]);
bool settings_is_default(const struct settings *s, enum setting nr);

#endif
