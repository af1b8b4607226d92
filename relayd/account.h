/* SPDX-License-Identifier: MIT */
/* account.h - the pool of upstream accounts: records plus this moment.
 *
 * The pool lives in memory, is loaded at start and changed only by what the
 * store has committed (account_save, account_delete). */
#ifndef RELAYD_ACCOUNT_H
#define RELAYD_ACCOUNT_H

#include <sys/queue.h>

#include "store/rec.h"

#include "relayd/account_keys.h"
#include "relayd/cooldown.h"
#include "relayd/gate.h"
#include "relayd/provider.h"
#include "relayd/proxy.h"

struct audit_who;
struct seal_place;
struct budget_set;
struct groups;
struct relay;
struct store;
struct loop;
struct txn;

struct account {
	TAILQ_ENTRY(account) link; /* by name */
	/* What is looked at in all accounts of a large pool. */
	int64_t used_us; /* when it was last chosen; monotonic */
	int64_t had;	 /* of turns in the pool (strategy.h) */
	unsigned in_flight;
	struct account_rec rec; /* its strs point into blob */
	char *blob;
	const struct provider *provider;
	/* From rec.url, or the provider's. */
	bool tls;
	char *host;	  /* without brackets */
	char *host_field; /* as the Host field wants it, with port if odd */
	uint16_t port;
	char *base; /* path without trailing slash, may be empty */
	struct outlet outlet;
	/* Opened secrets, in the store's arena. */
	struct str credential, proxy_password;
	struct account_keys keys; /* of a kind with several; else none */
	struct windows windows;	  /* as the provider told last */
	/* What the record says of resting, read. */
	struct window_stop stop;
	struct cooldowns cooldowns;
	bool unprotected; /* nothing shuts its gates */
	/* Of a serial one: whose turn it serves (NULL: nobody's), and when
	 * the next one may begin. */
	const struct relay *turn;
	int64_t turn_free_ms;
	uint64_t kept_sum; /* of the gates that are stored (gate_save.c) */
	/* Of the token's renewal. */
	unsigned renew_failures;     /* in a row */
	int64_t renew_after_wall_ms; /* not before, after a failure */
	/* Since when the provider refuses what is asked; 0: it does not. */
	int64_t renew_refused_wall_ms;

	/* True at this moment. */
	struct gates gates;
	struct gate_parts parts; /* shut for some models alone */
	/* Its provider said too often that it is overloaded: until then it is
	 * used after all others (account_note_crowd()). */
	int64_t soft_until_ms;
	int64_t crowded_ms[2]; /* when it said so before */
	unsigned sessions;     /* bound to it (sticky.h) */
	/* Moving averages: of a try's duration, and of the time to the first
	 * word of a stream. */
	int64_t hold_ms, ttft_ms;
	unsigned ttft_count;
	bool is_forbidden; /* a subscription, where the owner allows none */
	bool is_expired;   /* its ends_at is past (due.h) */
	bool deleted;	   /* freed with the last request that uses it */
	uint64_t requests, failures; /* since start */
	char last_error[160];
	int64_t last_error_wall_ms;
	bool is_trouble_told;	/* and its end has to be */
	bool draining;		/* held; somebody waits for its last request */
	const char *told_state; /* to those who follow (follow.c) */
	unsigned generation;	/* changes with what a connection depends on */
	struct budget_set *budgets; /* (budget.h); NULL: not looked up */
};

TAILQ_HEAD(account_list, account);

struct pool {
	struct account_list accounts;
	unsigned count;
	struct store *store;
	struct loop *loop;
	unsigned generation;
	const struct proxies *proxies; /* NULL: there are none */
	struct groups *groups;	       /* NULL: there are none */
	int64_t level;		       /* of turns (strategy.h) */
	bool forbids_oauth;
	bool has_serial; /* an account that is serial, or was */
	/* An account is about to go for good; NULL: nobody minds. */
	void (*on_gone)(void *arg, struct account *a);
	void *on_gone_arg;
	/* The last request of one that is `draining` has ended. */
	void (*on_drained)(void *arg, const struct account *a);
	void *on_drained_arg;
	/* Connections that an account has had are of no more use to it: it has
	 * changed, or goes.  NULL: nobody minds. */
	void (*on_moved)(void *arg, const struct account *a);
	void *on_moved_arg;
	/* The record of one is new; NULL: nobody minds. */
	void (*on_changed)(void *arg);
	void *on_changed_arg;
	/* An account has a place, or something else about it is better than it
	 * was; NULL for the account: of any.  NULL: nobody minds. */
	void (*on_room)(void *arg, struct account *a);
	void *on_room_arg;
};

void pool_init(struct pool *p, struct loop *l, struct store *s);
void pool_fini(struct pool *p);
/* Before the store's threads run: read all accounts. */
enum err pool_load(struct pool *p, struct why *out_why) CHECKED;
/* Of an account whose generation has just become another. */
void pool_moved(const struct pool *p, const struct account *a);
/* It may be of use again to those who wait. */
void pool_note_room(struct pool *p, struct account *a);
/* A request that counted itself in a->in_flight is done with it. */
void pool_release(struct pool *p, struct account *a);
/* It is held: say when it has no more requests, now or later. */
void pool_drain(struct pool *p, struct account *a);
/* Find the way out of every account anew: those whose way is another one get
 * new connections from the next request on. */
void pool_find_ways(struct pool *p);
struct account *pool_find(const struct pool *p, struct str name);
/* ERR_UNKNOWN when there is none of that name; the reason names those there
 * are, the nearest first. */
enum err pool_check_named(const struct pool *p, struct str name,
    const char *field, struct why *out_why) CHECKED;
/* Are accounts used that somebody signs in to? */
void pool_allow_oauth(struct pool *p, bool allowed);

/* The record of an account of which nothing was said yet. */
void account_rec_init(struct account_rec *r);
/* May the record be saved?  Name, kind, URL and fields are checked; the text
 * says what is wrong and what would be right. */
enum err
account_check(const struct account_rec *r, struct why *out_why) CHECKED;
/* Set one field of a record from text.  *io_text keeps the bytes that the
 * record then points at (append only, ceiling of the caller).  Secrets and
 * fields the operator cannot set are ERR_UNKNOWN. */
enum err account_field_set(struct account_rec *r, const struct provider *p,
    struct str name, struct str value, struct buf *io_text,
    struct why *out_why) CHECKED;
/* The fields of a kind: its own, then those common to all; i counts from 0,
 * NULL ends. */
const struct field *account_field_at(const struct provider *p, unsigned i);
const struct field *
account_field_find(const struct provider *p, struct str name);
/* "ready", "held", "no-proxy", or the name of the gate that is shut; *out_until_ms is when
 * that ends (monotonic), 0 when unknown. */
const char *
account_state(const struct account *a, int64_t now_ms, int64_t *out_until_ms);
/* When it may be asked for that model again, and by what it is shut; 0: now.
 * `head` is the client's, or NULL. */
int64_t account_shut_until(const struct account *a, struct str model,
    const struct http1_head *head, int64_t now_ms, enum gate *out_which);
/* Forget why it rests. */
void account_open(struct account *a);
/* What one more try has taken: the whole of it, or to its first word. */
void account_note_hold(struct account *a, int64_t took_ms);
void account_note_ttft(struct account *a, int64_t took_ms);
/* Its provider says that it is overloaded, which each account of it may tell.
 * One that tells it three times in a minute is used after the others for a
 * while, a tenth more or less as `random` says. */
void account_note_crowd(struct account *a, int64_t now_ms, uint32_t random);

/* Does the account serve the model: by its rules (all when empty), and by its
 * plan where they do not name it? */
bool account_has_model(const struct account *a, struct str model);

/* Who may use it: "pool" everybody, "group" through groups, "bound" keys that
 * name it. */
enum account_share {
	SHARE_POOL,
	SHARE_GROUP,
	SHARE_BOUND,
};
enum account_share account_share(const struct account *a);
/* Of its turns, 1 or more. */
uint64_t account_weight(const struct account *a);

/* What it is asked with now: its credential, or one of its keys. */
struct str account_secret(const struct account *a, int64_t now_ms);

/* A subscription is for its provider's own client, unless the operator says
 * otherwise. */
bool
account_serves_client(const struct account *a, const struct http1_head *head);

/* New secrets for account_save(); an str with .at NULL keeps what is sealed.
 * The times and texts of a sign-in are the store's unless `signed_in` says that
 * the record's are newer: a renewal may have written them a moment ago. */
struct account_secrets {
	struct str credential, proxy_password, refresh_token;
	bool signed_in;
};

/* Called on the loop when the store has it (or refused it). a is the account
 * as it is now in the pool, NULL after a failure or a deletion. */
typedef void
account_saved(void *arg, enum err e, const struct why *why, struct account *a);

/* Create (must_exist false: ERR_EXISTS if there is one) or replace. The record
 * and secrets are copied; the copies are wiped.  if_rev: ERR_STALE unless the
 * stored record has it (0: any).  rev and times are filled in here.  who is noted in the audit with the
 * change (NULL: nobody). */
void account_save(struct pool *p, const struct account_rec *r,
    const struct account_secrets *secrets, bool must_exist, uint64_t if_rev,
    const struct audit_who *who, account_saved *done, void *arg);
void account_delete(struct pool *p, struct str name, uint64_t if_rev,
    const struct audit_who *who, account_saved *done, void *arg);

/* Held by relayd itself because its sign-in is no longer good? */
bool account_is_signed_out(const struct account_rec *r);
/* May its credential go to the provider at all?  ERR_DENIED: it is a
 * subscription's, and the owner of the host allows none. */
enum err
account_check_allowed(const struct account *a, struct why *out_why) CHECKED;

/* --- tokens (account_token.c) ------------------------------------------------ */

/* What is needed to renew a token. */
struct token_taken {
	struct str refresh; /* opened; borrowed for the call, then wiped */
	struct str sealed;  /* the same as stored, to be shown to token_put() */
	int64_t begun_wall_ms; /* of an earlier renewal whose end is unknown */
};
typedef void token_taken_fn(void *arg, enum err e, const struct why *why,
    const struct token_taken *t);
typedef void token_done_fn(void *arg, enum err e, const struct why *why);

/* Note on disk that a renewal begins, then open the refresh token.
 * ERR_UNKNOWN: no such account, or it has none. */
void account_token_take(struct pool *p, struct str name, int64_t now_wall_ms,
    token_taken_fn *done, void *arg);
/* Look again what is stored, without a note. */
void account_token_peek(struct pool *p, struct str name, token_taken_fn *done,
    void *arg);
/* Write what came of it, and forget the note; on disk when `done` is called,
 * and in the pool just before.  ERR_STALE: somebody signed in meanwhile, and
 * that stands. */
void account_token_put(struct pool *p, struct str name, struct str sealed,
    const struct oauth_grant *g, int64_t now_wall_ms, token_done_fn *done,
    void *arg);
/* Nothing came of it: forget the note, and with a reason hold the account. */
void account_token_fail(struct pool *p, struct str name, struct str sealed,
    const char *reason, int64_t now_wall_ms, token_done_fn *done, void *arg);

/* --- between account.c and account_save.c ---------------------------------- */

/* Take the record's bytes and the opened secrets; what is derived from the
 * record is made anew, this moment's facts stay. */
enum err account_adopt(struct pool *p, struct account *a, char *take_blob,
    size_t len, struct str credential, struct str proxy_password) CHECKED;
void pool_insert(struct pool *p, struct account *take_a);
void account_free(void *it);
/* Open a sealed field of an account into the arena; nothing sealed is an empty
 * str.  Only on the writer. */
enum err account_open_field(struct txn *t, struct str name, const char *field,
    struct str sealed, struct str *out) CHECKED;
struct seal_place account_place(struct str name, const char *field);
/* The most a record may take. */
#define ACCOUNT_RECORD_MAX (32 * 1024)

#endif
