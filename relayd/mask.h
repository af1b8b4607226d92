/* SPDX-License-Identifier: MIT */
/* mask.h - text that is kept to be looked at, without the secrets in it.
 *
 * Of a credential its last four characters remain, so that two of them can be
 * told apart; of a short one nothing.  What may carry one is told by names:
 * rather one too many than one too few. */
#ifndef RELAYD_MASK_H
#define RELAYD_MASK_H

#include "proto/http1.h"

/* Shorter ones are not looked for in bodies: they would be found in words. */
#define MASK_KNOWN_MIN 8

/* May a header, or a parameter of a query, of that name carry a credential or a
 * session?  In any case, with '-' or '_'. */
bool mask_is_secret(struct str name);
/* "Bearer ****wxyz": the scheme stays. */
enum err mask_value(struct str value, struct buf *out) CHECKED;
/* A path with its query, the values of secret parameters masked. */
enum err mask_target(struct str target, struct buf *out) CHECKED;

/* Heads as text, ending with an empty line: of a request, of an answer, and
 * one that is written already.  A field `also` is secret too (empty: none). */
enum err mask_request(const struct http1_head *h, struct str also,
    struct buf *out) CHECKED;
enum err mask_answer(const struct http1_head *h, struct buf *out) CHECKED;
enum err
mask_written(struct str head, struct str also, struct buf *out) CHECKED;

/* Overwrite a secret that is known, wherever it stands in the bytes; at the end
 * also its beginning, when the bytes were cut there. */
void mask_known(char *bytes, size_t len, bool is_cut, struct str secret);

#endif
