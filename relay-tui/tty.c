/* SPDX-License-Identifier: MIT */
/* tty.c - the terminal, by ncurses. */
#include "relay-tui/tty.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "proto/enc.h"

#define NCURSES_WIDECHAR 1
#include <ncurses.h>

/* ncurses is one terminal per process by its nature, and so is what there is
 * to know of it. */
static struct {
	bool taken, mouse, has_modes;
	enum theme theme;
	struct termios modes; /* as they were */
	attr_t attributes[PAINTS];
	short pairs[PAINTS];
} tty;

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";
static const char mouse_on[] = "\033[?1000h\033[?1006h",
		  mouse_off[] = "\033[?1006l\033[?1000l";

static void
say(const char *sequence)
{
	ssize_t n = write(STDOUT_FILENO, sequence, strlen(sequence));

	/* A terminal that is gone is noticed by its hangup. */
	(void)n;
}

/* --- looks ----------------------------------------------------------------- */

static attr_t
attributes_of(unsigned of)
{
	return (of & THEME_BOLD ? A_BOLD : 0) | (of & THEME_DIM ? A_DIM : 0) |
	    (of & THEME_UNDERLINE ? A_UNDERLINE : 0) |
	    (of & THEME_REVERSE ? A_REVERSE : 0);
}

static void
set_up_looks(void)
{
	bool colours = tty.theme != THEME_MONO;

	if (colours) {
		start_color();
		use_default_colors();
	}
	for (int p = 0; p < PAINTS; p++) {
		struct look l = theme_look(tty.theme, (enum paint)p);

		tty.attributes[p] = attributes_of(l.attributes);
		tty.pairs[p] = 0;
		if (colours && (l.fore >= 0 || l.back >= 0) &&
		    p + 1 < COLOR_PAIRS &&
		    init_pair((short)(p + 1), (short)l.fore, (short)l.back) ==
			0)
			tty.pairs[p] = (short)(p + 1);
	}
}

/* --- taking and giving back ------------------------------------------------ */

/* C-s saves forms, it does not stop the terminal. */
static void
free_flow_keys(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &now))
		return;
	now.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
	def_prog_mode();
}

static void
set_up_modes(void)
{
	cbreak();
	noecho();
	nonl();
	free_flow_keys();
	say(paste_on);
	if (tty.mouse)
		say(mouse_on);
}

enum err
tty_open(enum theme said, bool mouse, struct why *out_why)
{
	int colours = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return why_set(out_why, ERR_UNSUPPORTED, "",
		    "this is no terminal: --snapshot and -s need none");
	tty.has_modes = tcgetattr(STDIN_FILENO, &tty.modes) == 0;
	if (!newterm(NULL, stdout, stdin))
		return why_set(out_why, ERR_UNSUPPORTED, "",
		    "TERM=%s is unknown here", getenv("TERM"));
	tty.taken = true;
	tty.mouse = mouse;
	colours = tigetnum("colors");
	tty.theme = theme_choose(said, colours);
	typeahead(-1);
	intrflush(stdscr, FALSE);
	leaveok(stdscr, FALSE);
	set_up_looks();
	set_up_modes();
	return OK;
}

void
tty_suspend(void)
{
	if (!tty.taken)
		return;
	say(paste_off);
	if (tty.mouse)
		say(mouse_off);
	endwin();
}

void
tty_resume(void)
{
	if (!tty.taken)
		return;
	tty_resized();
	set_up_modes();
	tty_redraw();
}

void
tty_close(void)
{
	tty_suspend();
	tty.taken = false;
}

void
tty_rescue(void)
{
	static const char end[] = "\033[?1006l\033[?1000l\033[?2004l\033[m"
				  "\033[?25h\033[?1049l\r\n";

	if (!tty.taken)
		return;
	tty.taken = false;
	say(end);
	if (tty.has_modes)
		tcsetattr(STDIN_FILENO, TCSANOW, &tty.modes);
}

/* --- drawing --------------------------------------------------------------- */

void
tty_size(int *out_rows, int *out_columns)
{
	struct winsize size;

	*out_rows = 24;
	*out_columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row &&
	    size.ws_col) {
		*out_rows = size.ws_row;
		*out_columns = size.ws_col;
	}
}

void
tty_resized(void)
{
	int rows, columns;

	tty_size(&rows, &columns);
	resizeterm(rows, columns);
}

static void
show_cell(int row, int column, const struct grid_cell *c)
{
	wchar_t text[3] = { c->code ? (wchar_t)c->code : L' ', (wchar_t)c->mark,
		0 };
	attr_t attributes = tty.attributes[c->paint];
	cchar_t shown;

	if (c->lit)
		attributes ^= A_REVERSE;
	if (setcchar(&shown, text, attributes, tty.pairs[c->paint], NULL) == OK)
		mvadd_wch(row, column, &shown);
}

void
tty_show(const struct grid *g)
{
	erase();
	for (int r = 0; r < g->rows && r < LINES; r++)
		for (int c = 0; c < g->columns && c < COLS; c++)
			if (grid_at(g, r, c)->width)
				show_cell(r, c, grid_at(g, r, c));
	curs_set(g->has_cursor ? 1 : 0);
	if (g->has_cursor)
		move(g->cursor_row, g->cursor_column);
	refresh();
}

void
tty_copy(struct str text)
{
	struct buf sequence;

	buf_init(&sequence, 2 * text.len + 64);
	buf_must(&sequence, STR("\033]52;c;"));
	if (enc_base64(&sequence, text, ENC_BASE64) == OK &&
	    buf_add(&sequence, STR("\a")) == OK)
		say(buf_cstr(&sequence));
	buf_wipe(&sequence);
}

void
tty_redraw(void)
{
	clearok(curscr, TRUE);
}
