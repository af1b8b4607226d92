/* SPDX-License-Identifier: MIT */
/* ctl_key.h - what the handlers of the control socket share about keys: which
 * of them may be seen, how one is told, and its fields as parameters. */
#ifndef RELAYD_CTL_KEY_H
#define RELAYD_CTL_KEY_H

#include "store/rec.h"

#include "relayd/binding.h"
#include "relayd/control.h"

struct apikey;
struct apikey_list;

/* As an object. */
void ctl_put_key(struct ctl_call *c, const struct apikey *k);
/* The same into an object that is open. */
void ctl_put_key_members(struct ctl_call *c, const struct apikey *k);
/* Answer a page of those that the call asks for. */
void ctl_list_keys(struct ctl_call *take_c, const struct apikey_list *list);

/* By id or name; a key that may not be seen is not there, and nor is its
 * name. */
struct apikey *ctl_find_key(const struct ctl_call *c, struct str said);
/* The one that the parameter `key` says; without one the call was refused, in
 * the same words for one that is not there and for one that is not theirs. */
struct apikey *ctl_want_key(struct ctl_call *c);

/* Is it a member of a list of tags? */
bool ctl_has_tag(struct str tags, struct str tag);

#define CTL_KEY_NAME_MAX 64
#define CTL_TAGS_MAX	 200
#define CTL_TAGS_SIZE	 (CTL_TAGS_MAX + 1)

/* The parameters name, owner, note, tags, rate and bind, of those that are
 * given, and those of the two below.  `tags` is where tags are put together: "+a,-b" is said of those that
 * are there, all else takes their place. */
enum err ctl_take_key(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct why *out_why) CHECKED;

/* expires and expires_after; the lists of policy.h. */
enum err ctl_take_expiry(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why) CHECKED;
enum err ctl_take_policy(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why) CHECKED;

/* The names of the keys whose bindings name that account or group, into an open
 * array; ERR_BUSY, naming them, when there are any, also among templates and in
 * the trash. */
void ctl_put_bound(struct ctl_call *c, enum tier_kind kind, struct str name);
enum err ctl_check_unbound(const struct ctl_call *c, enum tier_kind kind,
    struct str name, struct why *out_why) CHECKED;

/* Answer the key with this record in the place of its own: saved, or rehearsed.
 * It must be the record that was read: another change that is on its way to
 * the store wins, and this one is stale.  An error so far is the answer. */
void ctl_finish_key(struct ctl_call *take_c, const struct apikey *k,
    const struct apikey_rec *r, enum err e, struct why *why);

/* Does `key set` say keys by a pattern, a tag or an owner?  Then: change all of
 * them. */
bool ctl_names_many(const struct ctl_call *c);
void ctl_set_many(struct ctl_call *take_c);

/* Answer what would change. */
void ctl_rehearse_key(struct ctl_call *take_c, const struct apikey_rec *from,
    const struct apikey_rec *to);

#endif
