/* SPDX-License-Identifier: MIT */
/* claude_api.c - accounts of Anthropic's own API, by API key. */
#include "relayd/account.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key (sk-ant-api03-...)" },
	{ .name = NULL },
};

/* Seen in use by Claude Code (protocols/clients.md 5.1). */
static const char *const models[] = {
	"claude-opus-4-8",
	"claude-opus-4-5-20251101",
	"claude-sonnet-5",
	"claude-sonnet-4-6",
	"claude-haiku-4-5-20251001",
	NULL,
};

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_anthropic &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS);
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	const char *path = ask->op == OP_COUNT_TOKENS
	    ? "/v1/messages/count_tokens"
	    : "/v1/messages";

	(void)a;
	(void)out_why;
	if (ask->query.len)
		return buf_addf(out, "%s?%.*s", path, STR_ARG(ask->query));
	return buf_add(out, str_of(path));
}

const struct provider provider_claude_api = {
	.name = "claude-api",
	.label = "Anthropic API key",
	.url = "https://api.anthropic.com",
	.auth = "x-api-key",
	.fields = fields,
	.models = models,
	.list = &anthropic_list,
	.serves = serves,
	.target = target,
};
