/* SPDX-License-Identifier: MIT */
/* keys_many.c - control methods that change many keys at once: those that a
 * pattern, a tag or an owner names, and those that have a tag. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/map.h"
#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_key_many.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"

#define MANY_MAX 500

static void
answer_counts(struct ctl_call *c, const struct ctl_key_counts *n)
{
	json_say_i64(&c->out, "changed", n->changed);
	json_say_i64(&c->out, "unchanged", n->unchanged);
	json_say_i64(&c->out, "refused", n->refused);
	if (c->dry_run)
		json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

/* --- key set --------------------------------------------------------------- */

static bool
is_meant(const struct ctl_call *c, const struct apikey_rec *r)
{
	struct str match = ctl_text(c, "match"), tag = ctl_text(c, "tag");

	return (!match.len || str_glob(r->name, match)) &&
	    (!tag.len || ctl_has_tag(r->tags, tag)) &&
	    (!ctl_has(c, "owned_by") ||
		str_eq(r->owner, ctl_text(c, "owned_by")));
}

bool
ctl_names_many(const struct ctl_call *c)
{
	return ctl_text(c, "match").len || ctl_text(c, "tag").len ||
	    ctl_has(c, "owned_by");
}

void
ctl_set_many(struct ctl_call *c)
{
	struct ctl_keys *keys;
	const struct apikey *k;
	unsigned n;

	if (ctl_has(c, "key") || ctl_has(c, "name") || c->if_rev) {
		ctl_refusef(c, ERR_VALUE, ctl_has(c, "name") ? "name" : "key",
		    "of many keys at once neither one nor its name can be "
		    "said");
		return;
	}
	keys = ctl_keys_new(c);
	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (is_meant(c, &k->rec))
			ctl_keys_add(keys, &k->rec);
	n = ctl_keys_count(keys);
	if (n && n <= MANY_MAX) {
		ctl_keys_edit(keys, true, ctl_take_key, answer_counts);
		return;
	}
	ctl_keys_free(keys);
	if (n)
		ctl_refusef(c, ERR_LIMIT, "match",
		    "that is %u keys, and %d can be changed at once", n,
		    MANY_MAX);
	else
		ctl_refusef(c, ERR_UNKNOWN, "match", "that is no key at all");
}

/* --- tags ------------------------------------------------------------------ */

struct tag_row {
	unsigned keys, deleted, templates, budgets;
	size_t len;
	char name[];
};

static struct tag_row *
tag_at(struct map *m, struct str tag)
{
	struct tag_row *row = map_get(m, tag);

	if (row)
		return row;
	row = xcalloc(1, sizeof(*row) + tag.len + 1);
	memcpy(row->name, tag.at, tag.len);
	row->len = tag.len;
	map_set(m, str_at(row->name, row->len), row);
	return row;
}

static void
count_keys(struct map *m, const struct apikey_list *list, size_t member)
{
	const struct apikey *k;
	struct str rest, tag;

	TAILQ_FOREACH (k, list, link)
		for (rest = k->rec.tags; str_list_next(&rest, &tag);)
			++*(unsigned *)((char *)tag_at(m, tag) + member);
}

static int
compare_rows(const void *a, const void *b)
{
	const struct tag_row *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
put_tag(struct ctl_call *c, const struct tag_row *t)
{
	json_open(&c->out, '{');
	json_say(&c->out, "tag", str_of(t->name));
	json_say_i64(&c->out, "keys", t->keys);
	json_say_i64(&c->out, "templates", t->templates);
	json_say_i64(&c->out, "deleted", t->deleted);
	json_say_i64(&c->out, "budgets", t->budgets);
	json_close(&c->out, '}');
}

void
ctl_tag_list(struct ctl_call *c)
{
	const struct keyring *ring = c->daemon->keys;
	const uint8_t seed[MAP_SEED] = { 0 };
	struct tag_row **rows;
	const struct budget *b;
	struct str next = STR("");
	size_t count, n = 0;
	unsigned told = 0;
	struct map m;
	void *row;

	map_init(&m, seed);
	count_keys(&m, &ring->keys, offsetof(struct tag_row, keys));
	count_keys(&m, &ring->trash, offsetof(struct tag_row, deleted));
	count_keys(&m, &ring->templates, offsetof(struct tag_row, templates));
	TAILQ_FOREACH (b, &c->daemon->budgets->list, link)
		if (b->scope == BUDGET_TAG)
			tag_at(&m, b->rec.subject)->budgets++;
	count = map_count(&m);
	rows = xcalloc(count + 1, sizeof(struct tag_row *));
	for (size_t at = 0; map_next(&m, &at, NULL, &row);)
		rows[n++] = row;
	qsort(rows, count, sizeof(struct tag_row *), compare_rows);
	json_open(&c->out, '[');
	for (size_t i = 0; i < count && !next.len; i++) {
		if (c->cursor.len &&
		    str_cmp(str_of(rows[i]->name), c->cursor) <= 0)
			continue;
		if (told && !ctl_has_room(c, told)) {
			next = str_of(rows[i - 1]->name);
			break;
		}
		put_tag(c, rows[i]);
		told++;
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, next);
	for (size_t i = 0; i < count; i++)
		free(rows[i]);
	free(rows);
	map_fini(&m);
}

/* Without the tag, and with another in its place where there is one. */
static enum err
edit_tag(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct why *out_why)
{
	struct str from = ctl_text(c, "tag"), to = str_trim(ctl_text(c, "to"));
	struct str rest = io->tags, tag;
	struct buf out;

	buf_init(&out, 2 * CTL_TAGS_SIZE);
	while (str_list_next(&rest, &tag)) {
		if (str_eq(tag, from))
			tag = to;
		if (tag.len && !ctl_has_tag(buf_str(&out), tag))
			buf_mustf(&out, "%s%.*s", buf_len(&out) ? "," : "",
			    STR_ARG(tag));
	}
	if (buf_len(&out) <= CTL_TAGS_MAX) {
		snprintf(tags, CTL_TAGS_SIZE, "%.*s", STR_ARG(buf_str(&out)));
		buf_fini(&out);
		io->tags = str_of(tags);
		return OK;
	}
	buf_fini(&out);
	return why_set(out_why, ERR_LIMIT, "to",
	    "it has no room for that many bytes of tags");
}

static void
add_tagged(struct ctl_keys *keys, const struct apikey_list *list,
    struct str tag)
{
	const struct apikey *k;

	TAILQ_FOREACH (k, list, link)
		if (ctl_has_tag(k->rec.tags, tag))
			ctl_keys_add(keys, &k->rec);
}

static const struct budget *
find_limit(const struct ctl_call *c, struct str tag)
{
	const struct budget *b;

	TAILQ_FOREACH (b, &c->daemon->budgets->list, link)
		if (b->scope == BUDGET_TAG && str_eq(b->rec.subject, tag))
			return b;
	return NULL;
}

/* All that carry it: those in the trash may come back. */
static void
edit_tagged(struct ctl_call *c, ctl_keys_done *done)
{
	const struct keyring *ring = c->daemon->keys;
	struct ctl_keys *keys = ctl_keys_new(c);
	struct str tag = ctl_text(c, "tag");

	add_tagged(keys, &ring->keys, tag);
	add_tagged(keys, &ring->trash, tag);
	add_tagged(keys, &ring->templates, tag);
	if (ctl_keys_count(keys) || find_limit(c, tag)) {
		ctl_keys_edit(keys, false, edit_tag, done);
		return;
	}
	ctl_keys_free(keys);
	ctl_refusef(c, ERR_UNKNOWN, "tag",
	    "no key has the tag \"%.*s\"; `tag ls` lists them",
	    STR_ARG(str_first(tag, 60)));
}

void
ctl_tag_rm(struct ctl_call *c)
{
	const struct budget *b = find_limit(c, ctl_text(c, "tag"));

	if (b)
		ctl_refusef(c, ERR_EXISTS, "tag",
		    "the limit %.*s is of this tag, and would hold for nothing "
		    "any more; remove that first: budget rm %.*s",
		    STR_ARG(b->rec.id), STR_ARG(b->rec.id));
	else
		edit_tagged(c, answer_counts);
}

/* The limits of the tag follow it, one after the other. */
struct renaming {
	struct ctl_call *call;
	struct ctl_key_counts counts;
};

static void move_limit(struct renaming *r);

static void
on_moved(void *arg, enum err e, const struct why *why, struct budget *b)
{
	struct renaming *r = arg;

	(void)b;
	if (!e) {
		move_limit(r);
		return;
	}
	/* What was answered of the keys is not the whole of it. */
	ctl_refuse(r->call, e, why);
	free(r);
}

static void
move_limit(struct renaming *r)
{
	const struct audit_who who = ctl_who(r->call);
	const struct budget *b = find_limit(r->call, ctl_text(r->call, "tag"));
	struct budget_rec moved;

	if (!b || r->call->dry_run) {
		answer_counts(r->call, &r->counts);
		free(r);
		return;
	}
	moved = b->rec;
	moved.subject = str_trim(ctl_text(r->call, "to"));
	budget_save(r->call->daemon->budgets, &moved, 0, true, b->rec.rev, &who,
	    on_moved, r);
}

static void
on_renamed(struct ctl_call *c, const struct ctl_key_counts *n)
{
	struct renaming *r = xcalloc(1, sizeof(*r));

	r->call = c;
	r->counts = *n;
	move_limit(r);
}

void
ctl_tag_rename(struct ctl_call *c)
{
	struct str to = str_trim(ctl_text(c, "to"));
	struct why why;
	enum err e = ctl_check_text(to, CTL_TAGS_MAX, "to", &why);

	if (!e &&
	    (!to.len || str_find(to, STR(",")) >= 0 || to.at[0] == '+' ||
		to.at[0] == '-'))
		e = why_set(&why, ERR_VALUE, "to",
		    "a tag is one word without commas, and begins with neither "
		    "+ nor -");
	if (e)
		ctl_refuse(c, e, &why);
	else
		edit_tagged(c, on_renamed);
}
