/* SPDX-License-Identifier: MIT */
/* price_table.c - the prices of all models, found by name or glob. */
#include "relayd/price_table.h"

#include <stdlib.h>
#include <sys/random.h>

#include <sodium.h>

#include "proto/map.h"
#include "proto/mem.h"

struct price_table {
	unsigned users;
	struct price *at; /* by name */
	size_t count;
	struct map by_name;	    /* lower case -> struct price */
	const struct price **globs; /* the one with the most letters first */
	size_t glob_count;
	char version[3][48];
};

/* Room for an entry's text: all its prices, three times over. */
#define TEXT_MAX (16 * 1024)

/* --- names ----------------------------------------------------------------- */

struct folded {
	size_t len;
	char text[PRICE_NAME_MAX];
};

static struct str
fold(struct str name, struct folded *out)
{
	out->len = name.len < PRICE_NAME_MAX ? name.len : PRICE_NAME_MAX;
	for (size_t i = 0; i < out->len; i++) {
		char c = name.at[i];

		out->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return str_at(out->text, out->len);
}

/* Said of a model to its client or its API, and no part of its name. */
static struct str
without_marks(struct str model)
{
	if (str_starts(model, STR("models/")))
		model = str_skip(model, 7);
	if (str_ends(model, STR("[1m]")))
		model = str_first(model, model.len - 4);
	return model;
}

static size_t
letters_of(struct str glob)
{
	size_t n = 0;

	for (size_t i = 0; i < glob.len; i++)
		n += glob.at[i] != '*' && glob.at[i] != '?';
	return n;
}

bool
price_is_glob(const struct price *p)
{
	return letters_of(p->name) < p->name.len;
}

const struct price *
price_find(const struct price_table *t, struct str model)
{
	struct folded folded;
	const struct price *p;

	if (!t || !model.len || model.len > PRICE_NAME_MAX)
		return NULL;
	model = fold(model, &folded);
	p = map_get(&t->by_name, model);
	if (!p) {
		model = without_marks(model);
		p = map_get(&t->by_name, model);
	}
	for (size_t i = 0; !p && i < t->glob_count; i++)
		if (str_glob(model, t->globs[i]->name))
			p = t->globs[i];
	return p;
}

/* --- making ---------------------------------------------------------------- */

static uint64_t
id_of(struct str name, struct str text)
{
	crypto_generichash_state st;
	unsigned char hash[16];
	uint64_t id = 0;

	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	crypto_generichash_update(&st, (const unsigned char *)name.at,
	    name.len + 1);
	crypto_generichash_update(&st, (const unsigned char *)text.at,
	    text.len);
	crypto_generichash_final(&st, hash, sizeof(hash));
	for (unsigned i = 0; i < 8; i++)
		id = id << 8 | hash[i];
	/* So that JSON can carry it. */
	id &= (UINT64_C(1) << 53) - 1;
	return id ? id : 1;
}

static void
price_make(struct price *p, const struct price_entry *n)
{
	struct buf text;
	size_t len;

	buf_init(&text, TEXT_MAX);
	price_stated_write(&n->stated, &text);
	len = buf_len(&text);
	p->text = str_at(buf_take(&text, NULL), len);
	p->name = str_of(xstrdup(n->name));
	p->origin = n->origin;
	p->id = id_of(p->name, p->text);
	price_settle(p, &n->stated);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct price_entry *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
glob_cmp(const void *a, const void *b)
{
	const struct price *const *x = a, *const *y = b;
	size_t m = letters_of((*x)->name), n = letters_of((*y)->name);

	return m != n ? (m < n ? 1 : -1) : str_cmp((*x)->name, (*y)->name);
}

/* Entries under way, by folded name. */
struct merge {
	struct map by_name; /* -> struct price_entry, ours */
};

static void
merge_set(struct merge *m, const struct price_set *s, bool is_override)
{
	for (size_t i = 0; s && i < s->count; i++) {
		struct folded folded;
		struct str name = fold(str_of(s->at[i].name), &folded);
		struct price_entry *had = map_get(&m->by_name, name);

		if (!had) {
			had = xcalloc(1, sizeof(*had));
			*had = s->at[i];
			map_set(&m->by_name, name, had);
		} else if (is_override) {
			price_stated_merge(&had->stated, &s->at[i].stated);
			had->origin = PRICE_OVERRIDE;
		} else {
			*had = s->at[i];
		}
	}
}

static void
random_seed(uint8_t seed[MAP_SEED])
{
	if (getrandom(seed, MAP_SEED, 0) != MAP_SEED)
		abort();
}

static void
table_index(struct price_table *t)
{
	uint8_t seed[MAP_SEED];

	random_seed(seed);
	map_init(&t->by_name, seed);
	t->globs = xcalloc(t->count + 1, sizeof(t->globs[0]));
	for (size_t i = 0; i < t->count; i++) {
		struct price *p = &t->at[i];
		struct folded folded;

		if (price_is_glob(p))
			t->globs[t->glob_count++] = p;
		else
			map_set(&t->by_name, fold(p->name, &folded), p);
	}
	qsort(t->globs, t->glob_count, sizeof(t->globs[0]), glob_cmp);
}

static void
note_version(struct price_table *t, enum price_origin o,
    const struct price_set *s)
{
	if (s)
		memcpy(t->version[o], s->version, sizeof(t->version[o]));
}

struct price_table *
price_table_new(const struct price_set *packaged,
    const struct price_set *updated, const struct price_set *overrides)
{
	struct price_table *t = xcalloc(1, sizeof(*t));
	const struct price_entry **all;
	uint8_t seed[MAP_SEED];
	struct merge m;
	size_t at = 0, n = 0;
	void *entry;

	random_seed(seed);
	map_init(&m.by_name, seed);
	merge_set(&m, packaged, false);
	merge_set(&m, updated, false);
	merge_set(&m, overrides, true);
	all = xcalloc(map_count(&m.by_name) + 1, sizeof(all[0]));
	while (map_next(&m.by_name, &at, NULL, &entry))
		all[n++] = entry;
	qsort(all, n, sizeof(all[0]), entry_cmp);
	t->users = 1;
	t->at = xcalloc(n + 1, sizeof(t->at[0]));
	/* What an update took away may leave an override with half a price. */
	for (size_t i = 0; i < n; i++)
		if (price_is_stated(&all[i]->stated))
			price_make(&t->at[t->count++], all[i]);
	table_index(t);
	note_version(t, PRICE_PACKAGED, packaged);
	note_version(t, PRICE_UPDATED, updated);
	at = 0;
	while (map_next(&m.by_name, &at, NULL, &entry))
		free(entry);
	map_fini(&m.by_name);
	free(all);
	return t;
}

struct price_table *
price_table_ref(struct price_table *t)
{
	t->users++;
	return t;
}

void
price_table_unref(struct price_table *t)
{
	if (!t || --t->users)
		return;
	for (size_t i = 0; i < t->count; i++) {
		free((void *)(uintptr_t)t->at[i].name.at);
		free((void *)(uintptr_t)t->at[i].text.at);
	}
	map_fini(&t->by_name);
	free(t->globs);
	free(t->at);
	free(t);
}

/* --- looking --------------------------------------------------------------- */

size_t
price_count(const struct price_table *t)
{
	return t->count;
}

const struct price *
price_at(const struct price_table *t, size_t i)
{
	return i < t->count ? &t->at[i] : NULL;
}

const struct price *
price_shadow(const struct price_table *t, const struct price *p)
{
	for (size_t i = 0; i < t->glob_count && t->globs[i] != p; i++)
		if (price_is_glob(p) && str_glob(p->name, t->globs[i]->name))
			return t->globs[i];
	return NULL;
}

const char *
price_version(const struct price_table *t, enum price_origin origin)
{
	return t->version[origin];
}
