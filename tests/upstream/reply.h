/* SPDX-License-Identifier: MIT */
/* reply.h - decides the text and the numbers of an honest answer. */
#ifndef TESTS_UPSTREAM_REPLY_H
#define TESTS_UPSTREAM_REPLY_H

#include "tests/upstream/ask.h"

void reply_make(struct ask *q, size_t body_len);

#endif
