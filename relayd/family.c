/* SPDX-License-Identifier: MIT */
/* family.c - which models providers limit together. */
#include "relayd/family.h"

static const struct {
	const char *word, *globs;
} rows[] = {
#define X(word, globs) { word, globs },
#include "relayd/family.def"
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct str
family_of(struct str model)
{
	for (size_t i = 0; model.len && i < ROWS; i++) {
		struct str rest = str_of(rows[i].globs), glob;

		while (str_list_next(&rest, &glob))
			if (str_glob(model, glob))
				return str_of(rows[i].word);
	}
	return STR("");
}

struct str
family_in(struct str limit)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct str word = str_of(rows[i].word);
		size_t before = limit.len - word.len;

		if (limit.len <= word.len ||
		    !str_ieq(str_skip(limit, before), word))
			continue;
		if (limit.at[before - 1] == '-' || limit.at[before - 1] == '_')
			return word;
	}
	return STR("");
}

bool
family_at(unsigned i, struct str *out_word, struct str *out_globs)
{
	if (i >= ROWS)
		return false;
	*out_word = str_of(rows[i].word);
	*out_globs = str_of(rows[i].globs);
	return true;
}

bool
family_wants_long(const struct http1_head *head)
{
	for (size_t i = 0; head && i < head->count; i++)
		if (str_ieq(head->fields[i].name, STR("anthropic-beta")) &&
		    str_ifind(head->fields[i].value, STR("context-1m")) >= 0)
			return true;
	return false;
}
