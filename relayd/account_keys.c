/* SPDX-License-Identifier: MIT */
/* account_keys.c - the keys of an account that has several. */
#include "relayd/account_keys.h"

#include <stdlib.h>

#include "proto/mem.h"

/* --- as text ------------------------------------------------------------------ */

static bool
is_between(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next key of *io; empty: there is none. */
static struct str
cut_key(struct str *io)
{
	struct str key;
	size_t n = 0;

	while (io->len && is_between(io->at[0]))
		*io = str_skip(*io, 1);
	while (n < io->len && !is_between(io->at[n]))
		n++;
	key = str_first(*io, n);
	*io = str_skip(*io, n);
	return key;
}

/* It becomes the value of a header. */
static bool
is_key(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] >= 0x7f)
			return false;
	return s.len >= ACCOUNT_KEY_LEAST && s.len <= ACCOUNT_KEY_MOST;
}

static bool
holds(struct str keys, struct str key)
{
	struct str one;

	while ((one = cut_key(&keys)).len)
		if (str_eq(one, key))
			return true;
	return false;
}

enum err
account_keys_read(struct str text, struct buf *out, struct why *out_why)
{
	size_t had = buf_len(out);
	unsigned n = 0;
	struct str key;

	while ((key = cut_key(&text)).len) {
		struct str before = str_skip(buf_str(out), had);
		enum err e = OK;

		if (!is_key(key))
			return why_set(out_why, ERR_VALUE, "credential",
			    "key %u is none: 8 to 512 letters, digits and "
			    "signs",
			    n + 1);
		if (holds(before, key))
			return why_set(out_why, ERR_EXISTS, "credential",
			    "the key that ends with %.*s is there twice",
			    STR_ARG(str_skip(key, key.len - 4)));
		if (++n > ACCOUNT_KEYS_MAX)
			return why_set(out_why, ERR_LIMIT, "credential",
			    "an account has at most %d keys", ACCOUNT_KEYS_MAX);
		if (n > 1)
			e = buf_addc(out, ' ');
		if (!e)
			e = buf_add(out, key);
		if (e)
			return why_set(out_why, e, "credential",
			    "these keys are too long");
	}
	return n ? OK
		 : why_set(out_why, ERR_VALUE, "credential",
		       "the credential is empty");
}

struct str
account_keys_end(const struct account_key *k)
{
	return k->text.len >= 16 ? str_skip(k->text, k->text.len - 4) : STR("");
}

/* --- the ring ------------------------------------------------------------------ */

void
account_keys_fini(struct account_keys *r)
{
	free(r->at);
	r->at = NULL;
	r->count = 0;
}

void
account_keys_set(struct account_keys *r, struct str text)
{
	struct account_keys old = *r;
	struct str key;

	r->at = NULL;
	r->count = 0;
	while (r->count < ACCOUNT_KEYS_MAX && (key = cut_key(&text)).len) {
		struct account_key *k;

		if (!r->at)
			r->at = xcalloc(ACCOUNT_KEYS_MAX, sizeof(*r->at));
		k = &r->at[r->count++];
		for (unsigned i = 0; i < old.count; i++)
			if (str_eq(old.at[i].text, key))
				*k = old.at[i];
		k->text = key;
		if (!k->nr)
			k->nr = ++r->last_nr;
	}
	free(old.at);
}

static int64_t
opens(const struct account_key *k, int64_t now_ms)
{
	enum gate which;

	return gate_until(&k->gates, now_ms, &which);
}

struct account_key *
account_keys_next(const struct account_keys *r, int64_t now_ms)
{
	struct account_key *best = NULL;
	int64_t best_opens = 0;

	for (unsigned i = 0; i < r->count; i++) {
		struct account_key *k = &r->at[i];
		int64_t at = opens(k, now_ms);

		if (best &&
		    (at > best_opens ||
			(at == best_opens && k->used_us >= best->used_us)))
			continue;
		best = k;
		best_opens = at;
	}
	return best;
}

struct account_key *
account_keys_find(const struct account_keys *r, unsigned nr)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->at[i].nr == nr)
			return &r->at[i];
	return NULL;
}

enum err
account_keys_find_end(const struct account_keys *r, struct str end,
    struct account_key **out)
{
	struct account_key *found = NULL;

	for (unsigned i = 0; i < r->count; i++) {
		if (end.len < 4 || !str_ends(r->at[i].text, end))
			continue;
		if (found)
			return ERR_VALUE;
		found = &r->at[i];
	}
	if (found)
		*out = found;
	return found ? OK : ERR_UNKNOWN;
}

bool
account_keys_has_other(const struct account_keys *r, unsigned nr,
    int64_t now_ms)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->at[i].nr != nr && !opens(&r->at[i], now_ms))
			return true;
	return false;
}

int64_t
account_keys_opens(const struct account_keys *r, int64_t now_ms)
{
	const struct account_key *k = account_keys_next(r, now_ms);

	return k ? opens(k, now_ms) : 0;
}

void
account_keys_forgive(struct account_keys *r)
{
	for (unsigned i = 0; i < r->count; i++)
		gate_open_all(&r->at[i].gates);
}
