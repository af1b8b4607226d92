/* SPDX-License-Identifier: MIT */
/* common.h - what kinds of one provider, or of one family of dialects, share. */
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

/* Of both kinds that are signed in to at claude.ai (claude_oauth.c). */
bool claude_serves(const struct dialect *dialect, enum op op);
enum err claude_target(const struct account *a, const struct ask *ask,
    struct buf *out, struct why *out_why);
bool claude_is_native(const struct http1_head *head);
void claude_read_limits(const struct http1_head *answer, int64_t now_wall_ms,
    struct windows *io);
enum err claude_read(const struct json *answer, struct oauth_grant *io);
extern const char *const claude_models[];
extern const char claude_notice[];
#define CLAUDE_OAUTH_BETA "oauth-2025-04-20"
#define CLAUDE_REDIRECT	  "https://platform.claude.com/oauth/code/callback"

/* The base may be the service's root, its /v1, or the full path of messages:
 * people paste all three (protocols/claude.md 4). */
static inline enum err
anthropic_target(struct str base, const struct ask *ask, struct buf *out)
{
	const char *path = "/v1/messages";
	const char *more = ask->op == OP_COUNT_TOKENS ? "/count_tokens" : "";
	enum err e;

	if (str_ends(base, STR("/v1/messages")))
		path = "";
	else if (str_ends(base, STR("/v1")))
		path = "/messages";
	e = buf_addf(out, "%s%s", path, more);
	if (!e && ask->query.len)
		e = buf_addf(out, "?%.*s", STR_ARG(ask->query));
	return e;
}

#endif
