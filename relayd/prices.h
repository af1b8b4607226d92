/* SPDX-License-Identifier: MIT */
/* prices.h - the price table between the program, the store and the operator.
 *
 * In the table price of the store:
 *
 *	'f'		the file of the last `price update`, cut to what counts
 *	'o' name	an override: an entry of a price file
 *	'h' id(8)	name NUL entry: a price that receipts may be of, for good
 *
 * All but the last two functions run inside a job. */
#ifndef RELAYD_PRICES_H
#define RELAYD_PRICES_H

#include "relayd/price_table.h"

struct daemon;
struct store;
struct txn;

/* The table as the three places make it now.  What is stored and cannot be
 * read any more is an error. */
enum err prices_read(struct txn *t, struct price_table **out,
    struct why *out_why) CHECKED;
/* The same after a change: what receipts may be of is noted, too. */
enum err prices_changed(struct txn *t, struct price_table **out,
    struct why *out_why) CHECKED;
/* Replace the updated file, or with NULL take it away. */
enum err prices_put_file(struct txn *t, const struct price_set *s) CHECKED;
/* The fields an override states; PRICE_NONE all over when there is none. */
enum err prices_get_override(struct txn *t, struct str name,
    struct price_stated *out, struct why *out_why) CHECKED;
enum err prices_put_override(struct txn *t, struct str name,
    const struct price_stated *s) CHECKED;
/* ERR_UNKNOWN: there is none. */
enum err prices_del_override(struct txn *t, struct str name) CHECKED;
/* The price of that id as it was; its strs point into *io_text. */
enum err prices_get_noted(struct txn *t, uint64_t id, struct buf *io_text,
    struct price *out) CHECKED;

/* Before the store is started. */
enum err prices_load(struct store *s, struct price_table **out,
    struct why *out_why) CHECKED;
/* On the loop: from now on. */
void prices_swap(struct daemon *d, struct price_table *take_t);

#endif
