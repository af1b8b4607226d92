/* SPDX-License-Identifier: MIT */
/* log.c - builds log lines and hands them on.
 *
 * Owns the one log of the process: its level, its sink, the hook of the tests.
 * Trusts no value: what a terminal or a grep could stumble over is escaped
 * here, once, for everybody. */
#include "relayd/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "relayd/log_sink.h"

/* " cut=yes", always kept free. */
static const char cut_mark[] = " cut=yes";
#define TEXT_ROOM (LOG_TEXT_MAX - (sizeof(cut_mark) - 1))

atomic_int log_threshold = LOG_INFO;

static struct {
	struct log_sink *sink;
	log_capture_fn *capture;
	void *capture_arg;
} the_log;

/* --- values ----------------------------------------------------------------- */

static bool
is_plain(struct str s)
{
	if (s.len == 0 || s.len > LOG_VALUE_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* Code points that move the cursor, turn the writing direction or end a line:
 * a log is read in terminals. */
static bool
is_shown(uint32_t c)
{
	if (c < 0xa0 || c == 0xfeff || c == 0x061c)
		return false;
	return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	    !(c >= 0x2066 && c <= 0x2069) && !(c >= 0xfff9 && c <= 0xfffb);
}

/* The length of the well-formed, visible character of several bytes at the
 * beginning of s; 0 when there is none. */
static size_t
utf8_shown(struct str s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s.at[0];
	size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t c = first & (0x7fU >> n);

	if (first < 0xc2 || first > 0xf4 || s.len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s.at[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return is_shown(c) ? n : 0;
}

/* Escape one byte into out; returns how many were written. */
static size_t
escape(char out[4], unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[] = "\nn\rr\tt\"\"\\\\";

	out[0] = '\\';
	for (const char *p = named; *p; p += 2) {
		if ((unsigned char)*p == c) {
			out[1] = p[1];
			return 2;
		}
	}
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

/* The next piece of a quoted value: how many bytes of s it takes, and what is
 * written for them. */
static size_t
next_piece(struct str s, char out[4], size_t *out_len)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t n = 1;

	if (c >= 0x80)
		n = utf8_shown(s);
	else if (c < ' ' || c == 0x7f || c == '"' || c == '\\')
		n = 0;
	if (n == 0) {
		*out_len = escape(out, c);
		return 1;
	}
	memcpy(out, s.at, n);
	*out_len = n;
	return n;
}

static void
put(struct log_line *l, const char *at, size_t n)
{
	memcpy(l->text + l->len, at, n);
	l->len += n;
}

/* At most `room` bytes are written, quotes and "..." included. */
static void
put_quoted(struct log_line *l, struct str s, size_t room)
{
	size_t end = l->len + room - sizeof("...\"") + 1;

	put(l, "\"", 1);
	while (s.len) {
		char piece[4];
		size_t n, used = next_piece(s, piece, &n);

		if (l->len + n > end) {
			put(l, "...", 3);
			l->is_cut = true;
			break;
		}
		put(l, piece, n);
		s = str_skip(s, used);
	}
	put(l, "\"", 1);
}

/* " key=", when there is room for it and at least `least` bytes of value;
 * returns the room that is left. */
static size_t
put_key(struct log_line *l, const char *key, size_t least)
{
	size_t n = strlen(key);

	if (l->len + n + 2 + least > TEXT_ROOM) {
		l->is_cut = true;
		return 0;
	}
	put(l, " ", 1);
	put(l, key, n);
	put(l, "=", 1);
	return TEXT_ROOM - l->len;
}

/* --- lines ------------------------------------------------------------------ */

void
log_begin(struct log_line *l, enum log_level level, const char *event)
{
	size_t n;

	l->on = log_on(level);
	if (!l->on)
		return;
	n = strlen(event);
	assert(n > 0 && n <= 64);
	l->level = level;
	l->is_cut = false;
	l->len = 0;
	put(l, event, n);
}

void
log_str(struct log_line *l, const char *key, struct str value)
{
	size_t room;

	if (!l->on)
		return;
	if (is_plain(value)) {
		room = put_key(l, key, value.len < 8 ? value.len : 8);
		if (room >= value.len) {
			put(l, value.at, value.len);
			return;
		}
	} else {
		room = put_key(l, key, 8);
	}
	if (room)
		put_quoted(l, value,
		    room < LOG_VALUE_MAX ? room : LOG_VALUE_MAX);
}

void
log_cstr(struct log_line *l, const char *key, const char *value)
{
	if (l->on)
		log_str(l, key, str_of(value ? value : ""));
}

static void
put_number(struct log_line *l, const char *key, uint64_t value, bool minus)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (minus)
		digits[--at] = '-';
	log_str(l, key, str_at(digits + at, sizeof(digits) - at));
}

void
log_u64(struct log_line *l, const char *key, uint64_t value)
{
	if (l->on)
		put_number(l, key, value, false);
}

void
log_i64(struct log_line *l, const char *key, int64_t value)
{
	if (l->on)
		put_number(l, key,
		    value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void
log_err(struct log_line *l, enum err e, const struct why *why)
{
	if (!l->on)
		return;
	log_cstr(l, "err", err_name(e));
	if (why && why->field[0])
		log_cstr(l, "field", why->field);
	log_cstr(l, "why", why && why->text[0] ? why->text : err_text(e));
}

static void
write_now(enum log_level level, struct str text)
{
	char line[LOG_LINE_MAX];
	size_t n = log_stamp(line, level, log_wall_ms(), log_is_journal());

	memcpy(line + n, text.at, text.len);
	n += text.len;
	line[n++] = '\n';
	for (size_t done = 0; done < n;) {
		ssize_t k = write(STDERR_FILENO, line + done, n - done);

		if (k <= 0)
			return;
		done += (size_t)k;
	}
}

void
log_end(struct log_line *l)
{
	struct str text;

	if (!l->on)
		return;
	l->on = false;
	if (l->is_cut)
		put(l, cut_mark, sizeof(cut_mark) - 1);
	text = str_at(l->text, l->len);
	if (the_log.capture)
		the_log.capture(the_log.capture_arg, l->level, text);
	else if (the_log.sink)
		log_sink_put(the_log.sink, l->level, text);
	else
		write_now(l->level, text);
}

void
log_note_now(enum log_level level, const char *event, const char *fmt, ...)
{
	char msg[LOG_VALUE_MAX];
	struct log_line l;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	log_begin(&l, level, event);
	log_cstr(&l, "msg", msg);
	log_end(&l);
}

/* --- the one log ------------------------------------------------------------- */

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_threshold, (int)level, memory_order_relaxed);
}

enum err
log_start(const char *file, struct why *out_why)
{
	assert(!the_log.sink);
	return log_sink_new(file, &the_log.sink, out_why);
}

void
log_stop(void)
{
	struct log_sink *s = the_log.sink;

	the_log.sink = NULL;
	log_sink_free(s);
}

void
log_reopen(void)
{
	if (the_log.sink)
		log_sink_reopen(the_log.sink);
}

uint64_t
log_dropped(void)
{
	return the_log.sink ? log_sink_dropped(the_log.sink) : 0;
}

void
log_capture(log_capture_fn *fn, void *arg)
{
	the_log.capture = fn;
	the_log.capture_arg = arg;
}
