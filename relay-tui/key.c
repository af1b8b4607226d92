/* SPDX-License-Identifier: MIT */
/* key.c - which keys do what. */
#include "relay-tui/key.h"

#include "relay-tui/words.h"

static const struct {
	struct key key;
	enum keys_where where;
} actions[] = {
#define X(ACTION, WHERE, presses_, word_, help_)                               \
	[KEY_##ACTION] = { .key = { .presses = (presses_),                     \
			       .word = (word_),                                \
			       .help = (help_) },                              \
		.where = (WHERE) },
#include "relay-tui/key.def"
#undef X
};

const struct key *
key_of(enum key_action a)
{
	return &actions[a].key;
}

enum keys_where
key_where(enum key_action a)
{
	return actions[a].where;
}

bool
key_is(const struct key *k, const struct press *p)
{
	struct str rest = str_of(k->presses);
	struct press own;

	if (p->kind != PRESS_KEY)
		return false;
	while (rest.at)
		if (press_read(str_cut(&rest, ' '), &own) == OK &&
		    own.code == p->code && own.alt == p->alt)
			return true;
	return false;
}

enum key_action
key_find(enum keys_where where, const struct press *p)
{
	for (unsigned i = 0; i < KEY_ACTIONS; i++)
		if (actions[i].where == where && key_is(&actions[i].key, p))
			return (enum key_action)i;
	return KEY_ACTIONS;
}
