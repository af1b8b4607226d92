/* SPDX-License-Identifier: MIT */
/* err.c - names and texts of errors. */
#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>

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
