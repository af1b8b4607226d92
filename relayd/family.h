/* SPDX-License-Identifier: MIT */
/* family.h - which models providers limit together.  The rows are
 * family.def. */
#ifndef RELAYD_FAMILY_H
#define RELAYD_FAMILY_H

#include "proto/http1.h"

/* "opus" for "claude-opus-4-1"; empty: it is of none that is known. */
struct str family_of(struct str model);
/* The word that ends a name of a limit ("seven_day_opus", "7d-sonnet"); empty:
 * it ends in none. */
struct str family_in(struct str limit);
/* i counts from 0; false: there is no such row. */
bool family_at(unsigned i, struct str *out_word, struct str *out_globs);
/* Does the client ask for a context of a million tokens?  Accounts may be
 * without it, or pay more. */
bool family_wants_long(const struct http1_head *head);

#endif
