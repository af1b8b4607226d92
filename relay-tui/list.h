/* SPDX-License-Identifier: MIT */
/* list.h - rows of things in columns, to choose one of: moved through, sorted,
 * searched.
 *
 * A row is kept as the texts of its cells and the number behind each, not as
 * JSON: ten thousand take few megabytes.  New rows replace the old ones when all
 * pages of an answer are there; what was chosen stays chosen. */
#ifndef RELAY_TUI_LIST_H
#define RELAY_TUI_LIST_H

#include "relay-tui/draw.h"
#include "relay-tui/key.h"

struct list_row {
	char *texts;	  /* id, then cells, each with its NUL */
	int64_t *numbers; /* behind the cells, for sorting; 0 where none is */
};

struct list {
	const struct column *columns;
	unsigned width;
	const char *id;	   /* the member that tells rows apart */
	const char *empty; /* N_(): what to do when there are none */
	struct list_row *rows, *coming;
	size_t count, coming_count, room, coming_room;
	size_t *shown; /* rows that pass the filter, in their order */
	size_t shown_count;
	size_t at, top; /* of shown: what is chosen, what is drawn first */
	char *chosen;	/* its id, kept over changes */
	int sort;	/* the column; -1: as they come */
	bool turned;
	struct buf filter;
	/* Numbers that no member of the row is, by column; or NULL. */
	void (*amend)(void *user, const struct json *row, int64_t *numbers);
	void *amend_user;
	bool loaded;	   /* rows have come once */
	int64_t now_ms;	   /* for cells that grow by themselves (CELL_SINCE) */
	struct area drawn; /* where it was drawn last */
};

void list_init(struct list *l, const struct column *columns, const char *id,
    const char *empty);
void list_fini(struct list *l);

/* The rows of an answer: begin, as many as there are, end. */
void list_begin(struct list *l);
void list_add(struct list *l, const struct output *o, const struct json *row);
void
list_add_all(struct list *l, const struct output *o, const struct json *rows);
void list_end(struct list *l);
/* Instead of the end: what came stands behind what is there, of which the
 * oldest go beyond `most`.  Whoever is at the last row stays at the last. */
void list_append(struct list *l, size_t most);

/* A row that is kept elsewhere, and added again and again: made with columns
 * that stand for those of the list, and a copy added. */
struct list_row list_row_make(const struct list *l, const struct output *o,
    const struct column *columns, const struct json *row);
void list_row_fini(struct list_row *r);
void list_add_row(struct list *l, const struct list_row *r);

/* What is chosen: its id, or a cell of it by the member's name; empty when there
 * is nothing. */
struct str list_chosen(const struct list *l);
struct str list_cell(const struct list *l, const char *key);
void list_choose(struct list *l, struct str id);

void list_filter(struct list *l, struct str text);
void list_sort(struct list *l, int column);
/* A key of KEYS_LIST, or of the mouse, wherever on the screen;
 * false: not for a list. */
bool list_act(struct list *l, enum key_action a, int rows);
bool list_mouse(struct list *l, const struct press *p);

/* Heads, rows, what is chosen lit. */
void list_draw(struct list *l, const struct area *a);
/* "3 of 120, by NAME"; nothing of what is not so. */
void list_status(const struct list *l, struct buf *out);

#endif
