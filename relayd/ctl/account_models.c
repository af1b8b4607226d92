/* SPDX-License-Identifier: MIT */
/* account_models.c - the control method account.models: what one account
 * serves, under which name, and for what price; and what its provider says that
 * it has, when it is asked. */
#include "proto/json.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/modelrule.h"
#include "relayd/models.h"
#include "relayd/plan.h"
#include "relayd/price_table.h"
#include "relayd/probe.h"
#include "relayd/question.h"

#define ANSWER_MAX (1024 * 1024)
/* Of what a provider tells: more does not fit into an answer. */
#define TOLD_MAX   1000
#define MODEL_TEXT 128

struct told {
	struct str at[TOLD_MAX];
	size_t count;
};

static bool
has(const struct told *told, struct str name)
{
	for (size_t i = 0; i < told->count; i++)
		if (str_eq(told->at[i], name))
			return true;
	return false;
}

/* `told`: NULL when nobody was asked. */
static void
put_row(struct ctl_call *c, const struct account *a, struct str name,
    bool known, const struct told *told)
{
	struct str there = modelrule_upstream(a->rec.models, name);
	const struct price_table *prices = c->daemon->prices;
	bool priced =
	    prices && (price_find(prices, there) || price_find(prices, name));

	json_open(&c->out, '{');
	json_say(&c->out, "model", name);
	json_say(&c->out, "there", there);
	json_say_bool(&c->out, "served", account_has_model(a, name));
	if (!plan_allows(a->provider, a->rec.plan, there))
		json_say(&c->out, "not_of", a->rec.plan);
	json_say_bool(&c->out, "known", known);
	if (told)
		json_say_bool(&c->out, "told", has(told, there));
	json_say_bool(&c->out, "priced", priced);
	json_close(&c->out, '}');
}

/* Is it one of the names, or what one of them stands for? */
static bool
is_listed(const struct account *a, const struct str *names, size_t count,
    struct str model)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(names[i], model) ||
		    str_eq(modelrule_upstream(a->rec.models, names[i]), model))
			return true;
	return false;
}

/* Known of the kind, and only the plan stands against it. */
static bool
is_withheld(const struct account *a, struct str model)
{
	const char *const *known = a->provider->models;

	for (; *known; known++)
		if (str_eq(str_of(*known), model))
			return !account_has_model(a, model) &&
			    modelrule_allows(a->rec.models, model);
	return false;
}

static void
put_withheld(struct ctl_call *c, const struct account *a,
    const struct told *told)
{
	const char *const *known = a->provider->models;

	for (; *known; known++)
		if (is_withheld(a, str_of(*known)))
			put_row(c, a, str_of(*known), true, told);
}

static void
answer(struct ctl_call *c, const struct account *a, const struct told *told)
{
	struct str names[MODELS_MAX];
	size_t count = models_of(a, names);

	json_open(&c->out, '[');
	for (size_t i = 0; i < count; i++)
		put_row(c, a, names[i], true, told);
	put_withheld(c, a, told);
	for (size_t i = 0; told && i < told->count; i++)
		if (!is_listed(a, names, count, told->at[i]) &&
		    !is_withheld(a, told->at[i]))
			put_row(c, a, told->at[i], false, told);
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

/* --- asking the provider -------------------------------------------------------- */

static void
take_names(const struct model_list *list, const struct json *root,
    struct told *out)
{
	const struct json *m = json_first(json_at(root, list->in));

	for (; m && out->count < TOLD_MAX; m = json_next(m)) {
		struct str name = STR("");

		if (!list->name)
			name = json_key(m);
		else if (json_as_str(json_at(m, list->name), &name))
			continue;
		if (list->start && str_starts(name, str_of(list->start)))
			name = str_skip(name, strlen(list->start));
		if (name.len && name.len <= MODEL_TEXT && !has(out, name))
			out->at[out->count++] = name;
	}
}

static void
hear_list(struct ctl_call *c, struct account *a,
    const struct fetch_result *result)
{
	const struct model_list *list = a->provider->list;
	struct told told = { .count = 0 };
	struct json *root = NULL;

	if (result->status < 200 || result->status > 299) {
		ctl_refusef(c,
		    result->status == 429 || result->status >= 500 ? ERR_AGAIN
								   : ERR_VALUE,
		    "ask", "the provider does not tell its models (%u)",
		    result->status);
		return;
	}
	if (json_parse(result->body, ANSWER_MAX, &root, NULL) ||
	    !json_at(root, list->in)) {
		json_free(root);
		ctl_refusef(c, ERR_SYNTAX, "ask",
		    "the provider's answer is no list of models");
		return;
	}
	take_names(list, root, &told);
	answer(c, a, &told);
	json_free(root);
}

static enum err
ask_list(struct question *q, const struct account *a, struct why *out_why)
{
	struct probe p;
	enum err e = probe_list(&p, a, out_why);

	if (!e) {
		struct fetch_ask ask = { .method = a->provider->list->of_project
			    ? "POST"
			    : "GET",
			.url = buf_cstr(&p.url),
			.fields = p.fields,
			.body = buf_str(&p.body),
			.answer_max = ANSWER_MAX };

		question_fetch(q, a, &ask);
	}
	probe_fini(&p);
	return e;
}

void
ctl_account_models(struct ctl_call *c)
{
	struct str name = ctl_text(c, "name");
	struct account *a = pool_find(c->daemon->pool, name);

	if (!a)
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no account \"%.*s\"",
		    STR_ARG(str_first(name, 60)));
	else if (!ctl_flag(c, "ask"))
		answer(c, a, NULL);
	else if (!a->provider->list)
		ctl_refusef(c, ERR_UNSUPPORTED, "ask",
		    "accounts of the kind %s cannot be asked which models "
		    "they have",
		    a->provider->name);
	else
		question_begin(c, a, ask_list, hear_list);
}
