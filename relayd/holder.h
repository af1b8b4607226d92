/* SPDX-License-Identifier: MIT */
/* holder.h - what a key's holder is told about it over HTTP.
 *
 * Only of the key that was sent, and never the name of an account, of another
 * key, or a note of the operator's.  A key that is disabled or has expired may
 * still be asked about; its state is part of the answer.  What is answered is
 * no use: it has no receipt and does not count as the key's last.
 *
 * The writers are pure: everything they say stands in struct holder_view. */
#ifndef RELAYD_HOLDER_H
#define RELAYD_HOLDER_H

#include "proto/fault.h"
#include "proto/json.h"

#include "relayd/figures.h"
#include "relayd/provider.h"

struct apikey;
struct relay;

/* Bodies of such requests are this long at most, and name as many ids. */
#define HOLDER_BODY_MAX (16 * 1024)
#define HOLDER_IDS_MAX	30

/* Is it one of the operations that are answered here? */
bool holder_serves(enum op op);

/* --- what a body may say ----------------------------------------------------- */

enum holder_period {
	HOLDER_UNSAID,
	HOLDER_DAILY,
	HOLDER_MONTHLY,
	HOLDER_ALLTIME
};

struct holder_ask {
	struct json *root;
	struct str api_key; /* empty: the header's */
	struct str api_id;  /* empty: not said */
	enum holder_period period;
	const struct json *ids; /* an array of strings, or NULL */
	struct str code;	/* of a voucher; empty: not said */
	bool begin;		/* limits that the key does not have */
};

/* {"apiKey", "apiId", "apiIds", "period", "code", "begin"}, all optional, others ignored; an
 * empty body says nothing.  What is read is good until holder_ask_fini(). */
enum err holder_ask_read(struct str body, struct holder_ask *out,
    struct why *out_why) CHECKED;
void holder_ask_fini(struct holder_ask *a);

/* --- what is said ------------------------------------------------------------ */

/* One limit of a key.  What others share in is told without amounts: those
 * would tell what the others use. */
struct holder_limit {
	char window[32];  /* as budgets say it: "day", "5h", "life" */
	const char *unit; /* "usd", "requests", "tokens", "input", "output" */
	struct str class; /* a glob of models; empty: all */
	bool is_shared;
	int64_t most, used;	  /* micro-dollars, or how many */
	int64_t begin_ms, end_ms; /* wall; 0: it is not known when */
};
#define HOLDER_LIMITS_MAX 32

/* Those of that key; their texts are the budgets'. */
size_t holder_limits(struct daemon *d, struct apikey *k,
    struct holder_limit out[HOLDER_LIMITS_MAX]);
bool holder_is_money(const struct holder_limit *l);
/* Of the calendar: "day", also when it does not begin at midnight. */
bool holder_is_per(const struct holder_limit *l, const char *word);
/* What is left of it; never below zero. */
int64_t holder_left(const struct holder_limit *l);

/* Of vouchers that were redeemed for it the newest. */
#define HOLDER_VOUCHERS_MAX 100

struct holder_view {
	const struct apikey_rec *key;
	const char *state;	       /* apikey_state() */
	int64_t now_ms;		       /* wall */
	struct str zone;	       /* of the days */
	const struct figures *figures; /* NULL where none are needed */
	const struct holder_limit *limits;
	size_t limits_count;
	const struct voucher_rec *const *vouchers; /* newest first */
	size_t vouchers_count;
	const struct holder_ask *ask;
	bool is_ascii;
};

typedef void holder_write(const struct holder_view *v, struct buf *out);

/* holder_json.c: for programs that show what is left. */
holder_write holder_write_me, holder_write_key_info, holder_write_usage,
    holder_write_credit;
/* holder_compat.c: the documents below /apiStats. */
holder_write holder_write_id, holder_write_stats, holder_write_models,
    holder_write_batch, holder_write_batch_models;
/* holder_voucher.c: of vouchers, likewise. */
holder_write holder_write_redeemed;
/* holder_text.c: for people, in 80 columns. */
holder_write holder_write_text;

/* --- redeeming a voucher (holder_voucher.c) ---------------------------------- */

struct holder_redeem;

/* Ask the store for it.  When it has answered, the relay hears STORED, unless
 * that was at once. */
struct holder_redeem *
holder_redeem_begin(struct relay *r, const struct holder_ask *ask);
bool holder_redeem_is_done(const struct holder_redeem *x);
/* What to tell the client goes to `out`; or why it is refused is noted with
 * relay_fault(). */
enum fault holder_redeem_tell(const struct holder_redeem *x, struct buf *out);
/* The relay ends, whether the store has answered or not; NULL is fine. */
void holder_redeem_leave(struct holder_redeem *take_x);

/* --- between these files ----------------------------------------------------- */

/* Into an open object: all of a sum, in the words of each kind of client. */
void holder_put_sum(struct json_out *j, const struct rollup_rec *sum);
/* "2026-11-20T13:09:15.123Z"; never (0) is null.  Micro-dollars as dollars. */
void holder_say_time(struct json_out *j, const char *key, int64_t wall_ms);
void holder_say_money(struct json_out *j, const char *key, int64_t micro);
/* "$0.123456" */
void holder_say_dollars(struct json_out *j, const char *key, int64_t micro);
/* Input and output, and those with what the cache took and gave. */
int64_t holder_tokens(const struct rollup_rec *sum);
int64_t holder_all_tokens(const struct rollup_rec *sum);

#endif
