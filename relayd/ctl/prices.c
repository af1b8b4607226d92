/* SPDX-License-Identifier: MIT */
/* prices.c - control methods about what models cost.  A change is made by the
 * store's writer, which builds the new table with it; the loop only swaps the
 * two and tells how they differ.  A rehearsal is the same change, undone. */
#include "relayd/prices.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"

#define DAY_MS	   INT64_C(86400000)
#define CHECK_DAYS 30
#define WORDS_MAX  (16 * 1024)

/* --- looking --------------------------------------------------------------- */

static int
digits_of(unsigned unit)
{
	return unit == PRICE_SEARCH ? PRICE_DIGITS : PRICE_DIGITS - 6;
}

static void
say_price(struct json_out *j, const char *key, int64_t pico, unsigned unit)
{
	char text[DECIMAL_TEXT];

	if (pico == PRICE_NONE)
		return;
	decimal_write(pico, (unsigned)digits_of(unit), 0, text);
	json_say(j, key, str_of(text));
}

static void
put_row(struct json_out *j, const struct price *p)
{
	json_open(j, '{');
	json_say(j, "name", p->name);
	json_say(j, "origin", str_of(price_origin_name(p->origin)));
	for (unsigned u = 0; u < PRICE_UNITS; u++)
		say_price(j, price_unit_word((enum price_unit)u),
		    p->rates.pico[USAGE_STANDARD][0][u], u);
	if (p->above)
		json_say_i64(j, "above", p->above);
	json_say_i64(j, "id", (int64_t)p->id);
	json_close(j, '}');
}

void
ctl_price_list(struct ctl_call *c)
{
	const struct price_table *t = c->daemon->prices;
	struct str glob = ctl_text(c, "glob"), origin = ctl_text(c, "origin");
	char next[24] = "";
	uint64_t i = 0;
	unsigned n = 0;

	if (c->cursor.len && str_u64(c->cursor, &i)) {
		ctl_refusef(c, ERR_VALUE, "cursor", "no such page");
		return;
	}
	json_open(&c->out, '[');
	for (; i < price_count(t); i++) {
		const struct price *p = price_at(t, i);

		if ((glob.len && !str_glob(p->name, glob)) ||
		    (origin.len &&
			!str_eq(origin, str_of(price_origin_name(p->origin)))))
			continue;
		if (!ctl_has_room(c, n)) {
			snprintf(next, sizeof(next), "%llu",
			    (unsigned long long)i);
			break;
		}
		put_row(&c->out, p);
		n++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, str_of(next));
}

/* The entry that a model has, or the one of that very name: a glob is none. */
static const struct price *
find_or_refuse(struct ctl_call *c)
{
	const struct price_table *t = c->daemon->prices;
	struct str model = ctl_text(c, "model");
	const struct price *p = NULL;

	for (size_t i = 0; !p && i < price_count(t); i++)
		if (str_eq(price_at(t, i)->name, model))
			p = price_at(t, i);
	if (!p)
		p = price_find(t, model);
	if (!p)
		ctl_refusef(c, ERR_UNKNOWN, "model",
		    "\"%.*s\" has no price; only exact names and globs match, "
		    "see `price ls`",
		    STR_ARG(str_first(model, 80)));
	return p;
}

static void
put_unit(struct json_out *j, const struct price *p, unsigned u)
{
	if (p->rates.pico[USAGE_STANDARD][0][u] == PRICE_NONE)
		return;
	json_open(j, '{');
	json_say(j, "unit", str_of(price_unit_word((enum price_unit)u)));
	json_say(j, "text", str_of(price_unit_text((enum price_unit)u)));
	for (unsigned t = 0; t < USAGE_TIERS; t++) {
		const char *tier = usage_tier_word((enum usage_tier)t);
		char key[40];

		say_price(j, tier, p->rates.pico[t][0][u], u);
		if (!p->above)
			continue;
		snprintf(key, sizeof(key), "%s_long", tier);
		say_price(j, key, p->rates.pico[t][1][u], u);
	}
	json_close(j, '}');
}

static void
put_stated(struct json_out *j, const struct price *p)
{
	struct price_stated s;
	struct price_word word;
	unsigned at = 0;
	const char *where;

	json_put_key(j, "stated");
	json_open(j, '{');
	if (price_stated_read(&s, p->text, &where, NULL) == OK)
		while (price_stated_next(&s, &at, &word))
			json_say(j, word.name, str_of(word.value));
	json_close(j, '}');
}

static void
say_factor(struct json_out *j, const char *key, int64_t ppm)
{
	char text[DECIMAL_TEXT];

	if (!ppm)
		return;
	decimal_write(ppm, PRICE_RATE_DIGITS, 0, text);
	json_say(j, key, str_of(text));
}

void
ctl_price_show(struct ctl_call *c)
{
	const struct price *p = find_or_refuse(c);
	struct json_out *j = &c->out;

	if (!p)
		return;
	json_open(j, '{');
	json_say(j, "name", p->name);
	json_say(j, "origin", str_of(price_origin_name(p->origin)));
	json_say(j, "version",
	    str_of(price_version(c->daemon->prices, p->origin)));
	json_say_i64(j, "id", (int64_t)p->id);
	if (p->above)
		json_say_i64(j, "above", p->above);
	say_factor(j, "fast", p->fast_ppm);
	say_factor(j, "us", p->us_ppm);
	put_stated(j, p);
	json_put_key(j, "prices");
	json_open(j, '[');
	for (unsigned u = 0; u < PRICE_UNITS; u++)
		put_unit(j, p, u);
	json_close(j, ']');
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
}

/* --- how two tables differ ------------------------------------------------- */

/* "input=3 output=15" */
static void
put_words(struct json_out *j, const char *key, const struct price *p)
{
	struct price_stated s;
	struct price_word word;
	struct buf text;
	unsigned at = 0;
	const char *where;

	if (!p)
		return;
	buf_init(&text, WORDS_MAX);
	if (price_stated_read(&s, p->text, &where, NULL) == OK)
		while (price_stated_next(&s, &at, &word))
			buf_mustf(&text, "%s%s=%s", buf_len(&text) ? " " : "",
			    word.name, word.value);
	json_say(j, key, buf_str(&text));
	buf_fini(&text);
}

struct difference {
	unsigned added, changed, removed;
};

static void
note_difference(struct ctl_call *c, struct difference *d,
    const struct price *from, const struct price *to)
{
	struct json_out *j = &c->out;

	if (from && to && from->id == to->id)
		return;
	d->added += !from;
	d->removed += !to;
	d->changed += from && to;
	/* All are counted, and as many shown as an answer has room for. */
	if (!ctl_has_room(c, d->added + d->removed + d->changed))
		return;
	json_open(j, '{');
	json_say(j, "name", from ? from->name : to->name);
	json_say(j, "change",
	    str_of(!from ? "added"
		    : to ? "changed"
			 : "removed"));
	put_words(j, "from", from);
	put_words(j, "to", to);
	json_close(j, '}');
}

/* Both stand in the order of their names. */
static struct difference
put_differences(struct ctl_call *c, const struct price_table *old,
    const struct price_table *new)
{
	struct difference d = { 0 };
	size_t i = 0, k = 0;

	json_put_key(&c->out, "changes");
	json_open(&c->out, '[');
	for (;;) {
		const struct price *from = price_at(old, i);
		const struct price *to = price_at(new, k);
		int order;

		if (!from && !to)
			break;
		order = !from ? 1 : !to ? -1 : str_cmp(from->name, to->name);
		note_difference(c, &d, order <= 0 ? from : NULL,
		    order >= 0 ? to : NULL);
		i += order <= 0;
		k += order >= 0;
	}
	json_close(&c->out, ']');
	return d;
}

/* --- changing -------------------------------------------------------------- */

struct change {
	struct job job;
	struct ctl_call *call;
	struct audit_who who;
	enum err (*make)(struct change *ch, struct txn *t, struct why *out_why);
	char now[24]; /* for a file that has no version of its own */
	unsigned models, unpriced;
	struct price_table *table; /* the new one */
};

/* A rehearsal fails when all is done, so that the store forgets it. */
#define REHEARSED ERR_AGAIN

static enum err
change_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	enum err e = ch->make(ch, t, out_why);

	if (!e)
		e = prices_changed(t, &ch->table, out_why);
	return !e && ch->call->dry_run ? REHEARSED : e;
}

/* An entry that is in force must be whole. */
static bool
is_in(const struct price_table *t, struct str name)
{
	for (size_t i = 0; i < price_count(t); i++)
		if (str_ieq(price_at(t, i)->name, name))
			return true;
	return false;
}

static void
change_answer(struct change *ch)
{
	struct ctl_call *c = ch->call;
	struct daemon *d = c->daemon;
	struct difference diff;

	json_open(&c->out, '{');
	diff = put_differences(c, d->prices, ch->table);
	json_say_i64(&c->out, "added", diff.added);
	json_say_i64(&c->out, "changed", diff.changed);
	json_say_i64(&c->out, "removed", diff.removed);
	json_say_i64(&c->out, "models", (int64_t)price_count(ch->table));
	json_say_i64(&c->out, "without_price", ch->unpriced);
	json_say(&c->out, "version",
	    str_of(price_version(ch->table, PRICE_UPDATED)));
	json_say_bool(&c->out, "dry_run", c->dry_run);
	json_close(&c->out, '}');
	if (c->dry_run)
		price_table_unref(ch->table);
	else
		prices_swap(d, ch->table);
	ctl_answer(c, 0, STR(""));
}

static void
change_done(struct job *j)
{
	struct change *ch = (struct change *)j;

	if (j->result == OK || (j->result == REHEARSED && ch->table)) {
		change_answer(ch);
	} else {
		price_table_unref(ch->table);
		ctl_refuse(ch->call, j->result, &j->why);
	}
	free(ch);
}

static void
change_post(struct ctl_call *c,
    enum err (*make)(struct change *ch, struct txn *t, struct why *out_why))
{
	struct change *ch = xcalloc(1, sizeof(*ch));
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	ch->job.work = change_work;
	ch->job.done = change_done;
	ch->call = c;
	ch->who = ctl_who(c);
	ch->make = make;
	localtime_r(&now, &tm);
	strftime(ch->now, sizeof(ch->now), "%Y-%m-%d %H:%M", &tm);
	store_post(c->daemon->store, LANE_WRITE, &ch->job);
}

/* For the audit; a rehearsal undoes that, too. */
static enum err
note_change(const struct change *ch, struct txn *t, struct str object,
    const char *text, struct why *out_why)
{
	return audit_write_text(t, &ch->who, "price", object, str_of(text),
	    out_why);
}

static enum err
note_update(const struct change *ch, struct txn *t, const struct price_set *set,
    struct why *out_why)
{
	char text[120];

	snprintf(text, sizeof(text), "file: version %s, %zu models",
	    set->version, set->count);
	return note_change(ch, t, STR("*"), text, out_why);
}

static enum err
make_update(struct change *ch, struct txn *t, struct why *out_why)
{
	struct price_set set = { .at = NULL };
	struct buf text;
	enum err e;

	buf_init(&text, PRICE_FILE_MAX);
	e = price_unpack(ctl_text(ch->call, "from"), &text, out_why);
	if (!e)
		e = price_set_read(buf_str(&text), PRICE_UPDATED, &set,
		    out_why);
	buf_fini(&text);
	if (e)
		return e;
	if (!set.version[0])
		snprintf(set.version, sizeof(set.version), "%s", ch->now);
	ch->unpriced = set.unpriced;
	e = prices_put_file(t, &set);
	if (!e)
		e = note_update(ch, t, &set, out_why);
	price_set_fini(&set);
	return e;
}

static enum err
make_no_update(struct change *ch, struct txn *t, struct why *out_why)
{
	enum err e = prices_put_file(t, NULL);

	return e ? e : note_change(ch, t, STR("*"), "file: removed", out_why);
}

void
ctl_price_update(struct ctl_call *c)
{
	if (ctl_flag(c, "rm") == ctl_has(c, "from"))
		ctl_refusef(c, ERR_VALUE, "from",
		    "say either --from FILE, a price file in LiteLLM's shape, "
		    "or --rm");
	else
		change_post(c,
		    ctl_flag(c, "rm") ? make_no_update : make_update);
}

static enum err
make_no_override(struct change *ch, struct txn *t, struct why *out_why)
{
	struct str name = ctl_text(ch->call, "model");
	enum err e = prices_del_override(t, name);

	if (e == ERR_UNKNOWN)
		return why_set(out_why, e, "model",
		    "\"%.*s\" has no override; `price ls --origin override` "
		    "lists them",
		    STR_ARG(str_first(name, 80)));
	return e ? e : note_change(ch, t, name, "override: removed", out_why);
}

static enum err
note_override(const struct change *ch, struct txn *t, struct str name,
    const struct price_stated *s, struct why *out_why)
{
	struct price_word word;
	struct buf text;
	unsigned at = 0;
	enum err e;

	buf_init(&text, WORDS_MAX);
	buf_must(&text, STR("override:"));
	while (price_stated_next(s, &at, &word))
		buf_mustf(&text, " %s=%s", word.name, word.value);
	e = note_change(ch, t, name, buf_cstr(&text), out_why);
	buf_fini(&text);
	return e;
}

/* The whole that comes of it is looked at before it is kept. */
static enum err
make_override(struct change *ch, struct txn *t, struct why *out_why)
{
	const struct json *fields = json_at(ch->call->params, "fields");
	struct str name = ctl_text(ch->call, "model"), value;
	struct price_table *table = NULL;
	struct price_stated s;
	enum err e = prices_get_override(t, name, &s, out_why);

	for (const struct json *m = json_first(fields); !e && m;
	     m = json_next(m)) {
		e = json_as_str(m, &value);
		if (!e)
			e = price_stated_set(&s, json_key(m), value, out_why);
	}
	if (!e)
		e = prices_put_override(t, name, &s);
	if (!e)
		e = prices_read(t, &table, out_why);
	if (!e && !is_in(table, name))
		e = why_set(out_why, ERR_VALUE, "fields",
		    "a model that is in no price file needs both input and "
		    "output");
	price_table_unref(table);
	return e ? e : note_override(ch, t, name, &s, out_why);
}

void
ctl_price_override(struct ctl_call *c)
{
	const struct json *fields = json_at(c->params, "fields");

	if (!price_name_is_good(ctl_text(c, "model")))
		ctl_refusef(c, ERR_VALUE, "model",
		    "the name of a model, or a glob, has 1 to %d printable "
		    "characters",
		    PRICE_NAME_MAX);
	else if (ctl_flag(c, "rm") == (json_count(fields) > 0))
		ctl_refusef(c, ERR_VALUE, "fields",
		    "say prices, for example input=3 output=15 (dollars per "
		    "million tokens), or --rm");
	else
		change_post(c,
		    ctl_flag(c, "rm") ? make_no_override : make_override);
}

/* --- checking -------------------------------------------------------------- */

static void
put_used(struct ctl_call *c, const struct usage_row *row)
{
	const struct price *p = price_find(c->daemon->prices, row->name);
	struct json_out *j = &c->out;

	if (!row->name.len || (p && !row->sum.unpriced))
		return;
	json_open(j, '{');
	json_say(j, "model", row->name);
	json_say_i64(j, "requests", (int64_t)row->sum.requests);
	json_say_i64(j, "unpriced", (int64_t)row->sum.unpriced);
	json_say(j, "price", p ? p->name : STR(""));
	json_close(j, '}');
}

static void
put_shadowed(struct ctl_call *c)
{
	const struct price_table *t = c->daemon->prices;
	struct json_out *j = &c->out;

	for (size_t i = 0; i < price_count(t); i++) {
		const struct price *p = price_at(t, i);
		const struct price *by = price_shadow(t, p);

		if (!by || !ctl_has_room(c, 0))
			continue;
		json_open(j, '{');
		json_say(j, "name", p->name);
		json_say(j, "shadowed_by", by->name);
		json_close(j, '}');
	}
}

static void
on_used(void *arg, enum err e, const struct why *why,
    const struct usage_answer *a)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "days", CHECK_DAYS);
	json_put_key(&c->out, "unpriced");
	json_open(&c->out, '[');
	for (size_t i = 0; i < a->count && ctl_has_room(c, 0); i++)
		put_used(c, &a->rows[i]);
	json_close(&c->out, ']');
	json_put_key(&c->out, "never");
	json_open(&c->out, '[');
	put_shadowed(c);
	json_close(&c->out, ']');
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_price_check(struct ctl_call *c)
{
	const struct usage_query q = { .by = DIMENSION_MODEL,
		.since_ms = clock_wall_ms() - CHECK_DAYS * DAY_MS };

	ledger_usage(c->daemon->ledger, &q, on_used, c);
}
