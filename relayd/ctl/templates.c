/* SPDX-License-Identifier: MIT */
/* templates.c - control methods about templates: records of keys without a
 * value, which nobody can use and others are made like. */
#include <stdio.h>
#include <string.h>

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_limit.h"
#include "relayd/daemon.h"
#include "relayd/trash.h"

static struct apikey *
want_template(struct ctl_call *c)
{
	struct str said = ctl_text(c, "template");
	struct apikey *k = keyring_find_template(c->daemon->keys, said);

	if (!k)
		ctl_refusef(c, ERR_UNKNOWN, "template",
		    "there is no template \"%.*s\"; `template ls` lists them",
		    STR_ARG(str_first(said, 60)));
	return k;
}

void
ctl_template_list(struct ctl_call *c)
{
	ctl_list_keys(c, &c->daemon->keys->templates);
}

void
ctl_template_show(struct ctl_call *c)
{
	const struct apikey *k = want_template(c);
	struct why why;
	enum err e;

	if (!k)
		return;
	e = ctl_put_template(c, k, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		ctl_answer(c, k->rec.rev, STR(""));
}

void
ctl_template_set(struct ctl_call *c)
{
	struct apikey *k = want_template(c);
	char tags[CTL_TAGS_SIZE];
	struct apikey_rec r;
	struct why why;
	enum err e;

	if (!k)
		return;
	r = k->rec;
	e = ctl_take_key(c, &r, tags, &why);
	ctl_finish_key(c, k, &r, e, &why);
}

static void
on_removed(void *arg, enum err e, const struct why *why, unsigned count)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "template", ctl_text(c, "template"));
	json_say_bool(&c->out, "removed", count > 0);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* The one that people's keys are made like stays: without it they could make
 * none. */
static enum err
check_unneeded(const struct ctl_call *c, const struct apikey_rec *r,
    struct why *out_why)
{
	struct str name = str_of(c->daemon->settings.self_keys_template);

	if (!str_eq(name, r->name) && !str_eq(name, r->id))
		return OK;
	return why_set(out_why, ERR_BUSY, "template",
	    "new keys of people are made like it (setting "
	    "self_keys_template)");
}

void
ctl_template_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct apikey *k = want_template(c);
	struct why why;
	enum err e;

	if (!k)
		return;
	e = ctl_check_rev(c, k->rec.rev, &why);
	if (!e)
		e = check_unneeded(c, &k->rec, &why);
	if (e) {
		ctl_refuse(c, e, &why);
	} else if (c->dry_run) {
		json_open(&c->out, '{');
		json_say(&c->out, "id", k->rec.id);
		json_say(&c->out, "name", k->rec.name);
		json_say_bool(&c->out, "dry_run", true);
		json_close(&c->out, '}');
		ctl_answer(c, k->rec.rev, STR(""));
	} else {
		trash_purge(c->daemon->keys, c->daemon->budgets, &k->rec.id, 1,
		    &who, on_removed, c);
	}
}
