/* SPDX-License-Identifier: MIT */
/* params.h - words that were matched, as the parameters of a call. */
#ifndef RELAY_TUI_PARAMS_H
#define RELAY_TUI_PARAMS_H

#include "proto/ctl_words.h"

/* All but secrets, and but limit and cursor of what comes in pages: the caller
 * turns those.  Files that are named are read. */
enum err params_put(const struct ctl_match *m, struct json_out *j,
    struct why *out_why) CHECKED;

bool params_have_pages(const struct ctl_row *row);

#endif
