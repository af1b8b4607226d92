/* SPDX-License-Identifier: MIT */
/* mask.c - text that is kept to be looked at, without the secrets in it. */
#include "relayd/mask.h"

#include "proto/enc.h"

#define SHOWN 4
/* So long a credential must be for its end to give nothing away. */
#define LONG_ENOUGH 16
#define NAME_MAX    128

static const struct str stars = { .at = "****", .len = 4 };

/* --- names ----------------------------------------------------------------- */

/* Small letters, '-' for '_', without escapes.  A name that cannot be read is
 * empty then. */
static struct str
plain_name(struct str name, struct buf *room)
{
	buf_clear(room);
	if (enc_unpercent(room, name)) {
		buf_clear(room);
		if (buf_add(room, str_first(name, NAME_MAX)))
			return STR("");
	}
	for (size_t i = room->start; i < room->end; i++) {
		char *c = &room->mem[i];

		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if (*c == '_')
			*c = '-';
	}
	return buf_str(room);
}

bool
mask_is_secret(struct str name)
{
	static const char *const inside[] = { "authorization", "cookie",
		"api-key", "apikey", "secret", "passw", "credential",
		"signature", "assertion", "jwt" };
	/* "tokens" are what is counted. */
	static const char *const ends[] = { "token", "-key", "-auth" };
	static const char *const whole[] = { "key", "auth", "code", "sig" };
	struct str plain;
	struct buf room;
	bool is = false;

	buf_init(&room, NAME_MAX);
	plain = plain_name(name, &room);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		is = is || str_find(plain, str_of(inside[i])) >= 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		is = is || str_ends(plain, str_of(ends[i]));
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		is = is || str_eq(plain, str_of(whole[i]));
	/* Something this long names nothing that we know. */
	is = is || (name.len && !plain.len);
	buf_fini(&room);
	return is;
}

/* --- values ---------------------------------------------------------------- */

/* Only of these is known that what follows is the secret, and not this. */
static bool
is_scheme(struct str word)
{
	static const char *const known[] = { "Bearer", "Basic", "Digest",
		"Negotiate", "AWS4-HMAC-SHA256" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_ieq(word, str_of(known[i])))
			return true;
	return false;
}

enum err
mask_value(struct str value, struct buf *out)
{
	struct str rest = str_trim(value), scheme = STR("");
	ptrdiff_t at = str_chr(rest, ' ');
	enum err e = OK;

	if (!rest.len)
		return OK;
	if (at > 0 && is_scheme(str_first(rest, (size_t)at))) {
		scheme = str_first(rest, (size_t)at);
		rest = str_trim(str_skip(rest, (size_t)at));
		e = buf_add(out, scheme);
		if (!e)
			e = buf_addc(out, ' ');
	}
	if (!e)
		e = buf_add(out, stars);
	/* The end of a Basic one is the end of a password. */
	if (!e && rest.len >= LONG_ENOUGH && !str_ieq(scheme, STR("Basic")))
		e = buf_add(out, str_skip(rest, rest.len - SHOWN));
	return e;
}

static enum err
mask_query(struct str query, struct buf *out)
{
	enum err e = OK;
	char between = '?';

	while (!e && query.at) {
		struct str value = str_cut(&query, '&');
		struct str name = str_cut(&value, '=');

		e = buf_addc(out, between);
		between = '&';
		if (!e)
			e = buf_add(out, name);
		if (!e && value.at)
			e = buf_addc(out, '=');
		if (!e)
			e = mask_is_secret(name) ? mask_value(value, out)
						 : buf_add(out, value);
	}
	return e;
}

enum err
mask_target(struct str target, struct buf *out)
{
	struct str query = target;
	enum err e = buf_add(out, str_cut(&query, '?'));

	return e ? e : mask_query(query, out);
}

/* --- heads ----------------------------------------------------------------- */

static enum err
put_field(struct str name, struct str value, struct str also, struct buf *out)
{
	enum err e = buf_add(out, name);

	if (!e)
		e = buf_add(out, STR(": "));
	if (!e)
		e = mask_is_secret(name) || (also.len && str_ieq(name, also))
		    ? mask_value(value, out)
		    : buf_add(out, value);
	return e ? e : buf_add(out, STR("\r\n"));
}

static enum err
put_fields(const struct http1_head *h, struct str also, struct buf *out)
{
	enum err e = OK;

	for (size_t i = 0; !e && i < h->count; i++)
		e = put_field(h->fields[i].name, h->fields[i].value, also, out);
	return e ? e : buf_add(out, STR("\r\n"));
}

enum err
mask_request(const struct http1_head *h, struct str also, struct buf *out)
{
	enum err e = buf_add(out, h->method);

	if (!e)
		e = buf_addc(out, ' ');
	if (!e)
		e = mask_target(h->target, out);
	if (!e)
		e = buf_addf(out, " HTTP/1.%u\r\n", h->minor);
	return e ? e : put_fields(h, also, out);
}

enum err
mask_answer(const struct http1_head *h, struct buf *out)
{
	enum err e = buf_addf(out, "HTTP/1.%u %u ", h->minor, h->status);

	if (!e)
		e = buf_add(out, h->reason);
	if (!e)
		e = buf_add(out, STR("\r\n"));
	return e ? e : put_fields(h, STR(""), out);
}

static struct str
cut_line(struct str *rest)
{
	struct str line = str_cut(rest, '\n');

	return str_ends(line, STR("\r")) ? str_first(line, line.len - 1) : line;
}

/* "POST /path?key=value HTTP/1.1", or the first line of an answer. */
static enum err
put_first_line(struct str line, struct buf *out)
{
	struct str rest = line, method, target;
	enum err e;

	if (str_starts(line, STR("HTTP/")))
		return buf_add(out, line);
	method = str_cut(&rest, ' ');
	target = str_cut(&rest, ' ');
	e = buf_add(out, method);
	if (!e && target.at)
		e = buf_addc(out, ' ');
	if (!e && target.at)
		e = mask_target(target, out);
	if (!e && rest.at)
		e = buf_addc(out, ' ');
	return e ? e : buf_add(out, rest);
}

enum err
mask_written(struct str head, struct str also, struct buf *out)
{
	enum err e = put_first_line(cut_line(&head), out);

	if (!e)
		e = buf_add(out, STR("\r\n"));
	while (!e && head.at) {
		struct str value = cut_line(&head), name;

		if (!value.len)
			break;
		name = str_cut(&value, ':');
		e = put_field(name, str_trim(value), also, out);
	}
	return e ? e : buf_add(out, STR("\r\n"));
}

/* --- what is known --------------------------------------------------------- */

static void
overwrite(char *at, size_t len)
{
	memset(at, '*', len >= LONG_ENOUGH ? len - SHOWN : len);
}

void
mask_known(char *bytes, size_t len, bool is_cut, struct str secret)
{
	size_t at = 0;

	if (secret.len < MASK_KNOWN_MIN)
		return;
	while (at < len) {
		char *found =
		    memmem(bytes + at, len - at, secret.at, secret.len);

		if (!found)
			break;
		overwrite(found, secret.len);
		at = (size_t)(found - bytes) + secret.len;
	}
	if (!is_cut)
		return;
	for (size_t n = secret.len - 1 < len ? secret.len - 1 : len; n > 0; n--)
		if (!memcmp(bytes + len - n, secret.at, n)) {
			memset(bytes + len - n, '*', n);
			return;
		}
}
