/* SPDX-License-Identifier: MIT */
/* content.c - a file of the operator's, packed for the control socket: the
 * daemon sees no files but its own. */
#include "relay-tui/content.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zstd.h>

#include "proto/enc.h"

#include "relay-tui/words.h"

#define FILE_MAX (8 * 1024 * 1024)
/* What a frame has room for beside the rest of the call. */
#define PACKED_MAX (240 * 1024)
/* Not as small as can be: what shrinks too much is taken for a bomb. */
#define LEVEL 3

static enum err
read_stream(FILE *f, struct str path, struct buf *out, struct why *out_why)
{
	for (;;) {
		size_t room, n;
		char *at;

		if (buf_room(out, 1, &at, &room))
			return why_set(out_why, ERR_LIMIT, "from",
			    _("%.*s has more than %d bytes"), STR_ARG(path),
			    FILE_MAX);
		n = fread(at, 1, room, f);
		buf_grew(out, n);
		if (n == 0)
			break;
	}
	if (ferror(f))
		return why_set(out_why, ERR_IO, "from", "%.*s: %s",
		    STR_ARG(path), strerror(errno));
	return OK;
}

static enum err
read_path(struct str path, struct buf *out, struct why *out_why)
{
	char name[4096];
	FILE *f = stdin;
	enum err e;

	snprintf(name, sizeof(name), "%.*s", STR_ARG(path));
	if (!str_eq(path, STR("-")))
		f = fopen(name, "re");
	if (!f)
		return why_set(out_why, ERR_IO, "from", "%s: %s", name,
		    strerror(errno));
	e = read_stream(f, path, out, out_why);
	if (f != stdin)
		fclose(f);
	return e;
}

enum err
content_pack(struct str plain, struct buf *out)
{
	struct buf packed;
	size_t n, room;
	char *at;
	enum err e;

	buf_init(&packed, ZSTD_compressBound(FILE_MAX));
	e = buf_room(&packed, ZSTD_compressBound(plain.len), &at, &room);
	if (!e) {
		n = ZSTD_compress(at, room, plain.at, plain.len, LEVEL);
		e = ZSTD_isError(n) ? ERR_LIMIT : OK;
		if (!e)
			buf_grew(&packed, n);
	}
	if (!e && buf_len(&packed) > PACKED_MAX / 4 * 3)
		e = ERR_LIMIT;
	if (!e)
		e = enc_base64(out, buf_str(&packed), ENC_BASE64);
	buf_fini(&packed);
	return e;
}

enum err
content_read(struct str path, struct buf *out, struct why *out_why)
{
	struct buf plain;
	enum err e;

	buf_init(&plain, FILE_MAX);
	e = read_path(path, &plain, out_why);
	if (!e && content_pack(buf_str(&plain), out))
		e = why_set(out_why, ERR_LIMIT, "from",
		    _("%.*s is too large, even packed"), STR_ARG(path));
	buf_fini(&plain);
	return e;
}
