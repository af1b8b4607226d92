/* SPDX-License-Identifier: MIT */
/* fault.c - the kinds of "no" a client can be told by relayd itself. */
#include "proto/fault.h"

#include <assert.h>

static const struct fault_row rows[] = {
	[FAULT_NONE] = { .name = "none", .status = 200 },
#define X(row, word, http, a, o, c, g, r)                                      \
	[FAULT_##row] = {                                                      \
		.name = #word,                                                 \
		.status = (http),                                              \
		.anthropic = (a),                                              \
		.openai = (o),                                                 \
		.openai_code = (c),                                            \
		.google = (g),                                                 \
		.retry = RETRY_##r,                                            \
	},
#include "proto/fault.def"
#undef X
};

const struct fault_row *
fault_row(enum fault f)
{
	assert((unsigned)f < sizeof(rows) / sizeof(rows[0]));
	return &rows[f];
}
