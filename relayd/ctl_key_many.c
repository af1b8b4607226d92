/* SPDX-License-Identifier: MIT */
/* ctl_key_many.c - one change of many keys. */
#include "relayd/ctl_key_many.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"

#define RECORD_MAX (8 * 1024)
/* On their way to the store at once. */
#define CHUNK 16

enum result {
	UNCHANGED,
	CHANGED,
	REFUSED,
};

struct item {
	struct ctl_keys *all;
	char id[10];
	enum result result;
	char *why;
};

struct ctl_keys {
	struct ctl_call *call;
	struct item *items;
	unsigned count, room, at;
	unsigned waiting; /* for the store, and for the chunk to be whole */
	struct ctl_key_counts counts;
	bool all_rows;
	ctl_key_edit *edit;
	ctl_keys_done *done;
};

struct ctl_keys *
ctl_keys_new(struct ctl_call *c)
{
	struct ctl_keys *k = xcalloc(1, sizeof(*k));

	k->call = c;
	return k;
}

void
ctl_keys_add(struct ctl_keys *k, const struct apikey_rec *r)
{
	struct item *it;

	if (k->count == k->room) {
		k->room = k->room ? 2 * k->room : 64;
		k->items = xrealloc(k->items, k->room * sizeof(*k->items));
	}
	it = &k->items[k->count++];
	*it = (struct item){ .all = k };
	snprintf(it->id, sizeof(it->id), "%.*s", STR_ARG(r->id));
}

unsigned
ctl_keys_count(const struct ctl_keys *k)
{
	return k->count;
}

void
ctl_keys_free(struct ctl_keys *k)
{
	for (unsigned i = 0; i < k->count; i++)
		free(k->items[i].why);
	free(k->items);
	free(k);
}

/* --- telling --------------------------------------------------------------- */

static void
put_row(struct ctl_keys *k, const struct item *it,
    const struct apikey_rec *rehearsed)
{
	static const char *const words[] = { "unchanged", "changed",
		"refused" };
	struct ctl_call *c = k->call;
	const struct apikey *key = keyring_id(c->daemon->keys, str_of(it->id));
	struct json_out *j = &c->out;

	k->counts.changed += it->result == CHANGED;
	k->counts.unchanged += it->result == UNCHANGED;
	k->counts.refused += it->result == REFUSED;
	if ((it->result == UNCHANGED && !k->all_rows) || !ctl_has_room(c, 0))
		return;
	json_open(j, '{');
	json_say(j, "id", str_of(it->id));
	json_say(j, "name", key ? key->rec.name : STR(""));
	json_say(j, "result", str_of(words[it->result]));
	if (it->why)
		json_say(j, "why", str_of(it->why));
	if (rehearsed && key) {
		json_put_key(j, "changes");
		json_open(j, '[');
		ctl_put_changes(j, &apikey_kind, &key->rec, rehearsed);
		json_close(j, ']');
	}
	json_close(j, '}');
}

static void
finish(struct ctl_keys *k)
{
	for (unsigned i = 0; !k->call->dry_run && i < k->count; i++)
		put_row(k, &k->items[i], NULL);
	json_close(&k->call->out, ']');
	k->done(k->call, &k->counts);
	ctl_keys_free(k);
}

/* --- changing -------------------------------------------------------------- */

static bool
is_same(const struct apikey_rec *a, const struct apikey_rec *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, RECORD_MAX);
	buf_init(&y, RECORD_MAX);
	same = !apikey_rec_write(a, &x) && !apikey_rec_write(b, &y) &&
	    str_eq(buf_str(&x), buf_str(&y));
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static void go_on(struct ctl_keys *k);

static void
one_less(struct ctl_keys *k)
{
	assert(k->waiting > 0);
	if (!--k->waiting)
		go_on(k);
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *key)
{
	struct item *it = arg;

	(void)key;
	it->result = e ? REFUSED : CHANGED;
	if (e)
		it->why = xstrdup(why->text[0] ? why->text : err_text(e));
	one_less(it->all);
}

static void
edit_one(struct ctl_keys *k, struct item *it)
{
	const struct audit_who who = ctl_who(k->call);
	const struct apikey *key =
	    keyring_id(k->call->daemon->keys, str_of(it->id));
	char tags[CTL_TAGS_SIZE];
	struct apikey_rec r;
	struct why why;
	enum err e;

	it->result = REFUSED;
	if (!key) {
		it->why = xstrdup("it was purged meanwhile");
		return;
	}
	r = key->rec;
	e = k->edit(k->call, &r, tags, &why);
	if (e) {
		it->why = xstrdup(why.text);
	} else if (is_same(&key->rec, &r)) {
		it->result = UNCHANGED;
	} else if (k->call->dry_run) {
		it->result = CHANGED;
		put_row(k, it, &r);
		return;
	} else {
		k->waiting++;
		apikey_save(k->call->daemon->keys, &r, STR(""), true,
		    key->rec.rev, &who, on_saved, it);
		return;
	}
	if (k->call->dry_run)
		put_row(k, it, NULL);
}

/* Chunk after chunk; the loop goes round while one is with the store. */
static void
go_on(struct ctl_keys *k)
{
	while (k->at < k->count) {
		k->waiting = 1;
		for (unsigned n = 0; n < CHUNK && k->at < k->count; n++)
			edit_one(k, &k->items[k->at++]);
		if (--k->waiting)
			return;
	}
	finish(k);
}

void
ctl_keys_edit(struct ctl_keys *take_k, bool all, ctl_key_edit *edit,
    ctl_keys_done *done)
{
	take_k->all_rows = all;
	take_k->edit = edit;
	take_k->done = done;
	json_open(&take_k->call->out, '{');
	json_put_key(&take_k->call->out, "rows");
	json_open(&take_k->call->out, '[');
	go_on(take_k);
}
