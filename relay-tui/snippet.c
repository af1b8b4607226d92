/* SPDX-License-Identifier: MIT */
/* snippet.c - how the clients people use are pointed to a relay. */
#include "relay-tui/snippet.h"

#include <stdio.h>

#include "relay-tui/words.h"

static const struct snippet snippets[] = {
#define X(name_, said_, label_, note_, text_)                                  \
	{ .said = (said_),                                                     \
		.label = (label_),                                             \
		.note = (note_),                                               \
		.text = (text_) },
#include "relay-tui/snippet.def"
#undef X
};

const struct snippet *
snippet_at(unsigned i)
{
	return i < sizeof(snippets) / sizeof(snippets[0]) ? &snippets[i] : NULL;
}

static bool
is_named(const struct snippet *c, struct str name)
{
	if (strlen(c->said) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((name.at[i] == '_' ? '-' : name.at[i]) != c->said[i])
			return false;
	return true;
}

enum err
snippet_find(struct str name, const struct snippet **out, struct why *out_why)
{
	const struct snippet *c;
	char names[160] = "";
	size_t len = 0;

	for (unsigned i = 0; (c = snippet_at(i)); i++) {
		if (is_named(c, name)) {
			*out = c;
			return OK;
		}
		if (len < sizeof(names))
			len +=
			    (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s", i ? ", " : "", c->said);
	}
	return why_set(out_why, ERR_UNKNOWN, "client",
	    _("no settings are known for \"%.*s\"; there are %s"),
	    STR_ARG(str_first(name, 40)), names);
}

enum err
snippet_write(const struct snippet *c, struct str url, struct str key,
    struct buf *out)
{
	struct str rest = str_of(c->text);
	enum err e = OK;

	while (!e && rest.len) {
		struct str piece = str_first(rest, 1);

		if (str_starts(rest, STR("{URL}"))) {
			e = buf_add(out, url);
			rest = str_skip(rest, 5);
		} else if (str_starts(rest, STR("{KEY}"))) {
			e = buf_add(out, key);
			rest = str_skip(rest, 5);
		} else {
			e = buf_add(out, piece);
			rest = str_skip(rest, 1);
		}
	}
	return e;
}
