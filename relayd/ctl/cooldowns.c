/* SPDX-License-Identifier: MIT */
/* cooldowns.c - control methods about what rests: which accounts, or models on
 * them, until when and why; and using them again before. */
#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"

static void
put_cooldown(struct ctl_call *c, const struct account *a, enum gate g,
    const char *family, const char *reason, int64_t until_ms)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "account", a->rec.name);
	json_say(j, "kind", a->rec.kind);
	json_say(j, "gate", str_of(gate_name(g)));
	json_say(j, "family", str_of(family));
	json_say(j, "reason", str_of(reason));
	json_say_i64(j, "until_at",
	    clock_wall_ms() + until_ms - loop_ms(c->daemon->loop));
	json_close(j, '}');
}

static bool
rests(const struct account *a, int64_t now_ms)
{
	enum gate which;

	if (gate_until(&a->gates, now_ms, &which))
		return true;
	for (unsigned i = 0; i < a->parts.count; i++)
		if (a->parts.at[i].until_ms > now_ms)
			return true;
	return false;
}

static void
put_account(struct ctl_call *c, const struct account *a, int64_t now_ms)
{
	for (int i = 0; i < GATE_COUNT; i++)
		if (a->gates.until_ms[i] > now_ms)
			put_cooldown(c, a, (enum gate)i, "", a->gates.reason[i],
			    a->gates.until_ms[i]);
	for (unsigned i = 0; i < a->parts.count; i++) {
		const struct gate_part *g = &a->parts.at[i];

		if (g->until_ms > now_ms)
			put_cooldown(c, a, g->which, g->of, g->reason,
			    g->until_ms);
	}
}

void
ctl_cooldown_list(struct ctl_call *c)
{
	int64_t now_ms = loop_ms(c->daemon->loop);
	struct str last = STR(""), next = STR("");
	const struct account *a;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link) {
		if (c->cursor.len && str_cmp(a->rec.name, c->cursor) <= 0)
			continue;
		if (!rests(a, now_ms))
			continue;
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_account(c, a, now_ms);
		last = a->rec.name;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

/* How many gates that opened. */
static unsigned
clear(struct account *a, bool all, enum gate only, int64_t now_ms)
{
	unsigned opened = 0, kept = 0;

	for (int i = 0; i < GATE_COUNT; i++) {
		if (!all && i != (int)only)
			continue;
		opened += a->gates.until_ms[i] > now_ms;
		gate_open(&a->gates, (enum gate)i);
	}
	for (unsigned i = 0; i < a->parts.count; i++) {
		if (!all && a->parts.at[i].which != only) {
			a->parts.at[kept++] = a->parts.at[i];
			continue;
		}
		opened += a->parts.at[i].until_ms > now_ms;
	}
	a->parts.count = kept;
	if (all)
		account_open(a);
	return opened;
}

void
ctl_cooldown_clear(struct ctl_call *c)
{
	struct str name = ctl_text(c, "account"), gate = ctl_text(c, "gate");
	int64_t now_ms = loop_ms(c->daemon->loop);
	enum gate only = GATE_RATE;
	unsigned opened = 0;
	struct account *a;

	if (name.len && !pool_find(c->daemon->pool, name)) {
		ctl_refusef(c, ERR_UNKNOWN, "account",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(name, 60)));
		return;
	}
	if (gate.len && !gate_find(gate, &only)) {
		ctl_refusef(c, ERR_VALUE, "gate",
		    "must be rate, overload, errors, auth, credit, unreachable "
		    "or blocked");
		return;
	}
	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link)
		if (!name.len || str_eq(name, a->rec.name))
			opened += clear(a, !gate.len, only, now_ms);
	json_open(&c->out, '{');
	json_say_i64(&c->out, "cleared", opened);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}
