/* SPDX-License-Identifier: MIT */
/* press.c - what a terminal sends, as keys, pasted text and the mouse. */
#include "relay-tui/press.h"

#include "relay-tui/text.h"

#define SEQUENCE_MAX 64

static const struct {
	const char *name, *sequences;
} specials[] = {
#define X(NAME, name_, sequences_)                                             \
	{ .name = (name_), .sequences = (sequences_) },
#include "relay-tui/press.def"
#undef X
};

static const struct {
	const char *name;
	uint32_t code;
} named[] = {
	{ "Enter", PRESS_ENTER },
	{ "Tab", PRESS_TAB },
	{ "Esc", PRESS_ESC },
	{ "Backspace", PRESS_BACKSPACE },
	{ "Space", ' ' },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- names ----------------------------------------------------------------- */

static bool
read_code(struct str name, uint32_t *out)
{
	size_t len;

	for (size_t i = 0; i < COUNT(named); i++)
		if (str_ieq(name, str_of(named[i].name))) {
			*out = named[i].code;
			return true;
		}
	for (size_t i = 0; i < COUNT(specials); i++)
		if (str_ieq(name, str_of(specials[i].name))) {
			*out = PRESS_NONE + 1 + (uint32_t)i;
			return true;
		}
	if (name.len == 3 && str_starts(name, STR("C-"))) {
		*out = PRESS_CTRL((unsigned char)name.at[2]);
		return true;
	}
	len = name.len ? text_decode(name, out) : 0;
	return len && len == name.len && *out >= 0x20;
}

enum err
press_read(struct str name, struct press *out)
{
	struct press p = { .kind = PRESS_KEY };

	if (name.len > 2 && str_starts(name, STR("M-"))) {
		p.alt = true;
		name = str_skip(name, 2);
	}
	if (!read_code(name, &p.code))
		return ERR_SYNTAX;
	*out = p;
	return OK;
}

void
press_write(const struct press *p, struct buf *out)
{
	if (p->alt)
		buf_must(out, STR("M-"));
	for (size_t i = 0; i < COUNT(named); i++)
		if (named[i].code == p->code) {
			buf_must(out, str_of(named[i].name));
			return;
		}
	if (p->code > PRESS_NONE && p->code < PRESS_CODES)
		buf_must(out, str_of(specials[p->code - PRESS_NONE - 1].name));
	else if (p->code < 0x20)
		buf_mustf(out, "C-%c", (int)(p->code | 0x60));
	else if (p->code < 0x110000)
		text_encode(p->code, out);
}

/* --- reading --------------------------------------------------------------- */

void
press_reader_init(struct press_reader *r,
    void (*take)(void *user, const struct press *p), void *user)
{
	*r = (struct press_reader){ .take = take, .user = user };
	buf_init(&r->held, PRESS_PASTE_MAX + 4096);
}

void
press_reader_fini(struct press_reader *r)
{
	/* A key may have been pasted. */
	buf_wipe(&r->held);
}

static void
take_key(struct press_reader *r, uint32_t code, bool alt)
{
	r->take(r->user,
	    &(struct press){ .kind = PRESS_KEY, .code = code, .alt = alt });
}

/* The end of a control sequence: its length, 0 when more has to come. */
static size_t
sequence_length(struct str s)
{
	size_t i = 1;

	if (s.len < 1)
		return 0;
	if (s.at[0] == 'O')
		return s.len < 2 ? 0 : 2;
	/* The Linux console says ESC [ [ A. */
	if (s.len > 1 && s.at[1] == '[')
		return s.len < 3 ? 0 : 3;
	while (i < s.len && i <= SEQUENCE_MAX &&
	    (unsigned char)s.at[i] >= 0x20 && (unsigned char)s.at[i] < 0x40)
		i++;
	/* Too long: so much of it is swallowed, however it was cut. */
	if (i > SEQUENCE_MAX)
		return i;
	return i < s.len ? i + 1 : 0;
}

/* "[1;5A" is "[A" with a modifier. */
static struct str
without_modifier(struct str s, char room[8])
{
	ptrdiff_t semicolon = str_chr(s, ';');

	if (semicolon < 0 || s.len < 5 || s.at[0] != '[')
		return s;
	if (str_ends(s, STR("~")) && semicolon < 6) {
		memcpy(room, s.at, (size_t)semicolon);
		room[semicolon] = '~';
		return str_at(room, (size_t)semicolon + 1);
	}
	room[0] = '[';
	room[1] = s.at[s.len - 1];
	return str_at(room, 2);
}

static void
take_mouse(struct press_reader *r, struct str s)
{
	struct press p = { .kind = PRESS_CLICK };
	struct str rest = str_skip(s, 2);
	uint64_t n[3];

	rest.len--;
	for (int i = 0; i < 3; i++)
		if (str_u64(str_cut(&rest, ';'), &n[i]) || n[i] > 100000)
			return;
	p.column = (int)n[1] - 1;
	p.row = (int)n[2] - 1;
	if (n[0] == 64 || n[0] == 65) {
		p.kind = PRESS_WHEEL;
		p.code = n[0] == 64 ? PRESS_UP : PRESS_DOWN;
	} else if (n[0] != 0 || s.at[s.len - 1] != 'M') {
		return;
	}
	r->take(r->user, &p);
}

static void
take_sequence(struct press_reader *r, struct str s)
{
	char room[8];

	if (str_eq(s, STR("[200~"))) {
		r->pastes = true;
		return;
	}
	if (str_starts(s, STR("[<"))) {
		take_mouse(r, s);
		return;
	}
	s = without_modifier(s, room);
	for (size_t i = 0; i < COUNT(specials); i++) {
		struct str rest = str_of(specials[i].sequences);

		while (rest.at)
			if (str_eq(str_cut(&rest, '|'), s)) {
				take_key(r, PRESS_NONE + 1 + (uint32_t)i,
				    false);
				return;
			}
	}
}

/* How much more a character needs that has begun; 0: it is broken or whole. */
static bool
is_begun(struct str s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t len = c < 0xc2 ? 1
	    : c < 0xe0	      ? 2
	    : c < 0xf0	      ? 3
	    : c < 0xf5	      ? 4
			      : 1;

	for (size_t i = 1; i < len && i < s.len; i++)
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			return false;
	return s.len < len;
}

/* One character at the front: its length, 0 when it is not whole yet. */
static size_t
take_character(struct press_reader *r, struct str s, bool alt)
{
	uint32_t code;
	size_t len = text_decode(s, &code);

	if (len == 0 && is_begun(s))
		return 0;
	if (len == 0)
		return 1;
	if (code == '\n')
		code = PRESS_ENTER;
	if (code == 0x08)
		code = PRESS_BACKSPACE;
	take_key(r, code, alt);
	return len;
}

static size_t
take_paste(struct press_reader *r, struct str s)
{
	ptrdiff_t end = str_find(s, STR("\033[201~"));

	if (end < 0)
		return 0;
	r->pastes = false;
	if (!r->spoiled)
		r->take(r->user,
		    &(struct press){ .kind = PRESS_PASTE,
			.text = str_first(s, (size_t)end) });
	r->spoiled = false;
	return (size_t)end + 6;
}

/* What stands first; the number of its bytes, 0: it is not whole yet. */
static size_t
take_first(struct press_reader *r, struct str s)
{
	struct str rest = str_skip(s, 1);
	size_t len;

	if (r->pastes)
		return take_paste(r, s);
	if ((unsigned char)s.at[0] != PRESS_ESC)
		return take_character(r, s, false);
	if (!rest.len)
		return 0;
	if (rest.at[0] == '[' || rest.at[0] == 'O') {
		len = sequence_length(rest);
		if (len && len <= SEQUENCE_MAX)
			take_sequence(r, str_first(rest, len));
		return len ? len + 1 : 0;
	}
	if ((unsigned char)rest.at[0] == PRESS_ESC) {
		take_key(r, PRESS_ESC, false);
		return 1;
	}
	len = take_character(r, rest, true);
	return len ? len + 1 : 0;
}

static void
take_all(struct press_reader *r)
{
	size_t len;

	while (buf_len(&r->held) &&
	    (len = take_first(r, buf_str(&r->held))) != 0)
		buf_eat(&r->held, len);
}

void
press_reader_feed(struct press_reader *r, struct str bytes)
{
	while (bytes.len) {
		struct str part = str_first(bytes, 4096);

		bytes = str_skip(bytes, part.len);
		buf_must(&r->held, part);
		take_all(r);
		/* A paste that is too long is thrown away, but its end is
		 * still looked for: no part of it may be taken for keys. */
		if (buf_len(&r->held) > PRESS_PASTE_MAX) {
			r->spoiled = true;
			buf_eat(&r->held, buf_len(&r->held) - 5);
		}
	}
}

bool
press_reader_waits(const struct press_reader *r)
{
	return buf_len(&r->held) > 0 && !r->pastes;
}

void
press_reader_flush(struct press_reader *r)
{
	if (!press_reader_waits(r))
		return;
	if ((unsigned char)buf_str(&r->held).at[0] == PRESS_ESC)
		take_key(r, PRESS_ESC, false);
	/* "ESC O" was M-O, "ESC [" M-[: nobody has a use for them. */
	buf_clear(&r->held);
}
