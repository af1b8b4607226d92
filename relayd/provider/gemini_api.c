/* SPDX-License-Identifier: MIT */
/* gemini_api.c - accounts of the Gemini API, by API key. */
#include "relayd/account.h"
#include "relayd/assist.h"
#include "relayd/provider.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "API key (AIza...)" },
	{ .name = NULL },
};

/* Seen in use by Gemini CLI (protocols/clients.md 5.3). */
static const char *const models[] = {
	"gemini-3.1-pro-preview",
	"gemini-3.8-flash",
	"gemini-3.5-flash-lite",
	"gemini-2.5-pro",
	"gemini-2.5-flash",
	NULL,
};

static bool
serves(const struct dialect *dialect, enum op op)
{
	return dialect == &dialect_gemini &&
	    (op == OP_GENERATE || op == OP_COUNT_TOKENS || op == OP_EMBED);
}

/* The key goes into a header, never into the address. */
static enum err
target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct str base = str_of(a->base);
	bool has_version =
	    str_ends(base, STR("/v1beta")) || str_ends(base, STR("/v1"));
	const char *version = has_version ? "" : "/v1beta";

	(void)out_why;
	if (ask->query.len)
		return buf_addf(out, "%s/models/%.*s:%.*s?%.*s", version,
		    STR_ARG(ask->model), STR_ARG(ask->action),
		    STR_ARG(ask->query));
	return buf_addf(out, "%s/models/%.*s:%.*s", version,
	    STR_ARG(ask->model), STR_ARG(ask->action));
}

static const struct model_list list = {
	.path = "/v1beta/models?pageSize=1000",
	.in = "models",
	.name = "name",
	.start = "models/",
};

const struct provider provider_gemini_api = {
	.name = "gemini-api",
	.label = "Gemini API key",
	.url = "https://generativelanguage.googleapis.com",
	.auth = "x-goog-api-key",
	.fields = fields,
	.models = models,
	.list = &list,
	.serves = serves,
	.target = target,
	.retry_ms = assist_retry_ms,
};
