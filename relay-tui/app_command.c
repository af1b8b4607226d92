/* SPDX-License-Identifier: MIT */
/* app_command.c - what is typed behind ':': the name of a screen, or a command of
 * relayctl, whose answer is a text to read.  Names for completion too. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/app.h"
#include "relay-tui/help.h"
#include "relay-tui/params.h"
#include "relay-tui/show.h"
#include "relay-tui/words.h"

#define WORDS_MAX 64
#define ROWS_MOST 2000

/* --- names ----------------------------------------------------------------- */

/* The ticket, and the list, that an answer belongs to, in one word. */
static void *
wanted(unsigned ticket, unsigned i)
{
	return (void *)((uintptr_t)ticket * COMPLETE_ASKS_MAX + i);
}

static void
take_names(void *owner, void *user, const struct ctl_frame *f)
{
	struct app *a = owner;
	uintptr_t word = (uintptr_t)user;

	prompt_take_rows(&a->prompt, (unsigned)(word / COMPLETE_ASKS_MAX),
	    (unsigned)(word % COMPLETE_ASKS_MAX),
	    f->kind == CTL_ERROR ? NULL : f->data);
	a->dirty = true;
}

void
app_names(struct app *a)
{
	const struct completion *found = &a->prompt.found;
	unsigned ticket = a->prompt.ticket;
	struct ctl_param param;

	for (unsigned i = 0; i < found->asks_count; i++) {
		enum ctl_method m = found->asks[i].method;
		struct json_out *j = calls_begin(a->calls, m);

		if (ctl_param_find(ctl_row(m), STR("limit"), &param))
			json_say_i64(j, "limit", CTL_ROWS_MAX);
		if (calls_send(a->calls, a, take_names, wanted(ticket, i),
			a->now_ms))
			prompt_take_rows(&a->prompt, ticket, i, NULL);
	}
}

/* --- running --------------------------------------------------------------- */

/* A command that was asked, until all its pages are there. */
struct running {
	TAILQ_ENTRY(running) link;
	bool shows; /* show is at work */
	struct app *app;
	enum ctl_method method;
	char *line, *room;
	struct ctl_match match; /* words are in room */
	struct output out;	/* into text */
	struct show show;
	char *text;
	size_t text_len;
};

static void
running_free(struct running *r)
{
	TAILQ_REMOVE(&r->app->running, r, link);
	if (r->shows)
		show_end(&r->show);
	if (r->out.to)
		fclose(r->out.to);
	free(r->text);
	free(r->line);
	free(r->room);
	free(r);
}

static void
say_why(struct app *a, const struct why *why)
{
	char text[sizeof(*why) + 4];

	snprintf(text, sizeof(text), "%s%s%s", why->field,
	    why->field[0] ? ": " : "", why->text);
	app_say(a, PAINT_BAD, text);
}

static void
finish(struct running *r)
{
	struct app *a = r->app;

	show_end(&r->show);
	r->shows = false;
	fflush(r->out.to);
	if (r->text_len == 0)
		app_say(a, PAINT_GOOD, _("done"));
	else
		view_open_text(app_top(a), r->line,
		    str_at(r->text, r->text_len));
	view_ask_again(TAILQ_FIRST(&a->views));
	running_free(r);
}

static void send_running(struct running *r, struct str cursor);

static void
take_answer(void *owner, void *user, const struct ctl_frame *f)
{
	struct running *r = user;
	char text[512];

	(void)owner;
	if (f->kind == CTL_ERROR) {
		snprintf(text, sizeof(text), "%.*s", STR_ARG(f->message));
		app_say(r->app, PAINT_BAD, text);
		running_free(r);
		return;
	}
	show_page(&r->show, f->data);
	if (f->next.len && r->show.rows < ROWS_MOST)
		send_running(r, f->next);
	else
		finish(r);
}

static void
send_running(struct running *r, struct str cursor)
{
	struct json_out *j = calls_begin(r->app->calls, r->method);
	struct app *a = r->app;
	struct why why = { .text = "" };
	enum err e = params_put(&r->match, j, &why), sent;

	if (params_have_pages(r->match.row)) {
		json_say_i64(j, "limit", CTL_ROWS_MAX);
		if (cursor.len)
			json_say(j, "cursor", cursor);
	}
	if (!e) {
		sent = calls_send(a->calls, a, take_answer, r, a->now_ms);
		if (!sent)
			return;
		(void)!why_set(&why, sent, "",
		    sent == ERR_CLOSED ? _("relayd is not there just now")
				       : _("that is too much to ask"));
	} else {
		calls_drop(a->calls);
	}
	say_why(a, &why);
	running_free(r);
}

/* What a call is asked for that nobody can answer here. */
static const char *
refusal(const struct ctl_match *m)
{
	if (!m->row->method || m->row == ctl_row(CTL_M_receipt_tail))
		return _("this is for relayctl alone");
	for (unsigned i = 0; i < m->count; i++)
		if (m->args[i].type == CTL_SECRET ||
		    m->args[i].source == CTL_STDIN)
			return _("secrets are typed into forms, or given to "
				 "relayctl");
	return NULL;
}

static void
start(void *user)
{
	struct running *r = user;
	struct why why;

	r->out = r->app->output;
	r->out.to = open_memstream(&r->text, &r->text_len);
	r->out.aside = r->out.to;
	if (!r->out.to || show_begin(&r->show, &r->out, r->method, &why)) {
		running_free(r);
		return;
	}
	r->shows = true;
	send_running(r, STR(""));
}

/* It is started, or nobody wanted it after all. */
static void
start_confirmed(void *user)
{
	struct running **r = user;

	start(*r);
	*r = NULL;
}

static void
forget_confirmed(void *user)
{
	struct running **r = user;

	if (*r)
		running_free(*r);
	free(r);
}

static bool
destroys(const struct ctl_row *row)
{
	static const char *const words[] = { "rm", "kill", "revoke", "clear" };

	for (unsigned i = 0; i < ctl_row_literals(row); i++)
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (str_eq(ctl_row_literal(row, i), str_of(words[w])))
				return true;
	return false;
}

static void
run_match(struct app *a, struct running *r)
{
	const char *no = refusal(&r->match);

	if (no) {
		app_say(a, PAINT_WARN, no);
		running_free(r);
	} else if (destroys(r->match.row)) {
		struct running **held = xmalloc(sizeof(struct running *));

		*held = r;
		dialog_ask(&a->dialog, r->line, start_confirmed,
		    forget_confirmed, held);
	} else {
		start(r);
	}
}

static void
show_help(struct app *a, int count, const char *const *words)
{
	struct output out = a->output;
	char *text = NULL;
	size_t len = 0;

	out.to = open_memstream(&text, &len);
	if (!out.to)
		return;
	out.aside = out.to;
	help_print(&out, count, words, false);
	fclose(out.to);
	view_open_text(app_top(a), _("Commands"), str_at(text, len));
	free(text);
}

static bool
run_own(struct app *a, int count, const char *const *words)
{
	if (count == 1 &&
	    (!strcmp(words[0], "q") || !strcmp(words[0], "quit"))) {
		a->quits = true;
		return true;
	}
	if (!strcmp(words[0], "help")) {
		show_help(a, count - 1, words + 1);
		return true;
	}
	return count == 1 && app_show(a, str_of(words[0]), NULL) == OK;
}

void
app_command(struct app *a, struct str line)
{
	struct running *r = xcalloc(1, sizeof(*r));
	const char *words[WORDS_MAX];
	struct why why;
	int count;

	r->app = a;
	TAILQ_INSERT_TAIL(&a->running, r, link);
	r->line = xmemdup(line.at ? line.at : "", line.len);
	r->room = xmalloc(line.len + 1);
	count = prompt_words(line, r->room, words, WORDS_MAX);
	if (count < 0)
		app_say(a, PAINT_BAD, _("a quote is left open"));
	if (count <= 0 || run_own(a, count, words)) {
		running_free(r);
		return;
	}
	if (ctl_match(count, words, &r->match, &why)) {
		say_why(a, &why);
		running_free(r);
		return;
	}
	r->method = (enum ctl_method)(r->match.row - ctl_row(0));
	run_match(a, r);
}

void
app_command_fini(struct app *a)
{
	struct running *r, *next;

	for (r = TAILQ_FIRST(&a->running); r; r = next) {
		next = TAILQ_NEXT(r, link);
		running_free(r);
	}
}
