/* SPDX-License-Identifier: MIT */
/* anthropic_compat.c - other services that speak Anthropic Messages. */
#include "relayd/account.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key or token" },
	{ .name = "auth",
	    .type = FIELD_CHOICE,
	    .choices = "x-api-key|bearer",
	    .help = "how the key is sent (x-api-key)" },
	{ .name = NULL },
};

static const char *const models[] = { NULL };

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
	(void)out_why;
	return anthropic_target(str_of(a->base), ask, out);
}

const struct provider provider_anthropic_compat = {
	.name = "anthropic-compat",
	.label = "Anthropic-compatible service",
	.auth = "x-api-key",
	.fields = fields,
	.models = models,
	.list = &anthropic_list,
	.serves = serves,
	.target = target,
};
