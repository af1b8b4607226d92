/* SPDX-License-Identifier: MIT */
/* oauth_clients.c - control methods about the OAuth clients of relayd.conf:
 * their ids are shown, their secrets only taken. */
#include "relayd/clientsecret.h"
#include "relayd/conf.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/provider.h"

static bool
is_client(const struct conf_row *row)
{
	return str_ends(str_of(row->name), STR("_client"));
}

/* "claude-oauth, claude-setup-token" */
static void
put_kinds(struct json_out *j, int option)
{
	const struct provider *p;

	json_put_key(j, "kinds");
	json_open(j, '[');
	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (p->oauth && p->oauth->client_option == option)
			json_put_string(j, str_of(p->name));
	json_close(j, ']');
}

void
ctl_oauth_client_list(struct ctl_call *c)
{
	const struct client_secrets *secrets = c->daemon->client_secrets;
	struct json_out *j = &c->out;

	json_open(j, '[');
	for (int i = 0; i < CONF_NR; i++) {
		struct conf_row row;

		conf_row(c->daemon->conf, (enum conf_option)i, &row);
		if (!is_client(&row))
			continue;
		json_open(j, '{');
		json_say(j, "option", str_of(row.name));
		json_say(j, "client", str_of(row.value));
		json_say_bool(j, "secret",
		    client_secret_of(secrets, str_of(row.name)).len > 0);
		json_say_bool(j, "given",
		    client_secret_is_given(secrets, str_of(row.name)));
		put_kinds(j, i);
		json_close(j, '}');
	}
	json_close(j, ']');
	ctl_answer(c, 0, STR(""));
}

static void
on_done(void *arg, enum err e, const struct why *why)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "option", ctl_text(c, "option"));
	json_say_bool(&c->out, "secret",
	    client_secret_of(c->daemon->client_secrets, ctl_text(c, "option"))
		    .len > 0);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* Refuses the call when there is no such client. */
static bool
check_option(struct ctl_call *c)
{
	struct str option = ctl_text(c, "option");

	for (int i = 0; i < CONF_NR; i++) {
		struct conf_row row;

		conf_row(c->daemon->conf, (enum conf_option)i, &row);
		if (is_client(&row) && str_eq(str_of(row.name), option))
			return true;
	}
	ctl_refusef(c, ERR_UNKNOWN, "option",
	    "there is no OAuth client \"%.*s\"; `relayctl oauth client list` "
	    "lists them",
	    STR_ARG(str_first(option, 40)));
	return false;
}

void
ctl_oauth_client_set(struct ctl_call *c)
{
	struct str secret = str_trim(ctl_text(c, "secret"));
	const struct audit_who who = ctl_who(c);
	struct why why = { .text = "" };
	enum err e;

	if (!check_option(c))
		return;
	e = ctl_check_text(secret, 2048, "secret", &why);
	if (!e && !secret.len)
		e = why_set(&why, ERR_VALUE, "secret", "the secret is empty");
	if (e)
		ctl_refuse(c, e, &why);
	else
		client_secret_set(c->daemon->client_secrets,
		    ctl_text(c, "option"), secret, &who, on_done, c);
}

void
ctl_oauth_client_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);

	if (check_option(c))
		client_secret_set(c->daemon->client_secrets,
		    ctl_text(c, "option"), STR(""), &who, on_done, c);
}
