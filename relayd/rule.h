/* SPDX-License-Identifier: MIT */
/* rule.h - what an operator says of failures that verdict.def judges
 * otherwise.  Providers' rows come first, then these in the order of their
 * places, then the rows for what is left.
 *
 * The list lives in memory, is loaded at start and changed only by what the
 * store has committed.  Every rule in it can match. */
#ifndef RELAYD_RULE_H
#define RELAYD_RULE_H

#include <sys/queue.h>

#include "store/rec.h"

#include "relayd/verdict.h"

struct audit_who;
struct store;

#define RULES_MAX   100
#define RULE_ID_LEN 9
/* Between the places of two rules, so that one can be put between them. */
#define RULE_STEP      10
#define RULE_PLACE_MAX 100000

struct rule {
	TAILQ_ENTRY(rule) link; /* by place, then id */
	struct rule_rec rec;	/* its strs point into blob */
	char *blob;
	struct verdict verdict;
	uint64_t judged; /* since start */
};

TAILQ_HEAD(rule_list, rule);

struct rules {
	struct rule_list list;
	unsigned count;
	struct store *store;
};

void rules_init(struct rules *rs, struct store *s);
void rules_fini(struct rules *rs);
/* Before the store's threads run. */
enum err rules_load(struct rules *rs, struct why *out_why) CHECKED;
struct rule *rule_find(const struct rules *rs, struct str id);
/* A place behind all others. */
uint64_t rules_last_place(const struct rules *rs);

/* Who judges that?  NULL rules: there are none. */
const struct verdict *
rules_judge(const struct rules *rs, const struct verdict_case *c);
/* The rule that did, or NULL: a row of the table. */
struct rule *rule_of(const struct rules *rs, const struct verdict *v);

/* --- what can be said ------------------------------------------------------ */

void rule_make_id(char out[RULE_ID_LEN + 1]);
/* "429" or "500-599". */
enum err rule_status_read(struct str s, struct rule_rec *io,
    struct why *out_why) CHECKED;
/* Can it match, and may it stand among the others? */
enum err rule_check(const struct rules *rs, const struct rule_rec *r,
    struct why *out_why) CHECKED;

/* --- saving (rule_save.c) -------------------------------------------------- */

/* On the loop; rule is NULL after a failure and after a removal. */
typedef void
rule_saved(void *arg, enum err e, const struct why *why, struct rule *r);
void rule_save(struct rules *rs, const struct rule_rec *r, bool must_exist,
    uint64_t if_rev, const struct audit_who *who, rule_saved *done, void *arg);
void rule_delete(struct rules *rs, struct str id, uint64_t if_rev,
    const struct audit_who *who, rule_saved *done, void *arg);

/* --- between rule.c and rule_save.c ---------------------------------------- */

enum err rule_adopt(struct rule *r, char *take_blob, size_t len) CHECKED;
void rules_insert(struct rules *rs, struct rule *take_r);
void rules_remove(struct rules *rs, struct rule *take_r);

#endif
