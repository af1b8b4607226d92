/* SPDX-License-Identifier: MIT */
/* notice.c - what people are told of: the events, and raising one. */
#include "relayd/notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "relayd/inert.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notices.h"
#include "relayd/setting.h"

enum again {
	AGAIN_SOON,
	AGAIN_DAILY,
	AGAIN_EACH,
};

static const struct {
	struct notice_row row;
	enum again again;
} events[] = {
#define X(name_, severity_, repeat_, text_)                                    \
	{ .row = { .name = #name_,                                             \
	      .severity = NOTICE_##severity_,                                  \
	      .text = (text_) },                                               \
		.again = AGAIN_##repeat_ },
#include "relayd/notice.def"
#undef X
};

static const char *const severities[] = {
	[NOTICE_INFO] = "info",
	[NOTICE_WARNING] = "warning",
	[NOTICE_CRITICAL] = "critical",
};

const struct notice_row *
notice_row(enum notice_event event)
{
	return &events[event].row;
}

const char *
notice_severity_name(enum notice_severity s)
{
	return severities[s];
}

/* --- raising --------------------------------------------------------------- */

/* How long until the next local day. */
static int64_t
ms_to_midnight(int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	tm.tm_mday++;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000 - wall_ms;
}

static int64_t
again_ms(const struct notices *n, enum notice_event event)
{
	switch (events[event].again) {
	case AGAIN_EACH:
		return 0;
	case AGAIN_DAILY:
		return ms_to_midnight(clock_wall_ms());
	case AGAIN_SOON:
		break;
	}
	return n->settings->notice_repeat_ms;
}

static void
log_notice(enum notice_event event, struct str object, struct str text,
    uint64_t missed)
{
	static const enum log_level levels[] = {
		[NOTICE_INFO] = LOG_INFO,
		[NOTICE_WARNING] = LOG_WARN,
		[NOTICE_CRITICAL] = LOG_ERROR,
	};
	struct log_line l;

	log_begin(&l, levels[events[event].row.severity], "notice");
	log_cstr(&l, "event", events[event].row.name);
	if (object.len)
		log_str(&l, "object", object);
	log_str(&l, "text", text);
	if (missed)
		log_u64(&l, "missed", missed);
	log_end(&l);
}

/* Of the last of many like ones. */
#define LAST_WORDS                                                             \
	"; this is told of many: the others are counted, and told with the "   \
	"next one"

bool
notice_raise(struct notices *n, enum notice_event event, struct str object,
    const char *fmt, ...)
{
	char of[NOTICE_OBJECT_MAX], text[NOTICE_TEXT_MAX];
	char foreign[2 * NOTICE_TEXT_MAX];
	int64_t now_ms;
	uint64_t missed;
	va_list ap;

	if (!n)
		return false;
	now_ms = loop_ms(n->loop);
	inert_copy(of, sizeof(of), object);
	if (!repeats_let(&n->repeats, event, str_of(of), now_ms,
		now_ms + again_ms(n, event), &missed))
		return false;
	va_start(ap, fmt);
	vsnprintf(foreign, sizeof(foreign), fmt, ap);
	va_end(ap);
	/* Behind a text that would leave no room for it. */
	if (repeats_is_full(&n->repeats, event))
		snprintf(foreign + strnlen(foreign, NOTICE_TEXT_MAX - 100), 100,
		    "%s", LAST_WORDS);
	inert_copy(text, sizeof(text), str_of(foreign));
	log_notice(event, str_of(of), str_of(text), missed);
	notices_queue(n, event, str_of(of), str_of(text), missed);
	return true;
}
