/* SPDX-License-Identifier: MIT */
/* notices.c - the ways to tell people, and what waits to be told. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column channel_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, true },
	{ N_("KIND"), "kind", CELL_TEXT, false },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("UNTIL"), "until_at", CELL_AGO, false },
	{ N_("WAITING"), "waiting", CELL_NUMBER, false },
	{ N_("FAILED"), "failed", CELL_NUMBER, false },
	{ N_("SENT"), "sent", CELL_NUMBER, false },
	{ N_("LAST"), "sent_at", CELL_AGO, false },
	{ N_("LEAST"), "severity", CELL_TEXT, false },
	{ N_("EVENTS"), "events", CELL_TEXT, true },
	{ N_("QUIET"), "quiet", CELL_TEXT, false },
	{ N_("WHERE"), "where", CELL_TEXT, true },
	{ N_("LAST ERROR"), "last_error", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column channel_details[] = {
	{ N_("name"), "name", CELL_TEXT, false },
	{ N_("kind"), "kind", CELL_TEXT, false },
	{ N_("state"), "state", CELL_STATE, false },
	{ N_("until"), "until_at", CELL_MOMENT, false },
	{ N_("held because"), "held_reason", CELL_TEXT, false },
	{ N_("held by"), "held_by", CELL_TEXT, false },
	{ N_("held since"), "held_at", CELL_MOMENT, false },
	{ N_("where"), "where", CELL_TEXT, false },
	{ N_("to"), "to", CELL_TEXT, false },
	{ N_("from"), "from", CELL_TEXT, false },
	{ N_("user"), "user", CELL_TEXT, false },
	{ N_("group"), "group", CELL_TEXT, false },
	{ N_("sound"), "sound", CELL_TEXT, false },
	{ N_("level"), "level", CELL_TEXT, false },
	{ N_("signed"), "signed", CELL_FLAG, false },
	{ N_("proxy"), "proxy", CELL_TEXT, false },
	{ N_("allow-private"), "allow_private", CELL_FLAG, false },
	{ N_("events"), "events", CELL_TEXT, false },
	{ N_("severity"), "severity", CELL_TEXT, false },
	{ N_("quiet"), "quiet", CELL_TEXT, false },
	{ N_("note"), "note", CELL_TEXT, false },
	{ N_("waiting"), "waiting", CELL_NUMBER, false },
	{ N_("failed"), "failed", CELL_NUMBER, false },
	{ N_("sent"), "sent", CELL_NUMBER, false },
	{ N_("last sent"), "sent_at", CELL_AGO, false },
	{ N_("last error"), "last_error", CELL_TEXT, false },
	{ N_("at"), "last_error_at", CELL_MOMENT, false },
	{ N_("created"), "created_at", CELL_MOMENT, false },
	{ N_("changed"), "changed_at", CELL_MOMENT, false },
	{ N_("revision"), "rev", CELL_NUMBER, false },
	{ .title = NULL },
};

const struct column notice_columns[] = {
	{ N_("RAISED"), "at", CELL_AGO, false },
	{ N_("CHANNEL"), "channel", CELL_TEXT, true },
	{ N_("EVENT"), "event", CELL_TEXT, false },
	{ N_("OBJECT"), "object", CELL_TEXT, true },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("TRIES"), "attempts", CELL_NUMBER, false },
	{ N_("NEXT"), "next_at", CELL_AGO, false },
	{ N_("LAST ERROR"), "error", CELL_TEXT, true },
	{ .title = NULL },
};

static const struct column test_details[] = {
	{ N_("channel"), "channel", CELL_TEXT, false },
	{ N_("status"), "status", CELL_NUMBER, false },
	{ N_("answer"), "text", CELL_TEXT, false },
	{ N_("error"), "error", CELL_TEXT, false },
	{ N_("name"), "name_us", CELL_US, false },
	{ N_("connected"), "connect_us", CELL_US, false },
	{ N_("TLS"), "tls_us", CELL_US, false },
	{ N_("first byte"), "first_us", CELL_US, false },
	{ N_("total"), "total_us", CELL_US, false },
	{ .title = NULL },
};

void
print_notice_test(struct output *o, const struct json *data)
{
	bool ok = false;

	if (json_may_bool(data, "ok", &ok, NULL) == OK)
		out_paint(o, ok ? PAINT_GOOD : PAINT_BAD,
		    str_of(ok ? _("It was told.") : _("It was not told.")));
	fputc('\n', o->to);
	record_print(o, test_details, data);
}

void
print_cleared(struct output *o, const struct json *data)
{
	int64_t n = 0;

	(void)!json_may_i64(data, "cleared", 0, INT64_C(1) << 53, &n, NULL);
	fprintf(o->to, _("%lld removed.\n"), (long long)n);
}
