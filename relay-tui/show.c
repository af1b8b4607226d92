/* SPDX-License-Identifier: MIT */
/* show.c - answers of the daemon, page by page, for people or as JSON. */
#include "relay-tui/show.h"

#include <pwd.h>

#include "proto/version.h"

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
 * itself), one object, or something of its own. */
static const struct {
	const struct column *table, *details;
	const char *rows;
	void (*print)(struct output *o, const struct json *data);
} looks[CTL_METHODS] = {
	[CTL_M_status] = { .print = print_status },
	[CTL_M_whoami] = { .print = print_whoami },
	[CTL_M_version] = { .print = print_version },
	[CTL_M_routes] = { .table = route_columns },
	[CTL_M_account_kinds] = { .print = print_kinds },
	[CTL_M_account_add] = { .print = print_account },
	[CTL_M_account_list] = { .table = account_columns },
	[CTL_M_account_show] = { .print = print_account },
	[CTL_M_account_set] = { .print = print_account },
	[CTL_M_account_rm] = { .print = print_removed },
	[CTL_M_account_hold] = { .print = print_account },
	[CTL_M_account_release] = { .print = print_account },
	[CTL_M_account_reset] = { .print = print_account },
	[CTL_M_account_test] = { .print = print_account_test },
	[CTL_M_key_create] = { .print = print_new_key },
	[CTL_M_key_list] = { .table = key_columns },
	[CTL_M_key_show] = { .details = key_details },
	[CTL_M_key_set] = { .details = key_details },
	[CTL_M_key_rm] = { .print = print_removed },
	[CTL_M_key_disable] = { .details = key_details },
	[CTL_M_key_enable] = { .details = key_details },
	[CTL_M_key_find] = { .details = key_details },
	[CTL_M_usage_show] = { .table = usage_columns, .rows = "rows" },
	[CTL_M_receipt_list] = { .table = receipt_columns },
	[CTL_M_setting_list] = { .table = setting_columns },
	[CTL_M_setting_set] = { .print = print_setting },
	[CTL_M_setting_unset] = { .print = print_setting },
	[CTL_M_config_show] = { .print = print_config },
	[CTL_M_config_check] = { .print = print_changes },
	[CTL_M_reload] = { .print = print_changes },
};

const struct json *
show_rows(enum ctl_method method, const struct json *data)
{
	if (!looks[method].table)
		return NULL;
	return looks[method].rows ? json_at(data, looks[method].rows) : data;
}

void
show_begin(struct show *s, struct output *o, enum ctl_method method)
{
	*s = (struct show){ .out = o, .method = method };
	buf_init(&s->text, JSON_MAX);
	json_begin(&s->json, &s->text);
	if (looks[method].table)
		table_init(&s->table, looks[method].table);
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
		struct str text;

		if (json_as_str(m, &text))
			continue;
		/* Our own words: by, since, until. */
		json_put_key(&s->json,
		    str_eq(json_key(m), STR("by"))	    ? "by"
			: str_eq(json_key(m), STR("since")) ? "since"
							    : "until");
		json_put_string(&s->json, text);
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

void
show_page(struct show *s, const struct json *data)
{
	const struct json *rows = show_rows(s->method, data);

	if (!rows && s->out->json) {
		out_json(s->out, data);
		return;
	}
	if (!rows) {
		if (is_rehearsal(data))
			print_changes(s->out, data);
		else if (looks[s->method].details)
			record_print(s->out, looks[s->method].details, data);
		else if (looks[s->method].print)
			looks[s->method].print(s->out, data);
		return;
	}
	if (s->out->json && s->pages++ == 0)
		begin_list(s, data);
	for (const struct json *r = json_first(rows); r; r = json_next(r)) {
		if (s->out->json)
			json_put_tree(&s->json, r);
		else
			table_add(&s->table, s->out, r);
		s->rows++;
	}
}

void
show_end(struct show *s)
{
	if (s->pages) {
		json_close(&s->json, ']');
		if (looks[s->method].rows)
			json_close(&s->json, '}');
		if (json_end(&s->json) == OK)
			fprintf(s->out->to, "%s\n", buf_cstr(&s->text));
	} else if (looks[s->method].table) {
		table_print(&s->table, s->out);
		if (s->rows == 0)
			fprintf(s->out->to, "%s\n", _("There are none."));
	}
	if (looks[s->method].table)
		table_fini(&s->table);
	buf_fini(&s->text);
}

void
show_event(struct output *o, const struct ctl_frame *event)
{
	if (event->lost && !o->json)
		fprintf(o->to, _("(%lld lost: this terminal was too slow)\n"),
		    (long long)event->lost);
	if (o->json)
		out_json(o, event->data);
	else
		print_receipt(o, event->data);
	fflush(o->to);
}
