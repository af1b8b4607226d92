/* SPDX-License-Identifier: MIT */
/* mem.h - memory that is there or ends the process.
 *
 * Ceilings are the business of buffers (buf.h); running out of memory below
 * them ends us, because half-handled exhaustion is untested code. */
#ifndef PROTO_MEM_H
#define PROTO_MEM_H

#include <stddef.h>

/* Like malloc(3), calloc(3), realloc(3): never NULL, free with free(3).
 * A size of zero is a programming error. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *
xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *take_old, size_t size) __attribute__((returns_nonnull));

/* A copy ending with NUL of a C string, or of len bytes. */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *
xmemdup(const void *from, size_t len) __attribute__((malloc, returns_nonnull));

/* printf(3) into fresh memory. */
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
