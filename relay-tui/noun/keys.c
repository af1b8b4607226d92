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
	{ N_("expires"), "expires_at", CELL_MOMENT, false },
	{ N_("expires after"), "expires_after", CELL_MS, false },
	{ N_("first used"), "activated_at", CELL_MOMENT, false },
	{ N_("platforms"), "platforms", CELL_TEXT, false },
	{ N_("models"), "models_allow", CELL_TEXT, false },
	{ N_("not models"), "models_deny", CELL_TEXT, false },
	{ N_("calls models"), "models_map", CELL_TEXT, false },
	{ N_("clients"), "clients", CELL_TEXT, false },
	{ N_("from"), "from", CELL_TEXT, false },
	{ N_("self-made"), "self_made", CELL_FLAG, false },
	{ N_("in flight"), "in_flight", CELL_NUMBER, false },
	{ N_("requests"), "requests", CELL_NUMBER, false },
	{ N_("used"), "used_at", CELL_AGO, false },
	{ N_("created"), "created_at", CELL_MOMENT, false },
	{ N_("changed"), "changed_at", CELL_MOMENT, false },
	{ N_("revision"), "rev", CELL_NUMBER, false },
	{ .title = NULL },
};

/* The value alone goes to the standard output, so that it can be piped; what
 * is to be said about it goes beside. */
void
print_new_key(struct output *o, const struct json *data)
{
	const struct json *key = json_at(data, "key");
	struct str value = STR(""), id = STR(""), name = STR("");

	if (json_may_str(data, "value", &value, NULL) ||
	    json_may_str(key, "id", &id, NULL) ||
	    json_may_str(key, "name", &name, NULL))
		return;
	out_foreign(o, value);
	fputc('\n', o->to);
	fflush(o->to);
	fprintf(stderr,
	    _("This is key %.*s (%.*s). Its value is shown this once and "
	      "kept nowhere.\n"),
	    STR_ARG(id), STR_ARG(name));
}
