/* SPDX-License-Identifier: MIT */
/* screens.c - all the screens there are, to go to one. */
#include "relay-tui/app.h"
#include "relay-tui/list_view.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static const struct column columns[] = {
	{ N_("SCREEN"), "title", CELL_TEXT, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_TEXT, FIT_WHOLE },
	{ N_("TYPE"), "typed", CELL_TEXT, FIT_WHOLE },
	{ N_("NEEDS"), "role", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

/* A row as the daemon would tell it: lists take nothing else. */
static void
add(struct view *v, unsigned i, const struct screen *s)
{
	struct json *row = NULL;
	struct json_out j;
	struct buf text;
	char key[4] = { (char)('0' + (i + 1) % 10), '\0' };
	char typed[64];
	size_t n = 0;

	typed[n++] = ':';
	for (const char *c = s->name; *c && n + 1 < sizeof(typed); c++)
		typed[n++] = *c;
	typed[n] = '\0';
	buf_init(&text, 4096);
	json_begin(&j, &text);
	json_open(&j, '{');
	json_say(&j, "name", str_of(s->name));
	json_say(&j, "title", str_of(_(s->title)));
	json_say(&j, "key", i < 10 ? str_of(key) : STR(""));
	json_say(&j, "typed", str_of(typed));
	json_say(&j, "role",
	    view_role(v) < s->role ? str_of(ctl_role_name(s->role)) : STR(""));
	json_close(&j, '}');
	if (!json_end(&j) &&
	    !json_parse(buf_str(&text), buf_len(&text), &row, NULL))
		list_add(v->list, view_output(v), row);
	json_free(row);
	buf_fini(&text);
}

static void
open_screens(struct view *v)
{
	const struct screen *s;

	list_view_open(v, CTL_M_whoami, columns, "name", NULL);
	list_begin(v->list);
	for (unsigned i = 0; (s = screen_tab(i)); i++)
		add(v, i, s);
	list_end(v->list);
	list_choose(v->list, str_of(TAILQ_FIRST(&v->app->views)->screen->name));
	v->answered = true;
}

static void
go(struct view *v)
{
	if (list_view_chosen(v).len)
		(void)!app_show(v->app, list_view_chosen(v), NULL);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("go"), N_("show this screen"), go },
	{ "m F2", CTL_SELF, "", N_("back to where it was opened"), view_back },
	{ .presses = NULL },
};

const struct screen screen_screens = {
	.name = "screens",
	.title = N_("All screens"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_screens,
	.draw = list_view_draw,
	.close = list_view_close,
};
