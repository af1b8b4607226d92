/* SPDX-License-Identifier: MIT */
/* script.c - relay-tui played by a file. */
#include "relay-tui/script.h"

#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/words.h"

#define TIMEOUT_MS 10000
#define DUMP_MAX   (16 * 1024 * 1024)

void
script_init(struct script *s, struct app *a, struct str text, FILE *out)
{
	*s = (struct script){ .app = a,
		.out = out,
		.rest = text,
		.timeout_ms = TIMEOUT_MS,
		.since_ms = -1 };
}

void
script_dump(struct app *a, bool paints, FILE *out)
{
	struct buf text;

	buf_init(&text, DUMP_MAX);
	app_draw(a);
	if (paints)
		grid_paints(&a->grid, &text);
	else
		grid_text(&a->grid, &text);
	fwrite(buf_cstr(&text), 1, buf_len(&text), out);
	fflush(out);
	buf_fini(&text);
}

/* --- lines ----------------------------------------------------------------- */

static enum err
play_size(struct script *s, struct str args, struct why *out_why)
{
	uint64_t columns, rows;

	if (str_u64(str_cut(&args, ' '), &columns) ||
	    str_u64(str_trim(args), &rows) || columns > GRID_COLUMNS_MAX ||
	    rows > GRID_ROWS_MAX)
		return why_set(out_why, ERR_SYNTAX, "", "size COLUMNS ROWS");
	app_resize(s->app, (int)rows, (int)columns);
	return OK;
}

static enum err
play_keys(struct script *s, struct str args, struct why *out_why)
{
	while (args.at) {
		struct str name = str_cut(&args, ' ');
		struct press p;

		if (!name.len)
			continue;
		if (press_read(name, &p))
			return why_set(out_why, ERR_SYNTAX, "",
			    "no key is called %.*s",
			    STR_ARG(str_first(name, 40)));
		app_press(s->app, &p);
	}
	return OK;
}

static void
take_press(void *user, const struct press *p)
{
	app_press(user, p);
}

static enum err
play_text(struct script *s, struct str args, struct why *out_why)
{
	struct press_reader r;

	(void)out_why;
	press_reader_init(&r, take_press, s->app);
	press_reader_feed(&r, args);
	press_reader_fini(&r);
	return OK;
}

static enum err
play_paste(struct script *s, struct str args, struct why *out_why)
{
	struct buf text;

	(void)out_why;
	buf_init(&text, PRESS_PASTE_MAX);
	for (size_t i = 0; i < args.len; i++) {
		bool escaped = args.at[i] == '\\' && i + 1 < args.len;
		char c = args.at[i += escaped];

		buf_mustf(&text, "%c", escaped && c == 'n' ? '\n' : c);
	}
	app_press(s->app,
	    &(struct press){ .kind = PRESS_PASTE, .text = buf_str(&text) });
	buf_fini(&text);
	return OK;
}

static enum err
play_timeout(struct script *s, struct str args, struct why *out_why)
{
	uint64_t seconds;

	if (str_u64(args, &seconds) || seconds > 3600)
		return why_set(out_why, ERR_SYNTAX, "", "timeout SECONDS");
	s->timeout_ms = (int64_t)seconds * 1000;
	return OK;
}

static enum err
play_dump(struct script *s, struct str args, struct why *out_why)
{
	(void)out_why;
	if (str_eq(args, STR("clipboard"))) {
		fprintf(s->out, "%.*s\n", STR_ARG(buf_str(&s->app->copied)));
		fflush(s->out);
		return OK;
	}
	script_dump(s->app, str_eq(args, STR("paint")), s->out);
	return OK;
}

static enum err
play_say(struct script *s, struct str args, struct why *out_why)
{
	(void)out_why;
	fprintf(s->out, "%.*s\n", STR_ARG(args));
	fflush(s->out);
	return OK;
}

static enum err
play_wait(struct script *s, struct str args, struct why *out_why)
{
	(void)out_why;
	app_draw(s->app);
	return grid_says(&s->app->grid, args) ? OK : ERR_AGAIN;
}

static enum err
play_gone(struct script *s, struct str args, struct why *out_why)
{
	return play_wait(s, args, out_why) == OK ? ERR_AGAIN : OK;
}

static enum err
play_settle(struct script *s, struct str args, struct why *out_why)
{
	(void)args;
	(void)out_why;
	app_draw(s->app);
	return app_is_settled(s->app) ? OK : ERR_AGAIN;
}

static const struct {
	const char *word;
	enum err (*play)(struct script *s, struct str args,
	    struct why *out_why);
} words[] = {
	{ "size", play_size },
	{ "key", play_keys },
	{ "text", play_text },
	{ "paste", play_paste },
	{ "timeout", play_timeout },
	{ "dump", play_dump },
	{ "say", play_say },
	{ "wait-for", play_wait },
	{ "wait-gone", play_gone },
	{ "settle", play_settle },
};

static enum err
play(struct script *s, struct str line, struct why *out_why)
{
	struct str args = line, word = str_cut(&args, ' ');

	if (!word.len || word.at[0] == '#')
		return OK;
	if (!args.at)
		args = STR("");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(word, str_of(words[i].word)))
			return words[i].play(s, args, out_why);
	return why_set(out_why, ERR_SYNTAX, "", "there is no \"%.*s\"",
	    STR_ARG(str_first(word, 40)));
}

/* --- the whole ------------------------------------------------------------- */

static enum script_state
fail(struct script *s, struct str line, const char *text, struct why *out_why)
{
	char said[192];

	snprintf(said, sizeof(said), "%s", text);
	(void)!why_set(out_why, ERR_SYNTAX, "", "line %u: %.*s: %s",
	    s->number + 1, STR_ARG(str_first(line, 60)), said);
	return SCRIPT_FAILED;
}

enum script_state
script_run(struct script *s, struct why *out_why)
{
	while (s->rest.len && !s->app->quits) {
		struct str rest = s->rest, line = str_cut(&rest, '\n');
		struct why why = { .text = "" };
		enum err e = play(s, line, &why);

		if (e == ERR_AGAIN) {
			if (s->since_ms < 0)
				s->since_ms = s->app->now_ms;
			if (s->app->now_ms - s->since_ms < s->timeout_ms)
				return SCRIPT_WAITS;
			return fail(s, line, "this never came to be", out_why);
		}
		if (e)
			return fail(s, line, why.text, out_why);
		s->since_ms = -1;
		s->rest = rest;
		s->number++;
	}
	return SCRIPT_DONE;
}
