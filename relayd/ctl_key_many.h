/* SPDX-License-Identifier: MIT */
/* ctl_key_many.h - one change of many keys.
 *
 * Each key is a change of its own, with a result of its own; they go to the
 * store a few at a time, so that neither the loop nor the writer is held up,
 * and what another change has overtaken is refused, not overwritten. */
#ifndef RELAYD_CTL_KEY_MANY_H
#define RELAYD_CTL_KEY_MANY_H

#include "relayd/control.h"
#include "relayd/ctl_key.h"

struct apikey_list;

/* Make of a record what it is to become. */
typedef enum err ctl_key_edit(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct why *out_why);

/* Which of them came to what; in a rehearsal, would. */
struct ctl_key_counts {
	unsigned changed, unchanged, refused;
};
/* Rows stand in c->out, in an array that is open no more; whoever is called
 * closes the object around it and answers. */
typedef void
ctl_keys_done(struct ctl_call *take_c, const struct ctl_key_counts *n);

/* The keys to change, gathered one by one. */
struct ctl_keys;
struct ctl_keys *ctl_keys_new(struct ctl_call *c);
void ctl_keys_add(struct ctl_keys *k, const struct apikey_rec *r);
unsigned ctl_keys_count(const struct ctl_keys *k);
void ctl_keys_free(struct ctl_keys *k);
/* Opens an object with the array `rows`: of those that are not changed too,
 * when `all` is wanted. */
void ctl_keys_edit(struct ctl_keys *take_k, bool all, ctl_key_edit *edit,
    ctl_keys_done *done);

#endif
