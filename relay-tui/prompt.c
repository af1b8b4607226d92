/* SPDX-License-Identifier: MIT */
/* prompt.c - the line at the bottom in which something is typed. */
#include "relay-tui/prompt.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/screen.h"

#define WORDS_MAX   64
#define CHOICES_MAX (256 * 1024)

void
prompt_init(struct prompt *p)
{
	*p = (struct prompt){ .kind = PROMPT_NONE };
	line_edit_init(&p->line, false);
	buf_init(&p->choices, CHOICES_MAX);
}

void
prompt_fini(struct prompt *p)
{
	for (unsigned i = 0; i < p->history_count; i++)
		free(p->history[i]);
	complete_fini(&p->found);
	line_edit_fini(&p->line);
	buf_fini(&p->choices);
}

void
prompt_open(struct prompt *p, enum prompt_kind kind, struct str text)
{
	p->kind = kind;
	p->history_at = p->history_count;
	line_edit_set(&p->line, text);
	buf_clear(&p->choices);
}

static void
keep(struct prompt *p, struct str line)
{
	if (!line.len)
		return;
	if (p->history_count == PROMPT_HISTORY) {
		free(p->history[0]);
		memmove(p->history, p->history + 1,
		    (PROMPT_HISTORY - 1) * sizeof(p->history[0]));
		p->history_count--;
	}
	p->history[p->history_count++] = xmemdup(line.at, line.len);
}

void
prompt_close(struct prompt *p)
{
	if (p->kind == PROMPT_COMMAND)
		keep(p, line_edit_str(&p->line));
	p->kind = PROMPT_NONE;
	line_edit_set(&p->line, STR(""));
	buf_clear(&p->choices);
}

/* --- words ----------------------------------------------------------------- */

int
prompt_words(struct str line, char *room, const char **words, int most)
{
	int count = 0;
	char quote = 0;
	bool in = false;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];

		if (!quote && (c == ' ' || c == '\t')) {
			if (in)
				*room++ = '\0';
			in = false;
			continue;
		}
		if (!in) {
			if (count == most)
				return -1;
			words[count++] = room;
			in = true;
		}
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else
			*room++ = c;
	}
	*room = '\0';
	return quote ? -1 : count;
}

/* --- completion ------------------------------------------------------------ */

/* What stands before the last word, which may be empty. */
static struct str
last_word(struct str line)
{
	size_t at = line.len;

	while (at > 0 && line.at[at - 1] != ' ')
		at--;
	return str_skip(line, at);
}

static void
add_choices(struct prompt *p, struct str lines, struct str begun)
{
	while (lines.len) {
		struct str line = str_cut(&lines, '\n');

		if (!line.len || !str_starts(line, begun) ||
		    str_chr(line, ' ') >= 0)
			continue;
		if (buf_len(&p->choices) + line.len + 1 < CHOICES_MAX)
			buf_mustf(&p->choices, "%.*s\n", STR_ARG(line));
	}
}

static struct str
first_choice(const struct prompt *p)
{
	struct str rest = buf_str(&p->choices);

	return str_cut(&rest, '\n');
}

/* What all choices begin with. */
static struct str
common_start(const struct prompt *p)
{
	struct str rest = buf_str(&p->choices);
	struct str common = str_cut(&rest, '\n');

	while (rest.len) {
		struct str line = str_cut(&rest, '\n');
		size_t n = 0;

		while (n < common.len && n < line.len &&
		    common.at[n] == line.at[n])
			n++;
		common = str_first(common, n);
	}
	return common;
}

static void
complete_word(struct prompt *p, struct str begun)
{
	struct str line = line_edit_str(&p->line);
	struct str common = common_start(p), first = first_choice(p);
	bool only = buf_len(&p->choices) == first.len + 1;
	struct buf made;

	if (!buf_len(&p->choices))
		return;
	buf_init(&made, LINE_EDIT_MAX);
	buf_must(&made, str_first(line, line.len - begun.len));
	if (buf_add(&made, common) == OK && (!only || !buf_addc(&made, ' ')))
		line_edit_set(&p->line, buf_str(&made));
	buf_fini(&made);
	if (only)
		buf_clear(&p->choices);
}

static void
add_screens(struct prompt *p, struct str begun)
{
	const struct screen *s;

	for (unsigned i = 0; (s = screen_tab(i)); i++)
		add_choices(p, str_of(s->name), begun);
}

/* All is there: what is known of the table, screens, and names. */
static void
choose(struct prompt *p)
{
	struct str begun = last_word(line_edit_str(&p->line));

	buf_clear(&p->choices);
	if (begun.len == line_edit_str(&p->line).len)
		add_screens(p, begun);
	add_choices(p, buf_str(&p->found.words), begun);
	complete_word(p, begun);
}

static enum prompt_event
complete(struct prompt *p)
{
	struct str line = line_edit_str(&p->line);
	const char *words[WORDS_MAX + 1];
	char *room = xmalloc(line.len + 1);
	int count = prompt_words(line, room, words, WORDS_MAX);

	if (count >= 0 && !last_word(line).len)
		words[count++] = "";
	complete_fini(&p->found);
	complete_begin(&p->found, count > 0 ? count : 0, words);
	free(room);
	p->missing = p->found.asks_count;
	p->ticket++;
	if (p->missing)
		return PROMPT_NAMES;
	choose(p);
	return PROMPT_GOES_ON;
}

void
prompt_take_rows(struct prompt *p, unsigned ticket, unsigned i,
    const struct json *rows)
{
	if (ticket != p->ticket || p->kind != PROMPT_COMMAND || !p->missing)
		return;
	complete_add(&p->found, i, rows);
	if (--p->missing == 0)
		choose(p);
}

/* --- keys ------------------------------------------------------------------ */

static void
recall(struct prompt *p, int by)
{
	if ((by < 0 && p->history_at == 0) ||
	    (by > 0 && p->history_at >= p->history_count))
		return;
	p->history_at = by < 0 ? p->history_at - 1 : p->history_at + 1;
	line_edit_set(&p->line,
	    p->history_at < p->history_count ? str_of(p->history[p->history_at])
					     : STR(""));
}

enum prompt_event
prompt_press(struct prompt *p, const struct press *press)
{
	bool command = p->kind == PROMPT_COMMAND;

	if (press->kind == PRESS_KEY && !press->alt) {
		if (press->code == PRESS_ENTER)
			return PROMPT_DONE;
		if (press->code == PRESS_ESC ||
		    (press->code == PRESS_BACKSPACE &&
			!line_edit_str(&p->line).len))
			return PROMPT_LEFT;
		if (press->code == PRESS_TAB && command)
			return complete(p);
		if (press->code == PRESS_UP && command) {
			recall(p, -1);
			return PROMPT_TYPED;
		}
		if (press->code == PRESS_DOWN && command) {
			recall(p, 1);
			return PROMPT_TYPED;
		}
	}
	if (!line_edit_press(&p->line, press))
		return PROMPT_GOES_ON;
	buf_clear(&p->choices);
	return PROMPT_TYPED;
}

/* --- drawing --------------------------------------------------------------- */

/* The choices stand above the line. */
static void
draw_choices(const struct prompt *p, const struct area *a, int row)
{
	struct str rest = buf_str(&p->choices);
	int at = 0;

	if (!rest.len)
		return;
	draw_fill(a, row, PAINT_PLAIN);
	while (rest.len && at < a->columns)
		at = draw_text(a, row, at, PAINT_KEY, str_cut(&rest, '\n')) + 2;
}

void
prompt_draw(struct prompt *p, const struct area *a, int row)
{
	draw_choices(p, a, row - 1);
	draw_fill(a, row, PAINT_PLAIN);
	draw_text(a, row, 0, PAINT_KEY,
	    p->kind == PROMPT_COMMAND ? STR(":") : STR("/"));
	line_edit_draw(&p->line, a, row, 1, a->columns - 1, true);
}
