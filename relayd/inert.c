/* SPDX-License-Identifier: MIT */
/* inert.c - foreign text that cannot do anything any more. */
#include "relayd/inert.h"

/* Shorter parts are names of regions and versions. */
#define PART_MIN 8

/* The character at the front of s and how many bytes it has; 0: no UTF-8. */
static size_t
decode(struct str s, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)s.at[0];
	size_t len = c < 0x80 ? 1
	    : c < 0xc2	      ? 0
	    : c < 0xe0	      ? 2
	    : c < 0xf0	      ? 3
	    : c < 0xf5	      ? 4
			      : 0;
	uint32_t code = len < 2 ? c : c & (0x7fu >> len);

	if (!len || s.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char more = (unsigned char)s.at[i];

		if ((more & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (more & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	*out = code;
	return len;
}

static bool
is_unseen(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

size_t
inert_copy(char *out, size_t size, struct str s)
{
	size_t n = 0;

	while (s.len) {
		uint32_t code = 0;
		size_t len = decode(s, &code), eaten = len ? len : 1;
		const char *put = s.at;

		if (!len || code == '\n' || code == '\r' || code == '\t') {
			put = len ? " " : "?";
			len = 1;
		} else if (is_unseen(code)) {
			len = 0;
		}
		if (n + len >= size)
			break;
		for (size_t i = 0; i < len; i++)
			out[n++] = put[i];
		s = str_skip(s, eaten);
	}
	out[n] = '\0';
	return n;
}

void
inert_mask(char *text, struct str secret)
{
	ptrdiff_t at;

	if (secret.len < 4)
		return;
	while ((at = str_find(str_of(text), secret)) >= 0) {
		/* A secret of nothing but stars would be found for ever. */
		if (text[at] == '*' && secret.at[0] == '*')
			return;
		memset(text + at, '*', secret.len);
	}
}

bool
inert_next_part(struct str *io_rest, struct str *out_part)
{
	while (io_rest->len) {
		struct str part = str_cut(io_rest, ':');

		if (part.len >= PART_MIN) {
			*out_part = part;
			return true;
		}
	}
	return false;
}
