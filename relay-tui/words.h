/* SPDX-License-Identifier: MIT */
/* words.h - texts for people: _("...") is said in their language, N_("...")
 * only marks what a table holds and _() says later. */
#ifndef RELAY_TUI_WORDS_H
#define RELAY_TUI_WORDS_H

#include <libintl.h>

#define _(text)	 gettext(text)
#define N_(text) text

#endif
