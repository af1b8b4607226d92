/* SPDX-License-Identifier: MIT */
/* rec.h - records: structs made from field tables, and their bytes.
 *
 * Each table in store/rec/ lists X(TYPE, name, since) and makes a struct and a
 * codec.  Encoded: one byte of version, then the fields in order; numbers as
 * varints (zigzag where signed), bytes with a length in front.  A record of
 * an older version lacks the fields that came later: they are zero.  A record
 * of a newer version than ours is ERR_UNSUPPORTED, never guessed at.
 *
 * TYPE		member			what it is
 * TEXT		struct str		text or bytes, borrowed
 * SEALED	struct str		a sealed secret (seal.h), borrowed
 * U64, I64	uint64_t, int64_t
 * FLAG		bool
 * BYTES16/32	uint8_t[16], [32]	fixed
 *
 * Decoding copies nothing: the strs point into the encoded bytes. */
#ifndef STORE_REC_H
#define STORE_REC_H

#include "proto/buf.h"

#define REC_TEXT(name)	     struct str name;
#define REC_SEALED(name)     struct str name;
#define REC_U64(name)	     uint64_t name;
#define REC_I64(name)	     int64_t name;
#define REC_FLAG(name)	     bool name;
#define REC_BYTES16(name)    uint8_t name[16];
#define REC_BYTES32(name)    uint8_t name[32];
#define X(type, name, since) REC_##type(name)

struct account_rec {
#include "store/rec/account.def"
};
struct apikey_rec {
#include "store/rec/apikey.def"
};
struct receipt_rec {
#include "store/rec/receipt.def"
};
/* One try of a receipt; receipt_rec.attempts holds their encodings, each with
 * a length byte pair in front (rec_attempts_add, rec_attempts_next). */
struct attempt_rec {
#include "store/rec/attempt.def"
};
struct rollup_rec {
#include "store/rec/rollup.def"
};
struct audit_rec {
#include "store/rec/audit.def"
};
struct keeping_rec {
#include "store/rec/keeping.def"
};
struct user_rec {
#include "store/rec/user.def"
};
struct channel_rec {
#include "store/rec/channel.def"
};
struct notice_rec {
#include "store/rec/notice.def"
};
struct proxy_rec {
#include "store/rec/proxy.def"
};
struct rest_rec {
#include "store/rec/rest.def"
};
struct rule_rec {
#include "store/rec/rule.def"
};
struct group_rec {
#include "store/rec/group.def"
};
struct client_rec {
#include "store/rec/client.def"
};
struct budget_rec {
#include "store/rec/budget.def"
};
struct voucher_rec {
#include "store/rec/voucher.def"
};
struct trace_rec {
#include "store/rec/trace.def"
};
struct part_rec {
#include "store/rec/part.def"
};
struct step_rec {
#include "store/rec/step.def"
};
#undef X

/* Append the encoding; ERR_LIMIT at the buffer's ceiling. */
enum err
account_rec_write(const struct account_rec *r, struct buf *out) CHECKED;
enum err apikey_rec_write(const struct apikey_rec *r, struct buf *out) CHECKED;
enum err
receipt_rec_write(const struct receipt_rec *r, struct buf *out) CHECKED;
enum err
attempt_rec_write(const struct attempt_rec *r, struct buf *out) CHECKED;
enum err rollup_rec_write(const struct rollup_rec *r, struct buf *out) CHECKED;

/* The whole of `from` is one record; ERR_CORRUPT, ERR_UNSUPPORTED. */
enum err account_rec_read(struct str from, struct account_rec *out) CHECKED;
enum err apikey_rec_read(struct str from, struct apikey_rec *out) CHECKED;
enum err receipt_rec_read(struct str from, struct receipt_rec *out) CHECKED;
enum err attempt_rec_read(struct str from, struct attempt_rec *out) CHECKED;
enum err rollup_rec_read(struct str from, struct rollup_rec *out) CHECKED;
enum err audit_rec_write(const struct audit_rec *r, struct buf *out) CHECKED;
enum err audit_rec_read(struct str from, struct audit_rec *out) CHECKED;
enum err
keeping_rec_write(const struct keeping_rec *r, struct buf *out) CHECKED;
enum err keeping_rec_read(struct str from, struct keeping_rec *out) CHECKED;
enum err user_rec_write(const struct user_rec *r, struct buf *out) CHECKED;
enum err user_rec_read(struct str from, struct user_rec *out) CHECKED;
enum err
channel_rec_write(const struct channel_rec *r, struct buf *out) CHECKED;
enum err channel_rec_read(struct str from, struct channel_rec *out) CHECKED;
enum err notice_rec_write(const struct notice_rec *r, struct buf *out) CHECKED;
enum err notice_rec_read(struct str from, struct notice_rec *out) CHECKED;
enum err budget_rec_write(const struct budget_rec *r, struct buf *out) CHECKED;
enum err budget_rec_read(struct str from, struct budget_rec *out) CHECKED;
enum err
voucher_rec_write(const struct voucher_rec *r, struct buf *out) CHECKED;
enum err voucher_rec_read(struct str from, struct voucher_rec *out) CHECKED;
enum err rest_rec_write(const struct rest_rec *r, struct buf *out) CHECKED;
enum err rest_rec_read(struct str from, struct rest_rec *out) CHECKED;
enum err rule_rec_write(const struct rule_rec *r, struct buf *out) CHECKED;
enum err rule_rec_read(struct str from, struct rule_rec *out) CHECKED;
enum err group_rec_write(const struct group_rec *r, struct buf *out) CHECKED;
enum err group_rec_read(struct str from, struct group_rec *out) CHECKED;
enum err client_rec_write(const struct client_rec *r, struct buf *out) CHECKED;
enum err client_rec_read(struct str from, struct client_rec *out) CHECKED;
enum err proxy_rec_write(const struct proxy_rec *r, struct buf *out) CHECKED;
enum err proxy_rec_read(struct str from, struct proxy_rec *out) CHECKED;
enum err trace_rec_write(const struct trace_rec *r, struct buf *out) CHECKED;
enum err trace_rec_read(struct str from, struct trace_rec *out) CHECKED;
enum err part_rec_write(const struct part_rec *r, struct buf *out) CHECKED;
enum err part_rec_read(struct str from, struct part_rec *out) CHECKED;
enum err step_rec_write(const struct step_rec *r, struct buf *out) CHECKED;
enum err step_rec_read(struct str from, struct step_rec *out) CHECKED;

/* Lists of attempts inside a receipt. */
enum err rec_attempts_add(struct buf *out, const struct attempt_rec *r) CHECKED;
bool rec_attempts_next(struct str *rest, struct attempt_rec *out);

/* The kinds themselves, for showing, dumping and comparing field by field.
 * SEALED fields are told as such and never opened here. */
enum rec_type {
	REC_T_TEXT,
	REC_T_SEALED,
	REC_T_U64,
	REC_T_I64,
	REC_T_FLAG,
	REC_T_BYTES16,
	REC_T_BYTES32,
};
struct rec_field {
	const char *name;
	enum rec_type type;
	unsigned since;
	size_t offset; /* in the struct */
};
struct rec_kind {
	const char *name;
	unsigned version; /* the newest `since` */
	const struct rec_field *fields;
	size_t count, size;
};
extern const struct rec_kind account_kind, apikey_kind, receipt_kind,
    attempt_kind, rollup_kind, audit_kind, user_kind, channel_kind, notice_kind,
    budget_kind, keeping_kind, voucher_kind, proxy_kind, group_kind,
    client_kind, rule_kind, rest_kind, trace_kind, part_kind, step_kind;

/* The engine below all of the above; `rec` is a struct of that kind. */
enum err rec_write(const struct rec_kind *kind, const void *rec,
    struct buf *out) CHECKED;
/* Unlike the typed ones it leaves *out_rec undefined when it fails. */
enum err
rec_read(const struct rec_kind *kind, struct str from, void *out_rec) CHECKED;

#endif
