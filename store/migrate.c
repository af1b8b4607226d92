/* SPDX-License-Identifier: MIT */
/* migrate.c - the schema's version and the steps from one to the next. */
#include "store/migrate.h"

#include <assert.h>
#include <stdio.h>

#include "store/rec.h"
#include "store/store.h"

/* Keys as they were in version 1 had at most so many bytes. */
#define OLD_KEY_MAX 160
#define AT_ONCE	    256

struct old_keys {
	char bytes[AT_ONCE][OLD_KEY_MAX];
	size_t len[AT_ONCE];
	unsigned count;
};

static bool
note_key(void *arg, struct str key, struct str value)
{
	struct old_keys *o = arg;

	(void)value;
	if (key.len > OLD_KEY_MAX || o->count == AT_ONCE)
		return false;
	memcpy(o->bytes[o->count], key.at, key.len);
	o->len[o->count++] = key.len;
	return true;
}

/* The sums of version 1 were of days in UTC and had no owners.  They go, and
 * relayd makes new ones from the receipts: there is no zone yet, so they move
 * from none. */
static enum err
sums_anew(struct txn *t, struct why *out_why)
{
	struct keeping_rec k = { .next = STR("UTC") };
	struct old_keys old;
	struct buf bytes;
	enum err e;

	(void)out_why;
	do {
		old.count = 0;
		e = txn_scan(t, TABLE_rollup, STR(""), false, note_key, &old);
		for (unsigned i = 0; !e && i < old.count; i++)
			e = txn_del(t, TABLE_rollup,
			    str_at(old.bytes[i], old.len[i]));
	} while (!e && old.count > 0);
	if (e)
		return e;
	buf_init(&bytes, 256);
	e = keeping_rec_write(&k, &bytes);
	if (!e)
		e = txn_put(t, TABLE_meta, STR("keeping"), buf_str(&bytes));
	buf_fini(&bytes);
	return e;
}

static const struct migration steps[] = {
	{ 1, "sums by the hours and days of a zone", sums_anew },
};

const struct migrations migrations = { .steps = steps,
	.count = sizeof(steps) / sizeof(steps[0]) };

#define KEY STR("schema")

enum err
migrate_version(struct txn *t, unsigned *out_version, struct why *out_why)
{
	struct str text;
	uint64_t version;
	enum err e = txn_get(t, TABLE_meta, KEY, &text);

	if (e == ERR_UNKNOWN) {
		*out_version = 0;
		return OK;
	}
	if (e)
		return why_set(out_why, e, "schema",
		    "cannot read the store's version: %s", err_text(e));
	if (str_u64(text, &version) || version == 0 || version > UINT32_MAX)
		return why_set(out_why, ERR_CORRUPT, "schema",
		    "the store's version is not a number");
	*out_version = (unsigned)version;
	return OK;
}

static enum err
write_version(struct txn *t, unsigned version, struct why *out_why)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", version);
	enum err e = txn_put(t, TABLE_meta, KEY, str_at(text, (size_t)len));

	if (e)
		return why_set(out_why, e, "schema",
		    "cannot write the store's version: %s", err_text(e));
	return OK;
}

enum err
migrate_run(struct txn *t, const struct migrations *m, struct why *out_why)
{
	unsigned version = 0, newest = m->count + 1;
	enum err e = migrate_version(t, &version, out_why);

	if (e)
		return e;
	if (version > newest)
		return why_set(out_why, ERR_UNSUPPORTED, "schema",
		    "this store has version %u, this relayd knows up to %u: "
		    "it was used by a newer relayd",
		    version, newest);
	if (version == newest)
		return OK;
	for (unsigned v = version; v > 0 && v < newest; v++) {
		const struct migration *step = &m->steps[v - 1];
		struct why why = { 0 };

		assert(step->from == v);
		e = step->run(t, &why);
		if (e)
			return why_set(out_why, e, "schema",
			    "from version %u (%s): %s", v, step->name,
			    why.text[0] ? why.text : err_text(e));
	}
	return write_version(t, newest, out_why);
}
