/* SPDX-License-Identifier: MIT */
/* output.c - where answers go, and foreign text made harmless on the way. */
#include "relay-tui/output.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* A cell, or an upstream's error. */
#define CLEAN_MAX (64 * 1024)

static const char *const codes[] = {
	[PAINT_PLAIN] = "",
	[PAINT_GOOD] = "32",
	[PAINT_WARN] = "33",
	[PAINT_BAD] = "31",
	[PAINT_DIM] = "2",
	[PAINT_HEAD] = "1",
};

static bool
wants_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(to)) && (!no || !no[0]) && term &&
	    strcmp(term, "dumb") != 0;
}

static int
width_of(FILE *to)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (said && str_u64(str_of(said), &n) == OK && n >= 20 && n <= 1000)
		return (int)n;
	if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &size) ||
	    size.ws_col < 20)
		return 0;
	return size.ws_col;
}

void
output_take_now(struct output *o)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	o->now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
output_init(struct output *o, FILE *to, bool json)
{
	*o = (struct output){ .to = to,
		.json = json,
		.colour = !json && wants_colour(to),
		.width = width_of(to) };
	output_take_now(o);
}

int
output_columns(const struct output *o)
{
	return o->width ? o->width : 80;
}

/* --- text ------------------------------------------------------------------ */

/* One code point from the front of s, which is not empty: its length in bytes,
 * or 0 when the bytes are no UTF-8 (overlong, surrogate, too large, cut). */
static size_t
decode(struct str s, uint32_t *out)
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
		size_t len = decode(s, &code);
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

static int
width_of_code(uint32_t code)
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
		size_t len = decode(s, &code);

		width += width_of_code(code);
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
		size_t len = decode(rest, &code);

		columns -= width_of_code(code);
		if (columns < 0)
			break;
		rest = str_skip(rest, len ? len : 1);
	}
	return str_first(s, s.len - rest.len);
}

/* --- out ------------------------------------------------------------------- */

void
out_paint(struct output *o, enum paint p, struct str clean)
{
	bool painted = o->colour && p != PAINT_PLAIN;

	if (painted)
		fprintf(o->to, "\033[%sm", codes[p]);
	if (clean.len)
		fwrite(clean.at, 1, clean.len, o->to);
	if (painted)
		fputs("\033[0m", o->to);
}

void
out_lines(struct output *o, enum paint p, struct str clean)
{
	while (clean.len) {
		struct str line = clean;

		if (text_width(line) > output_columns(o)) {
			line = text_fit(line, output_columns(o) + 1);
			while (line.len && !str_ends(line, STR(" ")))
				line.len--;
		}
		if (!line.len)
			line = clean;
		clean = str_skip(clean, line.len);
		out_paint(o, p, str_trim(line));
		fputc('\n', o->to);
	}
}

void
out_foreign(struct output *o, struct str s)
{
	struct buf clean;

	buf_init(&clean, CLEAN_MAX);
	text_clean(s, &clean);
	out_paint(o, PAINT_PLAIN, buf_str(&clean));
	buf_fini(&clean);
}

void
out_json(struct output *o, const struct json *v)
{
	struct json_out j;
	struct buf text;

	buf_init(&text, 64 * 1024 * 1024);
	json_begin(&j, &text);
	if (v)
		json_put_tree(&j, v);
	else
		json_put_null(&j);
	if (json_end(&j) == OK)
		out_paint(o, PAINT_PLAIN, buf_str(&text));
	fputc('\n', o->to);
	buf_fini(&text);
}
