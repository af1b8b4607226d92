/* SPDX-License-Identifier: MIT */
/* common.h - what the dialects have in common.  For the files of this folder
 * alone. */
#ifndef PROTO_DIALECT_COMMON_H
#define PROTO_DIALECT_COMMON_H

#include "proto/cursor.h"
#include "proto/dialect.h"

/* A dialect's peek(): only the paths in its wants differ. */
enum err common_peek(const struct scan *s, struct str body, struct asked *out,
    struct why *out_why);

/* The upstream told an error; `word` is the JSON value of its name. */
unsigned common_error(struct watch *w, struct str word);
/* The answer proper goes on by the text in `value`. */
void common_delta(struct watch *w, struct str value);
/* A body that was not streamed: all of it is there. */
void common_whole(struct watch *w);
/* An error object of OpenAI: its code, or else its type. */
unsigned common_openai_error(struct watch *w, struct str error);

/* Write a document between two texts, all or nothing. */
void common_fault(struct str before,
    enum err (*document)(const struct refusal *r, struct buf *out),
    struct str after, const struct refusal *r, struct buf *out);
/* {"error":{"message","type","param","code"}} */
enum err common_openai_document(const struct refusal *r, struct buf *out);

#endif
