/* SPDX-License-Identifier: MIT */
/* output.c - where answers go, and foreign text made harmless on the way. */
#include "relay-tui/output.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A cell, or an upstream's error. */
#define CLEAN_MAX (64 * 1024)

static bool
wants_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(to)) && (!no || !no[0]) && term &&
	    strcmp(term, "dumb") != 0;
}

static int
width_of(FILE *to)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (said && str_u64(str_of(said), &n) == OK && n >= 20 && n <= 1000)
		return (int)n;
	if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &size) ||
	    size.ws_col < 20)
		return 0;
	return size.ws_col;
}

void
output_take_now(struct output *o)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	o->now_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
output_init(struct output *o, FILE *to, bool json)
{
	*o = (struct output){ .to = to,
		.aside = stderr,
		.json = json,
		.colour = !json && wants_colour(to),
		.width = width_of(to) };
	output_take_now(o);
}

int
output_columns(const struct output *o)
{
	return o->width ? o->width : 80;
}

/* --- out ------------------------------------------------------------------- */

void
out_paint(struct output *o, enum paint p, struct str clean)
{
	bool painted = o->colour && p != PAINT_PLAIN;

	if (painted)
		fprintf(o->to, "\033[%sm", paint_sgr(p));
	if (clean.len)
		fwrite(clean.at, 1, clean.len, o->to);
	if (painted)
		fputs("\033[0m", o->to);
}

void
out_lines(struct output *o, enum paint p, struct str clean)
{
	while (clean.len) {
		struct str line = clean;

		if (text_width(line) > output_columns(o)) {
			line = text_fit(line, output_columns(o) + 1);
			while (line.len && !str_ends(line, STR(" ")))
				line.len--;
		}
		if (!line.len)
			line = clean;
		clean = str_skip(clean, line.len);
		out_paint(o, p, str_trim(line));
		fputc('\n', o->to);
	}
}

void
out_foreign(struct output *o, struct str s)
{
	struct buf clean;

	buf_init(&clean, CLEAN_MAX);
	text_clean(s, &clean);
	out_paint(o, PAINT_PLAIN, buf_str(&clean));
	buf_fini(&clean);
}

void
out_json(struct output *o, const struct json *v)
{
	struct json_out j;
	struct buf text;

	buf_init(&text, 64 * 1024 * 1024);
	json_begin(&j, &text);
	if (v)
		json_put_tree(&j, v);
	else
		json_put_null(&j);
	if (json_end(&j) == OK)
		out_paint(o, PAINT_PLAIN, buf_str(&text));
	fputc('\n', o->to);
	buf_fini(&text);
}
