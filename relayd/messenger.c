/* SPDX-License-Identifier: MIT */
/* messenger.c - the kinds of channel, by name, and what they share. */
#include "relayd/messenger.h"

#include <stdio.h>
#include <time.h>

#include <sodium.h>

static const struct messenger *const messengers[] = {
#define X(symbol) &messenger_##symbol,
#include "relayd/messenger.def"
#undef X
};

/* What every kind has. */
static const struct field common_fields[] = {
	{ .name = "events",
	    .type = FIELD_LIST,
	    .help = "events it is told of, comma-separated, * and ? allowed; "
		    "empty: all" },
	{ .name = "severity",
	    .type = FIELD_CHOICE,
	    .choices = "info|warning|critical",
	    .help = "the least it is told of (info)" },
	{ .name = "quiet",
	    .type = FIELD_TEXT,
	    .help = "hours in which only what is critical is told: "
		    "22:00-07:00" },
	{ .name = "proxy",
	    .type = FIELD_TEXT,
	    .help = "way out: a proxy's name, or "
		    "socks5h://[user@]host:port" },
	{ .name = "proxy-password",
	    .type = FIELD_SECRET,
	    .help = "password of the proxy" },
	{ .name = "allow-private",
	    .type = FIELD_FLAG,
	    .help = "may connect to private and loopback addresses" },
	{ .name = "note", .type = FIELD_TEXT, .help = "anything" },
	{ .name = NULL },
};

const struct messenger *
messenger_at(unsigned i)
{
	return i < sizeof(messengers) / sizeof(messengers[0]) ? messengers[i]
							      : NULL;
}

const struct messenger *
messenger_find(struct str name)
{
	const struct messenger *m;

	for (unsigned i = 0; (m = messenger_at(i)); i++)
		if (str_eq(str_of(m->name), name))
			return m;
	return NULL;
}

const struct field *
messenger_field_at(const struct messenger *m, unsigned i)
{
	unsigned own = 0;

	while (m->fields[own].name)
		own++;
	if (i < own)
		return &m->fields[i];
	i -= own;
	if (i < sizeof(common_fields) / sizeof(common_fields[0]) - 1)
		return &common_fields[i];
	return NULL;
}

const struct field *
messenger_field_find(const struct messenger *m, struct str name)
{
	const struct field *f;

	for (unsigned i = 0; (f = messenger_field_at(m, i)); i++)
		if (field_same_name(str_of(f->name), name))
			return f;
	return NULL;
}

/* --- texts ----------------------------------------------------------------- */

void
message_time(int64_t wall_ms, char out[32])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S %z", &tm);
}

void
message_time_utc(int64_t wall_ms, char out[32])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&t, &tm);
	n = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%03dZ", (int)(wall_ms % 1000));
}

void
message_title(const struct notice *n, struct buf *out)
{
	const struct notice_row *row = notice_row(n->event);

	buf_mustf(out, "relayd on %s: %s%s%.*s", n->host, row->text,
	    n->object.len ? ": " : "", STR_ARG(n->object));
}

void
message_text(const struct notice *n, struct buf *out)
{
	const struct notice_row *row = notice_row(n->event);
	char at[32];

	message_time(n->at_ms, at);
	if (n->text.len)
		buf_mustf(out, "%.*s\n", STR_ARG(n->text));
	if (n->missed)
		buf_mustf(out, "%llu more like it were not told before.\n",
		    (unsigned long long)n->missed);
	buf_mustf(out, "%s, %s", notice_severity_name(row->severity), at);
}

enum err
message_escape(struct str s, const struct escape *escapes, struct buf *out)
{
	enum err err = OK;

	for (size_t i = 0; !err && i < s.len; i++) {
		const struct escape *e = escapes;

		while (e->with && e->byte != s.at[i])
			e++;
		err = e->with ? buf_add(out, str_of(e->with))
			      : buf_addc(out, s.at[i]);
	}
	return err;
}

enum err
message_plain(const struct notice *n, const struct escape *escapes,
    struct buf *out)
{
	struct buf plain;
	enum err e;

	buf_init(&plain, MESSAGE_TITLE_MAX + MESSAGE_TEXT_MAX + 1);
	message_title(n, &plain);
	buf_must(&plain, STR("\n"));
	message_text(n, &plain);
	e = message_escape(buf_str(&plain), escapes, out);
	buf_fini(&plain);
	return e;
}

void
message_mac(struct str key, struct str text, uint8_t out[MESSAGE_MAC_LEN])
{
	crypto_auth_hmacsha256_state s;

	crypto_auth_hmacsha256_init(&s, (const uint8_t *)key.at, key.len);
	crypto_auth_hmacsha256_update(&s, (const uint8_t *)text.at, text.len);
	crypto_auth_hmacsha256_final(&s, out);
	sodium_memzero(&s, sizeof(s));
}

void
message_init(struct message *m)
{
	buf_init(&m->url, MESSAGE_URL_MAX);
	buf_init(&m->body, MESSAGE_BODY_MAX);
	buf_init(&m->fields, MESSAGE_FIELDS_MAX);
}

void
message_fini(struct message *m)
{
	buf_wipe(&m->url);
	buf_wipe(&m->body);
	buf_wipe(&m->fields);
}
