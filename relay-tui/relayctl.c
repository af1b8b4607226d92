/* SPDX-License-Identifier: MIT */
/* relayctl.c - one command, one answer: words of the command line to
 * command.c, and an exit status. */
#include <signal.h>
#include <stdlib.h>

#include "proto/version.h"

#include "relay-tui/command.h"
#include "relay-tui/complete.h"
#include "relay-tui/ctl_client.h"
#include "relay-tui/help.h"
#include "relay-tui/language.h"
#include "relay-tui/secret.h"
#include "relay-tui/snippet.h"
#include "relay-tui/spending.h"
#include "relay-tui/trace_view.h"
#include "relay-tui/words.h"

#define WORDS_MAX 128

/* The command line with relayctl's own options taken out. */
struct line {
	const char *words[WORDS_MAX];
	int count;
	bool json, csv, chart, help, version;
	const char *socket, *url, *client, *columns;
};

/* --- own options ----------------------------------------------------------- */

static void
take_own(struct line *l, const struct own_option *own, const char *value)
{
	if (!strcmp(own->name, "json"))
		l->json = true;
	else if (!strcmp(own->name, "csv"))
		l->csv = true;
	else if (!strcmp(own->name, "chart"))
		l->chart = true;
	else if (!strcmp(own->name, "columns"))
		l->columns = value;
	else if (!strcmp(own->name, "help"))
		l->help = true;
	else if (!strcmp(own->name, "version"))
		l->version = true;
	else if (!strcmp(own->name, "socket"))
		l->socket = value;
	else if (!strcmp(own->name, "url"))
		l->url = value;
	else
		l->client = value;
}

/* Does the word say this option?  *out_value is what stands behind its '='. */
static bool
says(const char *word, const struct own_option *own, const char **out_value)
{
	size_t len = strlen(own->name);

	if (strncmp(word, "--", 2) != 0 ||
	    strncmp(word + 2, own->name, len) != 0)
		return false;
	*out_value = word[2 + len] == '=' ? word + 3 + len : NULL;
	return word[2 + len] == '\0' || (*out_value && own->value);
}

/* Things that have an address of their own. */
static bool
has_url(const char *noun)
{
	return !strcmp(noun, "account") || !strcmp(noun, "notify") ||
	    !strcmp(noun, "proxy");
}

static const struct own_option *
find_own(const struct line *l, const char *word, const char **out_value)
{
	const struct own_option *own;
	bool addressed = l->count > 0 && has_url(l->words[0]);

	if (!strcmp(word, "-h"))
		word = "--help";
	for (unsigned i = 0; (own = own_option_at(i)); i++) {
		if (addressed && !strcmp(own->name, "url"))
			continue;
		if (says(word, own, out_value))
			return own;
	}
	return NULL;
}

static enum err
read_line(struct line *l, int argc, char **argv, struct why *out_why)
{
	bool over = false;

	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const struct own_option *own =
		    over ? NULL : find_own(l, argv[i], &value);

		over = over || !strcmp(argv[i], "--");
		if (own && own->value && !value) {
			if (i + 1 == argc)
				return why_set(out_why, ERR_SYNTAX, "",
				    _("--%s needs a value"), own->name);
			value = argv[++i];
		}
		if (own)
			take_own(l, own, value);
		else if (l->count < WORDS_MAX)
			l->words[l->count++] = argv[i];
		else
			return why_set(out_why, ERR_SYNTAX, "",
			    _("too many words"));
	}
	return OK;
}

/* --- secrets do not belong here -------------------------------------------- */

/* A secret on the command line has been seen already; at least it goes no
 * further, and its owner learns of it. */
static enum err
refuse_secrets(const struct ctl_match *m, struct why *out_why)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct ctl_arg *a = &m->args[i];

		if (a->type == CTL_SECRET)
			continue;
		if (a->type == CTL_FIELDS && secret_is_name(a->name))
			return why_set(out_why, ERR_DENIED, a->name,
			    _("%s sounds like a secret, and everybody on this "
			      "machine can read a command line: say "
			      "--credential - (typed or piped), "
			      "--credential-file PATH or --credential-fd N"),
			    a->name);
		if (secret_is_like(a->value))
			return why_set(out_why, ERR_DENIED, a->name,
			    _("%s looks like a secret, and everybody on this "
			      "machine can read a command line; change that "
			      "key, and give the new one typed, piped (-), or "
			      "from a file (--credential-file PATH)"),
			    a->name);
	}
	return OK;
}

/* --- commands -------------------------------------------------------------- */

/* All rows of a list, up to so many pages. */
#define COMPLETE_PAGES 10

static void
ask_names(struct ctl_client *client, struct completion *c, unsigned i)
{
	struct ctl_param param;
	bool pages =
	    ctl_param_find(ctl_row(c->asks[i].method), STR("cursor"), &param);
	char cursor[512] = "";

	for (int page = 0; page < COMPLETE_PAGES; page++) {
		struct json_out *j =
		    ctl_client_begin(client, c->asks[i].method);
		struct ctl_frame f;
		int len = 0;

		if (pages)
			json_say_i64(j, "limit", CTL_ROWS_MAX);
		if (cursor[0])
			json_say(j, "cursor", str_of(cursor));
		if (ctl_client_ask(client, &f, NULL))
			return;
		if (f.kind == CTL_RESULT) {
			complete_add(c, i, f.data);
			len = snprintf(cursor, sizeof(cursor), "%.*s",
			    STR_ARG(f.next));
		}
		ctl_frame_fini(&f);
		if (len <= 0 || len >= (int)sizeof(cursor))
			return;
	}
}

/* Words for a shell, one per line; those of the daemon only if it can be
 * asked. */
static enum verdict
complete(const struct command *c, int count, const char *const *words)
{
	struct ctl_client *client;
	struct completion found;
	struct str rest;

	complete_begin(&found, count, words);
	if (found.asks_count &&
	    ctl_client_open(c->socket, &client, NULL) == OK) {
		for (unsigned i = 0; i < found.asks_count; i++)
			ask_names(client, &found, i);
		ctl_client_close(client);
	}
	rest = buf_str(&found.words);
	while (rest.len) {
		out_foreign(c->out, str_cut(&rest, '\n'));
		fputc('\n', c->out->to);
	}
	complete_fini(&found);
	return DONE;
}

/* Commands that ask by themselves; false: it is none of these. */
static bool
run_asking(const struct command *c, enum verdict *out)
{
	static const struct {
		const char *words;
		enum verdict (*run)(const struct command *c);
	} asking[] = {
		{ "usage heat", spending_heat },
		{ "usage top", spending_top },
	};

	for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
		if (!strcmp(c->match->row->words, asking[i].words)) {
			*out = asking[i].run(c);
			return true;
		}
	return false;
}

static enum verdict
run_local(struct command *c)
{
	enum verdict v;
	const struct ctl_arg *client = ctl_match_arg(c->match, "client");
	const struct ctl_arg *mode = ctl_match_arg(c->match, "mode");
	const char *words[CTL_ARGS_MAX];
	int count = 0;
	char name[96];

	if (run_asking(c, &v))
		return v;
	if (client && mode && !str_eq(mode->value, STR("key"))) {
		/* "gemini gca" is the settings of that name. */
		snprintf(name, sizeof(name), "%.*s-%.*s",
		    STR_ARG(str_first(client->value, 40)),
		    STR_ARG(str_first(mode->value, 40)));
		return command_env(c, str_of(name));
	}
	if (client)
		return command_env(c, client->value);
	for (unsigned i = 0; i < c->match->count; i++)
		if (!strcmp(c->match->args[i].name, "words"))
			words[count++] = c->match->args[i].value.at;
	help_print(c->out, count, words,
	    ctl_match_arg(c->match, "all") != NULL);
	return DONE;
}

/* Some answers are drawn for people and told to programs. */
static enum verdict
run_asked(struct command *c, const struct line *l)
{
	const struct output *o = c->out;
	struct why why;

	if (l->chart && c->match->row != ctl_row(CTL_M_usage_show) &&
	    c->match->row != ctl_row(CTL_M_my_usage)) {
		(void)!why_set(&why, ERR_SYNTAX, "chart",
		    _("only `usage` is drawn as a chart"));
		return command_fail(o, MISUSED, &why);
	}
	if (l->chart)
		return spending_chart(c);
	if (c->match->row == ctl_row(CTL_M_trace_show) &&
	    ctl_match_arg(c->match, "request"))
		return trace_view(c);
	if (c->match->row == ctl_row(CTL_M_cost) && !o->json && !o->csv &&
	    !o->columns)
		return spending_cost(c);
	return command_run(c);
}

static enum verdict
run(struct command *c, const struct line *l)
{
	struct ctl_match m;
	struct why why;
	enum verdict v;
	enum err e;

	if (l->count == 0 && !l->help)
		return command_overview(c);
	if (l->help) {
		help_print(c->out, l->count, l->words, false);
		return DONE;
	}
	e = ctl_match(l->count, l->words, &m, &why);
	if (!e)
		e = refuse_secrets(&m, &why);
	if (e) {
		struct output to;

		v = command_fail(c->out, MISUSED, &why);
		output_init(&to, stderr, false);
		if (m.row && e == ERR_SYNTAX && !l->json)
			help_usage(&to, m.row);
		return v;
	}
	c->match = &m;
	/* The same as `tail`, for those who look for it here. */
	if (!strcmp(m.row->words, "usage tail"))
		m.row = ctl_row(CTL_M_receipt_tail);
	v = m.row->method ? run_asked(c, l) : run_local(c);
	c->match = NULL;
	return v;
}

int
main(int argc, char **argv)
{
	struct line l = { .count = 0 };
	struct output out;
	struct command c = { .out = &out };
	struct why why;
	enum verdict v;

	bool utf8 = language_set_up();

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "--complete")) {
		const char *words[WORDS_MAX];
		int count = 0;

		output_init(&out, stdout, false);
		for (int i = 2; i < argc && count < WORDS_MAX; i++)
			words[count++] = argv[i];
		return complete(&c, count, words);
	}
	if (read_line(&l, argc, argv, &why)) {
		output_init(&out, stdout, false);
		return command_fail(&out, MISUSED, &why);
	}
	output_init(&out, stdout, l.json);
	out.csv = l.csv;
	out.columns = l.columns;
	out.ascii = !utf8;
	out.colour = out.colour && !l.csv;
	if (l.csv && l.json) {
		(void)!why_set(&why, ERR_SYNTAX, "",
		    _("--json or --csv, not both"));
		return command_fail(&out, MISUSED, &why);
	}
	c.socket = l.socket;
	c.url = l.url;
	c.client = l.client;
	if (l.version) {
		printf("relayctl %s\n", relayd_version);
		return DONE;
	}
	v = run(&c, &l);
	if (fflush(stdout) && v == DONE)
		v = FAILED;
	return v;
}
