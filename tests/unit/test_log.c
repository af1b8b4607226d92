/* SPDX-License-Identifier: MIT */
/* test_log.c - what a line looks like, and that writing never blocks. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/buf.h"

#include "relayd/log.h"
#include "relayd/log_sink.h"

#define FILE_MAX (1024 * 1024)

/* --- lines -------------------------------------------------------------------- */

struct seen {
	unsigned lines;
	enum log_level level;
	char text[LOG_LINE_MAX + 1];
};

static void
see(void *arg, enum log_level level, struct str line)
{
	struct seen *seen = arg;

	assert_true(line.len <= LOG_TEXT_MAX);
	seen->lines++;
	seen->level = level;
	memcpy(seen->text, line.at, line.len);
	seen->text[line.len] = '\0';
}

static void
values_are_plain_or_quoted_and_never_raw(void **state)
{
	const struct {
		struct str in;
		const char *out;
	} cases[] = {
		{ STR("claude-sonnet-4"), "e v=claude-sonnet-4" },
		{ STR("/v1/messages?a=b"), "e v=/v1/messages?a=b" },
		{ STR(""), "e v=\"\"" },
		{ STR("two words"), "e v=\"two words\"" },
		{ STR("a\r\nb"), "e v=\"a\\r\\nb\"" },
		{ STR("\033[31mred"), "e v=\"\\x1b[31mred\"" },
		{ STR("a\0b"), "e v=\"a\\x00b\"" },
		{ STR("say \"no\" \\"), "e v=\"say \\\"no\\\" \\\\\"" },
		{ STR("gr\303\274n"), "e v=\"gr\303\274n\"" },
		{ STR("\360\237\220\220"), "e v=\"\360\237\220\220\"" },
		{ STR("cut\303"), "e v=\"cut\\xc3\"" },
		{ STR("\300\257"), "e v=\"\\xc0\\xaf\"" },
		{ STR("\355\240\200"), "e v=\"\\xed\\xa0\\x80\"" },
		{ STR("\364\220\200\200"), "e v=\"\\xf4\\x90\\x80\\x80\"" },
		{ STR("\302\233"), "e v=\"\\xc2\\x9b\"" },
		{ STR("\342\200\256"), "e v=\"\\xe2\\x80\\xae\"" },
		{ STR("\177"), "e v=\"\\x7f\"" },
		{ STR("a\tb"), "e v=\"a\\tb\"" },
	};
	struct seen seen = { .lines = 0 };

	(void)state;
	log_capture(see, &seen);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_line l;

		log_begin(&l, LOG_INFO, "e");
		log_str(&l, "v", cases[i].in);
		log_end(&l);
		assert_string_equal(seen.text, cases[i].out);
		assert_int_equal(seen.lines, i + 1);
	}
	log_capture(NULL, NULL);
}

static void
numbers_flags_and_failures_have_their_forms(void **state)
{
	struct seen seen = { .lines = 0 };
	struct why why;
	struct log_line l;

	(void)state;
	log_capture(see, &seen);
	log_begin(&l, LOG_WARN, "request");
	log_cstr(&l, "id", "req_1");
	log_u64(&l, "most", UINT64_MAX);
	log_i64(&l, "least", INT64_MIN);
	log_u64(&l, "none", 0);
	log_cstr(&l, "absent", NULL);
	(void)why_set(&why, ERR_LIMIT, "max_body", "too much");
	log_err(&l, ERR_LIMIT, &why);
	log_end(&l);
	assert_string_equal(seen.text,
	    "request id=req_1 most=18446744073709551615 "
	    "least=-9223372036854775808 none=0 absent=\"\" "
	    "err=limit field=max_body why=\"too much\"");
	assert_int_equal(seen.level, LOG_WARN);
	log_note(LOG_ERROR, "store", "%d of %s", 3, "7");
	assert_string_equal(seen.text, "store msg=\"3 of 7\"");
	log_capture(NULL, NULL);
}

static void
a_line_under_the_level_is_not_made(void **state)
{
	struct seen seen = { .lines = 0 };
	struct log_line l;
	int evaluated = 0;

	(void)state;
	log_capture(see, &seen);
	log_begin(&l, LOG_DEBUG, "e");
	log_cstr(&l, "v", "x");
	log_end(&l);
	log_note(LOG_DEBUG, "e", "%d", ++evaluated);
	assert_int_equal(seen.lines, 0);
	assert_int_equal(evaluated, 0);
	log_set_level(LOG_DEBUG);
	log_note(LOG_DEBUG, "e", "%d", ++evaluated);
	assert_int_equal(seen.lines, 1);
	log_set_level(LOG_INFO);
	log_capture(NULL, NULL);
}

static void
no_value_makes_a_line_too_long(void **state)
{
	struct seen seen = { .lines = 0 };
	char *big = malloc(65536);
	struct log_line l;

	(void)state;
	log_capture(see, &seen);
	/* Plain, all escapes, and multibyte characters at every offset. */
	for (unsigned kind = 0; kind < 6; kind++) {
		memset(big, kind == 0 ? 'a' : '\033', 65536);
		for (size_t i = kind; kind > 1 && i + 2 <= 65536; i += 2)
			memcpy(big + i, "\303\274", 2);
		log_begin(&l, LOG_INFO, "e");
		for (int i = 0; i < 40; i++)
			log_str(&l, "value", str_at(big, 65536));
		log_end(&l);
		assert_true(str_ends(str_of(seen.text), STR(" cut=yes")));
		assert_true(str_find(str_of(seen.text), STR("...\" value=")) >
		    0);
	}
	/* Short values: whole or absent. */
	log_begin(&l, LOG_INFO, "e");
	for (int i = 0; i < 2000; i++)
		log_u64(&l, "n", 7);
	log_end(&l);
	assert_true(str_ends(str_of(seen.text), STR(" n=7 cut=yes")));
	free(big);
	log_capture(NULL, NULL);
}

/* --- where they go ------------------------------------------------------------- */

static char dir[] = "/tmp/test_log.XXXXXX";
static char path[64], other[64];

static int
make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(other, sizeof(other), "%s/log.1", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return rmdir(dir);
}

/* The text of a file, NUL-terminated. */
static char *
slurp(const char *name)
{
	char *text = calloc(1, FILE_MAX);
	int fd = open(name, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, FILE_MAX - 1) >= 0);
	close(fd);
	return text;
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void
a_stamp_is_utc_with_milliseconds_or_a_priority(void **state)
{
	char out[41];
	size_t n = log_stamp(out, LOG_WARN, 1795180155123, false);

	(void)state;
	out[n] = '\0';
	assert_string_equal(out, "2026-11-20T13:09:15.123Z warning ");
	n = log_stamp(out, LOG_ERROR, 1795180155123, true);
	out[n] = '\0';
	assert_string_equal(out, "<3>");
}

static void
lines_arrive_whole_and_in_order(void **state)
{
	char *text, *at;

	(void)state;
	assert_int_equal(log_start(path, NULL), OK);
	for (int i = 0; i < 500; i++)
		log_note(LOG_INFO, "turn", "%d", i);
	log_stop();
	text = slurp(path);
	at = text;
	for (int i = 0; i < 500; i++) {
		char want[64];

		snprintf(want, sizeof(want), " info turn msg=%d\n", i);
		at = strstr(at, want);
		assert_non_null(at);
	}
	assert_int_equal(count(text, "\n"), 500);
	assert_null(strstr(text, "dropped"));
	free(text);
	unlink(path);
}

static void
a_rotated_file_is_opened_again(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(log_start(path, NULL), OK);
	log_note(LOG_INFO, "before", "x");
	log_stop();
	assert_int_equal(log_start(path, NULL), OK);
	assert_int_equal(rename(path, other), 0);
	log_reopen();
	log_note(LOG_INFO, "after", "x");
	log_stop();
	text = slurp(other);
	assert_non_null(strstr(text, " info before msg=x\n"));
	free(text);
	text = slurp(path);
	assert_non_null(strstr(text, " info after msg=x\n"));
	assert_int_equal(count(text, "\n"), 1);
	free(text);
	unlink(path);
	unlink(other);
}

static void
a_reader_that_sleeps_costs_lines_and_blocks_nobody(void **state)
{
	char *text = calloc(1, FILE_MAX), filler[200];
	unsigned put = 0, had, told;
	uint64_t dropped;
	size_t n = 0;
	int fd;

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(log_start(path, NULL), OK);
	/* The pipe takes 64 KiB, the ring 256 KiB: this must overflow. */
	while (log_dropped() == 0 && put < 10000) {
		log_note(LOG_INFO, "fill", "%s", filler);
		put++;
	}
	assert_int_equal(log_dropped(), 1);
	assert_true(put > 1000);
	/* The reader wakes up: everything but the dropped comes out. */
	for (had = 0, told = 0; had < put - 1 || told == 0;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t k;

		assert_int_equal(poll(&p, 1, 10000), 1);
		k = read(fd, text + n, FILE_MAX - 1 - n);
		assert_true(k > 0);
		n += (size_t)k;
		had = count(text, " info fill ");
		told = count(text, " warning log dropped=1\n");
	}
	assert_int_equal(had, put - 1);
	dropped = log_dropped();
	log_stop();
	assert_int_equal(dropped, 1);
	close(fd);
	unlink(path);
	free(text);
}

static void
stopping_does_not_wait_for_a_reader_for_ever(void **state)
{
	char filler[200];
	int fd;

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(log_start(path, NULL), OK);
	for (unsigned i = 0; log_dropped() == 0 && i < 10000; i++)
		log_note(LOG_INFO, "fill", "%s", filler);
	log_stop();
	close(fd);
	unlink(path);
}

static void
the_journal_gets_priorities_instead_of_times(void **state)
{
	int two[2], old = dup(STDERR_FILENO);
	char stream[64], text[256] = "";
	struct stat st;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, two), 0);
	assert_int_equal(fstat(two[1], &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	dup2(two[1], STDERR_FILENO);
	log_note(LOG_WARN, "early", "x");
	assert_int_equal(log_start(NULL, NULL), OK);
	log_note(LOG_INFO, "late", "x");
	log_stop();
	dup2(old, STDERR_FILENO);
	assert_false(log_is_journal());
	unsetenv("JOURNAL_STREAM");
	assert_true(read(two[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "<4>early msg=x\n<6>late msg=x\n");
	close(two[0]);
	close(two[1]);
	close(old);
}

static void
a_file_that_cannot_be_made_is_told(void **state)
{
	struct why why;

	(void)state;
	assert_int_equal(log_start("/nonexistent/relayd.log", &why), ERR_IO);
	assert_string_equal(why.field, "log_file");
	assert_non_null(strstr(why.text, "/nonexistent/relayd.log"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_plain_or_quoted_and_never_raw),
		cmocka_unit_test(numbers_flags_and_failures_have_their_forms),
		cmocka_unit_test(a_line_under_the_level_is_not_made),
		cmocka_unit_test(no_value_makes_a_line_too_long),
		cmocka_unit_test(
		    a_stamp_is_utc_with_milliseconds_or_a_priority),
		cmocka_unit_test(lines_arrive_whole_and_in_order),
		cmocka_unit_test(a_rotated_file_is_opened_again),
		cmocka_unit_test(
		    a_reader_that_sleeps_costs_lines_and_blocks_nobody),
		cmocka_unit_test(stopping_does_not_wait_for_a_reader_for_ever),
		cmocka_unit_test(the_journal_gets_priorities_instead_of_times),
		cmocka_unit_test(a_file_that_cannot_be_made_is_told),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
