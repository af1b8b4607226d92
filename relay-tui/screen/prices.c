/* SPDX-License-Identifier: MIT */
/* prices.c - what models cost, those first that were used and have no price. */
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

#define ROW_MAX (16 * 1024)

static const struct column columns[] = {
	{ N_("MODEL"), "name", CELL_TEXT, FIT_CUT },
	{ N_("UNPRICED"), "unpriced", CELL_COUNT, FIT_WHOLE },
	{ N_("INPUT"), "input", CELL_DECIMAL, FIT_WHOLE },
	{ N_("CACHE READ"), "cache_read", CELL_DECIMAL, FIT_DROP },
	{ N_("WRITE 5M"), "cache_write_5m", CELL_DECIMAL, FIT_DROP + 1 },
	{ N_("WRITE 1H"), "cache_write_1h", CELL_DECIMAL, FIT_DROP + 1 },
	{ N_("OUTPUT"), "output", CELL_DECIMAL, FIT_WHOLE },
	{ N_("LONG ABOVE"), "above", CELL_NUMBER, FIT_DROP + 1 },
	{ N_("FROM"), "origin", CELL_STATE, FIT_WHOLE },
	{ .title = NULL },
};

struct state {
	struct list list;
	bool asking;
	size_t unpriced;
};

static void
open_prices(struct view *v)
{
	struct state *s = v->state;

	list_init(&s->list, columns, "name",
	    N_("There are no prices. o states one; `relayctl price update` "
	       "takes over a file of them."));
	v->list = &s->list;
}

static void
close_prices(struct view *v)
{
	struct state *s = v->state;

	list_fini(&s->list);
}

/* --- asking ---------------------------------------------------------------- */

static void ask_page(struct view *v, struct str cursor);

static void
take_page(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f)) {
		s->asking = false;
		return;
	}
	list_add_all(&s->list, view_output(v), f->data);
	if (f->next.len) {
		ask_page(v, f->next);
		return;
	}
	s->asking = false;
	list_end(&s->list);
}

static void
ask_page(struct view *v, struct str cursor)
{
	struct json_out *j = view_begin(v, CTL_M_price_list);

	json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_page, NULL);
}

/* A model that has a price by now stands among the others; its requests of
 * before wait for `usage recompute`. */
static void
add_unpriced(struct view *v, const struct json *checked)
{
	struct state *s = v->state;
	struct str model, price = STR("");
	struct json *row = NULL;
	struct json_out j;
	struct buf text;
	int64_t n = 0;

	if (json_want_str(checked, "model", &model, NULL) ||
	    json_may_str(checked, "price", &price, NULL) || price.len ||
	    json_as_i64(json_at(checked, "unpriced"), &n))
		return;
	buf_init(&text, ROW_MAX);
	json_begin(&j, &text);
	json_open(&j, '{');
	json_say(&j, "name", model);
	json_say_i64(&j, "unpriced", n);
	json_say(&j, "origin", str_of(_("no price")));
	json_close(&j, '}');
	if (json_end(&j) == OK &&
	    json_parse(buf_str(&text), ROW_MAX, &row, NULL) == OK) {
		list_add(&s->list, view_output(v), row);
		s->unpriced++;
	}
	json_free(row);
	buf_fini(&text);
}

static void
take_check(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	const struct json *rows = json_at(f->data, "unpriced");

	(void)user;
	if (view_failed(v, f)) {
		s->asking = false;
		return;
	}
	list_begin(&s->list);
	s->unpriced = 0;
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		add_unpriced(v, r);
	ask_page(v, STR(""));
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	if (s->asking)
		return;
	s->asking = true;
	view_ask(v, CTL_M_price_check, take_check);
}

/* --- keys ------------------------------------------------------------------ */

static bool
has_price(const struct view *v)
{
	return list_cell(v->list, "input").len ||
	    list_cell(v->list, "output").len ||
	    !list_cell(v->list, "unpriced").len;
}

static void
override(struct view *v)
{
	view_open(v, "price_override", list_chosen(v->list));
}

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len && has_price(v))
		view_open(v, "price", list_chosen(v->list));
	else if (list_chosen(v->list).len)
		override(v);
}

static void
show_rates(struct view *v)
{
	view_open(v, "rates", STR(""));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"),
	    N_("show every price of it, or state one"), open_one },
	{ "o", CTL_ADMIN, N_("override"),
	    N_("state prices of it, over those of the tables"), override },
	{ "R", CTL_VIEW, N_("rates"), N_("show the factors of services"),
	    show_rates },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;
	struct area list = draw_part(a, 1, 0, a->rows - 1, a->columns);

	if (s->unpriced)
		draw_textf(a, 0, 0, PAINT_WARN,
		    _("Used in the last 30 days and without a price, so "
		      "counted as nothing: %zu models"),
		    s->unpriced);
	else if (s->list.loaded)
		draw_text(a, 0, 0, PAINT_DIM,
		    str_of(_("Dollars per million tokens; every model that was "
			     "used lately has a price.")));
	list_draw(&s->list, &list);
	buf_clear(&v->status);
	list_status(&s->list, &v->status);
}

const struct screen screen_prices = {
	.name = "prices",
	.title = N_("Prices"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_prices,
	.ask = ask,
	.every_ms = 10000,
	.draw = draw,
	.close = close_prices,
};
