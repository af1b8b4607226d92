/* SPDX-License-Identifier: MIT */
/* key.c - one key: all that is known of it, what is left of its limits, what it
 * used, and its last requests. */
#include <time.h>

#include "relay-tui/draw_rows.h"
#include "relay-tui/limits.h"
#include "relay-tui/noun.h"
#include "relay-tui/usage_rows.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define SLOW_MS	   3000
#define REQUESTS   20
#define DAYS	   "31d"
#define DAYS_MOST  40
#define WIDE	   130 /* columns from which on it stands in two halves */
#define LEFT_WIDTH 62

static const struct column request_columns[] = {
	{ N_("AT"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("OUTCOME"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_NUMBER, FIT_DROP },
	{ N_("TOTAL"), "total_us", CELL_US, FIT_DROP },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP + 1 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_DROP + 1 },
	{ N_("COST"), "cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_DROP + 2 },
	{ .title = NULL },
};

/* Answers that are kept. */
enum part {
	KEY,
	LIMITS,
	RECEIPTS,
	PARTS,
};

struct state {
	struct ctl_frame parts[PARTS];
	bool has[PARTS];
	struct sum {
		int64_t cost_micro, requests, unpriced;
	} days[DAYS_MOST], month; /* the last of the days is today */
	size_t days_count;
	int64_t slow_at_ms;
	bool removed;
	bool knows_reveal, reveals; /* are copies of values kept? */
};

static void
open_key(struct view *v)
{
	v->reads_text = true;
}

static void
close_key(struct view *v)
{
	struct state *s = v->state;

	for (int i = 0; i < PARTS; i++)
		if (s->has[i])
			ctl_frame_fini(&s->parts[i]);
}

/* --- asking ---------------------------------------------------------------- */

static void
keep(struct view *v, enum part part, const struct ctl_frame *f)
{
	struct state *s = v->state;

	if (view_failed(v, f))
		return;
	if (s->has[part])
		ctl_frame_fini(&s->parts[part]);
	s->parts[part] = view_keep(v);
	s->has[part] = true;
}

static void
take_key(void *owner, void *user, const struct ctl_frame *f)
{
	(void)user;
	keep(owner, KEY, f);
}

static void
take_limits(void *owner, void *user, const struct ctl_frame *f)
{
	(void)user;
	keep(owner, LIMITS, f);
}

static void
take_receipts(void *owner, void *user, const struct ctl_frame *f)
{
	(void)user;
	keep(owner, RECEIPTS, f);
}

static void
add_to(struct sum *sum, const struct usage_point *p)
{
	sum->cost_micro += p->values[OF_COST];
	sum->requests += p->values[OF_REQUESTS];
	sum->unpriced += p->unpriced;
}

/* Sums of the days, and of the days of this month. */
static void
count_days(struct view *v, const struct usage_rows *r)
{
	time_t now = (time_t)(view_output(v)->now_ms / 1000);
	struct state *s = v->state;
	struct calendar days;
	struct tm today, tm;

	if (calendar_fill(PER_DAY, r->since_ms, r->until_ms, &days))
		return;
	localtime_r(&now, &today);
	s->days_count = days.count < DAYS_MOST ? days.count : DAYS_MOST;
	memset(s->days, 0, sizeof(s->days));
	s->month = (struct sum){ .requests = 0 };
	for (size_t i = 0; i < r->count; i++) {
		ptrdiff_t at = calendar_find(&days, r->points[i].at_ms);
		time_t t = (time_t)(r->points[i].at_ms / 1000);

		localtime_r(&t, &tm);
		if (at >= 0 && (size_t)at < s->days_count)
			add_to(&s->days[at], &r->points[i]);
		if (tm.tm_mon == today.tm_mon)
			add_to(&s->month, &r->points[i]);
	}
	calendar_fini(&days);
}

static void
take_usage(void *owner, void *user, const struct ctl_frame *f)
{
	struct usage_rows rows = { .count = 0 };
	struct view *v = owner;

	(void)user;
	if (view_failed(v, f))
		return;
	if (usage_rows_add(&rows, f->data, NULL) == OK)
		count_days(v, &rows);
	usage_rows_fini(&rows);
}

static void
take_settings(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;
	struct str name, value;

	(void)user;
	if (view_failed(v, f))
		return;
	for (const struct json *r = json_first(f->data); r; r = json_next(r))
		if (json_as_str(json_at(r, "name"), &name) == OK &&
		    str_eq(name, STR("reveal")) &&
		    json_as_str(json_at(r, "value"), &value) == OK) {
			s->knows_reveal = true;
			s->reveals = !str_eq(value, STR("off"));
		}
}

static void
ask_slowly(struct view *v)
{
	struct str about = str_of(v->about);
	struct json_out *j;

	if (view_role(v) >= CTL_VIEW)
		view_ask(v, CTL_M_setting_list, take_settings);

	view_ask_about(v, CTL_M_budget_list, "key", about, take_limits);
	j = view_begin(v, CTL_M_receipt_list);
	json_say(j, "key", about);
	json_say_i64(j, "limit", REQUESTS);
	view_send(v, take_receipts, NULL);
	j = view_begin(v, CTL_M_usage_show);
	json_say(j, "key", about);
	json_say(j, "by", STR("all"));
	json_say(j, "per", STR("day"));
	json_say(j, "since", STR(DAYS));
	json_say_i64(j, "limit", CTL_ROWS_MAX);
	view_send(v, take_usage, NULL);
}

static void
ask(struct view *v)
{
	struct state *s = v->state;

	/* There is nothing to be told of what is in the trash. */
	if (s->removed)
		return;
	view_ask_about(v, CTL_M_key_show, "key", str_of(v->about), take_key);
	if (view_now_ms(v) < s->slow_at_ms)
		return;
	s->slow_at_ms = view_now_ms(v) + SLOW_MS;
	ask_slowly(v);
}

/* --- keys of the keyboard -------------------------------------------------- */

static const struct json *
shown(const struct view *v, enum part part)
{
	const struct state *s = v->state;

	return s->has[part] ? s->parts[part].data : NULL;
}

static struct str
text_of(const struct view *v, const char *member)
{
	struct str s;

	return json_as_str(json_at(shown(v, KEY), member), &s) == OK ? s
								     : STR("");
}

static void
edit(struct view *v)
{
	view_open(v, "key_edit", str_of(v->about));
}

static void
rotate(struct view *v)
{
	view_open(v, "key_rotate", str_of(v->about));
}

static void
extend(struct view *v)
{
	view_open(v, "key_extend", str_of(v->about));
}

static void
disable(struct view *v)
{
	view_do(v, CTL_M_key_disable, "key", str_of(v->about),
	    N_("disabled: it is refused until it is enabled"));
}

static void
enable(struct view *v)
{
	view_do(v, CTL_M_key_enable, "key", str_of(v->about), N_("enabled"));
}

static void
add_limit(struct view *v)
{
	struct buf scope;

	buf_init(&scope, 8192);
	buf_mustf(&scope, "key:%s", v->about);
	view_open(v, "budget_new", buf_str(&scope));
	buf_fini(&scope);
}

static void
add_like(struct view *v)
{
	view_open(v, "key_new", str_of(v->about));
}

static void
take_removed(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	s->removed = true;
	view_say(v, PAINT_GOOD, "%s", _("in the trash; u brings it back"));
}

static void
drop(struct view *v)
{
	view_ask_about(v, CTL_M_key_rm, "key", str_of(v->about), take_removed);
}

static void
take_restored(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	s->removed = false;
	view_ask_again(v);
	view_say(v, PAINT_GOOD, "%s", _("it is back as it was"));
}

static void
undo(struct view *v)
{
	view_ask_about(v, CTL_M_key_restore, "key", str_of(v->about),
	    take_restored);
}

static void
take_value(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;

	(void)user;
	if (!view_failed(v, f))
		screen_key_value_set(view_open(v, "key_value", STR("")),
		    f->data);
}

static void
reveal_now(struct view *v)
{
	view_ask_about(v, CTL_M_key_reveal, "key", str_of(v->about),
	    take_value);
}

static void
reveal(struct view *v)
{
	view_ask_before(v,
	    N_("The value is shown on this screen, and that is written into "
	       "the audit log. Show it?"),
	    reveal_now);
}

static const char *
refuses(const struct view *v, const struct key *k)
{
	const struct state *s = v->state;
	bool disabled = str_eq(text_of(v, "state"), STR("disabled"));

	if (k->does == undo)
		return s->removed ? NULL : N_("it is not in the trash");
	if (s->removed)
		return N_("it is in the trash; u brings it back");
	if (k->does == reveal && s->knows_reveal && !s->reveals)
		return N_("the setting reveal is off: no copies of values are "
			  "kept");
	if (k->does == enable && !disabled)
		return N_("it is not disabled");
	if (k->does == disable && disabled)
		return N_("it is disabled already");
	return NULL;
}

static const struct key keys[] = {
	{ "e", CTL_ADMIN, N_("edit"), N_("change it"), edit },
	{ "R", CTL_ADMIN, N_("rotate"), N_("give it a new value"), rotate },
	{ "d", CTL_ADMIN, N_("disable"), N_("refuse it from now on"), disable },
	{ "E", CTL_ADMIN, N_("enable"), N_("accept it again"), enable },
	{ "x", CTL_ADMIN, N_("extend"), N_("let it live for longer"), extend },
	{ "b", CTL_ADMIN, N_("limit"), N_("limit what it may use"), add_limit },
	{ "D Delete", CTL_ADMIN, N_("remove"), N_("put it into the trash"),
	    drop },
	{ "u", CTL_ADMIN, N_("undo"), N_("bring it back from the trash"),
	    undo },
	{ "v", CTL_ADMIN, N_("reveal"), N_("show its value again"), reveal },
	{ "y", CTL_ADMIN, "", N_("make another one like it"), add_like },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static int
draw_limits(const struct view *v, const struct area *a, int row)
{
	const struct json *limits = shown(v, LIMITS);

	draw_rule(a, row++, str_of(_("limits")));
	if (json_count(limits))
		return row + limits_draw(a, row, view_output(v), limits) + 1;
	if (limits)
		draw_text(a, row, 0, PAINT_DIM,
		    str_of(_("It has none. Press b to set one.")));
	return row + 2;
}

static int
draw_sum(const struct area *a, int row, int at, const char *title,
    const struct sum *sum)
{
	struct buf money;

	buf_init(&money, 64);
	usage_of_write_rough(OF_COST, sum->cost_micro, sum->unpriced, &money);
	at = draw_text(a, row, at, PAINT_DIM, str_of(title)) + 1;
	at = draw_text(a, row, at, PAINT_HEAD, buf_str(&money)) + 1;
	at = draw_textf(a, row, at, PAINT_PLAIN, _("in %lld requests"),
	    (long long)sum->requests);
	buf_fini(&money);
	return at + 3;
}

static int
draw_usage(const struct view *v, const struct area *a, int row)
{
	static const struct sum nothing;
	const struct state *s = v->state;
	int64_t requests[DAYS_MOST];
	int at;

	draw_rule(a, row++, str_of(_("used")));
	at = draw_sum(a, row, 0, _("today"),
	    s->days_count ? &s->days[s->days_count - 1] : &nothing);
	draw_sum(a, row, at, _("this month"), &s->month);
	for (size_t i = 0; i < s->days_count; i++)
		requests[i] = s->days[i].requests;
	at = draw_textf(a, row + 1, 0, PAINT_DIM, _("requests of %zu days"),
	    s->days_count);
	draw_spark(a, row + 1, at + 1, DAYS_MOST, requests, s->days_count,
	    PAINT_BAR);
	return row + 3;
}

static int
draw_requests(const struct view *v, const struct area *a, int row)
{
	const struct json *rows = shown(v, RECEIPTS);

	draw_rule(a, row++, str_of(_("last requests")));
	if (json_count(rows))
		return row +
		    draw_rows(a, row, view_output(v), request_columns, rows);
	if (rows)
		draw_text(a, row, 0, PAINT_DIM,
		    str_of(_("There were none yet.")));
	return row + 1;
}

static int
draw_record_of(const struct view *v, const struct area *a, int row)
{
	draw_rule(a, row++, text_of(v, "name"));
	return row +
	    draw_record(a, view_output(v), key_details, shown(v, KEY), -row) +
	    1;
}

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	bool wide = a->columns >= WIDE;
	struct area left = *a, right = *a;
	int row = -v->top, lines = 0;

	if (!s->has[KEY])
		return;
	if (wide) {
		left = draw_part(a, 0, 0, a->rows, LEFT_WIDTH);
		right = draw_part(a, 0, LEFT_WIDTH + 2, a->rows,
		    a->columns - LEFT_WIDTH - 2);
		lines = draw_record_of(v, &left, row);
	}
	row = draw_limits(v, &right, row);
	row = draw_usage(v, &right, row);
	if (!wide)
		row = draw_record_of(v, &right, row);
	row = draw_requests(v, &right, row);
	v->lines = (row > lines ? row : lines) + v->top;
	view_status(v, "%.*s: %.*s%s%s", STR_ARG(text_of(v, "name")),
	    STR_ARG(text_of(v, "state")), s->removed ? ", " : "",
	    s->removed ? _("in the trash") : "");
}

const struct screen screen_key = {
	.name = "key",
	.title = N_("Key"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_key,
	.ask = ask,
	.every_ms = 1000,
	.refuses = refuses,
	.draw = draw,
	.close = close_key,
};
