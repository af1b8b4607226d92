/* SPDX-License-Identifier: MIT */
/* user.c - the owners of keys: what an operator has said of them. */
#include "relayd/user.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/loop.h"

#define RECORD_MAX 2048

void
users_init(struct users *u, const uint8_t seed[MAP_SEED])
{
	map_init(&u->by_owner, seed);
}

static void
user_free(struct user *u)
{
	if (!u)
		return;
	free(u->blob);
	free(u);
}

void
users_fini(struct users *u)
{
	void *user;

	for (size_t at = 0; map_next(&u->by_owner, &at, NULL, &user);)
		user_free(user);
	map_fini(&u->by_owner);
}

const struct user *
user_find(const struct users *u, struct str owner)
{
	return owner.len ? map_get(&u->by_owner, owner) : NULL;
}

bool
user_is_disabled(const struct users *u, struct str owner)
{
	const struct user *user = user_find(u, owner);

	return user && user->rec.disabled;
}

/* Take the record over, in the place of the one there was. */
static enum err
adopt(struct users *u, char *take_blob, size_t len, const struct user **out)
{
	struct user *user = xcalloc(1, sizeof(*user));
	enum err e;

	user->blob = take_blob;
	e = user_rec_read(str_at(take_blob, len), &user->rec);
	if (e) {
		user_free(user);
		return e;
	}
	user_free(map_set(&u->by_owner, user->rec.owner, user));
	*out = user;
	return OK;
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct users *users;
	struct why *why;
	enum err result;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	const struct user *user;
	enum err e;

	e = adopt(l->users, xmemdup(value.at, value.len), value.len, &user);
	if (e)
		l->result = why_set(l->why, e, "user",
		    "the user %.*s cannot be read: %s", STR_ARG(key),
		    err_text(e));
	return !e;
}

enum err
users_load(struct users *u, struct txn *t, struct why *out_why)
{
	struct load l = { .users = u, .why = out_why };
	enum err e = txn_scan(t, TABLE_user, STR(""), false, load_one, &l);

	return e ? e : l.result;
}

/* --- saving ---------------------------------------------------------------- */

struct save {
	struct job job;
	struct keyring *ring;
	char *blob;
	size_t blob_len;
	uint64_t if_rev;
	struct audit_who who; /* method NULL: nobody */
	user_saved *done;
	void *arg;
};

/* What is stored, with a home of its own: writing the audit moves it. */
static enum err
read_stored(struct txn *t, struct str owner, char **out_blob,
    struct user_rec *out)
{
	struct str stored;
	enum err e = txn_get(t, TABLE_user, owner, &stored);

	*out_blob = NULL;
	*out = (struct user_rec){ .rev = 0 };
	if (e)
		return e == ERR_UNKNOWN ? OK : e;
	*out_blob = xmemdup(stored.at, stored.len);
	return user_rec_read(str_at(*out_blob, stored.len), out);
}

static enum err
write_both(struct save *s, struct txn *t, const struct user_rec *old,
    struct why *out_why)
{
	struct user_rec r;
	struct buf out;
	enum err e = user_rec_read(str_at(s->blob, s->blob_len), &r);

	if (e)
		return e;
	if (s->if_rev && old->rev != s->if_rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "%.*s is at revision %llu by now", STR_ARG(r.owner),
		    (unsigned long long)old->rev);
	r.rev = old->rev + 1;
	r.changed_at = (uint64_t)clock_wall_ms();
	buf_init(&out, RECORD_MAX);
	e = audit_write(t, s->who.method ? &s->who : NULL, "user", r.owner,
	    &user_kind, old->rev ? old : NULL, &r, out_why);
	if (!e)
		e = user_rec_write(&r, &out);
	if (!e)
		e = txn_put(t, TABLE_user, r.owner, buf_str(&out));
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
	struct user_rec r, old;
	char *old_blob = NULL;
	enum err e = user_rec_read(str_at(s->blob, s->blob_len), &r);

	if (!e)
		e = read_stored(t, r.owner, &old_blob, &old);
	if (!e)
		e = write_both(s, t, &old, out_why);
	free(old_blob);
	return e;
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	const struct user *user = NULL;
	enum err e = j->result;

	if (e) {
		free(s->blob);
	} else {
		e = adopt(&s->ring->users, s->blob, s->blob_len, &user);
		/* The writer has just encoded it. */
		assert(e == OK);
		keyring_obey(s->ring, user->rec.owner);
	}
	s->done(s->arg, e, &j->why, user);
	free(s);
}

void
user_save(struct keyring *k, const struct user_rec *r, uint64_t if_rev,
    const struct audit_who *who, user_saved *done, void *arg)
{
	struct save *s = xcalloc(1, sizeof(*s));
	struct buf blob;
	enum err e;

	s->job = (struct job){ .work = save_work, .done = save_done };
	s->ring = k;
	s->if_rev = if_rev;
	s->who = *who;
	s->done = done;
	s->arg = arg;
	buf_init(&blob, RECORD_MAX);
	e = user_rec_write(r, &blob);
	/* Its texts have bounds of their own, far below. */
	assert(e == OK);
	s->blob = buf_take(&blob, &s->blob_len);
	store_post(k->store, LANE_WRITE, &s->job);
}
