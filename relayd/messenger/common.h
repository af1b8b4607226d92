/* SPDX-License-Identifier: MIT */
/* common.h - what the kinds that take JSON share. */
#ifndef RELAYD_MESSENGER_COMMON_H
#define RELAYD_MESSENGER_COMMON_H

#include "proto/enc.h"
#include "proto/json.h"

#include "relayd/messenger.h"

#define JSON_FIELD "Content-Type: application/json; charset=utf-8\n"

/* "key": title and text, escaped, as a member. */
static inline enum err
say_plain(struct json_out *j, const char *key, const struct notice *n,
    const struct escape *escapes)
{
	struct buf text;
	enum err e;

	/* Escaping makes a byte five at the most. */
	buf_init(&text, 5 * (MESSAGE_TITLE_MAX + MESSAGE_TEXT_MAX + 1));
	e = message_plain(n, escapes, &text);
	json_say(j, key, buf_str(&text));
	buf_fini(&text);
	return e;
}

/* HMAC-SHA256, in base64. */
static inline enum err
put_mac(struct str key, struct str text, struct buf *out)
{
	uint8_t mac[MESSAGE_MAC_LEN];

	message_mac(key, text, mac);
	return enc_base64(out, str_at((const char *)mac, sizeof(mac)),
	    ENC_BASE64);
}

static inline void
say_title(struct json_out *j, const char *key, const struct notice *n)
{
	struct buf text;

	buf_init(&text, MESSAGE_TITLE_MAX);
	message_title(n, &text);
	json_say(j, key, buf_str(&text));
	buf_fini(&text);
}

static inline void
say_text(struct json_out *j, const char *key, const struct notice *n)
{
	struct buf text;

	buf_init(&text, MESSAGE_TEXT_MAX);
	message_text(n, &text);
	json_say(j, key, buf_str(&text));
	buf_fini(&text);
}

#endif
