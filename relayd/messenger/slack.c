/* SPDX-License-Identifier: MIT */
/* slack.c - Slack's incoming webhooks.  The three characters that make its
 * control sequences (<!channel>, <@U1>) are escaped, and nothing is marked
 * up, linked or unfolded. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the webhook's URL: https://hooks.slack.com/services/..." },
	{ .name = NULL },
};

static const struct escape escapes[] = {
	{ '&', "&amp;" },
	{ '<', "&lt;" },
	{ '>', "&gt;" },
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
	e = say_plain(&j, "text", n, escapes);
	json_say_bool(&j, "mrkdwn", false);
	json_say(&j, "parse", STR("none"));
	json_say_bool(&j, "link_names", false);
	json_say_bool(&j, "unfurl_links", false);
	json_say_bool(&j, "unfurl_media", false);
	json_close(&j, '}');
	end = json_end(&j);
	if (!e)
		e = end;
	if (!e)
		e = buf_add(&out->url, to->secret);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_slack = {
	.name = "slack",
	.label = "Slack, incoming webhook",
	.is_url_secret = true,
	.fields = fields,
	.write = write,
};
