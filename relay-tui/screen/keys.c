/* SPDX-License-Identifier: MIT */
/* keys.c - the keys of clients: whose they are, what is left of their limits. */
#include "relay-tui/limits.h"
#include "relay-tui/list_view.h"
#include "relay-tui/secret.h"
#include "relay-tui/words.h"

#define LIMITS_MS 3000
/* Of so many they are asked less often. */
#define MANY	1000
#define MANY_MS 10000

static const struct column columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("OWNER"), "owner", CELL_OWNER, FIT_CUT },
	{ N_("TAGS"), "tags", CELL_TEXT, FIT_CUT },
#define LEFT 4
	{ N_("LEFT"), "", CELL_LEFT, FIT_WHOLE },
	{ N_("EXPIRES"), "expires_at", CELL_MOMENT, FIT_DROP },
	{ N_("USED"), "used_at", CELL_AGO, FIT_WHOLE },
	{ N_("NOW"), "in_flight", CELL_COUNT, FIT_DROP + 2 },
	{ N_("REQUESTS"), "requests", CELL_COUNT, FIT_DROP + 1 },
	{ N_("VALUE"), "value_end", CELL_END, FIT_DROP + 3 },
	{ N_("BOUND TO"), "bind", CELL_TEXT, FIT_DROP + 4 },
	{ N_("ID"), "id", CELL_TEXT, FIT_DROP + 4 },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_DROP + 5 },
	{ .title = NULL },
};

/* What the list is narrowed to by the daemon; the first is all. */
static const char *const states[] = { "", "active", "unused", "disabled",
	"expired", "owner-disabled" };

#define STATES (sizeof(states) / sizeof(states[0]))

struct state {
	struct list_view rows;
	struct limits limits, coming;
	int64_t limits_at_ms, asked_at_ms;
	bool asking_limits;
	unsigned narrowed; /* states[] */
};

static void
amend(void *user, const struct json *row, int64_t *numbers)
{
	const struct state *s = user;
	struct str id;

	numbers[LEFT] = json_as_str(json_at(row, "id"), &id)
	    ? -1
	    : limits_find(&s->limits, id);
}

static void
put(struct view *v, struct json_out *j)
{
	const struct state *s = v->state;

	if (s->narrowed)
		json_say(j, "state", str_of(states[s->narrowed]));
}

static void
open_keys(struct view *v)
{
	struct state *s = v->state;

	list_view_open(v, CTL_M_key_list, columns, "id",
	    N_("There are no keys yet. Press a to make one: a client needs it "
	       "to be let in."));
	s->rows.put = put;
	s->rows.list.amend = amend;
	s->rows.list.amend_user = s;
}

static void
close_keys(struct view *v)
{
	struct state *s = v->state;

	list_view_close(v);
	limits_fini(&s->limits);
	limits_fini(&s->coming);
}

/* --- asking ---------------------------------------------------------------- */

static void ask_limits(struct view *v, struct str cursor);

static void
take_limits(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f)) {
		s->asking_limits = false;
		return;
	}
	limits_add_all(&s->coming, f->data);
	if (f->next.len) {
		ask_limits(v, f->next);
		return;
	}
	s->asking_limits = false;
	limits_sort(&s->coming);
	limits_fini(&s->limits);
	s->limits = s->coming;
	s->coming = (struct limits){ .count = 0 };
	/* Keys come with what is left of them from now on. */
	s->asked_at_ms = 0;
	view_ask_again(v);
}

static void
ask_limits(struct view *v, struct str cursor)
{
	struct json_out *j = view_begin(v, CTL_M_budget_list);

	json_say(j, "scope", STR("key"));
	json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_limits, NULL);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;
	int64_t now = view_now_ms(v);

	if (s->rows.list.count > MANY && s->asked_at_ms &&
	    now - s->asked_at_ms < MANY_MS)
		return;
	s->asked_at_ms = now;
	list_view_ask(v);
	if (s->asking_limits || now < s->limits_at_ms)
		return;
	s->asking_limits = true;
	s->limits_at_ms =
	    now + (s->rows.list.count > MANY ? MANY_MS : LIMITS_MS);
	limits_fini(&s->coming);
	ask_limits(v, STR(""));
}

static void
ask_now(struct view *v)
{
	struct state *s = v->state;

	s->asked_at_ms = 0;
	view_ask_again(v);
}

/* --- searching ------------------------------------------------------------- */

static void
take_found(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct str id = STR(""), name = STR(""), state = STR("");

	(void)user;
	if (view_failed(v, f) || json_may_str(f->data, "id", &id, NULL) ||
	    json_may_str(f->data, "name", &name, NULL) ||
	    json_may_str(f->data, "state", &state, NULL))
		return;
	list_filter(v->list, STR(""));
	list_choose(v->list, id);
	view_say(v, PAINT_GOOD, _("that is the value of %.*s, which is %.*s"),
	    STR_ARG(str_first(name, 100)), STR_ARG(str_first(state, 40)));
}

/* What is copied often has a line end at an end of it. */
static struct str
first_line(struct str text)
{
	struct str line = STR("");

	while (text.len && !line.len)
		line = str_trim(str_cut(&text, '\n'));
	if (str_ends(line, STR("\r")))
		line.len--;
	return str_trim(line);
}

/* A value is neither shown nor kept: the daemon tells whose it is.  What is no
 * value is searched for as if it was typed. */
static bool
paste(struct view *v, struct str text)
{
	text = first_line(text);
	if (str_starts(text, STR("cr_")) || secret_is_like(text))
		view_ask_about(v, CTL_M_key_find, "value", text, take_found);
	else
		list_filter(v->list, str_first(text, 200));
	return true;
}

/* --- keys of the keyboard -------------------------------------------------- */

static struct str
chosen(const struct view *v)
{
	return list_chosen(v->list);
}

static void
open_one(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key", chosen(v));
}

static void
add(struct view *v)
{
	view_open(v, "key_new", STR(""));
}

static void
add_like(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key_new", chosen(v));
}

static void
edit(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key_edit", chosen(v));
}

static void
rotate(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key_rotate", chosen(v));
}

static void
disable(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_key_disable, "key", chosen(v),
		    N_("disabled: it is refused until it is enabled"));
	ask_now(v);
}

static void
enable(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_key_enable, "key", chosen(v), N_("enabled"));
	ask_now(v);
}

static void
drop(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_key_rm, "key", chosen(v), N_("in the trash"));
	ask_now(v);
}

static void
narrow(struct view *v)
{
	struct state *s = v->state;

	s->narrowed = (s->narrowed + 1) % STATES;
	s->rows.list.empty = s->narrowed
	    ? N_("No key is in that state. Press f for the next.")
	    : N_("There are no keys yet. Press a to make one: a client needs "
		 "it to be let in.");
	ask_now(v);
}

static void
open_templates(struct view *v)
{
	view_open(v, "templates", STR(""));
}

static void
open_trash(struct view *v)
{
	view_open(v, "trash", STR(""));
}

static const char *
refuses(const struct view *v, const struct key *k)
{
	bool disabled = str_eq(list_cell(v->list, "state"), STR("disabled"));

	if (k->does == enable && !disabled)
		return N_("it is not disabled");
	if (k->does == disable && disabled)
		return N_("it is disabled already");
	return NULL;
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("open"), N_("show all of it"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("make one, or many"), add },
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "d", CTL_ADMIN, N_("disable"), N_("refuse it from now on"), disable },
	{ "E", CTL_ADMIN, N_("enable"), N_("accept it again"), enable },
	{ "R", CTL_ADMIN, N_("rotate"), N_("give it a new value"), rotate },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("put it into the trash"),
	    drop },
	{ "f", CTL_SELF, N_("state"), N_("show only those of the next state"),
	    narrow },
	{ "y", CTL_ADMIN, "", N_("make another one like it"), add_like },
	{ "T", CTL_VIEW, N_("templates"), N_("what keys are made like"),
	    open_templates },
	{ "t", CTL_VIEW, N_("trash"), N_("keys that were removed"),
	    open_trash },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;

	list_view_draw(v, a);
	if (s->narrowed)
		buf_mustf(&v->status, "  %s %s", _("only state"),
		    states[s->narrowed]);
}

const struct screen screen_keys = {
	.name = "keys",
	.title = N_("Keys"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_keys,
	.ask = ask,
	.every_ms = 1000,
	.paste = paste,
	.refuses = refuses,
	.draw = draw,
	.close = close_keys,
};
