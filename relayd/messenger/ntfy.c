/* SPDX-License-Identifier: MIT */
/* ntfy.c - ntfy, published as JSON: there is no header that a text could
 * break out of, and without "markdown" nothing is marked up. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "to",
	    .type = FIELD_TEXT,
	    .required = true,
	    .help = "the topic" },
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .help = "an access token: tk_..." },
	{ .name = "url", .type = FIELD_URL, .help = "a server of one's own" },
	{ .name = NULL },
};

/* Of a severity: 3 is ordinary, 5 the most. */
static const int priorities[] = {
	[NOTICE_INFO] = 3,
	[NOTICE_WARNING] = 4,
	[NOTICE_CRITICAL] = 5,
};

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	const struct notice_row *row = notice_row(n->event);
	struct json_out j;
	enum err e;

	(void)wall_ms;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "topic", to->rec->to);
	say_title(&j, "title", n);
	say_text(&j, "message", n);
	json_say_i64(&j, "priority", priorities[row->severity]);
	json_put_key(&j, "tags");
	json_open(&j, '[');
	json_put_string(&j, str_of(row->name));
	json_close(&j, ']');
	json_close(&j, '}');
	e = json_end(&j);
	if (!e)
		e = buf_addf(&out->url, "%s/", to->url);
	if (!e)
		e = buf_add(&out->fields, STR(JSON_FIELD));
	if (!e && to->secret.len)
		e = buf_addf(&out->fields, "Authorization: Bearer %.*s\n",
		    STR_ARG(to->secret));
	return e;
}

const struct messenger messenger_ntfy = {
	.name = "ntfy",
	.label = "ntfy, a topic",
	.url = "https://ntfy.sh",
	.fields = fields,
	.write = write,
};
