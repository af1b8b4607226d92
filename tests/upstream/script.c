/* SPDX-License-Identifier: MIT */
/* script.c - reads fault scripts.  Never acts on them: wire.c and the
 * dialects do. */
#include "tests/upstream/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/buf.h"
#include "proto/mem.h"

#define OPEN  "[[practice:"
#define CLOSE "]]"

enum kind {
	NUM,
	TEXT,
	LINES
};
enum class {
	FAULT,
	SHAPE
};

struct key {
	const char *name, *help;
	size_t offset;
	enum kind kind;
	enum class class;
};

static const struct key keys[] = {
#define X(k, key_, field_, class_, help_)                                      \
	{ .name = (key_),                                                      \
		.help = (help_),                                               \
		.offset = offsetof(struct script, field_),                     \
		.kind = (k),                                                   \
		.class = (class_) },
#include "tests/upstream/keys.def"
#undef X
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int64_t *
num_of(struct script *s, const struct key *k)
{
	return (int64_t *)(void *)((char *)s + k->offset);
}

static char **
text_of(struct script *s, const struct key *k)
{
	return (char **)(void *)((char *)s + k->offset);
}

static void
key_clear(struct script *s, const struct key *k)
{
	if (k->kind == NUM) {
		*num_of(s, k) = NONE;
		return;
	}
	free(*text_of(s, k));
	*text_of(s, k) = NULL;
}

void
script_init(struct script *s)
{
	*s = (struct script){ .unknown = "" };
	for (size_t i = 0; i < KEYS; i++)
		key_clear(s, &keys[i]);
}

void
script_fini(struct script *s)
{
	for (size_t i = 0; i < KEYS; i++)
		key_clear(s, &keys[i]);
}

void
script_heal(struct script *s)
{
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].class == FAULT)
			key_clear(s, &keys[i]);
}

int64_t
script_num(int64_t value, int64_t other)
{
	return value == NONE ? other : value;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A '+' stays what it is: `length=+5`. */
static char *
url_decode(struct str s)
{
	char *out = xmalloc(s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '%' && i + 2 < s.len &&
		    hex_digit(s.at[i + 1]) >= 0 &&
		    hex_digit(s.at[i + 2]) >= 0) {
			out[n++] = (char)(hex_digit(s.at[i + 1]) * 16 +
			    hex_digit(s.at[i + 2]));
			i += 2;
		} else {
			out[n++] = s.at[i];
		}
	}
	out[n] = '\0';
	return out;
}

static void
key_set(struct script *s, const struct key *k, struct str value)
{
	char *text = url_decode(value), *joined;
	char **at;

	if (k->kind == NUM) {
		*num_of(s, k) = *text ? strtoll(text, NULL, 10) : 1;
		free(text);
		return;
	}
	at = text_of(s, k);
	if (k->kind == LINES && *at) {
		joined = xasprintf("%s\r\n%s", *at, text);
		free(text);
		text = joined;
	}
	free(*at);
	*at = text;
}

void
script_add(struct script *s, struct str text)
{
	struct str rest = text, pair, name;
	size_t i;

	while (rest.at) {
		pair = str_trim(str_cut(&rest, ';'));
		if (pair.len == 0)
			continue;
		name = str_trim(str_cut(&pair, '='));
		for (i = 0; i < KEYS; i++)
			if (str_eq(name, str_of(keys[i].name)))
				break;
		if (i < KEYS)
			key_set(s, &keys[i], str_trim(pair));
		else if (!s->unknown[0])
			snprintf(s->unknown, sizeof(s->unknown), "%.*s",
			    STR_ARG(str_first(name, 60)));
	}
}

void
script_add_marker(struct script *s, struct str body)
{
	struct str last = { NULL, 0 }, rest = body;
	ptrdiff_t at, end;

	while ((at = str_find(rest, STR(OPEN))) >= 0) {
		rest = str_skip(rest, (size_t)at + sizeof(OPEN) - 1);
		end = str_find(rest, STR(CLOSE));
		if (end < 0)
			break;
		last = str_first(rest, (size_t)end);
	}
	if (last.at)
		script_add(s, last);
}

void
script_strip(char *text)
{
	char *open, *close;

	while ((open = strstr(text, OPEN)) != NULL) {
		close = strstr(open, CLOSE);
		if (!close) {
			*open = '\0';
			return;
		}
		close += sizeof(CLOSE) - 1;
		memmove(open, close, strlen(close) + 1);
	}
}

void
script_help(void)
{
	for (size_t i = 0; i < KEYS; i++)
		printf("  %-12s %s\n", keys[i].name, keys[i].help);
}
