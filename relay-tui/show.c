/* SPDX-License-Identifier: MIT */
/* show.c - answers of the daemon, page by page, for people or as JSON. */
#include "relay-tui/show.h"

#include <pwd.h>
#include <stdlib.h>

#include "proto/mem.h"
#include "proto/version.h"

#include "relay-tui/csv.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

#define JSON_MAX (512 * 1024 * 1024)

static void
print_version(struct output *o, const struct json *data)
{
	struct str version = STR("");

	(void)!json_may_str(data, "version", &version, NULL);
	fprintf(o->to, "relayctl %s\nrelayd   ", relayd_version);
	out_foreign(o, version);
	fputc('\n', o->to);
}

static void
print_whoami(struct output *o, const struct json *data)
{
	const struct passwd *pw;
	int64_t uid = -1;

	if (json_may_i64(data, "uid", 0, UINT32_MAX, &uid, NULL) == OK &&
	    (pw = getpwuid((uid_t)uid)))
		fprintf(o->to, _("you are %s\n"), pw->pw_name);
	record_print(o, whoami_details, data);
}

static void
print_removed(struct output *o, const struct json *data)
{
	(void)data;
	fprintf(o->to, "%s\n", _("Removed."));
}

static void
print_config(struct output *o, const struct json *data)
{
	struct str file = STR("");
	struct table t;

	(void)!json_may_str(data, "file", &file, NULL);
	out_foreign(o, file);
	fputc('\n', o->to);
	table_init(&t, option_columns);
	table_add_all(&t, o, json_at(data, "options"));
	table_print(&t, o);
	table_fini(&t);
}

/* How an answer looks: a list of rows (in `rows`, when it is not the data
 * itself; in a table, or one after the other), one object, or something of its
 * own, of which `csv` are the rows for programs.  `empty` says what to do when
 * there are no rows. */
static const struct look {
	const struct column *table, *details, *csv;
	const char *rows, *empty;
	void (*print)(struct output *o, const struct json *data);
	void (*print_row)(struct output *o, const struct json *row);
} looks[CTL_METHODS] = {
	[CTL_M_status] = { .print = print_status },
	[CTL_M_doctor] = { .print_row = print_finding, .csv = finding_columns },
	[CTL_M_metrics] = { .print_row = print_metric },
	[CTL_M_whoami] = { .print = print_whoami },
	[CTL_M_version] = { .print = print_version },
	[CTL_M_routes] = { .table = route_columns },
	[CTL_M_account_kinds] = { .print = print_kinds, .csv = kind_columns },
	[CTL_M_account_add] = { .print = print_account },
	[CTL_M_account_list] = { .table = account_columns,
	    .empty =
		N_("There are none. `relayctl account kinds` lists what there "
		   "can be, `relayctl account add KIND NAME` adds one.") },
	[CTL_M_account_show] = { .print = print_account },
	[CTL_M_account_set] = { .print = print_account },
	[CTL_M_account_key_add] = { .print = print_account },
	[CTL_M_account_key_rm] = { .print = print_account },
	[CTL_M_account_rm] = { .print = print_removed },
	[CTL_M_account_hold] = { .print = print_account },
	[CTL_M_account_drain] = { .print = print_account },
	[CTL_M_drain] = { .details = drain_details },
	[CTL_M_account_release] = { .print = print_account },
	[CTL_M_account_reset] = { .print = print_account },
	[CTL_M_account_test] = { .print = print_account_test },
	[CTL_M_account_import] = { .details = identity_details },
	[CTL_M_account_refresh] = { .details = identity_details },
	[CTL_M_account_models] = { .table = account_model_columns,
	    .empty = N_("It names none, and none are known of its kind: it is "
			"asked for whatever a client wants.") },
	[CTL_M_account_windows] = { .table = window_columns,
	    .empty =
		N_("Nothing is known yet: providers tell with each "
		   "answer. `relayctl account windows NAME --ask` asks.") },
	[CTL_M_oauth_list] = { .table = signin_columns,
	    .empty =
		N_("None are under way. `relayctl account login KIND NAME` "
		   "begins one.") },
	[CTL_M_oauth_client_list] = { .table = oauth_client_columns },
	[CTL_M_oauth_client_set] = { .details = oauth_client_columns },
	[CTL_M_oauth_client_rm] = { .details = oauth_client_columns },
	[CTL_M_key_create] = { .print = print_new_key,
	    .csv = made_columns,
	    .rows = "made" },
	[CTL_M_key_list] = { .table = key_columns,
	    .empty =
		N_("There are none. `relayctl key create NAME` makes one.") },
	[CTL_M_key_show] = { .details = key_details },
	[CTL_M_key_set] = { .print = print_key_set },
	[CTL_M_key_extend] = { .details = key_details },
	[CTL_M_key_activate] = { .details = key_details },
	[CTL_M_template_add] = { .print = print_template },
	[CTL_M_template_list] = { .table = template_columns,
	    .empty = N_("There are none. `relayctl template add NAME` makes "
			"one.") },
	[CTL_M_template_show] = { .print = print_template },
	[CTL_M_template_set] = { .details = key_details },
	[CTL_M_template_rm] = { .print = print_removed },
	[CTL_M_tag_list] = { .table = tag_columns,
	    .empty = N_("No key has a tag. `relayctl key set KEY --tags TAG` "
			"gives it one.") },
	[CTL_M_tag_rename] = { .print = print_key_set },
	[CTL_M_tag_rm] = { .print = print_key_set },
	[CTL_M_key_rm] = { .print = print_trashed },
	[CTL_M_key_trash] = { .table = trash_columns,
	    .empty = N_("The trash is empty.") },
	[CTL_M_key_restore] = { .details = key_details },
	[CTL_M_key_purge] = { .print = print_purged },
	[CTL_M_key_disable] = { .details = key_details },
	[CTL_M_key_enable] = { .details = key_details },
	[CTL_M_key_rotate] = { .print = print_new_key },
	[CTL_M_key_import] = { .print = print_imported,
	    .csv = imported_columns,
	    .rows = "rows" },
	[CTL_M_salt_list] = { .table = salt_columns,
	    .empty = N_("There are none: no key of another relay is here.") },
	[CTL_M_salt_rm] = { .print = print_removed },
	[CTL_M_key_reveal] = { .print = print_new_key },
	[CTL_M_key_find] = { .details = key_details },
	[CTL_M_my_overview] = { .print = print_my },
	[CTL_M_my_keys] = { .table = my_key_columns,
	    .empty = N_("You have none. `relayctl my` tells whether you can "
			"make one.") },
	[CTL_M_my_usage] = { .table = usage_columns,
	    .rows = "rows",
	    .empty =
		N_("Your keys were not used then. `relayctl my usage --since "
		   "30d` looks further back.") },
	[CTL_M_my_key_create] = { .print = print_new_key },
	[CTL_M_my_key_show] = { .details = key_details },
	[CTL_M_my_key_rm] = { .print = print_removed },
	[CTL_M_my_key_rotate] = { .print = print_new_key },
	[CTL_M_my_key_disable] = { .details = key_details },
	[CTL_M_my_key_enable] = { .details = key_details },
	[CTL_M_user_list] = { .table = user_columns,
	    .empty = N_("No key has an owner. `relayctl key create NAME "
			"--owner USER` makes one that has.") },
	[CTL_M_user_show] = { .print = print_user },
	[CTL_M_user_disable] = { .print = print_user },
	[CTL_M_user_enable] = { .print = print_user },
	[CTL_M_usage_show] = { .table = usage_columns,
	    .rows = "rows",
	    .empty =
		N_("Nothing was used then. `relayctl usage --since 30d` looks "
		   "further back, `relayctl tail` waits for requests.") },
	[CTL_M_usage_explain] = { .print = print_explained },
	[CTL_M_usage_recompute] = { .print = print_recomputed },
	[CTL_M_usage_verify] = { .print = print_verified },
	[CTL_M_cost] = { .table = cost_columns },
	[CTL_M_price_list] = { .table = price_columns,
	    .empty = N_("There are none. `relayctl price override MODEL "
			"--input 3 --output 15` states one, in dollars per "
			"million tokens.") },
	[CTL_M_price_show] = { .print = print_price },
	[CTL_M_price_update] = { .print = print_price_changes },
	[CTL_M_price_override] = { .print = print_price_changes },
	[CTL_M_price_check] = { .print = print_price_check },
	[CTL_M_rule_add] = { .details = rule_details },
	[CTL_M_rule_list] = { .table = rule_columns,
	    .empty = N_("There are no rules. Add one: relayctl rule add "
			"--status 429 --text TEXT --action cool --for 10m") },
	[CTL_M_rule_show] = { .details = rule_details },
	[CTL_M_rule_set] = { .details = rule_details },
	[CTL_M_rule_rm] = { .print = print_removed },
	[CTL_M_rule_test] = { .details = verdict_details },
	[CTL_M_cooldown_list] = { .table = cooldown_columns,
	    .empty = N_("Nothing rests.") },
	[CTL_M_cooldown_clear] = { .details = cleared_details },
	[CTL_M_rate_list] = { .table = rate_columns,
	    .empty = N_("There are none: every service counts once. `relayctl "
			"rate set SERVICE RATE` gives one a factor.") },
	[CTL_M_rate_set] = { .details = rate_details },
	[CTL_M_rate_rm] = { .print = print_removed },
	[CTL_M_session_list] = { .table = session_columns,
	    .empty = N_("Nothing is under way.") },
	[CTL_M_why] = { .print = print_why },
	[CTL_M_queue_list] = { .table = queue_columns,
	    .empty = N_("Nothing waits.") },
	[CTL_M_session_kill] = { .details = ended_details },
	[CTL_M_sticky_list] = { .table = sticky_columns,
	    .empty = N_("No session is bound to an account just now.") },
	[CTL_M_sticky_clear] = { .details = cleared_details },
	[CTL_M_sticky_pin] = { .details = sticky_details },
	[CTL_M_receipt_list] = { .table = receipt_columns,
	    .empty = N_("There are none. `relayctl tail` shows requests as "
			"they end, `relayctl env CLIENT` how a client is "
			"pointed here.") },
	[CTL_M_client_seen] = { .table = client_seen_columns,
	    .empty = N_("None was seen since the daemon was started.") },
	[CTL_M_client_list] = { .table = client_columns },
	[CTL_M_client_add] = { .details = client_details },
	[CTL_M_client_rm] = { .print = print_removed },
	[CTL_M_proxy_add] = { .details = proxy_details },
	[CTL_M_proxy_list] = { .table = proxy_columns,
	    .empty = N_("There are none. `relayctl proxy add NAME URL` adds "
			"one.") },
	[CTL_M_proxy_show] = { .details = proxy_details },
	[CTL_M_proxy_set] = { .details = proxy_details },
	[CTL_M_proxy_rm] = { .print = print_removed },
	[CTL_M_proxy_test] = { .print = print_proxy_test },
	[CTL_M_group_add] = { .details = group_details },
	[CTL_M_group_list] = { .table = group_columns,
	    .empty = N_("There are none. `relayctl group add NAME --members "
			"A,B` makes one.") },
	[CTL_M_group_show] = { .details = group_details },
	[CTL_M_group_members] = { .table = member_columns,
	    .empty = N_("It has none. `relayctl group member add NAME ACCOUNT` "
			"puts one in.") },
	[CTL_M_group_set] = { .details = group_details },
	[CTL_M_group_rm] = { .print = print_removed },
	[CTL_M_group_member_add] = { .details = group_details },
	[CTL_M_group_member_rm] = { .details = group_details },
	[CTL_M_route_dry_run] = { .print = print_way },
	[CTL_M_notify_kinds] = { .print = print_kinds },
	[CTL_M_notify_add] = { .details = channel_details },
	[CTL_M_notify_list] = { .table = channel_columns,
	    .empty =
		N_("There are none. `relayctl notify kinds` lists what there "
		   "can be, `relayctl notify add KIND NAME` adds one.") },
	[CTL_M_notify_show] = { .details = channel_details },
	[CTL_M_notify_set] = { .details = channel_details },
	[CTL_M_notify_rm] = { .print = print_removed },
	[CTL_M_notify_hold] = { .details = channel_details },
	[CTL_M_notify_release] = { .details = channel_details },
	[CTL_M_notify_test] = { .print = print_notice_test },
	[CTL_M_notify_queue] = { .table = notice_columns,
	    .empty = N_("Nothing waits, and nothing has failed.") },
	[CTL_M_notify_clear] = { .print = print_cleared },
	[CTL_M_my_redeem] = { .details = voucher_details },
	[CTL_M_voucher_create] = { .print = print_new_vouchers },
	[CTL_M_voucher_list] = { .table = voucher_columns,
	    .empty = N_("There are none. `relayctl voucher create --quota "
			"'20 usd' --count 5` makes some.") },
	[CTL_M_voucher_show] = { .details = voucher_details },
	[CTL_M_voucher_rm] = { .print = print_removed },
	[CTL_M_voucher_revoke] = { .details = voucher_details },
	[CTL_M_voucher_history] = { .table = redeemed_columns,
	    .empty = N_("None was redeemed. `relayctl my redeem` gives a key "
			"of yours what a voucher is good for.") },
	[CTL_M_budget_add] = { .details = budget_details },
	[CTL_M_budget_list] = { .table = budget_columns },
	[CTL_M_budget_show] = { .details = budget_details },
	[CTL_M_budget_set] = { .details = budget_details },
	[CTL_M_budget_rm] = { .print = print_removed },
	[CTL_M_setting_list] = { .table = setting_columns },
	[CTL_M_setting_set] = { .print = print_setting },
	[CTL_M_setting_unset] = { .print = print_setting },
	[CTL_M_trace_start] = { .details = trace_details },
	[CTL_M_trace_list] = { .table = trace_columns,
	    .empty = N_("There are none. `relayctl trace start --key KEY --for "
			"10m` keeps the details of the requests of a key.") },
	[CTL_M_trace_show] = { .table = receipt_columns,
	    .empty = N_("It holds no request yet.") },
	[CTL_M_trace_stop] = { .details = trace_details },
	[CTL_M_trace_rm] = { .print = print_removed },
	[CTL_M_audit_list] = { .table = audit_columns,
	    .empty = N_("Nothing of that kind was changed. `relayctl audit "
			"list` alone shows every change.") },
	[CTL_M_audit_verify] = { .details = audit_details },
	[CTL_M_config_show] = { .print = print_config,
	    .csv = option_columns,
	    .rows = "options" },
	[CTL_M_config_check] = { .print = print_changes },
	[CTL_M_reload] = { .print = print_changes },
};

const struct json *
show_rows(enum ctl_method method, const struct json *data)
{
	if (!looks[method].table && !looks[method].print_row)
		return NULL;
	return looks[method].rows ? json_at(data, looks[method].rows) : data;
}

/* --- columns --------------------------------------------------------------- */

#define CHOSEN_MAX 32

static const struct column *
columns_of(enum ctl_method method)
{
	return looks[method].table ? looks[method].table : looks[method].csv;
}

static bool
is_usage(enum ctl_method method)
{
	return method == CTL_M_usage_show || method == CTL_M_my_usage;
}

/* By the name that programs use, or by the title of people, in any case. */
static const struct column *
find_column(enum ctl_method method, const struct column *columns,
    struct str said)
{
	for (const struct column *c = columns; c->title; c++) {
		struct buf name;
		bool is;

		buf_init(&name, 256);
		is = (csv_name(c, &name) && str_ieq(buf_str(&name), said)) ||
		    str_ieq(str_of(c->key), said) ||
		    str_ieq(str_of(_(c->title)), said) ||
		    (is_usage(method) && !strcmp(c->key, "name") &&
			usage_table_is_by(said));
		buf_fini(&name);
		if (is)
			return c;
	}
	return NULL;
}

static enum err
refuse_column(const struct column *columns, struct str said,
    struct why *out_why)
{
	struct buf names;
	enum err e;

	buf_init(&names, 4096);
	for (const struct column *c = columns; c->title; c++) {
		if (buf_len(&names))
			buf_must(&names, STR(", "));
		if (!csv_name(c, &names))
			buf_chop(&names, buf_len(&names) ? 2 : 0);
	}
	e = why_set(out_why, ERR_VALUE, "columns",
	    _("there is no column \"%.*s\"; there are %s"),
	    STR_ARG(str_first(said, 40)), buf_cstr(&names));
	buf_fini(&names);
	return e;
}

static enum err
choose_columns(struct show *s, const struct column *columns,
    struct why *out_why)
{
	struct str rest = str_of(s->out->columns), said;
	unsigned n = 0;

	s->chosen = xcalloc(CHOSEN_MAX + 1, sizeof(*s->chosen));
	while (str_list_next(&rest, &said) && n < CHOSEN_MAX) {
		const struct column *c = find_column(s->method, columns, said);

		if (!c)
			return refuse_column(columns, said, out_why);
		s->chosen[n] = *c;
		/* What was asked for is shown. */
		if (c->fit >= FIT_DROP)
			s->chosen[n].fit = FIT_WHOLE;
		n++;
	}
	return n ? OK
		 : why_set(out_why, ERR_VALUE, "columns",
		       _("which columns? say --columns name,name"));
}

static const struct column *
shown_columns(const struct show *s)
{
	return s->chosen ? s->chosen : columns_of(s->method);
}

static void
print_csv_head(struct output *o, const struct column *columns)
{
	struct buf line;

	buf_init(&line, 16 * 1024);
	csv_head(columns, &line);
	fwrite(buf_cstr(&line), 1, buf_len(&line), o->to);
	buf_fini(&line);
}

static void
print_csv_row(struct output *o, const struct column *columns,
    const struct json *row)
{
	struct buf line;

	buf_init(&line, CTL_FRAME_MAX * 8);
	csv_row(columns, row, &line);
	fwrite(buf_cstr(&line), 1, buf_len(&line), o->to);
	buf_fini(&line);
}

enum err
show_begin(struct show *s, struct output *o, enum ctl_method method,
    struct why *out_why)
{
	const struct column *columns = columns_of(method);
	enum err e = OK;

	*s = (struct show){ .out = o, .method = method };
	buf_init(&s->text, JSON_MAX);
	json_begin(&s->json, &s->text);
	usage_table_init(&s->usage);
	if (o->csv && !columns && method != CTL_M_receipt_tail)
		return why_set(out_why, ERR_VALUE, "csv",
		    _("this is no list: say --json"));
	if (o->columns && !columns)
		return why_set(out_why, ERR_VALUE, "columns",
		    _("this is no list"));
	if (o->columns)
		e = choose_columns(s, columns, out_why);
	if (e) {
		free(s->chosen);
		s->chosen = NULL;
		return e;
	}
	if (looks[method].table)
		table_init(&s->table, shown_columns(s));
	if (o->csv && columns)
		print_csv_head(o, shown_columns(s));
	return OK;
}

/* The members of the first page that stand around its rows. */
static void
begin_list(struct show *s, const struct json *data)
{
	const char *rows = looks[s->method].rows;

	if (!rows) {
		json_open(&s->json, '[');
		return;
	}
	json_open(&s->json, '{');
	for (const struct json *m = json_first(data); m; m = json_next(m)) {
		char key[64];

		if (str_eq(json_key(m), str_of(rows)))
			continue;
		snprintf(key, sizeof(key), "%.*s", STR_ARG(json_key(m)));
		json_put_key(&s->json, key);
		json_put_tree(&s->json, m);
	}
	json_put_key(&s->json, rows);
	json_open(&s->json, '[');
}

static bool
is_rehearsal(const struct json *data)
{
	bool dry = false;

	return json_may_bool(data, "dry_run", &dry, NULL) == OK && dry;
}

/* Is there more to tell than which fields would change? */
static bool
tells_rehearsal(enum ctl_method method)
{
	void (*print)(struct output * o, const struct json *data) =
	    looks[method].print;

	return print == print_imported || print == print_price_changes ||
	    print == print_new_key || print == print_template ||
	    print == print_key_set || print == print_purged;
}

/* --- pages ----------------------------------------------------------------- */

static void
show_csv_page(struct show *s, const struct json *data)
{
	const char *in = looks[s->method].rows;
	const struct json *rows = in ? json_at(data, in) : data;

	for (const struct json *r = json_first(rows); r; r = json_next(r))
		print_csv_row(s->out, shown_columns(s), r);
}

void
show_page(struct show *s, const struct json *data)
{
	const struct json *rows = show_rows(s->method, data);

	if (s->out->csv) {
		show_csv_page(s, data);
		return;
	}
	if (!rows && s->out->json) {
		out_json(s->out, data);
		return;
	}
	if (!rows) {
		if (is_rehearsal(data) && !tells_rehearsal(s->method))
			print_changes(s->out, data);
		else if (looks[s->method].details)
			record_print(s->out, looks[s->method].details, data);
		else if (looks[s->method].print)
			looks[s->method].print(s->out, data);
		return;
	}
	if (s->pages++ == 0) {
		if (s->out->json)
			begin_list(s, data);
		else if (is_usage(s->method))
			usage_table_begin(&s->usage, s->out, shown_columns(s),
			    data, s->is_part);
	}
	for (const struct json *r = json_first(rows); r; r = json_next(r)) {
		if (s->out->json)
			json_put_tree(&s->json, r);
		else if (looks[s->method].print_row)
			looks[s->method].print_row(s->out, r);
		else if (is_usage(s->method))
			usage_table_add(&s->usage, s->out, r);
		else
			table_add(&s->table, s->out, r);
		s->rows++;
	}
}

void
show_end(struct show *s)
{
	if (s->pages && s->out->json) {
		json_close(&s->json, ']');
		if (looks[s->method].rows)
			json_close(&s->json, '}');
		if (json_end(&s->json) == OK)
			fprintf(s->out->to, "%s\n", buf_cstr(&s->text));
	} else if (looks[s->method].table && !s->out->csv) {
		if (is_usage(s->method))
			usage_table_print(&s->usage, s->out);
		else
			table_print(&s->table, s->out);
		if (s->rows == 0)
			out_lines(s->out, PAINT_PLAIN,
			    str_of(_(looks[s->method].empty
				    ? looks[s->method].empty
				    : N_("There are none."))));
	}
	if (looks[s->method].table)
		table_fini(&s->table);
	usage_table_fini(&s->usage);
	free(s->chosen);
	buf_fini(&s->text);
}

void
show_events_begin(struct output *o, enum ctl_method method)
{
	if (method == CTL_M_event_follow)
		return;
	if (o->csv)
		print_csv_head(o, receipt_columns);
	/* To people, not to what reads the lines. */
	else if (!o->json && o->width)
		table_say_zone(o);
	fflush(o->to);
}

/* Events of all kinds are for programs: a line of JSON each. */
static void
print_event(struct output *o, const struct ctl_frame *event)
{
	if (event->lost)
		fprintf(o->to, "{\"lost\":%lld}\n", (long long)event->lost);
	out_json(o, event->data);
	fflush(o->to);
}

void
show_event(struct output *o, enum ctl_method method,
    const struct ctl_frame *event)
{
	if (method == CTL_M_event_follow) {
		print_event(o, event);
		return;
	}
	if (event->lost && o->csv)
		fprintf(o->aside,
		    _("(%lld lost: this terminal was too slow)\n"),
		    (long long)event->lost);
	if (event->lost && !o->json && !o->csv)
		fprintf(o->to, _("(%lld lost: this terminal was too slow)\n"),
		    (long long)event->lost);
	if (o->json)
		out_json(o, event->data);
	else if (o->csv)
		print_csv_row(o, receipt_columns, event->data);
	else
		print_receipt(o, event->data);
	fflush(o->to);
}
