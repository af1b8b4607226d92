/* SPDX-License-Identifier: MIT */
/* test_expose.c - metrics as Prometheus reads them, and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/mem.h"

#include "relayd/counters.h"
#include "relayd/expose.h"
#include "relayd/tally.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One family with one sample of one label. */
static void
write_one(struct exposition *x, struct str label)
{
	struct label l = { "account", label };

	family_begin(x, "m_total", METRIC_COUNTER, "what is counted");
	sample_u64(x, &l, 1, 7);
	family_end(x);
}

static void
a_family_has_its_help_and_type_before_its_samples(void **state)
{
	struct exposition x;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	expose_to_text(&x, &text);
	write_one(&x, STR("a1"));
	assert_int_equal(expose_end(&x), OK);
	assert_string_equal(buf_cstr(&text),
	    "# HELP m_total What is counted.\n"
	    "# TYPE m_total counter\n"
	    "m_total{account=\"a1\"} 7\n");
	buf_fini(&text);
}

static void
a_label_cannot_leave_its_quotes(void **state)
{
	static const struct {
		const char *value;
		size_t len;
		const char *written;
	} hostile[] = {
		{ "", 0, "" },
		{ "a\"} 1\nb", 7, "a\\\"} 1\\nb" },
		{ "\\", 1, "\\\\" },
		{ "\\n", 2, "\\\\n" },
		{ "\n\n", 2, "\\n\\n" },
		{ "\r", 1, "\\\\x0d" },
		{ "a\0b", 3, "a\\\\x00b" },
		{ "\x1b[2J", 4, "\\\\x1b[2J" },
		{ "\xc3\xa4\xff", 3, "\\\\xc3\\\\xa4\\\\xff" },
		{ "{},= #", 6, "{},= #" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct exposition x;
		struct buf text, want;

		buf_init(&text, 4096);
		buf_init(&want, 4096);
		expose_to_text(&x, &text);
		write_one(&x, str_at(hostile[i].value, hostile[i].len));
		assert_int_equal(expose_end(&x), OK);
		buf_mustf(&want, "m_total{account=\"%s\"} 7\n",
		    hostile[i].written);
		assert_true(str_ends(buf_str(&text), buf_str(&want)));
		buf_fini(&text);
		buf_fini(&want);
	}
}

static void
a_help_stays_on_its_line(void **state)
{
	struct exposition x;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	expose_to_text(&x, &text);
	family_begin(&x, "m", METRIC_GAUGE, "a \"b\"\nc\\d");
	family_end(&x);
	assert_string_equal(buf_cstr(&text),
	    "# HELP m A \"b\"\\nc\\\\d.\n# TYPE m gauge\n");
	buf_fini(&text);
}

static void
millionths_are_exact_and_short(void **state)
{
	static const struct {
		uint64_t micro;
		const char *text;
	} numbers[] = {
		{ 0, "0" },
		{ 1, "0.000001" },
		{ 100000, "0.1" },
		{ 1000000, "1" },
		{ 10000000, "10" },
		{ 1234567, "1.234567" },
		{ UINT64_MAX, "18446744073709.551615" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct exposition x;
		struct buf text, want;

		buf_init(&text, 4096);
		buf_init(&want, 4096);
		expose_to_text(&x, &text);
		family_begin(&x, "m_seconds", METRIC_GAUGE, "h");
		sample_micro(&x, NULL, 0, numbers[i].micro);
		family_end(&x);
		buf_mustf(&want, "gauge\nm_seconds %s\n", numbers[i].text);
		assert_true(str_ends(buf_str(&text), buf_str(&want)));
		buf_fini(&text);
		buf_fini(&want);
	}
}

static void
buckets_hold_what_lies_below_them_too(void **state)
{
	const struct label l = { "stream", STR("true") };
	struct histogram h = { .sum_us = 0 };
	struct exposition x;
	struct buf text;

	(void)state;
	histogram_add(&h, 1);	    /* below what is shown */
	histogram_add(&h, 16);	    /* on a bound */
	histogram_add(&h, 17);	    /* above it */
	histogram_add(&h, 1 << 20); /* above what is shown */
	buf_init(&text, 4096);
	expose_to_text(&x, &text);
	family_begin(&x, "m_seconds", METRIC_HISTOGRAM, "h");
	sample_histogram(&x, &l, 1, &h, 3, 6);
	family_end(&x);
	assert_int_equal(expose_end(&x), OK);
	assert_string_equal(buf_cstr(&text),
	    "# HELP m_seconds H.\n"
	    "# TYPE m_seconds histogram\n"
	    "m_seconds_bucket{stream=\"true\",le=\"0.000008\"} 1\n"
	    "m_seconds_bucket{stream=\"true\",le=\"0.000016\"} 2\n"
	    "m_seconds_bucket{stream=\"true\",le=\"0.000032\"} 3\n"
	    "m_seconds_bucket{stream=\"true\",le=\"0.000064\"} 3\n"
	    "m_seconds_bucket{stream=\"true\",le=\"+Inf\"} 4\n"
	    "m_seconds_sum{stream=\"true\"} 1.04861\n"
	    "m_seconds_count{stream=\"true\"} 4\n");
	buf_fini(&text);
}

static void
json_says_the_same(void **state)
{
	struct exposition x;
	struct json_out j;
	struct buf text;

	(void)state;
	buf_init(&text, 4096);
	json_begin(&j, &text);
	json_open(&j, '[');
	expose_to_json(&x, &j);
	write_one(&x, STR("\"\n"));
	family_begin(&x, "b_seconds", METRIC_GAUGE, "h");
	sample_micro(&x, NULL, 0, 1500000);
	family_end(&x);
	assert_int_equal(expose_end(&x), OK);
	json_close(&j, ']');
	assert_int_equal(json_end(&j), OK);
	assert_string_equal(buf_cstr(&text),
	    "[{\"name\":\"m_total\",\"type\":\"counter\","
	    "\"help\":\"What is counted.\",\"samples\":["
	    "{\"name\":\"m_total\",\"labels\":{\"account\":\"\\\"\\n\"},"
	    "\"value\":7}]},"
	    "{\"name\":\"b_seconds\",\"type\":\"gauge\",\"help\":\"H.\","
	    "\"samples\":[{\"name\":\"b_seconds\",\"labels\":{},"
	    "\"value\":1.5}]}]");
	buf_fini(&text);
}

static void
what_does_not_fit_is_an_error_and_no_half_truth(void **state)
{
	const size_t whole = strlen("# HELP m_total What is counted.\n"
				    "# TYPE m_total counter\n"
				    "m_total{account=\"a1\"} 7\n");

	(void)state;
	/* Whatever the ceiling, either all of it is there or it is told. */
	for (size_t max = 0; max < 2 * whole; max++) {
		struct exposition x;
		struct buf text;

		buf_init(&text, max);
		expose_to_text(&x, &text);
		write_one(&x, STR("a1"));
		if (expose_end(&x) == OK)
			assert_true(str_ends(buf_str(&text), STR("} 7\n")));
		else
			assert_int_equal(expose_end(&x), ERR_LIMIT);
		assert_int_equal(expose_end(&x) == OK, max >= whole);
		buf_fini(&text);
	}
}

/* --- the tables ------------------------------------------------------------ */

static void
histograms_of_one_metric_follow_each_other(void **state)
{
	(void)state;
	for (int i = 0; i < TALLY_HISTOGRAMS; i++) {
		const struct tally_histogram_row *r =
		    tally_histogram_row((enum tally_histogram)i);
		bool apart = false;

		assert_true(r->low < r->high && r->high < HISTOGRAM_SLOTS - 1);
		assert_true(str_ends(str_of(r->metric), STR("_seconds")));
		for (int k = i + 1; k < TALLY_HISTOGRAMS; k++) {
			const struct tally_histogram_row *o =
			    tally_histogram_row((enum tally_histogram)k);
			bool same =
			    str_eq(str_of(r->metric), str_of(o->metric));

			assert_false(same && apart);
			apart = apart || !same;
			if (!same)
				continue;
			assert_string_equal(r->help, o->help);
			assert_string_not_equal(r->label, o->label);
		}
	}
}

static void
counters_are_called_what_they_are(void **state)
{
	const struct counter_row *row;

	(void)state;
	for (unsigned i = 0; (row = counter_at(i)); i++) {
		if (!row->metric[0])
			continue;
		assert_true(str_starts(str_of(row->metric), STR("relayd_")));
		assert_int_equal(str_ends(str_of(row->metric), STR("_total")),
		    !row->now);
	}
}

static void
a_request_is_counted_where_it_belongs(void **state)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	(void)state;
	tally_request(t, &dialect_gemini, OP_EMBED, OUTCOME_CUT);
	tally_request(t, &dialect_anthropic, TALLY_NO_OP, OUTCOME_REFUSED);
	assert_int_equal(t->requests[TALLY_gemini][OP_EMBED][OUTCOME_CUT], 1);
	assert_int_equal(t->requests[TALLY_anthropic][TALLY_NO_OP]
				    [OUTCOME_REFUSED],
	    1);
	tally_attempt(t, ATTEMPT_TLS, 0);
	tally_attempt(t, ATTEMPT_OK, 5);
	assert_int_equal(t->attempts[ATTEMPT_TLS], 1);
	assert_int_equal(histogram_count(&t->took[TALLY_H_connect], 32), 1);
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		assert_non_null(verdict_at(i));
		assert_int_equal(verdict_at(i)->nr, i);
	}
	assert_null(verdict_at(VERDICT_COUNT));
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_family_has_its_help_and_type_before_its_samples),
		cmocka_unit_test(a_label_cannot_leave_its_quotes),
		cmocka_unit_test(a_help_stays_on_its_line),
		cmocka_unit_test(millionths_are_exact_and_short),
		cmocka_unit_test(buckets_hold_what_lies_below_them_too),
		cmocka_unit_test(json_says_the_same),
		cmocka_unit_test(
		    what_does_not_fit_is_an_error_and_no_half_truth),
		cmocka_unit_test(histograms_of_one_metric_follow_each_other),
		cmocka_unit_test(counters_are_called_what_they_are),
		cmocka_unit_test(a_request_is_counted_where_it_belongs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
