/* SPDX-License-Identifier: MIT */
/* ctl_rec.c - what the handlers of the control socket share. */
#include "relayd/ctl_rec.h"

#include <stdio.h>
#include <time.h>

#include "relayd/unit.h"

static const void *
member(const void *rec, const struct rec_field *f)
{
	return (const char *)rec + f->offset;
}

static bool
is_shown(const struct rec_field *f)
{
	return f->type != REC_T_SEALED && f->type != REC_T_BYTES16 &&
	    f->type != REC_T_BYTES32;
}

static void
put_member(struct json_out *j, const struct rec_field *f, const void *rec)
{
	const void *at = member(rec, f);

	switch (f->type) {
	case REC_T_TEXT:
		json_put_string(j, *(const struct str *)at);
		break;
	case REC_T_U64:
		json_put_i64(j, (int64_t) * (const uint64_t *)at);
		break;
	case REC_T_I64:
		json_put_i64(j, *(const int64_t *)at);
		break;
	case REC_T_FLAG:
		json_put_bool(j, *(const bool *)at);
		break;
	case REC_T_SEALED:
	case REC_T_BYTES16:
	case REC_T_BYTES32:
		json_put_null(j);
		break;
	}
}

static bool
is_in(struct str list, struct str word)
{
	struct str member;

	while (str_list_next(&list, &member))
		if (str_eq(member, word))
			return true;
	return false;
}

void
ctl_put_rec_but(struct json_out *j, const struct rec_kind *kind,
    const void *rec, struct str but)
{
	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];

		if (!is_shown(f) || is_in(but, str_of(f->name)))
			continue;
		json_put_key(j, f->name);
		put_member(j, f, rec);
	}
}

void
ctl_put_rec(struct json_out *j, const struct rec_kind *kind, const void *rec)
{
	ctl_put_rec_but(j, kind, rec, STR(""));
}

void
ctl_put_field(struct json_out *j, const struct field *f)
{
	json_open(j, '{');
	json_say(j, "name", str_of(f->name));
	json_say(j, "type", str_of(field_type_name(f->type)));
	json_say_bool(j, "required", f->required);
	if (f->type == FIELD_COUNT) {
		json_say_i64(j, "min", (int64_t)f->min);
		json_say_i64(j, "max", (int64_t)f->max);
	}
	if (f->choices)
		json_say(j, "choices", str_of(f->choices));
	json_say(j, "help", str_of(f->help));
	json_close(j, '}');
}

static bool
differs(const struct rec_field *f, const void *a, const void *b)
{
	switch (f->type) {
	case REC_T_TEXT:
		return !str_eq(*(const struct str *)member(a, f),
		    *(const struct str *)member(b, f));
	case REC_T_U64:
	case REC_T_I64:
		return memcmp(member(a, f), member(b, f), 8) != 0;
	case REC_T_FLAG:
		return *(const bool *)member(a, f) !=
		    *(const bool *)member(b, f);
	case REC_T_SEALED:
	case REC_T_BYTES16:
	case REC_T_BYTES32:
		break;
	}
	return false;
}

static bool
is_kept_by_us(const struct rec_field *f)
{
	return !strcmp(f->name, "rev") || !strcmp(f->name, "created_at") ||
	    !strcmp(f->name, "changed_at");
}

void
ctl_put_changes(struct json_out *j, const struct rec_kind *kind,
    const void *from, const void *to)
{
	for (size_t i = 0; i < kind->count; i++) {
		const struct rec_field *f = &kind->fields[i];

		if (is_kept_by_us(f) || !differs(f, from, to))
			continue;
		json_open(j, '{');
		json_say(j, "field", str_of(f->name));
		json_put_key(j, "from");
		put_member(j, f, from);
		json_put_key(j, "to");
		put_member(j, f, to);
		json_close(j, '}');
	}
}

enum err
ctl_check_text(struct str s, size_t max, const char *field, struct why *out_why)
{
	if (s.len > max)
		return why_set(out_why, ERR_LIMIT, field,
		    "%s has at most %zu bytes", field, max);
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return why_set(out_why, ERR_VALUE, field,
			    "%s is one line without control characters", field);
	return OK;
}

/* --- moments --------------------------------------------------------------- */

static bool
read_number(struct str *io_s, size_t digits, int *out)
{
	uint64_t n;

	if (io_s->len < digits || str_u64(str_first(*io_s, digits), &n))
		return false;
	*io_s = str_skip(*io_s, digits);
	*out = (int)n;
	return true;
}

static bool
read_char(struct str *io_s, char c)
{
	if (io_s->len == 0 || io_s->at[0] != c)
		return false;
	*io_s = str_skip(*io_s, 1);
	return true;
}

/* "2026-11-01", with " 13:30" or "T13:30" or without. */
static bool
read_date(struct str s, int64_t *out_wall_ms)
{
	struct tm tm = { .tm_isdst = -1 }, said;
	time_t t;

	if (!read_number(&s, 4, &tm.tm_year) || !read_char(&s, '-') ||
	    !read_number(&s, 2, &tm.tm_mon) || !read_char(&s, '-') ||
	    !read_number(&s, 2, &tm.tm_mday))
		return false;
	if ((read_char(&s, ' ') || read_char(&s, 'T')) &&
	    (!read_number(&s, 2, &tm.tm_hour) || !read_char(&s, ':') ||
		!read_number(&s, 2, &tm.tm_min)))
		return false;
	if (s.len || tm.tm_hour > 23 || tm.tm_min > 59)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	said = tm;
	t = mktime(&tm);
	/* mktime(3) turns a 31 February into March. */
	if (t < 0 || tm.tm_mon != said.tm_mon || tm.tm_mday != said.tm_mday)
		return false;
	*out_wall_ms = (int64_t)t * 1000;
	return true;
}

static int64_t
day_begin(int64_t now_wall_ms, int days_ago)
{
	time_t t = (time_t)(now_wall_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	tm.tm_mday -= days_ago;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

enum err
ctl_read_when(struct str s, int64_t now, bool ahead, const char *field,
    int64_t *out, struct why *out_why)
{
	int64_t ms;

	if (str_eq(s, STR("now")))
		*out = now;
	else if (str_eq(s, STR("today")))
		*out = day_begin(now, 0);
	else if (str_eq(s, STR("yesterday")))
		*out = day_begin(now, 1);
	else if (read_date(s, &ms))
		*out = ms;
	else if (unit_read_ms(s, &ms, NULL) == OK)
		*out = ahead ? now + ms : now - ms;
	else
		return why_set(out_why, ERR_VALUE, field,
		    "\"%.*s\" is no moment: say 2026-11-01, "
		    "\"2026-11-01 13:30\", today, yesterday, or 7d",
		    STR_ARG(str_first(s, 40)));
	if (*out < 0)
		return why_set(out_why, ERR_VALUE, field,
		    "\"%.*s\" is before 1970", STR_ARG(str_first(s, 40)));
	return OK;
}

enum err
ctl_read_end(struct str s, int64_t now, const char *field, const char *else_say,
    uint64_t *out_at, struct why *out_why)
{
	int64_t at;
	enum err e;

	if (str_eq(s, STR("never"))) {
		*out_at = 0;
		return OK;
	}
	e = ctl_read_when(s, now, true, field, &at, out_why);
	if (e)
		return e;
	if (at <= now)
		return why_set(out_why, ERR_VALUE, field,
		    "that is in the past; %s", else_say);
	*out_at = (uint64_t)at;
	return OK;
}
