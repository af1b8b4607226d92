/* SPDX-License-Identifier: MIT */
/* client_seen.c - which clients were seen: by product, without versions, so
 * that an operator can write rules for what is there. */
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/client.h"

static const struct str gecko = { .at = "Gecko) ", .len = 7 };

/* "claude-cli" of "claude-cli/2.1.197 (external, cli)".  What is built on a
 * browser begins like all of them, and says who it is behind that. */
static struct str
product_of(struct str agent)
{
	ptrdiff_t at = str_find(agent, gecko);
	struct str word;

	if (at >= 0 && str_starts(agent, STR("Mozilla/")))
		agent = str_skip(agent, (size_t)at + gecko.len);
	word = str_cut(&agent, ' ');
	return str_first(str_cut(&word, '/'), CLIENT_NAME_TEXT - 1);
}

static void
copy_inert(struct str from, char *out, size_t size)
{
	size_t n = from.len < size ? from.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] =
		    from.at[i] >= ' ' && from.at[i] < 0x7f ? from.at[i] : '?';
	out[n] = '\0';
}

static struct client_seen *
seen_new(struct clients *cs, struct str product)
{
	struct client_seen *s;

	if (map_count(&cs->seen_by_name) < CLIENT_SEEN_MAX) {
		s = xmalloc(sizeof(*s));
	} else {
		s = TAILQ_LAST(&cs->seen, client_seen_list);
		map_del(&cs->seen_by_name, str_of(s->name));
		TAILQ_REMOVE(&cs->seen, s, link);
	}
	*s = (struct client_seen){ .requests = 0 };
	copy_inert(product, s->name, sizeof(s->name));
	map_set(&cs->seen_by_name, str_of(s->name), s);
	TAILQ_INSERT_HEAD(&cs->seen, s, link);
	return s;
}

void
clients_see(struct clients *cs, struct str agent, int64_t wall_ms)
{
	struct str product = product_of(agent);
	char name[CLIENT_NAME_TEXT];
	struct client_seen *s;

	copy_inert(product, name, sizeof(name));
	s = map_get(&cs->seen_by_name, str_of(name));
	if (!s)
		s = seen_new(cs, product);
	if (s != TAILQ_FIRST(&cs->seen)) {
		TAILQ_REMOVE(&cs->seen, s, link);
		TAILQ_INSERT_HEAD(&cs->seen, s, link);
	}
	copy_inert(agent, s->says, sizeof(s->says));
	s->requests++;
	s->at_wall_ms = wall_ms;
}
