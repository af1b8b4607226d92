/* SPDX-License-Identifier: MIT */
/* log.c - what happens to requests and accounts, as it happens: the newest
 * below, some thousands of lines. */
#include <stdio.h>
#include <time.h>

#include "relay-tui/app.h"
#include "relay-tui/list_view.h"
#include "relay-tui/words.h"

#define LINES_MAX 2000

/* Which are kept. */
enum kept {
	KEPT_ALL,
	KEPT_ENDS,
	KEPT_ACCOUNTS,
	KEPT_NR,
};

static const char *const kept_names[KEPT_NR] = {
	[KEPT_ALL] = N_("everything"),
	[KEPT_ENDS] = N_("requests that ended"),
	[KEPT_ACCOUNTS] = N_("accounts"),
};

struct state {
	struct list_view rows;
	enum kept kept;
	bool paused;
	int64_t number, lost, left_out;
};

static const struct column columns[] = {
	{ N_("TIME"), "time", CELL_TEXT, FIT_WHOLE },
	{ N_("WHAT"), "what", CELL_TEXT, FIT_WHOLE },
	{ N_("IS"), "is", CELL_STATE, FIT_WHOLE },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("KEY"), "key", CELL_TEXT, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("FIRST"), "first_us", CELL_US, FIT_DROP + 1 },
	{ N_("TOTAL"), "total_us", CELL_US, FIT_DROP },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_DROP + 2 },
	{ N_("COST"), "cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("REQUEST"), "request", CELL_TEXT, FIT_DROP + 3 },
	{ N_("WHY"), "why", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

static void
open_log(struct view *v)
{
	list_view_open(v, CTL_M_event_follow, columns, "number",
	    N_("Nothing has happened since this was opened. Requests and "
	       "accounts that change show up here at once."));
	list_end(v->list);
}

/* --- events ---------------------------------------------------------------- */

static struct str
text_of(const struct json *o, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(o, key, &s, NULL);
	return s;
}

static void
put_member(struct json_out *j, const struct json *o, const char *from,
    const char *to)
{
	const struct json *v = json_at(o, from);

	if (!v)
		return;
	json_put_key(j, to);
	json_put_tree(j, v);
}

static void
put_request(struct json_out *j, const struct json *r, bool ended)
{
	static const char *const same[] = { "key", "account", "model",
		"first_us", "total_us", "output", "cost_micro" };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		put_member(j, r, same[i], same[i]);
	put_member(j, r, "id", "request");
	put_member(j, r, "fault", "why");
	json_say(j, "what", ended ? STR("end") : text_of(r, "phase"));
	json_say(j, "is", text_of(r, "outcome"));
}

static void
put_account(struct json_out *j, const struct json *a, struct str event)
{
	put_member(j, a, "name", "account");
	put_member(j, a, "last_error", "why");
	json_say(j, "what", STR("account"));
	json_say(j, "is",
	    str_eq(event, STR("removed")) ? event : text_of(a, "state"));
}

/* An event as a row of the list. */
static void
write_row(struct view *v, const struct json *event, struct buf *out)
{
	struct state *s = v->state;
	const struct json *request = json_at(event, "request");
	time_t now = (time_t)(view_output(v)->now_ms / 1000);
	struct json_out j;
	char clock[16];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	json_begin(&j, out);
	json_open(&j, '{');
	json_say_i64(&j, "number", ++s->number);
	json_say(&j, "time", str_of(clock));
	if (request)
		put_request(&j, request,
		    str_eq(text_of(event, "event"), STR("end")));
	else
		put_account(&j, json_at(event, "account"),
		    text_of(event, "event"));
	json_close(&j, '}');
	if (json_end(&j))
		buf_clear(out);
}

static bool
is_kept(const struct state *s, const struct json *event)
{
	bool is_request = json_at(event, "request") != NULL;

	return s->kept == KEPT_ALL ||
	    (s->kept == KEPT_ACCOUNTS && !is_request) ||
	    (s->kept == KEPT_ENDS && is_request &&
		str_eq(text_of(event, "event"), STR("end")));
}

static void
take_event(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct json *row = NULL;
	struct buf text;

	(void)user;
	s->lost += f->lost;
	if (!is_kept(s, f->data))
		return;
	/* While it is paused, and while another tab is looked at. */
	if (v->list->coming_count >= LINES_MAX) {
		if (s->paused) {
			s->left_out++;
			return;
		}
		list_append(v->list, LINES_MAX);
	}
	buf_init(&text, CTL_FRAME_MAX);
	write_row(v, f->data, &text);
	if (!json_parse(buf_str(&text), CTL_FRAME_MAX, &row, NULL))
		list_add(v->list, view_output(v), row);
	json_free(row);
	buf_fini(&text);
	if (app_top(v->app) == v && !s->paused)
		view_changed(v);
}

static void
ask(struct view *v)
{
	v->answered = true;
	if (v->app->knows_role)
		view_follow(v,
		    view_role(v) >= CTL_VIEW ? "requests,accounts" : "requests",
		    take_event);
}

/* --- keys ------------------------------------------------------------------ */

static void
open_one(struct view *v)
{
	struct str request = list_cell(v->list, "request");
	struct str account = list_cell(v->list, "account");

	if (request.len)
		view_open(v, "request", request);
	else if (account.len)
		view_open(v, "account", account);
}

static void
pause(struct view *v)
{
	struct state *s = v->state;

	s->paused = !s->paused;
}

static void
choose_kept(struct view *v)
{
	struct state *s = v->state;

	s->kept = (s->kept + 1) % KEPT_NR;
	view_say(v, PAINT_PLAIN, _("from now on: %s"), _(kept_names[s->kept]));
}

static void
clear(struct view *v)
{
	struct state *s = v->state;

	list_begin(v->list);
	list_end(v->list);
	s->lost = s->left_out = 0;
}

static const struct key keys[] = {
	{ "Enter l Right", CTL_SELF, N_("open"),
	    N_("tell the request's story, or show the account"), open_one },
	{ "p Space", CTL_SELF, N_("pause"),
	    N_("hold what comes back, to read; and go on"), pause },
	{ "t", CTL_SELF, N_("what"),
	    N_("keep everything, only ends of requests, or only accounts"),
	    choose_kept },
	{ "x", CTL_SELF, N_("clear"), N_("forget what is shown"), clear },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static void
write_status(struct view *v)
{
	const struct state *s = v->state;

	buf_clear(&v->status);
	list_status(v->list, &v->status);
	buf_mustf(&v->status, "%s%s", buf_len(&v->status) ? ", " : "",
	    _(kept_names[s->kept]));
	if (s->paused)
		buf_mustf(&v->status, _(", paused: %zu more"),
		    v->list->coming_count);
	if (s->lost + s->left_out)
		buf_mustf(&v->status, _(", %lld lost"),
		    (long long)s->lost + (long long)s->left_out);
}

static void
draw(struct view *v, const struct area *a)
{
	struct state *s = v->state;

	if (!s->paused)
		list_append(v->list, LINES_MAX);
	list_draw(v->list, a);
	write_status(v);
}

const struct screen screen_log = {
	.name = "log",
	.title = N_("Log"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_log,
	.ask = ask,
	.draw = draw,
	.close = list_view_close,
};
