/* SPDX-License-Identifier: MIT */
/* price.c - every price of a model (about), and stating single ones. */
#include "relay-tui/form_page.h"
#include "relay-tui/noun.h"
#include "relay-tui/printed.h"
#include "relay-tui/words.h"

#define LINES_MAX (256 * 1024)

struct shown {
	struct ctl_frame price; /* an answer that is kept */
	bool has_price;
	struct buf lines; /* as drawn */
};

static void
take_price(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct shown *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	if (s->has_price)
		ctl_frame_fini(&s->price);
	s->price = view_keep(v);
	s->has_price = true;
}

static void
open_price(struct view *v)
{
	struct shown *s = v->state;

	buf_init(&s->lines, LINES_MAX);
	v->reads_text = true;
}

static void
ask_price(struct view *v)
{
	view_ask_about(v, CTL_M_price_show, "model", str_of(v->about),
	    take_price);
}

static void
close_price(struct view *v)
{
	struct shown *s = v->state;

	if (s->has_price)
		ctl_frame_fini(&s->price);
	buf_fini(&s->lines);
}

static void
draw_price(struct view *v, const struct area *a)
{
	struct shown *s = v->state;

	if (!s->has_price)
		return;
	buf_clear(&s->lines);
	printed_add(view_output(v), a->columns, print_price, s->price.data,
	    &s->lines);
	v->lines = printed_draw(a, -v->top, buf_str(&s->lines));
	view_status(v, "%s", v->about);
}

static void
override(struct view *v)
{
	view_open(v, "price_override", str_of(v->about));
}

static const struct key keys[] = {
	{ "o", CTL_ADMIN, N_("override"),
	    N_("state prices of it, over those of the tables"), override },
	{ .presses = NULL },
};

const struct screen screen_price = {
	.name = "price",
	.title = N_("Price"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct shown),
	.open = open_price,
	.ask = ask_price,
	.every_ms = 5000,
	.draw = draw_price,
	.close = close_price,
};

/* --- stating --------------------------------------------------------------- */

struct state {
	struct form_page asked;
	bool has_stated;
};

/* The most wanted words; `:price override MODEL word=PRICE` takes all. */
static const struct {
	const char *word, *help;
} words[] = {
	{ "input", N_("dollars per million tokens of input: 3, 0.25") },
	{ "output", N_("dollars per million tokens of output") },
	{ "cache_read", N_("dollars per million tokens read from the cache") },
	{ "cache_write_5m",
	    N_("dollars per million tokens written for five minutes") },
	{ "cache_write_1h",
	    N_("dollars per million tokens written for an hour") },
	{ "above", N_("inputs of more tokens than this cost the long prices") },
	{ "long_input", N_("the long price of input") },
	{ "long_output", N_("the long price of output") },
	{ "search", N_("dollars for each search of the web") },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static void
save(struct view *v)
{
	struct state *s = v->state;
	struct form prices = s->asked.form;
	struct json_out *j = view_begin(v, CTL_M_price_override);
	bool removes = str_eq(form_value(&s->asked.form, "remove"), STR("yes"));

	json_say(j, "model", form_value(&s->asked.form, "model"));
	if (removes) {
		json_say_bool(j, "rm", true);
	} else {
		/* The first and the last are parameters of their own. */
		prices.fields++;
		prices.count -= 2;
		json_put_key(j, "fields");
		json_open(j, '{');
		form_put_fields(&prices, j);
		json_close(j, '}');
	}
	form_page_send(v,
	    removes ? N_("what was stated is gone")
		    : N_("stated; `:usage recompute` prices what was before"));
}

static void
open_override(struct view *v)
{
	struct form *f = form_page_open(v, N_("State prices of"), save);

	form_add(f, "model", FORM_TEXT, true, NULL,
	    _("the model as clients say it, or a glob of some"));
	form_preset(f, "model", str_of(v->about));
	for (size_t i = 0; i < WORDS; i++)
		form_add(f, words[i].word, FORM_TEXT, false, NULL,
		    _(words[i].help));
	form_add(f, "remove", FORM_FLAG, false, NULL,
	    _("yes takes away all that was stated of it here"));
	/* Begin at what is wanted. */
	f->at = v->about[0] ? 1 : 0;
}

/* What was stated before stands there already. */
static void
take_stated(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct str stated;

	(void)user;
	v->answered = true;
	view_changed(v);
	if (f->kind == CTL_ERROR || s->has_stated)
		return;
	s->has_stated = true;
	for (size_t i = 0; i < WORDS; i++)
		if (json_as_str(json_at(json_at(f->data, "stated"),
				    words[i].word),
			&stated) == OK)
			form_preset(&s->asked.form, words[i].word, stated);
}

static void
ask_stated(struct view *v)
{
	if (v->about[0])
		view_ask_about(v, CTL_M_price_show, "model", str_of(v->about),
		    take_stated);
	else
		v->answered = true;
}

const struct screen screen_price_override = {
	.name = "price_override",
	.title = N_("State a price"),
	.role = CTL_ADMIN,
	.keys = form_page_keys,
	.state_size = sizeof(struct state),
	.open = open_override,
	.ask = ask_stated,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};
