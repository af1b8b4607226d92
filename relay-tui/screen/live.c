/* SPDX-License-Identifier: MIT */
/* live.c - requests as they move through their phases, and below them those
 * that have ended.
 *
 * The daemon tells what happens (event.follow).  It is asked only at first, when
 * events were lost, and once a second for tokens so far while there are requests
 * under way. */
#include <stdlib.h>

#include "proto/map.h"
#include "proto/mem.h"

#include "relay-tui/noun.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define ENDED_MOST 200
#define TOKENS_MS  1000
#define HISTORY	   50
#define BEHIND_MS  100 /* events are shown together, so often */

struct flight {
	TAILQ_ENTRY(flight) link;
	char *id;
	struct list_row row;
	unsigned seen; /* the listing that named it last */
	bool has_ended;
};

TAILQ_HEAD(flights, flight);

struct state {
	struct list list;
	struct flights now, ended; /* the newest first */
	size_t now_count, ended_count;
	size_t now_shown, ended_shown; /* rows of the list */
	struct map by_id;
	unsigned listing;
	bool changed, asking, has_history;
	int64_t asked_ms; /* when all of them were listed last */
	int64_t lost;	  /* events that never came */
};

static void
open_live(struct view *v)
{
	/* Ids are the daemon's own: nobody chooses them to collide. */
	static const uint8_t seed[MAP_SEED] = { 0 };
	struct state *s = v->state;

	list_init(&s->list, live_columns, "id",
	    N_("Nothing is under way. `relayctl env CLIENT` tells how a client "
	       "is pointed here; its requests show up at once."));
	v->list = &s->list;
	map_init(&s->by_id, seed);
	TAILQ_INIT(&s->now);
	TAILQ_INIT(&s->ended);
}

/* --- requests -------------------------------------------------------------- */

static void
flight_free(struct state *s, struct flight *f)
{
	if (f->has_ended) {
		TAILQ_REMOVE(&s->ended, f, link);
		s->ended_count--;
	} else {
		TAILQ_REMOVE(&s->now, f, link);
		s->now_count--;
	}
	map_del(&s->by_id, str_of(f->id));
	list_row_fini(&f->row);
	free(f->id);
	free(f);
}

static void
close_live(struct view *v)
{
	struct state *s = v->state;
	struct flight *f;

	while ((f = TAILQ_FIRST(&s->now)) || (f = TAILQ_FIRST(&s->ended)))
		flight_free(s, f);
	map_fini(&s->by_id);
	list_fini(&s->list);
}

static struct flight *
flight_new(struct state *s, struct str id)
{
	struct flight *f = xcalloc(1, sizeof(*f));

	f->id = xmemdup(id.at, id.len);
	map_set(&s->by_id, id, f);
	TAILQ_INSERT_HEAD(&s->now, f, link);
	s->now_count++;
	return f;
}

static void
set_row(struct view *v, struct flight *f, const struct column *columns,
    const struct json *row)
{
	struct state *s = v->state;

	list_row_fini(&f->row);
	f->row = list_row_make(&s->list, view_output(v), columns, row);
	s->changed = true;
}

static void
set_phase(struct view *v, const struct json *row)
{
	struct state *s = v->state;
	struct flight *f;
	struct str id;

	if (json_as_str(json_at(row, "id"), &id) || !id.len)
		return;
	f = map_get(&s->by_id, id);
	if (!f)
		f = flight_new(s, id);
	/* A listing may be older than the end that came meanwhile. */
	if (f->has_ended)
		return;
	f->seen = s->listing;
	set_row(v, f, live_columns, row);
}

static void
set_end(struct view *v, const struct json *row)
{
	struct state *s = v->state;
	struct flight *f;
	struct str id;

	if (json_as_str(json_at(row, "id"), &id) || !id.len)
		return;
	f = map_get(&s->by_id, id);
	if (!f)
		f = flight_new(s, id);
	if (f->has_ended)
		return;
	TAILQ_REMOVE(&s->now, f, link);
	s->now_count--;
	f->has_ended = true;
	TAILQ_INSERT_HEAD(&s->ended, f, link);
	/* Without a receipt it is told as it was when it was settled. */
	set_row(v, f, json_at(row, "outcome") ? ended_columns : live_columns,
	    row);
	if (s->ended_count++ >= ENDED_MOST)
		flight_free(s, TAILQ_LAST(&s->ended, flights));
}

static void
take_event(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	const struct json *request = json_at(f->data, "request");
	struct str what = STR("");

	(void)user;
	if (f->lost) {
		s->lost += f->lost;
		s->asked_ms = 0;
	}
	if (json_may_str(f->data, "event", &what, NULL))
		return;
	if (str_eq(what, STR("end")))
		set_end(v, request);
	else
		set_phase(v, request);
}

/* --- what it asks ---------------------------------------------------------- */

static void
show(struct state *s)
{
	struct str chosen = list_chosen(&s->list);
	const struct flight *f = chosen.len ? map_get(&s->by_id, chosen) : NULL;
	/* Who has not moved sees the newest, but what is under way is not
	 * taken from under the fingers. */
	bool follows = s->list.at == 0 && (!f || f->has_ended);

	s->changed = false;
	list_begin(&s->list);
	TAILQ_FOREACH (f, &s->now, link)
		list_add_row(&s->list, &f->row);
	TAILQ_FOREACH (f, &s->ended, link)
		list_add_row(&s->list, &f->row);
	list_end(&s->list);
	if (follows && s->list.sort < 0 && s->list.shown_count)
		list_choose(&s->list,
		    str_of(s->list.rows[s->list.shown[0]].texts));
	s->now_shown = s->now_count;
	s->ended_shown = s->ended_count;
}

/* Those that all pages of a listing did not name are gone. */
static void
drop_unseen(struct state *s)
{
	struct flight *f, *next;

	for (f = TAILQ_FIRST(&s->now); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->seen != s->listing)
			flight_free(s, f);
	}
	s->changed = true;
}

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
	for (const struct json *r = json_first(f->data); r; r = json_next(r))
		set_phase(v, r);
	if (f->next.len) {
		ask_page(v, f->next);
		return;
	}
	s->asking = false;
	drop_unseen(s);
	show(s);
}

static void
ask_page(struct view *v, struct str cursor)
{
	struct json_out *j = view_begin(v, CTL_M_session_list);

	json_say_i64(j, "limit", CTL_ROWS_MAX);
	if (cursor.len)
		json_say(j, "cursor", cursor);
	view_send(v, take_page, NULL);
}

/* Oldest first, so that the newest ends up on top. */
static void
take_history(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	const struct json *rows[HISTORY];
	size_t count = 0;

	(void)user;
	if (view_failed(v, f))
		return;
	for (const struct json *r = json_first(f->data); r && count < HISTORY;
	     r = json_next(r))
		rows[count++] = r;
	while (count > 0)
		set_end(v, rows[--count]);
	show(v->state);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;
	int64_t now_ms = view_now_ms(v);

	view_follow(v, "requests", take_event);
	if (!s->has_history) {
		s->has_history = true;
		json_say_i64(view_begin(v, CTL_M_receipt_list), "limit",
		    HISTORY);
		view_send(v, take_history, NULL);
	}
	if (!s->asking &&
	    (!s->asked_ms || !view_follows(v) ||
		(s->now_count && now_ms - s->asked_ms >= TOKENS_MS))) {
		s->asking = true;
		s->asked_ms = now_ms;
		s->listing++;
		ask_page(v, STR(""));
	}
	if (s->changed) {
		show(s);
		view_changed(v);
	}
	/* Ages grow by themselves. */
	if (s->now_count)
		view_changed(v);
}

/* --- keys ------------------------------------------------------------------ */

static const struct flight *
chosen(const struct view *v)
{
	const struct state *s = v->state;
	struct str id = list_chosen(v->list);

	return id.len ? map_get(&s->by_id, id) : NULL;
}

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "request", list_chosen(v->list));
}

static void
end_it(struct view *v)
{
	const struct flight *f = chosen(v);

	if (f && f->has_ended)
		view_say(v, PAINT_DIM, "%s", _("it has ended already"));
	else if (f)
		view_confirm(v, N_("End the request:"), CTL_M_session_kill,
		    "request", str_of(f->id), N_("ended"));
}

static void
drain(struct view *v)
{
	struct str account = list_cell(v->list, "account");

	if (account.len)
		view_confirm(v, N_("Let no new request go to the account:"),
		    CTL_M_account_drain, "name", account,
		    N_("it is held; what is under way there may end"));
}

static void
forget_ended(struct view *v)
{
	struct state *s = v->state;
	struct flight *f;

	while ((f = TAILQ_FIRST(&s->ended)))
		flight_free(s, f);
	show(s);
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("open"),
	    N_("tell its whole story, and why it went so"), open_one },
	{ "K Delete", CTL_OPS, N_("kill"), N_("end it now"), end_it },
	{ "d", CTL_OPS, N_("drain"),
	    N_("hold its account; what is under way there may end"), drain },
	{ "c", CTL_SELF, N_("clear"), N_("show no longer what has ended"),
	    forget_ended },
	{ .presses = NULL },
};

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;

	s->list.now_ms = view_output(v)->now_ms;
	list_draw(&s->list, a);
	view_status(v, _("%zu under way, %zu ended"), s->now_shown,
	    s->ended_shown);
	if (s->lost)
		buf_mustf(&v->status, _(", %lld events not seen"),
		    (long long)s->lost);
	if (buf_len(&s->list.filter) || s->list.sort >= 0) {
		buf_must(&v->status, STR("  "));
		list_status(&s->list, &v->status);
	}
}

const struct screen screen_live = {
	.name = "live",
	.title = N_("Live"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_live,
	.ask = ask,
	.every_ms = BEHIND_MS,
	.draw = draw,
	.close = close_live,
};
