/* SPDX-License-Identifier: MIT */
/* openai_compat.c - other services that speak OpenAI's dialects. */
#include "relayd/account.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key or token" },
	{ .name = "usage-inject",
	    .type = FIELD_FLAG,
	    .help = "Chat streams: ask for the usage, and hide it again from "
		    "callers who did not (yes)" },
	{ .name = NULL },
};

static const char *const models[] = { NULL };

static bool
serves(const struct dialect *dialect, enum op op)
{
	return (dialect == &dialect_openai_responses &&
		   (op == OP_GENERATE || op == OP_COMPACT)) ||
	    (dialect == &dialect_openai_chat &&
		(op == OP_GENERATE || op == OP_EMBED));
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)out_why;
	return openai_target(str_of(a->base), ask, out);
}

const struct provider provider_openai_compat = {
	.name = "openai-compat",
	.label = "OpenAI-compatible service",
	.auth = "bearer",
	.fields = fields,
	.models = models,
	.list = &openai_list,
	.serves = serves,
	.target = target,
};
