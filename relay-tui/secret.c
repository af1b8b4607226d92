/* SPDX-License-Identifier: MIT */
/* secret.c - secrets from a terminal, a pipe, a file or a descriptor. */
#include "relay-tui/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "relay-tui/words.h"

void
secret_init(struct buf *out)
{
	char *at;
	size_t room;

	buf_init(out, SECRET_MAX);
	if (buf_room(out, SECRET_MAX, &at, &room))
		abort();
}

bool
secret_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* To the end, or to the end of a line. */
static enum err
read_all(int fd, bool one_line, struct buf *out, struct why *out_why)
{
	for (;;) {
		char *at;
		size_t room;
		ssize_t n;

		if (buf_room(out, 1, &at, &room))
			return why_set(out_why, ERR_LIMIT, "",
			    _("a secret has at most %d bytes"), SECRET_MAX - 1);
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(out_why, ERR_IO, "",
			    _("it cannot be read: %s"), strerror(errno));
		if (n == 0)
			return OK;
		buf_grew(out, (size_t)n);
		if (one_line && str_chr(buf_str(out), '\n') >= 0)
			return OK;
	}
}

static enum err
read_terminal(const char *prompt, struct buf *out, struct why *out_why)
{
	struct termios shown, hidden;
	enum err e;

	fprintf(stderr, "%s: ", prompt);
	fflush(stderr);
	if (tcgetattr(STDIN_FILENO, &shown))
		return why_set(out_why, ERR_IO, "",
		    _("the terminal cannot hide what is typed"));
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden))
		return why_set(out_why, ERR_IO, "",
		    _("the terminal cannot hide what is typed"));
	e = read_all(STDIN_FILENO, true, out, out_why);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	return e;
}

static enum err
read_descriptor(struct str from, struct buf *out, struct why *out_why)
{
	uint64_t fd;

	if (str_u64(from, &fd) || fd > 65535)
		return why_set(out_why, ERR_VALUE, "",
		    _("\"%.*s\" is no descriptor"), STR_ARG(from));
	return read_all((int)fd, false, out, out_why);
}

static enum err
read_file(struct str from, struct buf *out, struct why *out_why)
{
	char path[4096];
	enum err e;
	int fd;

	if (str_eq(from, STR("-")))
		return read_all(STDIN_FILENO, false, out, out_why);
	snprintf(path, sizeof(path), "%.*s", STR_ARG(from));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return why_set(out_why, ERR_IO, "", "%s: %s", path,
		    strerror(errno));
	e = read_all(fd, false, out, out_why);
	close(fd);
	return e;
}

enum err
secret_read(enum ctl_source source, struct str from, const char *prompt,
    struct buf *out, struct why *out_why)
{
	enum err e = OK;
	struct str s;

	switch (source) {
	case CTL_FILE:
		e = read_file(from, out, out_why);
		break;
	case CTL_FD:
		e = read_descriptor(from, out, out_why);
		break;
	case CTL_SAID:
	case CTL_STDIN:
		e = isatty(STDIN_FILENO)
		    ? read_terminal(prompt, out, out_why)
		    : read_all(STDIN_FILENO, false, out, out_why);
		break;
	}
	if (e)
		return e;
	s = buf_str(out);
	while (s.len && (s.at[s.len - 1] == '\n' || s.at[s.len - 1] == '\r'))
		s.len--;
	buf_chop(out, buf_len(out) - s.len);
	if (s.len == 0)
		return why_set(out_why, ERR_VALUE, "", _("no secret came"));
	return OK;
}

/* "7KQ2-MHXA-9TBE-4RWC" */
static bool
is_like_voucher(struct str word)
{
	if (word.len != 19)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (i % 5 == 4
			? c != '-'
			: !((c >= '2' && c <= '9') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return true;
}

bool
secret_is_like(struct str word)
{
	static const struct {
		const char *begin;
		size_t least;
	} shapes[] = { { "sk-", 20 }, { "fk-", 20 }, { "cr_", 40 },
		{ "AIza", 30 }, { "ya29.", 30 }, { "Bearer ", 20 } };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (word.len >= shapes[i].least &&
		    str_starts(word, str_of(shapes[i].begin)))
			return true;
	return is_like_voucher(word);
}

bool
secret_is_name(const char *name)
{
	static const char *const parts[] = { "key", "token", "secret",
		"password", "credential" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (str_find(str_of(name), str_of(parts[i])) >= 0)
			return true;
	return false;
}
