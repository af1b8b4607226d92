/* SPDX-License-Identifier: MIT */
/* price_table.h - the prices of all models, from three places.
 *
 *	packaged   contrib/prices.json, part of the program
 *	updated	   a file that the operator gave to `price update`
 *	override   `price override`, field by field
 *
 * An entry of a later place replaces the one of that name; an override changes
 * only the fields it states.  A table never changes once it is made, so other
 * threads may read one that somebody holds for them; it is counted on the
 * loop alone. */
#ifndef RELAYD_PRICE_TABLE_H
#define RELAYD_PRICE_TABLE_H

#include "relayd/price.h"

/* A price file, and the models in one. */
#define PRICE_FILE_MAX	 (8 * 1024 * 1024)
#define PRICE_MODELS_MAX 20000
#define PRICE_NAME_MAX	 128

struct price_table;

/* --- files ----------------------------------------------------------------- */

struct price_entry {
	char *name;
	struct price_stated stated;
	enum price_origin origin;
};
struct price_set {
	struct price_entry *at;
	size_t count, size;
	unsigned unpriced; /* entries that state no price, left out */
	char version[48];
};

void price_set_fini(struct price_set *s);
/* A file in LiteLLM's shape.  Refused as a whole: ERR_SYNTAX, ERR_LIMIT,
 * ERR_EXISTS (a name twice), ERR_VALUE; the text names line, model, field. */
enum err price_set_read(struct str text, enum price_origin origin,
    struct price_set *out, struct why *out_why) CHECKED;
/* As a file again, with nothing in it but what counts. */
void price_set_write(const struct price_set *s, struct buf *out);
/* May a price be listed under that name? */
bool price_name_is_good(struct str name);
/* What a file's bytes say, packed for the control socket, and back. */
enum err
price_unpack(struct str packed, struct buf *out, struct why *out_why) CHECKED;

/* The file that is part of the program. */
struct str price_packaged(void);

/* --- tables ---------------------------------------------------------------- */

/* `updated` may be NULL; an override is a set of its own fields.  Counted
 * once. */
struct price_table *price_table_new(const struct price_set *packaged,
    const struct price_set *updated, const struct price_set *overrides);
struct price_table *price_table_ref(struct price_table *t);
void price_table_unref(struct price_table *t);

/* The price of a model: of that very name (in either case, and without the
 * marks "[1m]" and "models/"), or of the glob that matches it with the most
 * letters of its own.  Never of a name that is only like it.  NULL: none, or no
 * table. */
const struct price *price_find(const struct price_table *t, struct str model);
/* All entries, by name. */
size_t price_count(const struct price_table *t);
const struct price *price_at(const struct price_table *t, size_t i);
bool price_is_glob(const struct price *p);
/* A glob that stands in front of this one and takes all it could match; NULL
 * when it can match something. */
const struct price *
price_shadow(const struct price_table *t, const struct price *p);
/* Of a place; empty when there is nothing from there. */
const char *
price_version(const struct price_table *t, enum price_origin origin);

#endif
