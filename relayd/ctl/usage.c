/* SPDX-License-Identifier: MIT */
/* usage.c - control methods about what was used: sums, and single receipts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/ctl_receipt.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"

#define DAY_MS INT64_C(86400000)

/* What a key's id is called; empty when the key is gone. */
static struct str
key_name(const struct ctl_call *c, struct str id)
{
	const struct apikey *k =
	    id.len ? keyring_id(c->daemon->keys, id) : NULL;

	return k ? k->rec.name : STR("");
}

/* A key by id or name as its id; one that is gone can still be asked for by
 * id, except by those who may see only their own. */
static enum err
find_key_id(const struct ctl_call *c, struct str said, struct str *out_id,
    struct why *out_why)
{
	const struct apikey *k = ctl_find_key(c, said);

	if (k) {
		*out_id = k->rec.id;
		return OK;
	}
	if (c->peer.role > CTL_SELF && said.len == 9 && said.at[0] == 'k') {
		*out_id = said;
		return OK;
	}
	return why_set(out_why, ERR_UNKNOWN, "key", "there is no key \"%.*s\"",
	    STR_ARG(str_first(said, 60)));
}

/* --- sums ------------------------------------------------------------------ */

struct question {
	struct ctl_call *call;
	struct usage_query q;
	uint64_t skip; /* rows of earlier pages */
};

static void
put_day(struct json_out *j, const char *key, uint32_t day)
{
	time_t t = (time_t)day * 86400;
	char text[16];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	json_say(j, key, str_of(text));
}

static void
put_usage(const struct question *q, const struct usage_row *row)
{
	struct ctl_call *c = q->call;
	struct json_out *j = &c->out;

	json_open(j, '{');
	if (q->q.by != DIMENSION_ALL)
		json_say(j, "name", row->name);
	if (q->q.by == DIMENSION_KEY)
		json_say(j, "label", key_name(c, row->name));
	if (q->q.per_day)
		put_day(j, "day", row->day);
	ctl_put_rec(j, &rollup_kind, &row->sum);
	json_close(j, '}');
}

static bool
may_see_row(const struct question *q, const struct usage_row *row)
{
	const struct apikey *k;

	if (q->call->peer.role > CTL_SELF)
		return true;
	k = keyring_id(q->call->daemon->keys, row->name);
	return k && ctl_may_see(q->call, k->rec.owner);
}

static void
on_usage(void *arg, enum err e, const struct why *why,
    const struct usage_row *rows, size_t count)
{
	struct question *q = arg;
	struct ctl_call *c = q->call;
	char next[24] = "";
	uint64_t seen = 0;
	unsigned n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		free(q);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "by", str_of(dimension_name(q->q.by)));
	put_day(&c->out, "since", q->q.since_day);
	put_day(&c->out, "until", q->q.until_day);
	json_put_key(&c->out, "rows");
	json_open(&c->out, '[');
	for (size_t i = 0; i < count; i++) {
		/* Only what is seen is counted: a number of rows would tell
		 * how many others there are. */
		if (!may_see_row(q, &rows[i]) || seen++ < q->skip)
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu",
			    (unsigned long long)seen - 1);
			break;
		}
		put_usage(q, &rows[i]);
		n++;
	}
	json_close(&c->out, ']');
	json_close(&c->out, '}');
	ctl_answer(c, 0, str_of(next));
	free(q);
}

/* "day" is said by people, but no dimension: it is all, per day. */
static enum err
read_by(const struct ctl_call *c, struct usage_query *q, struct why *out_why)
{
	struct str by = ctl_text(c, "by");

	q->per_day = ctl_flag(c, "daily");
	if (str_eq(by, STR("day"))) {
		q->by = DIMENSION_ALL;
		q->per_day = true;
	} else if (!by.len) {
		q->by = DIMENSION_KEY;
	} else if (dimension_read(by, &q->by)) {
		return why_set(out_why, ERR_VALUE, "by",
		    "usage is summed by key, account, model, client, day or "
		    "all");
	}
	if (c->peer.role == CTL_SELF && q->by != DIMENSION_KEY)
		return why_set(out_why, ERR_DENIED, "by",
		    "your role shows the usage of your own keys only");
	return OK;
}

static enum err
read_question(const struct ctl_call *c, struct question *out,
    struct why *out_why)
{
	struct str since = ctl_text(c, "since"), until = ctl_text(c, "until");
	struct str name = ctl_text(c, "name");
	int64_t now = clock_wall_ms();
	enum err e = read_by(c, &out->q, out_why);

	if (!e)
		e = ctl_read_day(since.len ? since : STR("today"), now, "since",
		    &out->q.since_day, out_why);
	if (!e)
		e = ctl_read_day(until.len ? until : STR("today"), now, "until",
		    &out->q.until_day, out_why);
	if (!e && out->q.until_day < out->q.since_day)
		e = why_set(out_why, ERR_VALUE, "until",
		    "the end is before the beginning");
	if (!e && name.len && out->q.by == DIMENSION_KEY)
		e = find_key_id(c, name, &out->q.name, out_why);
	else if (name.len)
		out->q.name = name;
	if (!e && c->cursor.len && str_u64(c->cursor, &out->skip))
		e = why_set(out_why, ERR_VALUE, "cursor", "no such page");
	return e;
}

void
ctl_usage_show(struct ctl_call *c)
{
	struct question *q = xcalloc(1, sizeof(*q));
	struct why why;
	enum err e;

	q->call = c;
	e = read_question(c, q, &why);
	if (!e) {
		ledger_usage(c->daemon->ledger, &q->q, on_usage, q);
		return;
	}
	ctl_refuse(c, e, &why);
	free(q);
}

/* --- receipts -------------------------------------------------------------- */

static void
on_receipts(void *arg, enum err e, const struct why *why,
    const struct receipt_row *rows, size_t count, bool more)
{
	struct ctl_call *c = arg;
	char next[ULID_TEXT + 1] = "";
	size_t n = 0;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '[');
	for (; n < count && ctl_has_room(c, (unsigned)n); n++)
		ctl_put_receipt(&c->out, &rows[n].id, &rows[n].rec,
		    key_name(c, rows[n].rec.key_id));
	json_close(&c->out, ']');
	if (n > 0 && (more || n < count))
		ulid_text(&rows[n - 1].id, next);
	ctl_answer(c, 0, str_of(next));
}

static const uint8_t no_random[10];

/* A day as the end means through that day. */
static bool
is_day(struct str s)
{
	return s.len == 10 && s.at[4] == '-';
}

static enum err
read_span(const struct ctl_call *c, struct receipts_query *q,
    struct why *out_why)
{
	struct str since = ctl_text(c, "since"), until = ctl_text(c, "until");
	int64_t now = clock_wall_ms(), ms;
	enum err e = OK;

	if (since.len) {
		e = ctl_read_when(since, now, false, "since", &ms, out_why);
		if (!e)
			q->since = ulid_make(ms, no_random);
	}
	if (!e && until.len) {
		e = ctl_read_when(until, now, false, "until", &ms, out_why);
		if (!e)
			q->before = ulid_make(ms + (is_day(until) ? DAY_MS : 0),
			    no_random);
	}
	if (!e && c->cursor.len && ulid_read(c->cursor, &q->before))
		e = why_set(out_why, ERR_VALUE, "cursor", "no such page");
	return e;
}

void
ctl_receipt_list(struct ctl_call *c)
{
	struct receipts_query q = { .limit = c->limit };
	struct str key = ctl_text(c, "key"), account = ctl_text(c, "account");
	struct str model = ctl_text(c, "model");
	struct why why;
	enum err e = read_span(c, &q, &why);

	if (!e && key.len)
		e = find_key_id(c, key, &q.key_id, &why);
	else if (!e && c->peer.role == CTL_SELF)
		e = why_set(&why, ERR_DENIED, "key",
		    "your role shows requests of your own keys only: say "
		    "--key");
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	if (account.len)
		q.account = account;
	if (model.len)
		q.model = model;
	ledger_receipts(c->daemon->ledger, &q, on_receipts, c);
}
