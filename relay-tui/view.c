/* SPDX-License-Identifier: MIT */
/* view.c - a screen at work. */
#include "relay-tui/view.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/app.h"
#include "relay-tui/follow.h"
#include "relay-tui/words.h"

/* --- asking ---------------------------------------------------------------- */

struct json_out *
view_begin(struct view *v, enum ctl_method method)
{
	return calls_begin(v->app->calls, method);
}

void
view_drop(struct view *v)
{
	calls_drop(v->app->calls);
}

void
view_send(struct view *v, calls_answer *done, void *user)
{
	enum err e = calls_send(v->app->calls, v, done, user, v->app->now_ms);

	/* Whoever asks is always answered. */
	if (e)
		done(v, user,
		    &(struct ctl_frame){ .kind = CTL_ERROR,
			.code = CTL_CODE_OURS,
			.error = str_of(err_name(e)),
			.message = str_of(_("that is too much to ask")) });
}

void
view_ask(struct view *v, enum ctl_method method, calls_answer *done)
{
	view_begin(v, method);
	view_send(v, done, NULL);
}

void
view_ask_about(struct view *v, enum ctl_method method, const char *key,
    struct str value, calls_answer *done)
{
	json_say(view_begin(v, method), key, value);
	view_send(v, done, NULL);
}

void
view_follow(struct view *v, const char *topics, calls_event *event)
{
	follow_begin(v->app, v, topics, event);
}

bool
view_follows(const struct view *v)
{
	return follow_is_on(v->app, v);
}

bool
view_failed(struct view *v, const struct ctl_frame *f)
{
	v->answered = true;
	view_changed(v);
	if (f->kind != CTL_ERROR)
		return false;
	if (!ctl_frame_is(f, ERR_CLOSED))
		view_say(v, PAINT_BAD, "%.*s", STR_ARG(f->message));
	return true;
}

struct ctl_frame
view_keep(struct view *v)
{
	return calls_keep(v->app->calls);
}

/* --- changing -------------------------------------------------------------- */

/* Something to be changed: to be confirmed yet, or being asked for. */
struct deed {
	TAILQ_ENTRY(deed) link;
	struct app *app;
	struct view *view; /* NULL: closed meanwhile */
	enum ctl_method method;
	const char *said;
	size_t count;
	/* What is chosen may be another by then: the values are copies. */
	struct view_param params[VIEW_PARAMS_MAX];
	char *values[VIEW_PARAMS_MAX];
};

static void
deed_free(void *user)
{
	struct deed *d = user;

	TAILQ_REMOVE(&d->app->deeds, d, link);
	for (size_t i = 0; i < d->count; i++)
		free(d->values[i]);
	free(d);
}

static struct deed *
deed_new(struct view *v, enum ctl_method method,
    const struct view_param *params, size_t count, const char *said)
{
	struct deed *d = xcalloc(1, sizeof(*d));

	assert(count <= VIEW_PARAMS_MAX);
	*d = (struct deed){ .app = v->app,
		.view = v,
		.method = method,
		.said = said,
		.count = count };
	for (size_t i = 0; i < count; i++) {
		struct str value = params[i].value;

		d->values[i] = xmemdup(value.len ? value.at : "", value.len);
		d->params[i] = params[i];
		d->params[i].value = str_of(d->values[i]);
	}
	TAILQ_INSERT_TAIL(&v->app->deeds, d, link);
	return d;
}

void
view_forget_deeds(const struct view *v)
{
	struct deed *d;

	TAILQ_FOREACH (d, &v->app->deeds, link)
		if (d->view == v)
			d->view = NULL;
}

void
view_free_deeds(struct app *a)
{
	struct deed *d;

	while ((d = TAILQ_FIRST(&a->deeds)))
		deed_free(d);
}

static void
say_done(struct app *a, const struct deed *d)
{
	char text[512];

	if (d->count != 1 ||
	    !undo_remember(&a->undo, d->method, d->params[0].key,
		d->params[0].value, a->now_ms)) {
		app_say(a, PAINT_GOOD, _(d->said));
		return;
	}
	snprintf(text, sizeof(text), _("%s (u undoes it)"), _(d->said));
	app_say(a, PAINT_GOOD, text);
	a->toast_until_ms = a->undo.until_ms;
}

static void
take_done(void *owner, void *user, const struct ctl_frame *f)
{
	struct app *a = owner;
	struct deed *d = user;
	char text[512];

	if (f->kind != CTL_ERROR) {
		say_done(a, d);
	} else if (!ctl_frame_is(f, ERR_CLOSED)) {
		snprintf(text, sizeof(text), "%.*s", STR_ARG(f->message));
		app_say(a, PAINT_BAD, text);
	}
	if (d->view)
		view_ask_again(d->view);
	deed_free(d);
}

static void
do_it(struct app *a, struct deed *d)
{
	struct json_out *j = calls_begin(a->calls, d->method);

	for (size_t i = 0; i < d->count; i++)
		if (d->params[i].is_flag)
			json_say_bool(j, d->params[i].key, true);
		else
			json_say(j, d->params[i].key, d->params[i].value);
	if (calls_send(a->calls, a, take_done, d, a->now_ms) == OK)
		return;
	app_say(a, PAINT_BAD, _("relayd is not there just now"));
	deed_free(d);
}

void
view_do_all(struct view *v, enum ctl_method method,
    const struct view_param *params, size_t count, const char *said)
{
	do_it(v->app, deed_new(v, method, params, count, said));
}

void
view_do(struct view *v, enum ctl_method method, const char *key,
    struct str value, const char *said)
{
	view_do_all(v, method,
	    &(struct view_param){ .key = key, .value = value }, 1, said);
}

void
app_undo(struct app *a)
{
	struct undo *u = &a->undo;

	if (!undo_is_possible(u, a->now_ms)) {
		app_say(a, PAINT_DIM, _("there is nothing to undo"));
		return;
	}
	view_do(app_top(a), u->back, u->key, str_of(u->value), N_("undone"));
}

static void
do_deed(void *user)
{
	const struct deed *d = user;

	if (d->view)
		view_do_all(d->view, d->method, d->params, d->count, d->said);
}

void
view_confirm_all(struct view *v, const char *question, enum ctl_method method,
    const struct view_param *params, size_t count, const char *said)
{
	struct deed *d = deed_new(v, method, params, count, said);
	struct str about = count ? params[count - 1].value : STR("");
	char *asked = xasprintf("%s %.*s", _(question), STR_ARG(about));

	dialog_ask(&v->app->dialog, asked, do_deed, deed_free, d);
	free(asked);
}

void
view_confirm(struct view *v, const char *question, enum ctl_method method,
    const char *key, struct str value, const char *said)
{
	view_confirm_all(v, question, method,
	    &(struct view_param){ .key = key, .value = value }, 1, said);
}

struct question {
	struct app *app;
	struct view *view;
	void (*does)(struct view *v);
};

static void
answer_yes(void *user)
{
	const struct question *q = user;

	if (app_has(q->app, q->view))
		q->does(q->view);
}

void
view_ask_before(struct view *v, const char *question,
    void (*does)(struct view *v))
{
	struct question *q = xcalloc(1, sizeof(*q));

	*q = (struct question){ .app = v->app, .view = v, .does = does };
	dialog_ask(&v->app->dialog, _(question), answer_yes, free, q);
}

/* --- around it ------------------------------------------------------------- */

void
view_changed(struct view *v)
{
	v->app->dirty = true;
}

void
view_ask_again(struct view *v)
{
	v->ask_at_ms = 0;
}

void
view_say(struct view *v, enum paint p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	app_say(v->app, p, text);
}

void
view_status(struct view *v, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&v->status);
	va_start(ap, fmt);
	if (buf_addv(&v->status, fmt, ap))
		buf_clear(&v->status);
	va_end(ap);
}

struct view *
view_open(struct view *v, const char *screen, struct str about)
{
	return app_open(v->app, screen_find(str_of(screen)), about);
}

void
view_back(struct view *v)
{
	v->closing = true;
	v->app->dirty = true;
}

void
view_open_text(struct view *v, const char *title, struct str lines)
{
	struct view *text = view_open(v, "text", str_of(title));

	screen_text_set(text, lines);
}

void
view_copy(struct view *v, struct str text)
{
	app_copy(v->app, text);
}

const struct output *
view_output(const struct view *v)
{
	return &v->app->output;
}

enum ctl_role
view_role(const struct view *v)
{
	return v->app->role;
}

int64_t
view_now_ms(const struct view *v)
{
	return v->app->now_ms;
}
