/* SPDX-License-Identifier: MIT */
/* group.c - several accounts under one name, in memory. */
#include "relayd/group.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"

static const struct field fields[] = {
	{ .name = "strategy",
	    .type = FIELD_CHOICE,
	    .choices = "lru|weighted|fill|headroom",
	    .help = "which of its accounts of the same priority is next; "
		    "empty: as the setting strategy says" },
	{ .name = "note", .type = FIELD_TEXT, .help = "anything" },
};

const struct field *
group_field_at(unsigned i)
{
	return i < sizeof(fields) / sizeof(fields[0]) ? &fields[i] : NULL;
}

enum err
group_field_set(struct group_rec *r, struct str name, struct str value,
    struct buf *io_text, struct why *out_why)
{
	const struct field *f;
	enum err e;

	for (unsigned i = 0; (f = group_field_at(i)); i++)
		if (field_same_name(str_of(f->name), name))
			break;
	e = field_set(&group_kind, r, f, "a group", name, value, io_text,
	    out_why);
	if (f)
		return e;
	for (unsigned i = 0; (f = group_field_at(i)); i++)
		field_offer(f, out_why);
	return e;
}

/* --- members as text ------------------------------------------------------- */

bool
group_said_next(struct str *io_rest, struct group_said *out)
{
	struct str rest = *io_rest, word, number;

	if (!str_list_next(&rest, &word)) {
		*io_rest = STR("");
		return false;
	}
	*out = (struct group_said){ .name = str_cut(&word, ':') };
	number = word.at ? str_cut(&word, ':') : STR("0");
	if (!field_is_name(out->name) || str_u64(number, &out->priority) ||
	    out->priority > 100 || (word.at && str_u64(word, &out->weight)) ||
	    out->weight > WEIGHT_MAX) {
		*io_rest = out->name;
		return false;
	}
	*io_rest = rest;
	return true;
}

enum err
group_said_put(struct buf *out, const struct group_said *m)
{
	return buf_addf(out, "%s%.*s:%llu:%llu", buf_len(out) ? "," : "",
	    STR_ARG(m->name), (unsigned long long)m->priority,
	    (unsigned long long)m->weight);
}

enum err
group_members_with(struct str members, const struct group_said *m,
    struct buf *out)
{
	struct group_said other;
	bool is_put = false;
	enum err e = OK;

	while (!e && group_said_next(&members, &other)) {
		int order = str_cmp(other.name, m->name);

		if (order >= 0 && !is_put) {
			e = group_said_put(out, m);
			is_put = true;
		}
		if (!e && order != 0)
			e = group_said_put(out, &other);
	}
	return e || is_put ? e : group_said_put(out, m);
}

enum err
group_members_without(struct str members, struct str name, struct buf *out)
{
	struct group_said other;
	enum err e = OK;

	while (!e && group_said_next(&members, &other))
		if (!str_eq(other.name, name))
			e = group_said_put(out, &other);
	return e;
}

enum err
group_check(const struct group_rec *r, const struct pool *p,
    struct why *out_why)
{
	struct str rest = r->members;
	struct group_said m;
	enum strategy s;
	unsigned count = 0;
	enum err e;

	if (!field_is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (r->strategy.len) {
		e = strategy_read(r->strategy, &s, out_why);
		if (e)
			return e;
	}
	if (!field_is_text(r->note))
		return why_set(out_why, ERR_VALUE, "note",
		    "control characters are not allowed in text");
	while (group_said_next(&rest, &m)) {
		e = pool_check_named(p, m.name, "members", out_why);
		if (e)
			return e;
		if (count++ == GROUP_MEMBERS_MAX)
			return why_set(out_why, ERR_LIMIT, "members",
			    "a group has at most %d accounts",
			    GROUP_MEMBERS_MAX);
	}
	if (rest.len)
		return why_set(out_why, ERR_VALUE, "members",
		    "\"%.*s\" is no member; an example: work:10:2, which is "
		    "the account, its priority and its weight",
		    STR_ARG(str_first(rest, 40)));
	return OK;
}

/* --- the list -------------------------------------------------------------- */

void
groups_init(struct groups *gs, struct pool *p, struct store *s)
{
	*gs = (struct groups){ .pool = p, .store = s };
	TAILQ_INIT(&gs->list);
	p->groups = gs;
}

static void
group_free(struct group *g)
{
	free(g->members);
	free(g->blob);
	free(g);
}

void
groups_fini(struct groups *gs)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&gs->list))) {
		TAILQ_REMOVE(&gs->list, g, link);
		group_free(g);
	}
	gs->count = 0;
	if (gs->pool)
		gs->pool->groups = NULL;
}

struct group *
group_find(const struct groups *gs, struct str name)
{
	struct group *g;

	TAILQ_FOREACH (g, &gs->list, link)
		if (str_eq(g->rec.name, name))
			return g;
	return NULL;
}

struct group_member *
group_member_of(const struct group *g, const struct account *a)
{
	for (unsigned i = 0; i < g->count; i++)
		if (g->members[i].account == a)
			return &g->members[i];
	return NULL;
}

void
groups_changed(struct groups *gs)
{
	/* Keys look their tiers up by it. */
	gs->pool->generation++;
	if (gs->changed)
		gs->changed(gs->changed_arg);
}

void
groups_insert(struct groups *gs, struct group *g)
{
	struct group *next;

	TAILQ_FOREACH (next, &gs->list, link)
		if (str_cmp(next->rec.name, g->rec.name) > 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, g, link);
	else
		TAILQ_INSERT_TAIL(&gs->list, g, link);
	gs->count++;
}

void
groups_remove(struct groups *gs, struct group *g)
{
	TAILQ_REMOVE(&gs->list, g, link);
	gs->count--;
	groups_changed(gs);
	group_free(g);
}

/* What a member has had is not forgotten when another one comes or goes. */
static void
resolve(struct group *g, const struct pool *p, struct str members)
{
	struct group_member *old = g->members;
	unsigned old_count = g->count;
	struct group_said said;

	g->members = xcalloc(GROUP_MEMBERS_MAX, sizeof(g->members[0]));
	g->count = 0;
	while (g->count < GROUP_MEMBERS_MAX &&
	    group_said_next(&members, &said)) {
		struct account *a = pool_find(p, said.name);
		struct group_member *m = &g->members[g->count];

		if (!a)
			continue;
		*m = (struct group_member){ .account = a,
			.priority = (unsigned)said.priority,
			.weight = (unsigned)said.weight,
			.had = g->level };
		for (unsigned i = 0; i < old_count; i++)
			if (old[i].account == a)
				m->had = old[i].had;
		g->count++;
	}
	free(old);
}

enum err
group_adopt(struct group *g, const struct pool *p, char *take_blob, size_t len)
{
	struct group_rec rec;
	enum err e;

	e = group_rec_read(str_at(take_blob, len), &rec);
	if (!e && rec.strategy.len &&
	    strategy_read(rec.strategy, &g->strategy, NULL))
		e = ERR_CORRUPT;
	if (e) {
		free(take_blob);
		return e;
	}
	free(g->blob);
	g->blob = take_blob;
	g->rec = rec;
	g->has_strategy = rec.strategy.len > 0;
	resolve(g, p, rec.members);
	return OK;
}

void
groups_forget(struct groups *gs, const struct account *a)
{
	struct group *g;

	TAILQ_FOREACH (g, &gs->list, link) {
		struct group_member *m = group_member_of(g, a);
		unsigned after;

		if (!m)
			continue;
		after = g->count - 1 - (unsigned)(m - g->members);
		memmove(m, m + 1, after * sizeof(*m));
		g->count--;
	}
	groups_changed(gs);
	groups_tidy(gs);
}
