/* SPDX-License-Identifier: MIT */
/* decode.c - takes the content-encoding off a request body. */
#include "tests/upstream/decode.h"

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#define STEP ((size_t)256 * 1024)

static bool
inflate_all(struct str body, struct buf *out)
{
	z_stream z = { .zalloc = Z_NULL };
	size_t room;
	char *at;
	int rc;

	/* 32 more: gzip or zlib, whatever the header says. */
	if (inflateInit2(&z, 15 + 32))
		return false;
	z.next_in = (const Bytef *)body.at;
	z.avail_in = (uInt)body.len;
	do {
		if (buf_room(out, STEP, &at, &room)) {
			rc = Z_DATA_ERROR;
			break;
		}
		z.next_out = (Bytef *)at;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		buf_grew(out, room - z.avail_out);
	} while (rc == Z_OK);
	inflateEnd(&z);
	return rc == Z_STREAM_END;
}

static bool
zstd_all(struct str body, struct buf *out)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = { .src = body.at, .size = body.len };
	ZSTD_outBuffer to = { .dst = NULL };
	size_t rc = 1;
	char *at;

	while (in.pos < in.size || to.pos == to.size) {
		if (buf_room(out, STEP, &at, &to.size)) {
			rc = 1;
			break;
		}
		to.dst = at;
		to.pos = 0;
		rc = ZSTD_decompressStream(ctx, &to, &in);
		if (ZSTD_isError(rc))
			break;
		buf_grew(out, to.pos);
		if (rc == 0)
			break;
	}
	ZSTD_freeDCtx(ctx);
	return rc == 0;
}

struct str
body_decode(struct str encoding, struct str body, struct buf *out)
{
	bool well;

	if (encoding.len == 0 || str_ieq(encoding, STR("identity")))
		return body;
	if (str_ieq(encoding, STR("zstd")))
		well = zstd_all(body, out);
	else if (str_ieq(encoding, STR("gzip")) ||
	    str_ieq(encoding, STR("deflate")))
		well = inflate_all(body, out);
	else
		well = false;
	return well ? buf_str(out) : (struct str){ NULL, 0 };
}
