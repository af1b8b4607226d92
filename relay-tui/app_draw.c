/* SPDX-License-Identifier: MIT */
/* app_draw.c - the frame around a screen: titles above, what is told and the
 * keys below.
 *
 *	row 0		1 overview  2 live  3 accounts		relayd 1.0
 *	rows 1 ..	the screen
 *	last but one	what is told, or the prompt; how it is with the daemon
 *	last		the keys */
#include <stdio.h>

#include "relay-tui/app.h"
#include "relay-tui/words.h"

#define ROWS_LEAST    6
#define COLUMNS_LEAST 20

/* --- above ----------------------------------------------------------------- */

static int
tab_width(unsigned i)
{
	const struct screen *s = screen_tab(i);

	return text_width(str_of(_(s->title))) + (i < 10 ? 2 : 0) + 2;
}

/* The first tab that is drawn so that the one that is open is seen, and the one
 * behind it too where there is room. */
static unsigned
first_tab(unsigned open, int room)
{
	unsigned first = 0, last = screen_tab(open + 1) ? open + 1 : open;
	int width = 0;

	for (unsigned i = 0; i <= last; i++)
		width += tab_width(i);
	/* The marks of what is left out stand there too. */
	while (width > room - (first ? 4 : 2) && first < open)
		width -= tab_width(first++);
	return first;
}

static void
draw_tab(const struct app *a, const struct area *part, unsigned i, bool open)
{
	const struct screen *s = screen_tab(i);
	bool dim = a->knows_role && a->role < s->role;
	int at = 0;

	if (i < 10)
		at = draw_textf(part, 0, 0, PAINT_KEY, "%u", (i + 1) % 10) + 1;
	draw_text(part, 0, at,
	    open      ? PAINT_TAB
		: dim ? PAINT_DIM
		      : PAINT_PLAIN,
	    str_of(_(s->title)));
}

static void
draw_tabs(const struct app *a, const struct area *all, int end)
{
	int tab = screen_tab_of(TAILQ_FIRST(&a->views)->screen), at = 0;
	unsigned open = tab < 0 ? 0 : (unsigned)tab;
	unsigned i = first_tab(open, end);

	if (i)
		at = draw_text(all, 0, 0, PAINT_DIM, STR("<")) + 1;
	for (; screen_tab(i); i++) {
		bool last = !screen_tab(i + 1);
		struct area part;

		if (i != open && at + tab_width(i) - 2 > end - (last ? 0 : 2)) {
			draw_text(all, 0, at, PAINT_DIM, STR(">"));
			return;
		}
		part = draw_part(all, 0, at, 1, end - at);
		draw_tab(a, &part, i, (int)i == tab);
		at += tab_width(i);
	}
}

static void
draw_title(struct app *a, const struct area *all)
{
	char right[128] = "";
	int end;

	if (a->is_up && all->columns >= 60)
		snprintf(right, sizeof(right), "relayd %s", a->version);
	end = all->columns - text_width(str_of(right)) - 1;
	draw_tabs(a, all, end);
	draw_field(all, 0, end + 1, all->columns - end - 1, true, PAINT_DIM,
	    str_of(right));
}

/* --- below ----------------------------------------------------------------- */

static void
write_link(struct app *a, char *out, size_t size)
{
	static const char turns[] = "|/-\\";
	int64_t since = 0;

	out[0] = '\0';
	if (!a->is_up)
		snprintf(out, size, "%s", _("no relayd; trying again"));
	else if (calls_waiting(a->calls, NULL, &since) &&
	    a->now_ms - since >= APP_SPINNER_MS)
		snprintf(out, size, "%c", turns[a->now_ms / 100 % 4]);
}

static void
draw_status(struct app *a, const struct area *all, int row)
{
	struct view *v = app_top(a);
	char link[128];
	struct area left;
	int width;

	write_link(a, link, sizeof(link));
	width = text_width(str_of(link));
	draw_field(all, row, all->columns - width, width, true,
	    a->is_up ? PAINT_DIM : PAINT_BAD, str_of(link));
	left = draw_part(all, row, 0, 1, all->columns - width - 1);
	if (a->toast_until_ms)
		draw_text(&left, 0, 0, a->toast_paint, str_of(a->toast));
	else
		draw_text(&left, 0, 0, PAINT_DIM, buf_str(&v->status));
}

/* "Enter open  h hold": what finds no room is told by help. */
static int
draw_key(const struct app *a, const struct area *all, int row, int at,
    const struct key *k)
{
	struct str rest = str_of(k->presses);
	struct str press = str_cut(&rest, ' ');
	bool may = (!a->knows_role || a->role >= k->role) && !app_refuses(a, k);
	const char *word = _(k->word);

	if (!k->word[0] ||
	    at + text_width(press) + 1 + text_width(str_of(word)) >
		all->columns)
		return at;
	at = draw_text(all, row, at, may ? PAINT_KEY : PAINT_DIM, press);
	at = draw_text(all, row, at + 1, may ? PAINT_PLAIN : PAINT_DIM,
	    str_of(word));
	return at + 2;
}

static int
draw_keys_of(const struct app *a, const struct area *all, int row, int at,
    enum keys_where where)
{
	for (unsigned i = 0; i < KEY_ACTIONS; i++)
		if (key_where((enum key_action)i) == where)
			at = draw_key(a, all, row, at,
			    key_of((enum key_action)i));
	return at;
}

/* Help is the one that is never left out. */
static void
draw_keys(const struct app *a, const struct area *all, int row)
{
	struct view *v = app_top(a);
	struct area rest;
	/* Where text is typed a question mark is one. */
	struct key help = *key_of(KEY_HELP);
	int at;

	if (v->screen->press)
		help.presses = "F1";
	at = draw_key(a, all, row, 0, &help);

	rest = draw_part(all, row, at, 1, all->columns - at);
	at = 0;
	for (const struct key *k = v->screen->keys; k && k->presses; k++)
		at = draw_key(a, &rest, 0, at, k);
	if (v->list)
		at = draw_keys_of(a, &rest, 0, at, KEYS_LIST);
	if (v->reads_text)
		at = draw_keys_of(a, &rest, 0, at, KEYS_TEXT);
	if (!v->screen->press)
		at = draw_key(a, &rest, 0, at, key_of(KEY_SCREENS));
	if (!v->screen->press)
		at = draw_key(a, &rest, 0, at, key_of(KEY_COMMAND));
	if (TAILQ_PREV(v, view_list, link))
		at = draw_key(a, &rest, 0, at, key_of(KEY_BACK));
	if (!v->screen->press)
		draw_key(a, &rest, 0, at, key_of(KEY_QUIT));
}

/* --- all of it ------------------------------------------------------------- */

static void
draw_body(struct app *a, const struct area *body)
{
	struct view *v = app_top(a);

	v->rows = body->rows;
	v->columns = body->columns;
	if (!a->was_up) {
		draw_lines(body, 1, 0, PAINT_WARN, str_of(a->link_text));
		draw_lines(body, 3, 0, PAINT_PLAIN,
		    str_of(_("It is tried again all the time. Is it running? "
			     "`systemctl status relayd` tells; --socket PATH "
			     "asks another one.")));
	} else if (a->knows_role && a->role < v->screen->role) {
		draw_lines(body, 1, 0, PAINT_WARN,
		    str_of(_("Your role does not let you see this.")));
	} else {
		v->screen->draw(v, body);
	}
}

void
app_draw(struct app *a)
{
	struct area all = draw_all(&a->grid), body;
	int rows = a->grid.rows;

	grid_clear(&a->grid);
	a->dirty = false;
	if (rows < ROWS_LEAST || a->grid.columns < COLUMNS_LEAST) {
		draw_lines(&all, 0, 0, PAINT_PLAIN,
		    str_of(_("too small a terminal")));
		return;
	}
	body = draw_part(&all, 1, 0, rows - 3, all.columns);
	draw_title(a, &all);
	draw_body(a, &body);
	if (a->prompt.kind != PROMPT_NONE)
		prompt_draw(&a->prompt, &all, rows - 2);
	else
		draw_status(a, &all, rows - 2);
	draw_keys(a, &all, rows - 1);
	dialog_draw(&a->dialog, &body);
}
