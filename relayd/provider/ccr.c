/* SPDX-License-Identifier: MIT */
/* ccr.c - another relay as upstream, by a key of its own.
 *
 * What it serves is asked for by its models, or by "ccr,MODEL", which goes to
 * these accounts alone. */
#include "relayd/account.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "key of the other relay" },
	{ .name = "auth",
	    .type = FIELD_CHOICE,
	    .choices = "bearer|x-api-key",
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

const struct provider provider_ccr = {
	.name = "ccr",
	.label = "Another relay (Claude)",
	.auth = "x-api-key",
	.fields = fields,
	.models = models,
	.list = &anthropic_list,
	.serves = serves,
	.target = target,
};
