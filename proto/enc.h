/* SPDX-License-Identifier: MIT */
/* enc.h - bytes as text and back: base64, hex, base62, percent.
 *
 * Writers append to a buffer.  Readers are strict: one text for each value,
 * nothing skipped, anything else is ERR_SYNTAX; at the ceiling of the buffer
 * they give ERR_LIMIT.  Either way a failed call appends nothing. */
#ifndef PROTO_ENC_H
#define PROTO_ENC_H

#include "proto/buf.h"

enum enc_base64 {
	ENC_BASE64,	    /* + and /, padded with = */
	ENC_BASE64_BARE,    /* without padding */
	ENC_BASE64URL,	    /* - and _, padded with = */
	ENC_BASE64URL_BARE, /* without padding: JWT, PKCE */
};

enum err
enc_base64(struct buf *out, struct str bytes, enum enc_base64 variant) CHECKED;
enum err
enc_unbase64(struct buf *out, struct str text, enum enc_base64 variant) CHECKED;

/* Lower case; the reader takes both. */
enum err enc_hex(struct buf *out, struct str bytes) CHECKED;
enum err enc_unhex(struct buf *out, struct str text) CHECKED;

/* Base 62 (0-9 A-Z a-z) of bytes taken as one big number, the most significant
 * first; the length of the text depends on the number of bytes alone. */
#define ENC_BASE62_MAX	  64			  /* bytes */
#define ENC_BASE62_LEN(n) ((n)*13436 / 10000 + 1) /* 43 for 32 bytes */
enum err enc_base62(struct buf *out, struct str bytes) CHECKED;

/* %XX for all but letters, digits, -._~ and the bytes in `keep`. */
enum err
enc_percent(struct buf *out, struct str bytes, const char *keep) CHECKED;
/* A `+` is a plus; a % without two hex digits is ERR_SYNTAX. */
enum err enc_unpercent(struct buf *out, struct str text) CHECKED;

#endif
