/* SPDX-License-Identifier: MIT */
/* err.c - names and texts of errors. */
#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	"ok",
#define X(name, word, text) #word,
#include "proto/err.def"
#undef X
};

static const char *const texts[] = {
	"done",
#define X(name, word, text) text,
#include "proto/err.def"
#undef X
};

const char *
err_name(enum err e)
{
	return names[e];
}

const char *
err_text(enum err e)
{
	return texts[e];
}

#undef why_set /* what the analyzer is told instead */

enum err
why_set(struct why *out_why, enum err e, const char *field, const char *fmt,
    ...)
{
	va_list ap;

	if (!out_why)
		return e;
	snprintf(out_why->field, sizeof(out_why->field), "%s",
	    field ? field : "");
	va_start(ap, fmt);
	vsnprintf(out_why->text, sizeof(out_why->text), fmt, ap);
	va_end(ap);
	return e;
}

void
why_offer(struct why *io_why, const char *name)
{
	size_t len;

	if (!io_why)
		return;
	len = strlen(io_why->text);
	snprintf(io_why->text + len, sizeof(io_why->text) - len, "%s%s",
	    len && io_why->text[len - 1] == ':' ? " " : ", ", name);
}
