/* SPDX-License-Identifier: MIT */
/* coding.h - content codings (gzip, deflate, zstd) undone within bounds.
 *
 * For request bodies that arrive compressed (Codex sends zstd) and for answers
 * of upstreams that compress though they were asked not to.  A bomb is stopped
 * by three ceilings: bytes out, ratio, and the zstd window (8 MiB). */
#ifndef PROTO_CODING_H
#define PROTO_CODING_H

#include "proto/buf.h"

enum coding {
	CODING_IDENTITY,
	CODING_GZIP,	/* also "x-gzip" */
	CODING_DEFLATE, /* zlib, or raw as some send it */
	CODING_ZSTD,
	CODING_OTHER, /* br and the unknown: we cannot undo it */
};

#define CODING_RATIO_MAX 100

/* What a Content-Encoding value names; more than one coding is CODING_OTHER.
 * An absent or empty value is identity. */
enum coding coding_of(struct str value);

struct decoder;

/* NULL for identity and CODING_OTHER.  max_out bounds the bytes put out in
 * total. */
struct decoder *decoder_new(enum coding coding, size_t max_out);
void decoder_free(struct decoder *d);

/* Decode bytes, appending to out (whose own ceiling counts as well).
 * ERR_LIMIT: a ceiling (the ratio is judged from 64 KiB of output on);
 * ERR_SYNTAX: damaged.  Input after the end of the coded data is ERR_SYNTAX,
 * except that gzip members and zstd frames may follow each other. */
enum err
decoder_feed(struct decoder *d, struct str bytes, struct buf *out) CHECKED;

/* No more input: ERR_SYNTAX when it was cut short. */
enum err decoder_end(struct decoder *d) CHECKED;

#endif
