/* SPDX-License-Identifier: MIT */
/* fuzz_price.c - any bytes as a price file: refused in one line, or read,
 * written and read again to the same; and no price in it is a gift. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "relayd/price_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
check_costs(const struct price_set *s)
{
	const struct usage u = { .input = 1000, .output = 7, .cache_read = 3 };
	struct price_table *t = price_table_new(s, NULL, NULL);

	for (size_t i = 0; i < price_count(t); i++) {
		const struct price *p = price_at(t, i);
		struct usage more = u;
		struct price_sum a, b;

		price_cost(p, &u, &a);
		more.output += 1000;
		price_cost(p, &more, &b);
		must(a.micro >= 0 && b.micro >= a.micro);
		must(price_is_glob(p) || price_find(t, p->name));
		must(p->id != 0);
	}
	price_table_unref(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
	struct price_set a, b;
	struct buf text, again;
	struct why why;

	if (price_set_read(str_at((const char *)at, size), PRICE_UPDATED, &a,
		&why)) {
		must(why.text[0] != '\0');
		return 0;
	}
	must(a.count > 0);
	buf_init(&text, 64 << 20);
	buf_init(&again, 64 << 20);
	price_set_write(&a, &text);
	must(price_set_read(buf_str(&text), PRICE_UPDATED, &b, &why) == OK);
	must(a.count == b.count);
	price_set_write(&b, &again);
	must(str_eq(buf_str(&text), buf_str(&again)));
	check_costs(&a);
	price_set_fini(&a);
	price_set_fini(&b);
	buf_fini(&text);
	buf_fini(&again);
	return 0;
}
