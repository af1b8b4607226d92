/* SPDX-License-Identifier: MIT */
/* ctl_words.c - words typed at a terminal, matched against ctl.def. */
#include "proto/ctl_words.h"

#include <stdio.h>

/* "login", and "--resume" where an option makes it another command. */
static bool
is_literal(struct str word)
{
	return word.len &&
	    ((word.at[0] >= 'a' && word.at[0] <= 'z') || word.at[0] == '-');
}

/* "list|ls" is said either way. */
static bool
literal_is(struct str literal, struct str said)
{
	while (literal.at)
		if (str_eq(str_cut(&literal, '|'), said))
			return true;
	return false;
}

unsigned
ctl_row_literals(const struct ctl_row *row)
{
	struct str rest = str_of(row->words);
	unsigned n = 0;

	while (rest.at && is_literal(str_cut(&rest, ' ')))
		n++;
	return n;
}

unsigned
ctl_row_matched(const struct ctl_row *row, int count, const char *const *words)
{
	struct str rest = str_of(row->words);
	unsigned n = 0;

	while (rest.at && n < (unsigned)count) {
		struct str word = str_cut(&rest, ' ');

		if (!is_literal(word) || !literal_is(word, str_of(words[n])))
			break;
		n++;
	}
	return n;
}

struct str
ctl_row_literal(const struct ctl_row *row, unsigned i)
{
	struct str rest = str_of(row->words);

	while (rest.at) {
		struct str word = str_cut(&rest, ' ');

		if (!is_literal(word))
			break;
		if (i-- == 0)
			return str_cut(&word, '|');
	}
	return STR("");
}

static const struct ctl_row *
best_row(int count, const char *const *words)
{
	const struct ctl_row *best = NULL;
	unsigned most = 0;
	const struct ctl_row *row;

	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		unsigned literals = ctl_row_literals(row);

		if (literals > most &&
		    ctl_row_matched(row, count, words) == literals) {
			most = literals;
			best = row;
		}
	}
	return best;
}

/* The wire's spelling: lower case, '_' for '-'. */
static enum err
wire_name(struct str name, char *out, size_t room)
{
	if (name.len == 0 || name.len >= room)
		return ERR_LIMIT;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		out[i] = c == '-' ? '_' : c;
	}
	out[name.len] = '\0';
	return OK;
}

const struct ctl_arg *
ctl_match_arg(const struct ctl_match *m, const char *name)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!strcmp(m->args[i].name, name))
			return &m->args[i];
	return NULL;
}

/* --- what follows the literals --------------------------------------------- */

struct reader {
	int count, at;
	const char *const *words;
	bool options_over;
	unsigned positionals; /* taken so far */
	struct ctl_match *out;
	struct why *out_why;
};

static enum err
add_arg(struct reader *r, const struct ctl_param *param, struct str name,
    enum ctl_source source, struct str value)
{
	struct ctl_arg *arg;
	char wire[sizeof(arg->name)];

	if (wire_name(name, wire, sizeof(wire)))
		return why_set(r->out_why, ERR_SYNTAX, "",
		    "an option's name is too long or empty");
	if (!param->many && ctl_match_arg(r->out, wire))
		return why_set(r->out_why, ERR_SYNTAX, wire,
		    "%s is given twice", wire);
	if (r->out->count == CTL_ARGS_MAX)
		return why_set(r->out_why, ERR_SYNTAX, "", "too many words");
	arg = &r->out->args[r->out->count++];
	*arg = (struct ctl_arg){
		.type = param->type, .source = source, .value = value
	};
	memcpy(arg->name, wire, sizeof(wire));
	return OK;
}

static bool
find_fields(const struct ctl_row *row, struct ctl_param *out)
{
	struct ctl_param_cursor at = { .begun = false };

	while (ctl_param_next(row, &at, out))
		if (out->type == CTL_FIELDS)
			return true;
	return false;
}

/* The positional parameter number n, the last one again if it takes many. */
static bool
find_positional(const struct ctl_row *row, unsigned n, struct ctl_param *out)
{
	struct ctl_param_cursor at = { .begun = false };
	unsigned i = 0;

	while (ctl_param_next(row, &at, out) && out->positional)
		if (i++ == n || out->many)
			return true;
	return false;
}

static enum err
refuse_secret(struct reader *r, const char *name)
{
	return why_set(r->out_why, ERR_DENIED, name,
	    "a secret on a command line is seen by every user of this "
	    "machine: say --%s - (from the terminal or a pipe), "
	    "--%s-file PATH or --%s-fd NUMBER",
	    name, name, name);
}

/* The value of an option: behind its '=', or the next word. */
static enum err
take_value(struct reader *r, struct str name, bool has_value,
    struct str *io_value)
{
	if (has_value)
		return OK;
	if (r->at == r->count)
		return why_set(r->out_why, ERR_SYNTAX, "",
		    "--%.*s needs a value", STR_ARG(name));
	*io_value = str_of(r->words[r->at++]);
	return OK;
}

static enum err
read_secret(struct reader *r, const struct ctl_param *param, struct str name,
    bool has_value, struct str value)
{
	char dashed[48];
	enum err e;

	snprintf(dashed, sizeof(dashed), "%.*s", STR_ARG(name));
	if (!has_value &&
	    (r->at == r->count || strcmp(r->words[r->at], "-") != 0))
		return refuse_secret(r, dashed);
	e = take_value(r, name, has_value, &value);
	if (!e && !str_eq(value, STR("-")))
		e = refuse_secret(r, dashed);
	if (!e)
		e = add_arg(r, param, param->name, CTL_STDIN, STR(""));
	return e;
}

/* "credential-file" and "credential-fd", when "credential" is a secret. */
static bool
find_secret_source(const struct ctl_row *row, struct str name,
    struct ctl_param *out, enum ctl_source *out_source)
{
	char wire[48];
	struct str base;

	if (str_ends(name, STR("-file"))) {
		*out_source = CTL_FILE;
		base = str_first(name, name.len - 5);
	} else if (str_ends(name, STR("-fd"))) {
		*out_source = CTL_FD;
		base = str_first(name, name.len - 3);
	} else {
		return false;
	}
	return wire_name(base, wire, sizeof(wire)) == OK &&
	    ctl_param_find(row, str_of(wire), out) && out->type == CTL_SECRET;
}

static enum err
read_listed(struct reader *r, const struct ctl_param *param, struct str name,
    bool has_value, struct str value)
{
	enum err e;

	if (param->type == CTL_SECRET)
		return read_secret(r, param, name, has_value, value);
	if (param->type == CTL_FLAG && has_value)
		return why_set(r->out_why, ERR_SYNTAX, "",
		    "--%.*s takes no value", STR_ARG(name));
	if (param->type == CTL_FLAG)
		return add_arg(r, param, param->name, CTL_SAID, STR(""));
	e = take_value(r, name, has_value, &value);
	return e ? e : add_arg(r, param, param->name, CTL_SAID, value);
}

static enum err
read_option(struct reader *r, struct str word)
{
	struct str value = str_skip(word, 2), name = str_cut(&value, '=');
	bool has_value = value.at != NULL;
	const struct ctl_row *row = r->out->row;
	enum ctl_source source;
	struct ctl_param param;
	char wire[48];
	enum err e;

	if (wire_name(name, wire, sizeof(wire)))
		return why_set(r->out_why, ERR_SYNTAX, "",
		    "an option's name is too long or empty");
	if (ctl_param_find(row, str_of(wire), &param) && !param.positional &&
	    param.type != CTL_FIELDS)
		return read_listed(r, &param, name, has_value, value);
	if (find_secret_source(row, name, &param, &source)) {
		e = take_value(r, name, has_value, &value);
		return e ? e : add_arg(r, &param, param.name, source, value);
	}
	if (!find_fields(row, &param))
		return why_set(r->out_why, ERR_SYNTAX, "",
		    "there is no option --%.*s here", STR_ARG(name));
	if (!has_value) {
		bool alone =
		    r->at == r->count || !strncmp(r->words[r->at], "--", 2);

		value = alone ? STR("yes") : str_of(r->words[r->at++]);
	}
	return add_arg(r, &param, name, CTL_SAID, value);
}

static enum err
read_word(struct reader *r, struct str word)
{
	struct str value = word, name = str_cut(&value, '=');
	struct ctl_param param;

	if (find_positional(r->out->row, r->positionals, &param)) {
		r->positionals++;
		return add_arg(r, &param, param.name, CTL_SAID, word);
	}
	if (value.at && find_fields(r->out->row, &param)) {
		struct ctl_param secret;
		char wire[48];

		if (!wire_name(name, wire, sizeof(wire)) &&
		    ctl_param_find(r->out->row, str_of(wire), &secret) &&
		    secret.type == CTL_SECRET)
			return read_secret(r, &secret, name, true, value);
		return add_arg(r, &param, name, CTL_SAID, value);
	}
	return why_set(r->out_why, ERR_SYNTAX, "",
	    "\"%.*s\" is a word too many", STR_ARG(str_first(word, 12)));
}

static enum err
check_complete(struct reader *r)
{
	struct ctl_param param;

	if (find_positional(r->out->row, r->positionals, &param) &&
	    param.required)
		return why_set(r->out_why, ERR_SYNTAX, "", "%.*s is missing",
		    STR_ARG(param.name));
	return OK;
}

static enum err
read_rest(struct reader *r)
{
	enum err e = OK;

	while (!e && r->at < r->count) {
		struct str word = str_of(r->words[r->at++]);

		if (!r->options_over && str_eq(word, STR("--")))
			r->options_over = true;
		else if (!r->options_over && str_starts(word, STR("--")))
			e = read_option(r, word);
		else
			e = read_word(r, word);
	}
	return e ? e : check_complete(r);
}

static bool
is_listed(struct str list, struct str word)
{
	struct str member;

	while (str_list_next(&list, &member))
		if (str_eq(member, word))
			return true;
	return false;
}

/* What may follow, in one line. */
static enum err
say_unknown(int count, const char *const *words, struct why *out_why)
{
	unsigned most = 0;
	char next[160] = "";
	size_t len = 0;
	const struct ctl_row *row;

	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		unsigned n = ctl_row_matched(row, count, words);

		most = n > most ? n : most;
	}
	for (unsigned i = 0; (row = ctl_row(i)) && len < sizeof(next); i++) {
		struct str word = ctl_row_literal(row, most);

		if (ctl_row_matched(row, count, words) < most || !word.len ||
		    is_listed(str_at(next, len), word))
			continue;
		len += (size_t)snprintf(next + len, sizeof(next) - len,
		    "%s%.*s", len ? ", " : "", STR_ARG(word));
	}
	if (most == (unsigned)count)
		return why_set(out_why, ERR_UNKNOWN, "",
		    "one of these must follow: %s", next);
	return why_set(out_why, ERR_UNKNOWN, "",
	    "there is no \"%.40s\" here; there are %s", words[most], next);
}

enum err
ctl_match(int count, const char *const *words, struct ctl_match *out,
    struct why *out_why)
{
	struct reader r = {
		.count = count, .words = words, .out = out, .out_why = out_why
	};

	out->count = 0;
	out->row = best_row(count, words);
	if (!out->row)
		return say_unknown(count, words, out_why);
	r.at = (int)ctl_row_literals(out->row);
	return read_rest(&r);
}
