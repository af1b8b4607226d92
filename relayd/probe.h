/* SPDX-License-Identifier: MIT */
/* probe.h - a small request of relayd's own to an account, made exactly as the
 * requests of clients are: the kind's body, head, signature and reading of the
 * answer. */
#ifndef RELAYD_PROBE_H
#define RELAYD_PROBE_H

#include "relayd/account.h"

#define PROBE_FIELDS_MAX 32

struct probe {
	struct http1_head head; /* of the client that relayd is here */
	struct ask ask;
	struct buf url, text, body;
	const char *fields[PROBE_FIELDS_MAX + 1]; /* lines of `text` */
};

/* A request of that operation, which is not streamed, with that body in the
 * words of the dialect; `model` as the account calls it.  All strs are
 * borrowed until probe_fini(), which wipes what holds a secret and is fine
 * after a failure. */
enum err probe_init(struct probe *p, const struct account *a,
    const struct dialect *dialect, enum op op, struct str model,
    struct str body, int64_t wall_ms, struct why *out_why) CHECKED;
/* The question for the provider's list of models; its kind has one. */
enum err probe_list(struct probe *p, const struct account *a,
    struct why *out_why) CHECKED;
void probe_fini(struct probe *p);

/* The answer (2xx) in the dialect's own form. */
enum err probe_read(const struct ask *ask, const struct provider *kind,
    unsigned status, struct str type, struct str body, struct buf *out,
    struct why *out_why) CHECKED;

#endif
