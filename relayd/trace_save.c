/* SPDX-License-Identifier: MIT */
/* trace_save.c - traces between the store and the loop: loading, starting,
 * ending, removing, and the job that keeps a request.
 *
 * A removal marks the trace's record first, with its row of the audit, then
 * takes away what the trace holds in slices, and the record last: a daemon that
 * is killed in between goes on with it when it starts again. */
#include <stdlib.h>

#include "proto/mem.h"

#include "store/seal.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/log.h"
#include "relayd/mask.h"
#include "relayd/trace.h"

#define RECORD_MAX 1024
/* Rows that one transaction takes away. */
#define REMOVE_MAX 32

/* --- sealed rows ----------------------------------------------------------- */

void
trace_key(struct str id, const struct ulid *request, unsigned number,
    char out[TRACE_KEY_LEN])
{
	memcpy(out, id.at, TRACE_ID_LEN);
	memcpy(out + TRACE_ID_LEN, request->byte, sizeof(request->byte));
	out[TRACE_KEY_LEN - 1] = (char)number;
}

static struct seal_place
place_of(struct str key)
{
	return (struct seal_place){
		.table = STR("trace"), .record = key, .field = STR("part")
	};
}

enum err
trace_put(struct txn *t, struct str key, struct str plain, uint64_t *io_bytes)
{
	const struct seal_place place = place_of(key);
	struct buf sealed;
	enum err e;

	buf_init(&sealed, plain.len + SEAL_OVERHEAD);
	e = seal_close(txn_seal(t), &place, plain, &sealed);
	if (!e)
		e = txn_put(t, TABLE_trace, key, buf_str(&sealed));
	if (!e)
		*io_bytes += key.len + buf_len(&sealed);
	buf_fini(&sealed);
	return e;
}

enum err
trace_open(struct txn *t, struct str key, struct str sealed,
    struct buf *out_plain)
{
	const struct seal_place place = place_of(key);

	return seal_open(txn_seal(t), &place, sealed, out_plain);
}

static enum err
put_record(struct txn *t, const struct trace_rec *r)
{
	struct buf out;
	enum err e;

	buf_init(&out, RECORD_MAX);
	e = trace_rec_write(r, &out);
	if (!e)
		e = txn_put(t, TABLE_trace, r->id, buf_str(&out));
	buf_fini(&out);
	return e;
}

/* The record as it stands in the store; it points into *out_blob. */
static enum err
get_record(struct txn *t, struct str id, struct trace_rec *out, char **out_blob)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_trace, id, &stored);

	*out_blob = NULL;
	if (e)
		return e;
	*out_blob = xmemdup(stored.at, stored.len);
	e = trace_rec_read(str_at(*out_blob, stored.len), out);
	return e;
}

/* --- a request ------------------------------------------------------------- */

static const char *const coding_names[] = {
	[CODING_IDENTITY] = "",
	[CODING_GZIP] = "gzip",
	[CODING_DEFLATE] = "deflate",
	[CODING_ZSTD] = "zstd",
	[CODING_OTHER] = "",
};

/* Readable, and so that secrets can be found in it: what cannot be undone is
 * not kept. */
static void
undo_coding(struct part_bytes *p)
{
	struct decoder *d =
	    p->decoded ? NULL : decoder_new(p->coding, p->bytes.max);
	struct str rest = buf_str(&p->bytes);
	bool cut = p->whole > rest.len;
	struct buf plain;
	size_t n;

	if (!p->decoded && p->coding == CODING_OTHER)
		buf_clear(&p->bytes);
	if (!d)
		return;
	buf_init(&plain, p->bytes.max);
	/* In small pieces: as many of them as there is room for. */
	for (; rest.len; rest = str_skip(rest, n)) {
		n = rest.len < 64 ? rest.len : 64;
		if (decoder_feed(d, str_first(rest, n), &plain)) {
			cut = true;
			break;
		}
	}
	decoder_free(d);
	p->decoded = true;
	buf_fini(&p->bytes);
	p->bytes = plain;
	p->whole = buf_len(&plain) + cut;
}

static void
mask_part(const struct capture *c, struct part_bytes *p)
{
	struct str rest = buf_str(&c->secrets);
	struct str bytes = buf_str(&p->bytes);

	while (rest.len > 2) {
		size_t len =
		    (size_t)(uint8_t)rest.at[0] << 8 | (uint8_t)rest.at[1];

		rest = str_skip(rest, 2);
		if (bytes.len)
			mask_known(p->bytes.mem + p->bytes.start, bytes.len,
			    p->whole > bytes.len, str_first(rest, len));
		rest = str_skip(rest, len);
	}
}

/* Bodies mostly pass as they came: they are kept once. */
static unsigned
same_part(const struct capture *c, unsigned i)
{
	const struct part_bytes *p = &c->parts[i];

	for (unsigned k = 0; k < i && buf_len(&p->bytes); k++) {
		const struct part_bytes *q = &c->parts[k];

		if (q->whole == p->whole && !traced_is_head(q->number) &&
		    str_eq(buf_str(&q->bytes), buf_str(&p->bytes)))
			return q->number;
	}
	return 0;
}

static enum err
put_part(struct capture *c, unsigned i, struct txn *t)
{
	struct part_bytes *p = &c->parts[i];
	struct part_rec rec = { .whole = p->whole };
	char key[TRACE_KEY_LEN];
	struct buf plain;
	enum err e;

	if (p->decoded)
		rec.coding = str_of(coding_names[p->coding]);
	rec.same = traced_is_head(p->number) ? 0 : same_part(c, i);
	if (!rec.same)
		rec.bytes = buf_str(&p->bytes);
	trace_key(str_of(c->trace_id), &c->id, p->number, key);
	buf_init(&plain, rec.bytes.len + TRACE_PART_EXTRA);
	e = part_rec_write(&rec, &plain);
	if (!e)
		e = trace_put(t, str_at(key, sizeof(key)), buf_str(&plain),
		    &c->stored);
	buf_fini(&plain);
	return e;
}

static enum err
put_parts(struct capture *c, struct txn *t)
{
	char key[TRACE_KEY_LEN];
	enum err e = OK;

	for (unsigned i = 0; i < c->count; i++) {
		undo_coding(&c->parts[i]);
		mask_part(c, &c->parts[i]);
	}
	for (unsigned i = 0; !e && i < c->count; i++)
		e = put_part(c, i, t);
	trace_key(str_of(c->trace_id), &c->id, TRACED_RECEIPT, key);
	return e ? e
		 : trace_put(t, str_at(key, sizeof(key)), buf_str(&c->receipt),
		       &c->stored);
}

enum err
capture_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct capture *c = (struct capture *)j;
	struct trace_rec r;
	char *blob;
	enum err e = get_record(t, str_of(c->trace_id), &r, &blob);

	(void)out_why;
	c->stored = 0;
	/* Nobody wants it any more. */
	if (e == ERR_UNKNOWN || (!e && r.removed)) {
		free(blob);
		return OK;
	}
	if (!e)
		e = put_parts(c, t);
	if (!e) {
		r.count++;
		r.bytes += c->stored;
		r.lost += c->lost;
		e = put_record(t, &r);
	}
	free(blob);
	return e;
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct traces *all;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct trace *t;
	enum err e;

	if (key.len != TRACE_ID_LEN)
		return true;
	t = xcalloc(1, sizeof(*t));
	e = trace_adopt(t, value);
	if (e) {
		free(t);
		l->job.result = why_set(l->why, e, "trace",
		    "the trace %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	traces_insert(l->all, t);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_trace, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

/* By the time of their start: ids are random. */
static void
sort(struct traces *all)
{
	struct trace_list sorted = TAILQ_HEAD_INITIALIZER(sorted);
	struct trace *t, *at;

	while ((t = TAILQ_FIRST(&all->list))) {
		TAILQ_REMOVE(&all->list, t, link);
		TAILQ_FOREACH (at, &sorted, link)
			if (at->rec.started_at > t->rec.started_at)
				break;
		if (at)
			TAILQ_INSERT_BEFORE(at, t, link);
		else
			TAILQ_INSERT_TAIL(&sorted, t, link);
	}
	TAILQ_CONCAT(&all->list, &sorted, link);
}

enum err
traces_load(struct traces *all, struct why *out_why)
{
	struct load l = { .job.work = load_work, .all = all };
	struct trace *t, *next;
	enum err e = store_now(all->store, LANE_READ, &l.job);

	if (e) {
		if (out_why)
			*out_why = l.job.why;
		return e;
	}
	sort(all);
	for (t = TAILQ_FIRST(&all->list); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->rec.removed)
			trace_remove(all, t, NULL, NULL, NULL);
	}
	traces_turn(all);
	return OK;
}

/* --- starting, ending ------------------------------------------------------ */

struct save {
	struct job job;
	struct traces *all;
	struct trace *trace; /* of a change */
	char *text, *blob;
	size_t blob_len;
	uint64_t at; /* wall ms */
	struct audit_who who;
	trace_done *done;
	void *arg;
};

static void
save_free(struct save *s)
{
	free(s->text);
	free(s->blob);
	free(s);
}

static struct save *
save_new(struct traces *all, struct str text, const struct audit_who *who,
    trace_done *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	s->all = all;
	s->text = xmemdup(text.at, text.len);
	s->who = *who;
	s->done = done;
	s->arg = arg;
	return s;
}

static enum err
start_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct trace_rec r;
	enum err e = trace_rec_read(str_at(s->blob, s->blob_len), &r);

	if (!e)
		e = put_record(t, &r);
	return e ? e
		 : audit_write_text(t, &s->who, "trace", r.id, str_of(s->text),
		       out_why);
}

static void
start_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct trace *t = NULL;

	if (!j->result) {
		t = xcalloc(1, sizeof(*t));
		j->result = trace_adopt(t, str_at(s->blob, s->blob_len));
	}
	if (!j->result) {
		traces_insert(s->all, t);
		traces_turn(s->all);
	}
	s->done(s->arg, j->result, &j->why, t);
	save_free(s);
}

void
trace_start(struct traces *all, const struct trace_rec *r, struct str text,
    const struct audit_who *who, trace_done *done, void *arg)
{
	struct save *s = save_new(all, text, who, done, arg);
	struct trace_rec rec = *r;
	struct buf blob;
	char id[10];

	apikey_make_id(id);
	id[0] = 't';
	rec.id = str_of(id);
	buf_init(&blob, RECORD_MAX);
	/* Its texts are ids and names, which are short. */
	if (trace_rec_write(&rec, &blob))
		abort();
	s->blob = buf_take(&blob, &s->blob_len);
	s->job = (struct job){ .work = start_work, .done = start_done };
	store_post(all->store, LANE_WRITE, &s->job);
}

static enum err
stop_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	struct trace_rec r;
	char *blob;
	enum err e = get_record(t, s->trace->rec.id, &r, &blob);

	if (!e && !r.stopped_at)
		r.stopped_at = s->at;
	if (!e)
		e = put_record(t, &r);
	if (!e)
		e = audit_write_text(t, &s->who, "trace", r.id, str_of(s->text),
		    out_why);
	free(blob);
	return e;
}

static void
stop_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct trace *t = s->trace;

	if (!j->result && !t->rec.stopped_at)
		t->rec.stopped_at = s->at;
	traces_turn(s->all);
	s->done(s->arg, j->result, &j->why, t->gone || j->result ? NULL : t);
	trace_release(t);
	save_free(s);
}

void
trace_stop(struct traces *all, struct trace *t, const struct audit_who *who,
    trace_done *done, void *arg)
{
	struct save *s = save_new(all, STR("stopped"), who, done, arg);

	s->trace = t;
	s->at = (uint64_t)all->wall_ms();
	t->users++;
	s->job = (struct job){ .work = stop_work, .done = stop_done };
	store_post(all->store, LANE_WRITE, &s->job);
}

/* --- removing -------------------------------------------------------------- */

struct removal {
	struct job job;
	TAILQ_ENTRY(removal) link; /* of those that failed */
	struct traces *all;
	char id[TRACE_ID_LEN + 1];
	bool has_who, marked, ended;
	struct audit_who who;
	trace_done *done;
	void *arg;
	unsigned count;
	char keys[REMOVE_MAX][TRACE_KEY_LEN];
};

static bool
note_key(void *arg, struct str key, struct str value)
{
	struct removal *m = arg;

	(void)value;
	if (!str_starts(key, str_of(m->id)))
		return false;
	if (key.len == TRACE_KEY_LEN)
		memcpy(m->keys[m->count++], key.at, TRACE_KEY_LEN);
	return m->count < REMOVE_MAX;
}

static enum err
mark(struct removal *m, struct txn *t, struct why *out_why)
{
	struct trace_rec r;
	char *blob;
	enum err e = get_record(t, str_of(m->id), &r, &blob);

	if (!e) {
		r.removed = true;
		e = put_record(t, &r);
	}
	free(blob);
	if (!e && m->has_who)
		e = audit_write_text(t, &m->who, "trace", str_of(m->id),
		    STR("removed"), out_why);
	return e;
}

static enum err
remove_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct removal *m = (struct removal *)j;
	enum err e = m->marked ? OK : mark(m, t, out_why);

	m->count = 0;
	m->ended = false;
	if (!e)
		e = txn_scan(t, TABLE_trace, str_of(m->id), false, note_key, m);
	for (unsigned i = 0; !e && i < m->count; i++)
		e = txn_del(t, TABLE_trace, str_at(m->keys[i], TRACE_KEY_LEN));
	if (!e && m->count < REMOVE_MAX) {
		m->ended = true;
		e = txn_del(t, TABLE_trace, str_of(m->id));
	}
	return e;
}

static void
tell(struct removal *m)
{
	if (m->done)
		m->done(m->arg, m->job.result, &m->job.why, NULL);
	m->done = NULL;
}

static void
remove_done(struct job *j)
{
	struct removal *m = (struct removal *)j;
	struct traces *all = m->all;

	m->marked = m->marked || !j->result;
	tell(m);
	if (j->result == ERR_CLOSED || (!j->result && m->ended)) {
		free(m);
	} else if (!j->result) {
		store_post(all->store, LANE_WRITE, &m->job);
	} else {
		log_note(LOG_WARN, "trace", "%s: not removed yet: %s", m->id,
		    j->why.text);
		TAILQ_INSERT_TAIL(&all->unremoved, m, link);
		traces_turn(all);
	}
}

void
traces_remove_again(struct traces *all)
{
	struct removal *m;

	while ((m = TAILQ_FIRST(&all->unremoved))) {
		TAILQ_REMOVE(&all->unremoved, m, link);
		if (all->store)
			store_post(all->store, LANE_WRITE, &m->job);
		else
			free(m);
	}
}

void
trace_remove(struct traces *all, struct trace *t, const struct audit_who *who,
    trace_done *done, void *arg)
{
	struct removal *m = xcalloc(1, sizeof(*m));

	m->job = (struct job){ .work = remove_work, .done = remove_done };
	m->all = all;
	memcpy(m->id, t->rec.id.at, TRACE_ID_LEN);
	if (who) {
		m->who = *who;
		m->has_who = true;
	}
	m->done = done;
	m->arg = arg;
	traces_unlist(all, t);
	if (who)
		traces_turn(all);
	store_post(all->store, LANE_WRITE, &m->job);
}
