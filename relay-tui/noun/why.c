/* SPDX-License-Identifier: MIT */
/* why.c - what a request went through, told in sentences, each with its time
 * since the request came in. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

/* A sentence with a sample of 512 bytes in it. */
#define SENTENCE_MAX (16 * 1024)
/* The column of times, and what stands in front of it. */
#define INDENT 11

static struct str
member(const struct json *o, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(o, key, &s, NULL);
	return s;
}

static int64_t
number(const struct json *o, const char *key)
{
	int64_t n = 0;

	(void)!json_may_i64(o, key, 0, INT64_MAX, &n, NULL);
	return n;
}

static void
add_cell(const struct output *o, const struct json *row, const char *key,
    enum cell kind, struct buf *to)
{
	const struct column c = { key, key, kind, FIT_WHOLE };

	cell_write(o, &c, row, to);
}

static void
add_foreign(struct buf *to, struct str s)
{
	text_clean(s, to);
}

/* Words of ours with "%s" in them, which stands for a foreign text. */
static void
add_said(struct buf *to, const char *said, struct str foreign)
{
	struct str rest = str_of(said);
	ptrdiff_t at = str_find(rest, STR("%s"));

	if (at < 0) {
		buf_must(to, rest);
		return;
	}
	buf_must(to, str_first(rest, (size_t)at));
	add_foreign(to, foreign);
	buf_must(to, str_skip(rest, (size_t)at + 2));
}

/* "error_status" as people say it. */
static void
add_word(struct buf *to, struct str word)
{
	for (size_t i = 0; i < word.len; i++)
		buf_must(to,
		    word.at[i] == '_' ? STR(" ") : str_at(word.at + i, 1));
}

/* --- lines ----------------------------------------------------------------- */

/* As many of the words as fit into so many columns; at least a piece of one. */
static struct str
cut_line(struct str *io_rest, int columns)
{
	struct str line = text_fit(*io_rest, columns);
	size_t n = line.len;

	if (n < io_rest->len) {
		while (n > 0 && line.at[n - 1] != ' ')
			n--;
		/* A word that needs a line of its own is broken. */
		if (n > line.len / 2)
			line = str_first(line, n);
		else if (!line.len)
			line = *io_rest;
	}
	*io_rest = str_trim(str_skip(*io_rest, line.len));
	return str_trim(line);
}

static void
print_lines(struct output *o, struct str at, enum paint p, struct str text)
{
	int columns = output_columns(o) - INDENT;

	do {
		struct str line = cut_line(&text, columns > 20 ? columns : 20);

		out_paint(o, PAINT_DIM, at);
		fprintf(o->to, "%*s", INDENT - text_width(at), "");
		out_paint(o, p, line);
		fputc('\n', o->to);
		at = STR("");
	} while (text.len);
}

/* --- sentences ------------------------------------------------------------- */

static void
add_fell(struct buf *to, const struct json *step, const char *before)
{
	const struct json *row = json_first(json_at(step, "fell"));
	const char *between = before;

	for (; row; row = json_next(row)) {
		/* Those that could never serve it are no news. */
		if (str_eq(member(row, "sieve"), STR("kind")))
			continue;
		buf_must(to, str_of(between));
		buf_mustf(to, "%lld ", (long long)number(row, "count"));
		add_word(to, member(row, "sieve"));
		between = ", ";
	}
	if (between != before)
		buf_must(to, STR("."));
}

/* Whom it was chosen before: only where there was a choice. */
static void
add_best(struct output *o, const struct json *step, struct buf *to)
{
	const struct json *row = json_first(json_at(step, "best"));
	const char *between = "";

	(void)o;
	if (!row || !json_next(row))
		return;
	add_said(to, _(" Best of %s"), member(step, "tier"));
	add_said(to, _(" by %s: "), member(step, "strategy"));
	for (; row; row = json_next(row)) {
		buf_must(to, str_of(between));
		add_foreign(to, member(row, "account"));
		buf_mustf(to, _(" (priority %lld)"),
		    (long long)number(row, "priority"));
		between = ", ";
	}
	buf_must(to, STR("."));
}

/* What the session's account has in its cache, another one reads anew. */
static void
add_cost(struct output *o, const struct json *step, struct buf *to)
{
	if (!number(step, "cost_micro"))
		return;
	buf_must(to, str_of(_(" To read anew what is cached there costs ")));
	add_cell(o, step, "cost_micro", CELL_MONEY, to);
	buf_must(to, STR("."));
}

static void
say_chose(struct output *o, const struct json *step, struct buf *to)
{
	struct str account = member(step, "account"), from;
	struct str bond = member(step, "bond");

	if (!account.len)
		account = str_of(_("an account"));
	if (str_eq(bond, STR("kept"))) {
		add_said(to, _("%s was chosen: the session is bound to it."),
		    account);
	} else {
		add_said(to, _("%s was chosen."), account);
	}
	from = member(step, "from");
	if (from.len && str_eq(bond, STR("moved"))) {
		add_said(to, _(" The session moves there from %s"), from);
		add_said(to, _(" (%s)."), member(step, "reason"));
	} else if (from.len) {
		add_said(to,
		    _(" For this request alone: its session stays "
		      "with %s"),
		    from);
		add_said(to, _(" (%s)."), member(step, "reason"));
	}
	add_cost(o, step, to);
	add_fell(to, step, _(" Left out: "));
	add_best(o, step, to);
}

static void
say_nobody(struct output *o, const struct json *step, struct buf *to)
{
	buf_must(to, str_of(_("No account could be used.")));
	add_fell(to, step, _(" Left out: "));
	if (!number(step, "took_us"))
		return;
	buf_must(to, str_of(_(" The first may be in ")));
	add_cell(o, step, "took_us", CELL_US, to);
	buf_must(to, STR("."));
}

static void
say_tried(struct output *o, const struct json *step, struct buf *to)
{
	struct str account = member(step, "account");
	struct str outcome = member(step, "outcome");

	add_said(to, _("%s was asked: "),
	    account.len ? account : str_of(_("an account")));
	add_word(to, outcome);
	if (number(step, "status"))
		buf_mustf(to, " %lld", (long long)number(step, "status"));
	if (number(step, "connect_us")) {
		buf_must(to, str_of(_(", connected in ")));
		add_cell(o, step, "connect_us", CELL_US, to);
	}
	if (number(step, "head_us")) {
		buf_must(to, str_of(_(", head after ")));
		add_cell(o, step, "head_us", CELL_US, to);
	}
	if (number(step, "took_us")) {
		buf_must(to, str_of(_(", over after ")));
		add_cell(o, step, "took_us", CELL_US, to);
	}
	buf_must(to, STR("."));
	/* What an answer said stands with its judgement. */
	if (member(step, "error").len && !number(step, "status"))
		add_said(to, " %s.", member(step, "error"));
}

struct phrase {
	const char *word, *said;
};

static void
add_phrase(struct buf *to, const struct phrase *phrases, struct str word)
{
	for (; phrases->word; phrases++)
		if (str_eq(word, str_of(phrases->word)))
			break;
	if (phrases->said[0])
		buf_must(to, str_of(_(phrases->said)));
}

static void
add_scope(struct buf *to, struct str scope)
{
	static const struct phrase scopes[] = {
		{ "request", N_("the request is at fault") },
		{ "account", N_("the account is at fault") },
		{ "family", N_("the account has no more of these models") },
		{ "model", N_("the account cannot serve this model now") },
		{ "long-context", N_("the account takes none so long") },
		{ "limit", N_("a limit of the account is reached") },
		{ "provider", N_("the provider is in trouble") },
		{ "proxy", N_("the proxy is at fault") },
		{ NULL, N_("it failed") },
	};

	add_phrase(to, scopes, scope);
}

static void
add_next(struct buf *to, struct str next)
{
	static const struct phrase nexts[] = {
		{ "return", N_("; the client is told") },
		{ "other", N_("; another one may be asked") },
		{ "swap", N_("; another one may be asked, once") },
		{ "same", N_("; the same account may be asked again") },
		{ "once", N_("; the same account is asked once more first") },
		{ "hold", N_("; it is held, and another one may be asked") },
		{ NULL, "" },
	};

	add_phrase(to, nexts, next);
}

static void
say_judged(struct output *o, const struct json *step, struct buf *to)
{
	(void)o;
	if (member(step, "rule").len)
		add_said(to, _("The rule \"%s\" judges: "),
		    member(step, "rule"));
	add_scope(to, member(step, "scope"));
	add_next(to, member(step, "next"));
	if (number(step, "took_us")) {
		buf_must(to, str_of(_("; it rests for ")));
		add_cell(o, step, "took_us", CELL_US, to);
		if (member(step, "reason").len)
			add_said(to, " (%s)", member(step, "reason"));
	}
	buf_must(to, STR("."));
}

static void
say_waited(struct output *o, const struct json *step, struct buf *to)
{
	struct str what = member(step, "word");

	buf_must(to, str_of(_("It waits")));
	if (number(step, "took_us")) {
		buf_must(to, STR(" "));
		add_cell(o, step, "took_us", CELL_US, to);
	}
	if (str_eq(what, STR("backoff")))
		buf_must(to,
		    str_of(_(" before the same account is asked "
			     "again.")));
	else if (str_eq(what, STR("queue")))
		buf_must(to, str_of(_(" in the queue.")));
	else
		add_said(to, _(" for %s."), what);
	add_cost(o, step, to);
}

static void
say_renewed(struct output *o, const struct json *step, struct buf *to)
{
	struct str account = member(step, "account");

	(void)o;
	add_said(to, _("The token of %s is renewed first."),
	    account.len ? account : str_of(_("an account")));
	if (member(step, "text").len)
		add_said(to, " %s.", member(step, "text"));
}

static void
say_reserved(struct output *o, const struct json *step, struct buf *to)
{
	(void)o;
	add_said(to, _("Reserved in the budgets %s."), member(step, "word"));
}

static void
say_answered(struct output *o, const struct json *step, struct buf *to)
{
	(void)o;
	(void)step;
	buf_must(to,
	    str_of(_("The client is shown the first words: from here "
		     "on nothing can be tried again.")));
}

static void
say_ended(struct output *o, const struct json *step, struct buf *to)
{
	(void)o;
	if (number(step, "status"))
		buf_mustf(to, _("The client is told %lld"),
		    (long long)number(step, "status"));
	else
		buf_must(to, str_of(_("The client is told nothing")));
	if (member(step, "reason").len)
		add_said(to, " (%s)", member(step, "reason"));
	if (member(step, "text").len)
		add_said(to, ": %s", member(step, "text"));
	buf_must(to, STR("."));
	if (number(step, "lost"))
		buf_mustf(to,
		    _(" There was no room to keep %lld further steps."),
		    (long long)number(step, "lost"));
}

static const struct {
	const char *what;
	void (*say)(struct output *o, const struct json *step, struct buf *to);
	enum paint paint;
} sentences[] = {
	{ "chose", say_chose, PAINT_PLAIN },
	{ "nobody", say_nobody, PAINT_BAD },
	{ "tried", say_tried, PAINT_PLAIN },
	{ "judged", say_judged, PAINT_WARN },
	{ "waited", say_waited, PAINT_PLAIN },
	{ "renewed", say_renewed, PAINT_PLAIN },
	{ "reserved", say_reserved, PAINT_PLAIN },
	{ "answered", say_answered, PAINT_GOOD },
	{ "ended", say_ended, PAINT_PLAIN },
};

static void
print_step(struct output *o, const struct json *step)
{
	struct str what = member(step, "what");
	struct buf at, text;
	size_t i = 0, n = sizeof(sentences) / sizeof(sentences[0]);

	while (i < n && !str_eq(what, str_of(sentences[i].what)))
		i++;
	if (i == n)
		return;
	buf_init(&at, 64);
	buf_init(&text, SENTENCE_MAX);
	buf_must(&at, STR("+"));
	add_cell(o, step, "at_us", CELL_US, &at);
	if (buf_len(&at) == 1)
		buf_must(&at, STR("0"));
	sentences[i].say(o, step, &text);
	print_lines(o, buf_str(&at), sentences[i].paint, buf_str(&text));
	buf_clear(&text);
	if (member(step, "sample").len) {
		add_said(&text, _("It said: %s"), member(step, "sample"));
		print_lines(o, STR(""), PAINT_DIM, buf_str(&text));
	}
	buf_fini(&text);
	buf_fini(&at);
}

/* --- all of it ------------------------------------------------------------- */

static const struct column live_details[] = {
	{ N_("request"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("at"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("key"), "key", CELL_NAME, FIT_WHOLE },
	{ N_("model"), "model", CELL_TEXT, FIT_WHOLE },
	{ N_("session"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("client"), "client", CELL_TEXT, FIT_WHOLE },
	{ N_("account"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("phase"), "phase", CELL_TEXT, FIT_WHOLE },
	{ N_("age"), "age_us", CELL_US, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column ended_why_details[] = {
	{ N_("request"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("at"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("key"), "key", CELL_NAME, FIT_WHOLE },
	{ N_("model"), "model", CELL_TEXT, FIT_WHOLE },
	{ N_("session"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("client"), "client", CELL_TEXT, FIT_WHOLE },
	{ N_("account"), "account", CELL_TEXT, FIT_WHOLE },
	{ N_("outcome"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("status"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("took"), "total_us", CELL_US, FIT_WHOLE },
	{ .title = NULL },
};

void
print_steps(struct output *o, const struct json *data)
{
	const struct json *steps = json_at(data, "steps");

	for (const struct json *s = json_first(steps); s; s = json_next(s))
		print_step(o, s);
	if (!json_first(steps))
		out_lines(o, PAINT_PLAIN,
		    str_of(_("There is nothing to tell: it was never sent to "
			     "an account.")));
}

void
print_why(struct output *o, const struct json *data)
{
	const struct json *live = json_at(data, "session");

	if (live)
		record_print(o, live_details, live);
	else
		record_print(o, ended_why_details, json_at(data, "receipt"));
	fputc('\n', o->to);
	print_steps(o, data);
}
