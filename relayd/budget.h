/* SPDX-License-Identifier: MIT */
/* budget.h - limits: reserved before a request is sent, settled when it ends.
 *
 *	used	  what receipts have charged in the window under way
 *	reserved  what requests under way may come to
 *
 * A request passes when used + reserved + its own estimate is not above the
 * amount, for each budget it falls under; so a hundred at once cannot spend
 * what is there for one.  Where money is used up not even what costs nothing
 * passes, for its price may only be unknown.  What is charged goes to the window in which it was
 * reserved, on the loop as in the store (spent.h).
 *
 * This is the engine: it does not wait, knows no clock, and after a key's
 * first request it allocates nothing.  Saving is budget_save.c. */
#ifndef RELAYD_BUDGET_H
#define RELAYD_BUDGET_H

#include <sys/queue.h>

#include "proto/buf.h"
#include "proto/map.h"

#include "store/rec.h"

#include "relayd/cycle.h"
#include "relayd/spent.h"

struct account;
struct apikey;
struct groups;
struct audit_who;
struct habit;
struct keyring;
struct loop;
struct pool;
struct store;
struct txn;
struct zone;

enum budget_scope {
#define X(name, word, subject, text) BUDGET_##name,
#include "relayd/budget_scope.def"
#undef X
	BUDGET_SCOPES
};
enum budget_action {
#define X(name, word, text) BUDGET_##name,
#include "relayd/budget_action.def"
#undef X
	BUDGET_ACTIONS
};

const char *budget_scope_word(enum budget_scope s);
/* "KEY"; empty: it has none. */
const char *budget_scope_subject(enum budget_scope s);
const char *budget_unit_word(enum budget_unit u);
const char *budget_action_word(enum budget_action a);
enum err budget_scope_read(struct str s, enum budget_scope *out) CHECKED;
enum err budget_unit_read(struct str s, enum budget_unit *out) CHECKED;
enum err budget_action_read(struct str s, enum budget_action *out) CHECKED;
/* Of accounts, so known only when one is chosen? */
bool budget_scope_is_upstream(enum budget_scope s);
bool budget_unit_is_money(enum budget_unit u);

/* A sliding window is counted in eighths, and a part of a ninth. */
#define BUDGET_EIGHTHS 8

struct budget {
	TAILQ_ENTRY(budget) link; /* by id */
	struct budget_rec rec;	  /* its strs point into blob */
	char *blob;
	enum budget_scope scope;
	enum budget_unit unit;
	enum budget_action action;
	struct cycle window;
	const struct zone *zone;
	struct budget *next_same; /* of the same scope and subject */

	/* The window under way; begin 0 of a first-use window: none is. */
	int64_t begin_ms, end_ms;
	int64_t used, reserved;
	struct {
		int64_t at_ms, used;
	} eighth[BUDGET_EIGHTHS + 1];
	unsigned told;	/* percent that were told in it */
	unsigned users; /* reservations */
	bool deleted;	/* freed with the last of them */
};

TAILQ_HEAD(budget_list, budget);

/* A moment: the wall clock for the calendar; for durations one that nobody
 * sets (monotonic, plus what the wall clock was at the start). */
struct budget_now {
	int64_t wall_ms, steady_ms;
};

/* A budget has come to so many percent (80, 90, 100) for the first time in its
 * window; 101: it has refused. */
#define BUDGET_REFUSED 101
typedef void budget_alert(void *arg, const struct budget *b, unsigned percent);

struct budgets {
	struct budget_list list;
	unsigned count;
	unsigned upstream_count; /* of accounts, groups, platforms */
	struct map by_id;
	struct map by_subject; /* "key:k..." -> the first of them */
	/* Changes with every change of a budget: what keys and accounts
	 * remember is looked up anew. */
	uint64_t generation;
	const struct groups *groups; /* NULL: there are none */
	struct reservation *spare;
	struct store *store;
	struct loop *loop;
	const struct zone *zone;
	int64_t steady_base_ms; /* wall clock at monotonic 0 */
	budget_alert *alert;
	void *alert_arg;
	/* What held an account may do so no longer; NULL: nobody minds. */
	void (*on_room)(void *arg);
	void *on_room_arg;
};

/* The zone must last as long. */
void budgets_init(struct budgets *all, struct loop *l, struct store *s,
    const struct zone *z);
void budgets_fini(struct budgets *all);
/* Before the store's threads run, behind ledger_new(): what was used comes from
 * the store as the last run left it. */
enum err budgets_load(struct budgets *all, struct why *out_why) CHECKED;
struct budget *budgets_find(const struct budgets *all, struct str id);
/* A budget has more room than it had, or there is one less. */
void budgets_note_room(struct budgets *all);
/* Windows under way end as they would have; the next ones are of that zone. */
void budgets_use_zone(struct budgets *all, const struct zone *z);
struct budget_now budgets_now(const struct budgets *all);

/* --- what applies to whom -------------------------------------------------- */

/* As one key or account remembers it.  NULL is an empty one. */
#define BUDGET_SET_MAX 32
struct budget_set {
	uint64_t generation, rev;
	struct habit *habit; /* of a key that has budgets */
	unsigned count;
	struct budget *at[BUDGET_SET_MAX];
};

/* Nothing but two comparisons unless something has changed. */
const struct budget_set *budgets_of_key(struct budgets *all, struct apikey *k);
const struct budget_set *
budgets_of_account(struct budgets *all, struct account *a);
void budget_set_free(struct budget_set *s);

/* --- reserve and settle ---------------------------------------------------- */

struct budget_hold {
	struct budget *b;
	int64_t at_ms; /* the window, or eighth, that it is charged to */
	int64_t amount;
};

/* What one request has reserved. */
struct reservation {
	struct reservation *next; /* spare */
	struct budget_need need;
	struct str model;   /* borrowed from the request */
	unsigned key_count; /* of the key's budgets; the account's follow */
	unsigned count;
	struct budget_hold hold[2 * BUDGET_SET_MAX];
	struct buf text; /* of its charges, for the receipt */
};

struct budget_refusal {
	const struct budget *b;
	int64_t amount, used, reserved, asked;
	int64_t resets_at_ms; /* when it would pass; 0: never, or unknown */
};

struct reservation *reservation_new(struct budgets *all, struct str model);
/* All of the key's, or none and false. */
bool reservation_take_key(struct budgets *all, struct reservation *r,
    const struct budget_set *of, struct budget_now now,
    struct budget_refusal *out);
/* Those of the account that is asked now, instead of the one before. */
void reservation_take_account(struct budgets *all, struct reservation *r,
    const struct budget_set *of, struct budget_now now);
/* What it is charged to, for its receipt; r->text. */
struct str reservation_text(struct reservation *r);
/* Replace what was reserved with what it came to (NULL: nothing), and be done
 * with it.  r->text is valid until the next reservation_new(). */
void reservation_settle(struct budgets *all, struct reservation *take_r,
    const struct budget_need *truth, struct budget_now now);

/* Would an account's `hold` budgets stand in the way of this?  0: no; else when
 * they no longer do (INT64_MAX: never), wall clock. */
int64_t budgets_hold_until(struct budgets *all, struct account *a,
    struct str model, const struct budget_need *need, struct budget_now now);

/* --- looking --------------------------------------------------------------- */

struct budget_view {
	const struct budget *b;
	int64_t amount, used, reserved;
	/* The window under way, wall clock; end 0: it has none (life, sliding,
	 * or not begun). */
	int64_t begin_ms, end_ms;
};

void
budget_look(struct budget *b, struct budget_now now, struct budget_view *out);
/* Every budget that requests with this key fall under: for (i = 0; ...; i++).
 * False at the end. */
bool budgets_view_key(struct budgets *all, struct apikey *k, unsigned i,
    struct budget_now now, struct budget_view *out);

/* "1.25 usd", "1500 tokens", "1 request"; reads back the same. */
#define BUDGET_TEXT 64
void
budget_amount_text(enum budget_unit u, int64_t amount, char out[BUDGET_TEXT]);
/* "20 usd", "$20", "1.5M tokens", "500k output", "100 requests"; ERR_VALUE. */
enum err budget_amount_read(struct str s, enum budget_unit *out_unit,
    int64_t *out_amount, struct why *out_why) CHECKED;

/* --- changing (budget_save.c) ---------------------------------------------- */

void budget_make_id(char out[10]);
/* Is the record whole, and its words known? */
enum err budget_check(const struct budget_rec *r, struct why *out_why) CHECKED;

typedef void
budget_saved(void *arg, enum err e, const struct why *why, struct budget *b);

/* As account_save().  `add` is added to the amount in the store, whatever that
 * is by then: a top-up. */
void budget_save(struct budgets *all, const struct budget_rec *r, int64_t add,
    bool must_exist, uint64_t if_rev, const struct audit_who *who,
    budget_saved *done, void *arg);
void budget_delete(struct budgets *all, struct str id, uint64_t if_rev,
    const struct audit_who *who, budget_saved *done, void *arg);

/* As part of another job of the writer: `io` in place of `old` (rev 0: of
 * none), which must not lie in the store; `out` gets its bytes, for
 * budgets_take_up() on the loop when all of the job is kept. */
enum err
budget_put(struct txn *t, const struct budget_rec *old, struct budget_rec *io,
    const struct audit_who *who, struct buf *out, struct why *out_why) CHECKED;
struct budget *
budgets_take_up(struct budgets *all, char *take_blob, size_t len);
/* The same for removing one, for budgets_remove(); one that is not there is
 * fine. */
enum err budget_del(struct txn *t, struct str id, const struct audit_who *who,
    struct why *out_why) CHECKED;

/* --- between budget.c and budget_save.c ------------------------------------ */

/* Take the record's bytes; this moment's facts stay. */
enum err budget_adopt(struct budget *b, const struct zone *z, char *take_blob,
    size_t len) CHECKED;
void budgets_insert(struct budgets *all, struct budget *take_b);
void budgets_remove(struct budgets *all, struct budget *b);
/* One of them has another subject. */
void budgets_index(struct budgets *all);
/* What the store says was used in the window from at_ms on. */
void budget_recall(struct budget *b, int64_t at_ms, int64_t sum,
    struct budget_now now);

#endif
