/* SPDX-License-Identifier: MIT */
/* mem.c - memory that is there or ends the process. */
#include "proto/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
out_of_memory(void)
{
	static const char text[] = "out of memory\n";

	fwrite(text, 1, sizeof(text) - 1, stderr);
	abort();
}

void *
xmalloc(size_t size)
{
	void *p;

	assert(size > 0);
	p = malloc(size);
	if (!p)
		out_of_memory();
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p;

	assert(count > 0 && size > 0);
	p = calloc(count, size);
	if (!p)
		out_of_memory();
	return p;
}

void *
xrealloc(void *take_old, size_t size)
{
	void *p;

	assert(size > 0);
	p = realloc(take_old, size);
	if (!p)
		out_of_memory();
	return p;
}

char *
xstrdup(const char *s)
{
	return xmemdup(s, strlen(s));
}

char *
xmemdup(const void *from, size_t len)
{
	char *copy;

	copy = xmalloc(len + 1);
	if (len > 0)
		memcpy(copy, from, len);
	copy[len] = '\0';
	return copy;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *out;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&out, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return out;
}
