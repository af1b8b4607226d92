/* SPDX-License-Identifier: MIT */
/* price.h - what a model costs, and what an answer of it has cost.
 *
 * Prices are whole pico-dollars (10^-12 dollar) per token, so every price that
 * anybody states in dollars per million tokens is exact down to the sixth
 * digit; multipliers are millionths.  A cost is summed in pico-dollars and
 * rounded once, half up, to micro-dollars.  Nothing here waits or allocates:
 * a budget can ask what a request would cost, as the settling of one does. */
#ifndef RELAYD_PRICE_H
#define RELAYD_PRICE_H

#include "proto/buf.h"
#include "proto/usage.h"

#include "relayd/decimal.h"

enum price_unit {
#define X(name, word, field, instead, text) PRICE_##name,
#include "relayd/price_unit.def"
#undef X
	PRICE_UNITS
};

#define PRICE_NONE	  (-1)
#define PRICE_DIGITS	  12 /* of a dollar */
#define PRICE_RATE_DIGITS 6  /* of a multiplier */
#define PRICE_RATE_ONE	  INT64_C(1000000)
/* More than a cent per token is a price per million in the wrong place. */
#define PRICE_MAX	 INT64_C(10000000000)
#define PRICE_SEARCH_MAX INT64_C(10000000000000) /* ten dollars */
#define PRICE_FACTOR_MAX (100 * PRICE_RATE_ONE)
/* The most that a cost or a rated cost can be. */
#define PRICE_COST_MAX (INT64_C(1) << 53)

/* [is the input longer than `above`?][unit] for each tier. */
struct price_rates {
	int64_t pico[USAGE_TIERS][2][PRICE_UNITS];
};

/* What somebody has stated; the rest is PRICE_NONE, or 0. */
struct price_stated {
	struct price_rates rates;
	int64_t above;		  /* tokens read; a longer input is long */
	int64_t fast_ppm, us_ppm; /* factors; 0: not stated */
	char provider[48];	  /* "anthropic"; may be empty */
};

enum price_origin {
	PRICE_PACKAGED,
	PRICE_UPDATED,	/* `price update` */
	PRICE_OVERRIDE, /* `price override` */
};

/* An entry of a table, with every gap filled as far as that is known. */
struct price {
	struct str name; /* a model, or a glob */
	struct price_rates rates;
	int64_t above, fast_ppm, us_ppm;
	enum price_origin origin;
	uint64_t id;	 /* of exactly this name and these prices; never 0 */
	struct str text; /* what is stated, as JSON */
};

/* --- what it costs --------------------------------------------------------- */

struct price_line {
	int64_t count, pico; /* PRICE_NONE: there is no price for it */
};
struct price_sum {
	struct price_line lines[PRICE_UNITS];
	int64_t micro;
	bool is_long;
	bool whole; /* everything counted has a price */
};

void
price_cost(const struct price *p, const struct usage *u, struct price_sum *out);
/* What a line costs, in dollars, exactly where that can be said. */
void price_line_text(const struct price_line *line, char out[DECIMAL_TEXT]);
/* micro * ppm, rounded half up. */
int64_t price_rated(int64_t micro, int64_t rate_ppm);
/* "1.25", more than 0 and at most 1000; empty: 1.  ERR_VALUE. */
enum err price_rate_read(struct str text, int64_t *out_ppm) CHECKED;
/* Both rates together; never 0. */
int64_t price_rate_times(int64_t a_ppm, int64_t b_ppm);

/* --- stating it ------------------------------------------------------------ */

void price_stated_init(struct price_stated *s);
/* What `over` states replaces what `s` states. */
void
price_stated_merge(struct price_stated *s, const struct price_stated *over);
/* Input and output are stated, so that nothing is given away. */
bool price_is_stated(const struct price_stated *s);
/* p's rates, above and factors. */
void price_settle(struct price *p, const struct price_stated *s);

/* An entry's object of a price file: fields that are no prices are passed
 * over.  ERR_VALUE; out_why->field is the field, *out_at where it stands. */
enum err price_stated_read(struct price_stated *s, struct str object,
    const char **out_at, struct why *out_why) CHECKED;
/* The same object, with nothing in it but what counts. */
void price_stated_write(const struct price_stated *s, struct buf *out);

/* "input", "priority_long_output", "above", "fast": as people say it, in
 * dollars per million tokens (of search: per one).  ERR_UNKNOWN, ERR_VALUE. */
enum err price_stated_set(struct price_stated *s, struct str word,
    struct str value, struct why *out_why) CHECKED;
/* The next of such words that is stated; *io_at is 0 at first. */
struct price_word {
	char name[48], value[DECIMAL_TEXT];
};
bool price_stated_next(const struct price_stated *s, unsigned *io_at,
    struct price_word *out);

const char *price_unit_word(enum price_unit u);
const char *price_unit_text(enum price_unit u);
const char *price_origin_name(enum price_origin o);

#endif
