/* SPDX-License-Identifier: MIT */
/* models.h - lists of models in the shape that the asking client expects, and
 * the little that relayd says about itself over HTTP. */
#ifndef RELAYD_MODELS_H
#define RELAYD_MODELS_H

#include "relayd/account.h"

struct binding;
struct daemon;
struct policy;

/* A list longer than this serves nobody. */
#define MODELS_MAX 256

/* What one account names, or what is known of its kind; returns how many.  The
 * names are the account's. */
size_t models_of(const struct account *a, struct str out[MODELS_MAX]);

/* What the accounts serve to this client: the names they list, and those known
 * of their kind that fit a glob or, where none are listed, all that no rule
 * excludes.  The dialect is the route's; at the root the client's headers
 * decide.  `kind`: of accounts of that kind alone; NULL: of all.  `policy`
 * (NULL: none) is the key's: only what that allows, and its aliases;
 * `binding`: only of accounts that it may use. */
void models_list(const struct pool *p, const struct policy *policy,
    const struct binding *binding, const char *kind,
    const struct dialect *dialect, const struct http1_head *head,
    struct buf *out);
/* One of them; false when no account has it. */
bool models_show(const struct pool *p, const struct policy *policy,
    const struct binding *binding, const char *kind,
    const struct dialect *dialect, const struct http1_head *head,
    struct str model, struct buf *out);
/* In whose words such a list is asked for. */
const struct dialect *
models_dialect(const struct dialect *dialect, const struct http1_head *head);

/* {"status":"healthy",...}: nothing that a stranger should not know. */
void health_write(const struct daemon *d, struct buf *out);

#endif
