/* SPDX-License-Identifier: MIT */
/* codex_claims.c - who signed in at OpenAI, as their token says.
 *
 * A token that comes straight from the provider over TLS needs no check of its
 * signature (OpenID Connect Core 3.1.3.7, point 6), and nothing is decided by
 * these claims: they are shown to the operator, and name the account to the
 * provider itself. */
#include <stdlib.h>

#include "proto/enc.h"
#include "proto/json.h"

#include "relayd/codex.h"
#include "relayd/oauth.h"

#define NAMESPACE "https://api.openai.com/auth"

static void
say(struct oauth_grant *io, enum grant_text which, const struct json *value)
{
	struct str text;

	if (value && json_as_str(value, &text) == OK)
		oauth_grant_say(io, which, text);
}

static void
take_claims(const struct json *claims, struct oauth_grant *io)
{
	const struct json *own = json_at(claims, NAMESPACE);
	int64_t until;

	say(io, GRANT_email, json_at(claims, "email"));
	say(io, GRANT_plan, json_at(own, "chatgpt_plan_type"));
	say(io, GRANT_organization, json_at(own, "chatgpt_account_id"));
	say(io, GRANT_subject,
	    json_at(own, "chatgpt_user_id") ? json_at(own, "chatgpt_user_id")
					    : json_at(own, "user_id"));
	if (!io->life_s && !io->until_wall_ms &&
	    json_as_i64(json_at(claims, "exp"), &until) == OK && until > 0 &&
	    until < UINT32_MAX)
		io->until_wall_ms = until * 1000;
}

void
codex_claims(struct str jwt, struct oauth_grant *io)
{
	struct str rest = jwt, payload;
	struct json *claims;
	struct buf text;

	(void)str_cut(&rest, '.');
	payload = str_cut(&rest, '.');
	if (!payload.len)
		return;
	buf_init(&text, OAUTH_ANSWER_MAX);
	if (enc_unbase64(&text, payload, ENC_BASE64URL_BARE) == OK &&
	    json_parse(buf_str(&text), OAUTH_ANSWER_MAX, &claims, NULL) == OK) {
		take_claims(claims, io);
		json_free(claims);
	}
	buf_fini(&text);
}
