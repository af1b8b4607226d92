/* SPDX-License-Identifier: MIT */
/* client.c - programs that keys can be for, told apart and counted. */
#include "relayd/client.h"

#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/field.h"

#define GLOB_MAX_BYTES 200
#define NOTE_MAX_BYTES 500

static const struct client_rule rules[] = {
#define X(name_, label_, agents_, paths_, field_, value_)                      \
	{ .name = (name_),                                                     \
		.label = (label_),                                             \
		.agents = (agents_),                                           \
		.paths = (paths_),                                             \
		.field = (field_),                                             \
		.value = (value_) },
#include "relayd/client_rule.def"
#undef X
};

const struct client_rule *
client_rule_at(unsigned i)
{
	return i < sizeof(rules) / sizeof(rules[0]) ? &rules[i] : NULL;
}

static const struct client_rule *
rule_of(struct str name)
{
	const struct client_rule *rule;

	for (unsigned i = 0; (rule = client_rule_at(i)); i++)
		if (str_eq(str_of(rule->name), name))
			return rule;
	return NULL;
}

/* --- the list -------------------------------------------------------------- */

void
clients_init(struct clients *cs, struct store *s)
{
	uint8_t seed[MAP_SEED];

	*cs = (struct clients){ .store = s };
	TAILQ_INIT(&cs->list);
	TAILQ_INIT(&cs->seen);
	randombytes_buf(seed, sizeof(seed));
	map_init(&cs->seen_by_name, seed);
}

static void
client_free(struct client *c)
{
	free(c->blob);
	free(c);
}

void
clients_fini(struct clients *cs)
{
	struct client_seen *seen;
	struct client *c;

	while ((c = TAILQ_FIRST(&cs->list))) {
		TAILQ_REMOVE(&cs->list, c, link);
		client_free(c);
	}
	while ((seen = TAILQ_FIRST(&cs->seen))) {
		TAILQ_REMOVE(&cs->seen, seen, link);
		free(seen);
	}
	map_fini(&cs->seen_by_name);
}

struct client *
client_find(const struct clients *cs, struct str name)
{
	struct client *c;

	TAILQ_FOREACH (c, &cs->list, link)
		if (str_eq(c->rec.name, name))
			return c;
	return NULL;
}

enum err
client_read(struct client *c, char *take_blob, size_t len)
{
	struct client_rec rec;
	enum err e = client_rec_read(str_at(take_blob, len), &rec);

	if (e) {
		free(take_blob);
		return e;
	}
	free(c->blob);
	c->blob = take_blob;
	c->rec = rec;
	return OK;
}

void
clients_insert(struct clients *cs, struct client *take_c)
{
	struct client *next;

	TAILQ_FOREACH (next, &cs->list, link)
		if (str_cmp(take_c->rec.name, next->rec.name) < 0)
			break;
	if (next)
		TAILQ_INSERT_BEFORE(next, take_c, link);
	else
		TAILQ_INSERT_TAIL(&cs->list, take_c, link);
	cs->count++;
}

void
clients_remove(struct clients *cs, struct client *take_c)
{
	TAILQ_REMOVE(&cs->list, take_c, link);
	cs->count--;
	client_free(take_c);
}

/* --- telling apart --------------------------------------------------------- */

static bool
any_fits(struct str globs, struct str s)
{
	bool fits = !globs.len;

	while (!fits && globs.at)
		fits = str_glob(s, str_trim(str_cut(&globs, '|')));
	return fits;
}

static struct str
agent_of(const struct http1_head *head)
{
	const struct header *f = http1_find(head, STR("user-agent"));

	return f ? f->value : STR("");
}

static bool
rule_fits(const struct client_rule *rule, const struct http1_head *head,
    struct str path)
{
	const struct header *f;

	if (!any_fits(str_of(rule->agents), agent_of(head)) ||
	    !any_fits(str_of(rule->paths), path))
		return false;
	if (!rule->field || !str_eq(head->method, STR("POST")))
		return true;
	f = http1_find(head, str_of(rule->field));
	return f && str_eq(f->value, str_of(rule->value));
}

bool
client_fits(const struct clients *cs, struct str name,
    const struct http1_head *head, struct str path)
{
	const struct client_rule *rule = rule_of(name);
	const struct client *c;

	if (rule)
		return rule_fits(rule, head, path);
	c = client_find(cs, name);
	return c && any_fits(c->rec.ua, agent_of(head)) &&
	    any_fits(c->rec.path, path);
}

struct str
client_of(const struct clients *cs, struct str agent)
{
	const struct client_rule *rule;
	const struct client *c;

	/* One of a path alone is not told by what it says. */
	TAILQ_FOREACH (c, &cs->list, link)
		if (c->rec.ua.len && any_fits(c->rec.ua, agent))
			return c->rec.name;
	for (unsigned i = 0; (rule = client_rule_at(i)); i++)
		if (any_fits(str_of(rule->agents), agent))
			return str_of(rule->name);
	return STR("");
}

enum err
clients_check(const struct clients *cs, struct str names, struct why *out_why)
{
	const struct client_rule *rule;
	const struct client *c;
	struct str name;
	char all[400] = "";
	size_t n = 0;

	while (str_list_next(&names, &name)) {
		if (rule_of(name) || client_find(cs, name))
			continue;
		for (unsigned i = 0; (rule = client_rule_at(i)); i++)
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
			    n ? ", " : "", rule->name);
		TAILQ_FOREACH (c, &cs->list, link)
			if (n + 2 + c->rec.name.len < sizeof(all))
				n += (size_t)snprintf(all + n, sizeof(all) - n,
				    ", %.*s", STR_ARG(c->rec.name));
		return why_set(out_why, ERR_UNKNOWN, "clients",
		    "there is no client \"%.*s\"; there are: %s (`client add` "
		    "adds others)",
		    STR_ARG(str_first(name, 60)), all);
	}
	return OK;
}

/* --- one more -------------------------------------------------------------- */

static enum err
check_globs(struct str globs, const char *field, struct why *out_why)
{
	bool ok = globs.len <= GLOB_MAX_BYTES;
	struct str rest = globs;

	for (size_t i = 0; i < globs.len; i++)
		ok = ok && globs.at[i] >= ' ' && globs.at[i] < 0x7f;
	while (ok && globs.len && rest.at)
		ok = str_trim(str_cut(&rest, '|')).len > 0;
	if (ok)
		return OK;
	return why_set(out_why, ERR_VALUE, field,
	    "globs of at most %d visible characters with '|' between, where * "
	    "stands for anything and ? for one character; an example: %s",
	    GLOB_MAX_BYTES,
	    strcmp(field, "ua") ? "*/v1/messages*" : "MyTool/*|mytool-*");
}

static bool
is_everything(struct str globs)
{
	return any_fits(globs, STR("")) && any_fits(globs, STR("?"));
}

enum err
client_check(const struct clients *cs, const struct client_rec *r,
    struct why *out_why)
{
	enum err e;

	if (!field_is_name(r->name))
		return why_set(out_why, ERR_VALUE, "name",
		    "must be 1 to 64 letters, digits, '-', '_' or '.', and "
		    "begin with a letter or digit");
	if (rule_of(r->name))
		return why_set(out_why, ERR_EXISTS, "name",
		    "relayd knows a client %.*s already (`client ls`)",
		    STR_ARG(r->name));
	if (!field_is_text(r->note) || r->note.len > NOTE_MAX_BYTES)
		return why_set(out_why, ERR_VALUE, "note",
		    "at most %d bytes, without control characters",
		    NOTE_MAX_BYTES);
	e = check_globs(r->ua, "ua", out_why);
	if (!e)
		e = check_globs(r->path, "path", out_why);
	if (e)
		return e;
	if (is_everything(r->ua) && is_everything(r->path))
		return why_set(out_why, ERR_VALUE, "ua",
		    "this would be every client; an example of one: --ua "
		    "'MyTool/*'");
	if (cs->count >= CLIENTS_MAX && !client_find(cs, r->name))
		return why_set(out_why, ERR_LIMIT, "name",
		    "there are %d clients, as many as may be added",
		    CLIENTS_MAX);
	return OK;
}
