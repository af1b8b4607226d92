/* SPDX-License-Identifier: MIT */
/* enc.c - bytes as text and back: base64, hex, base62, percent.
 *
 * Base64 and hex are libsodium's, whose time does not depend on the bytes:
 * what is written so is often a key. */
#include "proto/enc.h"

#include <assert.h>

#include <sodium.h>

static int
sodium_variant(enum enc_base64 variant)
{
	static const int variants[] = {
		[ENC_BASE64] = sodium_base64_VARIANT_ORIGINAL,
		[ENC_BASE64_BARE] = sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
		[ENC_BASE64URL] = sodium_base64_VARIANT_URLSAFE,
		[ENC_BASE64URL_BARE] = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
	};

	return variants[variant];
}

enum err
enc_base64(struct buf *out, struct str bytes, enum enc_base64 variant)
{
	int v = sodium_variant(variant);
	size_t len, room;
	char *at;
	enum err e;

	if (bytes.len > out->max)
		return ERR_LIMIT;
	/* One more than the text, for a NUL; a buffer has room for it behind
	 * the room that it counts. */
	len = sodium_base64_encoded_len(bytes.len, v);
	e = buf_room(out, len - 1, &at, &room);
	if (e)
		return e;
	sodium_bin2base64(at, len, (const uint8_t *)bytes.at, bytes.len, v);
	buf_grew(out, len - 1);
	return OK;
}

enum err
enc_unbase64(struct buf *out, struct str text, enum enc_base64 variant)
{
	size_t digits = text.len, most, len, room;
	const char *end;
	char *at;
	enum err e;

	while (digits && text.len - digits < 2 && text.at[digits - 1] == '=')
		digits--;
	most = digits / 4 * 3 + digits % 4 * 3 / 4;
	e = buf_room(out, most, &at, &room);
	if (e)
		return e;
	if (sodium_base642bin((uint8_t *)at, most, text.at, text.len, NULL,
		&len, &end, sodium_variant(variant)) ||
	    end != text.at + text.len)
		return ERR_SYNTAX;
	buf_grew(out, len);
	return OK;
}

enum err
enc_hex(struct buf *out, struct str bytes)
{
	size_t room;
	char *at;
	enum err e;

	if (bytes.len > out->max)
		return ERR_LIMIT;
	e = buf_room(out, bytes.len * 2, &at, &room);
	if (e)
		return e;
	sodium_bin2hex(at, bytes.len * 2 + 1, (const uint8_t *)bytes.at,
	    bytes.len);
	buf_grew(out, bytes.len * 2);
	return OK;
}

enum err
enc_unhex(struct buf *out, struct str text)
{
	const char *end;
	size_t len, room;
	char *at;
	enum err e;

	if (text.len % 2)
		return ERR_SYNTAX;
	e = buf_room(out, text.len / 2, &at, &room);
	if (e)
		return e;
	if (sodium_hex2bin((uint8_t *)at, text.len / 2, text.at, text.len, NULL,
		&len, &end) ||
	    end != text.at + text.len)
		return ERR_SYNTAX;
	buf_grew(out, len);
	return OK;
}

/* --- base 62: long division, a byte or a digit at a time ------------------- */

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

enum err
enc_base62(struct buf *out, struct str bytes)
{
	char text[ENC_BASE62_LEN(ENC_BASE62_MAX)];
	uint8_t number[ENC_BASE62_MAX];
	size_t len = ENC_BASE62_LEN(bytes.len);
	enum err e;

	assert(bytes.len > 0 && bytes.len <= sizeof(number));
	memcpy(number, bytes.at, bytes.len);
	for (size_t i = len; i-- > 0;) {
		unsigned rest = 0;

		for (size_t j = 0; j < bytes.len; j++) {
			rest = rest << 8 | number[j];
			number[j] = (uint8_t)(rest / 62);
			rest %= 62;
		}
		text[i] = base62[rest];
	}
	e = buf_add(out, str_at(text, len));
	sodium_memzero(text, sizeof(text));
	sodium_memzero(number, sizeof(number));
	return e;
}

/* --- percent --------------------------------------------------------------- */

static bool
is_plain(char c, const char *keep)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c && (strchr("-._~", c) || strchr(keep, c)));
}

enum err
enc_percent(struct buf *out, struct str bytes, const char *keep)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = bytes.len, room;
	char *at;
	enum err e;

	for (size_t i = 0; i < bytes.len; i++)
		len += is_plain(bytes.at[i], keep) ? 0 : 2;
	e = buf_room(out, len, &at, &room);
	if (e)
		return e;
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.at[i];

		if (is_plain(c, keep)) {
			*at++ = c;
			continue;
		}
		*at++ = '%';
		*at++ = hex[(unsigned char)c >> 4];
		*at++ = hex[(unsigned char)c & 15];
	}
	buf_grew(out, len);
	return OK;
}

enum err
enc_unpercent(struct buf *out, struct str text)
{
	size_t len = 0, room;
	char *at;
	enum err e;

	e = buf_room(out, text.len, &at, &room);
	if (e)
		return e;
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.at[i] != '%') {
			at[len++] = text.at[i];
			continue;
		}
		if (text.len - i < 3)
			return ERR_SYNTAX;
		high = str_hex_digit(text.at[i + 1]);
		low = str_hex_digit(text.at[i + 2]);
		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		at[len++] = (char)(high * 16 + low);
		i += 2;
	}
	buf_grew(out, len);
	return OK;
}
