/* SPDX-License-Identifier: MIT */
/* dingtalk.c - DingTalk, custom robots.  Only who stands in "at" is pinged,
 * whatever the text says, so nobody stands there. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help =
		"the robot's URL: https://oapi.dingtalk.com/robot/send?..." },
	{ .name = "sign",
	    .type = FIELD_SECRET,
	    .help = "the robot's signing secret (SEC...); empty: none" },
	{ .name = NULL },
};

static const struct escape escapes[] = {
	{ 0, NULL },
};

/* HMAC of "TIMESTAMP\nSECRET" under the secret, in the URL. */
static enum err
sign_url(struct str key, int64_t wall_ms, struct buf *url)
{
	bool has_query = str_chr(buf_str(url), '?') >= 0;
	struct buf text, sign;
	enum err e;

	buf_init(&text, MESSAGE_URL_MAX);
	buf_init(&sign, 64);
	e = buf_addf(&text, "%lld\n%.*s", (long long)wall_ms, STR_ARG(key));
	if (!e)
		e = put_mac(key, buf_str(&text), &sign);
	if (!e)
		e = buf_addf(url,
		    "%ctimestamp=%lld&sign=", has_query ? '&' : '?',
		    (long long)wall_ms);
	if (!e)
		e = enc_percent(url, buf_str(&sign), "");
	buf_wipe(&text);
	buf_fini(&sign);
	return e;
}

static enum err
write_body(const struct notice *n, struct buf *out)
{
	struct json_out j;
	enum err e, end;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "msgtype", STR("text"));
	json_put_key(&j, "text");
	json_open(&j, '{');
	e = say_plain(&j, "content", n, escapes);
	json_close(&j, '}');
	json_put_key(&j, "at");
	json_open(&j, '{');
	json_say_bool(&j, "isAtAll", false);
	json_close(&j, '}');
	json_close(&j, '}');
	end = json_end(&j);
	return e ? e : end;
}

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	enum err e;

	e = buf_add(&out->url, to->secret);
	if (!e && to->sign.len)
		e = sign_url(to->sign, wall_ms, &out->url);
	if (!e)
		e = write_body(n, &out->body);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_dingtalk = {
	.name = "dingtalk",
	.label = "DingTalk, custom robot",
	.is_url_secret = true,
	.fields = fields,
	/* Busy; too many messages, by two names. */
	.code = { .key = "errcode",
	    .good = 0,
	    .later = { -1, 130101, 410100 } },
	.write = write,
};
