/* SPDX-License-Identifier: MIT */
/* http1_body.c - bodies by their framing: content out, nothing copied.
 *
 * Chunks are read to the letter of RFC 9112 7.1.  Extensions and trailers are
 * checked, counted and dropped; nothing of them reaches anybody.  After the
 * first error a decoder gives only errors. */
#include "proto/http1.h"
#include "proto/http1_bytes.h"

/* Room for 4 GiB in one chunk. */
#define SIZE_DIGITS_MAX 8

/* Where in the chunk framing the next byte stands. */
enum step {
	STEP_SIZE,	 /* in the digits */
	STEP_SIZE_BLANK, /* blanks behind them, which many senders pad with */
	STEP_EXTENSION,	 /* behind a semicolon */
	STEP_SIZE_LF,
	STEP_DATA,
	STEP_DATA_CR,
	STEP_DATA_LF,
	STEP_TRAILER, /* at the start of a line behind the last chunk */
	STEP_TRAILER_NAME,
	STEP_TRAILER_VALUE,
	STEP_TRAILER_LF,
	STEP_END_LF,
	STEP_BROKEN,
};

void
http1_body_init(struct http1_body *b, const struct http1_head *h)
{
	*b = (struct http1_body){ .framing = h->framing, .step = STEP_SIZE };
	if (h->framing == HTTP1_LENGTH)
		b->left = h->length;
	b->done = h->framing == HTTP1_NO_BODY ||
	    (h->framing == HTTP1_LENGTH && h->length == 0);
}

/* One byte of a chunk's first line. */
static enum err
size_byte(struct http1_body *b, char c)
{
	int digit = b->step == STEP_SIZE ? str_hex_digit(c) : -1;

	if (digit >= 0) {
		if (b->digits++ == SIZE_DIGITS_MAX)
			return ERR_SYNTAX;
		b->left = b->left << 4 | (uint64_t)digit;
		return OK;
	}
	if (b->digits == 0)
		return ERR_SYNTAX;
	if (c == '\r') {
		b->step = STEP_SIZE_LF;
		return OK;
	}
	if (b->step == STEP_EXTENSION ? !http1_is_text(c)
				      : c != ' ' && c != '\t' && c != ';')
		return ERR_SYNTAX;
	if (++b->spent > HTTP1_CHUNK_EXT_MAX)
		return ERR_LIMIT;
	if (b->step != STEP_EXTENSION)
		b->step = c == ';' ? STEP_EXTENSION : STEP_SIZE_BLANK;
	return OK;
}

static enum err
size_end(struct http1_body *b, char c)
{
	if (c != '\n')
		return ERR_SYNTAX;
	b->spent = b->digits = 0;
	b->step = b->left ? STEP_DATA : STEP_TRAILER;
	return OK;
}

/* One byte behind the last chunk. */
static enum err
trailer_byte(struct http1_body *b, char c)
{
	if (++b->spent > HTTP1_TRAILERS_MAX)
		return ERR_LIMIT;
	if (b->step == STEP_TRAILER && c == '\r') {
		b->step = STEP_END_LF;
	} else if (b->step == STEP_TRAILER_VALUE && c == '\r') {
		b->step = STEP_TRAILER_LF;
	} else if (b->step == STEP_TRAILER_LF) {
		b->step = STEP_TRAILER;
		return c == '\n' ? OK : ERR_SYNTAX;
	} else if (b->step == STEP_END_LF) {
		b->done = true;
		return c == '\n' ? OK : ERR_SYNTAX;
	} else if (b->step == STEP_TRAILER_VALUE) {
		return http1_is_text(c) ? OK : ERR_SYNTAX;
	} else if (b->step == STEP_TRAILER_NAME && c == ':') {
		b->step = STEP_TRAILER_VALUE;
	} else {
		b->step = STEP_TRAILER_NAME;
		return http1_set_has(&http1_token, c) ? OK : ERR_SYNTAX;
	}
	return OK;
}

/* One byte of framing. */
static enum err
chunk_byte(struct http1_body *b, char c)
{
	switch ((enum step)b->step) {
	case STEP_SIZE:
	case STEP_SIZE_BLANK:
	case STEP_EXTENSION:
		return size_byte(b, c);
	case STEP_SIZE_LF:
		return size_end(b, c);
	case STEP_DATA_CR:
		b->step = STEP_DATA_LF;
		return c == '\r' ? OK : ERR_SYNTAX;
	case STEP_DATA_LF:
		b->step = STEP_SIZE;
		return c == '\n' ? OK : ERR_SYNTAX;
	case STEP_TRAILER:
	case STEP_TRAILER_NAME:
	case STEP_TRAILER_VALUE:
	case STEP_TRAILER_LF:
	case STEP_END_LF:
		return trailer_byte(b, c);
	case STEP_DATA:
	case STEP_BROKEN:
		break;
	}
	return ERR_SYNTAX;
}

/* The content at the start of bytes, as much as `left` allows. */
static struct str
take_left(struct http1_body *b, struct str bytes)
{
	size_t n = b->left < bytes.len ? (size_t)b->left : bytes.len;

	b->left -= n;
	return str_first(bytes, n);
}

static enum err
chunked_feed(struct http1_body *b, struct str bytes, struct str *out_piece,
    size_t *out_used)
{
	struct str piece = str_first(bytes, 0);
	size_t i = 0;
	enum err e;

	while (i < bytes.len && !b->done && b->step != STEP_DATA) {
		e = chunk_byte(b, bytes.at[i++]);
		if (e) {
			b->step = STEP_BROKEN;
			b->done = false;
			return e;
		}
	}
	if (b->step == STEP_DATA && i < bytes.len) {
		piece = take_left(b, str_skip(bytes, i));
		i += piece.len;
		if (b->left == 0)
			b->step = STEP_DATA_CR;
	}
	*out_piece = piece;
	*out_used = i;
	return OK;
}

enum err
http1_body_feed(struct http1_body *b, struct str bytes, struct str *out_piece,
    size_t *out_used)
{
	struct str piece = str_first(bytes, 0);

	if (b->framing == HTTP1_CHUNKED)
		return chunked_feed(b, bytes, out_piece, out_used);
	if (b->framing == HTTP1_LENGTH) {
		piece = take_left(b, bytes);
		b->done = b->left == 0;
	} else if (b->framing == HTTP1_UNTIL_CLOSE && !b->done) {
		piece = bytes;
	}
	*out_piece = piece;
	*out_used = piece.len;
	return OK;
}

enum err
http1_body_end(struct http1_body *b)
{
	if (b->framing == HTTP1_UNTIL_CLOSE)
		b->done = true;
	return b->done ? OK : ERR_CLOSED;
}
