/* SPDX-License-Identifier: MIT */
/* webhook.c - anybody who takes JSON.
 *
 * Signed over "TIMESTAMP.BODY", so that neither can be exchanged; the id is
 * the same at every attempt, the attempt tells them apart. */
#include "proto/enc.h"
#include "proto/json.h"

#include "relayd/messenger.h"

static const struct field fields[] = {
	{ .name = "secret",
	    .type = FIELD_SECRET,
	    .required = true,
	    .help = "the URL that is to be told" },
	{ .name = "sign",
	    .type = FIELD_SECRET,
	    .help = "key of the signature; empty: none" },
	{ .name = NULL },
};

static enum err
write_body(const struct notice *n, struct buf *out)
{
	const struct notice_row *row = notice_row(n->event);
	struct json_out j;
	char at[32];

	message_time_utc(n->at_ms, at);
	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "id", str_of(n->id));
	json_say_i64(&j, "attempt", (int64_t)n->attempt);
	json_say(&j, "event", str_of(row->name));
	json_say(&j, "severity", str_of(notice_severity_name(row->severity)));
	json_say(&j, "title", str_of(row->text));
	json_say(&j, "object", n->object);
	json_say(&j, "text", n->text);
	json_say(&j, "at", str_of(at));
	json_say_i64(&j, "missed", (int64_t)n->missed);
	json_say(&j, "host", str_of(n->host));
	json_close(&j, '}');
	return json_end(&j);
}

static enum err
write_signature(struct str key, int64_t wall_ms, struct str body,
    struct buf *out)
{
	uint8_t mac[MESSAGE_MAC_LEN];
	struct buf text;
	enum err e;

	buf_init(&text, MESSAGE_BODY_MAX + 32);
	buf_mustf(&text, "%lld.", (long long)(wall_ms / 1000));
	buf_must(&text, body);
	message_mac(key, buf_str(&text), mac);
	buf_fini(&text);
	e = buf_add(out, STR("X-Relayd-Signature: v1="));
	if (!e)
		e = enc_hex(out, str_at((const char *)mac, sizeof(mac)));
	return e ? e : buf_addc(out, '\n');
}

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	enum err e;

	e = buf_add(&out->url, to->secret);
	if (!e)
		e = write_body(n, &out->body);
	if (!e)
		e = buf_addf(&out->fields,
		    "Content-Type: application/json\n"
		    "X-Relayd-Id: %s\n"
		    "X-Relayd-Attempt: %llu\n"
		    "X-Relayd-Timestamp: %lld\n",
		    n->id, (unsigned long long)n->attempt,
		    (long long)(wall_ms / 1000));
	if (!e && to->sign.len)
		e = write_signature(to->sign, wall_ms, buf_str(&out->body),
		    &out->fields);
	return e;
}

const struct messenger messenger_webhook = {
	.name = "webhook",
	.label = "JSON to any URL, signed",
	.is_url_secret = true,
	.fields = fields,
	.write = write,
};
