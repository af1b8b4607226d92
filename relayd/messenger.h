/* SPDX-License-Identifier: MIT */
/* messenger.h - what is particular to a kind of channel: how a notice becomes
 * a message, and how the answer is read.
 *
 * Members do not wait: they turn input into output.  All text of a notice may
 * have been chosen by strangers; a writer sees to it that its receiver takes
 * it for nothing but text, and that it pings nobody. */
#ifndef RELAYD_MESSENGER_H
#define RELAYD_MESSENGER_H

#include "proto/buf.h"

#include "relayd/field.h"
#include "relayd/notice.h"

/* Where a notice is to be told; the secrets are open. */
struct mailbox {
	const struct channel_rec *rec;
	const char *url;	 /* rec's, or the kind's own; no final slash */
	struct str secret, sign; /* may be empty */
};

/* Ceilings of a message. */
#define MESSAGE_URL_MAX	   4096
#define MESSAGE_BODY_MAX   16384
#define MESSAGE_FIELDS_MAX 2048

/* One on its way; holds secrets. */
struct message {
	struct buf url, body;
	struct buf fields; /* "Name: value" and a line feed, each */
};

/* A receiver that says 200 and means no: a number in its answer tells. */
struct answer_code {
	const char *key; /* NULL: the status tells all */
	int64_t good;
	int64_t later[3]; /* too many, busy; 0 ends */
};

struct messenger {
	const char *name;  /* "slack" */
	const char *label; /* "Slack, incoming webhook" */
	const char *url; /* where to, when the channel does not say; or NULL */
	bool is_mail;	 /* else a POST */
	bool is_url_secret;	    /* the secret is the URL */
	const struct field *fields; /* ends with name NULL */
	struct answer_code code;
	/* Is the record, beyond its fields, as it must be?  NULL: always. */
	enum err (*check)(const struct channel_rec *r, struct why *out_why);
	enum err (*write)(const struct mailbox *to, const struct notice *n,
	    int64_t wall_ms, struct message *out);
};

#define X(symbol) extern const struct messenger messenger_##symbol;
#include "relayd/messenger.def"
#undef X

/* By name, or NULL.  messenger_at(0), (1), ... until NULL lists them. */
const struct messenger *messenger_find(struct str name);
const struct messenger *messenger_at(unsigned i);
/* Its own fields, then those of all; i counts from 0, NULL ends. */
const struct field *messenger_field_at(const struct messenger *m, unsigned i);
const struct field *
messenger_field_find(const struct messenger *m, struct str name);

/* --- what writers share ---------------------------------------------------- */

/* "relayd on HOST: account blocked: NAME", and what stands below it, in lines;
 * they fit into these many bytes. */
#define MESSAGE_TITLE_MAX 300
#define MESSAGE_TEXT_MAX  1000
void message_title(const struct notice *n, struct buf *out);
void message_text(const struct notice *n, struct buf *out);
/* "2026-11-20 13:09:15 +0100", and "2026-11-20T12:09:15.000Z". */
void message_time(int64_t wall_ms, char out[32]);
void message_time_utc(int64_t wall_ms, char out[32]);

/* Both, a line break between them, with a character of `bytes` escaped by what
 * stands at its place in `with`. */
struct escape {
	char byte;
	const char *with;
};
enum err message_plain(const struct notice *n, const struct escape *escapes,
    struct buf *out) CHECKED;
enum err message_escape(struct str s, const struct escape *escapes,
    struct buf *out) CHECKED;

/* HMAC-SHA256. */
#define MESSAGE_MAC_LEN 32
void message_mac(struct str key, struct str text, uint8_t out[MESSAGE_MAC_LEN]);

void message_init(struct message *m);
void message_fini(struct message *m);

#endif
