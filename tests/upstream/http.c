/* SPDX-License-Identifier: MIT */
/* http.c - reads one HTTP/1.1 request from a growing block of input. */
#include "tests/upstream/http.h"

#include <stdlib.h>

void
http_init(struct request *r)
{
	*r = (struct request){ .minor = 1 };
	buf_init(&r->joined, HTTP_MAX_BODY);
}

void
http_fini(struct request *r)
{
	buf_fini(&r->joined);
}

void
http_next(struct request *r)
{
	r->headers = 0;
	r->head_len = r->total = r->seen = r->chunk_at = 0;
	r->has_length = r->chunked = false;
	r->body = (struct str){ NULL, 0 };
	if (r->joined.mem)
		buf_fini(&r->joined);
}

static bool
is_token(struct str s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	char c;

	for (size_t i = 0; i < s.len; i++) {
		c = s.at[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') ||
			memchr(others, c, sizeof(others) - 1)))
			return false;
	}
	return s.len > 0;
}

static const char *
read_request_line(struct request *r, struct str line)
{
	struct str rest = line, query;

	r->method = str_cut(&rest, ' ');
	r->target = rest.at ? str_cut(&rest, ' ') : (struct str){ NULL, 0 };
	if (!is_token(r->method) || r->target.len == 0)
		return "request line";
	if (str_eq(rest, STR("HTTP/1.1")))
		r->minor = 1;
	else if (str_eq(rest, STR("HTTP/1.0")))
		r->minor = 0;
	else
		return "version";
	if (r->target.at[0] != '/' && !str_eq(r->target, STR("*")))
		return "target is not a path";
	query = r->target;
	r->path = str_cut(&query, '?');
	r->query = query;
	r->keep_alive = r->minor == 1;
	r->expect_continue = false;
	return NULL;
}

/* What the head says about framing.  Each of these appears at most once. */
static const char *
note_header(struct request *r, struct str name, struct str value)
{
	uint64_t n;

	switch (name.len) {
	case 6:
		if (str_ieq(name, STR("expect")))
			r->expect_continue =
			    str_ieq(value, STR("100-continue"));
		break;
	case 10:
		if (!str_ieq(name, STR("connection")))
			break;
		if (str_ifind(value, STR("close")) >= 0)
			r->keep_alive = false;
		else if (str_ifind(value, STR("keep-alive")) >= 0)
			r->keep_alive = true;
		break;
	case 14:
		if (!str_ieq(name, STR("content-length")))
			break;
		if (r->has_length)
			return "two content-lengths";
		if (str_u64(value, &n))
			return "content-length is no number";
		if (n > HTTP_MAX_BODY)
			return "body over 64 MiB";
		r->has_length = true;
		r->total = r->head_len + n;
		break;
	case 17:
		if (!str_ieq(name, STR("transfer-encoding")))
			break;
		if (!str_ieq(value, STR("chunked")) || r->chunked)
			return "transfer-encoding is not chunked";
		r->chunked = true;
		break;
	default:
		break;
	}
	return NULL;
}

static const char *
read_head(struct request *r, struct str head)
{
	struct str rest = head, line, name, value;
	const char *why = NULL;
	bool first = true;

	r->headers = 0;
	r->has_length = r->chunked = false;
	r->total = r->head_len;
	if (memchr(head.at, '\0', head.len))
		return "NUL in the head";
	while (!why && rest.len) {
		line = str_cut(&rest, '\n');
		if (!str_ends(line, STR("\r")))
			return "bare LF";
		line.len--;
		if (memchr(line.at, '\r', line.len))
			return "bare CR";
		if (line.len == 0)
			break;
		if (first) {
			why = read_request_line(r, line);
			first = false;
			continue;
		}
		value = line;
		name = str_cut(&value, ':');
		if (!value.at || !is_token(name))
			return "header line";
		if (r->headers == HTTP_MAX_HEADERS)
			return "too many headers";
		value = str_trim(value);
		r->header[r->headers++] =
		    (struct header){ .name = name, .value = value };
		why = note_header(r, name, value);
	}
	if (!why && r->chunked && r->has_length)
		why = "content-length beside chunked";
	if (!why && r->minor == 1 && !http_header(r, STR("host")).at)
		why = "no host";
	return why;
}

/* One chunk from chunk_at on.  OK: the last one was read. */
static enum err
read_chunk(struct request *r, struct str in, const char **out_why)
{
	struct str rest = str_skip(in, r->chunk_at), line;
	size_t n = 0;
	char *end;
	ptrdiff_t nl = str_find(rest, STR("\r\n"));

	*out_why = "chunk size";
	if (nl < 0)
		return rest.len > 1024 ? ERR_SYNTAX : ERR_AGAIN;
	line = str_first(rest, (size_t)nl);
	if (line.len == 0 || line.len > 1024 ||
	    !memchr("0123456789abcdefABCDEF", line.at[0], 22))
		return ERR_SYNTAX;
	n = strtoul(line.at, &end, 16);
	if (end != line.at + line.len && *end != ';' && *end != ' ')
		return ERR_SYNTAX;
	if (n > HTTP_MAX_BODY || buf_len(&r->joined) + n > HTTP_MAX_BODY) {
		*out_why = "body over 64 MiB";
		return ERR_LIMIT;
	}
	rest = str_skip(rest, (size_t)nl + 2);
	if (n == 0) {
		/* Trailers are read and forgotten. */
		while ((nl = str_find(rest, STR("\r\n"))) > 0)
			rest = str_skip(rest, (size_t)nl + 2);
		if (nl < 0)
			return ERR_AGAIN;
		r->chunk_at = (size_t)(rest.at + 2 - in.at);
		return OK;
	}
	if (rest.len < n + 2)
		return ERR_AGAIN;
	*out_why = "chunk does not end with CRLF";
	if (memcmp(rest.at + n, "\r\n", 2) != 0)
		return ERR_SYNTAX;
	buf_must(&r->joined, str_first(rest, n));
	r->chunk_at = (size_t)(rest.at + n + 2 - in.at);
	return ERR_EXISTS;
}

static enum err
read_chunks(struct request *r, struct str in, const char **out_why)
{
	enum err e;

	if (r->chunk_at == 0)
		r->chunk_at = r->head_len;
	do
		e = read_chunk(r, in, out_why);
	while (e == ERR_EXISTS);
	r->total = r->chunk_at;
	return e;
}

/* Where the head ends, or 0.  Looks only at what was not seen before. */
static size_t
find_head_end(struct request *r, struct str in)
{
	size_t from = r->seen > 3 ? r->seen - 3 : 0;
	ptrdiff_t at;

	at = str_find(str_skip(in, from), STR("\r\n\r\n"));
	r->seen = in.len;
	return at < 0 ? 0 : from + (size_t)at + 4;
}

enum err
http_read(struct request *r, struct str in, size_t *out_eat,
    const char **out_why)
{
	enum err e;

	if (r->head_len == 0) {
		r->head_len = find_head_end(r, in);
		*out_why = "head over 256 KiB";
		if (r->head_len > HTTP_MAX_HEAD ||
		    (!r->head_len && in.len > HTTP_MAX_HEAD))
			return ERR_LIMIT;
		if (!r->head_len)
			return ERR_AGAIN;
	} else if (!r->chunked && in.len < r->total && in.at == r->read_at) {
		return ERR_AGAIN;
	}
	/* Again whenever the input may have moved in between. */
	r->read_at = in.at;
	*out_why = read_head(r, str_first(in, r->head_len));
	if (*out_why)
		return ERR_SYNTAX;
	if (r->chunked) {
		e = read_chunks(r, in, out_why);
		if (e)
			return e;
		r->body = buf_str(&r->joined);
	} else if (in.len < r->total) {
		return ERR_AGAIN;
	} else {
		r->body = str_at(in.at + r->head_len, r->total - r->head_len);
	}
	*out_eat = r->total;
	return OK;
}

struct str
http_header(const struct request *r, struct str name)
{
	for (size_t i = 0; i < r->headers; i++)
		if (str_ieq(r->header[i].name, name))
			return r->header[i].value;
	return (struct str){ NULL, 0 };
}

struct str
http_query(const struct request *r, struct str name)
{
	struct str rest = r->query, pair, key;

	while (rest.at) {
		pair = str_cut(&rest, '&');
		key = str_cut(&pair, '=');
		if (str_eq(key, name))
			return pair.at ? pair : STR("");
	}
	return (struct str){ NULL, 0 };
}
