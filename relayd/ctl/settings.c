/* SPDX-License-Identifier: MIT */
/* settings.c - control methods about what can be tuned while relayd runs.  A
 * setting is in force when the store has it. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/dial.h"
#include "relayd/keycopy.h"
#include "relayd/proxy.h"
#include "relayd/setting.h"
#include "relayd/trash.h"

static void
put_setting_members(struct json_out *j, const struct settings *s,
    enum setting nr)
{
	const struct setting_row *row = setting_row(nr);
	char value[SETTING_VALUE];

	settings_text(s, nr, value);
	json_say(j, "name", str_of(row->name));
	json_say(j, "value", str_of(value));
	json_say(j, "default", str_of(row->value));
	json_say_bool(j, "is_default", settings_is_default(s, nr));
	json_say(j, "least", str_of(row->least));
	json_say(j, "most", str_of(row->most));
	json_say(j, "unit", str_of(row->unit));
	json_say(j, "help", str_of(row->help));
}

static void
put_setting(struct json_out *j, const struct settings *s, enum setting nr)
{
	json_open(j, '{');
	put_setting_members(j, s, nr);
	json_close(j, '}');
}

void
ctl_setting_list(struct ctl_call *c)
{
	json_open(&c->out, '[');
	for (int nr = 0; nr < SETTING_NR; nr++)
		put_setting(&c->out, &c->daemon->settings, (enum setting)nr);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

/* --- changing -------------------------------------------------------------- */

struct change {
	struct job job;
	struct ctl_call *call;
	struct audit_who who;
	enum setting nr;
	char value[SETTING_VALUE], before[SETTING_VALUE];
	bool unset;
	bool wipes; /* copies of values */
	unsigned wiped;
};

static enum err
note_change(const struct change *ch, struct txn *t, struct str name,
    struct why *out_why)
{
	char text[sizeof(ch->value) + SETTING_VALUE + 16];
	int n = snprintf(text, sizeof(text), "value: %s -> %s", ch->before,
	    ch->unset ? setting_row(ch->nr)->value : ch->value);

	return audit_write_text(t, &ch->who, "setting", name,
	    str_at(text, (size_t)n), out_why);
}

static enum err
change_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	struct str name = str_of(setting_row(ch->nr)->name);
	enum err e;

	e = note_change(ch, t, name, out_why);
	if (e)
		return e;
	if (!ch->unset)
		return txn_put(t, TABLE_setting, name, str_of(ch->value));
	e = txn_del(t, TABLE_setting, name);
	return e == ERR_UNKNOWN ? OK : e;
}

static enum err
apply(const struct change *ch, struct settings *s, struct why *out_why)
{
	const struct setting_row *row = setting_row(ch->nr);

	return settings_set(s, str_of(row->name),
	    str_of(ch->unset ? row->value : ch->value), out_why);
}

static void
answer_change(struct change *take_ch)
{
	struct ctl_call *c = take_ch->call;

	json_open(&c->out, '{');
	put_setting_members(&c->out, &c->daemon->settings, take_ch->nr);
	if (take_ch->wipes)
		json_say_i64(&c->out, "wiped", take_ch->wiped);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
	free(take_ch);
}

static void
on_wiped(void *arg, enum err e, const struct why *why, unsigned count)
{
	struct change *ch = arg;
	struct ctl_call *c = ch->call;

	if (e) {
		ctl_refusef(c, e, "value",
		    "copies are kept no longer, but not all there were could "
		    "be wiped (%s); set it once more, or restart relayd",
		    why->text[0] ? why->text : err_text(e));
		free(ch);
		return;
	}
	ch->wipes = true;
	ch->wiped = count;
	answer_change(ch);
}

static void
change_done(struct job *j)
{
	struct change *ch = (struct change *)j;
	struct ctl_call *c = ch->call;
	enum err e = j->result;

	if (!e)
		e = apply(ch, &c->daemon->settings, &j->why);
	if (e) {
		ctl_refuse(c, e, &j->why);
	} else {
		/* Those that are kept elsewhere as well. */
		if (c->daemon->dialer)
			dialer_set_connect_wait(c->daemon->dialer,
			    (unsigned)c->daemon->settings.connect_wait_ms);
		if (ch->nr == SETTING_NR_proxy_default)
			proxies_set_default(c->daemon->proxies,
			    c->daemon->settings.proxy_default);
		if (ch->nr == SETTING_NR_trash_keep)
			trash_tend(c->daemon->keys, c->daemon->budgets,
			    c->daemon->settings.trash_keep_ms);
		if (ch->nr == SETTING_NR_reveal && !c->daemon->settings.reveal)
			keycopy_wipe(c->daemon->store, &ch->who, on_wiped, ch);
		else
			answer_change(ch);
		return;
	}
	free(ch);
}

/* A default that is not there would close the way of everybody. */
static enum err
check_proxy(const struct ctl_call *c, const struct settings *s,
    struct why *out_why)
{
	struct str name = str_of(s->proxy_default);

	if (!name.len || proxy_find(c->daemon->proxies, name))
		return OK;
	return why_set(out_why, ERR_UNKNOWN, "value",
	    "there is no proxy \"%s\"; `relayctl proxy list` shows them",
	    s->proxy_default);
}

static enum err
check_template(const struct ctl_call *c, const struct settings *s,
    struct why *out_why)
{
	struct str name = str_of(s->self_keys_template);
	const struct apikey *model =
	    name.len ? keyring_find_template(c->daemon->keys, name) : NULL;

	if (name.len && !model)
		model = keyring_find(c->daemon->keys, name);

	if (!name.len || (model && !model->rec.self_made))
		return OK;
	return why_set(out_why, ERR_UNKNOWN, "value",
	    model ? "the key \"%s\" was made by a person for themselves; take "
		    "one of an operator's"
		  : "there is no key \"%s\"; `relayctl key list` shows them",
	    s->self_keys_template);
}

static void
change(struct ctl_call *c, bool unset)
{
	struct settings rehearsal = c->daemon->settings;
	struct change *ch = xcalloc(1, sizeof(*ch));
	struct why why;
	enum err e;

	ch->call = c;
	ch->who = ctl_who(c);
	ch->unset = unset;
	ch->job.work = change_work;
	ch->job.done = change_done;
	snprintf(ch->value, sizeof(ch->value), "%.*s",
	    STR_ARG(str_first(ctl_text(c, "value"), SETTING_VALUE - 1)));
	e = setting_find(ctl_text(c, "name"), &ch->nr, &why);
	if (!e && ctl_text(c, "value").len >= sizeof(ch->value))
		e = why_set(&why, ERR_LIMIT, "value", "the value is too long");
	if (!e)
		e = apply(ch, &rehearsal, &why);
	if (!e && ch->nr == SETTING_NR_proxy_default)
		e = check_proxy(c, &rehearsal, &why);
	if (!e && ch->nr == SETTING_NR_self_keys_template)
		e = check_template(c, &rehearsal, &why);
	if (!e && !c->dry_run) {
		settings_text(&c->daemon->settings, ch->nr, ch->before);
		store_post(c->daemon->store, LANE_WRITE, &ch->job);
		return;
	}
	if (e) {
		ctl_refuse(c, e, &why);
	} else {
		put_setting(&c->out, &rehearsal, ch->nr);
		ctl_answer(c, 0, STR(""));
	}
	free(ch);
}

void
ctl_setting_set(struct ctl_call *c)
{
	change(c, false);
}

void
ctl_setting_unset(struct ctl_call *c)
{
	change(c, true);
}
