/* SPDX-License-Identifier: MIT */
/* bedrock.h - Anthropic's messages as AWS Bedrock wants and gives them
 * (protocols/bedrock.md).  Text in, text out: no accounts, no sockets. */
#ifndef RELAYD_BEDROCK_H
#define RELAYD_BEDROCK_H

#include "proto/http1.h"

#include "relayd/reshape.h"

/* --- models (bedrock_model.c) ------------------------------------------------ */

/* The id of a model of that name, for an account of that region: as it is when
 * it is an id of Bedrock or an ARN already, else from bedrock_model.def with
 * the inference profile's prefix `profile` (empty: the region's).  What is not
 * known passes unchanged.  Appended to out. */
enum err bedrock_model_id(struct str model, struct str region,
    struct str profile, struct buf *out) CHECKED;
/* "us", "eu", "apac", "jp", "au", "us-gov" (2.3). */
const char *bedrock_profile_of(struct str region);
/* The name behind an id: what its clients know it as (2.4). */
struct str bedrock_model_name(struct str id);
/* Names that have a row, for lists; NULL-ended. */
extern const char *const bedrock_models[];

/* --- requests (bedrock_body.c) -------------------------------------------------- */

/* Note what is to be done with the body of a request: its betas from the
 * client's head, what its model cannot take; `count`: it is to be counted. */
enum err bedrock_plan(const struct http1_head *head, struct str model,
    bool count, struct buf *out) CHECKED;
/* The body for Bedrock. */
enum err bedrock_body(struct str plan, struct str body, struct buf *out,
    struct why *out_why) CHECKED;

/* --- answers (bedrock_answer.c) ------------------------------------------------- */

extern const struct reshape_ops bedrock_events, bedrock_message, bedrock_count;

/* An error in Anthropic's words; its status (8.2). */
unsigned bedrock_refusal(const struct http1_head *answer, struct str body,
    struct buf *out);

#endif
