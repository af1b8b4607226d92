/* SPDX-License-Identifier: MIT */
/* ctl.c - the table of control methods, and its rows taken apart. */
#include "proto/ctl.h"

/* Marked for translation where it is shown, not here. */
#define N_(text) text

static const struct ctl_row rows[] = {
#define X(method_, words_, role_, parameters_, help_)                          \
	{ .method = #method_,                                                  \
		.words = (words_),                                             \
		.role = CTL_##role_,                                           \
		.parameters = (parameters_),                                   \
		.help = (help_) },
#define LOCAL(words_, parameters_, help_)                                      \
	{ .words = (words_), .parameters = (parameters_), .help = (help_) },
#include "proto/ctl.def"
#undef X
};

static const char *const role_names[] = {
	[CTL_SELF] = "self",
	[CTL_VIEW] = "view",
	[CTL_OPS] = "ops",
	[CTL_ADMIN] = "admin",
};

const char *
ctl_role_name(enum ctl_role role)
{
	return role_names[role];
}

const struct ctl_row *
ctl_row(unsigned i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

/* "account.add" on the wire is account_add in the table. */
static bool
is_named(const struct ctl_row *row, struct str name)
{
	const char *m = row->method;

	if (strlen(m) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] != (m[i] == '_' ? '.' : m[i]))
			return false;
	return true;
}

enum ctl_method
ctl_method_find(struct str name)
{
	for (unsigned i = 0; i < CTL_METHODS; i++)
		if (is_named(&rows[i], name))
			return (enum ctl_method)i;
	return CTL_METHODS;
}

/* --- parameters ------------------------------------------------------------ */

static const struct {
	const char *name;
	enum ctl_type type;
} types[] = {
	{ "TEXT", CTL_TEXT },
	{ "NUMBER", CTL_NUMBER },
	{ "WHEN", CTL_WHEN },
	{ "SECRET", CTL_SECRET },
	{ "FIELDS", CTL_FIELDS },
	{ "FILE", CTL_CONTENT },
};

static const struct {
	const char *name, *stands_for;
} groups[] = {
	{ "+write", "if_rev=NUMBER dry_run" },
	{ "+page", "cursor=TEXT limit=NUMBER" },
};

static struct str
group_of(struct str word)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (str_eq(word, str_of(groups[i].name)))
			return str_of(groups[i].stands_for);
	return str_at(NULL, 0);
}

static enum ctl_type
type_of(struct str word)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq(word, str_of(types[i].name)))
			return types[i].type;
	return CTL_FLAG;
}

/* "name=TYPE" or "name". */
static void
read_option(struct str word, struct ctl_param *out)
{
	struct str rest = word, name = str_cut(&rest, '=');

	*out = (struct ctl_param){ .name = name, .type = type_of(rest) };
}

/* KIND, [KIND] or [WORDS]...; a word in lower case is none. */
static bool
read_positional(struct str word, struct ctl_param *out)
{
	bool optional = str_starts(word, STR("["));
	struct str name = word;

	if (optional) {
		ptrdiff_t end = str_chr(word, ']');

		name = str_at(word.at + 1, end < 1 ? 0 : (size_t)end - 1);
	}
	if (name.len == 0 || name.at[0] < 'A' || name.at[0] > 'Z')
		return false;
	*out = (struct ctl_param){ .name = name,
		.type = CTL_TEXT,
		.positional = true,
		.required = !optional,
		.many = str_ends(word, STR("...")) };
	return true;
}

bool
ctl_param_next(const struct ctl_row *row, struct ctl_param_cursor *at,
    struct ctl_param *out)
{
	if (!at->begun) {
		at->begun = true;
		at->words = str_of(row->words);
		at->parameters = str_of(row->parameters);
	}
	while (at->words.at)
		if (read_positional(str_cut(&at->words, ' '), out))
			return true;
	for (;;) {
		struct str word;

		if (at->group.at) {
			read_option(str_cut(&at->group, ' '), out);
			return true;
		}
		if (!at->parameters.at)
			return false;
		word = str_cut(&at->parameters, ' ');
		if (str_starts(word, STR("+"))) {
			at->group = group_of(word);
		} else if (word.len) {
			read_option(word, out);
			return true;
		}
	}
}

bool
ctl_param_find(const struct ctl_row *row, struct str name,
    struct ctl_param *out)
{
	struct ctl_param_cursor at = { .begun = false };

	while (ctl_param_next(row, &at, out))
		if (str_ieq(out->name, name))
			return true;
	return false;
}
