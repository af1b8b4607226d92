/* SPDX-License-Identifier: MIT */
/* keycopy.c - sealed copies of the values of keys. */
#include "relayd/keycopy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/mem.h"

#include "store/rec.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/audit.h"

#define ID_SIZE 16
/* That one job wipes. */
#define SLICE 64

static struct seal_place
place_of(struct str id)
{
	return (struct seal_place){
		.table = STR("keycopy"), .record = id, .field = STR("value")
	};
}

/* --- keeping --------------------------------------------------------------- */

static enum err
read_setting(struct txn *t, bool *out_wanted)
{
	struct str value;
	enum err e = txn_get(t, TABLE_setting, STR("reveal"), &value);

	*out_wanted = !e && str_eq(str_trim(value), STR("sealed"));
	return e == ERR_UNKNOWN ? OK : e;
}

enum err
keycopy_forget(struct txn *t, struct str id)
{
	enum err e = txn_del(t, TABLE_keycopy, id);

	return e == ERR_UNKNOWN ? OK : e;
}

enum err
keycopy_keep(struct txn *t, struct str id, struct str value)
{
	const struct seal_place place = place_of(id);
	struct buf sealed;
	bool wanted;
	enum err e = read_setting(t, &wanted);

	if (e)
		return e;
	if (!wanted)
		return keycopy_forget(t, id);
	buf_init(&sealed, KEYCOPY_VALUE_MAX + SEAL_OVERHEAD);
	e = seal_close(txn_seal(t), &place, value, &sealed);
	if (!e)
		e = txn_put(t, TABLE_keycopy, id, buf_str(&sealed));
	buf_fini(&sealed);
	return e;
}

/* --- revealing ------------------------------------------------------------- */

struct reveal {
	struct job job;
	char id[ID_SIZE];
	struct audit_who who;
	struct buf value;
	keycopy_revealed *done;
	void *arg;
};

/* Is it the value that the key has now? */
static enum err
check_current(struct txn *t, struct str id, struct str value)
{
	uint8_t hash[SEAL_INDEX_BYTES];
	struct key_index index;
	struct apikey_rec r;
	struct str stored;
	enum err e = txn_get(t, TABLE_apikey, id, &stored);

	if (!e)
		e = apikey_rec_read(stored, &r);
	if (e)
		return e;
	seal_key_index(txn_seal(t), &index);
	key_index_of(&index, value, hash);
	sodium_memzero(&index, sizeof(index));
	return sodium_memcmp(hash, r.hash, sizeof(hash)) ? ERR_UNKNOWN : OK;
}

static enum err
say_none(struct txn *t, struct why *out_why)
{
	bool wanted;
	enum err e = read_setting(t, &wanted);

	if (e)
		return e;
	return why_set(out_why, ERR_UNKNOWN, "key",
	    wanted ? "no copy of its value was kept: it got it before the "
		     "setting reveal was sealed; `key rotate` gives it a new "
		     "one, which is kept"
		   : "copies of values are not kept here; `relayctl set reveal "
		     "sealed` keeps those of new ones, and `key rotate` gives "
		     "this key one");
}

static enum err
reveal_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct reveal *r = (struct reveal *)j;
	struct str id = str_of(r->id), sealed;
	const struct seal_place place = place_of(id);
	enum err e = txn_get(t, TABLE_keycopy, id, &sealed);

	if (!e) {
		e = seal_open(txn_seal(t), &place, sealed, &r->value);
		if (e)
			return why_set(out_why, e, "key",
			    "the sealed copy of its value cannot be opened: %s",
			    err_text(e));
		e = check_current(t, id, buf_str(&r->value));
	}
	if (e == ERR_UNKNOWN)
		return say_none(t, out_why);
	if (e)
		return e;
	return audit_write_text(t, &r->who, "key", id,
	    STR("its value was revealed"), out_why);
}

static void
reveal_done(struct job *j)
{
	struct reveal *r = (struct reveal *)j;

	r->done(r->arg, j->result, &j->why,
	    j->result ? STR("") : buf_str(&r->value));
	buf_wipe(&r->value);
	free(r);
}

void
keycopy_reveal(struct store *s, struct str id, const struct audit_who *who,
    keycopy_revealed *done, void *arg)
{
	struct reveal *r = xcalloc(1, sizeof(*r));

	r->job = (struct job){ .work = reveal_work, .done = reveal_done };
	snprintf(r->id, sizeof(r->id), "%.*s", STR_ARG(id));
	r->who = *who;
	buf_init(&r->value, KEYCOPY_VALUE_MAX);
	r->done = done;
	r->arg = arg;
	store_post(s, LANE_WRITE, &r->job);
}

/* --- wiping ---------------------------------------------------------------- */

struct wipe {
	struct job job;
	struct store *store;
	struct audit_who who;
	char ids[SLICE][ID_SIZE];
	unsigned in_slice, count;
	keycopy_wiped *done;
	void *arg;
};

static bool
note_id(void *arg, struct str key, struct str value)
{
	struct wipe *w = arg;

	(void)value;
	if (w->in_slice == SLICE)
		return false;
	snprintf(w->ids[w->in_slice++], ID_SIZE, "%.*s", STR_ARG(key));
	return true;
}

/* in_slice 0: there was nothing left to be done. */
static enum err
wipe_slice(struct wipe *w, struct txn *t)
{
	bool wanted;
	enum err e = read_setting(t, &wanted);

	w->in_slice = 0;
	if (!e && !wanted)
		e = txn_scan(t, TABLE_keycopy, STR(""), false, note_id, w);
	for (unsigned i = 0; !e && i < w->in_slice; i++)
		e = keycopy_forget(t, str_of(w->ids[i]));
	return e;
}

static enum err
note_wiped(const struct wipe *w, struct txn *t, struct why *out_why)
{
	char text[64];
	int n =
	    snprintf(text, sizeof(text), "sealed copies of %u wiped", w->count);

	if (!w->count)
		return OK;
	return audit_write_text(t, &w->who, "key", STR("*"),
	    str_at(text, (size_t)n), out_why);
}

static enum err
wipe_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct wipe *w = (struct wipe *)j;
	enum err e = wipe_slice(w, t);

	if (!e && !w->in_slice)
		e = note_wiped(w, t, out_why);
	return e;
}

static void
wipe_done(struct job *j)
{
	struct wipe *w = (struct wipe *)j;

	if (!j->result && w->in_slice) {
		w->count += w->in_slice;
		store_post(w->store, LANE_WRITE, &w->job);
		return;
	}
	w->done(w->arg, j->result, &j->why, w->count);
	free(w);
}

void
keycopy_wipe(struct store *s, const struct audit_who *who, keycopy_wiped *done,
    void *arg)
{
	struct wipe *w = xcalloc(1, sizeof(*w));

	w->job = (struct job){ .work = wipe_work, .done = wipe_done };
	w->store = s;
	w->who = *who;
	w->done = done;
	w->arg = arg;
	store_post(s, LANE_WRITE, &w->job);
}

enum err
keycopy_recover(struct txn *t, struct why *out_why)
{
	struct wipe w = { .who = { .uid = getuid(),
			      .pid = getpid(),
			      .method = "setting_set" } };
	enum err e;

	do {
		e = wipe_slice(&w, t);
		w.count += w.in_slice;
	} while (!e && w.in_slice);
	return e ? e : note_wiped(&w, t, out_why);
}
