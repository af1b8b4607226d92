/* SPDX-License-Identifier: MIT */
/* audit.c - rows of changes, written in the transaction of the change. */
#include "relayd/audit.h"

#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/loop.h"

/* What a row says of the changes is cut here. */
#define CHANGES_MAX (8 * 1024)
#define VALUE_MAX   200
#define HASH_LEN    32
/* meta: number(8) hash(32) of the last row */
#define LAST_LEN (8 + HASH_LEN)

static const struct str last_key = { .at = "audit.last", .len = 10 };

static void
put_number(uint64_t n, uint8_t out[8])
{
	for (int i = 7; i >= 0; i--) {
		out[i] = (uint8_t)n;
		n >>= 8;
	}
}

static uint64_t
get_number(const void *bytes)
{
	const uint8_t *b = bytes;
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | b[i];
	return n;
}

/* Number and content: a row cannot change places either. */
static void
hash_row(uint64_t number, struct str row, uint8_t out[HASH_LEN])
{
	crypto_generichash_state state;
	uint8_t key[8];

	put_number(number, key);
	crypto_generichash_init(&state, NULL, 0, HASH_LEN);
	crypto_generichash_update(&state, key, sizeof(key));
	crypto_generichash_update(&state, (const uint8_t *)row.at, row.len);
	crypto_generichash_final(&state, out, HASH_LEN);
}

/* --- what changed ------------------------------------------------------------ */

/* Fields that say nothing of their own. */
static bool
is_bookkeeping(const char *name)
{
	return !strcmp(name, "rev") || !strcmp(name, "created_at") ||
	    !strcmp(name, "changed_at");
}

static const void *
member(const void *rec, const struct rec_field *f)
{
	return rec ? (const char *)rec + f->offset : NULL;
}

static size_t
fixed_len(enum rec_type type)
{
	return type == REC_T_BYTES16 ? 16 : 32;
}

/* Is it as if it had never been set? */
static bool
is_empty(const struct rec_field *f, const void *at)
{
	static const uint8_t zeros[32];

	if (!at)
		return true;
	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED:
		return !((const struct str *)at)->len;
	case REC_T_U64:
	case REC_T_I64:
		return !*(const uint64_t *)at;
	case REC_T_FLAG:
		return !*(const bool *)at;
	case REC_T_BYTES16:
	case REC_T_BYTES32:
		break;
	}
	return !memcmp(at, zeros, fixed_len(f->type));
}

static bool
is_same(const struct rec_field *f, const void *a, const void *b)
{
	if (is_empty(f, a) || is_empty(f, b))
		return is_empty(f, a) && is_empty(f, b);
	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED:
		return str_eq(*(const struct str *)a, *(const struct str *)b);
	case REC_T_U64:
	case REC_T_I64:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case REC_T_FLAG:
		return *(const bool *)a == *(const bool *)b;
	case REC_T_BYTES16:
	case REC_T_BYTES32:
		break;
	}
	return !memcmp(a, b, fixed_len(f->type));
}

static enum err
put_value(const struct rec_field *f, const void *at, struct buf *out)
{
	struct str s;

	if (f->type == REC_T_FLAG)
		return buf_add(out,
		    at && *(const bool *)at ? STR("yes") : STR("no"));
	if (is_empty(f, at))
		return buf_add(out, STR("(none)"));
	switch (f->type) {
	case REC_T_TEXT:
		s = str_first(*(const struct str *)at, VALUE_MAX);
		return buf_addf(out, "\"%.*s\"", STR_ARG(s));
	case REC_T_U64:
		return buf_addf(out, "%llu",
		    (unsigned long long)*(const uint64_t *)at);
	case REC_T_I64:
		return buf_addf(out, "%lld", (long long)*(const int64_t *)at);
	case REC_T_FLAG:
	case REC_T_SEALED:
	case REC_T_BYTES16:
	case REC_T_BYTES32:
		break;
	}
	return buf_add(out, STR("(set)"));
}

static enum err
put_change(const struct rec_field *f, const void *before, const void *after,
    struct buf *out)
{
	enum err e;

	e = buf_addf(out, "%s%s: ", buf_len(out) ? "\n" : "", f->name);
	if (!e && f->type == REC_T_SEALED)
		return buf_add(out, STR("changed"));
	if (!e)
		e = put_value(f, before, out);
	if (!e)
		e = buf_add(out, STR(" -> "));
	return e ? e : put_value(f, after, out);
}

/* A line for each field that differs; what does not fit is left out. */
static void
put_changes(const struct rec_kind *kind, const void *before, const void *after,
    struct buf *out)
{
	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];
		const void *a = member(before, f), *b = member(after, f);
		size_t had = buf_len(out);

		if (is_bookkeeping(f->name) || is_same(f, a, b))
			continue;
		if (put_change(f, a, b, out)) {
			buf_chop(out, buf_len(out) - had);
			return;
		}
	}
}

/* --- writing ------------------------------------------------------------------- */

static enum err
read_last(struct txn *t, uint64_t *out_number, uint8_t out_hash[HASH_LEN])
{
	struct str last;
	enum err e;

	*out_number = 0;
	memset(out_hash, 0, HASH_LEN);
	e = txn_get(t, TABLE_meta, last_key, &last);
	if (e == ERR_UNKNOWN)
		return OK;
	if (!e && last.len != LAST_LEN)
		return ERR_CORRUPT;
	if (!e) {
		*out_number = get_number(last.at);
		memcpy(out_hash, last.at + 8, HASH_LEN);
	}
	return e;
}

static enum err
append(struct txn *t, const struct audit_rec *row, uint64_t number)
{
	uint8_t key[8], last[LAST_LEN];
	struct buf out;
	enum err e;

	buf_init(&out, 2 * CHANGES_MAX);
	e = audit_rec_write(row, &out);
	put_number(number, key);
	if (!e)
		e = txn_put(t, TABLE_audit,
		    str_at((const char *)key, sizeof(key)), buf_str(&out));
	if (!e) {
		put_number(number, last);
		hash_row(number, buf_str(&out), last + 8);
		e = txn_put(t, TABLE_meta, last_key,
		    str_at((const char *)last, sizeof(last)));
	}
	buf_fini(&out);
	return e;
}

enum err
audit_write_text(struct txn *t, const struct audit_who *who, const char *type,
    struct str object, struct str changes, struct why *out_why)
{
	struct audit_rec row = { .at = (uint64_t)clock_wall_ms() };
	uint64_t number;
	enum err e;

	if (!who)
		return OK;
	e = read_last(t, &number, row.before);
	row.uid = who->uid;
	row.pid = who->pid;
	row.method = str_of(who->method);
	row.type = str_of(type);
	row.object = str_first(object, VALUE_MAX);
	row.changes = str_first(changes, CHANGES_MAX);
	if (!e)
		e = append(t, &row, number + 1);
	if (e)
		return why_set(out_why, e, "",
		    "the change cannot be written into the audit: %s",
		    err_text(e));
	return OK;
}

enum err
audit_write(struct txn *t, const struct audit_who *who, const char *type,
    struct str object, const struct rec_kind *kind, const void *before,
    const void *after, struct why *out_why)
{
	struct buf changes;
	enum err e;

	if (!who)
		return OK;
	buf_init(&changes, CHANGES_MAX);
	if (after)
		put_changes(kind, before, after, &changes);
	else
		buf_must(&changes, STR("removed"));
	e = audit_write_text(t, who, type, object, buf_str(&changes), out_why);
	buf_fini(&changes);
	return e;
}

struct note {
	struct job job;
	struct audit_who who;
	const char *type;
	char *object, *changes;
};

static enum err
note_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct note *n = (struct note *)j;

	return audit_write_text(t, &n->who, n->type, str_of(n->object),
	    str_of(n->changes), out_why);
}

static void
note_done(struct job *j)
{
	struct note *n = (struct note *)j;

	free(n->object);
	free(n->changes);
	free(n);
}

void
audit_post(struct store *s, const struct audit_who *who, const char *type,
    struct str object, struct str changes)
{
	struct note *n = xcalloc(1, sizeof(*n));

	n->job = (struct job){ .work = note_work, .done = note_done };
	n->who = *who;
	n->type = type;
	n->object = xmemdup(object.at, object.len);
	n->changes = xmemdup(changes.at, changes.len);
	store_post(s, LANE_WRITE, &n->job);
}

/* --- listing --------------------------------------------------------------------- */

struct list {
	struct job job;
	struct audit_query q;
	char *type, *object;
	struct audit_row rows[AUDIT_ROWS_MAX];
	char *kept[AUDIT_ROWS_MAX];
	size_t count;
	bool more;
	enum err damage;
	audit_list_done *done;
	void *arg;
};

static bool
wanted(const struct list *l, const struct audit_rec *r)
{
	return (!l->type || str_eq(r->type, str_of(l->type))) &&
	    (!l->object || str_eq(r->object, str_of(l->object)));
}

static bool
list_one(void *arg, struct str key, struct str value)
{
	struct list *l = arg;
	struct audit_rec rec;

	if (key.len != 8)
		return true;
	l->damage = audit_rec_read(value, &rec);
	if (l->damage)
		return false;
	if (!wanted(l, &rec))
		return true;
	if (l->count == l->q.limit) {
		l->more = true;
		return false;
	}
	/* What was found lies in the transaction: keep a copy. */
	l->kept[l->count] = xmemdup(value.at, value.len);
	l->rows[l->count].number = get_number(key.at);
	l->damage = audit_rec_read(str_at(l->kept[l->count], value.len),
	    &l->rows[l->count].rec);
	l->count++;
	return !l->damage;
}

static enum err
list_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct list *l = (struct list *)j;
	uint8_t key[8];
	enum err e;

	(void)out_why;
	put_number(l->q.below - 1, key);
	e = txn_scan(t, TABLE_audit,
	    l->q.below ? str_at((const char *)key, sizeof(key)) : STR(""), true,
	    list_one, l);
	return e ? e : l->damage;
}

static void
list_done(struct job *j)
{
	struct list *l = (struct list *)j;

	l->done(l->arg, j->result, &j->why, l->rows, l->count, l->more);
	for (size_t i = 0; i < l->count; i++)
		free(l->kept[i]);
	free(l->type);
	free(l->object);
	free(l);
}

void
audit_list(struct store *s, const struct audit_query *q, audit_list_done *done,
    void *arg)
{
	struct list *l = xcalloc(1, sizeof(*l));

	l->job = (struct job){ .work = list_work, .done = list_done };
	l->q = *q;
	if (!l->q.limit || l->q.limit > AUDIT_ROWS_MAX)
		l->q.limit = AUDIT_ROWS_MAX;
	if (q->type.at)
		l->type = xmemdup(q->type.at, q->type.len);
	if (q->object.at)
		l->object = xmemdup(q->object.at, q->object.len);
	l->done = done;
	l->arg = arg;
	store_post(s, LANE_READ, &l->job);
}

/* --- verifying ------------------------------------------------------------------- */

/* Rows looked at in one transaction, so that none is held open for long. */
#define VERIFY_CHUNK 2000

struct verify {
	struct job job;
	struct store *store;
	struct audit_check check;
	uint64_t next; /* the number that must come */
	uint8_t hash[HASH_LEN];
	unsigned in_chunk;
	bool ended;
	audit_verify_done *done;
	void *arg;
};

static bool
broken(struct verify *v, uint64_t at, const char *text)
{
	struct why why;

	if (v->check.broken_at)
		return false;
	why_set(&why, ERR_CORRUPT, "", "%s", text);
	v->check.broken_at = at;
	memcpy(v->check.text, why.text, sizeof(v->check.text) - 1);
	return false;
}

static bool
verify_one(void *arg, struct str key, struct str value)
{
	struct verify *v = arg;
	struct audit_rec rec;
	uint64_t number;

	if (v->in_chunk++ == VERIFY_CHUNK) {
		v->ended = false;
		return false;
	}
	number = key.len == 8 ? get_number(key.at) : 0;
	if (number != v->next)
		return broken(v, v->next, "a row is missing or was put in");
	if (audit_rec_read(value, &rec))
		return broken(v, number, "the row cannot be read");
	if (memcmp(rec.before, v->hash, HASH_LEN))
		return broken(v, number,
		    "the row before it is not the one it knew");
	hash_row(number, value, v->hash);
	v->check.rows++;
	v->next++;
	return true;
}

static enum err
verify_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct verify *v = (struct verify *)j;
	uint8_t key[8], hash[HASH_LEN];
	uint64_t last;
	enum err e;

	(void)out_why;
	v->in_chunk = 0;
	v->ended = true;
	put_number(v->next, key);
	e = txn_scan(t, TABLE_audit, str_at((const char *)key, sizeof(key)),
	    false, verify_one, v);
	if (e || !v->ended || v->check.broken_at)
		return e;
	e = read_last(t, &last, hash);
	if (!e && (last != v->next - 1 || memcmp(hash, v->hash, HASH_LEN)))
		broken(v, v->next, "the last rows were taken away");
	return e;
}

static void
verify_done(struct job *j)
{
	struct verify *v = (struct verify *)j;

	if (!j->result && !v->ended && !v->check.broken_at) {
		store_post(v->store, LANE_READ, &v->job);
		return;
	}
	v->done(v->arg, j->result, &j->why, &v->check);
	free(v);
}

void
audit_verify(struct store *s, audit_verify_done *done, void *arg)
{
	struct verify *v = xcalloc(1, sizeof(*v));

	v->job = (struct job){ .work = verify_work, .done = verify_done };
	v->store = s;
	v->next = 1;
	v->done = done;
	v->arg = arg;
	store_post(s, LANE_READ, &v->job);
}
