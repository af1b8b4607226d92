/* SPDX-License-Identifier: MIT */
/* complete.c - completion, from the table of commands. */
#include "relay-tui/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "relay-tui/owner.h"
#include "relay-tui/snippet.h"

#define WORDS_BYTES_MAX (1024 * 1024)
#define NOUN_MAX	64

/* --- words ----------------------------------------------------------------- */

static bool
has_line(struct str lines, struct str line)
{
	while (lines.len)
		if (str_eq(str_cut(&lines, '\n'), line))
			return true;
	return false;
}

/* Many rows begin with the same word.  What does not fit is not offered, nor
 * what would not be one line. */
static void
add_word(struct completion *c, struct str word)
{
	if (!word.len || has_line(buf_str(&c->words), word))
		return;
	for (size_t i = 0; i < word.len; i++)
		if (iscntrl((unsigned char)word.at[i]))
			return;
	(void)!buf_addf(&c->words, "%.*s\n", STR_ARG(word));
}

static void
add_option(struct completion *c, struct str param, const char *behind)
{
	char word[NOUN_MAX];
	int n =
	    snprintf(word, sizeof(word), "--%.*s%s", STR_ARG(param), behind);

	for (int i = 2; i < n && i < (int)sizeof(word); i++)
		if (word[i] == '_')
			word[i] = '-';
	if (n < (int)sizeof(word))
		add_word(c, str_at(word, (size_t)n));
}

static void
add_ask(struct completion *c, enum ctl_method method, enum complete_want want)
{
	for (unsigned i = 0; i < c->asks_count; i++)
		if (c->asks[i].method == method && c->asks[i].want == want)
			return;
	if (c->asks_count == COMPLETE_ASKS_MAX)
		return;
	c->asks[c->asks_count].method = method;
	c->asks[c->asks_count++].want = want;
}

/* --- nouns ----------------------------------------------------------------- */

/* The method whose words are "NOUN verb", with nothing that must follow. */
static bool
find_method(const char *noun, const char *verb, enum ctl_method *out)
{
	char words[2 * NOUN_MAX];
	size_t len = (size_t)snprintf(words, sizeof(words), "%s%s%s", noun,
	    noun[0] ? " " : "", verb);

	for (unsigned i = 0; i < CTL_METHODS; i++) {
		const struct ctl_row *row = ctl_row(i);

		if (strncmp(row->words, words, len) != 0)
			continue;
		if (row->words[len] && strncmp(row->words + len, " [", 2) != 0)
			continue;
		*out = (enum ctl_method)i;
		return true;
	}
	return false;
}

static bool
find_list(const char *noun, enum ctl_method *out)
{
	return find_method(noun, "list|ls", out);
}

/* The literals of a row but the last: "account key" of "account key add". */
static void
noun_of(const struct ctl_row *row, char out[NOUN_MAX])
{
	unsigned literals = ctl_row_literals(row);
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i + 1 < literals; i++) {
		struct str word = ctl_row_literal(row, i);

		if (at + word.len + 2 > NOUN_MAX)
			return;
		if (at)
			out[at++] = ' ';
		memcpy(out + at, word.at, word.len);
		at += word.len;
		out[at] = '\0';
	}
}

/* "add NAME": nobody knows the name yet. */
static bool
makes_new(const struct ctl_row *row)
{
	static const char *const verbs[] = { "add", "create", "import",
		"login" };
	struct str verb = ctl_row_literal(row, ctl_row_literals(row) - 1);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (str_eq(verb, str_of(verbs[i])))
			return true;
	return false;
}

/* NAME: one of what the row is about. */
static void
add_own_names(struct completion *c, const struct ctl_row *row)
{
	char noun[NOUN_MAX], *space;
	enum ctl_method list;

	noun_of(row, noun);
	if (!noun[0]) {
		add_ask(c, CTL_M_setting_list, COMPLETE_NAMES);
		return;
	}
	if (find_list(noun, &list)) {
		if (!makes_new(row))
			add_ask(c, list, COMPLETE_NAMES);
		return;
	}
	/* A part of a thing: "account key rm NAME". */
	space = strchr(noun, ' ');
	if (space)
		*space = '\0';
	if ((space || !makes_new(row)) && find_list(noun, &list))
		add_ask(c, list, COMPLETE_NAMES);
}

/* Is what it is about something that was removed? */
static bool
is_of_trash(const struct ctl_row *row)
{
	struct str verb = ctl_row_literal(row, ctl_row_literals(row) - 1);

	return str_eq(verb, STR("restore")) || str_eq(verb, STR("purge"));
}

/* What a new key can be like. */
static void
add_models(struct completion *c)
{
	add_ask(c, CTL_M_template_list, COMPLETE_NAMES);
	add_ask(c, CTL_M_key_list, COMPLETE_NAMES);
}

/* The list that has the names of what a parameter is called like. */
static bool
find_names(const char *param, const char *noun, bool mine, enum ctl_method *out)
{
	if (!strcmp(param, "key"))
		*out = mine ? CTL_M_my_keys : CTL_M_key_list;
	else if (!strcmp(param, "model"))
		*out = CTL_M_price_list;
	else if (!strcmp(param, "kind"))
		*out = find_method(noun, "kinds", out) ? *out
						       : CTL_M_account_kinds;
	else
		return find_list(param, out);
	return true;
}

/* What a parameter, or an option, of that name holds. */
static void
add_values(struct completion *c, const struct ctl_row *row, struct str param)
{
	char lower[NOUN_MAX], noun[NOUN_MAX];
	bool mine = str_eq(ctl_row_literal(row, 0), STR("my"));
	enum ctl_method m;

	if (param.len >= sizeof(lower))
		return;
	for (size_t i = 0; i < param.len; i++)
		lower[i] = (char)tolower((unsigned char)param.at[i]);
	lower[param.len] = '\0';
	noun_of(row, noun);
	if (!strcmp(lower, "name"))
		add_own_names(c, row);
	else if (!strcmp(lower, "like"))
		add_models(c);
	else if (!strcmp(lower, "user") || !strcmp(lower, "owner") ||
	    !strcmp(lower, "owned_by"))
		add_ask(c, CTL_M_user_list, COMPLETE_OWNERS);
	else if ((is_of_trash(row) && find_method(noun, "trash", &m)) ||
	    find_names(lower, noun, mine, &m))
		add_ask(c, m, COMPLETE_NAMES);
}

/* --- one row --------------------------------------------------------------- */

static void
add_params(struct completion *c, const struct ctl_row *row, int after)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;
	char noun[NOUN_MAX];
	enum ctl_method kinds;
	int positionals = 0;

	while (ctl_param_next(row, &at, &p)) {
		if (p.positional && positionals++ == after) {
			if (!row->method && str_eq(p.name, STR("CLIENT")))
				for (unsigned i = 0; snippet_at(i); i++)
					add_word(c,
					    str_of(snippet_at(i)->said));
			else
				add_values(c, row, p.name);
		} else if (p.type == CTL_FIELDS) {
			noun_of(row, noun);
			if (find_method(noun, "kinds", &kinds))
				add_ask(c, kinds, COMPLETE_FIELDS);
		} else if (!p.positional) {
			add_option(c, p.name, "");
			if (p.type == CTL_SECRET)
				add_option(c, p.name, "-file");
		}
	}
}

/* The option whose value is to be completed; false: no option stands there. */
static bool
find_option(const struct ctl_row *row, const char *word, struct str *out)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;
	char name[NOUN_MAX];
	size_t len = strlen(word);

	if (strncmp(word, "--", 2) != 0 || len < 3 || len - 2 >= sizeof(name))
		return false;
	for (size_t i = 2; i <= len; i++)
		name[i - 2] = (char)(word[i] == '-' ? '_' : word[i]);
	while (ctl_param_next(row, &at, &p))
		if (!p.positional && p.type != CTL_FLAG &&
		    str_eq(p.name, str_of(name))) {
			*out = p.name;
			return true;
		}
	return false;
}

void
complete_begin(struct completion *out, int count, const char *const *words)
{
	int before = count > 0 ? count - 1 : 0;
	const struct ctl_row *row;
	struct str option;

	*out = (struct completion){ .asks_count = 0 };
	buf_init(&out->words, WORDS_BYTES_MAX);
	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		unsigned literals = ctl_row_literals(row);
		unsigned matched = ctl_row_matched(row, before, words);

		if (!row->words[0])
			continue;
		if (matched == (unsigned)before && matched < literals)
			add_word(out, ctl_row_literal(row, matched));
		else if (matched == literals && before &&
		    find_option(row, words[before - 1], &option))
			add_values(out, row, option);
		else if (matched == literals)
			add_params(out, row, before - (int)literals);
	}
}

void
complete_fini(struct completion *c)
{
	buf_fini(&c->words);
}

/* --- lists ----------------------------------------------------------------- */

/* Absent members leave the text as it was. */
static struct str
member(const struct json *row, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(row, key, &s, NULL);
	return s;
}

static void
add_fields(struct completion *c, const struct json *kind)
{
	for (const struct json *f = json_first(json_at(kind, "fields")); f;
	     f = json_next(f))
		add_option(c, member(f, "name"), "");
}

static void
add_owner(struct completion *c, struct str owner)
{
	struct buf text;

	if (!owner.len)
		return;
	buf_init(&text, 4096);
	owner_write(str_first(owner, 1000), &text);
	add_word(c, buf_str(&text));
	buf_fini(&text);
}

static struct str
name_of(const struct json *row)
{
	static const char *const keys[] = { "name", "model", "id", "session" };
	struct str s = STR("");

	for (size_t i = 0; !s.len && i < sizeof(keys) / sizeof(keys[0]); i++)
		s = member(row, keys[i]);
	return s;
}

void
complete_add(struct completion *c, unsigned i, const struct json *rows)
{
	const struct json *r;

	for (r = json_first(rows); r; r = json_next(r)) {
		switch (c->asks[i].want) {
		case COMPLETE_FIELDS:
			add_fields(c, r);
			break;
		case COMPLETE_OWNERS:
			add_owner(c, member(r, "user"));
			break;
		case COMPLETE_NAMES:
			add_word(c, name_of(r));
			break;
		}
	}
}
