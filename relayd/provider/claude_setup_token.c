/* SPDX-License-Identifier: MIT */
/* claude_setup_token.c - accounts of Claude subscriptions by a token that is
 * good for a year and is never renewed (protocols/claude.md 1.6): made here by
 * signing in, or by `claude setup-token` and pasted. */
#include "relayd/account.h"
#include "relayd/conf.h"
#include "relayd/provider/common.h"

static const struct field fields[] = {
	{ .name = "credential",
	    .type = FIELD_SECRET,
	    .help = "token of `claude setup-token` (sk-ant-oat01-...)" },
	{ .name = "clients",
	    .type = FIELD_CHOICE,
	    .choices = "native|any",
	    .help = "who is served: Claude Code alone (native), or any client "
		    "with a key" },
	{ .name = "preamble",
	    .type = FIELD_TEXT,
	    .help = "your own text in front of the system prompt of clients "
		    "other than Claude Code" },
	{ .name = "auth-url",
	    .type = FIELD_URL,
	    .help = "where to sign in, instead of the provider's own "
		    "addresses" },
	{ .name = NULL },
};

/* A year, in seconds. */
static const char *const more[] = { "expires_in", "31536000", NULL };

static const struct oauth oauth = {
	.notice = claude_notice,
	.client_option = CONF_NR_claude_client,
	.authorize = { "https://claude.ai", "/oauth/authorize" },
	.token = { "https://platform.claude.com", "/v1/oauth/token" },
	.redirect = CLAUDE_REDIRECT,
	.scopes = "user:inference",
	.authorize_more = "code=true",
	.exchange_more = more,
	.json = true,
	.says_state = true,
	.read = claude_read,
};

const struct provider provider_claude_setup_token = {
	.name = "claude-setup-token",
	.label = "Claude subscription, token of a year",
	.url = "https://api.anthropic.com",
	.auth = "bearer",
	.fields = fields,
	.models = claude_models,
	.list = &anthropic_list,
	.serves = claude_serves,
	.target = claude_target,
	.list_name = "anthropic-beta",
	.list_token = CLAUDE_OAUTH_BETA,
	.is_native = claude_is_native,
	.native = "Claude Code",
	.read_limits = claude_read_limits,
	.oauth = &oauth,
};
