/* SPDX-License-Identifier: MIT */
/* wecom.c - WeCom, robots of a group.  Texts ping only who stands in
 * mentioned_list, which is not sent. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help =
		"the robot's URL: https://qyapi.weixin.qq.com/cgi-bin/..." },
	{ .name = NULL },
};

static const struct escape escapes[] = {
	{ 0, NULL },
};

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	struct json_out j;
	enum err e, end;

	(void)wall_ms;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "msgtype", STR("text"));
	json_put_key(&j, "text");
	json_open(&j, '{');
	e = say_plain(&j, "content", n, escapes);
	json_close(&j, '}');
	json_close(&j, '}');
	end = json_end(&j);
	if (!e)
		e = end;
	if (!e)
		e = buf_add(&out->url, to->secret);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_wecom = {
	.name = "wecom",
	.label = "WeCom, robot of a group",
	.is_url_secret = true,
	.fields = fields,
	/* Busy; too many messages. */
	.code = { .key = "errcode", .good = 0, .later = { -1, 45009 } },
	.write = write,
};
