/* SPDX-License-Identifier: MIT */
/* undo.c - the last thing that was changed. */
#include "relay-tui/undo.h"

#include <stdlib.h>

#include "proto/mem.h"

static const struct {
	enum ctl_method done, back;
} backs[] = {
#define X(method, back_) { .done = CTL_M_##method, .back = CTL_M_##back_ },
#include "relay-tui/undo.def"
#undef X
};

bool
undo_of(enum ctl_method done, enum ctl_method *out_back)
{
	for (size_t i = 0; i < sizeof(backs) / sizeof(backs[0]); i++)
		if (backs[i].done == done) {
			*out_back = backs[i].back;
			return true;
		}
	return false;
}

bool
undo_remember(struct undo *u, enum ctl_method done, const char *key,
    struct str value, int64_t now_ms)
{
	enum ctl_method back;

	undo_forget(u);
	if (!undo_of(done, &back))
		return false;
	*u = (struct undo){ .value =
				xmemdup(value.len ? value.at : "", value.len),
		.key = key,
		.back = back,
		.until_ms = now_ms + UNDO_MS };
	return true;
}

bool
undo_is_possible(const struct undo *u, int64_t now_ms)
{
	return u->value && now_ms < u->until_ms;
}

void
undo_forget(struct undo *u)
{
	free(u->value);
	*u = (struct undo){ .value = NULL };
}
