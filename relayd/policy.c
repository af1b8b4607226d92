/* SPDX-License-Identifier: MIT */
/* policy.c - what a key is for: its lists taken apart, and asked. */
#include "relayd/policy.h"

#include <stdlib.h>

#include "proto/mem.h"

static const struct {
	const char *name, *kind;
	const struct dialect *dialects[2];
} platforms[] = {
#define X(name_, kind_, one, other)                                            \
	{ .name = #name_, .kind = (kind_), .dialects = { one, other } },
#include "relayd/platform.def"
#undef X
};

const char *
platform_name(enum platform p)
{
	return platforms[p].name;
}

enum platform
platform_of(const char *kind, const struct dialect *dialect)
{
	for (int i = 0; kind && i < PLATFORM_COUNT; i++)
		if (platforms[i].kind && !strcmp(platforms[i].kind, kind))
			return (enum platform)i;
	for (int i = 0; i < PLATFORM_COUNT; i++)
		if (platforms[i].dialects[0] == dialect ||
		    platforms[i].dialects[1] == dialect)
			return (enum platform)i;
	return PLATFORM_claude;
}

/* --- taking apart ---------------------------------------------------------- */

static bool
platform_read(struct str name, enum platform *out)
{
	for (int i = 0; i < PLATFORM_COUNT; i++) {
		if (!str_eq(name, str_of(platforms[i].name)))
			continue;
		*out = (enum platform)i;
		return true;
	}
	return false;
}

static void
list_read(struct str text, struct policy_list *out)
{
	struct str item;

	*out = (struct policy_list){ .n = 0 };
	if (!text.len)
		return;
	out->at = xcalloc(POLICY_ITEMS_MAX, sizeof(*out->at));
	while (out->n < POLICY_ITEMS_MAX && str_list_next(&text, &item))
		out->at[out->n++] = item;
}

/* "alias=name": one list of what is asked for, one of what is served. */
static void
map_read(struct str text, struct policy *io)
{
	list_read(text, &io->aliases);
	if (!io->aliases.n)
		return;
	io->names.n = io->aliases.n;
	io->names.at = xcalloc(io->names.n, sizeof(*io->names.at));
	for (size_t i = 0; i < io->aliases.n; i++) {
		struct str name = io->aliases.at[i];

		io->aliases.at[i] = str_trim(str_cut(&name, '='));
		io->names.at[i] = name.at ? str_trim(name) : STR("");
	}
}

static void
from_read(struct str text, struct policy *io)
{
	struct policy_list list;
	struct why why;

	list_read(text, &list);
	io->from = list.n ? xcalloc(list.n, sizeof(*io->from)) : NULL;
	for (size_t i = 0; i < list.n; i++)
		if (!cidr_read(list.at[i], &io->from[io->from_n], &why))
			io->from_n++;
	free(list.at);
}

static unsigned
platforms_read(struct str text)
{
	unsigned bits = 0;
	enum platform p;
	struct str item;

	while (str_list_next(&text, &item))
		if (platform_read(item, &p))
			bits |= 1u << p;
	return bits;
}

struct policy *
policy_new(const struct apikey_rec *r)
{
	struct policy *p;

	if (!r->platforms.len && !r->models_allow.len && !r->models_deny.len &&
	    !r->models_map.len && !r->clients.len && !r->from.len)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	if (r->platforms.len)
		p->platforms =
		    platforms_read(r->platforms) | 1u << PLATFORM_COUNT;
	list_read(r->models_allow, &p->allow);
	list_read(r->models_deny, &p->deny);
	list_read(r->clients, &p->clients);
	map_read(r->models_map, p);
	from_read(r->from, p);
	return p;
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	free(p->allow.at);
	free(p->deny.at);
	free(p->clients.at);
	free(p->aliases.at);
	free(p->names.at);
	free(p->from);
	free(p);
}

/* --- asking ---------------------------------------------------------------- */

static bool
any_fits(const struct policy_list *globs, struct str name)
{
	for (size_t i = 0; i < globs->n; i++)
		if (str_glob(name, globs->at[i]))
			return true;
	return false;
}

bool
policy_allows_platform(const struct policy *p, enum platform platform)
{
	return !p->platforms || p->platforms & 1u << platform;
}

bool
policy_allows_from(const struct policy *p, const struct addr *from)
{
	return !p->from || cidrs_hold(p->from, p->from_n, from);
}

/* An alias need not be listed beside: whoever gave it wants it used. */
bool
policy_allows_model(const struct policy *p, struct str said)
{
	if (any_fits(&p->deny, said))
		return false;
	return !p->allow.at || any_fits(&p->allow, said) ||
	    any_fits(&p->aliases, said);
}

struct str
policy_model(const struct policy *p, struct str said)
{
	for (size_t i = 0; i < p->aliases.n; i++)
		if (str_glob(said, p->aliases.at[i]))
			return p->names.at[i];
	return said;
}
