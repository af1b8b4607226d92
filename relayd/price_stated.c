/* SPDX-License-Identifier: MIT */
/* price_stated.c - prices as files and people state them.
 *
 * A file's fields have a name for the unit, then perhaps the length of the
 * input from which on they hold, then perhaps a tier:
 *
 *	input_cost_per_token _above_200k_tokens _priority
 *
 * A name that begins like one of ours and goes on in a way that is not known
 * is refused: a price that is not understood must not be left away. */
#include <stdio.h>

#include "proto/cursor.h"

#include "relayd/price.h"

/* STR() in a table that is there before the program runs. */
#define WORD(literal)                                                          \
	{                                                                      \
		literal, sizeof(literal) - 1                                   \
	}

static const struct {
	struct str word, field;
} units[] = {
#define X(name, word, field, instead, text) { WORD(word), WORD(field) },
#include "relayd/price_unit.def"
#undef X
};

static const struct {
	struct str word, suffix;
} tiers[] = {
#define X(name, word, suffix) { WORD(word), WORD(suffix) },
#include "proto/usage_tier.def"
#undef X
};

/* Lengths of inputs that have been priced begin at a thousand tokens. */
#define ABOVE_MAX INT64_C(100000000)

/* Begin like a price of ours, and are something else. */
static const struct str others[] = {
	WORD("input_cost_per_token_cache_hit"),
	WORD("input_cost_per_token_batch_requests"),
	WORD("output_cost_per_token_batch_requests"),
};

/* --- names ----------------------------------------------------------------- */

/* Where a price belongs. */
struct place {
	enum price_unit unit;
	unsigned tier, length; /* length 1: a long input */
	int64_t above;
};

static bool
eat(struct str *s, struct str begin)
{
	if (!str_starts(*s, begin))
		return false;
	*s = str_skip(*s, begin.len);
	return true;
}

/* "_above_200k_tokens" */
static bool
eat_above(struct str *s, int64_t *out)
{
	struct str rest = *s, digits;
	uint64_t n;

	if (!eat(&rest, STR("_above_")))
		return false;
	digits = str_cut(&rest, 'k');
	if (!rest.at || !eat(&rest, STR("_tokens")) || str_u64(digits, &n) ||
	    n == 0 || n > ABOVE_MAX / 1000)
		return false;
	*out = (int64_t)n * 1000;
	*s = rest;
	return true;
}

static bool
tier_of_suffix(struct str suffix, unsigned *out)
{
	for (unsigned i = 0; i < USAGE_TIERS; i++) {
		if (str_eq(suffix, tiers[i].suffix)) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* The unit whose field the name begins with; of two the longer one, for one
 * hour's begins with the other's. */
static bool
unit_of_field(struct str *s, enum price_unit *out)
{
	size_t best = 0;

	for (unsigned i = 0; i < PRICE_UNITS; i++) {
		struct str field = units[i].field, next;

		if (!str_starts(*s, field) || field.len <= best)
			continue;
		next = str_skip(*s, field.len);
		if (next.len && next.at[0] != '_')
			continue;
		best = field.len;
		*out = (enum price_unit)i;
	}
	*s = str_skip(*s, best);
	return best > 0;
}

/* OK: a price.  ERR_UNKNOWN: none of ours.  ERR_VALUE: one that is not
 * understood. */
static enum err
place_of_field(struct str name, struct place *out)
{
	struct str rest = name;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (str_eq(name, others[i]))
			return ERR_UNKNOWN;
	*out = (struct place){ .tier = 0 };
	if (!unit_of_field(&rest, &out->unit))
		return ERR_UNKNOWN;
	out->length = eat_above(&rest, &out->above);
	if (out->unit == PRICE_SEARCH)
		return rest.len || out->length ? ERR_VALUE : OK;
	return tier_of_suffix(rest, &out->tier) ? OK : ERR_VALUE;
}

/* --- reading an entry ------------------------------------------------------ */

static enum err
refuse(struct str field, struct why *out_why, const char *text)
{
	char name[96];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(str_first(field, 95)));
	return why_set(out_why, ERR_VALUE, name, "%s", text);
}

/* A price of 1e-30 is none that anybody means, and would be read as free. */
static bool
says_nothing(struct str number)
{
	for (size_t i = 0; i < number.len; i++) {
		if (number.at[i] == 'e' || number.at[i] == 'E')
			break;
		if (number.at[i] >= '1' && number.at[i] <= '9')
			return false;
	}
	return true;
}

static enum err
read_price(struct str field, struct str value, int64_t max, int64_t *out,
    struct why *out_why)
{
	enum err e = decimal_read(value, PRICE_DIGITS, max, out);

	if (e == ERR_VALUE)
		return refuse(field, out_why, "is below zero");
	if (e == ERR_LIMIT)
		return refuse(field, out_why,
		    "is absurdly high: prices in a file are dollars per token, "
		    "not per million of them");
	if (e)
		return refuse(field, out_why, "is not a number");
	if (*out == 0 && !says_nothing(value))
		return refuse(field, out_why,
		    "is too small to be the price of a token");
	return OK;
}

static enum err
read_factor(struct str field, struct str value, int64_t *out,
    struct why *out_why)
{
	int64_t ppm;

	if (decimal_read(value, PRICE_RATE_DIGITS, PRICE_FACTOR_MAX, &ppm) ||
	    ppm == 0)
		return refuse(field, out_why,
		    "is a factor above 0, and at most 100");
	*out = ppm;
	return OK;
}

static enum err
note_above(struct price_stated *s, int64_t above, struct str field,
    struct why *out_why)
{
	if (s->above && s->above != above)
		return refuse(field, out_why,
		    "a second length of input, where one is understood");
	s->above = above;
	return OK;
}

/* {"search_context_size_medium":0.01,...}: what is asked for is not known, so
 * the middle one it is. */
static enum err
read_search(struct price_stated *s, struct str field, struct str value,
    struct why *out_why)
{
	struct str medium =
	    cursor_find(value, STR("search_context_size_medium"));

	if (!raw_is_object(value))
		return refuse(field, out_why,
		    "is an object with search_context_size_medium");
	if (!medium.len)
		return OK;
	return read_price(field, medium, PRICE_SEARCH_MAX,
	    &s->rates.pico[USAGE_STANDARD][0][PRICE_SEARCH], out_why);
}

static enum err
read_factors(struct price_stated *s, struct str field, struct str value,
    struct why *out_why)
{
	struct cursor c;
	struct member m;
	enum err e = OK;

	if (!raw_is_object(value))
		return refuse(field, out_why, "is an object of factors");
	cursor_init(&c, value);
	while (!e && cursor_next(&c, &m)) {
		if (member_is(&m, STR("fast")))
			e = read_factor(field, m.value, &s->fast_ppm, out_why);
		else if (member_is(&m, STR("us")))
			e = read_factor(field, m.value, &s->us_ppm, out_why);
	}
	return e;
}

static enum err
read_member(struct price_stated *s, const struct member *m, struct why *out_why)
{
	int64_t *output = &s->rates.pico[USAGE_STANDARD][0][PRICE_OUTPUT];
	struct place at;
	enum err e;

	if (str_eq(m->value, STR("null")))
		return OK;
	if (member_is(m, STR("litellm_provider"))) {
		raw_copy(m->value, s->provider, sizeof(s->provider));
		return OK;
	}
	/* What puts nothing out has no price for it. */
	if (member_is(m, STR("mode"))) {
		if (str_eq(raw_text(m->value), STR("embedding")) &&
		    *output == PRICE_NONE)
			*output = 0;
		return OK;
	}
	if (member_is(m, STR("provider_specific_entry")))
		return read_factors(s, m->key, m->value, out_why);
	e = place_of_field(m->key, &at);
	if (e == ERR_UNKNOWN)
		return OK;
	if (e)
		return refuse(m->key, out_why,
		    "is a price for a tier or length that is not understood");
	if (at.unit == PRICE_SEARCH)
		return read_search(s, m->key, m->value, out_why);
	if (at.length) {
		e = note_above(s, at.above, m->key, out_why);
		if (e)
			return e;
	}
	return read_price(m->key, m->value, PRICE_MAX,
	    &s->rates.pico[at.tier][at.length][at.unit], out_why);
}

enum err
price_stated_read(struct price_stated *s, struct str object,
    const char **out_at, struct why *out_why)
{
	struct cursor c;
	struct member m;

	price_stated_init(s);
	*out_at = object.at;
	if (!raw_is_object(object))
		return refuse(STR(""), out_why, "is not an object");
	cursor_init(&c, object);
	while (cursor_next(&c, &m)) {
		*out_at = m.value.at;
		if (read_member(s, &m, out_why))
			return ERR_VALUE;
	}
	return OK;
}

/* --- writing one ----------------------------------------------------------- */

static void
put_number(struct buf *out, const char *before, int64_t n, unsigned digits)
{
	char text[DECIMAL_TEXT];

	decimal_write(n, digits, 0, text);
	buf_mustf(out, "%s%s", before, text);
}

static void
put_rate(struct buf *out, const struct price_stated *s, unsigned t, unsigned l,
    unsigned u)
{
	int64_t pico = s->rates.pico[t][l][u];

	if (pico == PRICE_NONE)
		return;
	buf_mustf(out, ",\"%.*s", STR_ARG(units[u].field));
	if (l)
		buf_mustf(out, "_above_%lldk_tokens",
		    (long long)(s->above / 1000));
	buf_mustf(out, "%.*s\":", STR_ARG(tiers[t].suffix));
	if (u == PRICE_SEARCH) {
		put_number(out, "{\"search_context_size_medium\":", pico,
		    PRICE_DIGITS);
		buf_must(out, STR("}"));
	} else {
		put_number(out, "", pico, PRICE_DIGITS);
	}
}

void
price_stated_write(const struct price_stated *s, struct buf *out)
{
	buf_must(out, STR("{\"litellm_provider\":\""));
	for (const char *p = s->provider; *p; p++)
		if (*p != '"' && *p != '\\')
			buf_mustf(out, "%c", *p);
	buf_must(out, STR("\""));
	for (unsigned t = 0; t < USAGE_TIERS; t++)
		for (unsigned l = 0; l < 2; l++)
			for (unsigned u = 0; u < PRICE_UNITS; u++)
				put_rate(out, s, t, l, u);
	if (s->fast_ppm || s->us_ppm) {
		buf_must(out, STR(",\"provider_specific_entry\":{"));
		if (s->fast_ppm)
			put_number(out, "\"fast\":", s->fast_ppm,
			    PRICE_RATE_DIGITS);
		if (s->us_ppm)
			put_number(out,
			    s->fast_ppm ? ",\"us\":" : "\"us\":", s->us_ppm,
			    PRICE_RATE_DIGITS);
		buf_must(out, STR("}"));
	}
	buf_must(out, STR("}"));
}

/* --- as people say it ------------------------------------------------------ */

/* "[priority_][long_]input" */
static bool
place_of_word(struct str word, struct place *out)
{
	*out = (struct place){ .tier = 0 };
	for (unsigned t = 1; t < USAGE_TIERS; t++) {
		struct str rest = word;

		if (eat(&rest, tiers[t].word) && eat(&rest, STR("_"))) {
			out->tier = t;
			word = rest;
			break;
		}
	}
	out->length = eat(&word, STR("long_"));
	for (unsigned u = 0; u < PRICE_UNITS; u++) {
		if (!str_eq(word, units[u].word))
			continue;
		out->unit = (enum price_unit)u;
		return u != PRICE_SEARCH || (!out->tier && !out->length);
	}
	return false;
}

static enum err
set_above(struct price_stated *s, struct str word, struct str value,
    struct why *out_why)
{
	uint64_t n;

	if (str_u64(value, &n) || n == 0 || n > ABOVE_MAX || n % 1000)
		return refuse(word, out_why,
		    "is a number of tokens in whole thousands, for example "
		    "200000");
	s->above = (int64_t)n;
	return OK;
}

enum err
price_stated_set(struct price_stated *s, struct str word, struct str value,
    struct why *out_why)
{
	struct place at;
	unsigned digits;
	enum err e;

	value = str_trim(value);
	if (str_eq(word, STR("above")))
		return set_above(s, word, value, out_why);
	if (str_eq(word, STR("fast")))
		return read_factor(word, value, &s->fast_ppm, out_why);
	if (str_eq(word, STR("us")))
		return read_factor(word, value, &s->us_ppm, out_why);
	if (!place_of_word(word, &at))
		return why_set(out_why, ERR_UNKNOWN, "fields",
		    "there is no price \"%.*s\": say input, output, "
		    "cache_read, cache_write_5m, cache_write_1h, audio_input, "
		    "audio_output, image_output, search, above, fast or us",
		    STR_ARG(str_first(word, 40)));
	digits = at.unit == PRICE_SEARCH ? PRICE_DIGITS : PRICE_DIGITS - 6;
	e = decimal_read(value, digits,
	    at.unit == PRICE_SEARCH ? PRICE_SEARCH_MAX : PRICE_MAX,
	    &s->rates.pico[at.tier][at.length][at.unit]);
	if (e == ERR_LIMIT)
		return refuse(word, out_why,
		    "is at most 10000 dollars per million tokens");
	if (e)
		return refuse(word, out_why,
		    "is a price in dollars per million tokens, for example "
		    "2.5");
	return OK;
}

static bool
word_of_rate(const struct price_stated *s, unsigned nr, struct price_word *out)
{
	unsigned u = nr % PRICE_UNITS, l = nr / PRICE_UNITS % 2;
	unsigned t = nr / PRICE_UNITS / 2;
	int64_t pico = s->rates.pico[t][l][u];

	if (pico == PRICE_NONE)
		return false;
	snprintf(out->name, sizeof(out->name), "%s%s%s%s",
	    t ? tiers[t].word.at : "", t ? "_" : "", l ? "long_" : "",
	    units[u].word.at);
	decimal_write(pico, u == PRICE_SEARCH ? PRICE_DIGITS : PRICE_DIGITS - 6,
	    0, out->value);
	return true;
}

bool
price_stated_next(const struct price_stated *s, unsigned *io_at,
    struct price_word *out)
{
	const unsigned rates = USAGE_TIERS * 2 * PRICE_UNITS;
	const struct {
		const char *word;
		int64_t n;
		unsigned digits;
	} rest[] = { { "above", s->above, 0 },
		{ "fast", s->fast_ppm, PRICE_RATE_DIGITS },
		{ "us", s->us_ppm, PRICE_RATE_DIGITS } };

	while (*io_at < rates)
		if (word_of_rate(s, (*io_at)++, out))
			return true;
	while (*io_at < rates + 3) {
		unsigned i = (*io_at)++ - rates;

		if (!rest[i].n)
			continue;
		snprintf(out->name, sizeof(out->name), "%s", rest[i].word);
		decimal_write(rest[i].n, rest[i].digits, 0, out->value);
		return true;
	}
	return false;
}
