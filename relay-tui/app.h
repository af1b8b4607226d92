/* SPDX-License-Identifier: MIT */
/* app.h - relay-tui without a terminal: keys and answers in, a grid out.
 *
 * Owns the screens that are open (a tab, and pages on top of it), the prompt,
 * the dialog and what is told in passing.  Knows neither clock nor socket: time
 * is told to it, calls are given to it. */
#ifndef RELAY_TUI_APP_H
#define RELAY_TUI_APP_H

#include "relay-tui/calls.h"
#include "relay-tui/dialog.h"
#include "relay-tui/grid.h"
#include "relay-tui/prompt.h"
#include "relay-tui/undo.h"
#include "relay-tui/view.h"

#define APP_SPINNER_MS 200
#define APP_TOAST_MS   5000

struct running;

struct app {
	struct calls *calls;
	struct grid grid;
	struct output output; /* how things are told: zone, "ago" */
	TAILQ_HEAD(view_list, view) views; /* the last is on top */
	struct view_list parked;	   /* tabs that are not looked at */
	TAILQ_HEAD(following_list, following) following; /* follow.c */
	TAILQ_HEAD(deed_list, deed) deeds; /* under way (view.c) */
	struct undo undo;
	struct prompt prompt;
	struct dialog dialog;
	char toast[512];
	enum paint toast_paint;
	int64_t toast_until_ms;
	int64_t now_ms; /* monotonic */
	enum ctl_role role;
	TAILQ_HEAD(running_list, running) running; /* app_command.c */
	bool knows_role, is_up, was_up, quits, dirty;
	struct buf copied;
	char link_text[256]; /* why there is no daemon */
	char version[64];
};

void
app_init(struct app *a, struct calls *calls, int rows, int columns, bool ascii);
void app_fini(struct app *a);
/* ERR_UNKNOWN: there is none of that name.  The screen that is open may ask
 * before it is left. */
enum err app_show(struct app *a, struct str name, struct why *out_why) CHECKED;

/* The time, before anything else is told; wall clock for "ago". */
void app_time(struct app *a, int64_t now_ms, int64_t wall_ms);
void app_press(struct app *a, const struct press *p);
void app_resize(struct app *a, int rows, int columns);
void app_link(struct app *a, bool up, const char *text);
/* Whatever is due; returns ms until there is something to do again. */
int64_t app_run(struct app *a);
void app_draw(struct app *a);

/* Nothing is asked just now, and every screen has had its answers. */
bool app_is_settled(const struct app *a);

struct view *app_top(const struct app *a);
/* Take back what was changed last. */
void app_undo(struct app *a);
/* Is it open (still)? */
bool app_has(const struct app *a, const struct view *v);
/* Why a key of the screen that is open can do nothing just now; or NULL. */
const char *app_refuses(const struct app *a, const struct key *k);
/* For the clipboard: whoever has the terminal takes it from `copied` and wipes
 * that. */
void app_copy(struct app *a, struct str text);
/* In passing, for some seconds.  Foreign text is fine. */
void app_say(struct app *a, enum paint p, const char *text);
struct view *app_open(struct app *a, const struct screen *s, struct str about);
/* What is behind ':' (app_command.c). */
void app_command(struct app *a, struct str line);
void app_names(struct app *a);
void app_command_fini(struct app *a);

#endif
