/* SPDX-License-Identifier: MIT */
/* models.c - lists of models in the shape that the asking client expects.
 *
 * An entry of the Anthropic and OpenAI lists has the fields of both, since
 * clients of either kind ask at the root (protocols/claude.md 3.7). */
#include "relayd/models.h"

#include "proto/json.h"

#include "relayd/binding.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/modelrule.h"
#include "relayd/policy.h"

/* Lists name a moment of creation that nobody knows. */
#define CREATED	     1735689600
#define CREATED_TEXT "2025-01-01T00:00:00Z"

enum shape {
	SHAPE_ANTHROPIC,
	SHAPE_OPENAI,
	SHAPE_CODEX,
	SHAPE_GEMINI
};

struct names {
	const struct policy *policy; /* NULL: all are shown */
	struct str at[MODELS_MAX];
	size_t count;
};

static enum shape
shape_of(const struct dialect *dialect, const struct http1_head *head)
{
	const struct header *agent = http1_find(head, STR("user-agent"));

	if (dialect == &dialect_gemini)
		return SHAPE_GEMINI;
	if (str_find(head->query, STR("client_version=")) >= 0)
		return SHAPE_CODEX;
	/* Google's clients of version v1 ask where OpenAI's do. */
	if (dialect == &dialect_openai_chat &&
	    http1_find(head, STR("x-goog-api-key")))
		return SHAPE_GEMINI;
	if (dialect == &dialect_anthropic ||
	    http1_find(head, STR("anthropic-version")) ||
	    (agent && str_starts(agent->value, STR("claude-"))))
		return SHAPE_ANTHROPIC;
	return SHAPE_OPENAI;
}

const struct dialect *
models_dialect(const struct dialect *dialect, const struct http1_head *head)
{
	switch (shape_of(dialect, head)) {
	case SHAPE_ANTHROPIC:
		return &dialect_anthropic;
	case SHAPE_GEMINI:
		return &dialect_gemini;
	case SHAPE_OPENAI:
	case SHAPE_CODEX:
		break;
	}
	return dialect;
}

static bool
speaks(const struct provider *p, enum shape shape)
{
	switch (shape) {
	case SHAPE_GEMINI:
		return p->serves(&dialect_gemini, OP_GENERATE);
	case SHAPE_ANTHROPIC:
		return p->serves(&dialect_anthropic, OP_GENERATE);
	case SHAPE_OPENAI:
	case SHAPE_CODEX:
		break;
	}
	return p->serves(&dialect_openai_chat, OP_GENERATE) ||
	    p->serves(&dialect_openai_responses, OP_GENERATE);
}

/* Would a request of this client, for a model of the list, go to it? */
static bool
fits(const struct account *a, const char *kind, const struct binding *binding,
    enum shape shape, const struct http1_head *head)
{
	unsigned tier;

	return !a->rec.held && !a->is_forbidden && !a->is_expired &&
	    binding_has(binding, a, &tier) &&
	    (!kind || !strcmp(a->provider->name, kind)) &&
	    speaks(a->provider, shape) && account_serves_client(a, head);
}

static void
add_name(struct names *n, struct str name)
{
	for (size_t i = 0; i < n->count; i++)
		if (str_eq(n->at[i], name))
			return;
	if (n->count < MODELS_MAX)
		n->at[n->count++] = name;
}

static void
add(struct names *n, const struct account *a, struct str name)
{
	if (account_has_model(a, name) &&
	    (!n->policy || policy_allows_model(n->policy, name)))
		add_name(n, name);
}

/* What a rule names: one model, or those known of the account's kind. */
static void
add_named(struct names *n, const struct account *a, struct str glob)
{
	const char *const *known = a->provider->models;

	if (str_chr(glob, '*') < 0 && str_chr(glob, '?') < 0) {
		add(n, a, glob);
		return;
	}
	for (; *known; known++)
		if (str_glob(str_of(*known), glob))
			add(n, a, str_of(*known));
}

static void
add_account(struct names *n, const struct account *a)
{
	struct str rest = a->rec.models;
	struct modelrule rule;
	bool only_not = true;

	while (modelrule_next(&rest, &rule)) {
		if (rule.type == MODELRULE_NOT)
			continue;
		only_not = false;
		add_named(n, a, rule.glob);
	}
	if (only_not)
		add_named(n, a, STR("*"));
}

/* What the key calls models that the account has; a glob is no name. */
static void
add_aliases(struct names *n, const struct account *a)
{
	const struct policy *p = n->policy;

	for (size_t i = 0; p && i < p->aliases.n; i++) {
		struct str alias = p->aliases.at[i];

		if (str_chr(alias, '*') < 0 && str_chr(alias, '?') < 0 &&
		    policy_allows_model(p, alias) &&
		    account_has_model(a, p->names.at[i]))
			add_name(n, alias);
	}
}

static void
collect(const struct pool *p, const char *kind, const struct binding *binding,
    enum shape shape, const struct http1_head *head, struct names *io)
{
	const struct account *a;

	TAILQ_FOREACH (a, &p->accounts, link) {
		if (!fits(a, kind, binding, shape, head))
			continue;
		add_account(io, a);
		add_aliases(io, a);
	}
}

size_t
models_of(const struct account *a, struct str out[MODELS_MAX])
{
	struct names n = { .count = 0 };

	add_account(&n, a);
	for (size_t i = 0; i < n.count; i++)
		out[i] = n.at[i];
	return n.count;
}

static void
put_model(struct json_out *j, enum shape shape, struct str name)
{
	json_open(j, '{');
	if (shape == SHAPE_GEMINI) {
		struct buf full;

		buf_init(&full, 1024);
		if (!buf_addf(&full, "models/%.*s",
			STR_ARG(str_first(name, 500))))
			json_say(j, "name", buf_str(&full));
		buf_fini(&full);
		json_say(j, "displayName", name);
		json_put_key(j, "supportedGenerationMethods");
		json_put_raw(j, STR("[\"generateContent\",\"countTokens\"]"));
	} else {
		json_say(j, "id", name);
		json_say(j, "type", STR("model"));
		json_say(j, "object", STR("model"));
		json_say(j, "display_name", name);
		json_say(j, "created_at", STR(CREATED_TEXT));
		json_say_i64(j, "created", CREATED);
		json_say(j, "owned_by", STR("relayd"));
	}
	json_close(j, '}');
}

void
models_list(const struct pool *p, const struct policy *policy,
    const struct binding *binding, const char *kind,
    const struct dialect *dialect, const struct http1_head *head,
    struct buf *out)
{
	struct names n = { .policy = policy, .count = 0 };
	enum shape shape = shape_of(dialect, head);
	struct json_out j;

	/* Codex wants a catalogue with much more in it; an empty one makes it
	 * use its own (protocols/clients.md 2). */
	if (shape == SHAPE_CODEX) {
		buf_must(out, STR("{\"models\":[]}"));
		return;
	}
	collect(p, kind, binding, shape, head, &n);
	json_begin(&j, out);
	json_open(&j, '{');
	if (shape != SHAPE_GEMINI)
		json_say(&j, "object", STR("list"));
	json_put_key(&j, shape == SHAPE_GEMINI ? "models" : "data");
	json_open(&j, '[');
	for (size_t i = 0; i < n.count; i++)
		put_model(&j, shape, n.at[i]);
	json_close(&j, ']');
	if (shape == SHAPE_ANTHROPIC) {
		json_say_bool(&j, "has_more", false);
		if (n.count) {
			json_say(&j, "first_id", n.at[0]);
			json_say(&j, "last_id", n.at[n.count - 1]);
		}
	}
	json_close(&j, '}');
	if (json_end(&j))
		buf_clear(out);
}

bool
models_show(const struct pool *p, const struct policy *policy,
    const struct binding *binding, const char *kind,
    const struct dialect *dialect, const struct http1_head *head,
    struct str model, struct buf *out)
{
	struct str name = policy ? policy_model(policy, model) : model;
	enum shape shape = shape_of(dialect, head);
	const struct account *a;
	bool found = false;
	struct json_out j;

	TAILQ_FOREACH (a, &p->accounts, link)
		found = found ||
		    (fits(a, kind, binding, shape, head) &&
			account_has_model(a, name));
	if (!found)
		return false;
	json_begin(&j, out);
	put_model(&j, shape, model);
	return json_end(&j) == OK;
}

void
health_write(const struct daemon *d, struct buf *out)
{
	int64_t up_s = (loop_ms(d->loop) - d->started_ms) / 1000;

	if (buf_addf(out,
		"{\"status\":\"%s\",\"service\":\"relayd\",\"uptime\":%lld}",
		d->draining ? "draining" : "healthy", (long long)up_s))
		buf_clear(out);
}
