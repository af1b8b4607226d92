/* SPDX-License-Identifier: MIT */
/* outbound.h - the heads that relayd writes: of requests to upstreams and of
 * answers to clients.  What passes and what does not is headers.def. */
#ifndef RELAYD_OUTBOUND_H
#define RELAYD_OUTBOUND_H

#include "relayd/account.h"

/* The head of a request to the account.  The client's fields keep their order,
 * case and values; the credentials, Host and lengths are ours, each in the
 * place where the client's stood.  The result holds a secret: wipe it. */
enum err outbound_request(const struct account *a, const struct ask *ask,
    struct buf *out, struct why *out_why) CHECKED;

/* The upstream's fields that the client may see, without framing and without
 * the empty line.  `decoded`: the content coding was undone.  `type`: the body
 * was made into that Content-Type; NULL: it was not. */
enum err outbound_answer(const struct http1_head *answer, bool decoded,
    const char *type, struct buf *out) CHECKED;

/* Is it a header that may carry a credential of the client? */
bool is_credential_field(struct str name);

#endif
