/* SPDX-License-Identifier: MIT */
/* inert.h - foreign text that cannot do anything any more. */
#ifndef RELAYD_INERT_H
#define RELAYD_INERT_H

#include "proto/str.h"

/* Copy s with an end: line breaks and tabs become blanks; control bytes and
 * characters that turn the direction of text, break lines or take no room are
 * dropped; what is no UTF-8 becomes '?'.  What does not fit is cut between two
 * characters.  Returns the length.  size is at least 1. */
size_t inert_copy(char *out, size_t size, struct str s);

/* Overwrite with '*', of the same length, every place where the secret stands.
 * Secrets under four bytes are no secrets. */
void inert_mask(char *text, struct str secret);

/* The next part of a credential that is itself a secret: what stands between
 * its colons (AWS joins three things so), when it is long enough to be one.
 * A credential without colons is its own only part.  False: no more. */
bool inert_next_part(struct str *io_rest, struct str *out_part);

#endif
