/* SPDX-License-Identifier: MIT */
/* voucher.h - vouchers: codes that give a key more of what limits it, once.
 *
 * A code is sixteen characters in four groups, "7KQ2-MHXA-9TBE-4RWC", of an
 * alphabet without look-alikes; the last of them checks the others, so that
 * a typing error is told from a code that does not exist.  Only its keyed hash
 * is kept.
 *
 * A voucher gives quota, time, or both.  Quota goes to the key's budget of
 * money for life: of all models, refusing, of rated cost, or else of real
 * cost.  Time is added to when the key expires, or to now when it has.  A key
 * that has no such limit would only lose by one: it is begun for it when that
 * is asked for, and else the voucher is refused and stays good.
 *
 * To revoke a voucher takes back what is left of it.  Other quota is taken to
 * be used first, so that is all of it, or as much as the budget has left; of
 * time, all of it or what is left until the key expires.  Nothing ever becomes
 * negative, and what was used stays used.
 *
 * All that one redeeming changes (voucher, budget, key, audit) is one
 * transaction of the store's writer, which looks at the voucher as it stands
 * there: it is redeemed once or not at all, whoever asks at the same time and
 * whenever relayd dies. */
#ifndef RELAYD_VOUCHER_H
#define RELAYD_VOUCHER_H

#include <sys/queue.h>

#include "proto/map.h"

#include "store/rec.h"
#include "store/seal.h"

struct audit_who;
struct budgets;
struct keyring;
struct loop;
struct settings;
struct store;

/* --- codes (voucher_code.c) ------------------------------------------------ */

#define VOUCHER_CODE_LEN 19 /* with its three dashes */

/* A fresh one (NUL-terminated; wipe it after use). */
void voucher_make_code(char out[VOUCHER_CODE_LEN + 1]);
/* As people type it, in any case, with or without dashes and blanks; *out is
 * as it was made.  ERR_SYNTAX says what is wrong, without a word of it. */
enum err voucher_code_read(struct str said, char out[VOUCHER_CODE_LEN + 1],
    struct why *out_why) CHECKED;
void voucher_code_hash(const struct key_index *index, const char *code,
    uint8_t out[SEAL_INDEX_BYTES]);

/* --- all of them (voucher.c) ----------------------------------------------- */

struct voucher {
	TAILQ_ENTRY(voucher) link; /* oldest first; of one moment by id */
	struct voucher_rec rec;	   /* its strs point into blob */
	char *blob;
};

TAILQ_HEAD(voucher_list, voucher);

/* Codes that were none, of each who tried, in the minute under way. */
#define VOUCHER_GUESSES	 10
#define VOUCHER_GUESSERS 128
struct voucher_guesses {
	int64_t minute;
	unsigned count;
	struct {
		char who[24];
		unsigned tries;
	} at[VOUCHER_GUESSERS];
};

/* There are never more. */
#define VOUCHERS_MAX 100000
/* Made at once. */
#define VOUCHERS_BATCH 200

struct vouchers {
	struct voucher_list list;
	unsigned count;
	struct map by_id;
	struct map by_hash; /* 32 bytes */
	struct voucher_guesses guesses;
	struct loop *loop;
	struct store *store;
	struct keyring *keys;
	struct budgets *budgets;
	const struct settings *settings;
};

/* Keys, budgets and settings must last as long. */
void vouchers_init(struct vouchers *all, struct loop *l, struct store *s,
    struct keyring *keys, struct budgets *budgets,
    const struct settings *settings);
void vouchers_fini(struct vouchers *all);
/* Before the store's threads run. */
enum err vouchers_load(struct vouchers *all, struct why *out_why) CHECKED;

struct voucher *vouchers_find(const struct vouchers *all, struct str id);
/* By code, as typed.  ERR_SYNTAX: it can be none; ERR_UNKNOWN. */
enum err vouchers_match(const struct vouchers *all, struct str code,
    struct voucher **out, struct why *out_why) CHECKED;
/* "unused", "expired" (it was not used), "redeemed", "revoked". */
const char *voucher_state(const struct voucher_rec *r, int64_t wall_ms);

/* May that one try a code?  Counted are those that were none. */
bool vouchers_may_guess(struct vouchers *all, struct str who);
void vouchers_guessed(struct vouchers *all, struct str who);

/* --- making and removing (voucher_save.c) ---------------------------------- */

struct voucher_made {
	char id[10];
	char code[VOUCHER_CODE_LEN + 1];
};

/* The vouchers are there, with their codes; both last for the call. */
typedef void vouchers_made(void *arg, enum err e, const struct why *why,
    const struct voucher_made *made, unsigned count);
/* `like` says quota, time, expiry, note and maker; count is at most
 * VOUCHERS_BATCH.  All of them, or none. */
void vouchers_make(struct vouchers *all, const struct voucher_rec *like,
    unsigned count, const struct audit_who *who, vouchers_made *done,
    void *arg);

/* v is NULL when it failed, or was removed. */
typedef void
voucher_saved(void *arg, enum err e, const struct why *why, struct voucher *v);
/* ERR_EXISTS: it was redeemed; those stay, as history. */
void voucher_remove(struct vouchers *all, struct str id, uint64_t if_rev,
    const struct audit_who *who, voucher_saved *done, void *arg);

/* --- redeeming and revoking (voucher_redeem.c) ----------------------------- */

struct voucher_ask {
	struct str code, key_id;
	struct str guesser; /* who tries: an owner, or the key */
	bool may_begin;	    /* limits that the key does not have */
};

/* Answers perhaps at once.  ERR_AGAIN: too many wrong codes in this minute;
 * ERR_SYNTAX, ERR_UNKNOWN: no such code; ERR_EXISTS: it is used, revoked or
 * expired; ERR_DENIED: not by this key, or not here at all; ERR_VALUE: the key
 * has no such limit; ERR_LIMIT: the key would have too much. */
void voucher_redeem(struct vouchers *all, const struct voucher_ask *ask,
    const struct audit_who *who, voucher_saved *done, void *arg);

/* What is taken back stands in the record.  ERR_EXISTS: it was revoked. */
void voucher_revoke(struct vouchers *all, struct str id, struct str reason,
    uint64_t if_rev, const struct audit_who *who, voucher_saved *done,
    void *arg);

/* --- between these files --------------------------------------------------- */

struct txn;

/* In a job of the writer: a record that stands in the store, with a home of
 * its own.  ERR_UNKNOWN, ERR_STALE. */
enum err voucher_get(struct txn *t, struct str id, uint64_t if_rev,
    char **out_blob, struct voucher_rec *out, struct why *out_why) CHECKED;
/* As budget_put(). */
enum err voucher_put(struct txn *t, const struct voucher_rec *old,
    struct voucher_rec *io, const struct audit_who *who, struct buf *out,
    struct why *out_why) CHECKED;
struct voucher *
vouchers_take_up(struct vouchers *all, char *take_blob, size_t len);
void vouchers_drop(struct vouchers *all, struct voucher *take_v);

#define VOUCHER_RECORD_MAX 4096

#endif
