/* SPDX-License-Identifier: MIT */
/* provider.c - the kinds of account, by name. */
#include "relayd/provider.h"

static const struct provider *const providers[] = {
#define X(symbol) &provider_##symbol,
#include "relayd/provider.def"
#undef X
};

static const char *const op_names[] = {
#define X(name, text) text,
#include "relayd/op.def"
#undef X
};

const struct model_list anthropic_list = {
	.path = "/v1/models?limit=1000",
	.in = "data",
	.name = "id",
};

const struct model_list openai_list = {
	.path = "/v1/models",
	.in = "data",
	.name = "id",
};

const char *
op_name(enum op op)
{
	return op_names[op];
}

const struct provider *
provider_at(unsigned i)
{
	return i < sizeof(providers) / sizeof(providers[0]) ? providers[i]
							    : NULL;
}

const struct provider *
provider_find(struct str name)
{
	const struct provider *p;

	for (unsigned i = 0; (p = provider_at(i)); i++)
		if (str_eq(str_of(p->name), name))
			return p;
	return NULL;
}

enum err
provider_refuse(struct str name, struct why *out_why)
{
	const struct provider *p;
	enum err e = why_set(out_why, ERR_UNKNOWN, "kind",
	    "there is no kind \"%.*s\"; there are:",
	    STR_ARG(str_first(name, 40)));

	for (unsigned i = 0; (p = provider_at(i)); i++)
		why_offer(out_why, p->name);
	return e;
}

unsigned
provider_nr(const struct provider *p)
{
	unsigned i = 0;

	while (provider_at(i) != p)
		i++;
	return i;
}
