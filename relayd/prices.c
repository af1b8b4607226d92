/* SPDX-License-Identifier: MIT */
/* prices.c - the price table between the program, the store and the operator.
 */
#include "relayd/prices.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/daemon.h"
#include "relayd/log.h"

#define KEY_FILE STR("f")
#define TEXT_MAX (16 * 1024)

/* --- reading --------------------------------------------------------------- */

struct reading {
	struct buf text; /* of all overrides, as one file */
	unsigned count;
};

static bool
add_override(void *arg, struct str key, struct str value)
{
	struct reading *r = arg;

	if (key.at[0] != 'o')
		return false;
	buf_mustf(&r->text, "%s\"%.*s\":%.*s", r->count++ ? "," : "",
	    STR_ARG(str_skip(key, 1)), STR_ARG(value));
	return true;
}

static enum err
read_overrides(struct txn *t, struct price_set *out, struct why *out_why)
{
	struct reading r = { .count = 0 };
	enum err e;

	buf_init(&r.text, 2 * PRICE_FILE_MAX);
	buf_must(&r.text, STR("{"));
	e = txn_scan(t, TABLE_price, STR("o"), false, add_override, &r);
	buf_must(&r.text, STR("}"));
	if (!e && r.count)
		e = price_set_read(buf_str(&r.text), PRICE_OVERRIDE, out,
		    out_why);
	buf_fini(&r.text);
	return e;
}

static enum err
read_file(struct txn *t, struct price_set *out, struct why *out_why)
{
	struct str text;
	enum err e = txn_get(t, TABLE_price, KEY_FILE, &text);

	if (e == ERR_UNKNOWN)
		return OK;
	return e ? e : price_set_read(text, PRICE_UPDATED, out, out_why);
}

enum err
prices_read(struct txn *t, struct price_table **out, struct why *out_why)
{
	struct price_set packaged = { .at = NULL }, updated = { .at = NULL };
	struct price_set overrides = { .at = NULL };
	enum err e = price_set_read(price_packaged(), PRICE_PACKAGED, &packaged,
	    out_why);

	if (!e)
		e = read_file(t, &updated, out_why);
	if (!e)
		e = read_overrides(t, &overrides, out_why);
	if (!e)
		*out = price_table_new(&packaged,
		    updated.count ? &updated : NULL, &overrides);
	price_set_fini(&packaged);
	price_set_fini(&updated);
	price_set_fini(&overrides);
	return e;
}

/* --- noting prices --------------------------------------------------------- */

struct noted_key {
	char bytes[9];
};

static struct noted_key
noted_key_of(uint64_t id)
{
	struct noted_key k = { .bytes = "h" };

	for (unsigned i = 0; i < 8; i++)
		k.bytes[1 + i] = (char)(id >> (56 - 8 * i));
	return k;
}

static enum err
note(struct txn *t, const struct price *p, struct buf *scratch)
{
	struct noted_key k = noted_key_of(p->id);
	struct str key = str_at(k.bytes, sizeof(k.bytes)), had;
	enum err e = txn_get(t, TABLE_price, key, &had);

	if (e != ERR_UNKNOWN)
		return e;
	buf_clear(scratch);
	buf_must(scratch, str_at(p->name.at, p->name.len + 1));
	buf_must(scratch, p->text);
	return txn_put(t, TABLE_price, key, buf_str(scratch));
}

enum err
prices_changed(struct txn *t, struct price_table **out, struct why *out_why)
{
	struct price_table *table = NULL;
	struct buf scratch;
	enum err e = prices_read(t, &table, out_why);

	if (e)
		return e;
	buf_init(&scratch, TEXT_MAX);
	for (size_t i = 0; !e && i < price_count(table); i++)
		e = note(t, price_at(table, i), &scratch);
	buf_fini(&scratch);
	if (e)
		price_table_unref(table);
	else
		*out = table;
	return e;
}

enum err
prices_get_noted(struct txn *t, uint64_t id, struct buf *io_text,
    struct price *out)
{
	struct noted_key k = noted_key_of(id);
	struct price_stated stated;
	struct str value, name;
	const char *at;
	enum err e =
	    txn_get(t, TABLE_price, str_at(k.bytes, sizeof(k.bytes)), &value);

	if (e)
		return e;
	buf_clear(io_text);
	e = buf_add(io_text, value);
	if (e)
		return e;
	value = buf_str(io_text);
	name = str_cut(&value, '\0');
	if (!value.at || price_stated_read(&stated, value, &at, NULL))
		return ERR_CORRUPT;
	*out = (struct price){ .name = name, .text = value, .id = id };
	price_settle(out, &stated);
	return OK;
}

/* --- writing --------------------------------------------------------------- */

enum err
prices_put_file(struct txn *t, const struct price_set *s)
{
	struct buf text;
	enum err e;

	if (!s) {
		e = txn_del(t, TABLE_price, KEY_FILE);
		return e == ERR_UNKNOWN ? OK : e;
	}
	/* Fewer fields than came, each perhaps with more digits. */
	buf_init(&text, 8 * (size_t)PRICE_FILE_MAX);
	price_set_write(s, &text);
	e = buf_len(&text) > PRICE_FILE_MAX
	    ? ERR_LIMIT
	    : txn_put(t, TABLE_price, KEY_FILE, buf_str(&text));
	buf_fini(&text);
	return e;
}

struct override_key {
	size_t len;
	char bytes[1 + PRICE_NAME_MAX];
};

static struct override_key
override_key_of(struct str name)
{
	struct override_key k = { .bytes = "o" };

	name = str_first(name, PRICE_NAME_MAX);
	memcpy(k.bytes + 1, name.at, name.len);
	k.len = 1 + name.len;
	return k;
}

enum err
prices_get_override(struct txn *t, struct str name, struct price_stated *out,
    struct why *out_why)
{
	struct override_key k = override_key_of(name);
	struct str value;
	const char *at;
	enum err e = txn_get(t, TABLE_price, str_at(k.bytes, k.len), &value);

	price_stated_init(out);
	if (e == ERR_UNKNOWN)
		return OK;
	return e ? e : price_stated_read(out, value, &at, out_why);
}

enum err
prices_put_override(struct txn *t, struct str name,
    const struct price_stated *s)
{
	struct override_key k = override_key_of(name);
	struct buf text;
	enum err e;

	buf_init(&text, TEXT_MAX);
	price_stated_write(s, &text);
	e = txn_put(t, TABLE_price, str_at(k.bytes, k.len), buf_str(&text));
	buf_fini(&text);
	return e;
}

enum err
prices_del_override(struct txn *t, struct str name)
{
	struct override_key k = override_key_of(name);

	return txn_del(t, TABLE_price, str_at(k.bytes, k.len));
}

/* --- the daemon's ---------------------------------------------------------- */

struct load_job {
	struct job job;
	struct price_table **out;
};

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load_job *l = (struct load_job *)j;

	return prices_changed(t, l->out, out_why);
}

static enum err
packaged_alone(struct price_table **out, struct why *out_why)
{
	struct price_set packaged;
	enum err e = price_set_read(price_packaged(), PRICE_PACKAGED, &packaged,
	    out_why);

	if (e)
		return e;
	*out = price_table_new(&packaged, NULL, NULL);
	price_set_fini(&packaged);
	return OK;
}

enum err
prices_load(struct store *s, struct price_table **out, struct why *out_why)
{
	struct load_job l = { .job = { .work = load_work }, .out = out };
	enum err e = store_now(s, LANE_WRITE, &l.job);

	/* Prices that were good once must not keep the daemon from serving. */
	if (e == ERR_VALUE || e == ERR_SYNTAX || e == ERR_EXISTS) {
		log_note(LOG_ERROR, "prices",
		    "the stored prices are not understood, and those of the "
		    "package are used: %s",
		    l.job.why.text);
		return packaged_alone(out, out_why);
	}
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

void
prices_swap(struct daemon *d, struct price_table *take_t)
{
	price_table_unref(d->prices);
	d->prices = take_t;
}
