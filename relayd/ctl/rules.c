/* SPDX-License-Identifier: MIT */
/* rules.c - control methods about what failures mean: operators' rules, and
 * which of them, or of the table's rows, judges an answer. */
#include <stdio.h>
#include <stdlib.h>

#include "relayd/control.h"
#include "relayd/ctl_limit.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/price_table.h"
#include "relayd/provider.h"
#include "relayd/rule.h"
#include "relayd/unit.h"

#define BODY_MAX (256 * 1024)

static void
put_rule(struct ctl_call *c, const struct rule_rec *r, uint64_t judged)
{
	struct json_out *j = &c->out;
	char text[UNIT_TEXT];

	json_open(j, '{');
	ctl_put_rec(j, &rule_kind, r);
	snprintf(text, sizeof(text), r->from == r->to ? "%llu" : "%llu-%llu",
	    (unsigned long long)r->from, (unsigned long long)r->to);
	json_say(j, "status", str_of(text));
	if (r->rest_ms) {
		unit_write_ms((int64_t)r->rest_ms, text);
		json_say(j, "for", str_of(text));
	}
	json_say_i64(j, "judged", (int64_t)judged);
	json_close(j, '}');
}

static struct rule *
find_or_refuse(struct ctl_call *c)
{
	struct str id = ctl_text(c, "rule");
	struct rule *r = rule_find(c->daemon->rules, id);

	if (!r)
		ctl_refusef(c, ERR_UNKNOWN, "rule",
		    "there is no rule \"%.*s\"; `rule ls` shows those there "
		    "are",
		    STR_ARG(str_first(id, 60)));
	return r;
}

void
ctl_rule_list(struct ctl_call *c)
{
	const struct rule *r;

	json_open(&c->out, '[');
	TAILQ_FOREACH (r, &c->daemon->rules->list, link)
		put_rule(c, &r->rec, r->judged);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

void
ctl_rule_show(struct ctl_call *c)
{
	const struct rule *r = find_or_refuse(c);

	if (!r)
		return;
	put_rule(c, &r->rec, r->judged);
	ctl_answer(c, r->rec.rev, STR(""));
}

/* --- changing -------------------------------------------------------------- */

static void
on_saved(void *arg, enum err e, const struct why *why, struct rule *r)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	if (!r) {
		json_open(&c->out, '{');
		json_say(&c->out, "id", ctl_text(c, "rule"));
		json_say_bool(&c->out, "removed", true);
		json_close(&c->out, '}');
		ctl_answer(c, 0, STR(""));
		return;
	}
	put_rule(c, &r->rec, r->judged);
	ctl_answer(c, r->rec.rev, STR(""));
}

static enum err
take_time(const struct ctl_call *c, struct rule_rec *io, struct why *out_why)
{
	struct str said = str_trim(ctl_text(c, "for"));
	struct why why;
	int64_t ms = 0;

	if (said.len && unit_read_ms(said, &ms, &why))
		return why_set(out_why, ERR_VALUE, "for",
		    "\"%.*s\" is no time: say its unit, for example 90s or 10m",
		    STR_ARG(str_first(said, 40)));
	io->rest_ms = (uint64_t)ms / 1000 * 1000;
	return OK;
}

/* Of what is said: a list that was taken once stays, whatever becomes of the
 * models. */
static enum err
check_models(const struct ctl_call *c, struct str globs, struct why *out_why)
{
	struct str glob;

	while (ctl_has(c, "model") && str_list_next(&globs, &glob))
		if (!ctl_is_like_model(c, glob))
			return why_set(out_why, ERR_UNKNOWN, "model",
			    "no model that has a price, or that an account "
			    "names, is like \"%.*s\"; write for example "
			    "claude-opus-*",
			    STR_ARG(str_first(glob, 60)));
	return OK;
}

static enum err
take(const struct ctl_call *c, struct rule_rec *io, struct why *out_why)
{
	enum err e = OK;

	if (ctl_has(c, "status"))
		e = rule_status_read(str_trim(ctl_text(c, "status")), io,
		    out_why);
	if (ctl_has(c, "kind"))
		io->kind = str_trim(ctl_text(c, "kind"));
	if (ctl_has(c, "model"))
		io->model = str_trim(ctl_text(c, "model"));
	if (ctl_has(c, "text"))
		io->text = str_trim(ctl_text(c, "text"));
	if (ctl_has(c, "header"))
		io->header = str_trim(ctl_text(c, "header"));
	if (ctl_has(c, "note"))
		io->note = str_trim(ctl_text(c, "note"));
	if (ctl_has(c, "action")) {
		io->action = str_trim(ctl_text(c, "action"));
		/* What belongs to the old one goes with it. */
		if (!str_eq(io->action, STR("cool"))) {
			io->rest_ms = 0;
			io->scope = STR("");
		}
	}
	if (!e && ctl_has(c, "for"))
		e = take_time(c, io, out_why);
	if (ctl_has(c, "scope"))
		io->scope = str_trim(ctl_text(c, "scope"));
	else if (str_eq(io->action, STR("cool")) && !io->scope.len)
		io->scope = STR("account");
	if (ctl_has(c, "place"))
		io->place = ctl_number(c, "place") > 0
		    ? (uint64_t)ctl_number(c, "place")
		    : 0;
	if (!e)
		e = rule_check(c->daemon->rules, io, out_why);
	return e ? e : check_models(c, io->model, out_why);
}

static void
change(struct ctl_call *c, const struct rule_rec *from, struct rule_rec *io)
{
	const struct audit_who who = ctl_who(c);
	struct why why;
	enum err e = take(c, io, &why);

	if (e) {
		ctl_refuse(c, e, &why);
	} else if (c->dry_run) {
		json_open(&c->out, '{');
		json_say(&c->out, "id", io->id);
		json_put_key(&c->out, "changes");
		json_open(&c->out, '[');
		ctl_put_changes(&c->out, &rule_kind, from, io);
		json_close(&c->out, ']');
		json_say_bool(&c->out, "dry_run", true);
		json_close(&c->out, '}');
		ctl_answer(c, from->rev, STR(""));
	} else {
		rule_save(c->daemon->rules, io, from->rev != 0, c->if_rev, &who,
		    on_saved, c);
	}
}

void
ctl_rule_add(struct ctl_call *c)
{
	const struct rule_rec nothing = { .rev = 0 };
	struct rule_rec r = nothing;
	char id[RULE_ID_LEN + 1];

	rule_make_id(id);
	r.id = str_of(id);
	r.place = rules_last_place(c->daemon->rules);
	change(c, &nothing, &r);
}

void
ctl_rule_set(struct ctl_call *c)
{
	const struct rule *r = find_or_refuse(c);
	struct rule_rec rec;
	struct why why;

	if (!r)
		return;
	rec = r->rec;
	if (ctl_check_rev(c, rec.rev, &why))
		ctl_refuse(c, ERR_STALE, &why);
	else
		change(c, &r->rec, &rec);
}

void
ctl_rule_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	const struct rule *r = find_or_refuse(c);

	if (!r)
		return;
	if (!c->dry_run) {
		rule_delete(c->daemon->rules, r->rec.id, c->if_rev, &who,
		    on_saved, c);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "id", r->rec.id);
	json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, r->rec.rev, STR(""));
}

/* --- trying ---------------------------------------------------------------- */

static void
put_verdict(struct ctl_call *c, const struct verdict *v)
{
	struct json_out *j = &c->out;
	char text[UNIT_TEXT];

	json_open(j, '{');
	json_say(j, "row", str_of(v->name));
	json_say(j, "rule", str_of(v->rule));
	json_say(j, "next", str_of(verdict_next_name(v->next)));
	json_say(j, "scope", str_of(verdict_scope_name(v->scope)));
	if (v->gate >= 0) {
		json_say(j, "gate", str_of(gate_name((enum gate)v->gate)));
		unit_write_ms(v->first_s * 1000LL, text);
		json_say(j, "first", str_of(text));
		unit_write_ms(v->most_s * 1000LL, text);
		json_say(j, "most", str_of(text));
	}
	json_say_bool(j, "shown", v->show);
	json_close(j, '}');
}

void
ctl_rule_test(struct ctl_call *c)
{
	struct str header = ctl_text(c, "header"), value = header;
	struct http1_head answer = { .count = header.len != 0 };
	struct verdict_case k = { .kind = ctl_text(c, "kind"),
		.model = ctl_text(c, "model"),
		.answer = &answer };
	struct buf body;
	struct why why;
	enum err e = OK;

	answer.fields[0].name = str_trim(str_cut(&value, ':'));
	answer.fields[0].value = str_trim(value);
	k.status =
	    ctl_number(c, "status") >= 0 && ctl_number(c, "status") <= 999
	    ? (unsigned)ctl_number(c, "status")
	    : 1000;
	buf_init(&body, BODY_MAX);
	if (k.status == 1000)
		e = why_set(&why, ERR_VALUE, "status", "must be 0 to 999");
	else if (!k.kind.len)
		e = why_set(&why, ERR_VALUE, "kind",
		    "of which kind of account? for example --kind claude-api");
	else if (!provider_find(k.kind))
		e = why_set(&why, ERR_UNKNOWN, "kind",
		    "no kind of account is called \"%.*s\"; `account kinds` "
		    "lists them",
		    STR_ARG(str_first(k.kind, 40)));
	else if (ctl_has(c, "body"))
		e = price_unpack(ctl_text(c, "body"), &body, &why);
	if (e) {
		ctl_refuse(c, e, &why);
	} else {
		k.body = buf_str(&body);
		put_verdict(c, rules_judge(c->daemon->rules, &k));
		ctl_answer(c, 0, STR(""));
	}
	buf_fini(&body);
}
