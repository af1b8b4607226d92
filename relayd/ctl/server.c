/* SPDX-License-Identifier: MIT */
/* server.c - control methods about the daemon itself. */
#include <signal.h>
#include <stdio.h>

#include "proto/version.h"

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/conf.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/drain.h"
#include "relayd/ledger.h"
#include "relayd/listen.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/route.h"

/* --- status ---------------------------------------------------------------- */

static void
put_listeners(struct json_out *j, const struct daemon *d)
{
	char text[64];

	json_put_key(j, "listeners");
	json_open(j, '[');
	for (size_t i = 0; d->listeners && listener_text(d->listeners, i, text);
	     i++)
		json_put_string(j, str_of(text));
	json_close(j, ']');
}

static void
put_counters(struct json_out *j, const struct daemon *d)
{
	const struct counter_row *row;

	json_put_key(j, "counters");
	json_open(j, '{');
	for (unsigned i = 0; (row = counter_at(i)); i++)
		json_say_i64(j, row->name,
		    (int64_t)counter_get(&d->counters, row));
	json_close(j, '}');
}

/* How many accounts are in each state, "ready" and "held" always told. */
static void
put_accounts(struct json_out *j, const struct daemon *d)
{
	unsigned ready = 0, held = 0, shut[GATE_COUNT] = { 0 }, in_flight = 0;
	const struct account *a;
	int64_t until;

	TAILQ_FOREACH (a, &d->pool->accounts, link) {
		const char *state = account_state(a, loop_ms(d->loop), &until);

		in_flight += a->in_flight;
		ready += !strcmp(state, "ready");
		held += !strcmp(state, "held");
		for (int g = 0; g < GATE_COUNT; g++)
			shut[g] += !strcmp(state, gate_name((enum gate)g));
	}
	json_put_key(j, "accounts");
	json_open(j, '{');
	json_say_i64(j, "total", d->pool->count);
	json_say_i64(j, "in_flight", in_flight);
	json_say_i64(j, "ready", ready);
	json_say_i64(j, "held", held);
	for (int g = 0; g < GATE_COUNT; g++)
		if (shut[g])
			json_say_i64(j, gate_name((enum gate)g), shut[g]);
	json_close(j, '}');
}

static void
put_keys(struct json_out *j, const struct daemon *d)
{
	unsigned active = 0, unused = 0, disabled = 0, expired = 0, owner = 0;
	const struct apikey *k;

	TAILQ_FOREACH (k, &d->keys->keys, link) {
		const char *state = apikey_state(k, clock_wall_ms());

		active += !strcmp(state, "active");
		unused += !strcmp(state, "unused");
		disabled += !strcmp(state, "disabled");
		expired += !strcmp(state, "expired");
		owner += !strcmp(state, "owner-disabled");
	}
	json_put_key(j, "keys");
	json_open(j, '{');
	json_say_i64(j, "total", d->keys->count);
	json_say_i64(j, "active", active);
	json_say_i64(j, "unused", unused);
	json_say_i64(j, "disabled", disabled);
	json_say_i64(j, "expired", expired);
	json_say_i64(j, "owner_disabled", owner);
	json_close(j, '}');
}

static void
put_store(struct json_out *j, const struct daemon *d)
{
	struct store_stats s;

	store_get_stats(d->store, &s);
	json_put_key(j, "store");
	json_open(j, '{');
	json_say_i64(j, "used_bytes", (int64_t)s.used_bytes);
	json_say_i64(j, "map_bytes", (int64_t)s.map_bytes);
	json_say_i64(j, "commits", (int64_t)s.commits);
	json_say_i64(j, "jobs", (int64_t)s.jobs);
	json_say_i64(j, "failures", (int64_t)s.failures);
	json_say_i64(j, "commit_last_us", (int64_t)s.commit_ns_last / 1000);
	json_say_i64(j, "commit_max_us", (int64_t)s.commit_ns_max / 1000);
	json_say(j, "trouble", str_of(s.trouble.text));
	if (d->ledger) {
		json_say_i64(j, "journal_percent", ledger_fill(d->ledger));
		json_say_bool(j, "journal_tight", ledger_is_tight(d->ledger));
	}
	json_close(j, '}');
}

void
ctl_status(struct ctl_call *c)
{
	const struct daemon *d = c->daemon;
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "version", str_of(relayd_version));
	json_say_i64(j, "started_at", d->started_wall_ms);
	json_say_i64(j, "uptime_ms", loop_ms(d->loop) - d->started_ms);
	json_say_bool(j, "draining", d->draining);
	json_say_i64(j, "draining_since_at",
	    d->drain ? drain_since(d->drain) : 0);
	put_listeners(j, d);
	json_say(j, "config", str_of(d->conf->file));
	put_accounts(j, d);
	put_keys(j, d);
	put_counters(j, d);
	put_store(j, d);
	json_say_i64(j, "loop_longest_us",
	    loop_take_longest_us(c->daemon->loop));
	json_say_i64(j, "log_dropped", (int64_t)log_dropped());
	json_say_bool(j, "sandbox", d->conf->sandbox);
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_version(struct ctl_call *c)
{
	json_open(&c->out, '{');
	json_say(&c->out, "version", str_of(relayd_version));
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_whoami(struct ctl_call *c)
{
	json_open(&c->out, '{');
	json_say_i64(&c->out, "uid", (int64_t)c->peer.uid);
	json_say_i64(&c->out, "pid", (int64_t)c->peer.pid);
	json_say(&c->out, "role", str_of(ctl_role_name(c->peer.role)));
	/* Whoever has a key must know where to go with it. */
	put_listeners(&c->out, c->daemon);
	/* What is asked about a day is answered about a day of this zone. */
	json_say(&c->out, "zone", str_of(c->daemon->conf->timezone));
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_routes(struct ctl_call *c)
{
	struct json_out *j = &c->out;
	const struct route *r;

	json_open(j, '[');
	for (unsigned i = 0; (r = route_at(i)); i++) {
		json_open(j, '{');
		json_say(j, "methods", str_of(r->methods));
		json_say(j, "path", str_of(r->pattern));
		json_say(j, "dialect", str_of(r->dialect->name));
		json_say(j, "op", str_of(op_name(r->op)));
		json_say_bool(j, "needs_key", !r->open);
		json_close(j, '}');
	}
	json_close(j, ']');
	ctl_answer(c, 0, STR(""));
}

void
ctl_event_stop(struct ctl_call *c)
{
	enum err e = ctl_unsubscribe(c, ctl_number(c, "sub"));

	if (e)
		ctl_refuse(c, e, NULL);
	else
		ctl_answer(c, 0, STR(""));
}

/* --- the configuration file ------------------------------------------------ */

void
ctl_config_show(struct ctl_call *c)
{
	const struct conf *conf = c->daemon->conf;
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "file", str_of(conf->file));
	json_put_key(j, "options");
	json_open(j, '[');
	for (int i = 0; i < CONF_NR; i++) {
		struct conf_row row;

		conf_row(conf, (enum conf_option)i, &row);
		json_open(j, '{');
		json_say(j, "name", str_of(row.name));
		json_say(j, "value", str_of(row.value));
		json_say(j, "default", str_of(row.preset));
		json_say(j, "origin", row.line ? STR("file") : STR("default"));
		if (row.line)
			json_say_i64(j, "line", row.line);
		json_say_bool(j, "needs_restart", row.needs_restart);
		json_say(j, "help", str_of(row.help));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
}

/* What would change if `fresh` came into force. */
static void
put_conf_changes(struct json_out *j, const struct conf *old,
    const struct conf *fresh)
{
	enum conf_option changed[CONF_NR];
	size_t count = conf_diff(old, fresh, changed);

	json_open(j, '{');
	json_say(j, "file", str_of(fresh->file));
	json_put_key(j, "changes");
	json_open(j, '[');
	for (size_t i = 0; i < count; i++) {
		struct conf_row from, to;

		conf_row(old, changed[i], &from);
		conf_row(fresh, changed[i], &to);
		json_open(j, '{');
		json_say(j, "field", str_of(to.name));
		json_say(j, "from", str_of(from.value));
		json_say(j, "to", str_of(to.value));
		json_say_bool(j, "needs_restart", to.needs_restart);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static enum err
read_conf(const struct ctl_call *c, const struct conf **out,
    struct why *out_why)
{
	struct str path = ctl_text(c, "path");
	char name[4096];

	if (!path.len)
		return conf_reread(c->daemon->conf, out, out_why);
	if (path.at[0] != '/' || path.len >= sizeof(name))
		return why_set(out_why, ERR_VALUE, "path",
		    "the path must begin with a slash: it is the daemon that "
		    "reads it");
	snprintf(name, sizeof(name), "%.*s", STR_ARG(path));
	return conf_read(name, out, out_why);
}

/* Do the groups it names exist?  Gives it up when they do not. */
static enum err
check_groups(const struct conf *conf, struct why *out_why)
{
	struct peer_groups groups;
	enum err e = peer_groups_find(conf, &groups, out_why);

	if (e)
		conf_unref(conf);
	return e;
}

void
ctl_config_check(struct ctl_call *c)
{
	const struct conf *fresh = NULL;
	struct why why;
	enum err e = read_conf(c, &fresh, &why);

	if (!e)
		e = check_groups(fresh, &why);

	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	put_conf_changes(&c->out, c->daemon->conf, fresh);
	conf_unref(fresh);
	ctl_answer(c, 0, STR(""));
}

/* The same way as from outside, so that there is only one; but whoever asks
 * here hears at once what is wrong with the file. */
void
ctl_reload(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct conf *fresh = NULL;
	struct why why;
	enum err e = conf_reread(c->daemon->conf, &fresh, &why);

	if (!e)
		e = check_groups(fresh, &why);
	if (!e) {
		put_conf_changes(&c->out, c->daemon->conf, fresh);
		conf_unref(fresh);
		audit_post(c->daemon->store, &who, "daemon", STR("relayd.conf"),
		    STR("read again"));
		if (raise(SIGHUP))
			e = why_set(&why, ERR_IO, "", "no signal can be sent");
	}
	if (e)
		ctl_refuse(c, e, &why);
	else
		ctl_answer(c, 0, STR(""));
}
