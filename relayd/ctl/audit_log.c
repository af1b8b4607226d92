/* SPDX-License-Identifier: MIT */
/* audit_log.c - control methods about who changed what. */
#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/control.h"
#include "relayd/daemon.h"

static void
put_row(const struct ctl_call *c, struct json_out *j,
    const struct audit_row *row)
{
	/* Keys are told by their id; what they are called now helps people. */
	const struct apikey *k = str_eq(row->rec.type, STR("key"))
	    ? keyring_id(c->daemon->keys, row->rec.object)
	    : NULL;

	json_open(j, '{');
	json_say_i64(j, "number", (int64_t)row->number);
	json_say_i64(j, "at", (int64_t)row->rec.at);
	json_say_i64(j, "uid", (int64_t)row->rec.uid);
	json_say_i64(j, "pid", row->rec.pid);
	json_say(j, "method", row->rec.method);
	json_say(j, "type", row->rec.type);
	json_say(j, "object", row->rec.object);
	if (k)
		json_say(j, "name", k->rec.name);
	json_say(j, "changes", row->rec.changes);
	json_close(j, '}');
}

static void
on_listed(void *arg, enum err e, const struct why *why,
    const struct audit_row *rows, size_t count, bool more)
{
	struct ctl_call *c = arg;
	char next[24] = "";
	size_t n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '[');
	for (; n < count && ctl_has_room(c, (unsigned)n); n++)
		put_row(c, &c->out, &rows[n]);
	json_close(&c->out, ']');
	if (n > 0 && (more || n < count))
		snprintf(next, sizeof(next), "%llu",
		    (unsigned long long)rows[n - 1].number);
	ctl_answer(c, 0, str_of(next));
}

static struct str
or_any(struct str s)
{
	return s.len ? s : (struct str){ .at = NULL, .len = 0 };
}

void
ctl_audit_list(struct ctl_call *c)
{
	struct audit_query q = { .limit = c->limit,
		.type = or_any(ctl_text(c, "type")),
		.object = or_any(ctl_text(c, "object")) };

	if (c->cursor.len && str_u64(c->cursor, &q.below)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "no such page");
		return;
	}
	audit_list(c->daemon->store, &q, on_listed, c);
}

static void
on_verified(void *arg, enum err e, const struct why *why,
    const struct audit_check *check)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	if (check->broken_at) {
		ctl_refusef(c, ERR_CORRUPT, "audit",
		    "the chain is broken at number %llu: %s",
		    (unsigned long long)check->broken_at, check->text);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "rows", (int64_t)check->rows);
	json_say_bool(&c->out, "whole", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_audit_verify(struct ctl_call *c)
{
	audit_verify(c->daemon->store, on_verified, c);
}
