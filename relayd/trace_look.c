/* SPDX-License-Identifier: MIT */
/* trace_look.c - what a trace holds, opened to be shown: the one place where
 * that happens, each time with a row of the audit in the same transaction. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/trace.h"

/* Heads that are told along with a list of parts; longer ones, and bodies, are
 * asked for one by one. */
#define HEADS_MAX (100 * 1024)
/* A part is a buffer of at most that many bytes (setting.def). */
#define OPENED_MAX (2 * 1024 * 1024)
#define ROWS_MAX   200

struct look {
	struct job job;
	struct trace_look q;
	char trace[TRACE_ID_LEN + 1];
	struct audit_who who;
	struct txn *txn; /* of the work */
	enum err bad;
	struct trace_found found;
	char *kept[ROWS_MAX];
	size_t kept_count, heads;
	trace_looked *done;
	void *arg;
};

static char *
keep(struct look *l, struct str s)
{
	return l->kept[l->kept_count++] = xmemdup(s.at, s.len);
}

static struct ulid
request_of(struct str key)
{
	struct ulid id;

	memcpy(id.byte, key.at + TRACE_ID_LEN, sizeof(id.byte));
	return id;
}

static unsigned
number_of(struct str key)
{
	return (uint8_t)key.at[TRACE_KEY_LEN - 1];
}

static bool
is_inside(const struct look *l, struct str key)
{
	return key.len == TRACE_KEY_LEN && str_starts(key, str_of(l->trace));
}

/* --- what is found --------------------------------------------------------- */

static enum err
take_receipt(struct look *l, struct str key, struct str plain)
{
	struct trace_row *row = &l->found.rows[l->found.rows_count];
	char *copy = keep(l, plain);

	row->id = request_of(key);
	l->found.rows_count++;
	return receipt_rec_read(str_at(copy, plain.len), &row->receipt);
}

static enum err
take_part(struct look *l, struct str key, struct str plain)
{
	struct trace_part *p = &l->found.parts[l->found.parts_count++];
	struct part_rec rec;
	enum err e = part_rec_read(plain, &rec);
	char *copy;

	if (e)
		return e;
	p->number = number_of(key);
	p->size = rec.bytes.len;
	if (l->q.part) {
		rec.bytes =
		    str_first(str_skip(rec.bytes, l->q.offset), l->q.most);
	} else if (!traced_is_head(p->number) ||
	    l->heads + rec.bytes.len > HEADS_MAX) {
		rec.bytes = STR("");
	}
	l->heads += rec.bytes.len;
	p->rec = rec;
	copy = keep(l, rec.bytes);
	p->rec.bytes = str_at(copy, rec.bytes.len);
	copy = keep(l, rec.coding);
	p->rec.coding = str_at(copy, rec.coding.len);
	return OK;
}

static bool
open_one(struct look *l, struct str key, struct str value)
{
	struct buf plain;

	buf_init(&plain, OPENED_MAX);
	l->bad = trace_open(l->txn, key, value, &plain);
	if (!l->bad)
		l->bad = number_of(key) == TRACED_RECEIPT
		    ? take_receipt(l, key, buf_str(&plain))
		    : take_part(l, key, buf_str(&plain));
	buf_fini(&plain);
	return !l->bad;
}

/* --- looking --------------------------------------------------------------- */

static bool
list_one(void *arg, struct str key, struct str value)
{
	struct look *l = arg;

	if (key.len == TRACE_ID_LEN)
		return str_eq(key, str_of(l->trace));
	if (!is_inside(l, key))
		return false;
	if (number_of(key) != TRACED_RECEIPT)
		return true;
	if (l->found.rows_count == l->q.limit) {
		l->found.more = true;
		return false;
	}
	return open_one(l, key, value);
}

static bool
show_one(void *arg, struct str key, struct str value)
{
	struct look *l = arg;

	if (!is_inside(l, key) ||
	    memcmp(request_of(key).byte, l->q.request.byte, 16) != 0)
		return false;
	return open_one(l, key, value);
}

/* Behind all parts of the last request that was told. */
static enum err
list(struct look *l, struct txn *t)
{
	static const struct ulid first;
	char key[TRACE_KEY_LEN];
	bool begins = !memcmp(&l->q.behind, &first, sizeof(first));
	enum err e;

	trace_key(str_of(l->trace), &l->q.behind, begins ? 0 : UINT8_MAX, key);
	e = txn_scan(t, TABLE_trace, str_at(key, sizeof(key)), false, list_one,
	    l);
	return e ? e : l->bad;
}

static enum err
show(struct look *l, struct txn *t)
{
	char key[TRACE_KEY_LEN];
	enum err e;

	trace_key(str_of(l->trace), &l->q.request, 0, key);
	e = txn_scan(t, TABLE_trace, str_at(key, sizeof(key)), false, show_one,
	    l);
	if (!e)
		e = l->bad;
	return !e && !l->found.rows_count ? ERR_UNKNOWN : e;
}

static enum err
show_part(struct look *l, struct txn *t)
{
	char key[TRACE_KEY_LEN];
	struct str at = str_at(key, sizeof(key)), value;
	enum err e;

	trace_key(str_of(l->trace), &l->q.request, l->q.part, key);
	e = txn_get(t, TABLE_trace, at, &value);
	if (e)
		return e;
	(void)open_one(l, at, value);
	return l->bad;
}

static enum err
note(struct look *l, struct txn *t, struct why *out_why)
{
	char text[ULID_TEXT + TRACED_TEXT + 32], id[ULID_TEXT + 1];
	char part[TRACED_TEXT] = "";

	ulid_text(&l->q.request, id);
	if (l->q.part)
		traced_name(l->q.part, part);
	if (l->q.lists)
		snprintf(text, sizeof(text), "requests listed");
	else
		snprintf(text, sizeof(text), "shown: req_%s%s%s", id,
		    *part ? " " : "", part);
	return audit_write_text(t, &l->who, "trace", str_of(l->trace),
	    str_of(text), out_why);
}

static enum err
look_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct look *l = (struct look *)j;
	enum err e;

	l->txn = t;
	e = l->q.lists ? list(l, t) : l->q.part ? show_part(l, t) : show(l, t);
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, l->q.part ? "raw" : "request",
		    l->q.part ? "the request has no such part"
			      : "the trace %s holds no such request",
		    l->trace);
	return e ? e : note(l, t, out_why);
}

static void
look_done(struct job *j)
{
	struct look *l = (struct look *)j;

	l->done(l->arg, j->result, &j->why, &l->found);
	for (size_t i = 0; i < l->kept_count; i++)
		free(l->kept[i]);
	free(l->found.rows);
	free(l->found.parts);
	free(l);
}

_Static_assert(1 + 2 * CAPTURE_PARTS <= ROWS_MAX, "a request's parts fit");

void
trace_look(struct traces *all, const struct trace_look *q,
    const struct audit_who *who, trace_looked *done, void *arg)
{
	struct look *l = xcalloc(1, sizeof(*l));

	l->job = (struct job){ .work = look_work, .done = look_done };
	l->q = *q;
	snprintf(l->trace, sizeof(l->trace), "%.*s", STR_ARG(q->trace));
	if (!l->q.limit || l->q.limit > ROWS_MAX)
		l->q.limit = ROWS_MAX;
	l->who = *who;
	l->found.rows = xcalloc(ROWS_MAX, sizeof(*l->found.rows));
	l->found.parts = xcalloc(CAPTURE_PARTS, sizeof(*l->found.parts));
	l->done = done;
	l->arg = arg;
	store_post(all->store, LANE_WRITE, &l->job);
}
