/* SPDX-License-Identifier: MIT */
/* group.h - several accounts under one name, which keys can be bound to.
 *
 * The list lives in memory, is loaded at start behind the accounts and changed
 * only by what the store has committed.  An account that is removed leaves its
 * groups. */
#ifndef RELAYD_GROUP_H
#define RELAYD_GROUP_H

#include <sys/queue.h>

#include "store/rec.h"

#include "relayd/field.h"
#include "relayd/strategy.h"

struct account;
struct audit_who;
struct pool;
struct store;

#define GROUPS_MAX	  256
#define GROUP_MEMBERS_MAX 1000
/* Of its members, as text. */
#define GROUP_TEXT_MAX 96000
/* Turns of an account, or of a member, for one of weight 1. */
#define WEIGHT_MAX 1000

struct group_member {
	struct account *account;
	unsigned priority, weight; /* 0: the account's own */
	int64_t had;		   /* of turns (strategy.h) */
};

struct group {
	TAILQ_ENTRY(group) link; /* by name */
	struct group_rec rec;	 /* its strs point into blob */
	char *blob;
	bool has_strategy; /* of its own */
	enum strategy strategy;
	struct group_member *members; /* those that are there, by name */
	unsigned count;
	int64_t level;
};

TAILQ_HEAD(group_list, group);

struct groups {
	struct group_list list;
	unsigned count;
	struct store *store;
	struct pool *pool;
	/* Changes with every change: what keys and accounts remember of groups
	 * is looked up anew. */
	void (*changed)(void *arg);
	void *changed_arg;
};

void groups_init(struct groups *gs, struct pool *p, struct store *s);
void groups_fini(struct groups *gs);
/* Before the store's threads run, behind pool_load(). */
enum err groups_load(struct groups *gs, struct why *out_why) CHECKED;
struct group *group_find(const struct groups *gs, struct str name);
struct group_member *
group_member_of(const struct group *g, const struct account *a);
/* The account is about to go for good: its groups are without it at once, and
 * in the store a moment later. */
void groups_forget(struct groups *gs, const struct account *a);

/* --- what an operator can say of one --------------------------------------- */

/* i counts from 0, NULL ends. */
const struct field *group_field_at(unsigned i);
enum err group_field_set(struct group_rec *r, struct str name, struct str value,
    struct buf *io_text, struct why *out_why) CHECKED;
/* May the record be saved?  Every member must be an account. */
enum err group_check(const struct group_rec *r, const struct pool *p,
    struct why *out_why) CHECKED;

/* One member as the record tells it. */
struct group_said {
	struct str name;
	uint64_t priority, weight;
};
/* The next of rec.members; false at the end, and where nothing can be made of
 * the text (*io_rest is not empty then). */
enum err group_said_put(struct buf *out, const struct group_said *m) CHECKED;
bool group_said_next(struct str *io_rest, struct group_said *out);
/* Write into `out` the members with that one: new, or with other numbers; or
 * without it. */
enum err group_members_with(struct str members, const struct group_said *m,
    struct buf *out) CHECKED;
enum err group_members_without(struct str members, struct str name,
    struct buf *out) CHECKED;

/* --- saving (group_save.c) ------------------------------------------------- */

/* Called on the loop when the store has it, or refused it.  g is the group as
 * it is now, NULL after a failure and after a removal. */
typedef void
group_saved(void *arg, enum err e, const struct why *why, struct group *g);

/* As account_save() and account_delete(). */
void group_save(struct groups *gs, const struct group_rec *r, bool must_exist,
    uint64_t if_rev, const struct audit_who *who, group_saved *done, void *arg);
void group_delete(struct groups *gs, struct str name, uint64_t if_rev,
    const struct audit_who *who, group_saved *done, void *arg);

/* --- between group.c and group_save.c -------------------------------------- */

/* Take the record's bytes; members that are no accounts (any more) are left
 * out. */
enum err group_adopt(struct group *g, const struct pool *p, char *take_blob,
    size_t len) CHECKED;
void groups_insert(struct groups *gs, struct group *take_g);
void groups_remove(struct groups *gs, struct group *take_g);
void groups_changed(struct groups *gs);
/* Save again those whose record names an account that is not there. */
void groups_tidy(struct groups *gs);

#endif
