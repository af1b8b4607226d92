/* SPDX-License-Identifier: MIT */
/* clients.c - control methods about the programs that keys can be for, and
 * about those that were seen. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/client.h"
#include "relayd/control.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"

/* Names that a refusal tells. */
#define NAMES_MAX 200

/* --- looking --------------------------------------------------------------- */

static unsigned
keys_for(const struct ctl_call *c, struct str name)
{
	const struct apikey *k;
	unsigned n = 0;

	TAILQ_FOREACH (k, &c->daemon->keys->keys, link) {
		struct str rest = k->rec.clients, one;

		while (str_list_next(&rest, &one))
			n += str_eq(one, name);
	}
	return n;
}

static void
put_rule(struct ctl_call *c, const struct client_rule *rule)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "name", str_of(rule->name));
	json_say(j, "label", str_of(rule->label));
	json_say(j, "ua", str_of(rule->agents));
	json_say(j, "path", str_of(rule->paths));
	json_say(j, "field", str_of(rule->field ? rule->field : ""));
	json_say(j, "value", str_of(rule->value ? rule->value : ""));
	json_say_bool(j, "added", false);
	json_say_i64(j, "keys", keys_for(c, str_of(rule->name)));
	json_close(j, '}');
}

static void
put_client(struct ctl_call *c, const struct client *client)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	ctl_put_rec(j, &client_kind, &client->rec);
	json_say_bool(j, "added", true);
	json_say_i64(j, "keys", keys_for(c, client->rec.name));
	json_close(j, '}');
}

void
ctl_client_list(struct ctl_call *c)
{
	const struct client_rule *rule;
	const struct client *client;

	/* Together they are fewer than a page has room for. */
	json_open(&c->out, '[');
	for (unsigned i = 0; (rule = client_rule_at(i)); i++)
		put_rule(c, rule);
	TAILQ_FOREACH (client, &c->daemon->clients->list, link)
		put_client(c, client);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

static void
put_seen(struct ctl_call *c, const struct client_seen *s)
{
	struct str says = str_of(s->says);
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "product", str_of(s->name));
	json_say(j, "client",
	    s->says[0] ? client_of(c->daemon->clients, says) : STR(""));
	json_say_i64(j, "requests", (int64_t)s->requests);
	json_say_i64(j, "at", s->at_wall_ms);
	json_say(j, "ua", says);
	json_close(j, '}');
}

void
ctl_client_seen(struct ctl_call *c)
{
	const struct client_seen *s;
	uint64_t from = 0, i = 0;
	char next[24] = "";
	unsigned n = 0;

	if (c->cursor.len && str_u64(c->cursor, &from)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "no such page");
		return;
	}
	json_open(&c->out, '[');
	TAILQ_FOREACH (s, &c->daemon->clients->seen, link) {
		if (i++ < from)
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu",
			    (unsigned long long)(i - 1));
			break;
		}
		put_seen(c, s);
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

/* --- changing -------------------------------------------------------------- */

static void
on_added(void *arg, enum err e, const struct why *why, struct client *client)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_client(c, client);
	ctl_answer(c, client->rec.rev, STR(""));
}

void
ctl_client_add(struct ctl_call *c)
{
	const struct client_rec r = { .name = str_trim(ctl_text(c, "name")),
		.ua = str_trim(ctl_text(c, "ua")),
		.path = str_trim(ctl_text(c, "path")),
		.note = str_trim(ctl_text(c, "note")) };
	const struct audit_who who = ctl_who(c);
	struct clients *cs = c->daemon->clients;
	struct why why;
	enum err e = client_check(cs, &r, &why);

	if (!e && client_find(cs, r.name))
		e = why_set(&why, ERR_EXISTS, "name",
		    "there is a client %.*s already", STR_ARG(r.name));
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (!c->dry_run) {
		client_add(cs, &r, &who, on_added, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", r.name);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* A key that is for a client that is not there would be for nobody. */
static enum err
check_unused(const struct ctl_call *c, struct str name, struct why *out_why)
{
	const struct apikey *k;
	char names[NAMES_MAX] = "";
	size_t n = 0;

	TAILQ_FOREACH (k, &c->daemon->keys->keys, link) {
		struct str rest = k->rec.clients, one;

		while (str_list_next(&rest, &one))
			if (str_eq(one, name) &&
			    n + k->rec.name.len + 3 < sizeof(names))
				n += (size_t)snprintf(names + n,
				    sizeof(names) - n, "%s%.*s", n ? ", " : "",
				    STR_ARG(k->rec.name));
	}
	return n ? why_set(out_why, ERR_BUSY, "name",
		       "keys are for this client: %s", names)
		 : OK;
}

static void
put_removed(struct ctl_call *c, struct str name, const char *word)
{
	json_open(&c->out, '{');
	json_say(&c->out, "name", name);
	json_say_bool(&c->out, word, true);
	json_close(&c->out, '}');
}

static void
on_removed(void *arg, enum err e, const struct why *why, struct client *client)
{
	struct ctl_call *c = arg;

	(void)client;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	put_removed(c, ctl_text(c, "name"), "removed");
	ctl_answer(c, 0, STR(""));
}

void
ctl_client_rm(struct ctl_call *c)
{
	struct clients *cs = c->daemon->clients;
	const struct client *client = client_find(cs, ctl_text(c, "name"));
	const struct audit_who who = ctl_who(c);
	struct why why;
	enum err e;

	if (!client) {
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "no client \"%.*s\" was added",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
		return;
	}
	e = ctl_check_rev(c, client->rec.rev, &why);
	if (!e)
		e = check_unused(c, client->rec.name, &why);
	if (e) {
		ctl_refuse(c, e, &why);
	} else if (c->dry_run) {
		put_removed(c, client->rec.name, "dry_run");
		ctl_answer(c, client->rec.rev, STR(""));
	} else {
		client_delete(cs, client->rec.name, c->if_rev, &who, on_removed,
		    c);
	}
}
