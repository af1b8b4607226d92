/* SPDX-License-Identifier: MIT */
/* key_form.c - forms about keys and templates: one made, changed, given a new
 * value, given more time. */
#include <stdio.h>
#include <time.h>

#include "relay-tui/form_view.h"
#include "relay-tui/owner.h"
#include "relay-tui/words.h"

/* As many as a field can be chosen from. */
#define TEMPLATES_MOST 30

/* What keys and templates both are given. */
#define KEY_ROWS                                                               \
	{ "owner", FORM_TEXT, false, NULL,                                     \
		N_("a user of this machine, who sees the key and its usage; "  \
		   "=TEXT for somebody who is none") },                        \
	    { "note", FORM_TEXT, false, NULL, N_("for you") },                 \
	    { "tags", FORM_TEXT, false, NULL,                                  \
		    N_("words with commas; limits can be of a tag") },         \
	    { "expires", FORM_TEXT, false, NULL,                               \
		    N_("30d, 2026-12-31, \"2026-12-31 18:00\"; empty: "        \
		       "never") },                                             \
	    { "expires-after", FORM_TEXT, false, NULL,                         \
		    N_("30d, 12h: from its first use on; instead of "          \
		       "expires") },                                           \
	    { "bind", FORM_TEXT, false, NULL,                                  \
		    N_("acct:NAME, group:NAME, pool: who answers, in this "    \
		       "order; "                                               \
		       "empty: the pool") },                                   \
	    { "platforms", FORM_TEXT, false, NULL,                             \
		    N_("claude, openai, gemini ..: with commas; empty: "       \
		       "all") },                                               \
	    { "models-allow", FORM_TEXT, false, NULL,                          \
		    N_("globs with commas: claude-sonnet*; empty: all") },     \
	    { "models-deny", FORM_TEXT, false, NULL,                           \
		    N_("globs with commas that are refused") },                \
	    { "models-map", FORM_TEXT, false, NULL,                            \
		    N_("asked=given with commas: what models become "          \
		       "others") },                                            \
	    { "clients", FORM_TEXT, false, NULL,                               \
		    N_("claude-code, codex ..: only these programs; "          \
		       "`relayctl "                                            \
		       "client ls` names them") },                             \
	    { "from", FORM_TEXT, false, NULL,                                  \
		    N_("addresses and networks: 10.0.0.0/8, 192.168.1.7") },   \
	    { "max-concurrency", FORM_COUNT, false, NULL,                      \
		    N_("requests at once; empty: any number") },               \
	    { "weight", FORM_COUNT, false, NULL,                               \
		    N_("its share of turns where keys wait; empty: 1") },      \
	{                                                                      \
		"rate", FORM_TEXT, false, NULL,                                \
		    N_("what its cost is multiplied by: 1.5; empty: 1")        \
	}

/* Limits that are made along with it. */
#define LIMIT_ROWS                                                             \
	{ "daily", FORM_TEXT, false, NULL, N_("5 usd: at most that a day") },  \
	    { "total", FORM_TEXT, false, NULL,                                 \
		    N_("50 usd: at most that, ever") },                        \
	    { "weekly-opus", FORM_TEXT, false, NULL,                           \
		    N_("10 usd: at most that a week for Claude Opus") },       \
	    { "weekly-at", FORM_TEXT, false, NULL,                             \
		    N_("mon/09:00: when that week begins") },                  \
	    { "rpm", FORM_COUNT, false, NULL, N_("requests a minute") },       \
	    { "window", FORM_TEXT, false, NULL,                                \
		    N_("5h: 10 usd, 1000 requests") },                         \
	{                                                                      \
		"rated", FORM_FLAG, false, NULL,                               \
		    N_("money is counted after its rate, not before")          \
	}

static const struct form_row new_rows[] = { { "name", FORM_TEXT, true, NULL,
						N_("for example laptop") },
	{ "like", FORM_TEXT, false, NULL,
	    N_("a template, or another key, whose fields and limits it gets") },
	KEY_ROWS, LIMIT_ROWS,
	{ "count", FORM_COUNT, false, NULL,
	    N_("so many at once, numbered; empty: one") },
	{ .name = NULL } };

static const struct form_row edit_rows[] = { { "name", FORM_TEXT, true, NULL,
						 N_("for example laptop") },
	KEY_ROWS, { .name = NULL } };

static const struct form_row template_rows[] = {
	{ "name", FORM_TEXT, true, NULL, N_("for example team") },
	{ "like", FORM_TEXT, false, NULL,
	    N_("a template, or another key, whose fields and limits it gets") },
	KEY_ROWS, LIMIT_ROWS, { .name = NULL }
};

static const struct form_row rotate_rows[] = {
	{ "grace", FORM_TEXT, false, NULL,
	    N_("1h, 7d: how long the old value works, too; empty: it ends with "
	       "C-s") },
	{ .name = NULL }
};

static const struct form_row extend_rows[] = {
	{ "by", FORM_TEXT, true, NULL, N_("30d, 12h: how much longer") },
	{ .name = NULL }
};

/* --- what is so now -------------------------------------------------------- */

static void
preset_moment(struct form *f, const char *name, const struct json *at)
{
	int64_t ms = 0;
	char text[32];
	struct tm tm;
	time_t t;

	if (json_as_i64(at, &ms) || ms <= 0)
		return;
	t = (time_t)(ms / 1000);
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	form_preset(f, name, str_of(text));
}

/* Exactly: in the largest unit that it is whole in. */
static void
preset_span(struct form *f, const char *name, const struct json *span)
{
	static const struct {
		int64_t ms;
		char letter;
	} units[] = { { 86400000, 'd' }, { 3600000, 'h' }, { 60000, 'm' },
		{ 1000, 's' } };
	int64_t ms = 0;
	char text[32] = "";

	if (json_as_i64(span, &ms))
		return;
	for (size_t i = 0; ms > 0 && i < 4; i++)
		if (ms % units[i].ms == 0 || i == 3) {
			snprintf(text, sizeof(text), "%lld%c",
			    (long long)(ms / units[i].ms), units[i].letter);
			break;
		}
	form_preset(f, name, str_of(text));
}

static void
preset_count(struct form *f, const char *name, const struct json *count)
{
	int64_t n = 0;

	if (json_as_i64(count, &n) == OK && n == 0)
		form_preset(f, name, STR(""));
}

static void
preset(struct view *v, struct form *f, const struct json *now)
{
	struct str owner = STR("");
	struct buf text;

	(void)v;
	preset_moment(f, "expires", json_at(now, "expires_at"));
	preset_span(f, "expires-after", json_at(now, "expires_after"));
	preset_count(f, "max-concurrency", json_at(now, "max_concurrency"));
	preset_count(f, "weight", json_at(now, "weight"));
	if (json_may_str(now, "owner", &owner, NULL) || !owner.len)
		return;
	buf_init(&text, 1024);
	owner_write(str_first(owner, 200), &text);
	form_preset(f, "owner", buf_str(&text));
	buf_fini(&text);
}

/* --- what it can be made like ---------------------------------------------- */

static void
add_choice(struct buf *out, struct str name)
{
	if (name.len && name.len < 100 && str_chr(name, '|') < 0)
		buf_mustf(out, "%s%.*s", buf_len(out) ? "|" : "",
		    STR_ARG(name));
}

static void
take_templates(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct form_view *s = v->state;
	struct buf choices;
	struct str name;

	(void)user;
	/* Where there are none, or too many, the name is typed. */
	if (view_failed(v, f) || !json_count(f->data) || f->next.len)
		return;
	buf_init(&choices, 8192);
	add_choice(&choices, str_of(v->about));
	for (const struct json *t = json_first(f->data); t; t = json_next(t))
		if (json_as_str(json_at(t, "name"), &name) == OK &&
		    !str_eq(name, str_of(v->about)))
			add_choice(&choices, name);
	form_choose_from(&s->form, "like", buf_str(&choices));
	buf_fini(&choices);
}

/* About: a template, or a key, that it is to be like. */
static void
begin_new(struct view *v)
{
	struct form_view *s = v->state;

	if (!s->filled)
		form_set(&s->form, "like", str_of(v->about));
	s->filled = true;
	json_say_i64(view_begin(v, CTL_M_template_list), "limit",
	    TEMPLATES_MOST);
	view_send(v, take_templates, NULL);
}

/* --- afterwards ------------------------------------------------------------ */

static void
show_value(struct view *v, const struct ctl_frame *f)
{
	screen_key_value_set(view_open(v, "key_value", STR("")), f->data);
}

static void
say_changed(struct view *v, const struct ctl_frame *f)
{
	(void)f;
	view_say(v, PAINT_GOOD, "%s", _("changed"));
}

static void
say_made(struct view *v, const struct ctl_frame *f)
{
	(void)f;
	view_say(v, PAINT_GOOD, "%s", _("made"));
}

static const struct form_spec new_spec = {
	.title = N_("A new key"),
	.method = CTL_M_key_create,
	.rows = new_rows,
	.shows = CTL_M_key_create,
	.begin = begin_new,
	.saved = show_value,
};

static const struct form_spec edit_spec = {
	.title = N_("The key"),
	.method = CTL_M_key_set,
	.subject = "key",
	.rows = edit_rows,
	.shows = CTL_M_key_show,
	.preset = preset,
	.saved = say_changed,
};

static const struct form_spec rotate_spec = {
	.title = N_("A new value for the key"),
	.method = CTL_M_key_rotate,
	.subject = "key",
	.rows = rotate_rows,
	.shows = CTL_M_key_show,
	.saved = show_value,
};

static const struct form_spec extend_spec = {
	.title = N_("More time for the key"),
	.method = CTL_M_key_extend,
	.subject = "key",
	.rows = extend_rows,
	.shows = CTL_M_key_show,
	.saved = say_changed,
};

static const struct form_spec template_new_spec = {
	.title = N_("A new template"),
	.method = CTL_M_template_add,
	.rows = template_rows,
	.shows = CTL_M_template_add,
	.begin = begin_new,
	.saved = say_made,
};

static const struct form_spec template_edit_spec = {
	.title = N_("The template"),
	.method = CTL_M_template_set,
	.subject = "template",
	.rows = edit_rows,
	.shows = CTL_M_template_show,
	.preset = preset,
	.saved = say_changed,
};

/* --- screens --------------------------------------------------------------- */

#define FORM_SCREEN(name_, spec_, title_)                                      \
	static void open_##name_(struct view *v)                               \
	{                                                                      \
		form_view_open(v, &(spec_));                                   \
	}                                                                      \
	const struct screen screen_##name_ = {                                 \
		.name = #name_,                                                \
		.title = (title_),                                             \
		.role = CTL_ADMIN,                                             \
		.keys = form_view_keys,                                        \
		.state_size = sizeof(struct form_view),                        \
		.open = open_##name_,                                          \
		.ask = form_view_ask,                                          \
		.press = form_view_press,                                      \
		.draw = form_view_draw,                                        \
		.close = form_view_close,                                      \
	}

FORM_SCREEN(key_new, new_spec, N_("New key"));
FORM_SCREEN(key_edit, edit_spec, N_("Change a key"));
FORM_SCREEN(key_rotate, rotate_spec, N_("New value"));
FORM_SCREEN(key_extend, extend_spec, N_("More time"));
FORM_SCREEN(template_new, template_new_spec, N_("New template"));
FORM_SCREEN(template_edit, template_edit_spec, N_("Change a template"));
