/* SPDX-License-Identifier: MIT */
/* ctl_limit.h - limits that are said with a key that is made: the usual ones by
 * short names, and those of the key it is made like. */
#ifndef RELAYD_CTL_LIMIT_H
#define RELAYD_CTL_LIMIT_H

#include "store/rec.h"

#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/cycle.h"
#include "relayd/keybatch.h"

/* Records without id and subject.  Their texts are constants, stand in this
 * struct, or are borrowed from the key that they are like. */
struct ctl_limits {
	struct budget_rec at[KEYBATCH_LIMITS];
	char windows[KEYBATCH_LIMITS][CYCLE_TEXT];
	unsigned count;
};

/* Those that another key has as a key; of its tags and owner they are found by
 * themselves. */
enum err ctl_copy_limits(const struct ctl_call *c, struct str key_id,
    struct ctl_limits *io, struct why *out_why) CHECKED;
/* The parameters daily, total, weekly_opus, weekly_at, rpm, window and rated;
 * one of the same kind as one that is there takes its place. */
enum err ctl_take_limits(const struct ctl_call *c, struct ctl_limits *io,
    struct why *out_why) CHECKED;
/* What `key create` says of one key: what it is like, its fields and limits. */
enum err ctl_take_new_key(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct ctl_limits *limits,
    struct why *out_why) CHECKED;
/* Is a model that has a price, or that an account names, like the glob?  None
 * is: a typing error. */
bool ctl_is_like_model(const struct ctl_call *c, struct str glob);
/* As an array: what each would be. */
void ctl_put_limits(struct json_out *j, const struct ctl_limits *l);

struct apikey;
/* A template as an object, with its limits. */
enum err ctl_put_template(struct ctl_call *c, const struct apikey *k,
    struct why *out_why) CHECKED;

#endif
