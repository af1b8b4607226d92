/* SPDX-License-Identifier: MIT */
/* record.c - saving and removing a record that holds no secret. */
#include "relayd/record.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/audit.h"
#include "relayd/loop.h"

struct save {
	struct job job;
	struct record_order order; /* key, rec and who are not used */
	char *key;
	char *blob; /* the record asked for, then the one stored */
	size_t blob_len;
	struct audit_who who; /* method NULL: nobody */
	record_saved *done;
	void *arg;
};

static uint64_t *
number_of(const struct rec_kind *kind, void *rec, const char *name)
{
	for (size_t i = 0; i < kind->count; i++)
		if (!strcmp(kind->fields[i].name, name))
			return (uint64_t *)(void *)((char *)rec +
			    kind->fields[i].offset);
	assert(!"a record without that member");
	return NULL;
}

/* What stands in the store now, copied, and whether that allows the save. */
static enum err
take_stored(const struct save *s, struct txn *t, char **out_blob, void *out_old,
    struct why *out_why)
{
	const struct record_order *o = &s->order;
	const char *noun = o->noun;
	struct str stored;
	uint64_t rev;
	enum err e;

	e = txn_get(t, o->table, str_of(s->key), &stored);
	if (e == ERR_UNKNOWN && !o->must_exist)
		return OK;
	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "name", "no %s %s", noun, s->key);
	if (e)
		return e;
	if (!o->must_exist)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is a %s %s already", noun, s->key);
	/* Storing moves the pages that it lies in. */
	*out_blob = xmemdup(stored.at, stored.len);
	e = rec_read(o->kind, str_at(*out_blob, stored.len), out_old);
	if (e)
		return e;
	rev = *number_of(o->kind, out_old, "rev");
	if (o->if_rev && rev != o->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%s is at revision %llu by now", s->key,
		    (unsigned long long)rev);
	return OK;
}

static enum err
store_record(struct save *s, struct txn *t, void *old, void *rec,
    struct why *out_why)
{
	const struct record_order *o = &s->order;
	const struct audit_who *who = s->who.method ? &s->who : NULL;
	uint64_t rev = *number_of(o->kind, old, "rev");
	uint64_t now = (uint64_t)clock_wall_ms();
	struct buf out;
	enum err e;

	e = rec_read(o->kind, str_at(s->blob, s->blob_len), rec);
	if (e)
		return e;
	*number_of(o->kind, rec, "rev") = rev + 1;
	*number_of(o->kind, rec, "changed_at") = now;
	*number_of(o->kind, rec, "created_at") =
	    rev ? *number_of(o->kind, old, "created_at") : now;
	buf_init(&out, o->size_max);
	e = rec_write(o->kind, rec, &out);
	if (!e)
		e = txn_put(t, o->table, str_of(s->key), buf_str(&out));
	if (!e)
		e = audit_write(t, who, o->noun, str_of(s->key), o->kind,
		    rev ? old : NULL, rec, out_why);
	if (!e) {
		free(s->blob);
		s->blob = buf_take(&out, &s->blob_len);
	}
	buf_fini(&out);
	return e;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	const struct record_order *o = &s->order;
	void *old = xcalloc(1, o->kind->size), *rec = xcalloc(1, o->kind->size);
	char *old_blob = NULL;
	enum err e;

	e = take_stored(s, t, &old_blob, old, out_why);
	if (!e && s->blob)
		e = store_record(s, t, old, rec, out_why);
	else if (!e)
		e = audit_write(t, s->who.method ? &s->who : NULL, o->noun,
		    str_of(s->key), o->kind, old, NULL, out_why);
	if (!e && !s->blob)
		e = txn_del(t, o->table, str_of(s->key));
	free(old_blob);
	free(old);
	free(rec);
	return e;
}

static void
save_free(struct save *s)
{
	free(s->blob);
	free(s->key);
	free(s);
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	char *blob = NULL;

	if (!j->result) {
		blob = s->blob;
		s->blob = NULL;
	}
	s->done(s->arg, j->result, &j->why, str_of(s->key), blob, s->blob_len);
	save_free(s);
}

void
record_save(const struct record_order *o, record_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));
	struct buf blob;

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->order = *o;
	s->key = xmemdup(o->key.at, o->key.len);
	if (o->who)
		s->who = *o->who;
	s->done = done;
	s->arg = arg;
	if (o->rec) {
		struct why why;
		enum err e;

		buf_init(&blob, o->size_max);
		e = rec_write(o->kind, o->rec, &blob);
		if (e) {
			buf_fini(&blob);
			why_set(&why, e, "", "the record is too large");
			done(arg, e, &why, str_of(s->key), NULL, 0);
			save_free(s);
			return;
		}
		s->blob = buf_take(&blob, &s->blob_len);
	}
	store_post(o->store, LANE_WRITE, &s->job);
}
