/* SPDX-License-Identifier: MIT */
/* server.c - the daemon, its configuration and settings, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column route_columns[] = {
	{ N_("METHODS"), "methods", CELL_TEXT, false },
	{ N_("PATH"), "path", CELL_TEXT, false },
	{ N_("DIALECT"), "dialect", CELL_TEXT, FIT_DROP + 1 },
	{ N_("DOES"), "op", CELL_TEXT, FIT_DROP },
	{ N_("KEY"), "needs_key", CELL_FLAG, false },
	{ .title = NULL },
};

const struct column setting_columns[] = {
	{ N_("SETTING"), "name", CELL_TEXT, false },
	{ N_("VALUE"), "value", CELL_TEXT, false },
	{ N_("DEFAULT"), "default", CELL_TEXT, false },
	{ N_("LEAST"), "least", CELL_TEXT, false },
	{ N_("MOST"), "most", CELL_TEXT, false },
	{ N_("WHAT"), "help", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column option_columns[] = {
	{ N_("OPTION"), "name", CELL_TEXT, false },
	{ N_("VALUE"), "value", CELL_TEXT, true },
	{ N_("FROM"), "origin", CELL_TEXT, false },
	{ N_("LINE"), "line", CELL_NUMBER, false },
	{ N_("RESTART"), "needs_restart", CELL_FLAG, false },
	{ N_("WHAT"), "help", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column finding_columns[] = {
	{ N_("CHECK"), "check", CELL_TEXT, false },
	{ N_("IS"), "state", CELL_TEXT, false },
	{ N_("OF"), "object", CELL_TEXT, true },
	{ N_("WHAT"), "text", CELL_TEXT, true },
	{ N_("WHAT TO DO"), "advice", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column change_columns[] = {
	{ N_("FIELD"), "field", CELL_TEXT, false },
	{ N_("FROM"), "from", CELL_TEXT, true },
	{ N_("TO"), "to", CELL_TEXT, true },
	{ N_("NEEDS A RESTART"), "needs_restart", CELL_FLAG, false },
	{ .title = NULL },
};

const struct column whoami_details[] = {
	{ N_("uid"), "uid", CELL_NUMBER, false },
	{ N_("role"), "role", CELL_TEXT, false },
	{ N_("listening at"), "listeners", CELL_TEXT, false },
	{ .title = NULL },
};

const struct column drain_details[] = {
	{ N_("draining"), "draining", CELL_FLAG, FIT_WHOLE },
	{ N_("under way"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("ends before"), "until_at", CELL_MOMENT, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column status_details[] = {
	{ N_("version"), "version", CELL_TEXT, false },
	{ N_("running for"), "uptime_ms", CELL_MS, false },
	{ N_("since"), "started_at", CELL_MOMENT, false },
	{ N_("draining"), "draining", CELL_FLAG, false },
	{ N_("draining since"), "draining_since_at", CELL_MOMENT, false },
	{ N_("listening on"), "listeners", CELL_TEXT, false },
	{ N_("configuration"), "config", CELL_TEXT, false },
	{ N_("longest turn"), "loop_longest_us", CELL_US, false },
	{ .title = NULL },
};

static int64_t
number(const struct json *object, const char *key)
{
	int64_t n = 0;

	if (json_may_i64(object, key, -(INT64_C(1) << 53), INT64_C(1) << 53, &n,
		NULL))
		return 0;
	return n;
}

/* "3: 2 ready, 1 held" */
static void
print_parts(struct output *o, const char *title, const struct json *object)
{
	const char *before = ": ";

	out_paint(o, PAINT_DIM, str_of(title));
	fprintf(o->to, "%*s%lld", 15 - text_width(str_of(title)), "",
	    (long long)number(object, "total"));
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		int64_t n;

		if (str_eq(json_key(m), STR("total")) || json_as_i64(m, &n) ||
		    n == 0)
			continue;
		fprintf(o->to, "%s%lld ", before, (long long)n);
		out_foreign(o, json_key(m));
		before = ", ";
	}
	fputc('\n', o->to);
}

static void
print_traffic(struct output *o, const struct json *data)
{
	const struct json *n = json_at(data, "counters");
	const struct json *store = json_at(data, "store");

	out_paint(o, PAINT_DIM, str_of(_("requests")));
	fprintf(o->to, "%*s", 15 - text_width(str_of(_("requests"))), "");
	fprintf(o->to, _("%lld now, %lld since the start\n"),
	    (long long)number(n, "requests_now"),
	    (long long)number(n, "requests_total"));
	fprintf(o->to,
	    _("%*s(%lld refused, %lld failed, %lld cut, %lld left by the "
	      "client)\n"),
	    15, "", (long long)number(n, "refused_total"),
	    (long long)number(n, "failed_total"),
	    (long long)number(n, "cut_total"),
	    (long long)number(n, "gone_total"));
	out_paint(o, PAINT_DIM, str_of(_("waiting")));
	fprintf(o->to, "%*s", 15 - text_width(str_of(_("waiting"))), "");
	fprintf(o->to,
	    _("%lld for a place of their key, %lld for an account\n"),
	    (long long)number(n, "queue_keys_now"),
	    (long long)number(n, "queue_accounts_now"));
	out_paint(o, PAINT_DIM, str_of(_("connections")));
	fprintf(o->to, "%*s", 15 - text_width(str_of(_("connections"))), "");
	fprintf(o->to, _("%lld from clients, %lld to upstreams (%lld idle)\n"),
	    (long long)number(n, "connections_now"),
	    (long long)number(n, "upstream_now"),
	    (long long)number(n, "upstream_idle_now"));
	out_paint(o, PAINT_DIM, str_of(_("store")));
	fprintf(o->to, "%*s", 15 - text_width(str_of(_("store"))), "");
	fprintf(o->to,
	    _("%lld KiB used, journal %lld %% full, %lld failures\n"),
	    (long long)number(store, "used_bytes") / 1024,
	    (long long)number(store, "journal_percent"),
	    (long long)number(store, "failures"));
}

static void
print_trouble(struct output *o, const struct json *store)
{
	struct str text = STR("");
	bool tight = false;

	if (json_may_str(store, "trouble", &text, NULL) == OK && text.len) {
		out_paint(o, PAINT_BAD, str_of(_("The store cannot write: ")));
		out_foreign(o, text);
		fputc('\n', o->to);
	}
	if (json_may_bool(store, "journal_tight", &tight, NULL) == OK && tight)
		out_paint(o, PAINT_BAD,
		    str_of(_("The journal is full: requests are refused until "
			     "the store can write again.\n")));
}

void
print_status(struct output *o, const struct json *data)
{
	record_print(o, status_details, data);
	print_parts(o, _("accounts"), json_at(data, "accounts"));
	print_parts(o, _("keys"), json_at(data, "keys"));
	print_traffic(o, data);
	print_trouble(o, json_at(data, "store"));
}

void
print_changes(struct output *o, const struct json *data)
{
	const struct json *changes = json_at(data, "changes");
	struct table t;

	if (json_count(changes) == 0) {
		fprintf(o->to, "%s\n", _("Nothing would change."));
		return;
	}
	table_init(&t, change_columns);
	table_add_all(&t, o, changes);
	table_print(&t, o);
	table_fini(&t);
}

static const struct column setting_details[] = {
	{ N_("setting"), "name", CELL_TEXT, false },
	{ N_("value"), "value", CELL_TEXT, false },
	{ N_("default"), "default", CELL_TEXT, false },
	{ N_("what"), "help", CELL_TEXT, false },
	{ N_("copies wiped"), "wiped", CELL_NUMBER, false },
	{ .title = NULL },
};

void
print_setting(struct output *o, const struct json *data)
{
	record_print(o, setting_details, data);
}

/* --- doctor ---------------------------------------------------------------- */

/* One of doctor's findings: how it is, what it is about, what to do. */
void
print_finding(struct output *o, const struct json *finding)
{
	static const struct {
		const char *state, *said;
		enum paint paint;
	} states[] = {
		{ "fine", N_("fine"), PAINT_DIM },
		{ "note", N_("note"), PAINT_PLAIN },
		{ "smell", N_("smell"), PAINT_WARN },
		{ "broken", N_("BROKEN"), PAINT_BAD },
	};
	struct str state = STR(""), check = STR(""), object = STR(""),
		   text = STR(""), advice = STR("");
	size_t nr = 0;
	struct buf line, clean;

	(void)!json_may_str(finding, "state", &state, NULL);
	(void)!json_may_str(finding, "check", &check, NULL);
	(void)!json_may_str(finding, "object", &object, NULL);
	(void)!json_may_str(finding, "text", &text, NULL);
	(void)!json_may_str(finding, "advice", &advice, NULL);
	while (nr + 1 < sizeof(states) / sizeof(states[0]) &&
	    !str_eq(state, str_of(states[nr].state)))
		nr++;
	buf_init(&line, 4096);
	buf_init(&clean, 4096);
	buf_mustf(&line, "%-7s %.*s: %.*s%s%.*s", _(states[nr].said),
	    STR_ARG(check), STR_ARG(object), object.len ? ": " : "",
	    STR_ARG(text));
	text_clean(buf_str(&line), &clean);
	out_lines(o, states[nr].paint, buf_str(&clean));
	if (advice.len) {
		buf_clear(&clean);
		text_clean(advice, &clean);
		fputs("        ", o->to);
		out_paint(o, PAINT_PLAIN, buf_str(&clean));
		fputc('\n', o->to);
	}
	buf_fini(&line);
	buf_fini(&clean);
}
