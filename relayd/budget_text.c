/* SPDX-License-Identifier: MIT */
/* budget_text.c - the words of budgets, and amounts as people say them. */
#include <stdio.h>

#include "relayd/budget.h"
#include "relayd/decimal.h"
#include "relayd/spent.h"

struct word {
	const char *word, *subject;
};

static const struct word scopes[] = {
#define X(name, word, subject, text) { word, subject },
#include "relayd/budget_scope.def"
#undef X
};
static const struct word units[] = {
#define X(name, word, letter, text) { word, "" },
#include "relayd/budget_unit.def"
#undef X
};
static const struct word actions[] = {
#define X(name, word, text) { word, "" },
#include "relayd/budget_action.def"
#undef X
};

static enum err
find(const struct word *all, unsigned count, struct str s, unsigned *out)
{
	for (unsigned i = 0; i < count; i++) {
		if (str_eq(s, str_of(all[i].word))) {
			*out = i;
			return OK;
		}
	}
	return ERR_UNKNOWN;
}

const char *
budget_scope_word(enum budget_scope s)
{
	return scopes[s].word;
}

const char *
budget_scope_subject(enum budget_scope s)
{
	return scopes[s].subject;
}

const char *
budget_unit_word(enum budget_unit u)
{
	return units[u].word;
}

const char *
budget_action_word(enum budget_action a)
{
	return actions[a].word;
}

enum err
budget_scope_read(struct str s, enum budget_scope *out)
{
	unsigned n;
	enum err e = find(scopes, BUDGET_SCOPES, s, &n);

	if (!e)
		*out = (enum budget_scope)n;
	return e;
}

enum err
budget_unit_read(struct str s, enum budget_unit *out)
{
	unsigned n;
	enum err e = find(units, BUDGET_UNITS, s, &n);

	if (!e)
		*out = (enum budget_unit)n;
	return e;
}

enum err
budget_action_read(struct str s, enum budget_action *out)
{
	unsigned n;
	enum err e = find(actions, BUDGET_ACTIONS, s, &n);

	if (!e)
		*out = (enum budget_action)n;
	return e;
}

bool
budget_scope_is_upstream(enum budget_scope s)
{
	return s == BUDGET_ACCOUNT || s == BUDGET_PLATFORM || s == BUDGET_GROUP;
}

bool
budget_unit_is_money(enum budget_unit u)
{
	return u == BUDGET_COST_REAL || u == BUDGET_COST_RATED;
}

/* --- amounts --------------------------------------------------------------- */

/* What an amount is of, as it may be said. */
static const struct {
	const char *word;
	enum budget_unit unit;
} said[] = {
	{ "usd", BUDGET_COST_REAL },
	{ "dollars", BUDGET_COST_REAL },
	{ "dollar", BUDGET_COST_REAL },
	{ "usd rated", BUDGET_COST_RATED },
	{ "requests", BUDGET_REQUESTS },
	{ "request", BUDGET_REQUESTS },
	{ "tokens", BUDGET_TOKENS },
	{ "token", BUDGET_TOKENS },
	{ "input", BUDGET_INPUT },
	{ "input tokens", BUDGET_INPUT },
	{ "output", BUDGET_OUTPUT },
	{ "output tokens", BUDGET_OUTPUT },
};

static enum err
refuse(struct why *out_why)
{
	return why_set(out_why, ERR_VALUE, "limit",
	    "is no amount; write for example '20 usd', '1.5M tokens', "
	    "'200k output' or '100 requests'");
}

/* "k" and "M" in front of the unit. */
static unsigned
take_thousands(struct str *io)
{
	static const char letters[] = "kKmMgG";
	const char *at = io->len ? strchr(letters, io->at[0]) : NULL;

	/* "m" of no word. */
	if (!at || !*at || (io->len > 1 && io->at[1] != ' '))
		return 0;
	*io = str_trim(str_skip(*io, 1));
	return 3 * (unsigned)((at - letters) / 2 + 1);
}

/* Is it more than nothing, however little? */
static bool
has_digit(struct str number)
{
	for (size_t i = 0; i < number.len; i++)
		if (number.at[i] >= '1' && number.at[i] <= '9')
			return true;
	return false;
}

enum err
budget_amount_read(struct str s, enum budget_unit *out_unit,
    int64_t *out_amount, struct why *out_why)
{
	struct str number = str_trim(s), word;
	bool dollar = number.len && number.at[0] == '$';
	unsigned digits;
	size_t n = 0;
	enum err e;

	if (dollar)
		number = str_trim(str_skip(number, 1));
	while (n < number.len && strchr("0123456789.", number.at[n]))
		n++;
	word = str_trim(str_skip(number, n));
	number = str_first(number, n);
	digits = take_thousands(&word);
	if (dollar)
		word = word.len ? STR("?") : STR("usd");
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (!str_ieq(word, str_of(said[i].word)))
			continue;
		if (budget_unit_is_money(said[i].unit))
			digits += 6;
		e = decimal_read(number, digits, SPENT_MAX, out_amount);
		if (e == ERR_LIMIT)
			return why_set(out_why, ERR_VALUE, "limit",
			    "is more than can be counted");
		if (e)
			return refuse(out_why);
		if (!*out_amount && has_digit(number))
			return why_set(out_why, ERR_VALUE, "limit",
			    "is less than can be counted; the least is %s",
			    budget_unit_is_money(said[i].unit) ? "0.000001 usd"
							       : "1");
		*out_unit = said[i].unit;
		return OK;
	}
	return refuse(out_why);
}

void
budget_amount_text(enum budget_unit u, int64_t amount, char out[BUDGET_TEXT])
{
	char number[DECIMAL_TEXT];

	if (budget_unit_is_money(u)) {
		decimal_write(amount, 6, 2, number);
		snprintf(out, BUDGET_TEXT, "%s usd%s", number,
		    u == BUDGET_COST_RATED ? " rated" : "");
		return;
	}
	snprintf(out, BUDGET_TEXT, "%lld %s%s", (long long)amount,
	    u == BUDGET_REQUESTS     ? "request"
		: u == BUDGET_INPUT  ? "input token"
		: u == BUDGET_OUTPUT ? "output token"
				     : "token",
	    amount == 1 ? "" : "s");
}
