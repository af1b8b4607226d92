/* SPDX-License-Identifier: MIT */
/* plan.c - which models a subscription's plan holds. */
#include "relayd/plan.h"

#include "relayd/provider.h"

static const struct row {
	const struct provider *kind;
	const char *plan, *model;
	bool may;
} rows[] = {
#define X(kind_, plan_, model_, may_)                                          \
	{ .kind = &provider_##kind_,                                           \
		.plan = (plan_),                                               \
		.model = (model_),                                             \
		.may = (may_) },
#include "relayd/plan.def"
#undef X
};

bool
plan_allows(const struct provider *kind, struct str plan, struct str model)
{
	if (!plan.len || !model.len)
		return true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].kind == kind &&
		    str_glob(plan, str_of(rows[i].plan)) &&
		    str_glob(model, str_of(rows[i].model)))
			return rows[i].may;
	return true;
}
