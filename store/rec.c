/* SPDX-License-Identifier: MIT */
/* rec.c - one engine that writes and reads every kind of record from its field
 * table.
 *
 *	version(1) field field ...
 *
 * A kind's fields are those of store/rec/NAME.def, in that order; what a
 * version lacks is skipped when it is read.  Numbers are written in their
 * shortest form and refused in any other, so that a record has one encoding
 * only and equal records are equal bytes.  Knows nothing of tables or keys. */
#include "store/rec.h"

#include <stdlib.h>

#define VARINT_MAX 10

/* A kind's fields, and a union as large as its newest `since`. */
#define FIELD(rec, type_, name_, since_)                                       \
	{ .name = #name_,                                                      \
		.type = REC_T_##type_,                                         \
		.since = (since_),                                             \
		.offset = offsetof(struct rec, name_) },
#define KIND(name_)                                                            \
	const struct rec_kind name_##_kind = {                                 \
		.name = #name_,                                                \
		.version = sizeof(union name_##_newest),                       \
		.fields = name_##_fields,                                      \
		.count = sizeof(name_##_fields) / sizeof(name_##_fields[0]),   \
		.size = sizeof(struct name_##_rec),                            \
	}

#define X(type, name, since) FIELD(account_rec, type, name, since)
static const struct rec_field account_fields[] = {
#include "store/rec/account.def"
};
#undef X
#define X(type, name, since) FIELD(apikey_rec, type, name, since)
static const struct rec_field apikey_fields[] = {
#include "store/rec/apikey.def"
};
#undef X
#define X(type, name, since) FIELD(receipt_rec, type, name, since)
static const struct rec_field receipt_fields[] = {
#include "store/rec/receipt.def"
};
#undef X
#define X(type, name, since) FIELD(attempt_rec, type, name, since)
static const struct rec_field attempt_fields[] = {
#include "store/rec/attempt.def"
};
#undef X
#define X(type, name, since) FIELD(rollup_rec, type, name, since)
static const struct rec_field rollup_fields[] = {
#include "store/rec/rollup.def"
};
#undef X
#define X(type, name, since) FIELD(audit_rec, type, name, since)
static const struct rec_field audit_fields[] = {
#include "store/rec/audit.def"
};
#undef X
#define X(type, name, since) FIELD(keeping_rec, type, name, since)
static const struct rec_field keeping_fields[] = {
#include "store/rec/keeping.def"
};
#undef X
#define X(type, name, since) FIELD(user_rec, type, name, since)
static const struct rec_field user_fields[] = {
#include "store/rec/user.def"
};
#undef X
#define X(type, name, since) FIELD(channel_rec, type, name, since)
static const struct rec_field channel_fields[] = {
#include "store/rec/channel.def"
};
#undef X
#define X(type, name, since) FIELD(notice_rec, type, name, since)
static const struct rec_field notice_fields[] = {
#include "store/rec/notice.def"
};
#undef X
#define X(type, name, since) FIELD(rest_rec, type, name, since)
static const struct rec_field rest_fields[] = {
#include "store/rec/rest.def"
};
#undef X
#define X(type, name, since) FIELD(rule_rec, type, name, since)
static const struct rec_field rule_fields[] = {
#include "store/rec/rule.def"
};
#undef X
#define X(type, name, since) FIELD(group_rec, type, name, since)
static const struct rec_field group_fields[] = {
#include "store/rec/group.def"
};
#undef X
#define X(type, name, since) FIELD(client_rec, type, name, since)
static const struct rec_field client_fields[] = {
#include "store/rec/client.def"
};
#undef X
#define X(type, name, since) FIELD(proxy_rec, type, name, since)
static const struct rec_field proxy_fields[] = {
#include "store/rec/proxy.def"
};
#undef X

#define X(type, name, since) FIELD(budget_rec, type, name, since)
static const struct rec_field budget_fields[] = {
#include "store/rec/budget.def"
};
#undef X
#define X(type, name, since) FIELD(voucher_rec, type, name, since)
static const struct rec_field voucher_fields[] = {
#include "store/rec/voucher.def"
};
#undef X
#define X(type, name, since) FIELD(trace_rec, type, name, since)
static const struct rec_field trace_fields[] = {
#include "store/rec/trace.def"
};
#undef X
#define X(type, name, since) FIELD(part_rec, type, name, since)
static const struct rec_field part_fields[] = {
#include "store/rec/part.def"
};
#undef X
#define X(type, name, since) FIELD(step_rec, type, name, since)
static const struct rec_field step_fields[] = {
#include "store/rec/step.def"
};
#undef X

#define X(type, name, since) char name[since];
union account_newest {
#include "store/rec/account.def"
};
union apikey_newest {
#include "store/rec/apikey.def"
};
union receipt_newest {
#include "store/rec/receipt.def"
};
union attempt_newest {
#include "store/rec/attempt.def"
};
union rollup_newest {
#include "store/rec/rollup.def"
};
union audit_newest {
#include "store/rec/audit.def"
};
union keeping_newest {
#include "store/rec/keeping.def"
};
union user_newest {
#include "store/rec/user.def"
};
union channel_newest {
#include "store/rec/channel.def"
};
union notice_newest {
#include "store/rec/notice.def"
};
union rest_newest {
#include "store/rec/rest.def"
};
union rule_newest {
#include "store/rec/rule.def"
};
union group_newest {
#include "store/rec/group.def"
};
union client_newest {
#include "store/rec/client.def"
};
union proxy_newest {
#include "store/rec/proxy.def"
};
union budget_newest {
#include "store/rec/budget.def"
};
union voucher_newest {
#include "store/rec/voucher.def"
};
union trace_newest {
#include "store/rec/trace.def"
};
union part_newest {
#include "store/rec/part.def"
};
union step_newest {
#include "store/rec/step.def"
};
#undef X

KIND(account);
KIND(apikey);
KIND(receipt);
KIND(attempt);
KIND(rollup);
KIND(audit);
KIND(keeping);
KIND(user);
KIND(channel);
KIND(notice);
KIND(budget);
KIND(voucher);
KIND(rest);
KIND(rule);
KIND(group);
KIND(client);
KIND(proxy);
KIND(trace);
KIND(part);
KIND(step);

/* --- numbers --------------------------------------------------------------- */

static size_t
varint_len(uint64_t n)
{
	/* Seven bits a byte; the 1 makes zero take one byte too. */
	return (size_t)(63 - __builtin_clzll(n | 1)) / 7 + 1;
}

static uint8_t *
varint_write(uint8_t *to, uint64_t n)
{
	while (n >= 0x80) {
		*to++ = (uint8_t)(n | 0x80);
		n >>= 7;
	}
	*to++ = (uint8_t)n;
	return to;
}

/* Eats the number from the front of *rest. */
static enum err
varint_read(struct str *rest, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < rest->len && i < VARINT_MAX; i++) {
		uint8_t byte = (uint8_t)rest->at[i];

		n |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		/* Not the shortest form, or more than 64 bits. */
		if ((byte == 0 && i > 0) || (i == VARINT_MAX - 1 && byte > 1))
			return ERR_CORRUPT;
		*rest = str_skip(*rest, i + 1);
		*out = n;
		return OK;
	}
	return ERR_CORRUPT;
}

static uint64_t
zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
}

static int64_t
unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

/* --- writing --------------------------------------------------------------- */

static size_t
field_len(const struct rec_field *f, const void *at)
{
	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED: {
		const struct str *s = at;

		return varint_len(s->len) + s->len;
	}
	case REC_T_U64:
		return varint_len(*(const uint64_t *)at);
	case REC_T_I64:
		return varint_len(zigzag(*(const int64_t *)at));
	case REC_T_FLAG:
		return 1;
	case REC_T_BYTES16:
		return 16;
	case REC_T_BYTES32:
		return 32;
	}
	abort();
}

static uint8_t *
bytes_write(uint8_t *to, const void *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	return to + n;
}

static uint8_t *
field_write(const struct rec_field *f, const void *at, uint8_t *to)
{
	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED: {
		const struct str *s = at;

		return bytes_write(varint_write(to, s->len), s->at, s->len);
	}
	case REC_T_U64:
		return varint_write(to, *(const uint64_t *)at);
	case REC_T_I64:
		return varint_write(to, zigzag(*(const int64_t *)at));
	case REC_T_FLAG:
		*to = *(const bool *)at;
		return to + 1;
	case REC_T_BYTES16:
		return bytes_write(to, at, 16);
	case REC_T_BYTES32:
		return bytes_write(to, at, 32);
	}
	abort();
}

static size_t
rec_len(const struct rec_kind *kind, const void *rec)
{
	size_t len = 1;

	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];

		len += field_len(f, (const char *)rec + f->offset);
	}
	return len;
}

static uint8_t *
rec_write_at(const struct rec_kind *kind, const void *rec, uint8_t *to)
{
	*to++ = (uint8_t)kind->version;
	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];

		to = field_write(f, (const char *)rec + f->offset, to);
	}
	return to;
}

/* Measured first and written then, so that a record is in the buffer as a
 * whole or not at all. */
enum err
rec_write(const struct rec_kind *kind, const void *rec, struct buf *out)
{
	size_t len = rec_len(kind, rec), room;
	char *at;
	enum err e;

	e = buf_room(out, len, &at, &room);
	if (e)
		return e;
	rec_write_at(kind, rec, (uint8_t *)at);
	buf_grew(out, len);
	return OK;
}

/* --- reading --------------------------------------------------------------- */

/* Eats len bytes from the front of *rest. */
static enum err
bytes_read(struct str *rest, uint64_t len, struct str *out)
{
	if (len > rest->len)
		return ERR_CORRUPT;
	*out = str_first(*rest, len);
	*rest = str_skip(*rest, len);
	return OK;
}

static enum err
fixed_read(struct str *rest, void *out, size_t len)
{
	struct str bytes;
	enum err e;

	e = bytes_read(rest, len, &bytes);
	if (e)
		return e;
	memcpy(out, bytes.at, len);
	return OK;
}

static enum err
field_read(const struct rec_field *f, struct str *rest, void *out)
{
	uint64_t n;
	enum err e;

	switch (f->type) {
	case REC_T_TEXT:
	case REC_T_SEALED:
		e = varint_read(rest, &n);
		return e ? e : bytes_read(rest, n, out);
	case REC_T_U64:
		return varint_read(rest, out);
	case REC_T_I64:
		e = varint_read(rest, &n);
		if (!e)
			*(int64_t *)out = unzigzag(n);
		return e;
	case REC_T_FLAG:
		e = varint_read(rest, &n);
		if (e || n > 1)
			return ERR_CORRUPT;
		*(bool *)out = n == 1;
		return OK;
	case REC_T_BYTES16:
		return fixed_read(rest, out, 16);
	case REC_T_BYTES32:
		return fixed_read(rest, out, 32);
	}
	abort();
}

enum err
rec_read(const struct rec_kind *kind, struct str from, void *out_rec)
{
	unsigned version;
	struct str rest;
	enum err e;

	if (from.len == 0 || from.at[0] == 0)
		return ERR_CORRUPT;
	version = (uint8_t)from.at[0];
	if (version > kind->version)
		return ERR_UNSUPPORTED;
	rest = str_skip(from, 1);
	memset(out_rec, 0, kind->size);
	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];

		if (f->since > version)
			continue;
		e = field_read(f, &rest, (char *)out_rec + f->offset);
		if (e)
			return e;
	}
	return rest.len ? ERR_CORRUPT : OK;
}

/* --- the kinds, typed ------------------------------------------------------ */

#define TYPED(noun)                                                            \
	enum err noun##_rec_write(const struct noun##_rec *r, struct buf *out) \
	{                                                                      \
		return rec_write(&noun##_kind, r, out);                        \
	}                                                                      \
	enum err noun##_rec_read(struct str from, struct noun##_rec *out)      \
	{                                                                      \
		struct noun##_rec r;                                           \
		enum err e = rec_read(&noun##_kind, from, &r);                 \
                                                                               \
		if (!e)                                                        \
			*out = r;                                              \
		return e;                                                      \
	}

TYPED(account)
TYPED(apikey)
TYPED(receipt)
TYPED(attempt)
TYPED(rollup)
TYPED(audit)
TYPED(keeping)
TYPED(user)
TYPED(channel)
TYPED(notice)
TYPED(budget)
TYPED(voucher)
TYPED(rest)
TYPED(rule)
TYPED(group)
TYPED(client)
TYPED(proxy)
TYPED(trace)
TYPED(part)
TYPED(step)

/* --- attempts inside a receipt: length(2, big-endian) record ... ----------- */

enum err
rec_attempts_add(struct buf *out, const struct attempt_rec *r)
{
	size_t len = rec_len(&attempt_kind, r), room;
	char *at;
	enum err e;

	if (len > UINT16_MAX)
		return ERR_LIMIT;
	e = buf_room(out, 2 + len, &at, &room);
	if (e)
		return e;
	at[0] = (char)(len >> 8);
	at[1] = (char)len;
	rec_write_at(&attempt_kind, r, (uint8_t *)at + 2);
	buf_grew(out, 2 + len);
	return OK;
}

bool
rec_attempts_next(struct str *rest, struct attempt_rec *out)
{
	struct str body, after;
	size_t len;

	if (rest->len < 2)
		return false;
	len = (size_t)(uint8_t)rest->at[0] << 8 | (uint8_t)rest->at[1];
	after = str_skip(*rest, 2);
	if (bytes_read(&after, len, &body) || attempt_rec_read(body, out))
		return false;
	*rest = after;
	return true;
}
