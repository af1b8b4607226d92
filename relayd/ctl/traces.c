/* SPDX-License-Identifier: MIT */
/* traces.c - control methods about traces: the details of requests of a key or
 * an account, kept for a while, shown to admins alone. */
#include <stdio.h>

#include "proto/enc.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/ctl_receipt.h"
#include "relayd/daemon.h"
#include "relayd/trace.h"
#include "relayd/unit.h"

/* Bytes of a part in one answer; a frame has room for the base64 of them. */
#define PIECE_MAX (160 * 1024)

/* --- rows ------------------------------------------------------------------ */

static void
say_subject(const struct ctl_call *c, struct json_out *j,
    const struct trace_rec *r)
{
	const struct apikey *k = NULL;
	char text[160] = "all";

	if (r->key_id.len) {
		k = keyring_id(c->daemon->keys, r->key_id);
		snprintf(text, sizeof(text), "key %.*s%s",
		    STR_ARG(k ? k->rec.name : r->key_id), k ? "" : " (gone)");
	} else if (r->account.len) {
		snprintf(text, sizeof(text), "account %.*s",
		    STR_ARG(str_first(r->account, 128)));
	}
	json_say(j, "of", str_of(text));
}

static void
put_trace(struct ctl_call *c, const struct trace *t)
{
	const struct traces *all = c->daemon->traces;
	struct json_out *j = &c->out;

	json_open(j, '{');
	ctl_put_rec_but(j, &trace_kind, &t->rec, STR("removed"));
	say_subject(c, j, &t->rec);
	json_say(j, "state", str_of(trace_state_name(trace_state(all, t))));
	json_say_i64(j, "waiting_bytes", (int64_t)t->held);
	json_say_i64(j, "ends_at", trace_ends_at(t));
	json_say_i64(j, "goes_at", trace_goes_at(all, t));
	if (t->trouble[0])
		json_say(j, "trouble", str_of(t->trouble));
	json_close(j, '}');
}

static struct trace *
find_or_refuse(struct ctl_call *c)
{
	struct str id = ctl_text(c, "trace");
	struct trace *t = traces_find(c->daemon->traces, id);

	if (!t)
		ctl_refusef(c, ERR_UNKNOWN, "trace",
		    "there is no trace \"%.*s\"; `trace ls` shows those there "
		    "are",
		    STR_ARG(str_first(id, 60)));
	return t;
}

void
ctl_trace_list(struct ctl_call *c)
{
	struct str next = STR(""), last = next;
	struct trace *t;
	bool begun = !c->cursor.len;
	unsigned n = 0;

	json_open(&c->out, '[');
	TAILQ_FOREACH (t, &c->daemon->traces->list, link) {
		if (!begun) {
			begun = str_eq(t->rec.id, c->cursor);
			continue;
		}
		if (!ctl_has_room(c, n)) {
			next = last;
			break;
		}
		put_trace(c, t);
		last = t->rec.id;
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
}

/* --- starting, ending ------------------------------------------------------ */

static void
on_done(void *arg, enum err e, const struct why *why, struct trace *t)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	if (t) {
		put_trace(c, t);
	} else {
		json_open(&c->out, '{');
		json_say(&c->out, "trace", ctl_text(c, "trace"));
		json_say_bool(&c->out, "removed", true);
		json_close(&c->out, '}');
	}
	ctl_answer(c, 0, STR(""));
}

/* Of a key, of an account, or of all: exactly one of them. */
static enum err
take_subject(const struct ctl_call *c, struct trace_rec *io,
    struct why *out_why)
{
	struct str account = ctl_text(c, "account");
	int said = ctl_has(c, "key") + ctl_has(c, "account") +
	    (ctl_flag(c, "all") ? 1 : 0);
	const struct apikey *k;

	if (said != 1)
		return why_set(out_why, ERR_VALUE, "key",
		    said ? "one of them: --key KEY, --account NAME or --all"
			 : "of whose requests? say --key KEY, --account NAME "
			   "or --all");
	if (ctl_has(c, "key")) {
		k = ctl_find_key(c, ctl_text(c, "key"));
		if (!k)
			return why_set(out_why, ERR_UNKNOWN, "key",
			    "there is no key \"%.*s\"; `key ls` lists them",
			    STR_ARG(str_first(ctl_text(c, "key"), 60)));
		io->key_id = k->rec.id;
	} else if (ctl_has(c, "account")) {
		if (!pool_find(c->daemon->pool, account))
			return why_set(out_why, ERR_UNKNOWN, "account",
			    "there is no account \"%.*s\"; `account ls` lists "
			    "them",
			    STR_ARG(str_first(account, 60)));
		io->account = account;
	}
	return OK;
}

/* A second one of the same would hold nothing. */
static enum err
check_same(const struct ctl_call *c, const struct trace_rec *r,
    struct why *out_why)
{
	const struct traces *all = c->daemon->traces;
	const struct trace *t;

	if (all->count >= TRACES_MAX)
		return why_set(out_why, ERR_LIMIT, "trace",
		    "there are %u traces already: remove one (trace rm)",
		    all->count);
	TAILQ_FOREACH (t, &all->list, link)
		if (str_eq(t->rec.key_id, r->key_id) &&
		    str_eq(t->rec.account, r->account) &&
		    trace_state(all, t) == TRACE_ACTIVE)
			return why_set(out_why, ERR_EXISTS, "trace",
			    "%.*s traces the same already: trace stop %.*s",
			    STR_ARG(t->rec.id), STR_ARG(t->rec.id));
	if (all->bytes + TRACE_PART_EXTRA >
	    c->daemon->settings.trace_total_bytes)
		return why_set(out_why, ERR_FULL, "trace",
		    "the traces there are hold as many bytes as all may "
		    "(trace_total): remove one (trace rm)");
	return OK;
}

static enum err
take_bounds(const struct ctl_call *c, struct trace_rec *io, struct why *out_why)
{
	int64_t now = clock_wall_ms(), wait, max = TRACE_REQUESTS;
	enum err e;

	if (!ctl_has(c, "for"))
		return why_set(out_why, ERR_VALUE, "for",
		    "for how long? say for example --for 10m");
	e = unit_read_ms(str_trim(ctl_text(c, "for")), &wait, out_why);
	if (e) {
		snprintf(out_why->field, sizeof(out_why->field), "for");
		return e;
	}
	if (wait < 1000 || wait > TRACE_LONGEST_MS)
		return why_set(out_why, ERR_VALUE, "for",
		    "is from 1s to 24h; begin another one when that is over");
	if (ctl_has(c, "max"))
		max = ctl_number(c, "max");
	if (max < 1 || max > TRACE_REQUESTS_MAX)
		return why_set(out_why, ERR_VALUE, "max",
		    "is from 1 to %d requests", TRACE_REQUESTS_MAX);
	io->max = (uint64_t)max;
	io->started_at = (uint64_t)now;
	io->until_at = (uint64_t)(now + wait);
	io->bodies = ctl_flag(c, "bodies");
	return OK;
}

void
ctl_trace_start(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct trace_rec r = { .uid = who.uid };
	struct why why;
	char text[256];
	enum err e = take_subject(c, &r, &why);

	if (!e)
		e = take_bounds(c, &r, &why);
	if (!e)
		e = check_same(c, &r, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	snprintf(text, sizeof(text),
	    "started: %s%.*s for %.*s, at most %llu requests, %s bodies",
	    r.key_id.len	? "key "
		: r.account.len ? "account "
				: "all",
	    STR_ARG(r.key_id.len ? r.key_id : str_first(r.account, 100)),
	    STR_ARG(str_first(str_trim(ctl_text(c, "for")), 20)),
	    (unsigned long long)r.max, r.bodies ? "with" : "without");
	trace_start(c->daemon->traces, &r, str_of(text), &who, on_done, c);
}

void
ctl_trace_stop(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct trace *t = find_or_refuse(c);

	if (t)
		trace_stop(c->daemon->traces, t, &who, on_done, c);
}

void
ctl_trace_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct trace *t = find_or_refuse(c);

	if (t)
		trace_remove(c->daemon->traces, t, &who, on_done, c);
}

/* --- showing --------------------------------------------------------------- */

static void
put_row(struct ctl_call *c, const struct trace_row *row)
{
	const struct apikey *k =
	    keyring_id(c->daemon->keys, row->receipt.key_id);

	ctl_put_receipt(&c->out, &row->id, &row->receipt,
	    k ? k->rec.name : STR(""));
}

static void
put_rows(struct ctl_call *c, const struct trace_found *f,
    char next[ULID_TEXT + 1])
{
	size_t n = 0;

	json_open(&c->out, '[');
	for (; n < f->rows_count && ctl_has_room(c, (unsigned)n); n++)
		put_row(c, &f->rows[n]);
	json_close(&c->out, ']');
	if (n > 0 && (f->more || n < f->rows_count))
		ulid_text(&f->rows[n - 1].id, next);
}

static void
put_part(struct json_out *j, const struct trace_part *p)
{
	char name[TRACED_TEXT], same[TRACED_TEXT];

	if (!traced_name(p->number, name))
		return;
	json_open(j, '{');
	json_say(j, "part", str_of(name));
	json_say_i64(j, "size", (int64_t)p->size);
	if (p->rec.same && traced_name((unsigned)p->rec.same, same))
		json_say(j, "same", str_of(same));
	else if (p->rec.whole > p->size)
		json_say_bool(j, "cut", true);
	if (p->rec.coding.len)
		json_say(j, "coding", p->rec.coding);
	if (traced_is_head(p->number) && p->rec.bytes.len)
		json_say(j, "text", p->rec.bytes);
	json_close(j, '}');
}

static void
put_request(struct ctl_call *c, const struct trace_found *f)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_put_key(j, "request");
	put_row(c, &f->rows[0]);
	json_put_key(j, "parts");
	json_open(j, '[');
	for (size_t i = 0; i < f->parts_count; i++)
		put_part(j, &f->parts[i]);
	json_close(j, ']');
	json_close(j, '}');
}

static void
put_piece(struct ctl_call *c, const struct trace_part *p)
{
	struct json_out *j = &c->out;
	uint64_t next = (uint64_t)ctl_number(c, "offset") + p->rec.bytes.len;
	struct buf text;

	buf_init(&text, 2 * PIECE_MAX);
	if (enc_base64(&text, p->rec.bytes, ENC_BASE64))
		buf_clear(&text);
	json_open(j, '{');
	json_say(j, "part", ctl_text(c, "raw"));
	json_say_i64(j, "size", (int64_t)p->size);
	if (p->rec.same) {
		char same[TRACED_TEXT] = "";

		traced_name((unsigned)p->rec.same, same);
		json_say(j, "same", str_of(same));
	} else if (p->rec.whole > p->size) {
		json_say_bool(j, "cut", true);
	}
	json_say(j, "base64", buf_str(&text));
	if (next < p->size)
		json_say_i64(j, "offset", (int64_t)next);
	json_close(j, '}');
	buf_fini(&text);
}

static void
on_looked(void *arg, enum err e, const struct why *why,
    const struct trace_found *f)
{
	struct ctl_call *c = arg;
	char next[ULID_TEXT + 1] = "";

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	if (ctl_has(c, "raw"))
		put_piece(c, &f->parts[0]);
	else if (ctl_has(c, "request"))
		put_request(c, f);
	else
		put_rows(c, f, next);
	ctl_answer(c, 0, str_of(next));
}

static enum err
take_look(const struct ctl_call *c, struct trace_look *io, struct why *out_why)
{
	struct str request = ctl_text(c, "request");

	io->limit = c->limit;
	io->lists = !ctl_has(c, "request");
	if (c->cursor.len && ulid_read(c->cursor, &io->behind))
		return why_set(out_why, ERR_VALUE, "cursor", "no such page");
	if (str_starts(request, STR("req_")))
		request = str_skip(request, 4);
	if (ctl_has(c, "request") && ulid_read(request, &io->request))
		return why_set(out_why, ERR_VALUE, "request",
		    "\"%.*s\" is no request's id; `trace show %.*s` lists "
		    "those it holds",
		    STR_ARG(str_first(request, 60)), STR_ARG(io->trace));
	if (!ctl_has(c, "raw"))
		return OK;
	if (!ctl_has(c, "request"))
		return why_set(out_why, ERR_VALUE, "request", "of which one?");
	if (traced_find(ctl_text(c, "raw"), &io->part))
		return why_set(out_why, ERR_VALUE, "raw",
		    "is client.head, client.body, up1.head, up1.body, "
		    "up1.answer.head, up1.answer.body (up2... of further "
		    "tries), answer.head or answer.body");
	io->offset =
	    ctl_number(c, "offset") > 0 ? (uint64_t)ctl_number(c, "offset") : 0;
	io->most = PIECE_MAX;
	return OK;
}

void
ctl_trace_show(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct trace *t = find_or_refuse(c);
	struct trace_look look;
	struct why why;
	enum err e;

	if (!t)
		return;
	look = (struct trace_look){ .trace = t->rec.id };
	e = take_look(c, &look, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		trace_look(c->daemon->traces, &look, &who, on_looked, c);
}
