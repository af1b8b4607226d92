/* SPDX-License-Identifier: MIT */
/* text.h - foreign text made harmless, and how wide it is.
 *
 * A terminal obeys control bytes, so nothing foreign reaches one before
 * text_clean() has seen it. */
#ifndef RELAY_TUI_TEXT_H
#define RELAY_TUI_TEXT_H

#include "proto/buf.h"

/* Append s without control bytes (C0, DEL, C1), without characters that turn
 * the direction of text, and with broken UTF-8 as U+FFFD; line breaks and tabs
 * become spaces. */
void text_clean(struct str s, struct buf *out);
/* Columns that clean text takes on a terminal. */
int text_width(struct str s);
/* As much of clean text as fits into so many columns. */
struct str text_fit(struct str s, int columns);

/* One code point from the front of s, which is not empty: its length in bytes,
 * or 0 when the bytes are no UTF-8 (overlong, surrogate, too large, cut). */
size_t text_decode(struct str s, uint32_t *out);
/* The same as bytes, 1 to 4 of them. */
void text_encode(uint32_t code, struct buf *out);
/* Columns a code point takes: 0 for what stands on the one before it. */
int text_width_of(uint32_t code);

#endif
