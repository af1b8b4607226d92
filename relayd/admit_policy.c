/* SPDX-License-Identifier: MIT */
/* admit_policy.c - steps of the way in that ask what the key is for, each
 * with words that say what it may do instead. */
#include "relayd/apikey.h"
#include "relayd/client.h"
#include "relayd/daemon.h"
#include "relayd/holder.h"
#include "relayd/models.h"
#include "relayd/policy.h"
#include "relayd/relay.h"

/* Of a list that is told to a client. */
#define TOLD_MAX 300

/* The policy of its key, where it has one that is about such requests: a key's
 * holder may ask about the key from anywhere. */
static const struct policy *
policy_of(const struct relay *r)
{
	return r->key && !holder_serves(r->op) ? r->key->policy : NULL;
}

/* --- the head -------------------------------------------------------------- */

static enum fault
check_from(struct relay *r, const struct policy *p)
{
	char text[ADDR_TEXT];

	if (policy_allows_from(p, &r->from))
		return FAULT_NONE;
	addr_text(&r->from, text);
	relay_fault(r, FAULT_POLICY,
	    "this API key may not be used from %s; it may from: %.*s", text,
	    STR_ARG(str_first(r->key->rec.from, TOLD_MAX)));
	return FAULT_POLICY;
}

/* At the root all lists of models are the same path. */
static enum fault
check_platform(struct relay *r, const struct policy *p)
{
	bool lists = r->op == OP_LIST_MODELS || r->op == OP_SHOW_MODEL;
	enum platform platform = platform_of(r->routed.kind,
	    lists ? models_dialect(r->dialect, r->c->head) : r->dialect);

	if (policy_allows_platform(p, platform))
		return FAULT_NONE;
	relay_fault(r, FAULT_POLICY,
	    "this API key may not be used for %s; it may for: %.*s",
	    platform_name(platform),
	    STR_ARG(str_first(r->key->rec.platforms, TOLD_MAX)));
	return FAULT_POLICY;
}

static enum fault
check_client(struct relay *r, const struct policy *p)
{
	for (size_t i = 0; i < p->clients.n; i++)
		if (client_fits(r->d->clients, p->clients.at[i], r->c->head,
			buf_str(&r->path_text)))
			return FAULT_NONE;
	if (!p->clients.at)
		return FAULT_NONE;
	relay_fault(r, FAULT_POLICY,
	    "this API key may not be used with this client (%s) on this path; "
	    "it may with: %.*s",
	    r->client[0] ? r->client : "no User-Agent",
	    STR_ARG(str_first(r->key->rec.clients, TOLD_MAX)));
	return FAULT_POLICY;
}

enum fault
relay_policy_head(struct relay *r)
{
	const struct policy *p = policy_of(r);
	enum fault f;

	if (!p)
		return FAULT_NONE;
	f = check_from(r, p);
	if (!f)
		f = check_platform(r, p);
	return f ? f : check_client(r, p);
}

/* --- the model ------------------------------------------------------------- */

static void
say_models(struct relay *r, struct str model)
{
	const struct apikey_rec *k = &r->key->rec;
	struct str allow = str_first(k->models_allow, TOLD_MAX);
	struct str deny = str_first(k->models_deny, TOLD_MAX);
	struct str map = str_first(k->models_map, TOLD_MAX);

	relay_fault(r, FAULT_POLICY,
	    "this API key may not use the model %.*s; it may use: %.*s%s%.*s"
	    "%s%.*s",
	    STR_ARG(str_first(model, 100)),
	    STR_ARG(allow.len ? allow : STR("any")), map.len ? ", " : "",
	    STR_ARG(map), deny.len ? ", but not: " : "", STR_ARG(deny));
}

enum fault
relay_policy_model(struct relay *r)
{
	const struct policy *p = policy_of(r);
	struct str said =
	    r->op == OP_SHOW_MODEL ? r->routed.model : buf_str(&r->model);
	struct str name;

	/* Code Assist's own questions are of no model. */
	if (!p || r->op == OP_ASSIST)
		return FAULT_NONE;
	if (!policy_allows_model(p, said)) {
		say_models(r, said);
		return FAULT_POLICY;
	}
	if (r->op == OP_SHOW_MODEL)
		return FAULT_NONE;
	name = policy_model(p, said);
	if (str_eq(name, said))
		return FAULT_NONE;
	buf_must(&r->alias, said);
	buf_clear(&r->model);
	buf_must(&r->model, name);
	return FAULT_NONE;
}

struct str
relay_said_model(const struct relay *r)
{
	return buf_len(&r->alias) ? buf_str(&r->alias) : buf_str(&r->model);
}
