/* SPDX-License-Identifier: MIT */
/* account_models.c - the control method account.models: what one account
 * serves, under which name, and for what price. */
#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/modelrule.h"
#include "relayd/models.h"
#include "relayd/price_table.h"

static void
put_row(struct ctl_call *c, const struct account *a, struct str name)
{
	struct str there = modelrule_upstream(a->rec.models, name);
	const struct price_table *prices = c->daemon->prices;
	bool priced =
	    prices && (price_find(prices, there) || price_find(prices, name));

	json_open(&c->out, '{');
	json_say(&c->out, "model", name);
	json_say(&c->out, "there", there);
	json_say_bool(&c->out, "priced", priced);
	json_close(&c->out, '}');
}

void
ctl_account_models(struct ctl_call *c)
{
	struct str name = ctl_text(c, "name"), names[MODELS_MAX];
	const struct account *a = pool_find(c->daemon->pool, name);
	size_t count;

	if (!a) {
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(name, 60)));
		return;
	}
	count = models_of(a, names);
	json_open(&c->out, '[');
	for (size_t i = 0; i < count; i++)
		put_row(c, a, names[i]);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}
