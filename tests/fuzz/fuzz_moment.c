/* SPDX-License-Identifier: MIT */
/* fuzz_moment.c - moments as text: what is read is told again as the same, lies
 * in the periods that are made of it, and in one of them only. */
#include <stdlib.h>

#include "relay-tui/calendar.h"
#include "relay-tui/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

#define HOUR_MS INT64_C(3600000)

static void
check_periods(enum calendar_per per, int64_t ms)
{
	struct calendar c;
	ptrdiff_t at;

	CHECK(!calendar_fill(per, ms, ms + 3 * HOUR_MS, &c));
	at = calendar_find(&c, ms);
	CHECK(at == 0);
	CHECK(calendar_find(&c, ms + 3 * HOUR_MS) == (ptrdiff_t)c.count - 1);
	for (size_t i = 0; i < c.count; i++)
		CHECK(c.begins_ms[i] < c.begins_ms[i + 1]);
	calendar_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_at((const char *)data, size);
	int64_t ms, again;
	struct buf told;

	calendar_set_zone(STR("Europe/Berlin"));
	if (calendar_read(text, &ms))
		return 0;
	/* Before zones had whole minutes there is nothing to be drawn. */
	if (ms < 0 || ms > INT64_C(250000000000000))
		return 0;
	buf_init(&told, 64);
	csv_moment(ms, &told);
	CHECK(!calendar_read(buf_str(&told), &again));
	CHECK(again == ms);
	buf_fini(&told);
	for (unsigned per = 0; per < PERS; per++)
		check_periods((enum calendar_per)per, ms);
	return 0;
}
