/* SPDX-License-Identifier: MIT */
/* anthropic_compat.c - other services that speak Anthropic Messages. */
#include "relayd/account.h"
#include "relayd/provider.h"

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

/* The base may be the service's root, its /v1, or the full path of messages:
 * people paste all three (protocols/claude.md 4). */
static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct str base = str_of(a->base);
	const char *path = "/v1/messages";
	const char *more = ask->op == OP_COUNT_TOKENS ? "/count_tokens" : "";
	enum err e;

	(void)out_why;
	if (str_ends(base, STR("/v1/messages")))
		path = "";
	else if (str_ends(base, STR("/v1")))
		path = "/messages";
	e = buf_add(out, str_of(path));
	if (!e)
		e = buf_add(out, str_of(more));
	if (!e && ask->query.len)
		e = buf_addf(out, "?%.*s", STR_ARG(ask->query));
	return e;
}

const struct provider provider_anthropic_compat = {
	.name = "anthropic-compat",
	.label = "Anthropic-compatible service",
	.auth = "x-api-key",
	.fields = fields,
	.models = models,
	.serves = serves,
	.target = target,
};
