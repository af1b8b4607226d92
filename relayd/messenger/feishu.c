/* SPDX-License-Identifier: MIT */
/* feishu.c - Feishu and Lark, custom bots.
 *
 * Sent as a "post", whose text elements are taken for nothing but text: in
 * messages of the type "text" an <at> would ping.  The signature is peculiar:
 * the HMAC of nothing, under "TIMESTAMP\nSECRET". */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the bot's URL: https://open.feishu.cn/open-apis/bot/..." },
	{ .name = "sign",
	    .type = FIELD_SECRET,
	    .help = "the bot's signing secret; empty: none" },
	{ .name = NULL },
};

/* < and > as the wide ones, which no markup begins with. */
static const struct escape escapes[] = {
	{ '<', "\xef\xbc\x9c" },
	{ '>', "\xef\xbc\x9e" },
	{ 0, NULL },
};

static enum err
say_signature(struct json_out *j, struct str key, int64_t wall_ms)
{
	struct buf text, sign;
	enum err e;

	buf_init(&text, MESSAGE_URL_MAX);
	buf_init(&sign, 64);
	e = buf_addf(&text, "%lld\n%.*s", (long long)(wall_ms / 1000),
	    STR_ARG(key));
	if (!e)
		e = put_mac(buf_str(&text), STR(""), &sign);
	buf_wipe(&text);
	buf_init(&text, 32);
	buf_mustf(&text, "%lld", (long long)(wall_ms / 1000));
	json_say(j, "timestamp", buf_str(&text));
	json_say(j, "sign", buf_str(&sign));
	buf_fini(&text);
	buf_fini(&sign);
	return e;
}

static enum err
write_body(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct buf *out)
{
	struct json_out j;
	enum err e = OK, more, end;

	json_begin(&j, out);
	json_open(&j, '{');
	if (to->sign.len)
		e = say_signature(&j, to->sign, wall_ms);
	json_say(&j, "msg_type", STR("post"));
	json_put_key(&j, "content");
	json_open(&j, '{');
	json_put_key(&j, "post");
	json_open(&j, '{');
	json_put_key(&j, "zh_cn");
	json_open(&j, '{');
	json_say(&j, "title", STR("relayd"));
	json_put_key(&j, "content");
	json_open(&j, '[');
	json_open(&j, '[');
	json_open(&j, '{');
	json_say(&j, "tag", STR("text"));
	more = say_plain(&j, "text", n, escapes);
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	json_close(&j, '}');
	json_close(&j, '}');
	end = json_end(&j);
	return e ? e : more ? more : end;
}

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	enum err e;

	e = write_body(to, n, wall_ms, &out->body);
	if (!e)
		e = buf_add(&out->url, to->secret);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_feishu = {
	.name = "feishu",
	.label = "Feishu or Lark, custom bot",
	.is_url_secret = true,
	.fields = fields,
	/* 9499 and 11232: too many messages. */
	.code = { .key = "code", .good = 0, .later = { 9499, 11232 } },
	.write = write,
};
