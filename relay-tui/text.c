/* SPDX-License-Identifier: MIT */
/* text.c - foreign text made harmless, and how wide it is. */
#include "relay-tui/text.h"

#include <wchar.h>

size_t
text_decode(struct str s, uint32_t *out)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t len = c < 0x80 ? 1
	    : c < 0xc2	      ? 0
	    : c < 0xe0	      ? 2
	    : c < 0xf0	      ? 3
	    : c < 0xf5	      ? 4
			      : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code = len == 1 ? c : c & (0x7fu >> len);

	if (len == 0 || len > s.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s.at[i] & 0x3f);
	}
	if (code < least[len] || (code >= 0xd800 && code < 0xe000) ||
	    code > 0x10ffff)
		return 0;
	*out = code;
	return len;
}

/* Marks that reorder or hide what stands around them. */
static bool
is_trick(uint32_t code)
{
	return code == 0x061c || (code >= 0x200b && code <= 0x200f) ||
	    (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
	    (code >= 0xe0000 && code <= 0xe007f);
}

void
text_clean(struct str s, struct buf *out)
{
	while (s.len) {
		uint32_t code;
		size_t len = text_decode(s, &code);
		enum err e = OK;

		if (len == 0) {
			e = buf_add(out, STR("\xef\xbf\xbd"));
			len = 1;
		} else if (code == '\n' || code == '\t') {
			e = buf_addc(out, ' ');
		} else if (code >= 0x20 && !(code >= 0x7f && code < 0xa0) &&
		    !is_trick(code)) {
			e = buf_add(out, str_first(s, len));
		}
		if (e)
			return;
		s = str_skip(s, len);
	}
}

int
text_width_of(uint32_t code)
{
	int width = wcwidth((wchar_t)code);

	/* What the C library does not know takes one column, mostly. */
	return width < 0 ? 1 : width;
}

int
text_width(struct str s)
{
	int width = 0;

	while (s.len) {
		uint32_t code = '?';
		size_t len = text_decode(s, &code);

		width += text_width_of(code);
		s = str_skip(s, len ? len : 1);
	}
	return width;
}

struct str
text_fit(struct str s, int columns)
{
	struct str rest = s;

	while (rest.len) {
		uint32_t code = '?';
		size_t len = text_decode(rest, &code);

		columns -= text_width_of(code);
		if (columns < 0)
			break;
		rest = str_skip(rest, len ? len : 1);
	}
	return str_first(s, s.len - rest.len);
}

void
text_encode(uint32_t code, struct buf *out)
{
	char c[4];

	if (code < 0x80) {
		buf_mustf(out, "%c", (int)code);
		return;
	}
	if (code < 0x800) {
		c[0] = (char)(0xc0 | code >> 6);
		c[1] = (char)(0x80 | (code & 0x3f));
		buf_must(out, str_at(c, 2));
	} else if (code < 0x10000) {
		c[0] = (char)(0xe0 | code >> 12);
		c[1] = (char)(0x80 | (code >> 6 & 0x3f));
		c[2] = (char)(0x80 | (code & 0x3f));
		buf_must(out, str_at(c, 3));
	} else {
		c[0] = (char)(0xf0 | code >> 18);
		c[1] = (char)(0x80 | (code >> 12 & 0x3f));
		c[2] = (char)(0x80 | (code >> 6 & 0x3f));
		c[3] = (char)(0x80 | (code & 0x3f));
		buf_must(out, str_at(c, 4));
	}
}
