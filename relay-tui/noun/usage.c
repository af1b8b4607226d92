/* SPDX-License-Identifier: MIT */
/* usage.c - what was used, and the requests that used it. */
#include <time.h>

#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column usage_columns[] = {
	{ N_("AT"), "at", CELL_TEXT, FIT_WHOLE },
	{ N_("NAME"), "label", CELL_TEXT, FIT_CUT },
	{ N_("OF"), "name", CELL_OWNER, FIT_CUT },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("ERRORS"), "errors", CELL_COUNT, FIT_DROP + 3 },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP + 1 },
	{ N_("READ"), "cache_read", CELL_COUNT, FIT_DROP + 2 },
	{ N_("WRITE 5M"), "cache_write_5m", CELL_COUNT, FIT_DROP + 3 },
	{ N_("WRITE 1H"), "cache_write_1h", CELL_COUNT, FIT_DROP + 3 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_DROP + 1 },
	{ N_("THINKING"), "reasoning", CELL_COUNT, FIT_DROP + 4 },
	{ N_("SEARCHES"), "searches", CELL_COUNT, FIT_DROP + 4 },
	{ N_("ESTIMATED"), "estimated", CELL_COUNT, FIT_DROP + 5 },
	{ N_("UNPRICED"), "unpriced", CELL_COUNT, FIT_DROP + 3 },
	{ N_("RATED"), "rated_micro", CELL_CENTS, FIT_DROP + 6 },
	{ N_("COST"), "cost_micro", CELL_CENTS, FIT_WHOLE },
	{ N_("SHARE"), "cost_micro", CELL_SHARE, FIT_DROP },
	{ N_("BAR"), "cost_micro", CELL_BAR, FIT_DROP },
	{ .title = NULL },
};

const struct column receipt_columns[] = {
	{ N_("AT"), "at", CELL_MOMENT, FIT_WHOLE },
	{ N_("REQUEST"), "id", CELL_TEXT, FIT_DROP },
	{ N_("KEY"), "key", CELL_TEXT, FIT_CUT },
	{ N_("USER"), "user", CELL_OWNER, FIT_DROP + 3 },
	{ N_("ACCOUNT"), "account", CELL_TEXT, FIT_DROP },
	{ N_("MODEL"), "model", CELL_TEXT, FIT_CUT },
	{ N_("OUTCOME"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("FAULT"), "fault", CELL_TEXT, FIT_DROP + 2 },
	{ N_("FIRST"), "first_us", CELL_US, FIT_DROP + 3 },
	{ N_("TOTAL"), "total_us", CELL_US, FIT_DROP + 2 },
	{ N_("INPUT"), "input", CELL_COUNT, FIT_DROP },
	{ N_("READ"), "cache_read", CELL_COUNT, FIT_DROP + 1 },
	{ N_("WRITE 5M"), "cache_write_5m", CELL_COUNT, FIT_DROP + 4 },
	{ N_("WRITE 1H"), "cache_write_1h", CELL_COUNT, FIT_DROP + 4 },
	{ N_("OUTPUT"), "output", CELL_COUNT, FIT_DROP },
	{ N_("THINKING"), "reasoning", CELL_COUNT, FIT_DROP + 5 },
	{ N_("SEARCHES"), "searches", CELL_COUNT, FIT_DROP + 5 },
	{ N_("COST"), "cost_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("RATED"), "rated_micro", CELL_MONEY, FIT_DROP + 6 },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_DROP + 4 },
	{ N_("FLAGS"), "flags", CELL_TEXT, FIT_DROP + 4 },
	{ .title = NULL },
};

static void
print_time(struct output *o, const struct json *data)
{
	int64_t at = 0;
	char text[16];
	struct tm tm;
	time_t t;

	if (json_may_i64(data, "at", 0, INT64_C(1) << 53, &at, NULL))
		return;
	t = (time_t)(at / 1000);
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	out_paint(o, PAINT_DIM, str_of(text));
}

static void
print_word(struct output *o, const struct json *data, const char *before,
    const char *key, enum cell kind)
{
	const struct column c = { key, key, kind, FIT_WHOLE };
	struct buf text;

	buf_init(&text, 16 * 1024);
	cell_write(o, &c, data, &text);
	if (buf_len(&text)) {
		fputs(before, o->to);
		out_paint(o, cell_paint(&c, buf_str(&text)), buf_str(&text));
	}
	buf_fini(&text);
}

void
print_receipt(struct output *o, const struct json *data)
{
	print_time(o, data);
	print_word(o, data, " ", "outcome", CELL_STATE);
	print_word(o, data, " ", "status", CELL_NUMBER);
	print_word(o, data, " ", "key", CELL_TEXT);
	print_word(o, data, " of ", "user", CELL_OWNER);
	print_word(o, data, " -> ", "account", CELL_TEXT);
	print_word(o, data, " ", "model", CELL_TEXT);
	print_word(o, data, " first=", "first_us", CELL_US);
	print_word(o, data, " total=", "total_us", CELL_US);
	print_word(o, data, " in=", "input", CELL_NUMBER);
	print_word(o, data, " cached=", "cache_read", CELL_NUMBER);
	print_word(o, data, " wrote5m=", "cache_write_5m", CELL_COUNT);
	print_word(o, data, " wrote1h=", "cache_write_1h", CELL_COUNT);
	print_word(o, data, " out=", "output", CELL_NUMBER);
	print_word(o, data, " searches=", "searches", CELL_COUNT);
	print_word(o, data, " cost=", "cost_micro", CELL_MONEY);
	print_word(o, data, " fault=", "fault", CELL_TEXT);
	print_word(o, data, " ", "client", CELL_TEXT);
	print_word(o, data, " ", "id", CELL_TEXT);
	fputc('\n', o->to);
}

/* --- one ------------------------------------------------------------------- */

static const struct column receipt_details[] = {
	{ N_("user"), "user", CELL_OWNER, FIT_WHOLE },
	{ N_("tags"), "tags", CELL_TEXT, FIT_WHOLE },
	{ N_("client"), "client", CELL_TEXT, FIT_WHOLE },
	{ N_("route"), "route", CELL_TEXT, FIT_WHOLE },
	{ N_("session"), "session", CELL_TEXT, FIT_WHOLE },
	{ N_("asked for"), "asked", CELL_TEXT, FIT_WHOLE },
	{ N_("status"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("waited"), "wait_us", CELL_US, FIT_WHOLE },
	{ N_("until the head"), "head_us", CELL_US, FIT_WHOLE },
	{ N_("until the first words"), "first_us", CELL_US, FIT_WHOLE },
	{ N_("until the end"), "total_us", CELL_US, FIT_WHOLE },
	{ N_("input"), "input", CELL_COUNT, FIT_WHOLE },
	{ N_("output"), "output", CELL_COUNT, FIT_WHOLE },
	{ N_("of it thinking"), "reasoning", CELL_COUNT, FIT_WHOLE },
	{ N_("cache read"), "cache_read", CELL_COUNT, FIT_WHOLE },
	{ N_("cache write 5m"), "cache_write_5m", CELL_COUNT, FIT_WHOLE },
	{ N_("cache write 1h"), "cache_write_1h", CELL_COUNT, FIT_WHOLE },
	{ N_("searches"), "searches", CELL_COUNT, FIT_WHOLE },
	{ N_("bytes of the request"), "bytes_in", CELL_BYTES, FIT_WHOLE },
	{ N_("bytes of the answer"), "bytes_out", CELL_BYTES, FIT_WHOLE },
	{ N_("flags"), "flags", CELL_TEXT, FIT_WHOLE },
	{ .title = NULL },
};

static const struct column attempt_columns[] = {
	{ N_("TRIED"), "account", CELL_NAME, FIT_CUT },
	{ N_("OUTCOME"), "outcome", CELL_STATE, FIT_WHOLE },
	{ N_("STATUS"), "status", CELL_NUMBER, FIT_WHOLE },
	{ N_("AFTER"), "begin_us", CELL_US, FIT_WHOLE },
	{ N_("CONNECT"), "connect_us", CELL_US, FIT_DROP },
	{ N_("HEAD"), "head_us", CELL_US, FIT_DROP },
	{ N_("TOOK"), "end_us", CELL_US, FIT_WHOLE },
	{ N_("ERROR"), "error", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

void
print_receipt_details(struct output *o, const struct json *data)
{
	struct table t;

	record_print(o, receipt_details, data);
	if (!json_count(json_at(data, "attempts")))
		return;
	fputc('\n', o->to);
	table_init(&t, attempt_columns);
	table_add_all(&t, o, json_at(data, "attempts"));
	table_print(&t, o);
	table_fini(&t);
}
