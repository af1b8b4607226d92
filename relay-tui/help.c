/* SPDX-License-Identifier: MIT */
/* help.c - what relayctl can do, said from the table of commands. */
#include "relay-tui/help.h"

#include "relay-tui/words.h"

static const struct own_option own_options[] = {
	{ "json", NULL, N_("answer with one JSON document") },
	{ "csv", NULL, N_("answer a list as comma-separated values") },
	{ "chart", NULL, N_("after `usage`: draw the course of each name") },
	{ "columns", "NAMES", N_("of a list, only these: name,cost") },
	{ "socket", "PATH", N_("the control socket to ask at") },
	{ "url", "URL", N_("the relay's address in what `env` prints") },
	{ "env", "CLIENT",
	    N_("after `key create` or `rotate`: print settings "
	       "with the new value in them") },
	{ "help", NULL, N_("explain the command instead of running it") },
	{ "version", NULL, N_("print relayctl's version") },
};

const struct own_option *
own_option_at(unsigned i)
{
	return i < sizeof(own_options) / sizeof(own_options[0])
	    ? &own_options[i]
	    : NULL;
}

/* --- one row --------------------------------------------------------------- */

/* "account list|ls" is told as "account list". */
static void
write_words(const struct ctl_row *row, struct buf *out)
{
	struct str rest = str_of(row->words);

	while (rest.at) {
		struct str word = str_cut(&rest, ' ');
		struct str first = str_cut(&word, '|');

		buf_mustf(out, "%s%.*s", buf_len(out) ? " " : "",
		    STR_ARG(first));
	}
}

/* "--if-rev" of "if_rev". */
static void
write_option(struct str name, struct buf *out)
{
	buf_must(out, STR("--"));
	for (size_t i = 0; i < name.len; i++)
		buf_mustf(out, "%c", name.at[i] == '_' ? '-' : name.at[i]);
}

static void
write_param(const struct ctl_param *p, struct buf *out)
{
	switch (p->type) {
	case CTL_FIELDS:
		buf_must(out, STR("[--FIELD VALUE]..."));
		return;
	case CTL_FLAG:
		buf_must(out, STR("["));
		write_option(p->name, out);
		buf_must(out, STR("]"));
		return;
	case CTL_SECRET:
		buf_must(out, STR("["));
		write_option(p->name, out);
		buf_must(out, STR(" - | "));
		write_option(p->name, out);
		buf_must(out, STR("-file PATH | "));
		write_option(p->name, out);
		buf_must(out, STR("-fd N]"));
		return;
	case CTL_TEXT:
	case CTL_NUMBER:
	case CTL_WHEN:
	case CTL_CONTENT:
		break;
	}
	buf_must(out, STR("["));
	write_option(p->name, out);
	buf_must(out,
	    p->type == CTL_NUMBER	 ? STR(" N]")
		: p->type == CTL_WHEN	 ? STR(" WHEN]")
		: p->type == CTL_CONTENT ? STR(" FILE]")
					 : STR(" TEXT]"));
}

/* Words, and options each on a line of their own. */
static void
print_grammar(struct output *o, const struct ctl_row *row, const char *indent)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;
	struct buf text;

	buf_init(&text, 4096);
	write_words(row, &text);
	while (ctl_param_next(row, &at, &p)) {
		if (p.positional)
			continue;
		buf_mustf(&text, "\n%s", indent);
		write_param(&p, &text);
	}
	fprintf(o->to, "%s\n", buf_cstr(&text));
	buf_fini(&text);
}

void
help_usage(struct output *o, const struct ctl_row *row)
{
	fputs(_("usage: relayctl "), o->to);
	print_grammar(o, row, "      ");
}

static bool
is_of(const struct ctl_row *row, const char *noun)
{
	return str_starts(str_of(row->words), str_of(noun));
}

/* What follows on the line, in as many lines as it takes behind an indent. */
static void
print_behind(struct output *o, int indent, const char *text)
{
	struct str rest = str_of(text);
	int room = o->width - indent;

	while (o->width && room > 8 && text_width(rest) > room) {
		struct str line = text_fit(rest, room + 1);

		while (line.len && !str_ends(line, STR(" ")))
			line.len--;
		if (!line.len)
			break;
		rest = str_skip(rest, line.len);
		out_paint(o, PAINT_PLAIN, str_trim(line));
		fprintf(o->to, "\n%*s", indent, "");
	}
	out_paint(o, PAINT_PLAIN, rest);
	fputc('\n', o->to);
}

/* What can be said for an option of this name; what is of one noun stands
 * before what is of any. */
static const struct {
	const char *noun, *option, *choices;
} choices[] = {
	{ "rule", "status", N_("one or a range: 429, 500-599") },
	{ "rule", "action",
	    N_("return (to the client), other (account), same (once more), "
	       "cool (with --for), hold") },
	{ "rule", "kind",
	    N_("a kind of account; of rules also globs: claude*") },
	{ "rule", "model", N_("models, as globs: claude-opus-*") },
	{ "rule", "header",
	    N_("its name and a glob of its value: 'x-should-retry: false'") },
	{ "rule", "for", N_("with a unit: 90s, 10m, 1h") },
	{ "rule", "scope",
	    N_("what cools: account, or family (of the model, on the "
	       "account)") },
	{ "budget", "action", N_("deny, warn, or for accounts hold") },
	{ "budget", "scope",
	    N_("key:KEY, tag:TAG, user:USER, group:NAME, account:NAME, "
	       "platform:KIND, all") },
	{ "route", "session", N_("16 hexadecimal digits, of `sticky ls`") },
	{ "route", "dialect",
	    N_("anthropic, openai_chat, openai_responses, gemini") },
	{ "", "by",
	    N_("key, model, account, client, user, tag, key-model, "
	       "account-model, all") },
	{ "", "of", N_("cost, requests, tokens") },
	{ "", "limit",
	    N_("of requests, tokens or money: '100 requests', '1.5M "
	       "tokens', '200k output', '20 usd'") },
	{ "", "class", N_("models, as a glob: claude-opus*") },
	{ "", "origin", N_("packaged, updated, override") },
};

static const char *
choices_of(const struct ctl_row *row, const struct ctl_param *p)
{
	bool budget = is_of(row, "budget");

	if (p->type != CTL_TEXT)
		return NULL;
	if (str_eq(p->name, STR("per")))
		return budget
		    ? N_("hour, day, day@08:00, week, week@mon/08:00, month, "
			 "month@15, 5h, 5h-sliding, life")
		    : N_("total, minute, hour, day, week, month");
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (is_of(row, choices[i].noun) &&
		    str_ieq(p->name, str_of(choices[i].option)))
			return choices[i].choices;
	return NULL;
}

static void
print_choices(struct output *o, const struct ctl_row *row)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param p;

	while (ctl_param_next(row, &at, &p)) {
		const char *said = choices_of(row, &p);
		struct buf name;

		if (!said)
			continue;
		buf_init(&name, 64);
		if (p.positional)
			buf_mustf(&name, "%.*s", STR_ARG(p.name));
		else
			write_option(p.name, &name);
		fprintf(o->to, "%-10s", buf_cstr(&name));
		print_behind(o, 10, _(said));
		buf_fini(&name);
	}
}

static void
print_details(struct output *o, const struct ctl_row *row)
{
	fprintf(o->to, "%s.\n\n", _(row->help));
	help_usage(o, row);
	print_choices(o, row);
	if (row->method)
		fprintf(o->to, _("\nIt needs the role %s.\n"),
		    ctl_role_name(row->role));
	if (row == ctl_row(CTL_M_price_override))
		fprintf(o->to, "%s",
		    _("Fields are --input, --output, --cache-read, "
		      "--cache-write-5m, --cache-write-1h,\n--audio-input, "
		      "--audio-output and --image-output, in dollars per "
		      "million tokens;\n--search, in dollars for each; --above "
		      "TOKENS, and --long-input .. for inputs\nlonger than "
		      "that; --priority-input ..; --fast and --us, which are "
		      "factors.\n"));
	else if (str_find(str_of(row->parameters), STR("FIELDS")) >= 0)
		fprintf(o->to, "%s",
		    is_of(row, "proxy") ? _("The fields are family (any, 4 or "
					    "6) and note.\n")
			: is_of(row, "group")
			? _("The fields are strategy (lru, weighted, fill or "
			    "headroom) and note.\n")
			: is_of(row, "notify")
			? _("What fields there are, `relayctl notify kinds "
			    "KIND` tells.\n")
			: _("What fields there are, `relayctl account kinds "
			    "KIND` tells.\n"));
	if (str_find(str_of(row->parameters), STR("SECRET")) >= 0)
		fprintf(o->to, "%s",
		    _("Secrets are typed (not shown), piped, or read from a "
		      "file or descriptor;\nthey never stand on the command "
		      "line.\n"));
	if (str_find(str_of(row->parameters), STR("WHEN")) >= 0)
		fprintf(o->to, "%s",
		    _("WHEN is 2026-11-01, \"2026-11-01 13:30\", today, "
		      "yesterday, or a span: 12h, 7d.\n"));
}

static void
print_line(struct output *o, const struct ctl_row *row)
{
	struct buf words;
	int width;

	buf_init(&words, 512);
	write_words(row, &words);
	width = text_width(buf_str(&words));
	fputs("  ", o->to);
	out_paint(o, PAINT_HEAD, buf_str(&words));
	fprintf(o->to, "%*s", width < 30 ? 30 - width : 1, "");
	print_behind(o, 32, _(row->help));
	buf_fini(&words);
}

/* --- all of it ------------------------------------------------------------- */

static void
print_own_options(struct output *o)
{
	const struct own_option *own;

	fprintf(o->to, "\n%s\n", _("Options of every command:"));
	for (unsigned i = 0; (own = own_option_at(i)); i++) {
		fprintf(o->to, "  --%s%s%s%*s", own->name,
		    own->value ? " " : "", own->value ? own->value : "",
		    27 - (int)strlen(own->name) -
			(own->value ? (int)strlen(own->value) : -1),
		    "");
		print_behind(o, 32, _(own->help));
	}
	fprintf(o->to, "%s",
	    _("\nExit status: 0 done, 1 refused or failed, 2 wrong usage, "
	      "3 no relayd answers,\n4 not permitted.\n"));
}

static bool
begins(const struct ctl_row *row, int count, const char *const *words)
{
	return row->words[0] &&
	    ctl_row_matched(row, count, words) == (unsigned)count;
}

void
help_print(struct output *o, int count, const char *const *words, bool all)
{
	const struct ctl_row *row, *only = NULL;
	unsigned matching = 0;

	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		if (!begins(row, count, words))
			continue;
		matching++;
		if (!only || ctl_row_literals(row) == (unsigned)count)
			only = row;
	}
	if (count && matching == 1) {
		print_details(o, only);
		return;
	}
	if (matching == 0) {
		struct ctl_match m;
		struct why why;

		if (ctl_match(count, words, &m, &why))
			fprintf(o->to, "%s\n", why.text);
		return;
	}
	/* "usage" is a command of its own, besides beginning others. */
	if (count && !all && ctl_row_literals(only) == (unsigned)count) {
		print_details(o, only);
		fprintf(o->to, "\n%s\n", _("Others that begin so:"));
	} else {
		only = NULL;
	}
	for (unsigned i = 0; (row = ctl_row(i)); i++) {
		if (!begins(row, count, words) || row == only)
			continue;
		if (!all) {
			print_line(o, row);
			continue;
		}
		fputs("  ", o->to);
		print_grammar(o, row, "      ");
		fputs("      ", o->to);
		print_behind(o, 6, _(row->help));
	}
	if (count == 0)
		print_own_options(o);
}
