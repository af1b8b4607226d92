/* SPDX-License-Identifier: MIT */
/* language.h - in which language and characters people are told. */
#ifndef RELAY_TUI_LANGUAGE_H
#define RELAY_TUI_LANGUAGE_H

#include <stdbool.h>

/* From the environment, at the start of a program.  A language whose locale is
 * not installed is spoken all the same, in UTF-8.  False: there is nothing but
 * ASCII to draw with. */
bool language_set_up(void);

#endif
