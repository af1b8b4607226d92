/* SPDX-License-Identifier: MIT */
/* common.h - what screens ask of each other. */
#ifndef RELAY_TUI_SCREEN_COMMON_H
#define RELAY_TUI_SCREEN_COMMON_H

#include "relay-tui/view.h"

/* A range that was typed; v is a view of the screen usage. */
void
screen_usage_take_range(struct view *v, struct str since, struct str until);

/* Ask for a file, and write to it what the method answers to these parameters:
 * the rows, or (heat_of, an enum usage_of, is not negative) the hours of the
 * week. */
void screen_export_open(struct view *v, enum ctl_method method,
    void (*put)(struct view *v, struct json_out *j), int heat_of);

#endif
