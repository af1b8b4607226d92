/* SPDX-License-Identifier: MIT */
/* conf.c - reads relayd.conf: libinih splits the lines, the table says what
 * they mean.
 *
 * All texts are gathered first and then read by type, so that a list may go on
 * over several lines.  Of all faults the one that stands first is told. */
#include "relayd/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ini.h>

#include "proto/buf.h"
#include "proto/mem.h"

#include "relayd/conf_value.h"

#define LINE_MAX_BYTES 2048

struct option {
	const char *name, *preset, *help;
	enum conf_type type;
	bool needs_restart;
	size_t offset;
};

enum when {
	RELOAD,
	START
};

static const struct option options[CONF_NR] = {
#define X(type, name, preset, when, help)                                      \
	{ #name, preset, help, CONF_##type, (when) == START,                   \
		offsetof(struct conf, name) },
#include "relayd/conf.def"
#undef X
};

/* One reading under way. */
struct reading {
	struct str rest; /* of the file */
	const char *file;
	unsigned line;
	struct conf *conf;
	/* The fault that stands first. */
	bool failed;
	unsigned failed_line;
	struct why why;
};

static void *
member(struct conf *c, const struct option *o)
{
	return (char *)c + o->offset;
}

/* Note a fault, unless one further up is known. */
static void
fail(struct reading *r, unsigned line, const char *name, const char *text)
{
	char where[PATH_MAX + 16];

	if (r->failed && r->failed_line <= line)
		return;
	r->failed = true;
	r->failed_line = line;
	if (line)
		snprintf(where, sizeof(where), "%s:%u", r->file, line);
	else
		snprintf(where, sizeof(where), "%s", r->file);
	why_set(&r->why, ERR_VALUE, name, "%s: %s%s%s", where, name,
	    *name ? ": " : "", text);
	/* It may quote the file, and is read in a terminal. */
	for (char *p = r->why.text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* --- lines ---------------------------------------------------------------------- */

/* fgets(3) on what is in memory, for libinih. */
static char *
next_line(char *out, int size, void *stream)
{
	struct reading *r = stream;
	struct str line;
	size_t n;

	if (!r->rest.at || r->rest.len == 0)
		return NULL;
	line = str_cut(&r->rest, '\n');
	r->line++;
	n = line.len;
	if (n > (size_t)size - 2) {
		fail(r, r->line, "", "the line is too long");
		n = 0;
	}
	if (n && memchr(line.at, '\0', n)) {
		fail(r, r->line, "", "the line holds a NUL byte");
		n = 0;
	}
	memcpy(out, line.at, n);
	out[n] = '\n';
	out[n + 1] = '\0';
	return out;
}

/* Up to a ';' that follows a blank. */
static struct str
without_comment(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == ';' &&
		    (i == 0 || s.at[i - 1] == ' ' || s.at[i - 1] == '\t'))
			return str_trim(str_first(s, i));
	return str_trim(s);
}

static const struct option *
option_of(const char *name)
{
	for (size_t i = 0; i < CONF_NR; i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

static bool
may_repeat(enum conf_type type)
{
	return type == CONF_LIST || type == CONF_LISTEN ||
	    type == CONF_SERVERS || type == CONF_CIDRS;
}

/* Called by libinih for every "name = value", and again with the same name for
 * every indented line after it. */
static int
on_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	const struct option *o = option_of(name);
	struct conf_said *said;
	struct str text = without_comment(str_of(value));
	char *old;

	if (*section) {
		fail(r, r->line, name, "sections are not used, remove [...]");
		return 1;
	}
	if (!o) {
		fail(r, r->line, name,
		    "there is no such option, see relayd.conf(5)");
		return 1;
	}
	said = &r->conf->said[o - options];
	if (said->line && !may_repeat(o->type)) {
		fail(r, r->line, name, "is given twice");
		return 1;
	}
	if (!said->line)
		said->line = r->line;
	old = said->text;
	/* A line without a value adds nothing. */
	if (old && !text.len)
		return 1;
	said->text = old && *old ? xasprintf("%s, %.*s", old, STR_ARG(text))
				 : xmemdup(text.at, text.len);
	free(old);
	return 1;
}

/* --- the whole -------------------------------------------------------------------- */

static const char *
preset_of(const struct conf *c, enum conf_option nr)
{
	if (nr == CONF_NR_state_dir)
		return c->places.state_dir;
	if (nr == CONF_NR_control)
		return c->places.control;
	return options[nr].preset;
}

static void
read_values(struct reading *r)
{
	struct conf *c = r->conf;

	for (size_t i = 0; i < CONF_NR; i++) {
		const struct option *o = &options[i];
		struct conf_said *said = &c->said[i];
		struct why why;

		if (!said->text)
			said->text = xstrdup(preset_of(c, (enum conf_option)i));
		if (conf_value_read((enum conf_option)i, o->type,
			str_of(said->text), member(c, o), &why))
			fail(r, said->line, o->name, why.text);
	}
}

/* What no option knows alone. */
static void
check_together(struct reading *r)
{
	const struct conf *c = r->conf;

	if (c->max_body > c->body_budget)
		fail(r,
		    c->said[CONF_NR_body_budget].line
			? c->said[CONF_NR_body_budget].line
			: c->said[CONF_NR_max_body].line,
		    "body_budget",
		    "is smaller than max_body, write for example 256M");
	if (c->proxy_protocol && !c->trusted_proxies.n)
		fail(r, c->said[CONF_NR_proxy_protocol].line, "proxy_protocol",
		    "is on, but trusted_proxies names nobody who could speak "
		    "it, write there for example 127.0.0.1");
	if (!*c->state_dir)
		fail(r, c->said[CONF_NR_state_dir].line, "state_dir",
		    "is empty, write for example /var/lib/relayd");
	if (!*c->control)
		fail(r, c->said[CONF_NR_control].line, "control",
		    "is empty, write for example /run/relayd/control.sock");
	if (!*c->control_group)
		fail(r, c->said[CONF_NR_control_group].line, "control_group",
		    "is empty, write for example relay");
}

enum err
conf_parse(struct str text, const char *file, const struct places *places,
    const struct conf **out, struct why *out_why)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	struct reading r = { .rest = text, .file = file, .conf = c };
	int bad_line;

	c->refs = xmalloc(sizeof(*c->refs));
	*c->refs = 1;
	c->file = xstrdup(file);
	places_copy(places, &c->places);
	/* libinih's own limit of 200 bytes is short for a path. */
	ini_max_line = LINE_MAX_BYTES;
	bad_line = ini_parse_stream(next_line, &r, on_pair, &r);
	if (bad_line > 0)
		fail(&r, (unsigned)bad_line, "",
		    "is not of the form \"option = value\"");
	read_values(&r);
	if (!r.failed)
		check_together(&r);
	if (r.failed) {
		conf_unref(c);
		return why_set(out_why, ERR_VALUE, r.why.field, "%s",
		    r.why.text);
	}
	*out = c;
	return OK;
}

/* --- files ------------------------------------------------------------------------ */

static enum err
read_file(const char *file, struct buf *out, struct why *out_why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum err e = OK;
	ssize_t n;

	if (fd < 0)
		return why_set(out_why, errno == ENOENT ? ERR_UNKNOWN : ERR_IO,
		    "file", "%s: %s", file, strerror(errno));
	do {
		char *at;
		size_t room;

		e = buf_room(out, 1, &at, &room);
		if (e) {
			e = why_set(out_why, ERR_LIMIT, "file",
			    "%s: is larger than %d bytes", file, CONF_FILE_MAX);
			break;
		}
		n = read(fd, at, room);
		if (n < 0)
			e = why_set(out_why, ERR_IO, "file", "%s: %s", file,
			    strerror(errno));
		else
			buf_grew(out, (size_t)n);
	} while (e == OK && n > 0);
	close(fd);
	return e;
}

static enum err
read_at(const char *file, bool may_miss, const struct places *places,
    const struct conf **out, struct why *out_why)
{
	struct buf text;
	enum err e;

	buf_init(&text, CONF_FILE_MAX);
	e = read_file(file, &text, out_why);
	if (e == ERR_UNKNOWN && may_miss)
		e = OK;
	if (e == OK)
		e = conf_parse(buf_str(&text), file, places, out, out_why);
	buf_fini(&text);
	return e;
}

/* A reload reads the same file, wherever we stand by then. */
static char *
absolute(const char *file)
{
	char *here, *path;

	if (file[0] == '/')
		return xstrdup(file);
	here = getcwd(NULL, 0);
	path = xasprintf("%s/%s", here ? here : "", file);
	free(here);
	return path;
}

enum err
conf_read(const char *file, const struct conf **out, struct why *out_why)
{
	struct places places;
	char *path;
	enum err e;

	e = places_find(&places, out_why);
	if (e)
		return e;
	path = absolute(file ? file : places.file);
	e = read_at(path, !file, &places, out, out_why);
	free(path);
	places_fini(&places);
	return e;
}

enum err
conf_reread(const struct conf *old, const struct conf **out,
    struct why *out_why)
{
	return read_at(old->file, !strcmp(old->file, old->places.file),
	    &old->places, out, out_why);
}

/* --- life and sight ----------------------------------------------------------------- */

const struct conf *
conf_ref(const struct conf *c)
{
	++*c->refs;
	return c;
}

void
conf_unref(const struct conf *c)
{
	struct conf *mine;

	if (!c || --*c->refs)
		return;
	/* The last reference: nobody else can see it change. */
	mine = (struct conf *)(uintptr_t)c;
	for (size_t i = 0; i < CONF_NR; i++) {
		conf_value_fini(options[i].type, member(mine, &options[i]));
		free(mine->said[i].text);
	}
	places_fini(&mine->places);
	free(mine->file);
	free(mine->refs);
	free(mine);
}

void
conf_row(const struct conf *c, enum conf_option nr, struct conf_row *out)
{
	*out = (struct conf_row){
		.name = options[nr].name,
		.value = c->said[nr].text,
		.preset = preset_of(c, nr),
		.help = options[nr].help,
		.line = c->said[nr].line,
		.needs_restart = options[nr].needs_restart,
	};
}

size_t
conf_diff(const struct conf *old, const struct conf *new,
    enum conf_option out_changed[CONF_NR])
{
	size_t n = 0;

	for (size_t i = 0; i < CONF_NR; i++)
		if (strcmp(old->said[i].text, new->said[i].text) != 0)
			out_changed[n++] = (enum conf_option)i;
	return n;
}
