/* SPDX-License-Identifier: MIT */
/* trace_view.c - `trace show TRACE REQUEST`: one request and all its parts, as
 * they went by:
 *
 *	>   the client's head and body		>>  what the account was sent
 *	<   what the client was told		<<  what the account answered
 *
 * Bodies are asked for piece by piece.  Everything in them is foreign. */
#include "relay-tui/trace_view.h"

#include <unistd.h>

#include "proto/enc.h"

#include "relay-tui/ctl_client.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

/* A part at its largest (setting trace_part), and as text with spaces. */
#define PART_MAX (4 * 1024 * 1024)
#define TEXT_MAX (256 * 1024 * 1024)
#define LINE_MAX (4 * PART_MAX)

struct view {
	const struct command *c;
	struct ctl_client *client;
	enum verdict verdict; /* DONE: nothing went wrong */
};

static struct str
said(const struct command *c, const char *name)
{
	const struct ctl_arg *arg = ctl_match_arg(c->match, name);

	return arg ? arg->value : STR("");
}

static struct str
member(const struct json *o, const char *key)
{
	struct str s = STR("");

	(void)!json_may_str(o, key, &s, NULL);
	return s;
}

/* --- asking ---------------------------------------------------------------- */

/* False: it failed, and that was said. */
static bool
ask(struct view *v, struct str part, int64_t offset, struct ctl_frame *out)
{
	struct json_out *j = ctl_client_begin(v->client, CTL_M_trace_show);
	struct why why = { .text = "" };
	enum err e;

	json_say(j, "trace", said(v->c, "trace"));
	json_say(j, "request", said(v->c, "request"));
	if (part.len)
		json_say(j, "raw", part);
	if (offset)
		json_say_i64(j, "offset", offset);
	e = ctl_client_ask(v->client, out, &why);
	if (e) {
		v->verdict = command_fail_local(v->c->out, e, &why);
		return false;
	}
	if (out->kind == CTL_ERROR) {
		v->verdict = command_fail_answer(v->c->out, out);
		ctl_frame_fini(out);
		return false;
	}
	return true;
}

/* All bytes of a part; of one that is like another, those of that one. */
static bool
fetch(struct view *v, struct str part, struct buf *out)
{
	struct why why = { .text = "" };
	int64_t offset = 0;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(part));
	do {
		struct ctl_frame f;
		struct str same;
		enum err e;

		if (!ask(v, str_of(name), offset, &f))
			return false;
		offset = 0;
		same = member(f.data, "same");
		e = enc_unbase64(out, member(f.data, "base64"), ENC_BASE64);
		if (!e)
			e = json_may_i64(f.data, "offset", 1, PART_MAX, &offset,
			    &why);
		if (same.len) {
			snprintf(name, sizeof(name), "%.*s", STR_ARG(same));
			offset = -1;
		}
		ctl_frame_fini(&f);
		if (e) {
			why_set(&why, e, "", "%s",
			    _("the answer makes no sense"));
			v->verdict = command_fail_local(v->c->out, e, &why);
			return false;
		}
		if (offset < 0)
			return fetch(v, str_of(name), out);
	} while (offset);
	return true;
}

/* --- JSON, indented -------------------------------------------------------- */

static void
new_line(struct buf *out, unsigned depth)
{
	buf_must(out, STR("\n"));
	for (unsigned i = 0; i < depth && i < 40; i++)
		buf_must(out, STR("  "));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
trace_indent(struct str text, struct buf *out)
{
	bool quoted = false, escaped = false;
	unsigned depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i], next = '\0';

		if (quoted) {
			quoted = c != '"' || escaped;
			escaped = c == '\\' && !escaped;
			buf_must(out, str_at(&c, 1));
			continue;
		}
		if (is_blank(c))
			continue;
		for (size_t k = i + 1; k < text.len && !next; k++)
			if (!is_blank(text.at[k]))
				next = text.at[k];
		quoted = c == '"';
		if ((c == '}' || c == ']') && depth)
			depth--;
		if ((c == '}' || c == ']') && buf_len(out) &&
		    out->mem[out->end - 1] != '{' &&
		    out->mem[out->end - 1] != '[')
			new_line(out, depth);
		buf_must(out, str_at(&c, 1));
		if (c == ':')
			buf_must(out, STR(" "));
		if (c == '{' || c == '[')
			depth++;
		if (c == ',' ||
		    ((c == '{' || c == '[') && next != '}' && next != ']'))
			new_line(out, depth);
	}
}

/* --- printing -------------------------------------------------------------- */

static void
print_lines(struct output *o, const char *arrow, struct str text)
{
	struct buf clean;

	buf_init(&clean, LINE_MAX);
	while (text.at && text.len) {
		struct str line = str_cut(&text, '\n');

		if (str_ends(line, STR("\r")))
			line = str_first(line, line.len - 1);
		buf_clear(&clean);
		text_clean(line, &clean);
		out_paint(o, PAINT_DIM, str_of(arrow));
		fputc(' ', o->to);
		fwrite(buf_cstr(&clean), 1, buf_len(&clean), o->to);
		fputc('\n', o->to);
	}
	buf_fini(&clean);
}

static bool
is_tty(const struct output *o)
{
	return isatty(fileno(o->to));
}

static void
print_body(struct output *o, const char *arrow, struct str body)
{
	struct json *tree = NULL;
	struct buf text;

	if (is_tty(o) && json_parse(body, PART_MAX, &tree, NULL) == OK) {
		json_free(tree);
		buf_init(&text, TEXT_MAX);
		trace_indent(body, &text);
		print_lines(o, arrow, buf_str(&text));
		buf_fini(&text);
		return;
	}
	print_lines(o, arrow, body);
}

static const char *
arrow_of(struct str part)
{
	bool up = str_starts(part, STR("up"));
	bool back = str_find(part, STR("answer.")) >= 0;

	if (back)
		return up ? "<<" : "<";
	return up ? ">>" : ">";
}

static bool
is_head(struct str part)
{
	return str_ends(part, STR(".head"));
}

/* What is to be said about a part, in one dim line. */
static void
print_note(struct output *o, const struct json *part)
{
	struct str name = member(part, "part"), same = member(part, "same");
	struct str coding = member(part, "coding");
	bool cut = false;
	int64_t size = 0;
	struct buf line;

	(void)!json_may_bool(part, "cut", &cut, NULL);
	(void)!json_may_i64(part, "size", 0, INT64_C(1) << 53, &size, NULL);
	buf_init(&line, 1024);
	buf_mustf(&line, "%.*s", STR_ARG(str_first(name, 60)));
	if (same.len)
		buf_mustf(&line, _(": the same as %.*s"),
		    STR_ARG(str_first(same, 60)));
	else
		buf_mustf(&line, _(": %lld bytes"), (long long)size);
	if (coding.len)
		buf_mustf(&line, _(", was %.*s"),
		    STR_ARG(str_first(coding, 60)));
	if (cut)
		buf_must(&line, str_of(_(", cut: there was more")));
	fputc('\n', o->to);
	out_paint(o, PAINT_HEAD, buf_str(&line));
	fputc('\n', o->to);
	buf_fini(&line);
}

/* Its bytes, when they are not those of another part. */
static bool
bytes_of(struct view *v, const struct json *part, struct buf *out)
{
	struct str text = member(part, "text"), name = member(part, "part");
	int64_t size = 0;

	(void)!json_may_i64(part, "size", 0, INT64_C(1) << 53, &size, NULL);
	if (text.len)
		return !buf_add(out, text);
	if (!size || member(part, "same").len)
		return true;
	return fetch(v, name, out);
}

static void
print_parts(struct view *v, const struct json *parts)
{
	struct output *o = v->c->out;

	for (const struct json *p = json_first(parts); p && !v->verdict;
	     p = json_next(p)) {
		struct str name = member(p, "part");
		struct buf bytes;

		buf_init(&bytes, PART_MAX);
		if (bytes_of(v, p, &bytes)) {
			print_note(o, p);
			if (is_head(name))
				print_lines(o, arrow_of(name), buf_str(&bytes));
			else
				print_body(o, arrow_of(name), buf_str(&bytes));
		}
		buf_fini(&bytes);
	}
}

static void
print_times(struct output *o, const struct json *request)
{
	const struct json *tries = json_at(request, "attempts");
	struct table t;

	record_print(o, traced_details, request);
	if (json_count(tries)) {
		fputc('\n', o->to);
		table_init(&t, try_columns);
		table_add_all(&t, o, tries);
		table_print(&t, o);
		table_fini(&t);
	}
}

static void
print_request(struct view *v, const struct json *data)
{
	print_times(v->c->out, json_at(data, "request"));
	print_parts(v, json_at(data, "parts"));
}

void
trace_print(struct output *o, const struct json *data)
{
	const struct json *p = json_first(json_at(data, "parts"));

	print_times(o, json_at(data, "request"));
	for (; p; p = json_next(p)) {
		print_note(o, p);
		print_lines(o, arrow_of(member(p, "part")), member(p, "text"));
	}
}

static void
put_part_json(struct view *v, struct json_out *j, const struct json *part)
{
	struct buf bytes, text;

	buf_init(&bytes, PART_MAX);
	buf_init(&text, 2 * PART_MAX);
	if (bytes_of(v, part, &bytes)) {
		json_open(j, '{');
		for (const struct json *m = json_first(part); m;
		     m = json_next(m)) {
			if (str_eq(json_key(m), STR("text")))
				continue;
			json_put_key(j, json_key(m).at);
			json_put_tree(j, m);
		}
		if (json_is_utf8(buf_str(&bytes)))
			json_say(j, "text", buf_str(&bytes));
		else if (!enc_base64(&text, buf_str(&bytes), ENC_BASE64))
			json_say(j, "base64", buf_str(&text));
		json_close(j, '}');
	}
	buf_fini(&bytes);
	buf_fini(&text);
}

static void
print_json(struct view *v, const struct json *data)
{
	const struct json *p = json_first(json_at(data, "parts"));
	struct json_out j;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	json_begin(&j, &text);
	json_open(&j, '{');
	json_put_key(&j, "request");
	json_put_tree(&j, json_at(data, "request"));
	json_put_key(&j, "parts");
	json_open(&j, '[');
	for (; p && !v->verdict; p = json_next(p))
		put_part_json(v, &j, p);
	json_close(&j, ']');
	json_close(&j, '}');
	if (!json_end(&j) && !v->verdict)
		fprintf(v->c->out->to, "%s\n", buf_cstr(&text));
	buf_fini(&text);
}

/* --raw: its bytes as they are, for a file. */
static void
print_raw(struct view *v, struct str part)
{
	struct buf bytes;

	buf_init(&bytes, PART_MAX);
	if (fetch(v, part, &bytes))
		fwrite(buf_cstr(&bytes), 1, buf_len(&bytes), v->c->out->to);
	buf_fini(&bytes);
}

enum verdict
trace_view(const struct command *c)
{
	struct view v = { .c = c, .verdict = DONE };
	struct why why = { .text = "" };
	struct ctl_frame f;
	enum err e = ctl_client_open(c->socket, &v.client, &why);

	if (e)
		return command_fail_local(c->out, e, &why);
	command_take_zone(c, v.client);
	if (said(c, "raw").len) {
		print_raw(&v, said(c, "raw"));
	} else if (ask(&v, STR(""), 0, &f)) {
		if (c->out->json)
			print_json(&v, f.data);
		else
			print_request(&v, f.data);
		ctl_frame_fini(&f);
	}
	ctl_client_close(v.client);
	return v.verdict;
}
