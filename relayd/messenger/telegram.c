/* SPDX-License-Identifier: MIT */
/* telegram.c - Telegram's bots.  The text is sent as HTML with its three
 * characters escaped, so that only our own title is marked up. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the bot's token: 123456:ABC..." },
	{ .name = "to",
	    .type = FIELD_TEXT,
	    .required = true,
	    .help = "the chat: its number, or @name of a channel" },
	{ .name = "url",
	    .type = FIELD_URL,
	    .help = "a Bot API server of one's own" },
	{ .name = NULL },
};

static const struct escape escapes[] = {
	{ '&', "&amp;" },
	{ '<', "&lt;" },
	{ '>', "&gt;" },
	{ 0, NULL },
};

static enum err
write_html(const struct notice *n, struct buf *out)
{
	struct buf plain;
	enum err e;

	buf_init(&plain, MESSAGE_TITLE_MAX + MESSAGE_TEXT_MAX);
	message_title(n, &plain);
	e = buf_add(out, STR("<b>"));
	if (!e)
		e = message_escape(buf_str(&plain), escapes, out);
	if (!e)
		e = buf_add(out, STR("</b>\n"));
	buf_clear(&plain);
	message_text(n, &plain);
	if (!e)
		e = message_escape(buf_str(&plain), escapes, out);
	buf_fini(&plain);
	return e;
}

static enum err
write_body(const struct mailbox *to, const struct notice *n, struct buf *out)
{
	struct json_out j;
	struct buf html;
	enum err e, end;

	buf_init(&html, MESSAGE_BODY_MAX / 2);
	e = write_html(n, &html);
	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "chat_id", to->rec->to);
	json_say(&j, "text", buf_str(&html));
	json_say(&j, "parse_mode", STR("HTML"));
	json_put_key(&j, "link_preview_options");
	json_open(&j, '{');
	json_say_bool(&j, "is_disabled", true);
	json_close(&j, '}');
	json_close(&j, '}');
	end = json_end(&j);
	buf_fini(&html);
	return e ? e : end;
}

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	enum err e;

	(void)wall_ms;
	e = buf_addf(&out->url, "%s/bot", to->url);
	if (!e)
		e = enc_percent(&out->url, to->secret, ":");
	if (!e)
		e = buf_add(&out->url, STR("/sendMessage"));
	if (!e)
		e = write_body(to, n, &out->body);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_telegram = {
	.name = "telegram",
	.label = "Telegram, bot",
	.url = "https://api.telegram.org",
	.fields = fields,
	.write = write,
};
