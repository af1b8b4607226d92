/* SPDX-License-Identifier: MIT */
/* client_save.c - added clients to the store and back. */
#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/client.h"
#include "relayd/record.h"

#define RECORD_MAX 4096

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct clients *clients;
	struct why *why;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct client *c = xcalloc(1, sizeof(*c));
	enum err e;

	e = client_read(c, xmemdup(value.at, value.len), value.len);
	if (e) {
		free(c);
		l->job.result = why_set(l->why, e, "client",
		    "the client %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
		return false;
	}
	clients_insert(l->clients, c);
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;
	enum err e;

	l->why = out_why;
	e = txn_scan(t, TABLE_client, STR(""), false, load_one, l);
	return e ? e : l->job.result;
}

enum err
clients_load(struct clients *cs, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .clients = cs };
	enum err e;

	e = store_now(cs->store, LANE_READ, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- saving ---------------------------------------------------------------- */

struct save {
	struct clients *clients;
	client_saved *done;
	void *arg;
};

static void
on_saved(void *arg, enum err e, const struct why *why, struct str key,
    char *take_blob, size_t len)
{
	struct save *s = arg;
	struct client *c = client_find(s->clients, key);

	if (!e && !take_blob) {
		assert(c);
		clients_remove(s->clients, c);
		c = NULL;
	} else if (!e) {
		assert(!c);
		c = xcalloc(1, sizeof(*c));
		e = client_read(c, take_blob, len);
		/* The writer has just encoded it. */
		assert(e == OK);
		clients_insert(s->clients, c);
	}
	s->done(s->arg, e, why, e ? NULL : c);
	free(s);
}

static void
save(struct clients *cs, struct record_order *o, const struct audit_who *who,
    client_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));

	*s = (struct save){ .clients = cs, .done = done, .arg = arg };
	o->store = cs->store;
	o->table = TABLE_client;
	o->kind = &client_kind;
	o->noun = "client";
	o->size_max = RECORD_MAX;
	o->who = who;
	record_save(o, on_saved, s);
}

void
client_add(struct clients *cs, const struct client_rec *r,
    const struct audit_who *who, client_saved *done, void *arg)
{
	struct record_order o = { .key = r->name, .rec = r };

	save(cs, &o, who, done, arg);
}

void
client_delete(struct clients *cs, struct str name, uint64_t if_rev,
    const struct audit_who *who, client_saved *done, void *arg)
{
	struct record_order o = {
		.key = name, .must_exist = true, .if_rev = if_rev
	};

	save(cs, &o, who, done, arg);
}
