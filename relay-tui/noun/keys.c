/* SPDX-License-Identifier: MIT */
/* keys.c - the keys of clients, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column key_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, false },
	{ N_("NAME"), "name", CELL_TEXT, true },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("OWNER"), "owner", CELL_OWNER, true },
	{ N_("VALUE"), "value_end", CELL_END, false },
	{ N_("TAGS"), "tags", CELL_TEXT, true },
	{ N_("EXPIRES"), "expires_at", CELL_MOMENT, false },
	{ N_("NOW"), "in_flight", CELL_NUMBER, false },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, false },
	{ N_("USED"), "used_at", CELL_AGO, false },
	{ N_("NOTE"), "note", CELL_TEXT, true },
	{ .title = NULL },
};

/* Of one person, who knows whose they are. */
const struct column my_key_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, false },
	{ N_("NAME"), "name", CELL_TEXT, true },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("VALUE"), "value_end", CELL_END, false },
	{ N_("OLD UNTIL"), "old_until", CELL_MOMENT, false },
	{ N_("EXPIRES"), "expires_at", CELL_MOMENT, false },
	{ N_("NOW"), "in_flight", CELL_NUMBER, false },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, false },
	{ N_("USED"), "used_at", CELL_AGO, false },
	{ N_("NOTE"), "note", CELL_TEXT, true },
	{ .title = NULL },
};

/* In the trash. */
const struct column trash_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("OWNER"), "owner", CELL_OWNER, FIT_CUT },
	{ N_("VALUE"), "value_end", CELL_END, FIT_WHOLE },
	{ N_("REMOVED"), "deleted_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("BY"), "deleted_by", CELL_OWNER, FIT_CUT },
	{ N_("PURGED"), "purge_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("USED"), "used_at", CELL_AGO, FIT_DROP },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column template_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("TEMPLATE"), "name", CELL_TEXT, FIT_CUT },
	{ N_("OWNER"), "owner", CELL_OWNER, FIT_CUT },
	{ N_("TAGS"), "tags", CELL_TEXT, FIT_CUT },
	{ N_("EXPIRES"), "expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column tag_columns[] = {
	{ N_("TAG"), "tag", CELL_TEXT, FIT_CUT },
	{ N_("KEYS"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ N_("TEMPLATES"), "templates", CELL_NUMBER, FIT_WHOLE },
	{ N_("IN TRASH"), "deleted", CELL_NUMBER, FIT_WHOLE },
	{ N_("LIMITS"), "budgets", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

const struct column salt_columns[] = {
	{ N_("SALT"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("KEYS"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

/* Of many that were imported; for programs too. */
const struct column imported_columns[] = {
	{ N_("ROW"), "row", CELL_NUMBER, FIT_WHOLE },
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("RESULT"), "result", CELL_TEXT, FIT_WHOLE },
	{ N_("WHY"), "why", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

/* Of many that were changed at once. */
static const struct column result_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("RESULT"), "result", CELL_TEXT, FIT_WHOLE },
	{ N_("WHY"), "why", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

/* Made at once; for programs. */
const struct column made_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("NAME"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("VALUE"), "value", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

const struct column key_details[] = {
	{ N_("id"), "id", CELL_TEXT, false },
	{ N_("name"), "name", CELL_TEXT, false },
	{ N_("state"), "state", CELL_STATE, false },
	{ N_("owner"), "owner", CELL_OWNER, false },
	{ N_("value ends"), "value_end", CELL_END, false },
	{ N_("old value ends"), "old_value_end", CELL_END, false },
	{ N_("works until"), "old_until", CELL_MOMENT, false },
	{ N_("note"), "note", CELL_TEXT, false },
	{ N_("tags"), "tags", CELL_TEXT, false },
	{ N_("rate"), "rate", CELL_TEXT, false },
	{ N_("bound to"), "bind", CELL_TEXT, false },
	{ N_("max-concurrency"), "max_concurrency", CELL_COUNT, false },
	{ N_("weight"), "weight", CELL_COUNT, false },
	{ N_("expires"), "expires_at", CELL_MOMENT, false },
	{ N_("expires after"), "expires_after", CELL_TERM, false },
	{ N_("first used"), "activated_at", CELL_MOMENT, false },
	{ N_("platforms"), "platforms", CELL_TEXT, false },
	{ N_("models"), "models_allow", CELL_TEXT, false },
	{ N_("not models"), "models_deny", CELL_TEXT, false },
	{ N_("calls models"), "models_map", CELL_TEXT, false },
	{ N_("clients"), "clients", CELL_TEXT, false },
	{ N_("from"), "from", CELL_TEXT, false },
	{ N_("salt"), "foreign_salt", CELL_TEXT, false },
	{ N_("self-made"), "self_made", CELL_FLAG, false },
	{ N_("removed"), "deleted_at", CELL_MOMENT, false },
	{ N_("removed by"), "deleted_by", CELL_OWNER, false },
	{ N_("purged"), "purge_at", CELL_MOMENT, false },
	{ N_("in flight"), "in_flight", CELL_NUMBER, false },
	{ N_("requests"), "requests", CELL_NUMBER, false },
	{ N_("used"), "used_at", CELL_AGO, false },
	{ N_("created"), "created_at", CELL_MOMENT, false },
	{ N_("changed"), "changed_at", CELL_MOMENT, false },
	{ N_("revision"), "rev", CELL_NUMBER, false },
	{ .title = NULL },
};

/* Names and values, so that whoever hands them out knows which is whose. */
static void
print_batch(struct output *o, const struct json *made, bool is_kept)
{
	struct str name, value;

	for (const struct json *r = json_first(made); r; r = json_next(r)) {
		if (json_want_str(r, "name", &name, NULL) ||
		    json_want_str(r, "value", &value, NULL))
			continue;
		out_foreign(o, name);
		fputc('\t', o->to);
		out_foreign(o, value);
		fputc('\n', o->to);
	}
	fflush(o->to);
	fprintf(o->aside, "%s\n",
	    is_kept ? _("Sealed copies of these values are kept; admins can "
			"see one again: relayctl key reveal")
		    : _("These values are shown this once and kept nowhere."));
}

/* What would be made. */
static void
print_limits(struct output *o, const struct json *data)
{
	struct str text, window, class, first, last;

	if (!json_want_str(data, "first", &first, NULL) &&
	    !json_want_str(data, "last", &last, NULL)) {
		fprintf(o->to, "%s ", _("keys:"));
		out_foreign(o, first);
		fprintf(o->to, " %s ", _("to"));
		out_foreign(o, last);
		fputc('\n', o->to);
	}
	for (const struct json *l = json_first(json_at(data, "limits")); l;
	     l = json_next(l)) {
		if (json_want_str(l, "limit", &text, NULL) ||
		    json_want_str(l, "window", &window, NULL) ||
		    json_want_str(l, "class", &class, NULL))
			continue;
		fprintf(o->to, "%s ", _("limit:"));
		out_foreign(o, text);
		fprintf(o->to, " %s ", _("per"));
		out_foreign(o, window);
		if (class.len) {
			fprintf(o->to, " %s ", _("of"));
			out_foreign(o, class);
		}
		fputc('\n', o->to);
	}
}

/* The value alone goes to the standard output, so that it can be piped; what
 * is to be said about it goes beside. */
void
print_new_key(struct output *o, const struct json *data)
{
	const struct json *key = json_at(data, "key");
	struct str value = STR(""), id = STR(""), name = STR("");
	bool is_kept = false;

	(void)!json_may_bool(data, "kept", &is_kept, NULL);
	if (json_at(data, "made")) {
		print_batch(o, json_at(data, "made"), is_kept);
		return;
	}
	if (json_at(data, "changes")) {
		print_changes(o, data);
		print_limits(o, data);
		return;
	}
	if (json_may_str(data, "value", &value, NULL) ||
	    json_may_str(key, "id", &id, NULL) ||
	    json_may_str(key, "name", &name, NULL))
		return;
	out_foreign(o, value);
	fputc('\n', o->to);
	fflush(o->to);
	fprintf(o->aside,
	    is_kept ? _("This is key %.*s (%.*s). A sealed copy of its value "
			"is kept; admins can see it again: relayctl key "
			"reveal\n")
		    : _("This is key %.*s (%.*s). Its value is shown this once "
			"and kept nowhere.\n"),
	    STR_ARG(id), STR_ARG(name));
}

/* What was removed can be had back, which is good to know at that moment. */
void
print_trashed(struct output *o, const struct json *data)
{
	struct str id;

	if (json_want_str(data, "id", &id, NULL))
		return;
	fprintf(o->to,
	    _("In the trash: `relayctl key restore %.*s` brings it "
	      "back.\n"),
	    STR_ARG(id));
}

static int64_t
count_at(const struct json *data, const char *name)
{
	int64_t n = 0;

	(void)!json_may_i64(data, name, 0, INT64_C(1) << 53, &n, NULL);
	return n;
}

void
print_purged(struct output *o, const struct json *data)
{
	int64_t n = count_at(data, "purged");

	if (json_at(data, "dry_run"))
		fprintf(o->to,
		    n == 1 ? _("%lld key would be gone for good.\n")
			   : _("%lld keys would be gone for good.\n"),
		    (long long)n);
	else
		fprintf(o->to,
		    n == 1 ? _("%lld key is gone for good.\n")
			   : _("%lld keys are gone for good.\n"),
		    (long long)n);
}

void
print_template(struct output *o, const struct json *data)
{
	if (json_at(data, "changes")) {
		print_changes(o, data);
	} else {
		record_print(o, key_details, data);
	}
	print_limits(o, data);
}

/* A key, or what became of many; of a rehearsal, what would. */
void
print_key_set(struct output *o, const struct json *data)
{
	const struct json *rows = json_at(data, "rows");
	bool dry = json_at(data, "dry_run") != NULL;
	struct str name;
	struct table t;

	if (!rows && dry) {
		print_changes(o, data);
		return;
	}
	if (!rows) {
		record_print(o, key_details, data);
		return;
	}
	for (const struct json *r = dry ? json_first(rows) : NULL; r;
	     r = json_next(r)) {
		if (!json_at(r, "changes") ||
		    json_want_str(r, "name", &name, NULL))
			continue;
		out_foreign(o, name);
		fputs(":\n", o->to);
		print_changes(o, r);
	}
	if (!dry && json_count(rows)) {
		table_init(&t, result_columns);
		table_add_all(&t, o, rows);
		table_print(&t, o);
		table_fini(&t);
	}
	fprintf(o->to,
	    dry ? _("%lld would change, %lld would not, %lld are refused.\n")
		: _("%lld changed, %lld were so already, %lld refused.\n"),
	    (long long)count_at(data, "changed"),
	    (long long)count_at(data, "unchanged"),
	    (long long)count_at(data, "refused"));
}

/* What became of each row; of a rehearsal, what would. */
void
print_imported(struct output *o, const struct json *data)
{
	struct table t;

	table_init(&t, imported_columns);
	table_add_all(&t, o, json_at(data, "rows"));
	table_print(&t, o);
	table_fini(&t);
	fprintf(o->to,
	    json_at(data, "dry_run")
		? _("%lld would be added, %lld are refused.\n")
		: _("%lld added, %lld refused.\n"),
	    (long long)count_at(data, "added"),
	    (long long)count_at(data, "refused"));
}
