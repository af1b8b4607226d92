/* SPDX-License-Identifier: MIT */
/* apikey_value.c - what a key is made of: its value, its id, what it takes over
 * from another, and how one value follows the other. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "proto/enc.h"

#include "relayd/apikey.h"

#define RANDOM_LEN 32
#define DIGITS_LEN 43 /* of 32 bytes in base 62 */
#define CHECK_LEN  6

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* --- values -------------------------------------------------------------------- */

/* Six digits over what stands before them: tells a typing error from a key
 * that is not known.  It protects nothing, so an unkeyed hash is right. */
static void
put_check(const char *value, size_t len, char out[CHECK_LEN])
{
	uint8_t hash[16];
	uint64_t n = 0;

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)value, len,
	    (const uint8_t *)"relayd-key-check", 16);
	for (int i = 0; i < 8; i++)
		n = n << 8 | hash[i];
	for (int i = CHECK_LEN - 1; i >= 0; i--) {
		out[i] = digits[n % 62];
		n /= 62;
	}
}

void
apikey_make_value(char out[APIKEY_VALUE_LEN + 1])
{
	uint8_t random[RANDOM_LEN];
	struct buf text;
	enum err e;

	randombytes_buf(random, sizeof(random));
	buf_init(&text, DIGITS_LEN);
	e = enc_base62(&text, str_at((const char *)random, sizeof(random)));
	assert(e == OK && buf_len(&text) == DIGITS_LEN);
	memcpy(out, "cr_", 3);
	memcpy(out + 3, buf_str(&text).at, DIGITS_LEN);
	buf_wipe(&text);
	put_check(out, 3 + DIGITS_LEN, out + 3 + DIGITS_LEN);
	out[APIKEY_VALUE_LEN] = '\0';
	sodium_memzero(random, sizeof(random));
}

void
apikey_make_id(char out[10])
{
	out[0] = 'k';
	for (int i = 1; i < 9; i++)
		out[i] = digits[10 + 26 + randombytes_uniform(26)];
	out[9] = '\0';
}

static int
number_width(unsigned count)
{
	return count > 99 ? 3 : 2;
}

void
apikey_number(struct str name, unsigned count, unsigned n, char *out,
    size_t size)
{
	snprintf(out, size, "%.*s-%0*u", STR_ARG(name), number_width(count), n);
}

bool
apikey_is_numbered(struct str base, unsigned count, struct str name)
{
	size_t width = (size_t)number_width(count);
	uint64_t n;

	if (name.len != base.len + 1 + width || !str_starts(name, base) ||
	    name.at[base.len] != '-')
		return false;
	return !str_u64(str_skip(name, base.len + 1), &n) && n > 0 &&
	    n <= count;
}

bool
apikey_well_formed(struct str value)
{
	char check[CHECK_LEN];

	if (value.len != APIKEY_VALUE_LEN || !str_starts(value, STR("cr_")))
		return false;
	put_check(value.at, 3 + DIGITS_LEN, check);
	return !memcmp(value.at + 3 + DIGITS_LEN, check, CHECK_LEN);
}

/* --- one like another ------------------------------------------------------ */

/* What a key has alone.  A template is often kept disabled itself. */
static const char *const own_fields[] = { "id", "name", "hash", "value_end",
	"disabled", "rev", "created_at", "changed_at", "old_hash",
	"old_value_end", "old_until", "self_made", "self_disabled",
	"activated_at", "deleted_at", "deleted_by", "template", "foreign_hash",
	"foreign_salt" };

static bool
is_own_field(const struct rec_field *f)
{
	for (size_t i = 0; i < sizeof(own_fields) / sizeof(own_fields[0]); i++)
		if (!strcmp(f->name, own_fields[i]))
			return true;
	return false;
}

void
apikey_like(struct apikey_rec *io, const struct apikey_rec *model)
{
	static const size_t sizes[] = {
		[REC_T_TEXT] = sizeof(struct str),
		[REC_T_SEALED] = sizeof(struct str),
		[REC_T_U64] = sizeof(uint64_t),
		[REC_T_I64] = sizeof(int64_t),
		[REC_T_FLAG] = sizeof(bool),
		[REC_T_BYTES16] = 16,
		[REC_T_BYTES32] = 32,
	};

	for (size_t i = 0; i < apikey_kind.count; i++) {
		const struct rec_field *f = &apikey_kind.fields[i];

		if (!is_own_field(f))
			memcpy((char *)io + f->offset,
			    (const char *)model + f->offset, sizes[f->type]);
	}
	/* What the model's first use has set. */
	if (io->expires_after)
		io->expires_at = 0;
}

static bool
has_value(const struct apikey_rec *r)
{
	return !sodium_is_zero(r->hash, sizeof(r->hash));
}

static void
forget_foreign(struct apikey_rec *io)
{
	memset(io->foreign_hash, 0, sizeof(io->foreign_hash));
	io->foreign_salt = STR("");
}

/* One that has got a value of ours keeps the other relay's hash for the grace
 * alone. */
bool
apikey_is_foreign(const struct apikey_rec *r, int64_t wall_ms)
{
	return r->foreign_salt.len &&
	    (!has_value(r) || apikey_in_grace(r, wall_ms));
}

void
apikey_forget_old(struct apikey_rec *io)
{
	io->old_until = 0;
	io->old_value_end = STR("");
	memset(io->old_hash, 0, sizeof(io->old_hash));
	if (has_value(io))
		forget_foreign(io);
}

void
apikey_retire(struct apikey_rec *io, int64_t until_wall_ms)
{
	apikey_forget_old(io);
	if (!until_wall_ms) {
		forget_foreign(io);
		return;
	}
	io->old_until = (uint64_t)until_wall_ms;
	io->old_value_end = io->value_end;
	memcpy(io->old_hash, io->hash, sizeof(io->old_hash));
}
