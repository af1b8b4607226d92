/* SPDX-License-Identifier: MIT */
/* openai_api.c - accounts of OpenAI's own API, by API key. */
#include "relayd/account.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key (sk-...)" },
	{ .name = "usage-inject",
	    .type = FIELD_FLAG,
	    .help = "Chat streams: ask for the usage, and hide it again from "
		    "callers who did not (yes)" },
	{ .name = NULL },
};

/* Seen in use by Codex (protocols/clients.md A.2). */
static const char *const models[] = {
	"gpt-6.1-sol",
	"gpt-5.5",
	"gpt-5",
	NULL,
};

static bool
serves(const struct dialect *dialect, enum op op)
{
	if (dialect == &dialect_openai_responses)
		return op == OP_GENERATE || op == OP_COMPACT;
	return dialect == &dialect_openai_chat &&
	    (op == OP_GENERATE || op == OP_EMBED);
}

static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	(void)out_why;
	return openai_target(str_of(a->base), ask, out);
}

const struct provider provider_openai_api = {
	.name = "openai-api",
	.label = "OpenAI API key",
	.url = "https://api.openai.com/v1",
	.auth = "bearer",
	.fields = fields,
	.models = models,
	.list = &openai_list,
	.serves = serves,
	.target = target,
};
