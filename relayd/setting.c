/* SPDX-License-Identifier: MIT */
/* setting.c - text into tunables and back, by the table. */
#include "relayd/setting.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayd/price.h"

/* Of a dollar. */
#define MONEY_DIGITS 6

enum kind {
	TIME,
	BYTES,
	COUNT,
	RATE,
	MONEY,
	CHOICE,
	TEXT
};

static const struct setting_row rows[] = {
#define X(kind, name, value, least, most, unit, help)                          \
	{ #name, value, least, most, unit, help },
#include "relayd/setting.def"
#undef X
};

static const enum kind kinds[] = {
#define X(kind, name, value, least, most, unit, help) kind,
#include "relayd/setting.def"
#undef X
};

#define MEMBER_TIME(name)   offsetof(struct settings, name##_ms)
#define MEMBER_BYTES(name)  offsetof(struct settings, name##_bytes)
#define MEMBER_COUNT(name)  offsetof(struct settings, name)
#define MEMBER_RATE(name)   offsetof(struct settings, name##_ppm)
#define MEMBER_MONEY(name)  offsetof(struct settings, name##_micro)
#define MEMBER_CHOICE(name) offsetof(struct settings, name)
#define MEMBER_TEXT(name)   offsetof(struct settings, name)

static const size_t offsets[] = {
#define X(kind, name, value, least, most, unit, help) MEMBER_##kind(name),
#include "relayd/setting.def"
#undef X
};

/* All kinds but TEXT are 64 bits wide and never negative, so that one reader
 * and one writer serve them. */
static uint64_t
member_get(const struct settings *s, enum setting nr)
{
	uint64_t v;

	memcpy(&v, (const char *)s + offsets[nr], sizeof(v));
	return v;
}

static void
member_put(struct settings *s, enum setting nr, uint64_t v)
{
	memcpy((char *)s + offsets[nr], &v, sizeof(v));
}

static const char *
member_text(const struct settings *s, enum setting nr)
{
	return (const char *)s + offsets[nr];
}

/* It fits, by its bounds. */
static void
member_put_text(struct settings *s, enum setting nr, struct str text)
{
	char *at = (char *)s + offsets[nr];

	memset(at, 0, SETTING_VALUE);
	assert(text.len < SETTING_VALUE);
	memcpy(at, text.at, text.len);
}

/* The words of a choice: two, or those that `unit` lists. */
static struct str
choice_word(enum setting nr, uint64_t at)
{
	struct str rest = str_of(rows[nr].unit), word;

	if (!rest.len)
		return str_of(at == 0 ? rows[nr].least
			: at == 1     ? rows[nr].most
				      : "");
	do
		word = rest.at ? str_cut(&rest, '|') : STR("");
	while (at-- > 0);
	return word;
}

static enum err
read_choice(enum setting nr, struct str text, uint64_t *out,
    struct why *out_why)
{
	struct str word;

	text = str_trim(text);
	for (uint64_t i = 0; (word = choice_word(nr, i)).len; i++) {
		if (!str_eq(text, word))
			continue;
		*out = i;
		return OK;
	}
	if (rows[nr].unit[0])
		return why_set(out_why, ERR_VALUE, NULL, "is one of %s",
		    rows[nr].unit);
	return why_set(out_why, ERR_VALUE, NULL, "is %s or %s", rows[nr].least,
	    rows[nr].most);
}

/* "0.50usd", "$0.50", and 0, which has no currency. */
static enum err
read_money(struct str text, uint64_t *out, struct why *out_why)
{
	int64_t micro;
	bool is_said;

	text = str_trim(text);
	is_said = str_eq(text, STR("0"));
	if (str_starts(text, STR("$"))) {
		text = str_skip(text, 1);
		is_said = true;
	} else if (str_ends(text, STR("usd"))) {
		text = str_trim(str_first(text, text.len - 3));
		is_said = true;
	}
	if (!is_said || decimal_read(text, MONEY_DIGITS, INT64_MAX / 2, &micro))
		return why_set(out_why, ERR_VALUE, NULL,
		    "is an amount of money, write for example 0.50usd");
	*out = (uint64_t)micro;
	return OK;
}

static enum err
read_value(enum setting nr, struct str text, uint64_t *out, struct why *out_why)
{
	int64_t ms;
	enum err e;

	switch (kinds[nr]) {
	case TIME:
		e = unit_read_ms(text, &ms, out_why);
		if (e == OK)
			*out = (uint64_t)ms;
		return e;
	case BYTES:
		return unit_read_bytes(text, out, out_why);
	case COUNT:
		if (str_u64(str_trim(text), out))
			return why_set(out_why, ERR_VALUE, NULL,
			    "is not a whole number, write for example 3");
		return OK;
	case RATE:
		if (price_rate_read(str_trim(text), &ms) || !str_trim(text).len)
			return why_set(out_why, ERR_VALUE, NULL,
			    "is a factor above 0 and at most 1000, write for "
			    "example 1.25");
		*out = (uint64_t)ms;
		return OK;
	case MONEY:
		return read_money(text, out, out_why);
	case CHOICE:
		return read_choice(nr, text, out, out_why);
	case TEXT:
		break;
	}
	assert(!"a kind without a reader");
	return ERR_VALUE;
}

/* What stands in the table is ours to have written well. */
static uint64_t
own_value(enum setting nr, const char *text)
{
	uint64_t v = 0;
	enum err e = read_value(nr, str_of(text), &v, NULL);

	assert(e == OK);
	return v;
}

const struct setting_row *
setting_row(enum setting nr)
{
	assert(nr < SETTING_NR);
	return &rows[nr];
}

/* How many bytes two names share at their beginning. */
static size_t
common(struct str a, const char *b)
{
	size_t n = 0;

	while (n < a.len && b[n] && a.at[n] == b[n])
		n++;
	return n;
}

enum err
setting_find(struct str name, enum setting *out, struct why *out_why)
{
	size_t best = 0, nearest = SETTING_NR;

	for (size_t i = 0; i < SETTING_NR; i++) {
		size_t n = common(name, rows[i].name);

		if (str_eq(name, str_of(rows[i].name))) {
			*out = (enum setting)i;
			return OK;
		}
		if (n > best) {
			best = n;
			nearest = i;
		}
	}
	if (best < 3)
		return why_set(out_why, ERR_UNKNOWN, "name",
		    "there is no such setting");
	return why_set(out_why, ERR_UNKNOWN, "name",
	    "there is no such setting; is it %s?", rows[nearest].name);
}

void
settings_default(struct settings *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < SETTING_NR; i++)
		if (kinds[i] == TEXT)
			member_put_text(out, (enum setting)i,
			    str_of(rows[i].value));
		else
			member_put(out, (enum setting)i,
			    own_value((enum setting)i, rows[i].value));
}

/* The bounds of a text are those of its length. */
static enum err
set_text(struct settings *s, enum setting nr, struct str text,
    struct why *out_why)
{
	uint64_t least = 0, most = 0;

	text = str_trim(text);
	if (str_u64(str_of(rows[nr].least), &least) ||
	    str_u64(str_of(rows[nr].most), &most))
		abort();
	if (text.len < least || text.len > most)
		return why_set(out_why, ERR_VALUE, rows[nr].name,
		    "must have from %s to %s bytes", rows[nr].least,
		    rows[nr].most);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return why_set(out_why, ERR_VALUE, rows[nr].name,
			    "must be one line without control characters");
	member_put_text(s, nr, text);
	return OK;
}

enum err
settings_set(struct settings *s, struct str name, struct str value,
    struct why *out_why)
{
	enum setting nr;
	struct why why;
	uint64_t v = 0;
	enum err e;

	e = setting_find(name, &nr, out_why);
	if (e)
		return e;
	if (kinds[nr] == TEXT)
		return set_text(s, nr, value, out_why);
	e = read_value(nr, value, &v, &why);
	if (e)
		return why_set(out_why, e, rows[nr].name, "%s", why.text);
	if (v < own_value(nr, rows[nr].least) ||
	    v > own_value(nr, rows[nr].most))
		return why_set(out_why, ERR_VALUE, rows[nr].name,
		    "must be from %s to %s, for example %s", rows[nr].least,
		    rows[nr].most, rows[nr].value);
	member_put(s, nr, v);
	return OK;
}

void
settings_text(const struct settings *s, enum setting nr,
    char out[SETTING_VALUE])
{
	char text[DECIMAL_TEXT];
	uint64_t v = 0;

	assert(nr < SETTING_NR);
	if (kinds[nr] != TEXT)
		v = member_get(s, nr);
	switch (kinds[nr]) {
	case TIME:
		unit_write_ms((int64_t)v, out);
		break;
	case BYTES:
		unit_write_bytes(v, out);
		break;
	case COUNT:
		snprintf(out, SETTING_VALUE, "%" PRIu64, v);
		break;
	case RATE:
		decimal_write((int64_t)v, PRICE_RATE_DIGITS, 2, text);
		snprintf(out, SETTING_VALUE, "%.*s", SETTING_VALUE - 1, text);
		break;
	case MONEY:
		decimal_write((int64_t)v, MONEY_DIGITS, 2, text);
		snprintf(out, SETTING_VALUE, "%.*s%s", SETTING_VALUE - 4,
		    v ? text : "0", v ? "usd" : "");
		break;
	case CHOICE:
		snprintf(out, SETTING_VALUE, "%.*s",
		    STR_ARG(choice_word(nr, v)));
		break;
	case TEXT:
		snprintf(out, SETTING_VALUE, "%s", member_text(s, nr));
		break;
	}
}

bool
settings_is_default(const struct settings *s, enum setting nr)
{
	assert(nr < SETTING_NR);
	if (kinds[nr] == TEXT)
		return !strcmp(member_text(s, nr), rows[nr].value);
	return member_get(s, nr) == own_value(nr, rows[nr].value);
}
