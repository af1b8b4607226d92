/* SPDX-License-Identifier: MIT */
/* coding.c - content codings undone within bounds.
 *
 * Owns the state of zlib or zstd for one body.  Output is made in steps of
 * STEP_BYTES so that every ceiling is looked at before much more is written. */
#include "proto/coding.h"

#include <assert.h>
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/mem.h"

#define STEP_BYTES	    ((size_t)32 * 1024)
#define RATIO_FROM_BYTES    ((uint64_t)64 * 1024)
#define ZSTD_WINDOW_LOG_MAX 23 /* 8 MiB */
#define ZSTD_HEAD_MAX	    18 /* RFC 8878 3.1.1: magic number and header */

#define WINDOW_ZLIB 15
#define WINDOW_GZIP (15 + 16)
#define WINDOW_RAW  (-15)

enum stage {
	FRESH,	 /* no byte was seen */
	INSIDE,	 /* within coded data */
	BETWEEN, /* all that was seen is complete */
	BROKEN,
};

struct decoder {
	enum coding coding;
	enum stage stage;
	uint64_t in, out, max_out;
	enum err err; /* of BROKEN */
	/* Deflate: the first byte, until the second one tells which kind. */
	unsigned char first;
	bool has_first, has_zlib;
	z_stream zlib;
	ZSTD_DCtx *zstd;
	/* Of the frame under way: what zstd has eaten and made, its head. */
	uint64_t frame_in, frame_out;
	unsigned char head[ZSTD_HEAD_MAX];
	bool skippable;
};

enum coding
coding_of(struct str value)
{
	static const struct {
		const char *name;
		enum coding coding;
	} codings[] = {
		{ "", CODING_IDENTITY },
		{ "identity", CODING_IDENTITY },
		{ "gzip", CODING_GZIP },
		{ "x-gzip", CODING_GZIP },
		{ "deflate", CODING_DEFLATE },
		{ "zstd", CODING_ZSTD },
	};

	value = str_trim(value);
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		if (str_ieq(value, str_of(codings[i].name)))
			return codings[i].coding;
	}
	return CODING_OTHER;
}

static void
start_zlib(struct decoder *d, int window)
{
	int ret = inflateInit2(&d->zlib, window);

	/* Only memory could have been missing. */
	if (ret != Z_OK)
		abort();
	d->has_zlib = true;
}

struct decoder *
decoder_new(enum coding coding, size_t max_out)
{
	struct decoder *d;
	size_t ret;

	if (coding == CODING_IDENTITY || coding == CODING_OTHER)
		return NULL;
	d = xcalloc(1, sizeof(*d));
	d->coding = coding;
	d->max_out = max_out;
	if (coding == CODING_GZIP) {
		start_zlib(d, WINDOW_GZIP);
	} else if (coding == CODING_ZSTD) {
		d->zstd = ZSTD_createDCtx();
		if (!d->zstd)
			abort();
		ret = ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
		    ZSTD_WINDOW_LOG_MAX);
		assert(!ZSTD_isError(ret));
	}
	return d;
}

void
decoder_free(struct decoder *d)
{
	if (!d)
		return;
	if (d->has_zlib)
		inflateEnd(&d->zlib);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

/* One step of zlib: eats from *in, writes up to room bytes at `at`. */
static enum err
step_zlib(struct decoder *d, struct str *in, char *at, size_t room,
    size_t *out_made)
{
	size_t give = in->len < UINT32_MAX ? in->len : UINT32_MAX;
	int ret;

	if (d->stage == BETWEEN && in->len) {
		if (d->coding != CODING_GZIP)
			return ERR_SYNTAX;
		if (inflateReset(&d->zlib) != Z_OK)
			return ERR_SYNTAX;
		d->stage = INSIDE;
	}
	/* zlib does not write to its input; its type is older than const. */
	d->zlib.next_in = (z_const Bytef *)(uintptr_t)in->at;
	d->zlib.avail_in = (uInt)give;
	d->zlib.next_out = (Bytef *)at;
	d->zlib.avail_out = (uInt)room;
	ret = inflate(&d->zlib, Z_NO_FLUSH);
	*in = str_skip(*in, give - d->zlib.avail_in);
	*out_made = room - d->zlib.avail_out;
	if (ret == Z_STREAM_END) {
		d->stage = BETWEEN;
		return OK;
	}
	/* Z_BUF_ERROR: nothing to do without more bytes. */
	return ret == Z_OK || ret == Z_BUF_ERROR ? OK : ERR_SYNTAX;
}

/* May the next bytes stand at the start of a frame?  The library would take
 * formats of long ago as well, to which the limit of the window is nothing. */
static bool
is_zstd_head(struct decoder *d, struct str in)
{
	static const unsigned char frame[] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const unsigned char skippable[] = { 0x50, 0x2a, 0x4d, 0x18 };

	for (uint64_t i = d->frame_in; i < 4 && in.len; i++) {
		unsigned char c = (unsigned char)in.at[0];

		if (i == 0) {
			d->skippable = (c & 0xf0) == skippable[0];
			if (d->skippable)
				c = skippable[0];
		}
		if (c != (d->skippable ? skippable : frame)[i])
			return false;
		in = str_skip(in, 1);
	}
	return true;
}

static void
note_head(struct decoder *d, const char *at, size_t len)
{
	for (size_t i = 0; i < len && d->frame_in + i < ZSTD_HEAD_MAX; i++)
		d->head[d->frame_in + i] = (unsigned char)at[i];
}

/* Did the frame bring as much as its head told?  The library does not ask when
 * it ends with an empty block. */
static bool
is_frame_full(const struct decoder *d)
{
	size_t len =
	    d->frame_in < ZSTD_HEAD_MAX ? (size_t)d->frame_in : ZSTD_HEAD_MAX;
	unsigned long long told = ZSTD_getFrameContentSize(d->head, len);

	return d->skippable || told == ZSTD_CONTENTSIZE_UNKNOWN ||
	    told == d->frame_out;
}

static enum err
step_zstd(struct decoder *d, struct str *in, char *at, size_t room,
    size_t *out_made)
{
	/* A frame that the library gets whole goes another way through it, on
	 * which it refuses more; the head by single bytes bars that way, so
	 * that cuts make no difference. */
	bool in_head = d->frame_in < ZSTD_HEAD_MAX && in->len;
	ZSTD_inBuffer from = { .src = in->at, .size = in_head ? 1 : in->len };
	ZSTD_outBuffer to = { .dst = at, .size = room };
	size_t ret;

	if (!is_zstd_head(d, *in))
		return ERR_SYNTAX;
	ret = ZSTD_decompressStream(d->zstd, &to, &from);
	note_head(d, in->at, from.pos);
	d->frame_in += from.pos;
	d->frame_out += to.pos;
	*in = str_skip(*in, from.pos);
	*out_made = to.pos;
	if (ZSTD_isError(ret))
		return ZSTD_getErrorCode(ret) ==
			ZSTD_error_frameParameter_windowTooLarge
		    ? ERR_LIMIT
		    : ERR_SYNTAX;
	if (ret == 0) {
		if (!is_frame_full(d))
			return ERR_SYNTAX;
		d->stage = BETWEEN;
		d->frame_in = d->frame_out = 0;
	} else if (from.pos || to.pos) {
		d->stage = INSIDE;
	}
	return OK;
}

/* Where the next step may write: into out, or, when a ceiling is reached, into
 * one spare byte that tells whether there would have been more. */
static enum err
find_room(struct decoder *d, struct buf *out, char *spare, char **out_at,
    size_t *out_room)
{
	uint64_t left = d->max_out - d->out;
	size_t room = out->max - buf_len(out), got;
	enum err e;

	if (room > left)
		room = (size_t)left;
	if (room > STEP_BYTES)
		room = STEP_BYTES;
	if (room == 0) {
		*out_at = spare;
		*out_room = 1;
		return OK;
	}
	e = buf_room(out, room, out_at, &got);
	*out_room = room;
	return e;
}

/* Decode until the input is eaten and nothing more comes out. */
static enum err
run(struct decoder *d, struct str in, struct buf *out)
{
	for (;;) {
		char spare, *at;
		size_t room, made = 0, had = in.len;
		enum err e = find_room(d, out, &spare, &at, &room);

		if (!e)
			e = d->coding == CODING_ZSTD
			    ? step_zstd(d, &in, at, room, &made)
			    : step_zlib(d, &in, at, room, &made);
		if (!e && made && at == &spare)
			e = ERR_LIMIT;
		if (e)
			return e;
		if (made)
			buf_grew(out, made);
		d->out += made;
		if (d->out > RATIO_FROM_BYTES &&
		    d->out / CODING_RATIO_MAX > d->in)
			return ERR_LIMIT;
		/* A step that filled its room may have more to say. */
		if (made < room && in.len == 0)
			return OK;
		if (made == 0 && in.len == had)
			return ERR_SYNTAX;
	}
}

/* Does a body that begins so have zlib's header (RFC 1950), as it should? */
static bool
is_zlib_head(unsigned char first, unsigned char second)
{
	return (first & 0x0f) == Z_DEFLATED && first >> 4 <= 7 &&
	    (first << 8 | second) % 31 == 0;
}

/* Find out which kind of deflate this is; false when more is needed. */
static bool
sort_deflate(struct decoder *d, struct str *bytes, struct buf *out,
    enum err *out_err)
{
	unsigned char second;
	char first;

	if (!d->has_first) {
		d->first = (unsigned char)bytes->at[0];
		d->has_first = true;
		*bytes = str_skip(*bytes, 1);
	}
	if (!bytes->len)
		return false;
	second = (unsigned char)bytes->at[0];
	start_zlib(d,
	    is_zlib_head(d->first, second) ? WINDOW_ZLIB : WINDOW_RAW);
	first = (char)d->first;
	*out_err = run(d, str_at(&first, 1), out);
	return *out_err == OK;
}

enum err
decoder_feed(struct decoder *d, struct str bytes, struct buf *out)
{
	enum err e = OK;

	if (d->stage == BROKEN)
		return d->err;
	if (!bytes.len)
		return OK;
	d->in += bytes.len;
	if (d->stage == FRESH)
		d->stage = INSIDE;
	if (d->coding != CODING_DEFLATE || d->has_zlib ||
	    sort_deflate(d, &bytes, out, &e))
		e = run(d, bytes, out);
	if (e) {
		d->stage = BROKEN;
		d->err = e;
	}
	return e;
}

enum err
decoder_end(struct decoder *d)
{
	if (d->stage == BROKEN)
		return d->err;
	return d->stage == BETWEEN ? OK : ERR_SYNTAX;
}
