/* SPDX-License-Identifier: MIT */
/* span.h - find a few values in a JSON text without building it, and change
 * them without touching the other bytes.
 *
 * The scanner is fed the text in pieces as it arrives and remembers where
 * wanted values stand.  It checks the nesting, the quotes and that nothing
 * but white space follows; it does not check numbers and literals deeply.
 * A wanted key that occurs twice is an error, also when one of the two is
 * spelled with escapes ("mod\u0065l"): otherwise we would read the first and
 * the provider the last. */
#ifndef PROTO_SPAN_H
#define PROTO_SPAN_H

#include "proto/buf.h"

#define SPAN_WANTS_MAX 24
#define SPAN_DEPTH_MAX 512
/* A key longer than this is never a wanted one. */
#define SPAN_KEY_MAX 64
/* How many names a path may have. */
#define SPAN_LEVELS 3

enum span_type {
	SPAN_ABSENT,
	SPAN_STRING, /* from and to enclose the quotes */
	SPAN_NUMBER,
	SPAN_TRUE,
	SPAN_FALSE,
	SPAN_NULL,
	SPAN_OBJECT,
	SPAN_ARRAY,
};

/* Bytes [from, to) of the text. */
struct span {
	enum span_type type;
	size_t from, to;
};

/* A path names a key of the outermost object ("model") or one up to two levels
 * deeper ("metadata.user_id").  An empty path never matches. */
struct span_want {
	const char *path;
};

struct scan {
	const struct span_want *wants;
	size_t count;
	struct span found[SPAN_WANTS_MAX];
	/* Where a new first member of the outermost object can be put, and
	 * whether the object has no members yet. */
	size_t open;
	bool empty;
	/* The machine; see span.c. */
	size_t at;
	unsigned depth, state;
	unsigned step; /* progress inside an escape, a literal, a number */
	unsigned code; /* hexadecimal digits of a key's \u so far */
	/* Of each level: the want whose value is being read, and a want whose
	 * path leads through that value; -1 for none. */
	int key[SPAN_LEVELS], through[SPAN_LEVELS];
	unsigned seen[SPAN_LEVELS]; /* bits: was led through already */
	size_t key_len;
	char key_text[SPAN_KEY_MAX];
	/* Bit set: this level is an array. */
	uint64_t nest[SPAN_DEPTH_MAX / 64];
};

/* `wants` must outlive the scan; at most SPAN_WANTS_MAX. */
void scan_init(struct scan *s, const struct span_want *wants, size_t count);

/* The next bytes of the text.  ERR_SYNTAX: not JSON, or not an object;
 * ERR_EXISTS: a wanted key twice (out_why->field names it); ERR_LIMIT: nested
 * too deeply.  After an error only scan_init() makes it usable. */
enum err
scan_feed(struct scan *s, struct str bytes, struct why *out_why) CHECKED;

/* The text has ended: ERR_SYNTAX when it was cut short or empty. */
enum err scan_end(struct scan *s, struct why *out_why) CHECKED;

/* The value of a string span in plain UTF-8 (escapes undone; a lone
 * surrogate is ERR_SYNTAX).  Appends to out. */
enum err
span_text(struct str json, const struct span *v, struct buf *out) CHECKED;
/* The value of a number span that is a whole number. */
enum err span_i64(struct str json, const struct span *v, int64_t *out) CHECKED;

/* --- changing --------------------------------------------------------------
 * text:	|  kept  | old |   kept   | old |  kept  |
 * result:	|  kept  | new  |   kept   | new|  kept  |	*/

struct splice {
	size_t from, to; /* replaced; equal for an insertion */
	struct str with;
};

/* Append to out what becomes of text under the splices, which must be sorted
 * by `from` and must not overlap (a broken promise is an assert). */
enum err splice_apply(struct str text, const struct splice *splices,
    size_t count, struct buf *out) CHECKED;

#endif
