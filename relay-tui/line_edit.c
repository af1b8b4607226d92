/* SPDX-License-Identifier: MIT */
/* line_edit.c - one line being typed. */
#include "relay-tui/line_edit.h"

#include "relay-tui/text.h"

void
line_edit_init(struct line_edit *l, bool secret)
{
	*l = (struct line_edit){ .secret = secret };
	buf_init(&l->text, LINE_EDIT_MAX);
}

void
line_edit_fini(struct line_edit *l)
{
	buf_wipe(&l->text);
	l->at = 0;
}

struct str
line_edit_str(const struct line_edit *l)
{
	return buf_str(&l->text);
}

/* --- changing -------------------------------------------------------------- */

/* Replace the bytes [from, to) by others; what finds no room is not taken. */
static void
splice(struct line_edit *l, size_t from, size_t to, struct str by)
{
	struct str s = buf_str(&l->text);
	struct buf made;

	buf_init(&made, LINE_EDIT_MAX);
	if (buf_add(&made, str_first(s, from)) == OK &&
	    buf_add(&made, by) == OK && buf_add(&made, str_skip(s, to)) == OK) {
		buf_wipe(&l->text);
		l->text = made;
		l->at = from + by.len;
	} else {
		buf_wipe(&made);
	}
}

void
line_edit_set(struct line_edit *l, struct str s)
{
	splice(l, 0, buf_len(&l->text), s);
}

static size_t
before(const struct line_edit *l, size_t at)
{
	struct str s = buf_str(&l->text);

	while (at > 0 && ((unsigned char)s.at[--at] & 0xc0) == 0x80)
		continue;
	return at;
}

static size_t
behind(const struct line_edit *l, size_t at)
{
	struct str s = buf_str(&l->text);

	if (at < s.len)
		at++;
	while (at < s.len && ((unsigned char)s.at[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static size_t
word_before(const struct line_edit *l)
{
	struct str s = buf_str(&l->text);
	size_t at = l->at;

	while (at > 0 && s.at[at - 1] == ' ')
		at--;
	while (at > 0 && s.at[at - 1] != ' ')
		at--;
	return at;
}

static void
type(struct line_edit *l, uint32_t code)
{
	struct buf c;

	buf_init(&c, 8);
	text_encode(code, &c);
	splice(l, l->at, l->at, buf_str(&c));
	buf_fini(&c);
}

/* Clipboards add line ends; a key with one inside is no key. */
static void
paste(struct line_edit *l, struct str s)
{
	struct buf clean;

	buf_init(&clean, LINE_EDIT_MAX);
	while (s.len && strchr(" \t\r\n", s.at[s.len - 1]))
		s.len--;
	while (s.len && strchr(" \t\r\n", s.at[0]))
		s = str_skip(s, 1);
	if (s.len <= LINE_EDIT_MAX / 4)
		text_clean(s, &clean);
	splice(l, l->at, l->at, buf_str(&clean));
	buf_wipe(&clean);
}

bool
line_edit_press(struct line_edit *l, const struct press *p)
{
	size_t end = buf_len(&l->text);

	if (p->kind == PRESS_PASTE) {
		paste(l, p->text);
		return true;
	}
	if (p->kind != PRESS_KEY || p->alt)
		return false;
	switch (p->code) {
	case PRESS_LEFT:
	case PRESS_CTRL('b'):
		l->at = before(l, l->at);
		return true;
	case PRESS_RIGHT:
	case PRESS_CTRL('f'):
		l->at = behind(l, l->at);
		return true;
	case PRESS_HOME:
	case PRESS_CTRL('a'):
		l->at = 0;
		return true;
	case PRESS_END:
	case PRESS_CTRL('e'):
		l->at = end;
		return true;
	case PRESS_BACKSPACE:
		splice(l, before(l, l->at), l->at, STR(""));
		return true;
	case PRESS_DELETE:
	case PRESS_CTRL('d'):
		end = l->at;
		splice(l, l->at, behind(l, l->at), STR(""));
		l->at = end;
		return true;
	case PRESS_CTRL('w'):
		splice(l, word_before(l), l->at, STR(""));
		return true;
	case PRESS_CTRL('u'):
		splice(l, 0, l->at, STR(""));
		return true;
	case PRESS_CTRL('k'):
		splice(l, l->at, end, STR(""));
		return true;
	default:
		break;
	}
	if (p->code < 0x20 || p->code == 0x7f || p->code >= 0x110000 ||
	    (p->code >= 0x80 && p->code < 0xa0))
		return false;
	type(l, p->code);
	return true;
}

/* --- drawing --------------------------------------------------------------- */

static void
write_dots(const struct line_edit *l, size_t bytes, bool ascii, struct buf *out)
{
	struct str s = str_first(buf_str(&l->text), bytes);

	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			buf_must(out, ascii ? STR("*") : STR("\xe2\x80\xa2"));
}

void
line_edit_draw(struct line_edit *l, const struct area *a, int row, int column,
    int columns, bool active)
{
	struct area part = draw_part(a, row, column, 1, columns);
	struct str s = buf_str(&l->text), skipped;
	struct buf dots;
	int cursor;

	buf_init(&dots, LINE_EDIT_MAX * 3);
	if (l->secret) {
		write_dots(l, l->at, a->grid->ascii, &dots);
		cursor = text_width(buf_str(&dots));
		buf_clear(&dots);
		write_dots(l, s.len, a->grid->ascii, &dots);
		s = buf_str(&dots);
	} else {
		cursor = text_width(str_first(s, l->at));
	}
	if (cursor < l->scrolled)
		l->scrolled = cursor;
	if (cursor - l->scrolled >= columns)
		l->scrolled = cursor - columns + 1;
	skipped = text_fit(s, l->scrolled);
	draw_fill(&part, 0, PAINT_INPUT);
	draw_text(&part, 0, 0, PAINT_INPUT, str_skip(s, skipped.len));
	if (active)
		draw_cursor(&part, 0, cursor - l->scrolled);
	buf_wipe(&dots);
}
