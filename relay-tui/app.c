/* SPDX-License-Identifier: MIT */
/* app.c - relay-tui without a terminal: which screen is open, and what a press
 * means to it. */
#include "relay-tui/app.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/calendar.h"
#include "relay-tui/follow.h"
#include "relay-tui/words.h"

#define STATUS_MAX 4096
#define ABOUT_MAX  4096
/* What terminals take into their clipboards. */
#define COPIED_MAX (64 * 1024)
/* Pages on top of each other. */
#define DEPTH_MAX 20

/* --- views ----------------------------------------------------------------- */

struct view *
app_top(const struct app *a)
{
	return TAILQ_LAST(&a->views, view_list);
}

bool
app_has(const struct app *a, const struct view *v)
{
	const struct view *other;

	TAILQ_FOREACH (other, &a->views, link)
		if (other == v)
			return true;
	return false;
}

const char *
app_refuses(const struct app *a, const struct key *k)
{
	const struct view *v = app_top(a);
	const char *why = v->screen->refuses ? v->screen->refuses(v, k) : NULL;

	return why ? _(why) : NULL;
}

void
app_copy(struct app *a, struct str text)
{
	buf_wipe(&a->copied);
	if (buf_add(&a->copied, text))
		app_say(a, PAINT_BAD, _("this is too much for a clipboard"));
	else
		app_say(a, PAINT_GOOD,
		    _("given to your terminal's clipboard, if that is allowed "
		      "there"));
}

static void
view_free(struct app *a, struct view_list *list, struct view *v)
{
	TAILQ_REMOVE(list, v, link);
	calls_forget(a->calls, v);
	follow_end(a, v);
	view_forget_deeds(v);
	if (v->screen->close)
		v->screen->close(v);
	buf_fini(&v->status);
	free(v->state);
	free(v->about);
	free(v);
}

/* Views close when nobody is inside of them any more. */
static void
reap(struct app *a)
{
	struct view *v, *next;

	for (v = TAILQ_FIRST(&a->views); v; v = next) {
		next = TAILQ_NEXT(v, link);
		if (!v->closing)
			continue;
		view_free(a, &a->views, v);
		a->dirty = true;
		/* What is seen again may have been changed meanwhile. */
		if (!TAILQ_EMPTY(&a->views))
			app_top(a)->ask_at_ms = 0;
	}
}

static bool
may_see(const struct app *a, const struct screen *s)
{
	return !a->knows_role || a->role >= s->role;
}

static void
ask(struct app *a, struct view *v)
{
	v->ask_at_ms =
	    v->screen->every_ms ? a->now_ms + v->screen->every_ms : INT64_MAX;
	if (v->screen->ask && a->is_up && may_see(a, v->screen))
		v->screen->ask(v);
}

struct view *
app_open(struct app *a, const struct screen *s, struct str about)
{
	struct view *v = xcalloc(1, sizeof(*v)), *other;
	size_t depth = 0;

	assert(s);
	about = str_first(about, ABOUT_MAX);
	*v = (struct view){ .screen = s,
		.app = a,
		.about = about.len ? xmemdup(about.at, about.len) : xstrdup(""),
		.state = xcalloc(1, s->state_size ? s->state_size : 1) };
	buf_init(&v->status, STATUS_MAX);
	TAILQ_FOREACH (other, &a->views, link)
		depth++;
	if (depth >= DEPTH_MAX)
		TAILQ_NEXT(TAILQ_FIRST(&a->views), link)->closing = true;
	TAILQ_INSERT_TAIL(&a->views, v, link);
	s->open(v);
	ask(a, v);
	a->dirty = true;
	return v;
}

static bool
may_leave(const struct app *a)
{
	struct view *v = app_top(a);

	return !v->screen->leave || v->screen->leave(v);
}

/* Pages close; the tab below them stays as it is, to be come back to. */
static void
park(struct app *a)
{
	struct view *v, *next;

	for (v = TAILQ_FIRST(&a->views); v; v = next) {
		next = TAILQ_NEXT(v, link);
		if (screen_tab_of(v->screen) < 0) {
			v->closing = true;
			continue;
		}
		TAILQ_REMOVE(&a->views, v, link);
		TAILQ_INSERT_TAIL(&a->parked, v, link);
	}
}

static void
show(struct app *a, const struct screen *s)
{
	struct view *v;

	park(a);
	TAILQ_FOREACH (v, &a->parked, link)
		if (v->screen == s)
			break;
	if (!v) {
		app_open(a, s, STR(""));
		return;
	}
	TAILQ_REMOVE(&a->parked, v, link);
	TAILQ_INSERT_TAIL(&a->views, v, link);
	ask(a, v);
	a->dirty = true;
}

enum err
app_show(struct app *a, struct str name, struct why *out_why)
{
	const struct screen *s = screen_find(name);

	if (!s || !screen_is_named(s))
		return why_set(out_why, ERR_UNKNOWN, "screen",
		    _("there is no screen \"%.*s\""),
		    STR_ARG(str_first(name, 40)));
	if (app_top(a) && !may_leave(a))
		return OK;
	show(a, s);
	reap(a);
	return OK;
}

/* --- birth and death ------------------------------------------------------- */

void
app_init(struct app *a, struct calls *calls, int rows, int columns, bool ascii)
{
	*a = (struct app){ .calls = calls,
		.output = { .ascii = ascii, .width = columns } };
	TAILQ_INIT(&a->views);
	TAILQ_INIT(&a->parked);
	TAILQ_INIT(&a->following);
	TAILQ_INIT(&a->deeds);
	TAILQ_INIT(&a->running);
	grid_init(&a->grid, rows, columns);
	a->grid.ascii = ascii;
	prompt_init(&a->prompt);
	buf_init(&a->copied, COPIED_MAX);
	a->dirty = true;
}

static void
free_views(struct app *a, struct view_list *list)
{
	struct view *v, *next;

	for (v = TAILQ_FIRST(list); v; v = next) {
		next = TAILQ_NEXT(v, link);
		view_free(a, list, v);
	}
}

void
app_fini(struct app *a)
{
	dialog_fini(&a->dialog);
	free_views(a, &a->views);
	free_views(a, &a->parked);
	follow_lost(a);
	calls_forget(a->calls, a);
	view_free_deeds(a);
	undo_forget(&a->undo);
	app_command_fini(a);
	prompt_fini(&a->prompt);
	buf_wipe(&a->copied);
	grid_fini(&a->grid);
}

void
app_say(struct app *a, enum paint p, const char *text)
{
	snprintf(a->toast, sizeof(a->toast), "%s", text);
	a->toast_paint = p;
	a->toast_until_ms = a->now_ms + APP_TOAST_MS;
	a->dirty = true;
}

/* --- the daemon ------------------------------------------------------------ */

static void
take_whoami(void *owner, void *user, const struct ctl_frame *f)
{
	struct app *a = owner;
	struct str zone = STR(""), role = STR("");
	struct view *v;

	(void)user;
	if (f->kind == CTL_ERROR ||
	    json_may_str(f->data, "zone", &zone, NULL) ||
	    json_may_str(f->data, "role", &role, NULL))
		return;
	for (int r = CTL_SELF; r <= CTL_ADMIN; r++)
		if (str_eq(role, str_of(ctl_role_name((enum ctl_role)r))))
			a->role = (enum ctl_role)r;
	a->knows_role = true;
	if (zone.len) {
		calendar_set_zone(zone);
		snprintf(a->output.zone, sizeof(a->output.zone), "%.*s",
		    STR_ARG(zone));
	}
	a->dirty = true;
	TAILQ_FOREACH (v, &a->views, link)
		ask(a, v);
}

static void
take_version(void *owner, void *user, const struct ctl_frame *f)
{
	struct app *a = owner;
	struct str version = STR("");

	(void)user;
	if (f->kind == CTL_RESULT &&
	    json_may_str(f->data, "version", &version, NULL) == OK)
		snprintf(a->version, sizeof(a->version), "%.*s",
		    STR_ARG(str_first(version, 40)));
	a->dirty = true;
}

static void
ask_who(struct app *a)
{
	calls_begin(a->calls, CTL_M_whoami);
	(void)!calls_send(a->calls, a, take_whoami, NULL, a->now_ms);
	calls_begin(a->calls, CTL_M_version);
	(void)!calls_send(a->calls, a, take_version, NULL, a->now_ms);
}

void
app_link(struct app *a, bool up, const char *text)
{
	bool was = a->is_up;

	a->is_up = up;
	if (!up)
		follow_lost(a);
	snprintf(a->link_text, sizeof(a->link_text), "%s", text);
	a->dirty = true;
	if (was && !up)
		app_say(a, PAINT_BAD,
		    _("relayd is gone; what is shown is from before"));
	if (up && a->was_up)
		app_say(a, PAINT_GOOD, _("relayd is back"));
	a->was_up = a->was_up || up;
	if (up)
		ask_who(a);
	reap(a);
}

/* --- time ------------------------------------------------------------------ */

void
app_time(struct app *a, int64_t now_ms, int64_t wall_ms)
{
	a->now_ms = now_ms;
	a->output.now_ms = wall_ms;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
app_run(struct app *a)
{
	int64_t wait = 1000, since = 0;
	struct view *v = app_top(a);

	if (v && a->is_up && a->now_ms >= v->ask_at_ms)
		ask(a, v);
	reap(a);
	v = app_top(a);
	if (v && a->is_up && v->ask_at_ms != INT64_MAX)
		wait = sooner(wait, v->ask_at_ms - a->now_ms);
	if (a->toast_until_ms) {
		if (a->now_ms >= a->toast_until_ms) {
			a->toast_until_ms = 0;
			a->dirty = true;
		} else {
			wait = sooner(wait, a->toast_until_ms - a->now_ms);
		}
	}
	/* The spinner turns. */
	if (calls_waiting(a->calls, NULL, &since)) {
		int64_t for_ms = a->now_ms - since;

		a->dirty = a->dirty || for_ms >= APP_SPINNER_MS;
		wait = sooner(wait,
		    for_ms < APP_SPINNER_MS ? APP_SPINNER_MS - for_ms : 100);
	}
	return wait < 1 ? 1 : wait;
}

bool
app_is_settled(const struct app *a)
{
	const struct view *v = app_top(a);

	return a->is_up && a->knows_role && !a->dirty &&
	    (!v->screen->ask || v->answered || !may_see(a, v->screen)) &&
	    calls_waiting(a->calls, NULL, NULL) == 0;
}

void
app_resize(struct app *a, int rows, int columns)
{
	grid_resize(&a->grid, rows, columns);
	a->output.width = a->grid.columns;
	a->dirty = true;
}

/* --- presses --------------------------------------------------------------- */

static void
press_prompt(struct app *a, const struct press *p)
{
	enum prompt_kind kind = a->prompt.kind;
	struct view *v = app_top(a);
	enum prompt_event e;
	struct buf line;

	/* A secret is looked for, not shown. */
	if (kind == PROMPT_SEARCH && p->kind == PRESS_PASTE &&
	    v->screen->paste && v->screen->paste(v, p->text)) {
		prompt_close(&a->prompt);
		return;
	}
	e = prompt_press(&a->prompt, p);

	buf_init(&line, LINE_EDIT_MAX);
	buf_must(&line, line_edit_str(&a->prompt.line));
	if (e == PROMPT_LEFT)
		prompt_close(&a->prompt);
	if (kind == PROMPT_SEARCH && v->list &&
	    (e == PROMPT_TYPED || e == PROMPT_LEFT))
		list_filter(v->list,
		    e == PROMPT_LEFT ? STR("") : buf_str(&line));
	if (e == PROMPT_NAMES)
		app_names(a);
	if (e == PROMPT_DONE) {
		prompt_close(&a->prompt);
		if (kind == PROMPT_COMMAND)
			app_command(a, buf_str(&line));
	}
	buf_wipe(&line);
}

static void
step_tab(struct app *a, int by)
{
	unsigned count = 0, at;
	int now = screen_tab_of(TAILQ_FIRST(&a->views)->screen);

	while (screen_tab(count))
		count++;
	assert(count);
	at = (unsigned)(now + (int)count + by) % count;
	show(a, screen_tab(at));
}

static void
go_back(struct app *a, bool quits)
{
	struct view *v = app_top(a);

	if (v->list && buf_len(&v->list->filter))
		list_filter(v->list, STR(""));
	else if (TAILQ_PREV(v, view_list, link))
		v->closing = may_leave(a);
	else if (quits)
		a->quits = may_leave(a);
}

/* A line for each key: those of the screen, those of what it is, those of all. */
static void
write_key(const struct app *a, const struct key *k, struct buf *out)
{
	bool may = !a->knows_role || a->role >= k->role;
	const char *why = may ? app_refuses(a, k) : NULL;
	int width = text_width(str_of(k->presses));

	buf_mustf(out, "  %s%*s%s", k->presses, width < 22 ? 22 - width : 1, "",
	    _(k->help));
	if (!may)
		buf_mustf(out, _(" (needs the role %s; yours is %s)"),
		    ctl_role_name(k->role), ctl_role_name(a->role));
	if (why)
		buf_mustf(out, " (%s)", why);
	buf_must(out, STR("\n"));
}

static void
open_help(struct app *a)
{
	struct view *v = app_top(a);
	const struct key *k;
	struct buf text;

	buf_init(&text, 64 * 1024);
	buf_mustf(&text, "%s\n", _(v->screen->title));
	for (k = v->screen->keys; k && k->presses; k++)
		write_key(a, k, &text);
	for (int where = KEYS_LIST; where <= KEYS_ALL; where++) {
		if ((where == KEYS_LIST && !v->list) ||
		    (where == KEYS_TEXT && !v->reads_text))
			continue;
		buf_mustf(&text, "\n%s\n",
		    where == KEYS_LIST	     ? _("In lists")
			: where == KEYS_TEXT ? _("In texts")
					     : _("Everywhere"));
		for (unsigned i = 0; i < KEY_ACTIONS; i++)
			if ((int)key_where((enum key_action)i) == where)
				write_key(a, key_of((enum key_action)i), &text);
	}
	view_open_text(v, _("What keys do"), buf_str(&text));
	buf_fini(&text);
}

static void
act(struct app *a, enum key_action action)
{
	struct view *v = app_top(a);

	if (action == KEY_BACK || action == KEY_QUIT)
		go_back(a, action == KEY_QUIT);
	else if ((action == KEY_NEXT || action == KEY_PREVIOUS) && may_leave(a))
		step_tab(a, action == KEY_NEXT ? 1 : -1);
	else if (action == KEY_COMMAND)
		prompt_open(&a->prompt, PROMPT_COMMAND, STR(""));
	else if (action == KEY_HELP)
		open_help(a);
	else if (action == KEY_UNDO)
		app_undo(a);
	else if (action == KEY_SCREENS)
		app_open(a, screen_find(STR("screens")), STR(""));
	else if (action == KEY_REDRAW)
		ask(a, v);
}

static bool
press_text(struct view *v, enum key_action action)
{
	int page = v->rows > 2 ? v->rows - 1 : 1;

	switch ((int)action) {
	case KEY_TEXT_DOWN:
		v->top++;
		break;
	case KEY_TEXT_UP:
		v->top--;
		break;
	case KEY_TEXT_PAGE_DOWN:
		v->top += page;
		break;
	case KEY_TEXT_PAGE_UP:
		v->top -= page;
		break;
	case KEY_TEXT_FIRST:
		v->top = 0;
		break;
	case KEY_TEXT_LAST:
		v->top = v->lines;
		break;
	default:
		return false;
	}
	if (v->top > v->lines - v->rows)
		v->top = v->lines - v->rows;
	if (v->top < 0)
		v->top = 0;
	return true;
}

static bool
press_own(struct app *a, struct view *v, const struct press *p)
{
	for (const struct key *k = v->screen->keys; k && k->presses; k++) {
		if (!key_is(k, p))
			continue;
		if (a->knows_role && a->role < k->role)
			view_say(v, PAINT_WARN,
			    _("this needs the role %s; yours is %s"),
			    ctl_role_name(k->role), ctl_role_name(a->role));
		else if (app_refuses(a, k))
			view_say(v, PAINT_WARN, "%s", app_refuses(a, k));
		else if (k->does)
			k->does(v);
		return true;
	}
	return false;
}

static bool
press_list(struct app *a, struct view *v, const struct press *p)
{
	enum key_action action = key_find(KEYS_LIST, p);

	if (!v->list)
		return false;
	if (p->kind == PRESS_CLICK || p->kind == PRESS_WHEEL)
		return list_mouse(v->list, p);
	if (action == KEY_LIST_FILTER) {
		prompt_open(&a->prompt, PROMPT_SEARCH,
		    buf_str(&v->list->filter));
		return true;
	}
	return action != KEY_ACTIONS && list_act(v->list, action, v->rows);
}

static void
press_digit(struct app *a, const struct press *p)
{
	const struct screen *s;

	if (p->kind != PRESS_KEY || p->alt || p->code < '0' || p->code > '9')
		return;
	s = screen_tab(p->code == '0' ? 9 : (unsigned)(p->code - '1'));
	if (s && may_leave(a))
		show(a, s);
}

static void
press_view(struct app *a, const struct press *p)
{
	struct view *v = app_top(a);
	enum key_action action;

	if (v->screen->press && v->screen->press(v, p))
		return;
	if (p->kind == PRESS_PASTE) {
		if (v->screen->paste && v->screen->paste(v, p->text))
			return;
		view_say(v, PAINT_DIM, "%s",
		    _("there is nothing here to paste into"));
		return;
	}
	if (press_own(a, v, p) || press_list(a, v, p))
		return;
	if (v->reads_text && press_text(v, key_find(KEYS_TEXT, p)))
		return;
	action = key_find(KEYS_ALL, p);
	if (action != KEY_ACTIONS)
		act(a, action);
	else
		press_digit(a, p);
}

void
app_press(struct app *a, const struct press *p)
{
	a->dirty = true;
	if (dialog_is_open(&a->dialog))
		dialog_press(&a->dialog, p);
	else if (a->prompt.kind != PROMPT_NONE)
		press_prompt(a, p);
	else
		press_view(a, p);
	reap(a);
}
