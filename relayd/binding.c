/* SPDX-License-Identifier: MIT */
/* binding.c - which accounts a key may use, and in which order. */
#include "relayd/binding.h"

#include <stdio.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/group.h"

static const char *const prefixes[] = {
	[TIER_POOL] = "pool",
	[TIER_GROUP] = "group:",
	[TIER_ACCOUNT] = "acct:",
};

static bool
read_tier(struct str word, struct tier_said *out)
{
	static const enum tier_kind named[] = { TIER_GROUP, TIER_ACCOUNT };

	*out = (struct tier_said){ .kind = TIER_POOL, .name = STR("") };
	if (str_eq(word, str_of(prefixes[TIER_POOL])))
		return true;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct str prefix = str_of(prefixes[named[i]]);

		if (!str_starts(word, prefix))
			continue;
		out->kind = named[i];
		out->name = str_skip(word, prefix.len);
		return field_is_name(out->name);
	}
	return false;
}

bool
binding_next(struct str *io_rest, struct tier_said *out)
{
	struct str rest = *io_rest, word;

	if (!str_list_next(&rest, &word)) {
		*io_rest = STR("");
		return false;
	}
	if (!read_tier(word, out)) {
		*io_rest = word;
		return false;
	}
	*io_rest = rest;
	return true;
}

/* --- checking -------------------------------------------------------------- */

/* "a, b, c, ..." of what there is. */
static void
names_of_groups(const struct groups *gs, struct buf *out)
{
	const struct group *g;

	TAILQ_FOREACH (g, &gs->list, link)
		if (buf_addf(out, "%s%.*s", buf_len(out) ? ", " : "",
			STR_ARG(g->rec.name)))
			return;
}

static enum err
refuse_group(const struct groups *gs, struct str name, struct why *out_why)
{
	struct buf names;
	enum err e;

	buf_init(&names, 120);
	names_of_groups(gs, &names);
	e = buf_len(&names)
	    ? why_set(out_why, ERR_UNKNOWN, "bind",
		  "there is no group \"%.*s\"; there are %.*s",
		  STR_ARG(str_first(name, 40)), STR_ARG(buf_str(&names)))
	    : why_set(out_why, ERR_UNKNOWN, "bind",
		  "there is no group \"%.*s\", nor any other: "
		  "relayctl group add NAME",
		  STR_ARG(str_first(name, 40)));
	buf_fini(&names);
	return e;
}

static enum err
check_tier(const struct tier_said *t, const struct pool *p,
    const struct groups *gs, struct why *out_why)
{
	switch (t->kind) {
	case TIER_POOL:
		return OK;
	case TIER_GROUP:
		return group_find(gs, t->name)
		    ? OK
		    : refuse_group(gs, t->name, out_why);
	case TIER_ACCOUNT:
		return pool_check_named(p, t->name, "bind", out_why);
	}
	return ERR_VALUE;
}

enum err
binding_check(struct str text, const struct pool *p, const struct groups *gs,
    struct buf *out, struct why *out_why)
{
	struct str rest = text;
	struct tier_said t;
	unsigned count = 0;
	bool ends = false;

	while (binding_next(&rest, &t)) {
		enum err e = check_tier(&t, p, gs, out_why);

		if (e)
			return e;
		if (ends)
			return why_set(out_why, ERR_VALUE, "bind",
			    "pool can only be the last: nothing behind it "
			    "would ever be asked");
		ends = t.kind == TIER_POOL;
		if (binding_names(buf_str(out), t.kind, t.name))
			return why_set(out_why, ERR_VALUE, "bind",
			    "%s%.*s stands there twice", prefixes[t.kind],
			    STR_ARG(t.name));
		if (count++ == BINDING_TIERS_MAX ||
		    buf_addf(out, "%s%s%.*s", buf_len(out) ? "," : "",
			prefixes[t.kind], STR_ARG(t.name)))
			return why_set(out_why, ERR_LIMIT, "bind",
			    "a key is bound to at most %d", BINDING_TIERS_MAX);
	}
	if (rest.len)
		return why_set(out_why, ERR_VALUE, "bind",
		    "\"%.*s\" is nothing to be bound to; an example: "
		    "acct:work, group:team, pool",
		    STR_ARG(str_first(rest, 40)));
	/* That is what a key without any is bound to. */
	if (count == 1 && ends)
		buf_clear(out);
	return OK;
}

bool
binding_names(struct str text, enum tier_kind kind, struct str name)
{
	struct tier_said t;

	while (binding_next(&text, &t))
		if (t.kind == kind && str_eq(t.name, name))
			return true;
	return false;
}

/* --- looking up ------------------------------------------------------------ */

void
binding_find(struct str text, const struct pool *p, const struct groups *gs,
    struct binding *out)
{
	struct tier_said said;

	out->count = 0;
	while (out->count < BINDING_TIERS_MAX && binding_next(&text, &said)) {
		struct tier *t = &out->tier[out->count++];

		*t = (struct tier){ .kind = said.kind };
		if (said.kind == TIER_GROUP && gs)
			t->group = group_find(gs, said.name);
		else if (said.kind == TIER_ACCOUNT)
			t->account = pool_find(p, said.name);
	}
}

const struct binding *
binding_of_key(struct apikey *k, const struct pool *p)
{
	struct binding *b = k ? k->binding : NULL;

	if (!k || !k->rec.bind.len)
		return NULL;
	if (b && b->generation == p->generation && b->rev == k->rec.rev)
		return b;
	if (!b)
		b = k->binding = xcalloc(1, sizeof(*b));
	b->generation = p->generation;
	b->rev = k->rec.rev;
	binding_find(k->rec.bind, p, p->groups, b);
	return b;
}

bool
tier_shares(enum tier_kind kind, const struct account *a)
{
	switch (kind) {
	case TIER_POOL:
		return account_share(a) == SHARE_POOL;
	case TIER_GROUP:
		return account_share(a) != SHARE_BOUND;
	case TIER_ACCOUNT:
		break;
	}
	return true;
}

static bool
tier_has(const struct tier *t, const struct account *a)
{
	if (t->kind == TIER_POOL)
		return true;
	return t->group ? group_member_of(t->group, a) != NULL
			: t->account == a;
}

bool
binding_has(const struct binding *b, const struct account *a,
    unsigned *out_tier)
{
	*out_tier = 0;
	if (!b)
		return tier_shares(TIER_POOL, a);
	for (unsigned i = 0; i < b->count; i++) {
		if (!tier_has(&b->tier[i], a) ||
		    !tier_shares(b->tier[i].kind, a))
			continue;
		*out_tier = i;
		return true;
	}
	return false;
}

void
tier_text(const struct tier *t, char out[TIER_TEXT])
{
	struct str name = t->group ? t->group->rec.name
	    : t->account	   ? t->account->rec.name
				   : STR("");

	snprintf(out, TIER_TEXT, "%s%.*s", prefixes[t->kind], STR_ARG(name));
}
