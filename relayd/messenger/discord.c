/* SPDX-License-Identifier: MIT */
/* discord.c - Discord's webhooks.  No mention is allowed, whatever the text
 * says, and its Markdown is escaped. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the webhook's URL: https://discord.com/api/webhooks/..." },
	{ .name = NULL },
};

static const struct escape escapes[] = {
	{ '\\', "\\\\" },
	{ '*', "\\*" },
	{ '_', "\\_" },
	{ '~', "\\~" },
	{ '`', "\\`" },
	{ '|', "\\|" },
	{ '>', "\\>" },
	{ '<', "\\<" },
	{ '#', "\\#" },
	{ '[', "\\[" },
	{ ']', "\\]" },
	{ '@', "\\@" },
	{ 0, NULL },
};

/* No embedded previews of links. */
#define SUPPRESS_EMBEDS 4

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	struct json_out j;
	enum err e, end;

	(void)wall_ms;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	e = say_plain(&j, "content", n, escapes);
	json_put_key(&j, "allowed_mentions");
	json_open(&j, '{');
	json_put_key(&j, "parse");
	json_open(&j, '[');
	json_close(&j, ']');
	json_close(&j, '}');
	json_say_i64(&j, "flags", SUPPRESS_EMBEDS);
	json_close(&j, '}');
	end = json_end(&j);
	if (!e)
		e = end;
	if (!e)
		e = buf_add(&out->url, to->secret);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_discord = {
	.name = "discord",
	.label = "Discord, webhook of a channel",
	.is_url_secret = true,
	.fields = fields,
	.write = write,
};
