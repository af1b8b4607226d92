/* SPDX-License-Identifier: MIT */
/* overview.c - what is happening now, and what it costs.
 *
 * What happens is told by the daemon (event.follow) and counted here; sums and
 * states are asked for when something happened, and every now and then. */
#include "relay-tui/overview.h"

#include <stdio.h>
#include <string.h>

#include "relay-tui/noun.h"
#include "relay-tui/words.h"

#define STATUS_MS 1000
#define SLOW_MS	  3000
#define SUMS_MS	  10000
#define AFTER_MS  250 /* something happened */
#define ACCOUNTS  200
#define HISTORY	  200
#define TOP_KEYS  10
#define MINUTE_MS 60000

static const struct column top_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("NOW"), "in_flight", CELL_COUNT, FIT_WHOLE },
	{ N_("UNTIL"), "until_at", CELL_AGO, FIT_DROP },
	{ N_("USED"), "used_at", CELL_AGO, FIT_DROP + 1 },
	{ N_("LAST ERROR"), "last_error", CELL_TEXT, FIT_DROP + 2 },
	{ .title = NULL },
};

static void
open_overview(struct view *v)
{
	struct overview *s = v->state;

	list_init(&s->list, top_columns, "name",
	    N_("There are no accounts yet. Press a to add one."));
	v->list = &s->list;
}

static void
drop(struct overview_answer *a)
{
	if (a->is)
		ctl_frame_fini(&a->frame);
	a->is = false;
}

static void
keep(struct view *v, struct overview_answer *a)
{
	drop(a);
	a->frame = view_keep(v);
	a->is = true;
}

static void
close_overview(struct view *v)
{
	struct overview *s = v->state;

	drop(&s->windows);
	drop(&s->top);
	recent_fini(&s->recent);
	list_fini(&s->list);
}

/* --- answers --------------------------------------------------------------- */

static int64_t
number(const struct json *o, const char *key)
{
	int64_t n = 0;

	return json_as_i64(json_at(o, key), &n) ? 0 : n;
}

static void
take_status(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;
	const struct json *counters, *accounts, *store;
	struct str trouble = STR("");

	(void)user;
	if (view_failed(v, f))
		return;
	counters = json_at(f->data, "counters");
	accounts = json_at(f->data, "accounts");
	store = json_at(f->data, "store");
	s->in_flight = number(counters, "requests_now");
	s->queue = number(counters, "queue_keys_now") +
	    number(counters, "queue_accounts_now");
	s->requests = number(counters, "requests_total");
	s->failed = number(counters, "failed_total");
	s->refused = number(counters, "refused_total");
	s->accounts = number(accounts, "total");
	s->ready = number(accounts, "ready");
	s->keys = number(json_at(f->data, "keys"), "total");
	s->has_status = true;
	if (json_may_str(store, "trouble", &trouble, NULL))
		trouble = STR("");
	snprintf(s->store_trouble, sizeof(s->store_trouble), "%.*s",
	    STR_ARG(str_first(trouble, sizeof(s->store_trouble) - 1)));
}

static void
take_cost(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;
	int i = 0;

	(void)user;
	if (view_failed(v, f))
		return;
	for (const struct json *r = json_first(f->data); r && i < 3;
	     r = json_next(r))
		s->cost_micro[i++] = number(r, "cost_micro");
}

static bool
is_ready(const struct json *account)
{
	struct str state = STR("");

	return json_may_str(account, "state", &state, NULL) == OK &&
	    str_eq(state, STR("ready"));
}

/* Those with trouble stand first. */
static void
take_accounts(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	list_begin(&s->list);
	for (int ready = 0; ready < 2; ready++)
		for (const struct json *r = json_first(f->data); r;
		     r = json_next(r))
			if (is_ready(r) == (ready == 1))
				list_add(&s->list, view_output(v), r);
	list_end(&s->list);
}

static void
take_windows(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;

	(void)user;
	if (!view_failed(v, f))
		keep(v, &s->windows);
}

static void
take_top(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;

	(void)user;
	if (!view_failed(v, f))
		keep(v, &s->top);
}

static void
take_minutes(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;
	struct usage_rows rows = { .count = 0 };
	int64_t now = view_output(v)->now_ms / MINUTE_MS;

	(void)user;
	if (view_failed(v, f) || usage_rows_add(&rows, f->data, NULL)) {
		usage_rows_fini(&rows);
		return;
	}
	memset(s->minutes, 0, sizeof(s->minutes));
	for (size_t i = 0; i < rows.count; i++) {
		const struct usage_point *p = &rows.points[i];
		int64_t ago = now - p->at_ms / MINUTE_MS;

		for (int of = 0; of < OFS && ago >= 0 && ago < 60; of++)
			s->minutes[of][59 - ago] += p->values[of];
	}
	usage_rows_fini(&rows);
}

/* --- what happens ---------------------------------------------------------- */

static void
write_trouble(struct overview *s, const struct json *r)
{
	static const char *const members[] = { "outcome", "fault", "account",
		"model", "key" };
	struct overview_trouble *t =
	    &s->troubles[s->trouble_count++ % OVERVIEW_TROUBLES];
	struct buf text;

	t->at_ms = number(r, "at");
	buf_init(&text, 64 * 1024);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct str word = STR("");

		if (json_may_str(r, members[i], &word, NULL) || !word.len)
			continue;
		if (buf_len(&text))
			buf_must(&text, STR("  "));
		buf_must(&text, str_first(word, 100));
	}
	snprintf(t->text, sizeof(t->text), "%.*s", STR_ARG(buf_str(&text)));
	buf_fini(&text);
}

static void
count_end(struct overview *s, const struct json *r)
{
	struct str outcome = STR("");

	recent_add(&s->recent, number(r, "at") + number(r, "total_us") / 1000,
	    number(r, "input") + number(r, "output") + number(r, "cache_read") +
		number(r, "cache_write_5m") + number(r, "cache_write_1h"),
	    number(r, "first_us"));
	if (json_may_str(r, "outcome", &outcome, NULL) == OK && outcome.len &&
	    !str_eq(outcome, STR("ok")))
		write_trouble(s, r);
}

/* Oldest first. */
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
		count_end(v->state, rows[--count]);
}

static void
take_event(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct overview *s = v->state;
	struct str topic = STR(""), what = STR("");

	(void)user;
	if (json_may_str(f->data, "topic", &topic, NULL) ||
	    json_may_str(f->data, "event", &what, NULL))
		return;
	s->happened = true;
	if (str_eq(topic, STR("accounts")))
		s->slow_at_ms = 0;
	if (str_eq(what, STR("end")))
		count_end(s, json_at(f->data, "request"));
}

static bool
is_due(int64_t *at_ms, int64_t now_ms, int64_t every_ms)
{
	if (now_ms < *at_ms)
		return false;
	*at_ms = now_ms + every_ms;
	return true;
}

static void
ask_usage(struct view *v, const char *by, const char *per, const char *since,
    int64_t top, calls_answer *done)
{
	struct json_out *j = view_begin(v, CTL_M_usage_show);

	json_say(j, "by", str_of(by));
	json_say(j, "per", str_of(per));
	json_say(j, "since", str_of(since));
	if (top)
		json_say_i64(j, "top", top);
	view_send(v, done, NULL);
}

static void
ask_slowly(struct view *v)
{
	view_ask(v, CTL_M_cost, take_cost);
	json_say_i64(view_begin(v, CTL_M_account_list), "limit", ACCOUNTS);
	view_send(v, take_accounts, NULL);
	view_ask(v, CTL_M_account_windows, take_windows);
}

static void
ask(struct view *v)
{
	struct overview *s = v->state;
	int64_t now_ms = view_now_ms(v);

	view_follow(v, "requests,accounts", take_event);
	if (!s->has_history) {
		s->has_history = true;
		json_say_i64(view_begin(v, CTL_M_receipt_list), "limit",
		    HISTORY);
		view_send(v, take_history, NULL);
	}
	if (s->happened || now_ms >= s->status_at_ms) {
		s->status_at_ms = now_ms + STATUS_MS;
		view_ask(v, CTL_M_status, take_status);
		if (s->happened && s->slow_at_ms > now_ms + STATUS_MS)
			s->slow_at_ms = now_ms + STATUS_MS;
		s->happened = false;
	}
	if (is_due(&s->slow_at_ms, now_ms, SLOW_MS))
		ask_slowly(v);
	if (is_due(&s->sums_at_ms, now_ms, SUMS_MS)) {
		ask_usage(v, "all", "minute", "1h", 0, take_minutes);
		ask_usage(v, "key", "total", "today", TOP_KEYS, take_top);
	}
	view_changed(v);
}

/* --- keys ------------------------------------------------------------------ */

static void
open_one(struct view *v)
{
	if (list_chosen(v->list).len)
		view_open(v, "account", list_chosen(v->list));
}

static void
add(struct view *v)
{
	view_open(v, "kinds", STR(""));
}

static void
add_key(struct view *v)
{
	view_open(v, "key_new", STR(""));
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_VIEW, N_("open"), N_("show the account"),
	    open_one },
	{ "a", CTL_ADMIN, N_("add"), N_("add an account"), add },
	{ "n", CTL_ADMIN, N_("new key"), N_("make a key for a client"),
	    add_key },
	{ .presses = NULL },
};

const struct screen screen_overview = {
	.name = "overview",
	.title = N_("Overview"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct overview),
	.open = open_overview,
	.ask = ask,
	.every_ms = AFTER_MS,
	.draw = overview_draw,
	.close = close_overview,
};
