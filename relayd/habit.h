/* SPDX-License-Identifier: MIT */
/* habit.h - what requests with one key usually come to.
 *
 * A request is reserved before it is known what it costs.  The input is
 * guessed from the bytes of its body, corrected by what such bytes came to
 * before; the output is what nine in ten of the last fifty answers of the
 * model stayed below, and no more than the request allows. */
#ifndef RELAYD_HABIT_H
#define RELAYD_HABIT_H

#include "proto/usage.h"

struct habit;

struct habit *habit_new(void);
void habit_free(struct habit *h);

/* h may be NULL: nothing is known.  max_tokens 0: the request does not say. */
void habit_guess(const struct habit *h, struct str model, size_t body_bytes,
    int64_t max_tokens, struct usage *out);
/* An answer has ended as it should, and told what it used. */
void habit_learn(struct habit *h, struct str model, size_t body_bytes,
    const struct usage *u);

#endif
