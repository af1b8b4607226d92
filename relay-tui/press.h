/* SPDX-License-Identifier: MIT */
/* press.h - what a terminal sends, as keys, pasted text and the mouse.
 *
 * Pure: bytes in, presses out; however the bytes are cut, the presses are the
 * same.  Sequences that mean nothing here are swallowed, not typed. */
#ifndef RELAY_TUI_PRESS_H
#define RELAY_TUI_PRESS_H

#include "proto/buf.h"

/* A character is its code point; Enter, Tab, Esc and Backspace are those, C-a is
 * 1 and so on. */
#define PRESS_ENTER	'\r'
#define PRESS_TAB	'\t'
#define PRESS_ESC	0x1b
#define PRESS_BACKSPACE 0x7f
#define PRESS_CTRL(c)	((c)&0x1fu)

enum press_code {
	PRESS_NONE = 0x110000,
#define X(NAME, name, sequences) PRESS_##NAME,
#include "relay-tui/press.def"
#undef X
	PRESS_CODES
};

enum press_kind {
	PRESS_KEY,
	PRESS_PASTE, /* text: anything, with its line ends */
	PRESS_CLICK, /* at row and column */
	PRESS_WHEEL, /* code is PRESS_UP or PRESS_DOWN */
};

struct press {
	enum press_kind kind;
	uint32_t code;
	bool alt;
	struct str text; /* borrowed, until the callback returns */
	int row, column;
};

/* "j", "C-c", "M-x", "Space", "PgDn"; ERR_SYNTAX: none is called so. */
enum err press_read(struct str name, struct press *out) CHECKED;
void press_write(const struct press *p, struct buf *out);

#define PRESS_PASTE_MAX (256 * 1024)

struct press_reader {
	struct buf held;
	bool pastes, spoiled; /* spoiled: the paste is too long */
	void (*take)(void *user, const struct press *p);
	void *user;
};

void press_reader_init(struct press_reader *r,
    void (*take)(void *user, const struct press *p), void *user);
void press_reader_fini(struct press_reader *r);
void press_reader_feed(struct press_reader *r, struct str bytes);
/* Something waits for the rest of it: after a while without more bytes it is
 * what it is (an Esc). */
bool press_reader_waits(const struct press_reader *r);
void press_reader_flush(struct press_reader *r);

#endif
