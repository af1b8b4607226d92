/* SPDX-License-Identifier: MIT */
/* accounts.c - upstream accounts and their kinds, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column account_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, true },
	{ N_("KIND"), "kind", CELL_TEXT, false },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("UNTIL"), "until_at", CELL_AGO, false },
	{ N_("PRIO"), "priority", CELL_NUMBER, false },
	{ N_("NOW"), "in_flight", CELL_NUMBER, false },
	{ N_("TRIES"), "requests", CELL_NUMBER, false },
	{ N_("FAILED"), "failures", CELL_NUMBER, false },
	{ N_("USED"), "used_at", CELL_AGO, false },
	{ N_("CREDENTIAL"), "credential_end", CELL_END, false },
	{ N_("MODELS"), "models", CELL_TEXT, true },
	{ N_("LAST ERROR"), "last_error", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column account_details[] = {
	{ N_("name"), "name", CELL_TEXT, false },
	{ N_("kind"), "kind", CELL_TEXT, false },
	{ N_("state"), "state", CELL_STATE, false },
	{ N_("until"), "until_at", CELL_MOMENT, false },
	{ N_("used last until"), "last_until_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("held because"), "held_reason", CELL_TEXT, false },
	{ N_("held by"), "held_by", CELL_OWNER, false },
	{ N_("held since"), "held_at", CELL_MOMENT, false },
	{ N_("held until"), "held_until", CELL_MOMENT, FIT_WHOLE },
	{ N_("expires"), "ends_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("signed in"), "email", CELL_TEXT, FIT_WHOLE },
	{ N_("plan"), "plan", CELL_TEXT, FIT_WHOLE },
	{ N_("project"), "project", CELL_TEXT, FIT_WHOLE },
	{ N_("project found"), "project_found", CELL_TEXT, FIT_WHOLE },
	{ N_("scopes"), "scopes", CELL_TEXT, FIT_WHOLE },
	{ N_("token until"), "expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("token of"), "renewed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("clients"), "clients", CELL_TEXT, FIT_WHOLE },
	{ N_("preamble"), "preamble", CELL_TEXT, FIT_WHOLE },
	{ N_("auth-url"), "auth_url", CELL_TEXT, FIT_WHOLE },
	{ N_("url"), "url", CELL_TEXT, false },
	{ N_("auth"), "auth", CELL_TEXT, false },
	{ N_("credential"), "credential_end", CELL_END, false },
	{ N_("models"), "models", CELL_TEXT, false },
	{ N_("priority"), "priority", CELL_NUMBER, false },
	{ N_("weight"), "weight", CELL_COUNT, FIT_WHOLE },
	{ N_("share"), "share", CELL_TEXT, FIT_WHOLE },
	{ N_("groups"), "groups", CELL_TEXT, FIT_WHOLE },
	{ N_("keys bound to it"), "bound_keys", CELL_TEXT, FIT_WHOLE },
	{ N_("max-concurrency"), "max_concurrency", CELL_COUNT, FIT_WHOLE },
	{ N_("proxy"), "proxy", CELL_TEXT, false },
	{ N_("way out"), "way", CELL_TEXT, false },
	{ N_("no way out"), "no_way", CELL_TEXT, false },
	{ N_("family"), "family", CELL_TEXT, false },
	{ N_("allow-private"), "allow_private", CELL_FLAG, false },
	{ N_("usage-inject"), "usage_inject", CELL_FLAG, false },
	{ N_("user-agent"), "user_agent", CELL_TEXT, false },
	{ N_("headers"), "headers", CELL_TEXT, FIT_WHOLE },
	{ N_("stop-at"), "stop_at", CELL_TEXT, FIT_WHOLE },
	{ N_("cooldown"), "cooldown", CELL_TEXT, FIT_WHOLE },
	{ N_("protect"), "protect", CELL_TEXT, FIT_WHOLE },
	{ N_("serial"), "serial", CELL_FLAG, FIT_WHOLE },
	{ N_("serves the turn of"), "turn", CELL_TEXT, FIT_WHOLE },
	{ N_("rate"), "rate", CELL_TEXT, false },
	{ N_("note"), "note", CELL_TEXT, false },
	{ N_("in flight"), "in_flight", CELL_NUMBER, false },
	{ N_("draining"), "draining", CELL_FLAG, false },
	{ N_("sessions"), "sessions", CELL_NUMBER, FIT_WHOLE },
	{ N_("tries"), "requests", CELL_NUMBER, false },
	{ N_("failed"), "failures", CELL_NUMBER, false },
	{ N_("used"), "used_at", CELL_AGO, false },
	{ N_("last error"), "last_error", CELL_TEXT, false },
	{ N_("at"), "last_error_at", CELL_MOMENT, false },
	{ N_("created"), "created_at", CELL_MOMENT, false },
	{ N_("changed"), "changed_at", CELL_MOMENT, false },
	{ N_("revision"), "rev", CELL_NUMBER, false },
	{ .title = NULL },
};

const struct column identity_details[] = {
	{ N_("account"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("kind"), "kind", CELL_TEXT, FIT_WHOLE },
	{ N_("signed in"), "email", CELL_TEXT, FIT_WHOLE },
	{ N_("plan"), "plan", CELL_TEXT, FIT_WHOLE },
	{ N_("organisation"), "organization", CELL_TEXT, FIT_WHOLE },
	{ N_("project"), "project_found", CELL_TEXT, FIT_WHOLE },
	{ N_("scopes"), "scopes", CELL_TEXT, FIT_WHOLE },
	{ N_("token until"), "expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("token ended"), "expired_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("renewed"), "renews", CELL_FLAG, FIT_WHOLE },
	{ N_("now"), "hint", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

const struct column signin_columns[] = {
	{ N_("ID"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("ACCOUNT"), "name", CELL_TEXT, FIT_CUT },
	{ N_("KIND"), "kind", CELL_TEXT, FIT_WHOLE },
	{ N_("AGAIN"), "again", CELL_FLAG, FIT_DROP },
	{ N_("WAITS FOR"), "state", CELL_TEXT, FIT_WHOLE },
	{ N_("LEFT"), "left_ms", CELL_MS, FIT_WHOLE },
	{ N_("BY"), "uid", CELL_UID, FIT_DROP },
	{ .title = NULL },
};

const struct column oauth_client_columns[] = {
	{ N_("OPTION"), "option", CELL_TEXT, FIT_WHOLE },
	{ N_("SECRET"), "secret", CELL_FLAG, FIT_WHOLE },
	{ N_("BY SYSTEMD"), "given", CELL_FLAG, FIT_WHOLE },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_CUT },
	{ N_("KINDS"), "kinds", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column account_model_columns[] = {
	{ N_("MODEL"), "model", CELL_TEXT, true },
	{ N_("THERE"), "there", CELL_TEXT, true },
	{ N_("SERVED"), "served", CELL_FLAG, FIT_WHOLE },
	{ N_("NOT OF PLAN"), "not_of", CELL_TEXT, FIT_WHOLE },
	{ N_("KNOWN"), "known", CELL_FLAG, FIT_WHOLE },
	{ N_("TOLD"), "told", CELL_FLAG, FIT_WHOLE },
	{ N_("PRICED"), "priced", CELL_FLAG, FIT_WHOLE },
	{ .title = NULL },
};

const struct column window_columns[] = {
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_CUT },
	{ N_("WINDOW"), "window", CELL_TEXT, FIT_WHOLE },
	{ N_("USED"), "used_ppm", CELL_PPM, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_STATE, FIT_WHOLE },
	{ N_("RESETS"), "reset_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("FULL"), "full_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("STOPS NEW"), "stop_until_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("TOLD"), "told_at", CELL_AGO, FIT_WHOLE },
	{ .title = NULL },
};

const struct column gate_columns[] = {
	{ N_("GATE"), "gate", CELL_STATE, false },
	{ N_("OF"), "family", CELL_TEXT, FIT_CUT },
	{ N_("OPENS"), "until_at", CELL_AGO, false },
	{ N_("REASON"), "reason", CELL_TEXT, true },
	{ .title = NULL },
};

static const struct column ring_columns[] = {
	{ N_("KEY"), "end", CELL_END, false },
	{ N_("STATE"), "state", CELL_STATE, false },
	{ N_("SINCE"), "since_at", CELL_MOMENT, false },
	{ N_("UNTIL"), "until_at", CELL_AGO, false },
	{ N_("TRIES"), "requests", CELL_NUMBER, false },
	{ N_("REASON"), "reason", CELL_TEXT, true },
	{ .title = NULL },
};

const struct column kind_columns[] = {
	{ N_("KIND"), "name", CELL_TEXT, false },
	{ N_("WHAT"), "label", CELL_TEXT, false },
	{ N_("URL"), "url", CELL_TEXT, true },
	{ .title = NULL },
};

static const struct column field_columns[] = {
	{ N_("FIELD"), "name", CELL_TEXT, false },
	{ N_("TYPE"), "type", CELL_TEXT, false },
	{ N_("REQUIRED"), "required", CELL_FLAG, false },
	{ N_("CHOICES"), "choices", CELL_TEXT, false },
	{ N_("WHAT"), "help", CELL_TEXT, true },
	{ .title = NULL },
};

static void
print_rows(struct output *o, const struct column *columns,
    const struct json *rows)
{
	struct table t;

	table_init(&t, columns);
	table_add_all(&t, o, rows);
	table_print(&t, o);
	table_fini(&t);
}

void
print_account(struct output *o, const struct json *data)
{
	const struct json *gates = json_at(data, "gates");
	const struct json *keys = json_at(data, "keys");

	record_print(o, account_details, data);
	if (json_count(keys) > 0) {
		fputc('\n', o->to);
		print_rows(o, ring_columns, keys);
	}
	if (json_count(gates) > 0) {
		fputc('\n', o->to);
		print_rows(o, gate_columns, gates);
	}
}

/* All kinds are a table, one alone tells its fields. */
void
print_kinds(struct output *o, const struct json *data)
{
	const struct json *only = json_first(data);

	print_rows(o, kind_columns, data);
	if (json_count(data) != 1)
		return;
	fputc('\n', o->to);
	print_rows(o, field_columns, json_at(only, "fields"));
}

const struct column account_test_details[] = {
	{ N_("account"), "account", CELL_TEXT, false },
	{ N_("model"), "model", CELL_TEXT, false },
	{ N_("answered by"), "answered_by", CELL_TEXT, false },
	{ N_("dialect"), "dialect", CELL_TEXT, false },
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

static const struct column token_details[] = {
	{ N_("tokens in"), "input", CELL_NUMBER, false },
	{ N_("tokens out"), "output", CELL_NUMBER, false },
	{ .title = NULL },
};

void
print_account_test(struct output *o, const struct json *data)
{
	bool ok = false;

	if (json_may_bool(data, "ok", &ok, NULL) == OK)
		out_paint(o, ok ? PAINT_GOOD : PAINT_BAD,
		    str_of(ok ? _("It works.") : _("It does not work.")));
	fputc('\n', o->to);
	record_print(o, account_test_details, data);
	if (json_at(data, "usage"))
		record_print(o, token_details, json_at(data, "usage"));
}
