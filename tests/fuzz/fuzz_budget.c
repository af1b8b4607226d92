/* SPDX-License-Identifier: MIT */
/* fuzz_budget.c - any bytes as an amount, a window and charges: refused with a
 * word of what would be right, or read, written and read again to the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "relayd/budget.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_amount(struct str s)
{
	enum budget_unit unit, again;
	int64_t amount, same;
	char text[BUDGET_TEXT];
	struct why why;

	if (budget_amount_read(s, &unit, &amount, &why)) {
		must(why.text[0] != '\0');
		return;
	}
	must(amount >= 0 && amount <= SPENT_MAX);
	budget_amount_text(unit, amount, text);
	must(!budget_amount_read(str_of(text), &again, &same, &why));
	must(again == unit && same == amount);
}

static void
check_window(struct str s)
{
	struct cycle w, again;
	char text[CYCLE_TEXT], same[CYCLE_TEXT];
	struct why why;

	if (cycle_read(s, &w, &why)) {
		must(why.text[0] != '\0');
		return;
	}
	cycle_write(&w, text);
	must(!cycle_read(str_of(text), &again, &why));
	cycle_write(&again, same);
	must(!strcmp(text, same) && again.kind == w.kind &&
	    again.length_ms == w.length_ms && again.minute == w.minute);
}

/* What is understood is written as it was read. */
static void
check_charges(struct str s)
{
	struct spent_charge c;
	struct buf out;

	buf_init(&out, SPENT_TEXT_MAX);
	while (spent_next(&s, &c)) {
		struct spent_charge again;
		struct str text;

		buf_clear(&out);
		must(!spent_put(&out, &c));
		text = buf_str(&out);
		must(spent_next(&text, &again) && !text.len);
		must(str_eq(again.id, c.id) && again.at_ms == c.at_ms &&
		    again.unit == c.unit);
	}
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
	struct str s = str_at((const char *)at, size);

	check_amount(s);
	check_window(s);
	check_charges(s);
	return 0;
}
