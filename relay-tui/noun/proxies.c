/* SPDX-License-Identifier: MIT */
/* proxies.c - the ways out, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column proxy_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, FIT_CUT },
	{ N_("URL"), "url", CELL_TEXT, FIT_CUT },
	{ N_("DEFAULT"), "is_default", CELL_FLAG, FIT_WHOLE },
	{ N_("ACCOUNTS"), "accounts", CELL_TEXT, FIT_CUT },
	{ N_("TESTED"), "tested_at", CELL_AGO, FIT_WHOLE },
	{ N_("TOOK"), "tested_us", CELL_US, FIT_WHOLE },
	{ N_("ADDRESS"), "address", CELL_TEXT, FIT_CUT },
	{ N_("RESTS UNTIL"), "rests_until", CELL_MOMENT, FIT_WHOLE },
	{ N_("LAST ERROR"), "last_error", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column proxy_details[] = {
	{ N_("name"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("url"), "url", CELL_TEXT, FIT_WHOLE },
	{ N_("user"), "has_user", CELL_FLAG, FIT_WHOLE },
	{ N_("password"), "has_password", CELL_FLAG, FIT_WHOLE },
	{ N_("family"), "family", CELL_TEXT, FIT_WHOLE },
	{ N_("default"), "is_default", CELL_FLAG, FIT_WHOLE },
	{ N_("accounts"), "accounts", CELL_TEXT, FIT_WHOLE },
	{ N_("channels"), "channels", CELL_TEXT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("tested"), "tested_at", CELL_AGO, FIT_WHOLE },
	{ N_("took"), "tested_us", CELL_US, FIT_WHOLE },
	{ N_("address"), "address", CELL_TEXT, FIT_WHOLE },
	{ N_("rests until"), "rests_until", CELL_MOMENT, FIT_WHOLE },
	{ N_("last error"), "last_error", CELL_TEXT, FIT_WHOLE },
	{ N_("at"), "last_error_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("changed"), "changed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column test_details[] = {
	{ N_("proxy"), "proxy", CELL_TEXT, FIT_WHOLE },
	{ N_("asked"), "url", CELL_TEXT, FIT_WHOLE },
	{ N_("status"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("address"), "address", CELL_TEXT, FIT_WHOLE },
	{ N_("error"), "error", CELL_TEXT, FIT_WHOLE },
	{ N_("name"), "name_us", CELL_US, FIT_WHOLE },
	{ N_("connected"), "connect_us", CELL_US, FIT_WHOLE },
	{ N_("TLS"), "tls_us", CELL_US, FIT_WHOLE },
	{ N_("first byte"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("total"), "total_us", CELL_US, FIT_WHOLE },
	{ .title = NULL },
};

void
print_proxy_test(struct output *o, const struct json *data)
{
	bool ok = false;

	if (json_may_bool(data, "ok", &ok, NULL) == OK)
		out_paint(o, ok ? PAINT_GOOD : PAINT_BAD,
		    str_of(ok ? _("It leads there.")
			      : _("It does not lead there.")));
	fputc('\n', o->to);
	record_print(o, test_details, data);
}
