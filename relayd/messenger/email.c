/* SPDX-License-Identifier: MIT */
/* email.c - a mail, handed to a mail server.
 *
 * The subject is one encoded word after the other and the body is base64, so
 * no text can begin a header, a part or an SMTP command.  The Message-ID is
 * the notice's, so that a mail that was sent twice is known as the same. */
#include <time.h>

#include "relayd/messenger/common.h"

#define ADDRESSES_MAX 10
/* Bytes of text in one encoded word, of 75 characters at the most. */
#define WORD_BYTES 42
/* Bytes of body in one line of 76 characters. */
#define LINE_BYTES 57

static const struct field fields[] = {
	{ .name = "url",
	    .type = FIELD_URL,
	    .required = true,
	    .help = "the mail server: smtps://host[:465], or smtp://host:587, "
		    "which has to know STARTTLS" },
	{ .name = "from",
	    .type = FIELD_TEXT,
	    .required = true,
	    .help = "the sender's address" },
	{ .name = "to",
	    .type = FIELD_TEXT,
	    .required = true,
	    .help = "addresses, comma-separated" },
	{ .name = "user",
	    .type = FIELD_TEXT,
	    .help = "the name to log in with; empty: none" },
	{ .name = "secret", .type = FIELD_SECRET, .help = "the password" },
	{ .name = NULL },
};

/* local@domain, of plain characters: nothing of it may be quoted. */
static bool
is_address(struct str s)
{
	ptrdiff_t at = str_chr(s, '@');

	if (at < 1 || (size_t)at + 1 >= s.len || s.len > 254)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '.' || c == '-';

		if (i == (size_t)at || plain)
			continue;
		if (i > (size_t)at || !memchr("_+=~!#$%&'*/?^`{|}", c, 18))
			return false;
	}
	return true;
}

static enum err
check(const struct channel_rec *r, struct why *out_why)
{
	struct str rest = r->to, one;
	unsigned n = 0;

	if (!str_starts(r->url, STR("smtps://")) &&
	    !str_starts(r->url, STR("smtp://")))
		return why_set(out_why, ERR_VALUE, "url",
		    "must be smtps://host or smtp://host:587");
	if (!is_address(r->from))
		return why_set(out_why, ERR_VALUE, "from",
		    "must be a mail address, for example relay@example.com");
	while (str_list_next(&rest, &one))
		if (++n > ADDRESSES_MAX || !is_address(one))
			return why_set(out_why, ERR_VALUE, "to",
			    "must be 1 to %d mail addresses with commas",
			    ADDRESSES_MAX);
	if (!n)
		return why_set(out_why, ERR_VALUE, "to",
		    "must be a mail address, for example admin@example.com");
	return OK;
}

/* --- the head -------------------------------------------------------------- */

/* As many bytes of s as fit into a word, whole characters only. */
static size_t
word_len(struct str s)
{
	size_t n = s.len < WORD_BYTES ? s.len : WORD_BYTES;

	while (n < s.len && n > 1 && ((unsigned char)s.at[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static enum err
put_subject(const struct notice *n, struct buf *out)
{
	struct buf title;
	struct str rest;
	enum err e;

	buf_init(&title, MESSAGE_TITLE_MAX);
	message_title(n, &title);
	rest = buf_str(&title);
	e = buf_add(out, STR("Subject:"));
	while (!e && rest.len) {
		size_t len = word_len(rest);

		e = buf_add(out, STR(" =?utf-8?B?"));
		if (!e)
			e = enc_base64(out, str_first(rest, len), ENC_BASE64);
		rest = str_skip(rest, len);
		if (!e)
			e = buf_add(out, STR("?=\r\n"));
	}
	buf_fini(&title);
	return e;
}

/* Names of days and months as mail wants them, whatever the language. */
static enum err
put_date(int64_t wall_ms, struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(wall_ms / 1000);
	char zone[8];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	return buf_addf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d %s\r\n",
	    days + (size_t)3 * (size_t)tm.tm_wday, tm.tm_mday,
	    months + (size_t)3 * (size_t)tm.tm_mon, tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, zone);
}

static enum err
put_head(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct buf *out)
{
	struct str from = to->rec->from, rest = to->rec->to, one;
	struct str domain = str_skip(from, (size_t)str_chr(from, '@') + 1);
	const struct notice_row *row = notice_row(n->event);
	const char *between = "To: ";
	enum err e;

	e = buf_addf(out, "From: relayd <%.*s>\r\n", STR_ARG(from));
	while (!e && str_list_next(&rest, &one)) {
		e = buf_addf(out, "%s%.*s", between, STR_ARG(one));
		between = ",\r\n ";
	}
	if (!e)
		e = buf_add(out, STR("\r\n"));
	if (!e)
		e = put_subject(n, out);
	if (!e)
		e = put_date(wall_ms, out);
	return e ? e
		 : buf_addf(out,
		       "Message-ID: <%s@%.*s>\r\n"
		       "Auto-Submitted: auto-generated\r\n"
		       "X-Relayd-Event: %s\r\n"
		       "X-Relayd-Severity: %s\r\n"
		       "MIME-Version: 1.0\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: base64\r\n"
		       "\r\n",
		       n->id, STR_ARG(domain), row->name,
		       notice_severity_name(row->severity));
}

static enum err
put_body(const struct notice *n, struct buf *out)
{
	static const struct escape lines[] = {
		{ '\n', "\r\n" },
		{ 0, NULL },
	};
	struct buf text;
	struct str rest;
	enum err e;

	buf_init(&text, 2 * (MESSAGE_TITLE_MAX + MESSAGE_TEXT_MAX));
	e = message_plain(n, lines, &text);
	rest = buf_str(&text);
	while (!e && rest.len) {
		e = enc_base64(out, str_first(rest, LINE_BYTES), ENC_BASE64);
		if (!e)
			e = buf_add(out, STR("\r\n"));
		rest = str_skip(rest, LINE_BYTES);
	}
	buf_fini(&text);
	return e;
}

static enum err
write(const struct mailbox *to, const struct notice *n, int64_t wall_ms,
    struct message *out)
{
	enum err e = buf_add(&out->url, str_of(to->url));

	if (!e)
		e = put_head(to, n, wall_ms, &out->body);
	return e ? e : put_body(n, &out->body);
}

const struct messenger messenger_email = {
	.name = "email",
	.label = "mail, through a mail server",
	.is_mail = true,
	.fields = fields,
	.check = check,
	.write = write,
};
