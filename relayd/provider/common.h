/* SPDX-License-Identifier: MIT */
/* common.h - what the kinds that speak OpenAI's dialects share. */
#ifndef RELAYD_PROVIDER_COMMON_H
#define RELAYD_PROVIDER_COMMON_H

#include "relayd/provider.h"

/* The path behind a base that ends with /v1 or does not. */
static inline enum err
openai_target(struct str base, const struct ask *ask, struct buf *out)
{
	const char *version = str_ends(base, STR("/v1")) ? "" : "/v1";
	const char *path = "/responses";

	if (ask->op == OP_COMPACT)
		path = "/responses/compact";
	else if (ask->op == OP_EMBED)
		path = "/embeddings";
	else if (ask->dialect == &dialect_openai_chat)
		path = "/chat/completions";
	if (ask->query.len)
		return buf_addf(out, "%s%s?%.*s", version, path,
		    STR_ARG(ask->query));
	return buf_addf(out, "%s%s", version, path);
}

#endif
