/* SPDX-License-Identifier: MIT */
/* codex.h - the Responses API as the backend of ChatGPT plans speaks it
 * (protocols/codex.md 2).  Text in, text out. */
#ifndef RELAYD_CODEX_H
#define RELAYD_CODEX_H

#include "proto/http1.h"

#include "relayd/reshape.h"

struct oauth_grant;

/* --- requests (codex_body.c) -------------------------------------------------- */

/* A body of a client other than Codex as the backend takes it: a stream that
 * is not stored, input as a list, without what it calls unsupported.
 * `compact`: for /responses/compact, which streams nothing.  ERR_UNSUPPORTED:
 * it asks for what such an account cannot do. */
enum err codex_body(struct str body, bool compact, struct buf *out,
    struct why *out_why) CHECKED;

/* --- answers (codex_gather.c) --------------------------------------------------- */

/* A stream gathered into the one object that a caller wants who does not
 * stream; an error that it tells becomes a refusal. */
extern const struct reshape_ops codex_gather;

/* How long a refusal says to stay away, in ms; 0: it does not. */
int64_t codex_retry_ms(struct str body, int64_t wall_ms);

/* --- people (codex_claims.c) ---------------------------------------------------- */

/* What a token's claims tell about who signed in; a token that is none of
 * OpenAI's tells nothing. */
void codex_claims(struct str jwt, struct oauth_grant *io);

#endif
