/* SPDX-License-Identifier: MIT */
/* http1.c - heads of messages: parsed where they lie, refused when in doubt.
 *
 * Two passes.  The first only looks for line ends, refuses those that are not
 * CRLF, and remembers how far it came; the second runs once, when the head is
 * whole.  What could be read in two ways by two parsers in a row is refused
 * here, because whoever disagrees with us about where a message ends can have
 * us run requests that nobody checked.  Never looks at a body (http1_body.c)
 * and writes nothing (http1_put.c). */
#include "proto/http1.h"

#include "proto/http1_bytes.h"
#include "proto/url.h"

/* Enough for a petabyte, and far from wrapping around. */
#define LENGTH_DIGITS_MAX 15

/* One head being read. */
struct parse {
	struct http1_head *head;
	struct str left; /* lines not read yet, each with its CRLF */
	unsigned status; /* what a refusal is answered with */
	struct why *why;
	/* The fields that decide about framing and address. */
	unsigned hosts, lengths, codings;
	struct str host, length, coding;
	bool lengths_differ, connection;
};

static enum err
refuse(struct parse *p, unsigned status, const char *field, const char *text)
{
	enum err e = status == 400 ? ERR_SYNTAX : ERR_UNSUPPORTED;

	p->status = status;
	return why_set(p->why, status == 431 ? ERR_LIMIT : e, field, "%s",
	    text);
}

/* --- pass one: where does the head end? ----------------------------------- */

static enum err
head_find(struct parse *p, struct str held, size_t *io_seen)
{
	struct str window = str_first(held, HTTP1_HEAD_MAX);
	size_t at = *io_seen;

	while (at < window.len) {
		const char *lf;
		size_t i;

		lf = memchr(window.at + at, '\n', window.len - at);
		if (!lf)
			break;
		i = (size_t)(lf - window.at);
		if (i == 0 || window.at[i - 1] != '\r')
			return refuse(p, 400, "head",
			    "a line ends with LF instead of CRLF");
		at = i + 1;
		if (i >= 3 && window.at[i - 2] == '\n') {
			*io_seen = at;
			p->left = str_first(window, at);
			return OK;
		}
	}
	*io_seen = window.len;
	if (held.len >= HTTP1_HEAD_MAX)
		return refuse(p, 431, "head", "the head is over 32 KiB");
	return ERR_AGAIN;
}

/* The next line of a head that is known to be whole, without its CRLF. */
static struct str
line_next(struct parse *p)
{
	struct str line = str_cut(&p->left, '\n');

	line.len--;
	return line;
}

/* --- pass two: fields ------------------------------------------------------ */

/* Remember the fields that we ourselves obey. */
static void
field_note(struct parse *p, const struct header *f)
{
	switch (f->name.len) {
	case 4:
		if (str_ieq(f->name, STR("host")) && p->hosts++ == 0)
			p->host = f->value;
		break;
	case 10:
		if (str_ieq(f->name, STR("connection")))
			p->connection = true;
		break;
	case 14:
		if (!str_ieq(f->name, STR("content-length")))
			break;
		if (p->lengths++ == 0)
			p->length = f->value;
		else if (!str_eq(p->length, f->value))
			p->lengths_differ = true;
		break;
	case 17:
		if (str_ieq(f->name, STR("transfer-encoding")) &&
		    p->codings++ == 0)
			p->coding = f->value;
		break;
	default:
		break;
	}
}

static enum err
field_refuse_name(struct parse *p, size_t name_len)
{
	char c = p->left.at[name_len];

	if (name_len == 0 && (c == ' ' || c == '\t'))
		return refuse(p, 400, "head", "a folded header line");
	if (name_len == 0 && c == ':')
		return refuse(p, 400, "head", "a header without a name");
	if (c == ' ' || c == '\t')
		return refuse(p, 400, "head", "a blank before a colon");
	if (c == '\r')
		return refuse(p, 400, "head", "a header without a colon");
	return refuse(p, 400, "head", "a header name with a byte not allowed");
}

static enum err
field_read(struct parse *p, struct header *out)
{
	const char *at = p->left.at, *end = at + p->left.len;
	size_t n = http1_span(p->left, &http1_token);
	const char *from, *to;

	if (n == 0 || at[n] != ':')
		return field_refuse_name(p, n);
	from = at + n + 1;
	while (*from == ' ' || *from == '\t')
		from++;
	to = from + http1_text_span(str_at(from, (size_t)(end - from)));
	if (to[0] != '\r' || to[1] != '\n')
		return refuse(p, 400, "head",
		    "a control byte in a header value");
	p->left = str_at(to + 2, (size_t)(end - to - 2));
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	*out = (struct header){ .name = str_at(at, n),
		.value = str_at(from, (size_t)(to - from)) };
	return OK;
}

static enum err
fields_read(struct parse *p)
{
	struct http1_head *h = p->head;
	enum err e;

	/* What is left ends with the CRLF of the empty line, so that looking
	 * at the byte behind a name or a value is always allowed. */
	while (p->left.len > 2) {
		if (h->count == HTTP1_FIELDS_MAX)
			return refuse(p, 431, "head", "over 100 header fields");
		e = field_read(p, &h->fields[h->count]);
		if (e)
			return e;
		field_note(p, &h->fields[h->count]);
		h->count++;
	}
	return OK;
}

/* --- pass two: framing ----------------------------------------------------- */

static enum err
length_read(struct parse *p)
{
	if (p->length.len > LENGTH_DIGITS_MAX ||
	    str_u64(p->length, &p->head->length))
		return refuse(p, 400, "content-length",
		    "content-length is not a number of at most 15 digits");
	return OK;
}

static enum err
coding_read(struct parse *p)
{
	if (p->lengths)
		return refuse(p, 400, "transfer-encoding",
		    "both content-length and transfer-encoding");
	if (p->head->minor == 0)
		return refuse(p, 400, "transfer-encoding",
		    "transfer-encoding in HTTP/1.0");
	if (p->codings > 1)
		return refuse(p, 400, "transfer-encoding",
		    "transfer-encoding twice");
	if (!str_ieq(p->coding, STR("chunked")))
		return refuse(p, 501, "transfer-encoding",
		    "a transfer-encoding other than chunked");
	return OK;
}

/* What both kinds of message say about the connection. */
static void
connection_read(struct parse *p)
{
	struct http1_head *h = p->head;
	const struct str name = STR("connection");
	bool closes = p->connection && http1_has_token(h, name, STR("close"));

	h->keep_alive = !closes &&
	    (h->minor == 1 ||
		(p->connection && http1_has_token(h, name, STR("keep-alive"))));
}

static enum err
request_framing(struct parse *p)
{
	struct http1_head *h = p->head;
	enum err e;

	if (p->codings) {
		e = coding_read(p);
		if (e)
			return e;
		h->framing = HTTP1_CHUNKED;
	} else if (p->lengths) {
		/* Two equal ones are no accident either in a request. */
		if (p->lengths > 1)
			return refuse(p, 400, "content-length",
			    "content-length twice");
		e = length_read(p);
		if (e)
			return e;
		h->framing = HTTP1_LENGTH;
	}
	return OK;
}

static enum err
response_framing(struct parse *p, bool to_head)
{
	struct http1_head *h = p->head;
	enum err e = OK;

	if (p->lengths_differ)
		return refuse(p, 400, "content-length",
		    "content-length twice, and different");
	if (p->codings) {
		e = coding_read(p);
		h->framing = HTTP1_CHUNKED;
	} else if (p->lengths) {
		e = length_read(p);
		h->framing = HTTP1_LENGTH;
	} else {
		h->framing = HTTP1_UNTIL_CLOSE;
	}
	if (e)
		return e;
	if (to_head || h->status < 200 || h->status == 204 || h->status == 304)
		h->framing = HTTP1_NO_BODY;
	else if (h->framing == HTTP1_UNTIL_CLOSE)
		h->keep_alive = false;
	return OK;
}

/* --- pass two: the first line ---------------------------------------------- */

/* "HTTP/1.0" or "HTTP/1.1". */
static enum err
version_read(struct parse *p, struct str s)
{
	const char *v = s.at;

	if (s.len != 8 || !str_starts(s, STR("HTTP/")) || v[5] < '0' ||
	    v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9')
		return refuse(p, 400, "version", "not an HTTP version");
	if (v[5] != '1' || v[7] > '1')
		return refuse(p, 505, "version", "neither HTTP/1.0 nor 1.1");
	p->head->minor = (unsigned)(v[7] - '0');
	return OK;
}

static enum err
host_check(struct parse *p)
{
	if (p->hosts > 1)
		return refuse(p, 400, "host", "host twice");
	if (p->hosts == 0 && p->head->minor == 1)
		return refuse(p, 400, "host", "no host");
	if (p->hosts && !url_authority_is_sound(p->host))
		return refuse(p, 400, "host", "not a host");
	p->head->host = p->host;
	return OK;
}

/* Visible ASCII without '#', which never leaves a client. */
static bool
target_is_sound(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~' || s.at[i] == '#')
			return false;
	return s.len > 0;
}

/* http://authority/path, where the authority must be what Host says: a front
 * may have let the request pass for the one, we would answer the other. */
static enum err
absolute_read(struct parse *p, struct str *out_rest)
{
	struct str target = p->head->target, authority;
	size_t scheme, n = 0;

	if (str_istarts(target, STR("http://")))
		scheme = strlen("http://");
	else if (str_istarts(target, STR("https://")))
		scheme = strlen("https://");
	else
		return refuse(p, 400, "target", "not a path");
	authority = str_skip(target, scheme);
	while (n < authority.len && authority.at[n] != '/' &&
	    authority.at[n] != '?')
		n++;
	*out_rest = str_skip(authority, n);
	authority = str_first(authority, n);
	if (p->hosts == 0 || !str_ieq(authority, p->host))
		return refuse(p, 400, "target", "another authority than host");
	return OK;
}

/* After the fields, because the absolute form needs Host. */
static enum err
target_read(struct parse *p)
{
	struct http1_head *h = p->head;
	struct str rest = h->target;
	ptrdiff_t mark;
	enum err e;

	if (str_eq(rest, STR("*"))) {
		if (!str_eq(h->method, STR("OPTIONS")))
			return refuse(p, 400, "target", "* without OPTIONS");
		h->path = rest;
		return OK;
	}
	if (rest.at[0] != '/') {
		e = absolute_read(p, &rest);
		if (e)
			return e;
	}
	mark = str_chr(rest, '?');
	h->path = mark < 0 ? rest : str_first(rest, (size_t)mark);
	if (mark >= 0)
		h->query = str_skip(rest, (size_t)mark + 1);
	if (h->path.len == 0)
		h->path = STR("/");
	return OK;
}

static enum err
request_line_read(struct parse *p)
{
	struct http1_head *h = p->head;
	struct str line = line_next(p), target;
	size_t n = http1_span(line, &http1_token);
	enum err e;

	if (n == 0 || n == line.len || line.at[n] != ' ')
		return refuse(p, 400, "method", "not a method");
	h->method = str_first(line, n);
	line = str_skip(line, n + 1);
	target = str_cut(&line, ' ');
	if (!target_is_sound(target) || !line.at)
		return refuse(p, 400, "target", "not a request target");
	h->target = target;
	e = version_read(p, line);
	if (e)
		return e;
	/* A tunnel has no framing; we dig none. */
	if (str_eq(h->method, STR("CONNECT")))
		return refuse(p, 501, "method", "CONNECT is not offered");
	return OK;
}

static enum err
status_line_read(struct parse *p)
{
	struct http1_head *h = p->head;
	struct str line = line_next(p), code = str_skip(line, 9);
	uint64_t status;
	enum err e;

	e = version_read(p, str_first(line, 8));
	if (e)
		return e;
	if (code.len < 3 || line.at[8] != ' ' ||
	    str_u64(str_first(code, 3), &status) || status < 100 ||
	    status > 599)
		return refuse(p, 400, "status", "not a status");
	/* Some leave the phrase away, some the blank before it as well. */
	if (code.len > 3 && code.at[3] != ' ')
		return refuse(p, 400, "status", "not a status");
	h->reason = str_skip(code, 4);
	if (http1_text_span(h->reason) != h->reason.len)
		return refuse(p, 400, "status", "a control byte in the phrase");
	if (status == 101)
		return refuse(p, 400, "status", "protocols were switched");
	h->status = (unsigned)status;
	return OK;
}

/* --- the two entries ------------------------------------------------------- */

/* Everything but the 3 KiB of fields, which `count` guards. */
static void
head_clear(struct http1_head *h)
{
	h->method = h->target = h->path = h->query = h->host = h->reason =
	    h->upgrade = (struct str){ .at = NULL, .len = 0 };
	h->status = h->minor = 0;
	h->framing = HTTP1_NO_BODY;
	h->length = 0;
	h->keep_alive = h->expect_continue = false;
	h->count = 0;
}

/* Bytes that begin no request (a TLS greeting, say) are refused when the first
 * of them is there: its sender waits for us and will never end the line. */
static enum err
request_start(struct parse *p, struct str held)
{
	static const char crlf[] = "\r\n";
	size_t i = 0;

	while (i < 2 && i < held.len && held.at[i] == crlf[i])
		i++;
	if (i == held.len)
		return OK;
	if (i == 1 || !http1_set_has(&http1_token, held.at[i]))
		return refuse(p, 400, "head", "this is not HTTP");
	return OK;
}

/* The same for a server that speaks something else. */
static enum err
response_start(struct parse *p, struct str held)
{
	const struct str name = STR("HTTP/");

	if (!str_starts(name, str_first(held, name.len)))
		return refuse(p, 400, "head", "this is not HTTP");
	return OK;
}

static enum err
request_read(struct parse *p)
{
	struct http1_head *h = p->head;
	enum err e;

	if (p->left.at[0] == '\r')
		p->left = str_skip(p->left, 2);
	e = request_line_read(p);
	if (!e)
		e = fields_read(p);
	if (!e)
		e = host_check(p);
	if (!e)
		e = target_read(p);
	if (!e)
		e = request_framing(p);
	if (e)
		return e;
	connection_read(p);
	/* To HTTP/1.0 both are unknown (RFC 9110 7.8, 10.1.1). */
	if (h->minor == 1) {
		const struct header *upgrade = http1_find(h, STR("upgrade"));

		h->expect_continue =
		    http1_has_token(h, STR("expect"), STR("100-continue"));
		if (upgrade && p->connection &&
		    http1_has_token(h, STR("connection"), STR("upgrade")))
			h->upgrade = upgrade->value;
	}
	return OK;
}

enum err
http1_request(struct str held, size_t *io_seen, struct http1_head *out,
    size_t *out_used, unsigned *out_status, struct why *out_why)
{
	struct parse p = { .head = out, .why = out_why };
	enum err e;

	head_clear(out);
	e = request_start(&p, held);
	if (!e)
		e = head_find(&p, held, io_seen);
	if (!e)
		e = request_read(&p);
	if (!e)
		*out_used = *io_seen;
	else if (e != ERR_AGAIN)
		*out_status = p.status;
	return e;
}

enum err
http1_response(struct str held, size_t *io_seen, bool to_head,
    struct http1_head *out, size_t *out_used, struct why *out_why)
{
	struct parse p = { .head = out, .why = out_why };
	enum err e;

	head_clear(out);
	e = response_start(&p, held);
	if (!e)
		e = head_find(&p, held, io_seen);
	if (!e)
		e = status_line_read(&p);
	if (!e)
		e = fields_read(&p);
	if (e)
		return e;
	connection_read(&p);
	e = response_framing(&p, to_head);
	if (!e)
		*out_used = *io_seen;
	return e;
}

const struct header *
http1_find(const struct http1_head *h, struct str name)
{
	for (size_t i = 0; i < h->count; i++)
		if (str_ieq(h->fields[i].name, name))
			return &h->fields[i];
	return NULL;
}

bool
http1_has_token(const struct http1_head *h, struct str name, struct str token)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str rest = h->fields[i].value, member;

		if (!str_ieq(h->fields[i].name, name))
			continue;
		while (str_list_next(&rest, &member))
			if (str_ieq(member, token))
				return true;
	}
	return false;
}
