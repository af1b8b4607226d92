/* SPDX-License-Identifier: MIT */
/* view.h - a screen at work: what it is about, its state, what it asks.
 *
 * Everything a screen does to the world goes through here. */
#ifndef RELAY_TUI_VIEW_H
#define RELAY_TUI_VIEW_H

#include <sys/queue.h>

#include "relay-tui/calls.h"
#include "relay-tui/list.h"
#include "relay-tui/screen.h"

struct app;

struct view {
	const struct screen *screen;
	struct app *app;
	void *state;	   /* screen.state_size bytes */
	char *about;	   /* "work": the account it shows; "" for all */
	struct list *list; /* its keys are pressed for the screen; or NULL */
	bool reads_text;   /* keys of texts move `top` */
	int top, lines;	   /* first line shown, and how many there are */
	int rows, columns; /* when it was drawn last */
	struct buf status; /* said below the screen: "12 accounts" */
	bool answered;	   /* something has come back */
	/* app.c */
	int64_t ask_at_ms;
	bool closing;
	TAILQ_ENTRY(view) link;
};

/* --- asking ---------------------------------------------------------------- */

/* A question: parameters are put between the two.  `done` is called with the
 * view, unless it is closed meanwhile. */
struct json_out *view_begin(struct view *v, enum ctl_method method);
void view_send(struct view *v, calls_answer *done, void *user);
/* Be told what happens, by event.follow: "requests,accounts".  Say so in every
 * ask(): it is asked for once, and anew after a reconnection.  Tabs go on to be
 * told while they are not looked at. */
void view_follow(struct view *v, const char *topics, calls_event *event);
/* Is it told by now?  What was listed before it was may be out of date. */
bool view_follows(const struct view *v);
/* Never mind what was begun. */
void view_drop(struct view *v);
/* One without parameters, and one with a text. */
void view_ask(struct view *v, enum ctl_method method, calls_answer *done);
void view_ask_about(struct view *v, enum ctl_method method, const char *key,
    struct str value, calls_answer *done);
/* True for an answer that is an error; it is said to the user then. */
bool view_failed(struct view *v, const struct ctl_frame *f);

/* Take the answer over, in its callback: free it with ctl_frame_fini(). */
struct ctl_frame view_keep(struct view *v);

/* Change something: one text parameter.  When it is done the screen asks
 * again and `said` (N_()) is told, with how it is undone where it can be. */
void view_do(struct view *v, enum ctl_method method, const char *key,
    struct str value, const char *said);
/* The same, asking before: "Remove work?" is `question` with the value. */
void view_confirm(struct view *v, const char *question, enum ctl_method method,
    const char *key, struct str value, const char *said);

/* The same with several; the last is what is asked about. */
struct view_param {
	const char *key;
	struct str value; /* of a flag whatever */
	bool is_flag;
};
#define VIEW_PARAMS_MAX 3
void view_do_all(struct view *v, enum ctl_method method,
    const struct view_param *params, size_t count, const char *said);
void
view_confirm_all(struct view *v, const char *question, enum ctl_method method,
    const struct view_param *params, size_t count, const char *said);

/* Any question, N_(): done when it is answered with yes and the view is there. */
void view_ask_before(struct view *v, const char *question,
    void (*does)(struct view *v));

/* --- around it ------------------------------------------------------------- */

/* What it shows is another; it is drawn soon. */
void view_changed(struct view *v);
/* Ask as soon as possible. */
void view_ask_again(struct view *v);
void view_say(struct view *v, enum paint p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Below the screen. */
void view_status(struct view *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Another screen on top of it, or back. */
struct view *view_open(struct view *v, const char *screen, struct str about);
void view_back(struct view *v);
/* A text to read: lines, clean or not. */
void view_open_text(struct view *v, const char *title, struct str lines);
/* To the clipboard of the terminal (OSC 52). */
void view_copy(struct view *v, struct str text);
/* For app.c: a view is closed; all are. */
void view_forget_deeds(const struct view *v);
void view_free_deeds(struct app *a);
/* What a view of the screen "text" shows (screen/text.c). */
void screen_text_set(struct view *v, struct str lines);
/* What one of "key_value" shows: the answer of key.create, key.rotate or
 * key.reveal (screen/key_value.c). */
void screen_key_value_set(struct view *v, const struct json *data);

/* How moments and amounts are told. */
const struct output *view_output(const struct view *v);
enum ctl_role view_role(const struct view *v);
int64_t view_now_ms(const struct view *v);

#endif
