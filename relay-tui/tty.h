/* SPDX-License-Identifier: MIT */
/* tty.h - the terminal: taken over, drawn on, and given back as it was.
 *
 * ncurses draws; keys are read by ourselves (press.h), because its reading
 * waits.  Nothing of ncurses is seen outside of tty.c: it has macros for half
 * the words of English. */
#ifndef RELAY_TUI_TTY_H
#define RELAY_TUI_TTY_H

#include "relay-tui/grid.h"
#include "relay-tui/theme.h"

/* ERR_UNSUPPORTED: this is no terminal that can be drawn on. */
enum err tty_open(enum theme said, bool mouse, struct why *out_why) CHECKED;
/* Give it back; harmless when it is not taken. */
void tty_close(void);
/* The same from a signal handler of a crash: write(2) only. */
void tty_rescue(void);
/* Given back for a while (SIGTSTP), and taken again. */
void tty_suspend(void);
void tty_resume(void);

/* Into the terminal's clipboard, wherever the terminal is (OSC 52). */
void tty_copy(struct str text);
void tty_size(int *out_rows, int *out_columns);
/* The size has changed: ncurses is told. */
void tty_resized(void);
void tty_show(const struct grid *g);
/* Everything again: something else wrote on it. */
void tty_redraw(void);

#endif
