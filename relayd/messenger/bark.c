/* SPDX-License-Identifier: MIT */
/* bark.c - Bark, for telephones of Apple's. */
#include "relayd/messenger/common.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the device's key" },
	{ .name = "url", .type = FIELD_URL, .help = "a server of one's own" },
	{ .name = "group",
	    .type = FIELD_TEXT,
	    .help = "what its messages are gathered under (relayd)" },
	{ .name = "sound", .type = FIELD_TEXT, .help = "for example minuet" },
	{ .name = "level",
	    .type = FIELD_CHOICE,
	    .choices = "passive|active|timeSensitive|critical",
	    .help = "how much it disturbs; empty: as its severity wants" },
	{ .name = NULL },
};

static const char *const levels[] = {
	[NOTICE_INFO] = "passive",
	[NOTICE_WARNING] = "active",
	[NOTICE_CRITICAL] = "timeSensitive",
};

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	const struct notice_row *row = notice_row(n->event);
	const struct channel_rec *r = to->rec;
	struct json_out j;
	enum err e;

	(void)wall_ms;
	json_begin(&j, &out->body);
	json_open(&j, '{');
	json_say(&j, "device_key", to->secret);
	say_title(&j, "title", n);
	say_text(&j, "body", n);
	json_say(&j, "group", r->group.len ? r->group : STR("relayd"));
	json_say(&j, "level",
	    r->level.len ? r->level : str_of(levels[row->severity]));
	if (r->sound.len)
		json_say(&j, "sound", r->sound);
	json_close(&j, '}');
	e = json_end(&j);
	if (!e)
		e = buf_addf(&out->url, "%s/push", to->url);
	return e ? e : buf_add(&out->fields, STR(JSON_FIELD));
}

const struct messenger messenger_bark = {
	.name = "bark",
	.label = "Bark, a telephone",
	.url = "https://api.day.app",
	.fields = fields,
	.code = { .key = "code", .good = 200 },
	.write = write,
};
