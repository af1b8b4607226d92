/* SPDX-License-Identifier: MIT */
/* export.c - what a screen shows, written to a file as relayctl would print it
 * with --csv or --json. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relay-tui/app.h"
#include "relay-tui/form_page.h"
#include "relay-tui/screen/common.h"
#include "relay-tui/show.h"
#include "relay-tui/usage_view.h"
#include "relay-tui/words.h"

#define PARAMS_MAX (64 * 1024)

struct state {
	struct form_page asked;
	enum ctl_method method;
	int heat_of;	     /* an enum usage_of; negative: rows */
	struct json *params; /* what is asked */
	/* While it is written. */
	struct output out;
	struct show show;
	struct usage_rows heat;
	char *path;
	bool shows;
};

/* --- the file -------------------------------------------------------------- */

static void
leave_file(struct state *s, bool keep)
{
	if (s->shows)
		show_end(&s->show);
	s->shows = false;
	usage_rows_fini(&s->heat);
	if (s->out.to && fclose(s->out.to) && keep)
		keep = false;
	if (s->path && !keep)
		unlink(s->path);
	free(s->path);
	s->path = NULL;
	s->out.to = NULL;
	s->asked.saving = false;
}

/* Never over another file, and for its owner alone: costs are nobody else's
 * business. */
static bool
open_file(struct view *v, struct str name)
{
	struct state *s = v->state;
	const char *home = getenv("HOME");
	struct why why = { .text = "" };
	int fd;

	if (str_starts(name, STR("~/")) && home)
		s->path =
		    xasprintf("%s/%.*s", home, STR_ARG(str_skip(name, 2)));
	else
		s->path = xmemdup(name.at, name.len);
	fd = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		form_refuse(&s->asked.form, STR("file"),
		    str_of(strerror(errno)));
		free(s->path);
		s->path = NULL;
		return false;
	}
	s->out.to = fdopen(fd, "w");
	if (!s->out.to)
		abort();
	s->out.aside = s->out.to;
	s->shows = s->heat_of < 0 &&
	    show_begin(&s->show, &s->out, s->method, &why) == OK;
	if (!s->shows && s->heat_of < 0) {
		form_refuse(&s->asked.form, STR("format"), str_of(why.text));
		leave_file(s, false);
		return false;
	}
	return true;
}

/* --- asking ---------------------------------------------------------------- */

static void ask_page(struct view *v, struct str cursor);

static void
finish(struct view *v)
{
	struct state *s = v->state;
	struct why why = { .text = "" };
	enum err e = OK;
	char *path = xstrdup(s->path);

	if (s->heat_of >= 0)
		e = usage_view_heat(&s->out, &s->heat,
		    (enum usage_of)s->heat_of, &why);
	if (s->shows)
		show_end(&s->show);
	s->shows = false;
	if (!e && (fflush(s->out.to) || ferror(s->out.to)))
		e = why_set(&why, ERR_IO, "file", "%s", strerror(errno));
	leave_file(s, !e);
	if (e) {
		form_refuse(&s->asked.form, STR("file"), str_of(why.text));
	} else {
		view_say(v, PAINT_GOOD, _("written to %s"), path);
		view_back(v);
	}
	free(path);
	view_changed(v);
}

static void
take_page(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct why why = { .text = "" };

	(void)user;
	if (f->kind != CTL_ERROR && s->heat_of >= 0 &&
	    usage_rows_add(&s->heat, f->data, &why)) {
		form_refuse(&s->asked.form, STR("file"), str_of(why.text));
		leave_file(s, false);
		return;
	}
	if (!form_page_took(v, f)) {
		leave_file(s, false);
		return;
	}
	s->asked.saving = true;
	if (s->shows)
		show_page(&s->show, f->data);
	if (f->next.len)
		ask_page(v, f->next);
	else
		finish(v);
}

static void
ask_page(struct view *v, struct str cursor)
{
	struct state *s = v->state;
	struct json_out *j = view_begin(v, s->method);

	for (const struct json *m = json_first(s->params); m;
	     m = json_next(m)) {
		char key[64];

		snprintf(key, sizeof(key), "%.*s", STR_ARG(json_key(m)));
		json_put_key(j, key);
		json_put_tree(j, m);
	}
	json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_page, NULL);
}

static void
save(struct view *v)
{
	struct state *s = v->state;
	struct str name = form_value(&s->asked.form, "file");
	struct str format = form_value(&s->asked.form, "format");

	s->out = *view_output(v);
	s->out.json = str_eq(format, STR("json")) ||
	    (!format.len && str_ends(name, STR(".json")));
	s->out.csv = !s->out.json;
	if (!open_file(v, name))
		return;
	s->asked.saving = true;
	ask_page(v, STR(""));
}

/* --- the screen ------------------------------------------------------------ */

static void
open_export(struct view *v)
{
	struct form *f =
	    form_page_open(v, N_("Write what is shown to a file"), save);

	form_add(f, "file", FORM_TEXT, true, NULL,
	    _("its name, where relay-tui was started or with its path; there "
	      "must be none of that name yet"));
	form_add(f, "format", FORM_CHOICE, false, "csv|json",
	    _("nothing is what the name ends in, or csv"));
}

static void
close_export(struct view *v)
{
	struct state *s = v->state;

	leave_file(s, false);
	json_free(s->params);
	form_page_close(v);
}

void
screen_export_open(struct view *v, enum ctl_method method,
    void (*put)(struct view *v, struct json_out *j), int heat_of)
{
	struct view *page = view_open(v, "export", STR(""));
	struct state *s = page->state;
	struct json_out j;
	struct buf text;

	s->method = method;
	s->heat_of = heat_of;
	buf_init(&text, PARAMS_MAX);
	json_begin(&j, &text);
	json_open(&j, '{');
	put(v, &j);
	json_close(&j, '}');
	if (json_end(&j) ||
	    json_parse(buf_str(&text), PARAMS_MAX, &s->params, NULL))
		s->params = NULL;
	buf_fini(&text);
}

const struct screen screen_export = {
	.name = "export",
	.title = N_("Export"),
	.role = CTL_SELF,
	.keys = form_page_plain_keys,
	.state_size = sizeof(struct state),
	.open = open_export,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = close_export,
};
